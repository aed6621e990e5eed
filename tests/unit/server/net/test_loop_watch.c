#include "server/net/loop.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "tests/unit/loop_case.h"

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

static void nothing(struct loop *loop, void *owner)
{
    (void)loop;
    (void)owner;
}

/* Of a process that serves: one that only waits for something of its own delays nobody. */
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
    loop_each_turn(loop, nothing, NULL); /* from here on it serves */
    loop_defer(loop, sleep_25_ms, NULL);
    one_turn(loop);
    int slow = 1;
    for (int i = 0; i < 3; i++) { /* a quick one logs nothing; the machine may make it a slow one */
        uint64_t begin_ns = clock_now_ns();
        loop_defer(loop, note_owner, "q");
        one_turn(loop);
        slow += clock_now_ns() - begin_ns > 15000000;
    }
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
    int said = 0;
    for (; hit; hit = strstr(hit + 1, "a turn with")) {
        said++;
    }
    assert_in_range(said, 1, slow);
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
    const struct CMUnitTest tests[] = {
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
    return cmocka_run_group_tests(tests, NULL, NULL);
}
