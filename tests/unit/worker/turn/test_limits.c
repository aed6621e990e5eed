#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/limits_case.h"
#include "worker/turn/wait.h"

#define JANUARY 1769860800000 /* 2026-01-31 12:00 */

static void test_enter_concurrency_over_workers_and_given_back_once(void **state)
{
    (void)state;
    case_key.max_concurrency = 2;
    struct exchange a = case_exchange(0), b = case_exchange(1), c = case_exchange(1);
    assert_int_equal(limits_enter(&a), VERDICT_NEXT);
    assert_int_equal(limits_enter(&b), VERDICT_NEXT);
    assert_int_equal(limits_enter(&c), VERDICT_FAIL);
    assert_int_equal(c.outcome.err.code, STATUS_RATE);
    assert_int_equal(c.outcome.err.retry_after_s, 1);
    limits_leave(&c); /* holds nothing */
    limits_leave(&a);
    limits_leave(&a);
    assert_int_equal(holds_sum(&case_segment, CASE_SLOT).count, 1);
    assert_int_equal(limits_enter(&c), VERDICT_NEXT);
    assert_int_equal(c.outcome.refused, COUNTER_REFUSED_CONCURRENCY);
}

static void test_enter_only_what_is_paid_for(void **state)
{
    (void)state;
    static const struct route list = {.need = ROUTE_KEY,
                                      .limit = ROUTE_REQUESTS,
                                      .serve = (enum verdict(*)(struct exchange *))limits_enter};
    case_key.max_concurrency = 1;
    struct exchange a = case_exchange(0), b = case_exchange(0), c = case_exchange(0);
    b.route = &list;
    c.asked.counting = true;
    assert_int_equal(limits_enter(&a), VERDICT_NEXT);
    assert_int_equal(limits_enter(&b), VERDICT_NEXT);
    assert_int_equal(limits_enter(&c), VERDICT_NEXT);
}

static void test_enter_tokens_in_debt_waits(void **state)
{
    (void)state;
    case_key.tpm_limit = 1000;
    struct exchange x = case_exchange(0);
    assert_int_equal(limits_enter(&x), VERDICT_NEXT);
    assert_int_equal(x.caller.tokens.remaining, 1000);
    limits_settle(&x, 1500, 0);
    x = case_exchange(1);
    assert_int_equal(limits_enter(&x), VERDICT_FAIL);
    assert_int_equal(x.outcome.err.code, STATUS_RATE);
    assert_in_range(x.outcome.err.retry_after_s, 29, 31);
    assert_non_null(strstr(x.outcome.err.text, "tokens a minute"));
}

static void test_enter_budget_soft_next_is_refused_until_the_month_ends(void **state)
{
    (void)state;
    clock_freeze_real_ms(JANUARY);
    case_key.budget_micro = 100;
    struct exchange x = case_exchange(0);
    x.outcome.started_ms = JANUARY;
    assert_int_equal(limits_enter(&x), VERDICT_NEXT);
    limits_settle(&x, 10, 150);
    x = case_exchange(1);
    assert_int_equal(limits_enter(&x), VERDICT_FAIL);
    assert_int_equal(x.outcome.err.code, STATUS_BUDGET);
    assert_int_equal(x.outcome.err.retry_after_s, 12 * 3600);
    clock_freeze_real_ms(JANUARY + 12 * 3600 * 1000ll);
    x = case_exchange(1);
    assert_int_equal(limits_enter(&x), VERDICT_NEXT);
}

/* Back over the border and forward again, wherever the money went first: it stays spent. */
static void test_enter_budget_spent_stays_so_whatever_the_clock_does(void **state)
{
    (void)state;
    static const struct {
        int64_t spent_days, then_days; /* from January 31 */
        bool over;
    } rows[] = {
        {0, -40, true}, {0, -400, true}, {0, 0, true},    {0, 1, false},
        {1, 0, true},   {1, 40, false},  {40, -40, true}, {366, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bucket_give(&case_segment, CASE_SLOT, CASE_TAG);
        case_key.budget_micro = 100;
        struct exchange x = case_exchange(0);
        x.outcome.started_ms = JANUARY + rows[i].spent_days * 86400000ll;
        clock_freeze_real_ms(x.outcome.started_ms);
        limits_settle(&x, 10, 150);
        assert_true(limits_over_budget(&x));
        clock_freeze_real_ms(JANUARY + rows[i].then_days * 86400000ll);
        if (limits_over_budget(&x) != rows[i].over) {
            fail_msg("spent on day %d, asked on day %d", (int)rows[i].spent_days,
                     (int)rows[i].then_days);
        }
        if (!rows[i].over) {
            struct exchange y = case_exchange(1);
            y.outcome.started_ms = clock_real_ms();
            limits_settle(&y, 1, 5);
        }
        clock_freeze_real_ms(x.outcome.started_ms); /* and set right */
        assert_true(limits_over_budget(&x));
    }
}

static void test_refuse_budget_in_december_waits_for_january(void **state)
{
    (void)state;
    struct err err;
    clock_freeze_real_ms(1798718400000); /* 2026-12-31 12:00 */
    assert_int_equal(limits_refuse_budget(&err, "used up"), STATUS_BUDGET);
    assert_int_equal(err.retry_after_s, 12 * 3600);
}

static void test_over_budget_switched_off_table(void **state)
{
    (void)state;
    enum { NOTHING = 99 };
    static const struct {
        const char *name;
        uint64_t budget, spent;
        int month; /* of the bucket, against now; NOTHING is known */
        bool over;
    } rows[] = {
        {"used up", 100, 100, 0, true},
        {"raised", 200, 100, 0, false},
        {"last month", 100, 100, -1, false},
        {"nothing known", 100, 0, NOTHING, true},
        {"without a budget", 0, 100, 0, true},
        {"without a budget, last month", 0, 100, -1, false},
        {"used up, and the clock went back", 100, 100, 1, true},
        {"used up, and the clock went back a year", 100, 100, 12, true},
        {"raised, and the clock went back", 200, 100, 1, false},
        {"without a budget, and the clock went back", 0, 100, 1, true},
    };
    clock_freeze_real_ms(JANUARY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bucket_give(&case_segment, CASE_SLOT, CASE_TAG);
        case_key.flags = DIRECTORY_BUDGET_EXCEEDED;
        case_key.budget_micro = rows[i].budget;
        if (rows[i].month != NOTHING) {
            bucket_raise(&case_segment.buckets[CASE_SLOT],
                         bucket_month(JANUARY) + (uint32_t)rows[i].month, rows[i].spent);
        }
        struct exchange x = case_exchange(0);
        if (limits_over_budget(&x) != rows[i].over) {
            fail_msg("%s", rows[i].name);
        }
    }
    case_key.slot = 299; /* another key's bucket by now */
    struct exchange x = case_exchange(0);
    assert_true(limits_over_budget(&x));
}

static void test_admit_models_table(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool allowed;
    } rows[] = {
        {"", true},
        {"claude-sonnet-4-5", true},
        {"claude-opus-4-6,claude-s*", true},
        {"*", true},
        {"global.anthropic.*", true},
        {"anthropic.claude-sonnet-4-5-20250929-v1:0", true},
        {"claude-sonnet-4", false},
        {"claude-haiku*", false},
        {"sonnet*", false},
        {",", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        case_key.models_len = (uint8_t)strlen(rows[i].list);
        memcpy(case_key.models, rows[i].list, case_key.models_len);
        struct exchange x = case_exchange(0);
        enum verdict v = limits_admit(&x);
        if ((v == VERDICT_NEXT) != rows[i].allowed ||
            (v == VERDICT_FAIL && x.outcome.err.code != STATUS_PERMISSION)) {
            fail_msg("'%s'", rows[i].list);
        }
    }
    struct exchange master = case_exchange(0);
    master.caller.who = CALLER_MASTER;
    assert_int_equal(limits_admit(&master), VERDICT_NEXT);
}

/* The model that a key may use has more names than one. */
static void test_admit_by_the_name_that_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *list, *asked, *meant;
        bool allowed;
    } rows[] = {
        {"claude-sonnet-4-5", "claude-sonnet-4-5[1m]", "claude-sonnet-4-5", true},
        {"claude-sonnet-4-5", "claude-sonnet-4.5", "claude-sonnet-4-5", true},
        {"claude-sonnet-4-5[1m]", "claude-sonnet-4-5", "claude-sonnet-4-5", false},
        {"claude-opus*", "claude-sonnet-4.5", "claude-sonnet-4-5", false},
        {"claude-sonnet-*", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", true},
        {"claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0", "", true},
        {"claude-haiku-*", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", false},
        {"sonnet-*", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        case_key.models_len = (uint8_t)strlen(rows[i].list);
        memcpy(case_key.models, rows[i].list, case_key.models_len);
        struct exchange x = case_exchange(0);
        x.asked.client_model = text_from(rows[i].asked);
        x.asked.model.name = text_from(rows[i].meant);
        if ((limits_admit(&x) == VERDICT_NEXT) != rows[i].allowed) {
            fail_msg("'%s' asked for %s", rows[i].list, rows[i].asked);
        }
    }
}

static void test_tier_client_then_key_then_default(void **state)
{
    (void)state;
    struct exchange x = case_exchange(0);
    assert_int_equal(limits_tier(&x), TIER_DEFAULT);
    case_config.default_service_tier = "flex";
    assert_int_equal(limits_tier(&x), TIER_FLEX);
    x.caller.key.tier = TIER_RESERVED;
    assert_int_equal(limits_tier(&x), TIER_RESERVED);
    x.asked.messages.wish.tier.given = true;
    x.asked.messages.wish.tier.value = TIER_PRIORITY;
    assert_int_equal(limits_tier(&x), TIER_PRIORITY);
    x.asked.messages.wish.tier.value = TIER_DEFAULT;
    assert_int_equal(limits_tier(&x), TIER_DEFAULT);
    attempt_leave_out(&x.attempt, PLAN_TIER);
    assert_int_equal(limits_tier(&x), TIER_DEFAULT);
    assert_true(text_eq(limits_tier_word(TIER_FLEX), STR("flex")));
    assert_int_equal(limits_tier_word(TIER_DEFAULT).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_enter_concurrency_over_workers_and_given_back_once),
        CASE(test_enter_only_what_is_paid_for),
        CASE(test_enter_tokens_in_debt_waits),
        CASE(test_enter_budget_spent_stays_so_whatever_the_clock_does),
        CASE(test_enter_budget_soft_next_is_refused_until_the_month_ends),
        CASE(test_refuse_budget_in_december_waits_for_january),
        CASE(test_over_budget_switched_off_table),
        CASE(test_admit_models_table),
        CASE(test_admit_by_the_name_that_is_meant),
        CASE(test_tier_client_then_key_then_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
