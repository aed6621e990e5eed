#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/limits_case.h"
#include "worker/turn/money.h"
#include "worker/turn/wait.h"

/* 200 bytes: 101 tokens of input at 3, 100 of output at 15 dollars a million: 1,803 at most. */
static void test_admit_reserve_never_holds_more_than_there_is(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 4500;
    struct exchange a = case_exchange(0), b = case_exchange(1), c = case_exchange(1);
    assert_int_equal(money_admit(&a), VERDICT_NEXT);
    assert_int_equal(a.caller.held.micro,
                     101 * 15 / 4 + 1 + 1500); /* input as dear as a cache write: 3.75 */
    assert_int_equal(money_admit(&b), VERDICT_NEXT);
    assert_int_equal(money_admit(&c), VERDICT_FAIL);
    assert_int_equal(c.outcome.err.code, STATUS_BUDGET);
    assert_true(c.outcome.err.retry_after_s > 0);
    a.outcome.started_ms = clock_real_ms();
    limits_settle(&a, 10, 300);
    limits_leave(&a);
    assert_int_equal(money_admit(&c), VERDICT_NEXT); /* 300 + 2 * 1,879 */
    limits_leave(&b);
    limits_leave(&c);
    assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 0);
}

/* Next month it would be the same. */
static void test_admit_reserve_over_the_whole_budget_is_refused_for_good(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 1500;
    struct exchange x = case_exchange(0);
    assert_int_equal(money_admit(&x), VERDICT_FAIL);
    assert_int_equal(x.outcome.err.code, STATUS_BUDGET);
    assert_int_equal(wait_retry_after(&x.outcome.err), 0);
    assert_int_equal(wait_should_retry(&x.outcome.err), 0);
    assert_string_equal(x.outcome.err.text,
                        "this may cost 0.001879 dollars, and the whole monthly budget of this API "
                        "key is 0.001500: send less, or a smaller max_tokens");
    limits_leave(&x);
}

/* Who asks without a maximum of output gets what the budget pays for, down to a useful answer. */
static void test_admit_reserve_chooses_the_output_that_nobody_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t budget;
        int64_t asked, most; /* most -1: refused */
    } rows[] = {
        {"the model's own maximum fits", 1000000, 0, 0},
        {"less fits", 10000, 0, 641}, /* 379 of input, 15 a token */
        {"least useful", 379 + 512 * 15, 0, 512},
        {"less than useful", 379 + 511 * 15, 0, -1},
        {"named by the client", 10000, 1000, -1},
        {"named, and it fits", 10000, 600, 0},
    };
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        case_key.budget_micro = rows[i].budget;
        struct exchange x = case_exchange(0);
        x.asked.dialect = DIALECT_OPENAI;
        x.asked.chat.max_tokens = rows[i].asked;
        enum verdict v = money_admit(&x);
        int64_t got = v == VERDICT_NEXT ? x.outcome.output_most : -1;
        bool within = x.caller.held.micro <= rows[i].budget;
        limits_leave(&x);
        if (got != rows[i].most || !within) {
            fail_msg("%s: %lld", rows[i].name, (long long)got);
        }
    }
}

/* A bare id costs more in London than at home: the bill is of the lane that ran it, and what is set aside
 * pays for either. */
static void test_moves_price_by_the_region_of_the_lane(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(
        config_lanes_read(STR("us-west-2,eu-west-2,us-east-1"), &case_config.lanes, &err),
        STATUS_OK);
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 1000000;
    struct exchange x = case_exchange(0);
    x.asked.model.id = STR("meta.llama3-70b-instruct-v1:0");
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    assert_int_equal(x.outcome.tariff.rates.input, 2650000);
    uint64_t held = x.caller.held.micro;
    assert_false(money_moves(&x)); /* home */
    x.attempt.lane.now = 1;
    assert_true(money_moves(&x));
    assert_int_equal(x.outcome.tariff.rates.input, 3450000);
    assert_false(money_moves(&x));
    struct tokens t = {.input = 101, .output = 100};
    assert_true(held >= prices_cost(&x.outcome.tariff.rates, &t));
    x.attempt.lane.now = 2;
    assert_true(money_moves(&x));
    assert_int_equal(x.outcome.tariff.rates.input, 2650000);
    limits_leave(&x);
    x = case_exchange(0); /* what names its geography costs what it costs */
    x.asked.model.id = STR("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    struct prices_tariff home = x.outcome.tariff;
    x.attempt.lane.now = 1;
    money_moves(&x);
    assert_memory_equal(&x.outcome.tariff, &home, sizeof home);
    limits_leave(&x);
}

#define PROFILE "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/k3v9x0q7"

static void test_admit_unpriced_table(void **state)
{
    (void)state;
    static const struct {
        const char *unpriced, *id;
        uint64_t budget;
        bool admitted;
        uint32_t input;
    } rows[] = {
        {"refuse", PROFILE, 0, true, 0},
        {"refuse", PROFILE, 10000, false, 0},
        {"refuse", "house.model-1", 10000, false, 0},
        {"REFUSE", "house.model-1", 10000, false, 0},
        {"allow", "house.model-1", 10000, true, 0},
        {"2.5", "house.model-1", 10000, true, 2500000},
        {"2.5", PROFILE, 10000, true, 2500000},
        {"2.5", "zai.glm-5", 10000, true, 1000000},
        {"refuse", "zai.glm-5", 10000, true, 1000000},
        {"refuse", "openai.gpt-9", 10000, true, 11000000}, /* an estimate is a price */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        case_config.unpriced = rows[i].unpriced;
        case_key.budget_micro = rows[i].budget;
        struct exchange x = case_exchange(0);
        x.asked.model.id = text_from(rows[i].id);
        bool admitted = money_admit(&x) == VERDICT_NEXT;
        if (admitted != rows[i].admitted || x.outcome.tariff.rates.input != rows[i].input) {
            fail_msg("%s %s: %d %u", rows[i].unpriced, rows[i].id, admitted,
                     x.outcome.tariff.rates.input);
        }
        if (!admitted &&
            (x.outcome.err.code != STATUS_PERMISSION || wait_should_retry(&x.outcome.err) != 0 ||
             !strstr(x.outcome.err.text, "set-price") ||
             strstr(x.outcome.err.text, "123456789012") ||
             x.outcome.refused != COUNTER_REFUSED_UNPRICED)) {
            fail_msg("%s: %s", rows[i].id, x.outcome.err.text);
        }
    }
    assert_int_equal(counters_sum(&case_segment, COUNTER_PRICE_UNKNOWN), 5);
    assert_int_equal(counters_sum(&case_segment, COUNTER_PRICE_ESTIMATED), 3);
}

#define DEARER STR("global.anthropic.claude-opus-4-6-v1") /* 5 and 25 dollars a million */

static void test_remake_holds_what_the_next_model_may_cost(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 4000;
    struct exchange x = case_exchange(0);
    struct str cheap = x.asked.model.id;
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    assert_int_equal(x.caller.held.micro, 1879);
    x.asked.model.id = DEARER;
    assert_true(money_remake(&x));
    assert_int_equal(x.caller.held.micro, 101 * 25 / 4 + 2500);
    x.asked.model.id = cheap;
    assert_true(money_remake(&x));
    assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 1879);
    limits_leave(&x);
    assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 0);
}

/* Refused for the next model, it still is admitted to the one that it has. */
static void test_remake_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 3000;
    struct exchange x = case_exchange(0), other = case_exchange(1);
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    struct prices_tariff tariff = x.outcome.tariff;
    x.outcome.output_most = 7;
    x.asked.model.id = DEARER;
    assert_false(money_remake(&x));
    assert_int_equal(x.outcome.err.code, STATUS_BUDGET);
    assert_int_equal(x.caller.held.micro, 1879);
    assert_int_equal(x.outcome.output_most, 7);
    assert_memory_equal(&x.outcome.tariff, &tariff, sizeof tariff);
    assert_int_equal(money_admit(&other), VERDICT_FAIL); /* 3,758 */
    limits_leave(&x);
    assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 0);
}

/* Who named no maximum gets the one that the rest pays for, its own hold being part of the rest. */
static void test_remake_counts_its_own_hold_as_room(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 20000;
    struct exchange x = case_exchange(0);
    x.asked.dialect = DIALECT_OPENAI;
    x.asked.chat.max_tokens = 0;
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    assert_int_equal(x.caller.held.micro, 379 + 15000);
    x.asked.model.id = DEARER;
    assert_true(money_remake(&x));
    assert_int_equal(x.outcome.output_most, (20000 - 632) / 25);
    assert_in_range(x.caller.held.micro, 19900, 20000);
    limits_leave(&x);
}

/* What an attempt has used is no longer held but spent, and the next one needs room of its own: no request
 * may cross the budget, with however many attempts. */
static void test_pay_leaves_no_room_for_what_the_rest_does_not_pay(void **state)
{
    (void)state;
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    for (int enough = 0; enough < 2; enough++) {
        case_key.budget_micro = enough ? 3000 : 2500;
        struct exchange x = case_exchange(0);
        assert_int_equal(money_admit(&x), VERDICT_NEXT);
        assert_true(money_goes_on(&x)); /* nothing was paid */
        uint64_t spent = bucket_spent(bucket_of(&case_segment, CASE_SLOT, CASE_TAG),
                                      bucket_month(clock_real_ms()));
        case_key.budget_micro += spent;
        x.caller.key.budget_micro += spent;
        assert_true(usage_begin(&x));
        x.attempt.reply = &case_reply;
        case_reply.usage = (struct usage){{.input = 300}, .seen = true}; /* 900 */
        err_set(&x.outcome.err, STATUS_RATE, "throttled");
        usage_keep(&x);
        assert_int_equal(x.caller.held.micro, 1879 - 900);
        assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 1879 - 900);
        assert_int_equal(money_goes_on(&x), enough);
        assert_int_equal(x.outcome.err.code, enough ? STATUS_RATE : STATUS_BUDGET);
        assert_int_equal(x.caller.held.micro, enough ? 1879 : 1879 - 900);
        assert_int_equal(money_goes_on(&x), enough); /* asked again, it is no other */
        limits_leave(&x);
        assert_int_equal(holds_sum(&case_segment, CASE_SLOT).micro, 0);
    }
}

/* One request moves to and fro at worker 1 while another one, at worker 2, wants the room: the first never
 * loses it, the second never gets it. */
static void test_remake_never_lets_go_of_its_room(void **state)
{
    (void)state;
    enum { MOVES = 100000 };
    case_key.flags |= DIRECTORY_BUDGET_RESERVE;
    case_key.budget_micro = 3000; /* 1,879 or 1,879 + 1,879 */
    struct exchange x = case_exchange(0);
    assert_int_equal(money_admit(&x), VERDICT_NEXT);
    pid_t pid = fork();
    if (pid == 0) {
        int got = 0;
        for (int i = 0; i < MOVES; i++) {
            struct exchange other = case_exchange(1);
            got += money_admit(&other) == VERDICT_NEXT;
            limits_leave(&other);
        }
        _exit(got > 0);
    }
    int lost = 0, status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        lost += !money_remake(&x);
    }
    limits_leave(&x);
    assert_int_equal(lost, 0);
    assert_int_equal(status, 0);
}

static void test_init_says_what_it_may_be(void **state)
{
    (void)state;
    struct err err;
    static const char *const good[] = {"refuse", "allow", "Allow", "0", "3", "0.25"};
    static const char *const bad[] = {"", "free", "-1", "1,5", "1e9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        case_config.unpriced = good[i];
        assert_int_equal(money_init(&case_config, &err), STATUS_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        case_config.unpriced = bad[i];
        assert_int_equal(money_init(&case_config, &err), STATUS_INVALID);
        assert_non_null(strstr(err.text, "UNPRICED="));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_pay_leaves_no_room_for_what_the_rest_does_not_pay),
        CASE(test_admit_reserve_never_holds_more_than_there_is),
        CASE(test_admit_reserve_over_the_whole_budget_is_refused_for_good),
        CASE(test_admit_reserve_chooses_the_output_that_nobody_named),
        CASE(test_moves_price_by_the_region_of_the_lane),
        CASE(test_admit_unpriced_table),
        CASE(test_remake_holds_what_the_next_model_may_cost),
        CASE(test_remake_that_does_not_fit_changes_nothing),
        CASE(test_remake_counts_its_own_hold_as_room),
        CASE(test_remake_never_lets_go_of_its_room),
        CASE(test_init_says_what_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
