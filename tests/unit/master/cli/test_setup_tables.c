#include "master/cli/setup_tables.h"

#include "server/json/json.h"
#include "tests/unit/dynamo_stage.h"

#include "tests/unit/cli_case.h"

static int set_up(void **state)
{
    int failed = stage_up(state) + cli_set_up(state);
    unsetenv("AWS_SECRET_ACCESS_KEY");
    return failed;
}

static int tear_down(void **state)
{
    return stage_down(state) + cli_tear_down(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const char *flags)
{
    char line[200];
    snprintf(line, sizeof line, "--endpoint-url %s -r eu-west-1 %s", stage_url, flags);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    return cli_run(setup_tables_run, line);
}

static void reply_active(const char *hash, const char *range, const char *index)
{
    char body[600], more[100] = "";
    if (range[0]) {
        snprintf(more, sizeof more, ",{\"AttributeName\":\"%s\",\"KeyType\":\"RANGE\"}", range);
    }
    snprintf(body, sizeof body,
             "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"%s\","
             "\"KeyType\":\"HASH\"}%s],\"GlobalSecondaryIndexes\":[{\"KeySchema\":[{"
             "\"AttributeName\":\"%s\",\"KeyType\":\"HASH\"}]}]}}",
             hash, more, index);
    stage_reply(NULL, body); /* described twice: there, and active */
    stage_reply(NULL, body);
}

static void reply_all(void)
{
    reply_active("api_key", "", "user_id");
    reply_active("api_key", "timestamp", "request_id");
    stage_reply(NULL, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\"}}");
    reply_active("api_key", "", "");
    reply_active("anthropic_model_id", "", "");
    reply_active("model_id", "", "provider");
    reply_active("header_name", "", "");
}

static void test_sqlite_file_is_made(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* a second time changes nothing */
        assert_int_equal(cli_run(setup_tables_run, "--prefix some -r us-east-1"), 0);
        assert_non_null(strstr(cli_out, "Key store ready (sqlite"));
        assert_non_null(strstr(cli_err, "do not apply to the sqlite key store"));
        assert_int_equal(access("keys.db", F_OK), 0);
    }
    assert_int_equal(cli_run(setup_tables_run, "--output json"), 0);
    assert_string_equal(cli_out, "[]\n");
}

static void test_dynamo_lines_name_each_table(void **state)
{
    (void)state;
    reply_all();
    assert_int_equal(run(""), 0);
    assert_int_equal(cli_lines(cli_out), 7);
    assert_non_null(strstr(cli_out, "region eu-west-1\nanthropic-proxy-api-keys: exists\n"));
    assert_non_null(strstr(cli_out, "anthropic-proxy-beta-headers: exists\n"));
}

static void test_dynamo_prefix_names_tables_and_settings(void **state)
{
    (void)state;
    reply_all();
    assert_int_equal(run("--prefix mine"), 0);
    assert_non_null(strstr(stage_body(0), "{\"TableName\":\"mine-api-keys\"}"));
    assert_non_null(strstr(cli_out, "export DYNAMODB_TABLE_PREFIX=\"mine\"\n"));
}

static void test_dynamo_table_names_by_setting(void **state)
{
    (void)state;
    reply_all();
    setenv("DYNAMODB_API_KEYS_TABLE", "physical-name-1", 1);
    assert_int_equal(run(""), 0);
    unsetenv("DYNAMODB_API_KEYS_TABLE");
    assert_non_null(strstr(stage_body(0), "{\"TableName\":\"physical-name-1\"}"));
}

static void test_dynamo_failure_exits_1_and_goes_on(void **state)
{
    (void)state;
    struct err err;
    stage_reply("400 E", "{\"__type\":\"AccessDeniedException\"}");
    reply_active("api_key", "timestamp", "request_id");
    stage_reply(NULL, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\"}}");
    reply_active("api_key", "", "");
    reply_active("anthropic_model_id", "", "");
    reply_active("model_id", "", "provider");
    reply_active("header_name", "", "");
    assert_int_equal(run("--output json"), 1);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    const struct cJSON *first = json_child(doc);
    assert_true(text_eq(json_get_text(first, "result"), STR("failed")));
    assert_true(text_eq(json_get_text(first, "note"),
                        STR("DynamoDB DescribeTable: AccessDeniedException")));
    assert_true(text_eq(json_get_text(json_next(first), "result"), STR("exists")));
    json_free(doc);
}

static void test_usage_errors_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"--nonsense", "extra", "--output xml",
                                        "--prefix=", "--endpoint-url ftp://x"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (cli_run(setup_tables_run, lines[i]) != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("%s: %s", lines[i], cli_err);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sqlite_file_is_made),
        CASE(test_dynamo_lines_name_each_table),
        CASE(test_dynamo_prefix_names_tables_and_settings),
        CASE(test_dynamo_table_names_by_setting),
        CASE(test_dynamo_failure_exits_1_and_goes_on),
        CASE(test_usage_errors_exit_2_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
