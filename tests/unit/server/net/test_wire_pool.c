#include "server/net/wire.h"

#include "tests/unit/fetch_case.h"

static void check_big(const struct call *c)
{
    assert_int_equal(c->end, STATUS_OK);
    assert_int_equal(buf_len(&c->body), BIG);
    assert_memory_equal(buf_data(&c->body), big, BIG);
}

static void test_second_call_reuses_the_connection(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20; i++) {
        struct call c = {.w = w, .path = "/ok"};
        get(&c);
        assert_int_equal(c.end, STATUS_OK);
        buf_free(&c.body);
    }
    struct fetch_stats stats;
    fetch_stats(w->client, &stats);
    assert_int_equal(stats.started, 20);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(w->server.accepted, 1);
}

/* Slow machines get their time: up to 10 s, as long as something is missing. */
static void run_until_done(struct world *w, const struct call *calls, int n)
{
    for (int turn = 0; turn < 100; turn++) {
        run_for(w, 100);
        int done = 0;
        for (int i = 0; i < n; i++)
            done += calls[i].done_calls > 0;
        if (done == n && w->server.accepted - w->server.gone <= 8)
            return;
    }
}

/* The pool keeps 8 idle connections, however many were busy at once. */
static void test_many_calls_at_once_keep_the_pool(void **state)
{
    struct world *w = *state;
    enum { N = 30 };
    static struct call calls[N];
    for (unsigned round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            calls[i] = (struct call){.w = w, .path = "/chunked", .keep_loop = true};
            start_call(&calls[i], "GET", STR(""));
        }
        run_until_done(w, calls, N);
        for (int i = 0; i < N; i++) {
            assert_int_equal(calls[i].end, STATUS_OK);
            assert_int_equal(calls[i].done_calls, 1);
            assert_int_equal(buf_len(&calls[i].body), 60000);
            buf_free(&calls[i].body);
        }
        assert_int_equal(w->server.accepted - w->server.gone, 8);
    }
    assert_int_equal(w->server.accepted, N + N - 8);
}

/* More streams than the pool has room for must not end reuse. */
static void test_busy_connections_do_not_use_up_the_pool(void **state)
{
    struct world *w = *state;
    enum { N = 12 };
    static struct call busy[N];
    for (int i = 0; i < N; i++) {
        busy[i] = (struct call){.w = w, .path = "/half"};
        start_call(&busy[i], "GET", STR(""));
    }
    run_for(w, 50);
    for (int i = 0; i < 5; i++) {
        struct call c = {.w = w, .path = "/ok"};
        get(&c);
        buf_free(&c.body);
    }
    assert_int_equal(w->server.accepted, N + 1);
    for (int i = 0; i < N; i++) {
        fetch_cancel(busy[i].f);
        buf_free(&busy[i].body);
    }
}

/* More than libcurl is let to search at once, and back again. */
static void test_sixty_connections_come_and_go(void **state)
{
    struct world *w = *state;
    enum { N = 60 }; /* the listener has room for 64 */
    static struct call calls[N];
    for (unsigned round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            calls[i] =
                (struct call){.w = w, .path = round == 1 ? "/half" : "/ok", .keep_loop = true};
            start_call(&calls[i], "GET", STR(""));
        }
        RUN_UNTIL(w, w->server.requests == (round + 1) * N);
        for (int i = 0; i < N; i++) {
            if (calls[i].f && round == 1)
                fetch_cancel(calls[i].f);
        }
        for (int i = 0; i < N; i++) {
            RUN_UNTIL(w, calls[i].done_calls == (round != 1));
            assert_int_equal(calls[i].done_calls, round != 1);
            buf_free(&calls[i].body);
        }
    }
    RUN_UNTIL(w, w->server.accepted - w->server.gone == 8);
    assert_int_equal(w->server.accepted - w->server.gone, 8);
}

static void shout(struct loopback_conn *c)
{
    static const char unasked[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
    assert_int_equal(send(c->fd, unasked, sizeof unasked - 1, MSG_NOSIGNAL), sizeof unasked - 1);
}

/* Noticed by the loop, or, when it has had no turn yet, before the next request goes out. */
static void test_unasked_answer_is_never_that_of_the_next_request(void **state)
{
    struct world *w = *state;
    for (unsigned turn = 0; turn < 2; turn++) {
        struct call first = {.w = w, .path = "/ok"}, second = {.w = w, .path = "/ok"};
        get(&first);
        shout(w->server.conns);
        if (turn) {
            RUN_UNTIL(w, w->server.gone == turn + 1);
            assert_int_equal(w->server.gone, turn + 1);
        }
        get(&second);
        assert_int_equal(buf_len(&second.body), 2);
        assert_memory_equal(buf_data(&second.body), "ok", 2);
        assert_int_equal(w->server.accepted, turn + 2);
        buf_free(&first.body);
        buf_free(&second.body);
    }
}

static void test_idle_connection_that_is_closed_is_dropped_at_once(void **state)
{
    struct world *w = *state;
    struct call first = {.w = w, .path = "/ok"}, second = {.w = w, .path = "/ok"};
    get(&first);
    int fd = w->server.conns->fd;
    shutdown(fd, SHUT_WR);
    RUN_UNTIL(w, w->server.gone == 1);
    assert_int_equal(w->server.gone, 1);
    get(&second);
    assert_int_equal(second.end, STATUS_OK);
    struct fetch_stats stats;
    fetch_stats(w->client, &stats);
    assert_int_equal(stats.repeats, 0);
    assert_int_equal(stats.connects, 2);
    buf_free(&first.body);
    buf_free(&second.body);
}

static void test_connection_closed_while_idle_is_replaced(void **state)
{
    struct world *w = *state;
    struct call first = {.w = w, .path = "/old"}, second = {.w = w, .path = "/old"};
    get(&first);
    get(&second); /* the server closed the first connection after its answer */
    assert_int_equal(second.end, STATUS_OK);
    assert_memory_equal(buf_data(&second.body), "ok", 2);
    assert_int_equal(w->server.accepted, 2);
    buf_free(&first.body);
    buf_free(&second.body);
}

/* A client that does not read holds the server back, and the idle deadline stands still. */
static void test_held_call_stops_reading_and_does_not_time_out(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/big", .hold = true, .keep_loop = true};
    char url[64];
    struct fetch_request r = request_to(&c, url);
    r.idle_ms = 250;
    start_request(&c, &r);
    /* A small window, else the kernel's buffers would swallow the whole answer. */
    setsockopt(w->server.fd, SOL_SOCKET, SO_SNDBUF, &(int){262144}, sizeof(int));
    run_for(w, 60);
    uint64_t turns = loop_turns(w->loop);
    run_for(w, 350);
    assert_in_range(w->server.written, 1, BIG / 4);
    assert_in_range(loop_turns(w->loop) - turns, 0, 20); /* no spinning */
    assert_int_equal(c.data_calls, 1);
    assert_int_equal(c.done_calls, 0);
    c.hold = c.keep_loop = false;
    fetch_resume(c.f);
    assert_int_equal(c.data_calls, 1); /* never from inside fetch_resume */
    loop_run(w->loop);
    check_big(&c);
    buf_free(&c.body);
}

static void test_drop_with_running_calls_is_clean(void **state)
{
    struct world *w = *state;
    static struct call calls[3];
    static const char *const paths[3] = {"/half", "/silent", "/big"};
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){.w = w, .path = paths[i], .hold = i == 2};
        start_call(&calls[i], "GET", STR(""));
    }
    run_for(w, 30);
    fetch_resume(calls[2].f);
    fetch_client_drop(w->client);
    w->client = NULL;
    run_for(w, 30);
    assert_int_equal(w->server.gone, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(calls[i].done_calls, 0);
        buf_free(&calls[i].body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_second_call_reuses_the_connection),
        TEST(test_many_calls_at_once_keep_the_pool),
        TEST(test_busy_connections_do_not_use_up_the_pool),
        TEST(test_sixty_connections_come_and_go),
        TEST(test_unasked_answer_is_never_that_of_the_next_request),
        TEST(test_idle_connection_that_is_closed_is_dropped_at_once),
        TEST(test_connection_closed_while_idle_is_replaced),
        TEST(test_held_call_stops_reading_and_does_not_time_out),
        TEST(test_drop_with_running_calls_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
