#include "master/cli/map_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/cli_case.h"

#define ARN "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

static void test_run_maps_changes_lists_and_removes(void **state)
{
    (void)state;
    assert_int_equal(cli_run(map_model_run, ""), 0);
    assert_non_null(strstr(cli_out, "no mappings"));
    assert_int_equal(cli_run(map_model_run, "--output json"), 0);
    assert_string_equal(cli_out, "[]\n");
    assert_int_equal(cli_run(map_model_run, "claude-x qwen.qwen3-32b-v1:0"), 0);
    assert_string_equal(cli_out, "Mapped: claude-x to qwen.qwen3-32b-v1:0\n");
    assert_int_equal(cli_run(map_model_run, "claude-x qwen.a,qwen.b,us.qwen.c[1m]," ARN), 0);
    assert_string_equal(cli_out, "Mapped: claude-x to qwen.a,qwen.b,us.qwen.c[1m]," ARN "\n");
    assert_int_equal(cli_run(map_model_run, "claude-x " ARN " --output json"), 0);
    assert_string_equal(cli_out,
                        "{\"anthropic_model_id\":\"claude-x\",\"bedrock_model_id\":\"" ARN "\"}\n");
    assert_int_equal(cli_run(map_model_run, ""), 0);
    assert_int_equal(cli_lines(cli_out), 2);
    assert_non_null(strstr(cli_out, "claude-x                                 " ARN "\n"));
    assert_int_equal(cli_run(map_model_run, "--output json"), 0);
    assert_string_equal(cli_out, "[{\"anthropic_model_id\":\"claude-x\",\"bedrock_model_id\":\"" ARN
                                 "\"}]\n");
    assert_int_equal(cli_run(map_model_run, "--remove claude-x"), 0);
    assert_string_equal(cli_out, "Removed: claude-x\n");
    assert_int_equal(cli_run(map_model_run, "claude-x --remove"), 1);
    assert_string_equal(cli_err, "llm-api-converter map-model: there is no such mapping\n");
}

static void test_run_wrong_arguments_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "claude-x",
        "claude-x gpt-4.1",
        "claude-x claude-sonnet",
        "claude-x arn:aws:s3:::bucket/key",
        "claude-x qwen.x extra",
        "claude-x qwen.x,",
        "claude-x qwen.x,qwen.x",
        "claude-x qwen.x,claude-sonnet",
        "claude-x qwen.a,qwen.b,qwen.c,qwen.d,qwen.e",
        "claude-x " ARN ",qwen.x --as claude-opus-4-8",
        "--remove",
        "--remove a b",
        "a\tb qwen.x",
        "--bogus",
        "claude-x qwen.x --output yaml",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int code = cli_run(map_model_run, lines[i]);
        if (code != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("\"%s\": code %d, \"%s\"", lines[i], code, cli_err);
        }
    }
    assert_int_not_equal(access("keys.db", F_OK), 0);
}

static void test_run_too_long_for_the_servers_table_exits_2(void **state)
{
    (void)state;
    char line[800];
    snprintf(line, sizeof line, "%0200d qwen.x", 1);
    assert_int_equal(cli_run(map_model_run, line), 2);
    snprintf(line, sizeof line, "a qwen.%0688d", 1);
    assert_int_equal(cli_run(map_model_run, line), 2);
    snprintf(line, sizeof line, "%0199d qwen.x", 1);
    assert_int_equal(cli_run(map_model_run, line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_run_maps_changes_lists_and_removes),
        CLI_CASE(test_run_wrong_arguments_exit_2_with_one_line),
        CLI_CASE(test_run_too_long_for_the_servers_table_exits_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
