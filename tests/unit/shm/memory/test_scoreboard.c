#include "shm/memory/scoreboard.h"
#include "shm/memory/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 4, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void test_forked_free_slot_is_starting(void **state)
{
    (void)state;
    scoreboard_forked(&seg, 2, 4711);
    const struct scoreboard_slot *p = &seg.scoreboard[2];
    assert_int_equal(atomic_load(&p->pid), 4711);
    assert_int_equal(atomic_load(&p->state), SCOREBOARD_STARTING);
    assert_int_equal(atomic_load(&p->generation), 1);
    assert_true(atomic_load(&p->heartbeat_ms) > 0);
    assert_true(atomic_load(&p->started_ms) > 1600000000000ull);
}

static void test_forked_after_a_quick_child_leaves_it_ready(void **state)
{
    (void)state;
    scoreboard_enter(&seg, 2);
    scoreboard_state(&seg, 2, SCOREBOARD_READY);
    scoreboard_forked(&seg, 2, (uint32_t)getpid());
    assert_int_equal(atomic_load(&seg.scoreboard[2].state), SCOREBOARD_READY);
}

static void test_enter_after_a_dead_process_forgets_its_load(void **state)
{
    (void)state;
    scoreboard_load(&seg, 1, 500, 200);
    scoreboard_state(&seg, 1, SCOREBOARD_READY);
    scoreboard_enter(&seg, 1);
    assert_int_equal(atomic_load(&seg.scoreboard[1].connections), 0);
    assert_int_equal(atomic_load(&seg.scoreboard[1].streams), 0);
    assert_int_equal(atomic_load(&seg.scoreboard[1].state), SCOREBOARD_STARTING);
    assert_int_equal(atomic_load(&seg.scoreboard[1].pid), (uint32_t)getpid());
}

static void test_least_busy_looks_at_ready_workers_only(void **state)
{
    (void)state;
    uint32_t connections;
    assert_int_equal(scoreboard_least_busy(&seg, &connections), 0);
    assert_int_equal(scoreboard_ready_workers(&seg), 0);
    static const struct {
        uint32_t slot, connections;
        enum scoreboard_state state;
    } rows[] = {{0, 1, SCOREBOARD_READY}, /* the refresher */
                {1, 9, SCOREBOARD_READY},
                {2, 2, SCOREBOARD_DRAINING},
                {3, 5, SCOREBOARD_READY},
                {4, 0, SCOREBOARD_STARTING}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scoreboard_load(&seg, rows[i].slot, rows[i].connections, 0);
        scoreboard_state(&seg, rows[i].slot, rows[i].state);
    }
    assert_int_equal(scoreboard_least_busy(&seg, &connections), 3);
    assert_int_equal(connections, 5);
    assert_int_equal(scoreboard_ready_workers(&seg), 2);
}

static void test_listening_ends_when_a_successor_enters(void **state)
{
    (void)state;
    scoreboard_listening(&seg, 2, true);
    assert_true(scoreboard_is_listening(&seg, 2));
    assert_false(scoreboard_is_listening(&seg, 1));
    scoreboard_enter(&seg, 2);
    assert_false(scoreboard_is_listening(&seg, 2));
}

static void test_beat_writes_its_own_slot(void **state)
{
    (void)state;
    scoreboard_beat(&seg, 3, 123456);
    assert_int_equal(atomic_load(&seg.scoreboard[3].heartbeat_ms), 123456);
    assert_int_equal(atomic_load(&seg.scoreboard[2].heartbeat_ms), 0);
}

static void test_ended_keeps_how_until_the_next_end(void **state)
{
    (void)state;
    struct scoreboard_end end;
    assert_false(scoreboard_last_end(&seg, 2, &end));
    scoreboard_enter(&seg, 2);
    scoreboard_exchange(&seg, 2, 4);
    memcpy(scoreboard_panic(&seg, 2), "a.c:1: x", sizeof "a.c:1: x");
    scoreboard_ended(&seg, 2, SIGABRT);
    scoreboard_enter(&seg, 2); /* the successor has a sheet of its own */
    assert_int_equal(atomic_load(&seg.scoreboard[2].exchange), 0);
    assert_int_equal(scoreboard_panic(&seg, 2)[0], 0);
    assert_true(scoreboard_last_end(&seg, 2, &end));
    assert_int_equal(end.status, SIGABRT);
    assert_int_equal(end.exchange, 4);
    assert_string_equal(end.panic, "a.c:1: x");
    assert_true(end.at_ms > 1600000000000ull);
    scoreboard_ended(&seg, 2, SIGKILL); /* it had nothing to say */
    assert_true(scoreboard_last_end(&seg, 2, &end));
    assert_int_equal(end.status, SIGKILL);
    assert_int_equal(end.exchange, 0);
    assert_string_equal(end.panic, "");
    assert_false(scoreboard_last_end(&seg, 1, &end));
}

/* Killed while it wrote, or taken over: no end, bytes that a terminal would act on. */
static void test_last_end_trusts_no_text(void **state)
{
    (void)state;
    struct scoreboard_end end;
    char *text = scoreboard_panic(&seg, 1);
    memset(text, 'a', SCOREBOARD_TEXT);
    memcpy(text, "\x1b[2J\n\xff", 6);
    scoreboard_ended(&seg, 1, SIGKILL);
    assert_true(scoreboard_last_end(&seg, 1, &end));
    assert_int_equal(strlen(end.panic), SCOREBOARD_TEXT - 1);
    assert_memory_equal(end.panic, "?[2J??aaa", 9);
}

static void test_leave_by_is_forgotten_by_the_next_fork(void **state)
{
    (void)state;
    scoreboard_leave_by(&seg, 0, 123);
    scoreboard_enter(&seg, 0); /* told before it came so far: still told */
    assert_int_equal(atomic_load(&seg.scoreboard[0].leave_by_ms), 123);
    scoreboard_forked(&seg, 0, 4711);
    assert_int_equal(atomic_load(&seg.scoreboard[0].leave_by_ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forked_free_slot_is_starting, make, drop),
        cmocka_unit_test_setup_teardown(test_forked_after_a_quick_child_leaves_it_ready, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_enter_after_a_dead_process_forgets_its_load, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_least_busy_looks_at_ready_workers_only, make, drop),
        cmocka_unit_test_setup_teardown(test_listening_ends_when_a_successor_enters, make, drop),
        cmocka_unit_test_setup_teardown(test_beat_writes_its_own_slot, make, drop),
        cmocka_unit_test_setup_teardown(test_ended_keeps_how_until_the_next_end, make, drop),
        cmocka_unit_test_setup_teardown(test_last_end_trusts_no_text, make, drop),
        cmocka_unit_test_setup_teardown(test_leave_by_is_forgotten_by_the_next_fork, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
