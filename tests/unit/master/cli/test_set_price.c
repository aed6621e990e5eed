#include "master/cli/set_price.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/json/json.h"
#include "tests/unit/cli_case.h"

#define NOVA "us.amazon.nova-pro-v1:0"

/* The first line of the list, which is the operator's: its columns, one blank apart. */
static const char *first_row(void)
{
    static char text[200];
    size_t n = 0;
    assert_int_equal(cli_run(set_price_run, ""), 0);
    const char *p = strchr(cli_out, '\n') + 1;
    for (; *p != '\n' && n + 1 < sizeof text; p++) {
        if (*p != ' ' || (n && text[n - 1] != ' ')) {
            text[n++] = *p;
        }
    }
    text[n] = '\0';
    return text;
}

static void test_run_sets_changes_disables_and_removes(void **state)
{
    (void)state;
    assert_int_equal(cli_run(set_price_run, NOVA " --input 0.8 --output 3.2 --cache-read 0.2"), 0);
    assert_string_equal(cli_out, "Price of " NOVA ": set\n");
    assert_string_equal(first_row(), NOVA " 0.80 3.20 0.20 0.80 operator");
    assert_int_equal(cli_run(set_price_run, NOVA " --input 0.035 --output=14 --cache_write 9"), 0);
    assert_string_equal(first_row(), NOVA " 0.035 14.00 0.035 9.00 operator");
    assert_int_equal(cli_run(set_price_run, NOVA " --disable --output json"), 0);
    assert_string_equal(cli_out, "{\"model_id\":\"" NOVA "\",\"result\":\"disabled\"}\n");
    assert_string_equal(first_row(), NOVA " 0.035 14.00 0.035 9.00 operator, disabled");
    assert_int_equal(cli_run(set_price_run, NOVA " --input 1 --output 2 --output json"), 0);
    assert_string_equal(first_row(), NOVA " 1.00 2.00 1.00 1.00 operator");
    assert_int_equal(cli_run(set_price_run, "--remove " NOVA " --output=json"), 0);
    assert_string_equal(cli_out, "{\"model_id\":\"" NOVA "\",\"result\":\"removed\"}\n");
    assert_null(strstr(first_row(), "operator"));
}

static void test_run_alone_lists_operator_built_in_and_estimates(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(cli_run(set_price_run, NOVA " --input 1 --output 2"), 0);
    assert_int_equal(cli_run(set_price_run, "--output json"), 0);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    assert_non_null(doc);
    const struct cJSON *first = json_child(doc);
    assert_true(text_eq(json_get_text(first, "model_id"), STR(NOVA)));
    assert_true(text_eq(json_get_text(first, "source"), STR("operator")));
    json_free(doc);
    assert_non_null(
        strstr(cli_out, "{\"model_id\":\"amazon.nova-pro-v1:0\",\"input_price\":0.8,"
                        "\"output_price\":3.2,\"cache_read_price\":0.2,\"cache_write_price\":0.8,"
                        "\"source\":\"built-in\",\"status\":\"active\"}"));
    assert_non_null(strstr(cli_out, "\"source\":\"estimate\""));
}

static void test_run_without_a_row_exits_1(void **state)
{
    (void)state;
    static const char *const lines[] = {"--remove " NOVA, NOVA " --disable"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(cli_run(set_price_run, lines[i]), 1);
        assert_string_equal(cli_err, "llm-api-converter set-price: there is no such price\n");
    }
}

static void test_run_wrong_arguments_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        NOVA,
        NOVA " --input 3",
        NOVA " --output 3",
        NOVA " --cache-read 3",
        NOVA " --input -3 --output 3",
        NOVA " --input 3 --output lots",
        NOVA " --input 3 --output 3 --form yaml",
        NOVA " --input 3 --output 3 --remove",
        NOVA " --remove --disable",
        NOVA " extra --input 3 --output 3",
        "nova --input 3 --output 3",
        NOVA "[1m] --input 3 --output 3",
        "--input 3",
        "--remove",
        "--disable",
        "--bogus",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int code = cli_run(set_price_run, lines[i]);
        if (code != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("\"%s\": code %d, \"%s\"", lines[i], code, cli_err);
        }
    }
    assert_int_not_equal(access("keys.db", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_run_sets_changes_disables_and_removes),
        CLI_CASE(test_run_alone_lists_operator_built_in_and_estimates),
        CLI_CASE(test_run_without_a_row_exits_1),
        CLI_CASE(test_run_wrong_arguments_exit_2_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
