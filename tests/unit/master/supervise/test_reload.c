#include "master/supervise/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/scoreboard.h"

/* A roster whose processes are numbers only: nobody is forked, and nobody told. */

static struct roster r;
static struct reload l;
static char env_file[64];
static const struct reload_source source = {.env_file = env_file};

static void write_env(const char *text)
{
    FILE *f = fopen(env_file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int set_up(void **state)
{
    (void)state;
    struct err err;
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "test");
    clock_tick();
    snprintf(env_file, sizeof env_file, "/tmp/test_reload.XXXXXX");
    close(mkstemp(env_file));
    write_env("WORKERS=2\nSHUTDOWN_TIMEOUT=7\n");
    memset(&r, 0, sizeof r);
    assert_int_equal(segment_create(&r.segment, 4, 64, &err), STATUS_OK);
    roster_init(&r, 2);
    struct config *c = heap_new(sizeof *c);
    assert_int_equal(config_load(c, env_file, NULL, 0, &err), STATUS_OK);
    roster_want_set(&r, roster_active(&r), c);
    l = (struct reload){.source = &source, .roster = &r};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    roster_drop_config(&r.sets[0]);
    roster_drop_config(&r.sets[1]);
    segment_drop(&r.segment);
    return remove(env_file);
}

/* A pid that is nobody's: kill() of it finds no process. */
#define NOBODY 0x3ffffff0

static void play(uint32_t slot, bool runs, enum scoreboard_state state)
{
    r.children[slot].pid = runs ? NOBODY + (pid_t)slot : 0;
    scoreboard_state(&r.segment, slot, state);
}

static void test_progress_new_set_serves_before_the_old_one_drains(void **state)
{
    (void)state;
    play(1, true, SCOREBOARD_READY);
    play(2, true, SCOREBOARD_READY);
    reload_progress(&l, false);
    assert_false(l.starting);
    reload_ask(&l);
    reload_progress(&l, false);
    assert_true(l.starting && r.children[3].wanted && r.children[4].wanted);
    assert_true(reload_is_starting(&l, 4) && !reload_is_starting(&l, 2));
    play(3, true, SCOREBOARD_READY);
    play(4, true, SCOREBOARD_STARTING);
    reload_progress(&l, false);
    assert_true(l.starting && r.children[1].wanted && !r.children[1].asked);
    play(4, true, SCOREBOARD_READY);
    reload_progress(&l, false);
    assert_false(l.starting || r.children[1].wanted);
    assert_true(r.children[1].asked && r.children[2].asked && !r.children[3].asked);
    assert_int_equal(roster_active(&r)->first, 3);
    assert_in_range(r.children[1].kill_ms - clock_mono_ms(), 7000, 10000);
}

static void test_progress_waits_for_the_slots_and_for_its_master(void **state)
{
    (void)state;
    play(3, true, SCOREBOARD_DRAINING); /* of a reload before */
    reload_ask(&l);
    reload_ask(&l);
    reload_progress(&l, false);
    assert_false(l.starting);
    play(3, false, SCOREBOARD_FREE);
    reload_progress(&l, true);
    assert_true(l.wanted && !l.starting);
    reload_progress(&l, false);
    assert_true(l.starting && !l.wanted);
}

static void test_progress_bad_settings_change_nothing(void **state)
{
    (void)state;
    write_env("SHUTDOWN_TIMEOUT=soon\n");
    reload_ask(&l);
    reload_progress(&l, false);
    assert_false(l.starting || l.wanted || r.children[3].wanted);
}

static void test_progress_a_set_that_is_late_is_given_up(void **state)
{
    (void)state;
    reload_ask(&l);
    reload_progress(&l, false);
    play(3, true, SCOREBOARD_STARTING);
    l.until_ms = clock_mono_ms();
    reload_progress(&l, false);
    assert_false(l.starting || r.children[3].wanted);
    assert_true(r.children[3].asked && r.children[1].wanted);
    assert_int_equal(roster_active(&r)->first, 1);
}

static void test_abort_leaves_a_later_wish(void **state)
{
    (void)state;
    reload_ask(&l);
    reload_progress(&l, false);
    reload_ask(&l);
    reload_abort(&l, "as told");
    assert_true(l.wanted && !l.starting);
    reload_progress(&l, false);
    assert_true(l.starting && !l.wanted);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_progress_new_set_serves_before_the_old_one_drains),
        CASE(test_progress_waits_for_the_slots_and_for_its_master),
        CASE(test_progress_bad_settings_change_nothing),
        CASE(test_progress_a_set_that_is_late_is_given_up),
        CASE(test_abort_leaves_a_later_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
