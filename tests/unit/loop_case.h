/*
 * loop_case.h - what the test_loop*.c programs share: a loop made anew for each test, and a trace of
 * what happened on it.
 */
#ifndef TESTS_UNIT_LOOP_CASE_H
#define TESTS_UNIT_LOOP_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "server/net/loop.h"

/* What happened, in order: one letter an event. */
static char trace[256];

static inline void note(char c)
{
    size_t n = strlen(trace);
    assert_true(n + 1 < sizeof trace);
    trace[n] = c;
    trace[n + 1] = 0;
}

static int setup(void **state)
{
    struct err err = {0};
    trace[0] = 0;
    *state = loop_new(&err);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    loop_drop(*state);
    return 0;
}

static void stop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

static inline void one_turn(struct loop *loop)
{
    loop_defer(loop, stop, NULL);
    loop_run(loop);
}

static inline void note_owner(struct loop *loop, void *owner)
{
    (void)loop;
    note(*(const char *)owner);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
