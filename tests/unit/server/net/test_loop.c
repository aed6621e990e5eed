#include "server/net/loop.h"

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "tests/unit/loop_case.h"

/* ---- timers ------------------------------------------------------------------------------ */

static void test_timers_fire_in_order_of_time(void **state)
{
    struct loop *loop = *state;
    static const struct {
        const char *name;
        uint64_t at_ms;
    } table[] = {{"c", 30}, {"a", 10}, {"e", 50}, {"b", 20}, {"d", 40}};
    struct loop_timer timers[5] = {0}, last = {0};
    uint64_t past_ms = clock_mono_ms() - 100; /* all are due at once */
    for (size_t i = 0; i < 5; i++)
        loop_timer_set(loop, &timers[i], past_ms + table[i].at_ms, note_owner,
                       (void *)table[i].name);
    loop_timer_in(loop, &last, 5, stop, NULL);
    loop_run(loop);
    assert_string_equal(trace, "abcde");
}

static void test_timer_moved_or_cancelled_obeys(void **state)
{
    struct loop *loop = *state;
    struct loop_timer a = {0}, b = {0}, c = {0}, last = {0};
    uint64_t past_ms = clock_mono_ms() - 100;
    loop_timer_set(loop, &a, past_ms + 1, note_owner, "a");
    loop_timer_set(loop, &b, past_ms + 2, note_owner, "b");
    loop_timer_set(loop, &c, past_ms + 3, note_owner, "c");
    loop_timer_set(loop, &a, past_ms + 9, note_owner, "a"); /* behind c */
    loop_timer_cancel(loop, &b);
    loop_timer_cancel(loop, &b); /* twice is fine */
    assert_int_equal(b.index, 0);
    loop_timer_in(loop, &last, 2, stop, NULL);
    loop_run(loop);
    assert_string_equal(trace, "ca");
}

/* The heap against a plain search, with many moves. */
static void test_timers_many_random_moves_keep_order(void **state)
{
    struct loop *loop = *state;
    enum { N = 300 };
    static struct loop_timer timers[N];
    memset(timers, 0, sizeof timers);
    uint32_t seed = 7;
    uint64_t base_ms = clock_mono_ms() + 1000000;
    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525 + 1013904223;
        struct loop_timer *t = &timers[(seed >> 8) % N];
        if (seed >> 30 == 0)
            loop_timer_cancel(loop, t);
        else
            loop_timer_set(loop, t, base_ms + (seed >> 16) % 1000, note_owner, "x");
    }
    for (;;) { /* the earliest one always has index 1 */
        struct loop_timer *top = NULL, *least = NULL;
        for (int i = 0; i < N; i++) {
            if (timers[i].index == 1)
                top = &timers[i];
            if (timers[i].index > 0 && (!least || timers[i].at_ms < least->at_ms))
                least = &timers[i];
        }
        if (!least)
            break;
        assert_non_null(top);
        assert_int_equal(top->at_ms, least->at_ms);
        loop_timer_cancel(loop, top);
    }
}

static void again(struct loop *loop, void *owner)
{
    note('t');
    loop_timer_in(loop, owner, 0, again, owner);
    if (strlen(trace) == 3)
        loop_stop(loop);
}

static void test_timer_that_sets_itself_to_now_fires_once_a_turn(void **state)
{
    struct loop *loop = *state;
    struct loop_timer t = {0};
    uint64_t before = loop_turns(loop);
    loop_timer_in(loop, &t, 0, again, &t);
    loop_run(loop);
    assert_int_equal(loop_turns(loop) - before, 3);
    loop_timer_cancel(loop, &t);
}

static void test_timer_waits_its_time(void **state)
{
    struct loop *loop = *state;
    struct loop_timer t = {0};
    clock_tick();
    uint64_t start_ns = clock_now_ns();
    loop_timer_in(loop, &t, 30, stop, NULL);
    loop_run(loop);
    assert_in_range(clock_now_ns() - start_ns, 28000000, 500000000);
}

/* ---- deferred work ----------------------------------------------------------------------- */

static void defer_another(struct loop *loop, void *owner)
{
    note_owner(loop, owner);
    loop_defer(loop, note_owner, "z");
}

static void test_deferred_runs_in_order_and_later_ones_next_turn(void **state)
{
    struct loop *loop = *state;
    loop_defer(loop, defer_another, "a");
    loop_defer(loop, note_owner, "b");
    one_turn(loop);
    assert_string_equal(trace, "ab");
    one_turn(loop);
    assert_string_equal(trace, "abz");
}

static void test_drop_runs_deferred_work(void **state)
{
    (void)state;
    trace[0] = 0;
    struct loop *loop = loop_new(NULL);
    loop_defer(loop, defer_another, "a");
    loop_drop(loop);
    assert_string_equal(trace, "az");
}

static void test_each_turn_runs_before_the_rest(void **state)
{
    struct loop *loop = *state;
    struct loop_timer t = {0};
    loop_each_turn(loop, note_owner, "e");
    loop_timer_in(loop, &t, 0, note_owner, "t");
    loop_defer(loop, note_owner, "d");
    one_turn(loop);
    assert_string_equal(trace, "etd");
}

static void count_fired(struct loop *loop, void *owner)
{
    (void)loop;
    ++*(unsigned *)owner;
}

static void test_many_timers_and_deferred_calls_all_run(void **state)
{
    struct loop *loop = *state;
    enum { N = 20000 }; /* more than the arrays hold at first */
    struct loop_timer *timers = heap_new(N * sizeof *timers);
    unsigned fired = 0, deferred = 0;
    for (size_t i = 0; i < N; i++) {
        loop_timer_in(loop, &timers[i], 0, count_fired, &fired);
        loop_defer(loop, count_fired, &deferred);
    }
    one_turn(loop);
    assert_int_equal(fired, N);
    assert_int_equal(deferred, N);
    heap_drop(timers);
}

static void test_new_without_memory_fails_with_reason(void **state)
{
    (void)state;
    for (unsigned long k = 1; k <= 4; k++) {
        struct err err = {0};
        heap_fail_after(k);
        struct loop *loop = loop_new(&err);
        heap_fail_after(0);
        assert_null(loop);
        assert_int_equal(err.code, STATUS_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_timers_fire_in_order_of_time),
        T(test_timer_moved_or_cancelled_obeys),
        T(test_timers_many_random_moves_keep_order),
        T(test_timer_that_sets_itself_to_now_fires_once_a_turn),
        T(test_timer_waits_its_time),
        T(test_deferred_runs_in_order_and_later_ones_next_turn),
        cmocka_unit_test(test_drop_runs_deferred_work),
        T(test_each_turn_runs_before_the_rest),
        T(test_many_timers_and_deferred_calls_all_run),
        cmocka_unit_test(test_new_without_memory_fails_with_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
