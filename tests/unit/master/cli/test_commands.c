#include "master/cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <cmocka.h>

#include "server/json/json.h"
#include "tests/unit/cli_case.h"

static void test_version_is_one_line(void **state)
{
    (void)state;
    assert_int_equal(cli_run(commands_version, ""), 0);
    struct utsname machine;
    uname(&machine);
    assert_string_equal(cli_out, strcmp(machine.machine, "aarch64") == 0
                                     ? "llm-api-converter " VERSION " linux/arm64\n"
                                     : "llm-api-converter " VERSION " linux/amd64\n");
    assert_int_equal(cli_run(commands_version, "extra"), 2);
}

static int print_safe(int argc, char **argv)
{
    (void)argc;
    for (size_t width = 0; width < 6; width += 5) {
        commands_print_safe(text_from(argv[0]), width);
        putchar('|');
    }
    return 0;
}

static void test_print_safe_shows_nothing_that_steers_a_terminal(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"ab", "ab|ab    |"},
        {"abcdefg", "abcdefg|abcdefg |"},
        {"n\xc3\xa4m\xc3\xa9", "n\xc3\xa4m\xc3\xa9|n\xc3\xa4m\xc3\xa9  |"},
        {"a\x1b[2J\x7f", "a?[2J?|a?[2J? |"},
        {"x\xe2\x80\xaey\xc2\x9b", "x?y?|x?y?  |"},
        {"\xff\xc3", "?"
                     "?|?"
                     "?    |"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cli_run(print_safe, rows[i][0]);
        assert_string_equal(cli_out, rows[i][1]);
    }
}

static void test_check_config_text_masks_secrets(void **state)
{
    (void)state;
    setenv("MASTER_API_KEY", "correct-horse-battery", 1);
    setenv("PORT", "8123", 1);
    assert_int_equal(cli_run(commands_check_config, ""), 0);
    assert_non_null(strstr(cli_out, "8123"));
    assert_non_null(strstr(cli_out, "MASTER_API_KEY"));
    assert_null(strstr(cli_out, "correct-horse"));
    assert_null(strstr(cli_err, "correct-horse"));
}

static void test_check_config_json_reads_back(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(cli_run(commands_check_config, "--output json"), 0);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    assert_non_null(doc);
    json_free(doc);
}

static void test_check_config_wrong_value_exits_2_with_one_line(void **state)
{
    (void)state;
    setenv("PORT", "80x", 1);
    assert_int_equal(cli_run(commands_check_config, ""), 2);
    assert_int_equal(cli_lines(cli_err), 1);
    assert_non_null(strstr(cli_err, "PORT"));
    assert_string_equal(cli_out, "");
}

static void test_check_config_aws_answers_by_exit_code(void **state)
{
    (void)state;
    unsetenv("AWS_BEARER_TOKEN_BEDROCK");
    assert_int_equal(cli_run(commands_check_config, "--aws"), 1);
    setenv("AWS_BEARER_TOKEN_BEDROCK", "abc", 1);
    assert_int_equal(cli_run(commands_check_config, "--aws"), 0);
    unsetenv("AWS_BEARER_TOKEN_BEDROCK");
}

static void test_help_names_the_command(void **state)
{
    (void)state;
    assert_int_equal(cli_run(commands_check_config, "-h"), 0);
    assert_non_null(strstr(cli_out, "usage: llm-api-converter check-config"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_version_is_one_line),
        CLI_CASE(test_print_safe_shows_nothing_that_steers_a_terminal),
        CLI_CASE(test_check_config_text_masks_secrets),
        CLI_CASE(test_check_config_json_reads_back),
        CLI_CASE(test_check_config_wrong_value_exits_2_with_one_line),
        CLI_CASE(test_check_config_aws_answers_by_exit_code),
        CLI_CASE(test_help_names_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
