#include "tests/unit/config_case.h"

#include "server/base/arena.h"
#include "server/base/sha256.h"

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
    assert_int_equal(c.bounds.body_bytes, 25000000);
    assert_string_equal(c.table_usage, "anthropic-proxy-usage");
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

/* An old switch that is off wins, from wherever: as it did when it was the setting. */
static void test_old_switches_become_values(void **state)
{
    static const struct {
        const char *name, *file, *limit, *window, *ttl; /* limit, window: of the environment */
        int64_t want;
        const char *want_ttl;
    } rows[] = {
        {"nothing", "", NULL, NULL, NULL, 100, "5m"},
        {"off", "RATE_LIMIT_ENABLED=off", NULL, NULL, NULL, 0, "5m"},
        {"off, and a figure beside it", "RATE_LIMIT_ENABLED=false\nRATE_LIMIT_REQUESTS=7", NULL,
         NULL, NULL, 0, "5m"},
        {"off, and a figure of a stronger place", "RATE_LIMIT_ENABLED=0", "9", NULL, NULL, 0, "5m"},
        {"off, but on in a stronger place", "RATE_LIMIT_ENABLED=0", "9", "yes", NULL, 9, "5m"},
        {"on", "RATE_LIMIT_ENABLED=true\nRATE_LIMIT_REQUESTS=7", NULL, NULL, NULL, 7, "5m"},
        {"no caching", "PROMPT_CACHING_ENABLED=False", NULL, NULL, "1h", 100, "off"},
        {"caching", "PROMPT_CACHING_ENABLED=True", NULL, NULL, "1h", 100, "1h"},
        {"no caching, by the new name", "DEFAULT_CACHE_TTL=OFF", NULL, NULL, NULL, 100, "off"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config c;
        write_file(rows[i].file);
        setenv("RATE_LIMIT_REQUESTS_PER_WINDOW", rows[i].limit ? rows[i].limit : "", 1);
        setenv("RATE_LIMIT_ENABLED", rows[i].window ? rows[i].window : "", 1);
        setenv("DEFAULT_CACHE_TTL", rows[i].ttl ? rows[i].ttl : "", 1);
        load(&c);
        if (c.rate_limit_requests != rows[i].want ||
            strcmp(c.default_cache_ttl, rows[i].want_ttl) != 0) {
            fail_msg("row \"%s\": %lld %s", rows[i].name, (long long)c.rate_limit_requests,
                     c.default_cache_ttl);
        }
        config_free(&c);
    }
    unsetenv("RATE_LIMIT_ENABLED");
}

static void test_old_switch_with_nonsense_is_refused(void **state)
{
    struct config c;
    struct err err = {0};
    (void)state;
    write_file("RATE_LIMIT_ENABLED=perhaps");
    assert_int_equal(config_load(&c, file_path, NULL, 0, &err), STATUS_INVALID);
    assert_true(text_starts(text_from(err.text), STR("RATE_LIMIT_ENABLED: 'perhaps' is neither")));
}

static void test_tables_are_named_by_prefix_or_each_by_itself(void **state)
{
    const struct config_override line = {"DYNAMODB_USAGE_TABLE", "mine"};
    struct config c;
    struct err err = {0};
    (void)state;
    write_file("DYNAMODB_TABLE_PREFIX=team-7\nDYNAMODB_API_KEYS_TABLE=ApiKeys-1X2Y\n"
               "DYNAMODB_USAGE_TABLE=other\nBETA_HEADERS_ALLOW=a, b");
    assert_int_equal(config_load(&c, file_path, &line, 1, &err), STATUS_OK);
    assert_string_equal(c.table_api_keys, "ApiKeys-1X2Y");
    assert_string_equal(c.table_usage, "mine");
    assert_string_equal(c.table_usage_stats, "team-7-usage-stats");
    assert_string_equal(c.table_model_mapping, "team-7-model-mapping");
    assert_string_equal(c.table_model_pricing, "team-7-model-pricing");
    assert_string_equal(c.table_beta_headers, "team-7-beta-headers");
    assert_string_equal(c.beta_allow, "a, b");
    char *text = printed(&c, CONFIG_PRINT_TEXT); /* old names are shown where they are given */
    assert_true(has(text, "\nDYNAMODB_USAGE_TABLE "));
    assert_false(has(text, "\nDYNAMODB_USAGE_STATS_TABLE "));
    free(text);
    config_free(&c);
}

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
        CLEAN(test_forget_keys_wipes_the_texts_and_keeps_the_digests),
        CLEAN(test_load_again_takes_the_files_new_values),
        CLEAN(test_old_switches_become_values),
        CLEAN(test_old_switch_with_nonsense_is_refused),
        CLEAN(test_tables_are_named_by_prefix_or_each_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
