#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/bill/usage_report.h"
#include "server/base/clock.h"
#include "shm/sqlite/keystore_sqlite.h"
#include "tests/unit/cli_case.h"

static void put_rows(void)
{
    struct config c = {.database_url = "", .state_dir = getenv("STATE_DIR")};
    struct keystore *store;
    struct err err;
    struct keystore_usage u[3] = {
        {.id = "master",
         .usage_id = "1",
         .model = "claude, \"x\"",
         .tokens.input = 10,
         .cost_micro = 1500000},
        {.id = "sk-clear",
         .usage_id = "2",
         .model = "=cmd()",
         .tokens.input = 20,
         .success = true,
         .cost_micro = 7},
        {.id = "sk-clear", .usage_id = "3", .model = "odd\xe2\x80\xaeldo", .success = true}};
    assert_int_equal(keystore_sqlite_open(&c, &store, &err), STATUS_OK);
    u[0].started_ms = u[1].started_ms = clock_real_now_ms() - 1000;
    u[2].started_ms = clock_real_now_ms() - 40 * 86400000ll;
    assert_int_equal(keystore_put_usage(store, u, 3, &err), STATUS_OK);
    keystore_close(store);
}

static void test_report_by_key_shows_ids_never_keys(void **state)
{
    (void)state;
    put_rows();
    assert_int_equal(cli_run(usage_report_run, ""), 0);
    assert_int_equal(cli_lines(cli_out), 4); /* head, two, total */
    assert_non_null(strstr(cli_out, "master"));
    assert_non_null(strstr(cli_out, "1.50"));
    assert_null(strstr(cli_out, "sk-clear"));
}

/* A model's name is whatever a client sent. */
static void test_report_by_model_shows_nothing_that_steers_a_terminal(void **state)
{
    (void)state;
    put_rows();
    assert_int_equal(cli_run(usage_report_run, "--by model --days 60"), 0);
    assert_non_null(strstr(cli_out, "odd?ldo "));
    assert_null(strstr(cli_out, "\xe2\x80"));
    assert_int_equal(cli_run(usage_report_run, "--by model --days 60 --output csv"), 0);
    assert_non_null(strstr(cli_out, "\"odd ldo\""));
}

static void test_report_by_model_as_csv_is_quoted(void **state)
{
    (void)state;
    put_rows();
    assert_int_equal(cli_run(usage_report_run, "--by model --output csv --days 60"), 0);
    assert_int_equal(cli_lines(cli_out), 4);
    assert_non_null(strstr(cli_out, "\"claude, \"\"x\"\"\",1,1,10,0,0,0,1.500000\n"));
    assert_non_null(strstr(cli_out, "\"'=cmd()\",1,0,20,0,0,0,0.000007\n"));
}

static void test_report_by_day_as_json(void **state)
{
    (void)state;
    put_rows();
    assert_int_equal(cli_run(usage_report_run, "--by=day --output json"), 0);
    assert_non_null(strstr(cli_out, "\"requests\":2,\"failed\":1,\"input_tokens\":30"));
    assert_int_equal(cli_run(usage_report_run, "--by=day --output json --days 1"), 0);
    assert_memory_equal(cli_out, "[{\"day\":", 8);
}

static void test_report_nothing_yet(void **state)
{
    (void)state;
    assert_int_equal(cli_run(usage_report_run, ""), 0);
    assert_string_equal(cli_out, "no requests in that time\n");
    assert_int_equal(cli_run(usage_report_run, "--output json"), 0);
    assert_string_equal(cli_out, "[]\n");
}

static void test_report_wrong_words_exit_2(void **state)
{
    (void)state;
    static const char *const rows[] = {"--by owner", "--output xml", "--days 0", "--days x",
                                       "extra"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (cli_run(usage_report_run, rows[i]) != 2 || cli_lines(cli_err) != 1) {
            fail_msg("%s", rows[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_report_by_key_shows_ids_never_keys),
        CLI_CASE(test_report_by_model_shows_nothing_that_steers_a_terminal),
        CLI_CASE(test_report_by_model_as_csv_is_quoted),
        CLI_CASE(test_report_by_day_as_json),
        CLI_CASE(test_report_nothing_yet),
        CLI_CASE(test_report_wrong_words_exit_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
