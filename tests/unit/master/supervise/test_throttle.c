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
        uint32_t wait = throttle_ended(&t, 5);
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
        throttle_ended(&t, 5);
    }
    assert_int_equal(throttle_ended(&t, THROTTLE_GOOD_MS), 0);
    assert_int_equal(throttle_ended(&t, THROTTLE_GOOD_MS - 1), THROTTLE_FIRST_MS);
}

static void test_hopeless_only_after_the_maximum_many_times(void **state)
{
    (void)state;
    struct throttle t = {0};
    uint32_t waited = 0;
    for (int ends = 0; !throttle_hopeless(&t); ends++) {
        assert_true(ends < 100);
        waited += throttle_ended(&t, 0);
    }
    assert_in_range(waited, THROTTLE_HOPELESS * THROTTLE_MAX_MS,
                    THROTTLE_HOPELESS * THROTTLE_MAX_MS + 10000);
    throttle_ended(&t, THROTTLE_GOOD_MS);
    assert_false(throttle_hopeless(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ended_bad_runs_wait_and_double),
        cmocka_unit_test(test_ended_good_run_starts_over),
        cmocka_unit_test(test_hopeless_only_after_the_maximum_many_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
