#include "master/supervise/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_ended_bad_runs_wait_and_double(void **state)
{
    (void)state;
    static const uint32_t expected[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct throttle t = {0};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint32_t wait = throttle_ended(&t, 5, false);
        if (wait != expected[i]) {
            fail_msg("bad end %zu waits %u ms, not %u", i + 1, wait, expected[i]);
        }
    }
}

static void test_ended_good_run_starts_over(void **state)
{
    (void)state;
    struct throttle t = {0};
    for (int i = 0; i < 5; i++) {
        throttle_ended(&t, 5, false);
    }
    assert_int_equal(throttle_ended(&t, THROTTLE_GOOD_MS, true), 0);
    assert_int_equal(throttle_ended(&t, THROTTLE_GOOD_MS - 1, true), THROTTLE_FIRST_MS);
}

static void test_hopeless_only_after_the_maximum_many_times(void **state)
{
    (void)state;
    struct throttle t = {0};
    uint32_t waited = 0;
    for (int ends = 0; !throttle_hopeless(&t); ends++) {
        assert_true(ends < 100);
        waited += throttle_ended(&t, 0, false);
    }
    assert_in_range(waited, THROTTLE_HOPELESS * THROTTLE_MAX_MS,
                    THROTTLE_HOPELESS * THROTTLE_MAX_MS + 10000);
    throttle_ended(&t, THROTTLE_GOOD_MS, true);
    assert_false(throttle_hopeless(&t));
}

/* A stranger who has found a crash must not end the service with it. */
static void test_hopeless_never_by_processes_that_served(void **state)
{
    (void)state;
    struct throttle t = {0};
    for (int ends = 0; ends < 1000; ends++) {
        assert_in_range(throttle_ended(&t, 5, true), 0, THROTTLE_MAX_MS);
        assert_false(throttle_hopeless(&t));
    }
    for (uint32_t ends = 1; ends < THROTTLE_HOPELESS; ends++) {
        throttle_ended(&t, 5, false);
        assert_false(throttle_hopeless(&t));
    }
    throttle_ended(&t, 5, true); /* one that served: the count begins anew */
    throttle_ended(&t, 5, false);
    assert_false(throttle_hopeless(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ended_bad_runs_wait_and_double),
        cmocka_unit_test(test_ended_good_run_starts_over),
        cmocka_unit_test(test_hopeless_only_after_the_maximum_many_times),
        cmocka_unit_test(test_hopeless_never_by_processes_that_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
