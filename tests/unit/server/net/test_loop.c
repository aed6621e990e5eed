#include "server/net/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"

/* What happened, in order: one letter an event. */
static char trace[256];

static void note(char c)
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

static void one_turn(struct loop *loop)
{
    loop_defer(loop, stop, NULL);
    loop_run(loop);
}

static void note_owner(struct loop *loop, void *owner)
{
    (void)loop;
    note(*(const char *)owner);
}

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

/* ---- descriptors ------------------------------------------------------------------------- */

struct watch {
    loop_handle handle, other;
    int fd, other_fd;
    unsigned events;
    int calls;
};

static void count(struct loop *loop, void *owner, unsigned events)
{
    struct watch *w = owner;
    (void)loop;
    w->events = events;
    w->calls++;
}

static void test_events_are_told_as_asked(void **state)
{
    struct loop *loop = *state;
    struct err err;
    struct watch w = {0};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w.handle = loop_add(loop, pair[0], LOOP_READ, count, &w, &err);
    assert_true(w.handle);
    one_turn(loop);
    assert_int_equal(w.calls, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_READ);
    loop_change(loop, w.handle, LOOP_WRITE);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_WRITE);
    loop_change(loop, w.handle, LOOP_RDHUP);
    w.calls = 0;
    one_turn(loop);
    assert_int_equal(w.calls, 0);
    shutdown(pair[1], SHUT_WR);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_RDHUP);
    loop_change(loop, w.handle, 0);
    close(pair[1]);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_ERROR); /* nobody asked: always told */
    loop_remove(loop, w.handle);
    w.calls = 0;
    one_turn(loop);
    assert_int_equal(w.calls, 0);
    close(pair[0]);
}

/* Whoever is called first removes the other one, closes it and has its number watched anew. */
static void replace_other(struct loop *loop, void *owner, unsigned events)
{
    struct watch *w = owner;
    (void)events;
    w->calls++;
    loop_remove(loop, w->other);
    loop_remove(loop, w->other); /* stale: nothing happens */
    assert_int_equal(dup2(w->fd, w->other_fd), w->other_fd);
    w->other = loop_add(loop, w->other_fd, LOOP_READ, count, w, NULL);
    assert_true(w->other);
}

static void test_event_of_a_removed_descriptor_is_not_delivered(void **state)
{
    struct loop *loop = *state;
    int a[2], b[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    struct watch first = {.fd = a[0], .other_fd = b[0]}, second = {.fd = b[0], .other_fd = a[0]};
    first.handle = loop_add(loop, a[0], LOOP_READ, replace_other, &first, NULL);
    second.handle = loop_add(loop, b[0], LOOP_READ, replace_other, &second, NULL);
    first.other = second.handle;
    second.other = first.handle;
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    one_turn(loop); /* both events are in the batch; the second is stale */
    assert_int_equal(first.calls + second.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void test_number_reused_behind_our_back_gets_new_owner(void **state)
{
    struct loop *loop = *state;
    int pair[2];
    struct watch old = {0}, fresh = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    old.handle = loop_add(loop, pair[0], LOOP_READ, count, &old, NULL);
    int number = pair[0];
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pair[0], number);
    fresh.handle = loop_add(loop, pair[0], LOOP_READ, count, &fresh, NULL);
    assert_int_not_equal(fresh.handle, old.handle);
    loop_change(loop, old.handle, 0); /* stale: must not touch the new one */
    loop_remove(loop, old.handle);
    assert_int_equal(write(pair[1], "x", 1), 1);
    one_turn(loop);
    assert_int_equal(old.calls, 0);
    assert_int_equal(fresh.calls, 1);
    loop_remove(loop, fresh.handle);
    loop_remove(loop, 0);
    close(pair[0]);
    close(pair[1]);
}

static void test_change_after_reuse_adds_again(void **state)
{
    struct loop *loop = *state;
    int pair[2];
    struct watch w = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    w.handle = loop_add(loop, pair[0], LOOP_READ, count, &w, NULL);
    int number = pair[0];
    close(pair[0]); /* epoll forgets it */
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(pair[0], number);
    loop_change(loop, w.handle, LOOP_WRITE);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_WRITE);
    loop_remove(loop, w.handle);
    close(pair[0]);
    close(pair[1]);
}

static void test_add_high_number_grows_the_table(void **state)
{
    struct loop *loop = *state;
    struct watch w = {0};
    int fd = loop_eventfd(NULL), high = dup2(fd, 900);
    assert_int_equal(high, 900);
    w.handle = loop_add(loop, high, LOOP_READ, count, &w, NULL);
    loop_eventfd_ring(fd);
    one_turn(loop);
    assert_int_equal(w.calls, 1);
    loop_remove(loop, w.handle);
    close(high);
    close(fd);
}

static void test_exclusive_descriptor_is_watched(void **state)
{
    struct loop *loop = *state;
    struct watch w = {0};
    int fd = loop_eventfd(NULL);
    w.handle = loop_add(loop, fd, LOOP_READ | LOOP_EXCLUSIVE, count, &w, NULL);
    assert_true(w.handle);
    loop_eventfd_ring(fd);
    one_turn(loop);
    assert_int_equal(w.events, LOOP_READ);
    loop_remove(loop, w.handle);
    close(fd);
}

static void test_add_bad_descriptor_fails_with_reason(void **state)
{
    struct err err = {0};
    int pair[2];
    struct watch w = {0};
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(loop_add(*state, pair[0], LOOP_READ, count, &w, &err), 0);
    assert_int_equal(err.code, STATUS_INTERNAL);
    assert_non_null(strstr(err.text, "Bad file descriptor"));
}

static void sleep_25_ms(struct loop *loop, void *owner)
{
    (void)loop;
    (void)owner;
    usleep(25000);
}

static void test_slow_turn_is_logged(void **state)
{
    struct loop *loop = *state;
    int pipe_fds[2], saved_out = dup(1), saved_err = dup(2);
    char line[512] = "";
    assert_int_equal(pipe(pipe_fds), 0);
    fflush(stdout);
    dup2(pipe_fds[1], 1);
    dup2(pipe_fds[1], 2);
    log_init(LOG_WARN, LOG_FORMAT_TEXT, "test");
    loop_defer(loop, sleep_25_ms, NULL);
    one_turn(loop);
    loop_defer(loop, note_owner, "q"); /* a quick one logs nothing */
    one_turn(loop);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    close(pipe_fds[1]);
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);
    close(pipe_fds[0]);
    assert_true(n > 0);
    char *hit = strstr(line, "a turn with");
    assert_non_null(hit);
    assert_null(strstr(hit + 1, "a turn with"));
}

/* ---- wake-ups and signals ---------------------------------------------------------------- */

static void test_eventfd_rung_twice_wakes_once(void **state)
{
    struct loop *loop = *state;
    struct watch w = {0};
    int fd = loop_eventfd(NULL);
    w.handle = loop_add(loop, fd, LOOP_READ, count, &w, NULL);
    loop_eventfd_ring(fd);
    loop_eventfd_ring(fd);
    one_turn(loop);
    assert_int_equal(w.calls, 1);
    loop_eventfd_clear(fd);
    loop_eventfd_clear(fd); /* never blocks */
    one_turn(loop);
    assert_int_equal(w.calls, 1);
    loop_remove(loop, w.handle);
    close(fd);
}

static void test_signalfd_gives_signal_and_sender(void **state)
{
    struct loop *loop = *state;
    static const int signals[] = {SIGUSR1, SIGUSR2, 0};
    struct watch w = {0};
    sigset_t before;
    sigprocmask(SIG_SETMASK, NULL, &before);
    int fd = loop_signalfd(signals, NULL), pid = 0;
    assert_true(fd >= 0);
    assert_int_equal(loop_signalfd_read(fd, &pid), 0);
    w.handle = loop_add(loop, fd, LOOP_READ, count, &w, NULL);
    kill(getpid(), SIGUSR2);
    one_turn(loop);
    assert_int_equal(w.calls, 1);
    assert_int_equal(loop_signalfd_read(fd, &pid), SIGUSR2);
    assert_int_equal(pid, getpid());
    assert_int_equal(loop_signalfd_read(fd, NULL), 0);
    loop_remove(loop, w.handle);
    close(fd);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        T(test_events_are_told_as_asked),
        T(test_event_of_a_removed_descriptor_is_not_delivered),
        T(test_number_reused_behind_our_back_gets_new_owner),
        T(test_change_after_reuse_adds_again),
        T(test_add_high_number_grows_the_table),
        T(test_exclusive_descriptor_is_watched),
        T(test_add_bad_descriptor_fails_with_reason),
        T(test_slow_turn_is_logged),
        T(test_eventfd_rung_twice_wakes_once),
        T(test_signalfd_gives_signal_and_sender),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
