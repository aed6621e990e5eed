/* Stored rows at today's prices, and whose they are: by the embedded store. Killed in the middle, on
 * DynamoDB and beside a server: tests/system/63_reprice.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/bill/reprice.h"
#include "master/bill/usage_report.h"
#include "master/bill/usage_users.h"
#include "server/base/clock.h"
#include "shm/sqlite/keystore_sqlite.h"
#include "tests/unit/cli_case.h"

#define SONNET "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define ROWS   200 /* more than a page, and than a correction */

static struct keystore *open_store(void)
{
    struct config c = {.database_url = "", .state_dir = getenv("STATE_DIR")};
    struct keystore *store;
    struct err err;
    assert_int_equal(keystore_sqlite_open(&c, &store, &err), STATUS_OK);
    return store;
}

/* A hundred thousand tokens each: 30 cents. */
static void put_rows(uint64_t cost_micro)
{
    static struct keystore_usage rows[ROWS];
    struct keystore *store = open_store();
    struct keystore_row key = {
        .id = "sk-one", .user_id = "one", .name = "n", .active = true, .budget_micro = 1000000000};
    struct err err;
    assert_int_equal(store->ops->put(store, &key, &err), STATUS_OK);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = (struct keystore_usage){.id = "sk-one",
                                          .is_key = true,
                                          .started_ms = clock_real_now_ms() - 1000,
                                          .model = "sonnet",
                                          .bedrock_model = SONNET,
                                          .service_tier = "default",
                                          .tokens.input = 100000,
                                          .cost_micro = cost_micro,
                                          .success = true};
        snprintf(rows[i].usage_id, sizeof rows[i].usage_id, "%zu", i);
    }
    rows[0].tokens = (struct tokens){0, 0, 0, 0, 100000}; /* an hour's write: 60 cents */
    text_copy(STR("flex"), rows[1].service_tier, sizeof rows[1].service_tier); /* half */
    rows[2].tokens.input = 300000; /* a long prompt: 6 dollars a million */
    text_copy(STR("acme.unheard"), rows[3].bedrock_model, sizeof rows[3].bedrock_model);
    text_copy(STR("gone"), rows[4].id, sizeof rows[4].id);
    text_copy(STR("master"), rows[5].id, sizeof rows[5].id);
    rows[5].is_key = false;
    assert_int_equal(keystore_put_usage(store, rows, ROWS, &err), STATUS_OK);
    keystore_close(store);
}

static int64_t spent(void)
{
    struct keystore *store = open_store();
    struct keystore_row key;
    struct err err;
    assert_int_equal(store->ops->get(store, "sk-one", &key, &err), STATUS_OK);
    keystore_close(store);
    return key.budget_used_micro;
}

/* Of sk-one: 194 at 30 cents, an hour's write, flex, a long prompt, and one without a price. */
#define RIGHT ((ROWS - 6) * 300000ll + 600000 + 150000 + 1800000 + 5)

static void test_difference_is_shown_then_written_once(void **state)
{
    (void)state;
    put_rows(5);
    assert_int_equal(spent(), 5 * (ROWS - 2));
    assert_int_equal(cli_run(usage_report_run, "--reprice"), 0);
    assert_non_null(strstr(cli_out, "--apply does it"));
    assert_int_equal(spent(), 5 * (ROWS - 2));
    assert_int_equal(cli_run(usage_report_run, "--reprice --by user --apply"), 0);
    assert_non_null(strstr(cli_out, USAGE_USERS_GONE));
    assert_non_null(strstr(cli_out, "master"));
    assert_non_null(strstr(cli_out, "199 of 199 rows corrected.")); /* one has no price */
    assert_int_equal(spent(), RIGHT);
    assert_int_equal(cli_run(usage_report_run, "--reprice --by day --apply --output json"), 0);
    assert_non_null(strstr(cli_out, "\"corrected\":0,"));
    assert_non_null(strstr(cli_out, "\"unpriced\":1,"));
    assert_int_equal(spent(), RIGHT);
    assert_int_equal(cli_run(usage_report_run, "--reprice --by key --output csv"), 0);
    assert_null(strstr(cli_out, "sk-one"));
    assert_int_equal(cli_run(usage_report_run, "--by user"), 0);
    assert_int_equal(cli_lines(cli_out), 5);
}

static void test_unpriced_number_is_a_price(void **state)
{
    (void)state;
    put_rows(0);
    setenv("UNPRICED", "2", 1);
    assert_int_equal(cli_run(usage_report_run, "--reprice --apply"), 0);
    unsetenv("UNPRICED");
    assert_non_null(strstr(cli_out, "200 of 200 rows corrected."));
    assert_int_equal(spent(), RIGHT - 5 + 200000);
}

#define ARN "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/k3v9x0q7t2a%zu"

/* As a request of it was priced: by what is declared, else by the name that led to it; else it keeps
 * what it cost. */
static void test_arn_has_the_price_of_the_model_behind_it(void **state)
{
    (void)state;
    static const struct {
        const char *model, *as;
        uint64_t was, right;
    } rows[] = {
        {"claude-opus-4-8", "", 5, 550000}, /* of AWS_REGION: a tenth more */
        {"house-model", "claude-opus-4-8", 5, 550000},
        {"claude-opus-4-8", "claude-haiku-4-5", 5, 110000},
        {"house-model-3", "", 5, 5}, /* AWS may have told the server */
        {"house-model-4", "", 0, 200000},
    };
    setenv("UNPRICED", "2", 1);
    setenv("AWS_REGION", "us-west-2", 1);
    unsigned long long sum = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct keystore *store = open_store();
        struct err err;
        struct keystore_usage u = {.id = "master",
                                   .started_ms = clock_real_now_ms() - 1000,
                                   .tokens.input = 100000,
                                   .cost_micro = rows[i].was};
        snprintf(u.bedrock_model, sizeof u.bedrock_model, ARN, i);
        snprintf(u.usage_id, sizeof u.usage_id, "%zu", i);
        text_copy(text_from(rows[i].model), u.model, sizeof u.model);
        struct keystore_mapping m = {text_from(rows[i].model), text_from(u.bedrock_model),
                                     text_from(rows[i].as)};
        assert_int_equal(store->ops->edit->put_mapping(store, &m, &err), STATUS_OK);
        assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
        keystore_close(store);
        char want[64];
        sum += rows[i].right;
        assert_int_equal(cli_run(usage_report_run, "--reprice --output json"), 0);
        snprintf(want, sizeof want, "\"after_micro\":%llu}}", sum);
        if (!strstr(cli_out, want))
            fail_msg("row %zu: no %s in %s", i, want, cli_out);
    }
    unsetenv("UNPRICED");
    unsetenv("AWS_REGION");
}

static void test_wrong_options_are_told(void **state)
{
    (void)state;
    static const char *const rows[] = {"--apply", "--from 2026-11-01 --days 3", "--from today",
                                       "--from 2026-13-01", "--from 2026-11-011"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(cli_run(usage_report_run, rows[i]), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, cli_set_up, cli_tear_down)
        T(test_difference_is_shown_then_written_once),
        T(test_unpriced_number_is_a_price),
        T(test_arn_has_the_price_of_the_model_behind_it),
        T(test_wrong_options_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
