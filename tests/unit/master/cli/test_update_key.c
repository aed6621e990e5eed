#include "master/cli/update_key.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/cli/create_key.h"
#include "master/cli/keys.h"
#include "tests/unit/cli_case.h"

static char id[16];

static void create(const char *line)
{
    char key[80];
    assert_int_equal(cli_run(create_key_run, line), 0);
    assert_int_equal(sscanf(cli_out, "API Key: %79s Key ID: %15s", key, id), 2);
}

static int update(const char *options)
{
    char line[512];
    snprintf(line, sizeof line, "%s %s", id, options);
    return cli_run(update_key_run, line);
}

/* The row as list-keys shows it has each part. */
static void assert_row(const char *const *parts, size_t n)
{
    assert_int_equal(cli_run(keys_list, "--output json"), 0);
    for (size_t i = 0; i < n; i++) {
        if (!strstr(cli_out, parts[i])) {
            fail_msg("%s is not in %s", parts[i], cli_out);
        }
    }
}
#define ASSERT_ROW(...)                            \
    assert_row((const char *const[]){__VA_ARGS__}, \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void shell(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open("keys.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_run_changes_only_what_is_given(void **state)
{
    (void)state;
    create("-u alice -n laptop -l 50 -b 12.5 --models claude-* --tpm 70");
    assert_int_equal(update("--rate-limit 9 --max_concurrency=3 --cache-ttl 1h "
                            "--guardrail gr1:DRAFT:async --project proj_a"),
                     0);
    assert_non_null(strstr(cli_out, "(laptop): rate_limit max_concurrency cache_ttl "
                                    "guardrail project\n"));
    ASSERT_ROW("\"user_id\":\"alice\"", "\"name\":\"laptop\"", "\"rate_limit\":9",
               "\"max_concurrency\":3",
               "\"cache_ttl\":\"1h\",\"guardrail\":\"gr1:DRAFT:async\",\"project\":\"proj_a\"",
               "\"monthly_budget\":12.5", "\"allowed_models\":\"claude-*\"", "\"tpm_limit\":70",
               "\"is_active\":true");
}

static void test_run_none_and_0_take_away(void **state)
{
    (void)state;
    create("-u alice -n laptop -l 50 -b 12.5 --models claude-* --tpm 70 --expires 3d -t flex");
    assert_int_equal(
        update("-l none --tpm 0 -b none --expires 0 --models none -t none --cache-ttl none "
               "--guardrail none --project none"),
        0);
    ASSERT_ROW("\"rate_limit\":null", "\"monthly_budget\":null", "\"allowed_models\":\"\"",
               "\"tpm_limit\":null", "\"expires_at\":null", "\"service_tier\":\"default\"",
               "\"guardrail\":\"\",\"project\":\"\"");
}

static void test_run_disable_and_enable(void **state)
{
    (void)state;
    create("-u alice -n laptop");
    assert_int_equal(update("--disable --reason lost"), 0);
    ASSERT_ROW("\"is_active\":false", "\"deactivated_reason\":\"lost\"");
    assert_int_equal(update("--enable --output json"), 0);
    assert_non_null(strstr(cli_out, "\"is_active\":true"));
    ASSERT_ROW("\"is_active\":true", "\"deactivated_reason\":\"\"");
}

#define USED_UP                                                                  \
    "UPDATE api_keys SET is_active = 0, deactivated_reason = 'budget_exceeded'," \
    " budget_used_mtd = '12.5', budget_mtd_month = strftime('%Y-%m')"

static void test_run_key_over_its_budget(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool last_month;
        int exit_code;
        const char *active;
    } cases[] = {
        {"--enable", false, 1, "\"is_active\":false"},
        {"--enable -b 12.5", false, 1, "\"is_active\":false"},
        {"--enable -b 12.6", false, 0, "\"is_active\":true"},
        {"--enable -b none", false, 0, "\"is_active\":true"},
        {"--enable", true, 0, "\"is_active\":true"},
        {"-b 20", false, 0, "\"is_active\":true"}, /* as the server does it itself */
        {"-b 11", false, 0, "\"is_active\":false"},
        {"-b 20 --disable", false, 0, "\"is_active\":false"},
        {"--tpm 5", false, 0, "\"is_active\":false"},
    };
    create("-u alice -n laptop");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shell("UPDATE api_keys SET monthly_budget = '10'");
        shell(USED_UP);
        if (cases[i].last_month) {
            shell("UPDATE api_keys SET budget_mtd_month = '2025-01'");
        }
        int code = update(cases[i].options);
        size_t lines = cli_lines(cli_err);
        cli_run(keys_list, "--output json");
        if (code != cases[i].exit_code || lines != (code ? 1 : 0) ||
            !strstr(cli_out, cases[i].active)) {
            fail_msg("%s: %d, %s", cases[i].options, code, cli_out);
        }
    }
}

static void test_run_wrong_arguments_exit_2_and_change_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "--rate-limit many",
        "--tpm -1",
        "--monthly-budget lots",
        "--service-tier gold",
        "--budget-mode hard",
        "--cache-ttl 2h",
        "--guardrail gr1",
        "--guardrail gr1:latest",
        "--project a/b",
        "--models bad|model",
        "--expires yesterday",
        "--enable --disable",
        "--reason x",
        "--rate-limit 7 --output yaml",
        "--rate-limit 7 extra",
        "--bogus",
        "--rate-limit 1000000001",
    };
    create("-u alice -n laptop -l 50");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int code = update(cases[i]);
        if (code != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("\"%s\": code %d, \"%s\"", cases[i], code, cli_err);
        }
    }
    ASSERT_ROW("\"rate_limit\":50", "\"is_active\":true");
}

static void test_run_unknown_key_exits_1(void **state)
{
    (void)state;
    create("-u alice -n laptop");
    snprintf(id, sizeof id, "%s", "0000000000");
    assert_int_equal(update("--tpm 5"), 1);
    assert_int_equal(cli_lines(cli_err), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_run_changes_only_what_is_given),
        CLI_CASE(test_run_none_and_0_take_away),
        CLI_CASE(test_run_disable_and_enable),
        CLI_CASE(test_run_key_over_its_budget),
        CLI_CASE(test_run_wrong_arguments_exit_2_and_change_nothing),
        CLI_CASE(test_run_unknown_key_exits_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
