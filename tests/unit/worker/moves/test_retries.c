#include "worker/moves/retries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Requests of an outage: each is asked, and once more where the bucket allows. */
static unsigned calls_of_outage(struct retries *r, unsigned requests)
{
    unsigned calls = 0;
    for (unsigned i = 0; i < requests; i++) {
        retries_earn(r);
        calls += 1 + retries_take(r);
    }
    return calls;
}

static void test_outage_costs_the_same_after_any_number_of_good_requests(void **state)
{
    (void)state;
    static const unsigned good[] = {0, 1, 10, 1000, 50000, 10000000};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct retries r;
        retries_init(&r, 1);
        for (unsigned n = 0; n < good[i]; n++) {
            retries_earn(&r);
        }
        unsigned calls = calls_of_outage(&r, 1000);
        if (calls < 1140 || calls > 1160) {
            fail_msg("after %u good requests: %u calls", good[i], calls);
        }
    }
}

/* The ceiling is the gateway's: 1.2 calls a request at most, whatever WORKERS says. */
static void test_outage_over_all_workers_stays_below_a_fifth(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers <= 64; workers++) {
        unsigned calls = 0, requests = 0;
        for (uint32_t w = 0; w < workers; w++) {
            struct retries r;
            unsigned share = 1000 / workers + (w < 1000 % workers);
            retries_init(&r, workers);
            requests += share;
            calls += calls_of_outage(&r, share);
        }
        assert_int_equal(requests, 1000);
        if (calls > 1200 || calls < 1050) {
            fail_msg("%u workers: %u calls", (unsigned)workers, calls);
        }
    }
}

static void test_empty_bucket_fills_by_a_tenth_a_request(void **state)
{
    (void)state;
    struct retries r;
    retries_init(&r, 50);
    assert_true(retries_take(&r));
    assert_false(retries_take(&r));
    for (int i = 0; i < 9; i++) {
        retries_earn(&r);
        assert_false(retries_take(&r));
    }
    retries_earn(&r);
    assert_true(retries_take(&r));
    assert_false(retries_take(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outage_costs_the_same_after_any_number_of_good_requests),
        cmocka_unit_test(test_outage_over_all_workers_stays_below_a_fifth),
        cmocka_unit_test(test_empty_bucket_fills_by_a_tenth_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
