/* What is said of the settings in force. */
#include "tests/unit/config_case.h"

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
        {"short scrape token", "METRICS_TOKEN=scrape", "METRICS_TOKEN has fewer than 16"},
        {"anybody may scrape", "METRICS_TOKEN=off", ""},
        {"one key for both",
         "MASTER_API_KEY=correct-horse-battery\nMETRICS_TOKEN=correct-horse-battery",
         "METRICS_TOKEN is the master key"},
        {"open on loopback", "REQUIRE_API_KEY=false\nHOST=127.0.0.1", ""},
        {"open on loopback, IPv6", "REQUIRE_API_KEY=false\nHOST=::1", ""},
        {"open on loopback, by name", "REQUIRE_API_KEY=false\nHOST=localhost", ""},
        {"open by default", "REQUIRE_API_KEY=false", "REQUIRE_API_KEY is false and HOST"},
        {"open", "REQUIRE_API_KEY=false\nHOST=10.0.0.7", "REQUIRE_API_KEY is false and HOST"},
        {"two stores", "STORAGE_BACKEND=dynamodb\nDATABASE_URL=sqlite://x.db",
         "DATABASE_URL is not"},
        {"one store", "STORAGE_BACKEND=auto\nDATABASE_URL=sqlite://x.db", ""},
        {"no limit", "RATE_LIMIT_REQUESTS_PER_WINDOW=0", "RATE_LIMIT_REQUESTS_PER_WINDOW is 0"},
        {"no limit on loopback", "RATE_LIMIT_REQUESTS_PER_WINDOW=0\nHOST=127.0.0.1", ""},
        {"clear upstream", "BEDROCK_ENDPOINT_URL=http://m", "BEDROCK_ENDPOINT_URL is http"},
        {"clear upstream on loopback", "BEDROCK_ENDPOINT_URL=http://127.0.0.1:1", ""},
        {"tls upstream", "BEDROCK_ENDPOINT_URL=https://m", ""},
        {"an old switch", "RATE_LIMIT_ENABLED=false\nHOST=127.0.0.1",
         "RATE_LIMIT_ENABLED is read on; its new name is RATE_LIMIT_REQUESTS_PER_WINDOW=0"},
        {"an old switch that is on", "RATE_LIMIT_ENABLED=true\nPROMPT_CACHING_ENABLED=1", ""},
        {"an old list", "BETA_HEADERS_ALLOW=x",
         "BETA_HEADERS_ALLOW is read on; its new name is BETA_HEADER_MAPPING"},
        {"a table of another name", "DYNAMODB_USAGE_TABLE=physical-7", ""},
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

static void test_fixed_names_what_only_a_restart_changes(void **state)
{
    static const struct {
        const char *before, *after, *names;
    } rows[] = {
        {"", "", ""},
        {"PORT=1", "PORT=1\nWORKERS=7", ""},
        {"PORT=1", "PORT=2", "PORT"},
        {"", "HOST=h\nSTATE_DIR=x\nMAX_KEYS=64\nUSAGE_JOURNAL=memory\nREQUIRE_API_KEY=false",
         "HOST, STATE_DIR, MAX_KEYS, USAGE_JOURNAL"},
        {"CORE_DUMPS=true", "LOG_LEVEL=debug", "LOG_LEVEL, CORE_DUMPS"},
        {"LOG_LEVEL=Info", "", ""}, /* the default, otherwise written */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config old, fresh;
        char names[256], small[8];
        write_file(rows[i].before);
        load(&old);
        write_file(rows[i].after);
        load(&fresh);
        config_fixed(&old, &fresh, names, sizeof(names));
        assert_string_equal(names, rows[i].names);
        config_fixed(&old, &fresh, small, sizeof(small));
        assert_true(strncmp(small, names, strlen(small)) == 0);
        config_free(&old);
        config_free(&fresh);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(test_print_secrets_never_shown),
        CLEAN(test_print_value_and_source),
        CLEAN(test_warnings_rows),
        CLEAN(test_fixed_names_what_only_a_restart_changes),
        CLEAN(test_warnings_static_keys_in_ecs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
