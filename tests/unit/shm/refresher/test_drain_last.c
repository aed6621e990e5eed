#include "shm/refresher/drain.h"

#include "tests/unit/drain_stage.h"

static enum status failing_version(struct keystore *k, int64_t *out, struct err *err)
{
    (void)k, (void)out;
    return err_set(err, STATUS_UNAVAILABLE, "no version");
}

static void test_last_takes_all_at_once(void **state)
{
    (void)state;
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    tick();
    fake.says = STATUS_OK;
    write_record(&writer, 2, false);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    drain_last(drain, 0);
    assert_int_equal(fake.count, 2);
}

static uint64_t in_ms(uint64_t ms)
{
    clock_tick();
    return clock_mono_ms() + ms;
}

static void test_last_asks_again_until_the_store_takes_them(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.outage = 3;
    drain_last(drain, in_ms(5000));
    assert_int_equal(fake.count, 1);
    assert_int_equal(fake.calls, 4);
    assert_in_range(in_ms(0) - begun, 1000, 3000); /* half a second each */
    assert_true(seg.scoreboard[0].heartbeat_ms >= begun + 500);
}

static void test_last_waits_for_a_store_that_cannot_be_read_either(void **state)
{
    (void)state;
    struct err err;
    write_record(&writer, 1, true);
    fake_ops.version = failing_version;
    assert_int_equal(keysync_tick(keys, &err), STATUS_OK);
    assert_null(keysync_store(keys));
    fake_ops.version = fake_version;
    drain_last(drain, in_ms(5000));
    assert_int_equal(fake.count, 1);
}

static void test_last_keeps_what_is_not_taken_in_time(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, in_ms(700));
    assert_in_range(in_ms(0) - begun, 700, 1200);
    assert_int_equal(waiting(), 1);
}

static void test_last_with_nothing_to_store_does_not_wait(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, in_ms(5000));
    assert_in_range(in_ms(0) - begun, 0, 300);
    assert_int_equal(fake.calls, 0);
}

static bool yes(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_last_in_a_hurry_tries_once(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    keysync_leaving(keys, yes, NULL);
    drain_last(drain, in_ms(5000));
    assert_in_range(in_ms(0) - begun, 0, 300);
    assert_int_equal(fake.calls, 1);
}

static void test_last_before_a_successor_tries_once(void **state)
{
    (void)state;
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, 0);
    assert_int_equal(fake.calls, 1);
    assert_int_equal(waiting(), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_last_takes_all_at_once),
        T(test_last_asks_again_until_the_store_takes_them),
        T(test_last_waits_for_a_store_that_cannot_be_read_either),
        T(test_last_keeps_what_is_not_taken_in_time),
        T(test_last_with_nothing_to_store_does_not_wait),
        T(test_last_in_a_hurry_tries_once),
        T(test_last_before_a_successor_tries_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
