/* What a lane is thought of, and who hears of it. */
#include "worker/moves/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "shm/memory/sticks.h"
#include "tests/unit/lane_case.h"

static void test_throttled_at_home_moves_on_and_stays_there(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    assert_int_equal(pick(&x), HOME);
    assert_int_equal(throttle(&x), EAST);
    assert_true(x.attempt.lane.moved);
    lane_good(&x);
    end(&x);
    assert_int_equal(lane_of(2), EAST); /* home is closed to all */
    lanes_good(&segment, HOME, x.attempt.lane.model, true, clock_mono_ms());
    assert_int_equal(lane_of(3), HOME);
    assert_int_equal(lane_of(1), EAST);
    assert_int_equal(lane_of(2), EAST);
    assert_int_equal(lanes_sum(&segment, EAST, LANES_MOVES), 1);
}

/* Two faults in a row close a lane: those of two requests. */
static void test_faults_of_one_request_count_once(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    pick(&x);
    assert_int_equal(refuse(&x, 500, STATUS_INTERNAL, COMPLAINT_NONE), EAST);
    assert_int_equal(refuse(&x, 500, STATUS_INTERNAL, COMPLAINT_NONE), FAR);
    assert_int_equal(refuse(&x, 500, STATUS_INTERNAL, COMPLAINT_NONE), 9);
    assert_int_equal(pick(&x), HOME); /* its second attempt */
    assert_int_equal(refuse(&x, 500, STATUS_INTERNAL, COMPLAINT_NONE), 9);
    assert_int_equal(why_of(HOME, x.attempt.lane.model), LANES_FINE);
    end(&x);
    struct exchange y = request(2, PLAIN);
    assert_int_equal(pick(&y), HOME);
    assert_int_equal(refuse(&y, 500, STATUS_INTERNAL, COMPLAINT_NONE), EAST);
    assert_int_equal(why_of(HOME, y.attempt.lane.model), LANES_FAILED);
    assert_int_equal(lanes_sum(&segment, HOME, LANES_FAILURES), 3); /* all are counted */
    end(&y);
}

static void test_probe_is_given_back_by_whoever_ends(void **state)
{
    (void)state;
    struct lanes_state s;
    struct exchange x = request(1, PLAIN), y = request(2, PLAIN);
    pick(&x);
    uint64_t model = x.attempt.lane.model, now_ms = clock_mono_ms();
    lanes_bad(&segment, HOME, model, LANES_THROTTLED, 0, false, now_ms - 2000);
    end(&x);
    x = request(1, PLAIN);
    assert_int_equal(pick(&x), HOME);
    assert_true(x.attempt.lane.lease);
    assert_int_equal(pick(&y), EAST); /* one at a time */
    end(&x);                          /* its client left */
    lanes_look(&segment, HOME, model, now_ms, &s);
    assert_true(s.half_open);
    end(&y);
    x = request(1, PLAIN);
    assert_int_equal(pick(&x), HOME);
    assert_int_equal(refuse(&x, 400, STATUS_INVALID, COMPLAINT_NONE), 9); /* tells nothing of it */
    lanes_look(&segment, HOME, model, now_ms, &s);
    assert_true(s.half_open);
    end(&x);
    assert_int_equal(lanes_sum(&segment, HOME, LANES_PROBES), 2);
}

static void test_all_closed_asks_the_first_to_open_and_says_when(void **state)
{
    (void)state;
    uint64_t until, now_ms = clock_mono_ms();
    struct exchange x = request(1, PLAIN);
    assert_false(lane_all_closed(&x, &until));
    static const uint64_t ms[] = {9000, 5000, 7000};
    for (unsigned i = 0; i < 3; i++) {
        lanes_bad(&segment, i, x.attempt.lane.model, LANES_THROTTLED, ms[i], false, now_ms);
    }
    assert_true(lane_all_closed(&x, &until));
    assert_in_range(until, now_ms + 5000, now_ms + 5064);
    assert_int_equal(pick(&x), EAST);
    end(&x);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_throttled_at_home_moves_on_and_stays_there),
        TEST(test_faults_of_one_request_count_once),
        TEST(test_probe_is_given_back_by_whoever_ends),
        TEST(test_all_closed_asks_the_first_to_open_and_says_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
