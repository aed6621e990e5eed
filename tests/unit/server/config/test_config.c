#include "server/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/sha256.h"

static const struct {
    const char *name, *alias, *dflt, *doc;
    bool secret;
} settings[] = {
#define ROW_TEXT(field, name, alias, dflt, secret, doc)    {name, alias, dflt, doc, secret},
#define ROW_URL(field, name, alias, dflt, doc)             {name, alias, dflt, doc, false},
#define ROW_CHOICE(field, name, alias, dflt, choices, doc) {name, alias, dflt, doc, false},
#define ROW_BOOL(field, name, alias, dflt, doc)            {name, alias, #dflt, doc, false},
#define ROW_INT(field, name, alias, dflt, min, max, doc)   {name, alias, #dflt, doc, false},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

static char file_path[] = "/tmp/test_config_XXXXXX";

/* Each test begins without any setting in the environment, with an empty file. */
static int begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        unsetenv(settings[i].name);
        if (settings[i].alias[0]) {
            unsetenv(settings[i].alias);
        }
    }
    unsetenv("AWS_ACCESS_KEY_ID");
    memcpy(strrchr(file_path, '_'), "_XXXXXX", 7);
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(file_path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void load(struct config *c)
{
    struct err err = {0};
    if (config_load(c, file_path, NULL, 0, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
}

static void test_load_nothing_set_gives_defaults(void **state)
{
    (void)state;
    struct config c;
    load(&c);
    assert_string_equal(c.host, "0.0.0.0");
    assert_int_equal(c.port, 8000);
    assert_true(c.require_api_key);
    assert_false(c.core_dumps);
    assert_string_equal(c.log_level, "info");
    assert_string_equal(c.master_api_key, "");
    assert_string_equal(c.bedrock_endpoint_url, "");
    assert_int_equal(c.max_body_bytes, 25000000);
    config_free(&c);
    assert_null(c.private);
}

static void test_load_environment_sets_every_kind(void **state)
{
    (void)state;
    setenv("HOST", " ::1 \n", 1);
    setenv("PORT", "65535", 1);
    setenv("REQUIRE_API_KEY", "oFF", 1);
    setenv("LOG_LEVEL", "WARNING", 1);
    setenv("BEDROCK_ENDPOINT_URL", "http://127.0.0.1:9000/x//", 1);
    setenv("API_PREFIX", "  ", 1);
    struct config c;
    load(&c);
    assert_string_equal(c.host, "::1");
    assert_int_equal(c.port, 65535);
    assert_false(c.require_api_key);
    assert_string_equal(c.log_level, "warning");
    assert_string_equal(c.bedrock_endpoint_url, "http://127.0.0.1:9000/x");
    assert_string_equal(c.api_prefix, "/v1"); /* blank is unset */
    config_free(&c);
}

static void test_load_bool_words(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool value;
    } rows[] = {{"true", true},   {"1", true},  {"yes", true}, {"on", true},   {"True", true},
                {"false", false}, {"0", false}, {"no", false}, {"off", false}, {"FALSE", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c;
        setenv("CORE_DUMPS", rows[i].word, 1);
        setenv("REQUIRE_API_KEY", rows[i].word, 1);
        load(&c);
        if (c.core_dumps != rows[i].value || c.require_api_key != rows[i].value) {
            fail_msg("row \"%s\"", rows[i].word);
        }
        config_free(&c);
    }
}

static void test_load_strongest_place_wins(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *alias, *main, *line;
        int64_t expected;
    } rows[] = {
        {"default", "", "", "", "", 60},
        {"file alias", "RATE_LIMIT_WINDOW=1", "", "", "", 1},
        {"file main over file alias", "RATE_LIMIT_WINDOW_SECONDS=2\nRATE_LIMIT_WINDOW=1", "", "",
         "", 2},
        {"file main over alias, other order", "RATE_LIMIT_WINDOW=1\nRATE_LIMIT_WINDOW_SECONDS=2",
         "", "", "", 2},
        {"last line of a file", "RATE_LIMIT_WINDOW=1\nRATE_LIMIT_WINDOW=9", "", "", "", 9},
        {"environment alias over file main", "RATE_LIMIT_WINDOW_SECONDS=2", "3", "", "", 3},
        {"environment main over alias", "", "3", "4", "", 4},
        {"command line over all", "RATE_LIMIT_WINDOW_SECONDS=2", "3", "4", "5", 5},
        {"blank hides nothing", "RATE_LIMIT_WINDOW_SECONDS=2", "", " ", "", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config_override line = {"RATE_LIMIT_WINDOW_SECONDS", rows[i].line};
        struct config c;
        struct err err = {0};
        write_file(rows[i].file);
        setenv("RATE_LIMIT_WINDOW", rows[i].alias, 1);
        setenv("RATE_LIMIT_WINDOW_SECONDS", rows[i].main, 1);
        assert_int_equal(config_load(&c, file_path, &line, 1, &err), STATUS_OK);
        if (c.rate_limit_window != rows[i].expected) {
            fail_msg("row \"%s\": %lld", rows[i].name, (long long)c.rate_limit_window);
        }
        config_free(&c);
    }
}

static void test_load_illegal_value_named_with_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *text;
    } rows[] = {
        {"PORT", "abc", "PORT: 'abc' is not a number (1 to 65535)"},
        {"PORT", "0", "PORT: '0' is out of range (1 to 65535)"},
        {"PORT", "65536", "PORT: '65536' is out of range (1 to 65535)"},
        {"PORT", "-1", "PORT: '-1' is out of range (1 to 65535)"},
        {"PORT", "80 80", "PORT: '80 80' is not a number (1 to 65535)"},
        {"PORT", "99999999999999999999",
         "PORT: '99999999999999999999' is not a number (1 to 65535)"},
        {"RATE_LIMIT_WINDOW", "x", "RATE_LIMIT_WINDOW: 'x' is not a number (1 to 86400)"},
        {"REQUIRE_API_KEY", "maybe",
         "REQUIRE_API_KEY: 'maybe' is neither true nor false (true, false, 1, 0, yes, no, on, "
         "off)"},
        {"LOG_FORMAT", "xml", "LOG_FORMAT: 'xml' is none of auto, text, json"},
        {"LOG_FORMAT", "text|json", "LOG_FORMAT: 'text|json' is none of auto, text, json"},
        {"HOST", "a\nb", "HOST: 'a?b' has a control character"},
        {"HOST", "a\xff", "HOST: 'a?' is not UTF-8"},
        {"MASTER_API_KEY", "sk-\x01", "MASTER_API_KEY: the value has a control character"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c;
        struct err err = {0};
        setenv(rows[i].name, rows[i].value, 1);
        assert_int_equal(config_load(&c, file_path, NULL, 0, &err), STATUS_INVALID);
        assert_string_equal(err.text, rows[i].text);
        assert_null(c.private);
        unsetenv(rows[i].name);
    }
}

static void test_load_url_forms(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {"https://a.b", "https://a.b"},
        {"HTTP://a:1/", "HTTP://a:1"},
        {"http://[::1]:8000/p/", "http://[::1]:8000/p"},
        {"http://[::1]", "http://[::1]"},
        {"ftp://a", NULL},
        {"a.b", NULL},
        {"http://", NULL},
        {"http:///x", NULL},
        {"http://:80", NULL},
        {"http://a:", NULL},
        {"http://a:0", NULL},
        {"http://a:65536", NULL},
        {"http://a:b", NULL},
        {"http://[::1", NULL},
        {"http://[]", NULL},
        {"http://[::1]x", NULL},
        {"http://u:p@a", NULL},
        {"http://a?x", NULL},
        {"http://a#x", NULL},
        {"http://a b", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c;
        struct err err = {0};
        setenv("DYNAMODB_ENDPOINT_URL", rows[i].in, 1);
        enum status status = config_load(&c, file_path, NULL, 0, &err);
        if ((status == STATUS_OK) != (rows[i].out != NULL)) {
            fail_msg("row \"%s\": status %d", rows[i].in, status);
        }
        if (rows[i].out) {
            assert_string_equal(c.dynamodb_endpoint_url, rows[i].out);
            config_free(&c);
        }
    }
}

static void test_load_unknown_override_refused(void **state)
{
    (void)state;
    const struct config_override line = {"PROT", "80"};
    struct config c;
    struct err err = {0};
    assert_int_equal(config_load(&c, file_path, &line, 1, &err), STATUS_INVALID);
    assert_string_equal(err.text, "PROT is not the name of a setting");
}

static void test_load_file_missing_or_broken_refused(void **state)
{
    (void)state;
    struct config c;
    struct err err = {0};
    assert_int_equal(config_load(&c, "/nonexistent/.env", NULL, 0, &err), STATUS_INVALID);
    write_file("PORT=1\nnonsense\n");
    assert_int_equal(config_load(&c, file_path, NULL, 0, &err), STATUS_INVALID);
    assert_true(text_find(text_from(err.text), STR("line 2"), &(size_t){0}));
}

static void test_load_other_names_of_file_reach_environment(void **state)
{
    (void)state;
    write_file("KIT_TEST_NEW=a\nKIT_TEST_HELD=b\nKIT_TEST_BLANK=c\nPORT=81\n");
    unsetenv("KIT_TEST_NEW");
    setenv("KIT_TEST_HELD", "mine", 1);
    setenv("KIT_TEST_BLANK", "", 1);
    struct config c;
    load(&c);
    assert_string_equal(getenv("KIT_TEST_NEW"), "a");
    assert_string_equal(getenv("KIT_TEST_HELD"), "mine");
    assert_string_equal(getenv("KIT_TEST_BLANK"), "c");
    assert_null(getenv("PORT"));
    assert_int_equal(c.port, 81);
    config_free(&c);
}

static void test_load_out_of_memory_at_each_allocation(void **state)
{
    (void)state;
    write_file("PORT=81\nKIT_TEST_OTHER=x\n");
    setenv("HOST", "h", 1);
    enum status status = STATUS_INTERNAL;
    unsigned long failures = 0;
    while (status != STATUS_OK) {
        struct config c;
        struct err err = {0};
        heap_fail_after(++failures);
        status = config_load(&c, file_path, NULL, 0, &err);
        heap_fail_after(0);
        if (status == STATUS_OK) {
            config_free(&c);
        } else {
            assert_null(c.private);
            assert_true(err.text[0] != '\0');
        }
    }
    assert_true(failures > 5);
}

/* What config_print writes, NUL-terminated; the caller frees. */
static char *printed(const struct config *c, enum config_print form)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    config_print(c, form, out);
    fclose(out);
    return text;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void test_print_secrets_never_shown(void **state)
{
    (void)state;
    struct config c;
    size_t secrets = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        secrets += settings[i].secret;
        if (settings[i].secret) {
            setenv(settings[i].name, "hunter2hunter2", 1);
        }
    }
    assert_int_equal(secrets, 3);
    load(&c);
    for (int form = CONFIG_PRINT_TEXT; form <= CONFIG_PRINT_JSON; form++) {
        char *text = printed(&c, (enum config_print)form);
        assert_false(has(text, "hunter2"));
        assert_true(has(text, "(set)"));
        free(text);
    }
    config_free(&c);
}

static void test_print_value_and_source(void **state)
{
    (void)state;
    const struct config_override line = {"WORKERS", "3"};
    struct config c;
    struct err err = {0};
    write_file("DEFAULT_MODEL_MAPPING='{\"a\":\"b\\\\\"}'\n");
    setenv("REQUIRE_API_KEY", "0", 1);
    assert_int_equal(config_load(&c, file_path, &line, 1, &err), STATUS_OK);
    char *json = printed(&c, CONFIG_PRINT_JSON);
    assert_true(has(json, "[{\"name\":\"HOST\",\"value\":\"0.0.0.0\",\"source\":\"default\"},\n"));
    assert_true(has(json, "{\"name\":\"WORKERS\",\"value\":\"3\",\"source\":\"command line\"}"));
    assert_true(
        has(json, "{\"name\":\"REQUIRE_API_KEY\",\"value\":\"false\",\"source\":\"environment\"}"));
    assert_true(has(json, "\"value\":\"{\\\"a\\\":\\\"b\\\\\\\\\\\"}\",\"source\":\".env\"}"));
    assert_true(has(json, "{\"name\":\"MASTER_API_KEY\",\"value\":\"(unset)\""));
    free(json);
    char *text = printed(&c, CONFIG_PRINT_TEXT);
    assert_true(has(text, "\nWORKERS                          3                 "));
    assert_true(has(text, " command line\n"));
    free(text);
    config_free(&c);
}

static void test_forget_keys_wipes_the_texts_and_keeps_the_digests(void **state)
{
    (void)state;
    struct config c;
    struct err err;
    uint8_t master[32], token[32];
    assert_int_equal(config_load(&c, NULL, NULL, 0, &err), STATUS_OK);
    assert_false(c.has_master || c.has_metrics_token);
    assert_memory_equal(c.master_digest, ((uint8_t[32]){0}), 32);
    config_free(&c);
    setenv("MASTER_API_KEY", "correct-horse-battery", 1);
    setenv("METRICS_TOKEN", "scrape-me-0123456789.", 1);
    assert_int_equal(config_load(&c, NULL, NULL, 0, &err), STATUS_OK);
    const char *texts[] = {c.master_api_key, c.metrics_token};
    assert_string_equal(texts[0], "correct-horse-battery");
    config_forget_keys(&c);
    for (size_t i = 0; i < 2 * 22; i++) {
        assert_int_equal(texts[i % 2][i / 2], 0);
    }
    sha256("correct-horse-battery", 21, master);
    sha256("scrape-me-0123456789.", 21, token);
    assert_true(c.has_master && c.has_metrics_token);
    assert_memory_equal(c.master_digest, master, 32);
    assert_memory_equal(c.metrics_digest, token, 32);
    config_free(&c);
}

/* The file is read anew at a reload: what it says of other names must not stay from before. */
static void test_load_again_takes_the_files_new_values(void **state)
{
    (void)state;
    struct config c;
    struct err err;
    setenv("AWS_PROFILE", "outside", 1);
    write_file("AWS_PROFILE=x\nAWS_SESSION_TOKEN=one\nAWS_ROLE_ARN=old\n");
    assert_int_equal(config_load(&c, file_path, NULL, 0, &err), STATUS_OK);
    config_free(&c);
    assert_string_equal(getenv("AWS_SESSION_TOKEN"), "one");
    write_file("AWS_PROFILE=y\nAWS_SESSION_TOKEN=two\n");
    assert_int_equal(config_load(&c, file_path, NULL, 0, &err), STATUS_OK);
    config_free(&c);
    assert_string_equal(getenv("AWS_SESSION_TOKEN"), "two");
    assert_null(getenv("AWS_ROLE_ARN"));
    assert_string_equal(getenv("AWS_PROFILE"), "outside");
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_SESSION_TOKEN");
}

static char warned[1024];

static void note_warning(void *ctx, const char *text)
{
    (void)ctx;
    size_t n = strlen(warned);
    snprintf(warned + n, sizeof(warned) - n, "%s\n", text);
}

static void test_warnings_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file, *expected; /* expected: first words, "" for no warning */
    } rows[] = {
        {"nothing", "", ""},
        {"good key", "MASTER_API_KEY=8Jf0a7sLk2Qz91XpYv3m", ""},
        {"short scrape token", "METRICS_TOKEN=scrape", "METRICS_TOKEN has fewer than 16"},
        {"one secret for both",
         "MASTER_API_KEY=correct-horse-battery\nMETRICS_TOKEN=correct-horse-battery",
         "METRICS_TOKEN is the master key"},
        {"known word", "MASTER_API_KEY=ChangeMe", "MASTER_API_KEY is a well-known word"},
        {"known long word", "MASTER_API_KEY=sk-master-key-change-this",
         "MASTER_API_KEY is a well-known word"},
        {"short", "MASTER_API_KEY=8Jf0a7s", "MASTER_API_KEY has fewer"},
        {"open on loopback", "REQUIRE_API_KEY=false\nHOST=127.0.0.1", ""},
        {"open on loopback, IPv6", "REQUIRE_API_KEY=false\nHOST=::1", ""},
        {"open on loopback, by name", "REQUIRE_API_KEY=false\nHOST=localhost", ""},
        {"open by default", "REQUIRE_API_KEY=false", "REQUIRE_API_KEY is false and HOST"},
        {"open", "REQUIRE_API_KEY=false\nHOST=10.0.0.7", "REQUIRE_API_KEY is false and HOST"},
        {"open in staging", "REQUIRE_API_KEY=false\nENVIRONMENT=stage", "REQUIRE_API_KEY is false"},
        {"two stores", "STORAGE_BACKEND=dynamodb\nDATABASE_URL=sqlite://x.db",
         "DATABASE_URL is not"},
        {"one store", "STORAGE_BACKEND=auto\nDATABASE_URL=sqlite://x.db", ""},
        {"no limit in production", "RATE_LIMIT_ENABLED=false\nENVIRONMENT=prod",
         "RATE_LIMIT_ENABLED is false"},
        {"no limit elsewhere", "RATE_LIMIT_ENABLED=false\nENVIRONMENT=staging", ""},
        {"clear upstream", "BEDROCK_ENDPOINT_URL=http://m\nENVIRONMENT=production",
         "BEDROCK_ENDPOINT_URL is http"},
        {"tls upstream", "BEDROCK_ENDPOINT_URL=https://m\nENVIRONMENT=production", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c;
        write_file(rows[i].file);
        load(&c);
        warned[0] = '\0';
        config_warnings(&c, note_warning, NULL);
        size_t lines = rows[i].expected[0] ? 1 : 0;
        const char *newline = strchr(warned, '\n');
        if (!text_starts(text_from(warned), text_from(rows[i].expected)) ||
            (lines ? !newline || newline[1] : warned[0])) {
            fail_msg("row \"%s\": %s", rows[i].name, warned);
        }
        config_free(&c);
    }
}

static void test_warnings_static_keys_in_ecs(void **state)
{
    (void)state;
    struct config c;
    setenv("AWS_ACCESS_KEY_ID", "AKIAX", 1);
    setenv("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4", 1);
    load(&c);
    warned[0] = '\0';
    config_warnings(&c, note_warning, NULL);
    unsetenv("ECS_CONTAINER_METADATA_URI_V4");
    assert_true(has(warned, "AWS_ACCESS_KEY_ID is set inside ECS"));
    config_free(&c);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(test_load_nothing_set_gives_defaults),
        CLEAN(test_load_environment_sets_every_kind),
        CLEAN(test_load_bool_words),
        CLEAN(test_load_strongest_place_wins),
        CLEAN(test_load_illegal_value_named_with_what_is_allowed),
        CLEAN(test_load_url_forms),
        CLEAN(test_load_unknown_override_refused),
        CLEAN(test_load_file_missing_or_broken_refused),
        CLEAN(test_load_other_names_of_file_reach_environment),
        CLEAN(test_load_out_of_memory_at_each_allocation),
        CLEAN(test_print_secrets_never_shown),
        CLEAN(test_print_value_and_source),
        CLEAN(test_forget_keys_wipes_the_texts_and_keeps_the_digests),
        CLEAN(test_load_again_takes_the_files_new_values),
        CLEAN(test_warnings_rows),
        CLEAN(test_warnings_static_keys_in_ecs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
