#include "master/supervise/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "server/base/log.h"
#include "tests/unit/fake_processes.h"

static struct roster r;

static int set_up(void **state)
{
    (void)state;
    struct err err;
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "test");
    clock_tick();
    fake_open();
    assert_int_equal(segment_create(&r.segment, 4, 64, &err), STATUS_OK);
    roster_init(&r, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&r.segment);
    munmap(fake, sizeof *fake);
    return 0;
}

/* A process in this slot that only sleeps. */
static pid_t sleeper(uint32_t slot, enum scoreboard_state phase)
{
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    r.children[slot].pid = pid;
    scoreboard_forked(&r.segment, slot, (uint32_t)pid);
    scoreboard_state(&r.segment, slot, phase);
    return pid;
}

static int signal_that_ended(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_sets_lie_side_by_side(void **state)
{
    (void)state;
    struct config c = {.workers = 2};
    assert_int_equal(roster_slots(&r), 5);
    roster_want_set(&r, roster_active(&r), &c);
    roster_want_set(&r, roster_other(&r), &c);
    assert_true(roster_in_set(roster_active(&r), 1) && roster_in_set(roster_active(&r), 2));
    assert_true(roster_in_set(roster_other(&r), 3) && roster_in_set(roster_other(&r), 4));
    assert_false(roster_in_set(roster_active(&r), 0));
    assert_true(r.children[4].wanted);
    assert_false(r.children[0].wanted);
}

static void test_want_set_smaller_configuration_uses_fewer_slots(void **state)
{
    (void)state;
    struct config c = {.workers = 1};
    roster_want_set(&r, roster_other(&r), &c);
    assert_true(r.children[3].wanted);
    assert_false(r.children[4].wanted);
}

static void test_look_after_silent_process_gets_sigabrt(void **state)
{
    (void)state;
    pid_t pid = sleeper(1, SCOREBOARD_READY);
    for (int look = 0; look < 10; look++) { /* the first sees a new word */
        roster_look_after(&r);
        assert_int_equal(r.children[1].kill_ms, 0);
    }
    roster_look_after(&r);
    assert_true(r.children[1].kill_ms > clock_mono_ms());
    assert_int_equal(signal_that_ended(pid), SIGABRT);
}

static void test_look_after_beating_process_is_left_alone(void **state)
{
    (void)state;
    pid_t pid = sleeper(1, SCOREBOARD_READY);
    for (uint64_t look = 1; look < 40; look++) {
        if (look % 9 == 0) {
            scoreboard_beat(&r.segment, 1, look);
        }
        roster_look_after(&r);
    }
    assert_int_equal(r.children[1].kill_ms, 0);
    kill(pid, SIGKILL);
    assert_int_equal(signal_that_ended(pid), SIGKILL);
}

static void test_look_after_starting_process_has_more_time(void **state)
{
    (void)state;
    pid_t pid = sleeper(2, SCOREBOARD_STARTING);
    for (int look = 0; look < 30; look++) {
        roster_look_after(&r);
        assert_int_equal(r.children[2].kill_ms, 0);
    }
    roster_look_after(&r);
    assert_int_equal(signal_that_ended(pid), SIGABRT);
}

static void test_ask_process_that_stays_is_killed(void **state)
{
    (void)state;
    pid_t pid = sleeper(1, SCOREBOARD_READY);
    roster_ask(&r, 1, SIGCONT, 0); /* a signal that ends nothing */
    assert_true(r.children[1].asked);
    assert_int_equal(roster_next_ms(&r, UINT64_MAX), r.children[1].kill_ms);
    roster_kill_late(&r);
    assert_int_equal(signal_that_ended(pid), SIGKILL);
    roster_reaped(&r, 1);
    assert_int_equal(r.children[1].pid, 0);
    assert_int_equal(r.segment.scoreboard[1].state, SCOREBOARD_FREE);
    assert_int_equal(roster_slot_of(&r, pid), roster_slots(&r));
}

/* A set that drains since a reload has its time from then, whatever else is stopped later. */
static void test_ask_twice_leaves_the_first_time(void **state)
{
    (void)state;
    pid_t pid = sleeper(1, SCOREBOARD_READY);
    roster_ask(&r, 1, SIGCONT, 5000);
    uint64_t kill_ms = r.children[1].kill_ms;
    roster_ask(&r, 1, SIGTERM, 9000); /* would end it: it has no handler */
    assert_int_equal(r.children[1].kill_ms, kill_ms);
    usleep(20000);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    roster_ask(&r, 1, SIGINT, 100); /* at once is another matter */
    assert_true(r.children[1].kill_ms < kill_ms);
    assert_int_equal(signal_that_ended(pid), SIGINT);
}

/* The process in this slot has ended of itself, after ran_ms. Returns when it is started again. */
static uint32_t ends(uint32_t slot, enum scoreboard_state phase, uint64_t ran_ms)
{
    scoreboard_state(&r.segment, slot, phase);
    r.children[slot].pid = 1;
    r.children[slot].started_ms = clock_mono_ms() - ran_ms;
    roster_reaped(&r, slot);
    uint32_t wait = roster_again(&r, slot);
    roster_rescue(&r, slot);
    return wait;
}

static bool due_now(uint32_t slot)
{
    return r.children[slot].due_ms <= clock_mono_ms();
}

/* Slots 1 and 2 of the active set; what runs in the other one does not count. */
static void want_two(struct config *c)
{
    *c = (struct config){.workers = 2};
    roster_want_set(&r, roster_active(&r), c);
    r.children[3].pid = 1;
}

static void test_again_each_slot_has_its_own_wait(void **state)
{
    (void)state;
    struct config c;
    want_two(&c);
    r.children[2].pid = 1;
    assert_int_equal(ends(1, SCOREBOARD_READY, 5), 0);
    assert_int_equal(ends(1, SCOREBOARD_READY, 5), THROTTLE_FIRST_MS);
    assert_int_equal(ends(1, SCOREBOARD_DRAINING, 5), 2 * THROTTLE_FIRST_MS);
    assert_int_equal(ends(1, SCOREBOARD_READY, THROTTLE_GOOD_MS), 0);
}

static void test_again_one_worker_is_always_started_at_once(void **state)
{
    (void)state;
    struct config c;
    want_two(&c);
    for (int i = 0; i < 200; i++) { /* they serve, and somebody ends them */
        bool first = due_now(1);
        ends(first ? 1 : 2, SCOREBOARD_READY, 5);
        assert_true(due_now(1) || due_now(2));
        if (i > 20) {
            assert_true(due_now(1) != due_now(2)); /* one: the others keep their wait */
        }
    }
    assert_false(roster_hopeless(&r, 1) || roster_hopeless(&r, 2));
}

static void test_again_workers_that_never_serve_wait_together(void **state)
{
    (void)state;
    struct config c;
    uint32_t longest = 0;
    want_two(&c);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t wait = ends(1 + i % 2, SCOREBOARD_STARTING, 5);
        longest = wait > longest ? wait : longest;
        assert_true(i < 20 || !(due_now(1) || due_now(2)));
    }
    assert_int_equal(longest, THROTTLE_MAX_MS);
    assert_true(roster_hopeless(&r, 1));
    scoreboard_state(&r.segment, 2, SCOREBOARD_READY);
    assert_false(roster_hopeless(&r, 1)); /* somebody serves */
}

static void test_again_after_a_crash_at_start_the_next_is_not_far(void **state)
{
    (void)state;
    struct config c;
    want_two(&c);
    for (uint32_t i = 0; i < 40; i++) { /* both have a long wait */
        ends(1 + i % 2, SCOREBOARD_READY, 5);
    }
    uint32_t wait_ms = THROTTLE_FIRST_MS;
    for (int i = 0; i < 3; i++) { /* the one that was started at once has bad luck */
        ends(r.children[1].due_ms < r.children[2].due_ms ? 1 : 2, SCOREBOARD_STARTING, 5);
        assert_int_equal(roster_next_ms(&r, UINT64_MAX), clock_mono_ms() + wait_ms);
        wait_ms *= 2;
    }
}

static void test_again_the_refresher_saves_nobody(void **state)
{
    (void)state;
    struct config c;
    want_two(&c);
    roster_want(&r, 0);
    for (int i = 0; i < 10; i++) {
        ends(0, SCOREBOARD_READY, 5);
    }
    assert_false(due_now(0));
    assert_false(roster_hopeless(&r, 0));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sets_lie_side_by_side),
        CASE(test_want_set_smaller_configuration_uses_fewer_slots),
        CASE(test_look_after_silent_process_gets_sigabrt),
        CASE(test_look_after_beating_process_is_left_alone),
        CASE(test_look_after_starting_process_has_more_time),
        CASE(test_ask_process_that_stays_is_killed),
        CASE(test_ask_twice_leaves_the_first_time),
        CASE(test_again_each_slot_has_its_own_wait),
        CASE(test_again_one_worker_is_always_started_at_once),
        CASE(test_again_workers_that_never_serve_wait_together),
        CASE(test_again_after_a_crash_at_start_the_next_is_not_far),
        CASE(test_again_the_refresher_saves_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
