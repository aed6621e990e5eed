/* Odd answers, early ones, and what is left of the connection afterwards. */
#include "server/net/fetch.h"

#include "tests/unit/fetch_case.h"

#define OK "HTTP/1.1 200 OK\r\n"

static struct str said; /* the answer to each request */
static bool then_close, then_reset;

static void say(struct loopback_conn *c, struct str request)
{
    (void)request;
    buf_put_str(&c->out, said);
    c->close_after = then_close;
    c->reset_after = then_reset;
}

static void get_said(struct call *c, const char *text)
{
    said = text_from(text);
    c->path = "/";
    c->w->server.fn = say;
    get(c);
}

static void test_connection_is_kept_or_not_as_the_answer_says(void **state)
{
    static const struct {
        const char *text, *body;
        bool kept;
    } rows[] = {
        {OK "Content-Length: 2\r\n\r\nok", "ok", true},
        {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok", true},
        {"HTTP/1.1 204 No\r\n\r\n", "", true},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", true},
        {"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", "no", true},
        {"HTTP/1.1 100 Go\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "ok", true},
        {OK "Connection: close\r\nContent-Length: 2\r\n\r\nok", "ok", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", false},
        {OK "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", "ok", false},
        {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n", "", false},
        {"HTTP/1.1 204 No\r\n\r\nx", "", false},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w}, next = {.w = w};
        get_said(&c, rows[i].text);
        unsigned accepted = w->server.accepted;
        assert_int_equal(c.end, STATUS_OK);
        assert_int_equal(buf_len(&c.body), strlen(rows[i].body));
        assert_memory_equal(buf_data(&c.body) ? buf_data(&c.body) : "", rows[i].body,
                            buf_len(&c.body));
        get_said(&next, OK "Connection: close\r\nContent-Length: 0\r\n\r\n");
        if ((w->server.accepted == accepted) != rows[i].kept)
            fail_msg("row %zu was %skept", i, rows[i].kept ? "not " : "");
        buf_free(&c.body);
        buf_free(&next.body);
    }
}

static void test_body_without_length_ends_with_the_connection(void **state)
{
    struct world *w = *state;
    struct call good = {.w = w}, bad = {.w = w};
    then_close = true;
    get_said(&good, OK "\r\nall of it");
    assert_int_equal(good.end, STATUS_OK);
    assert_int_equal(buf_len(&good.body), 9);
    then_reset = true; /* ... but not with a reset */
    get_said(&bad, OK "\r\nhalf");
    then_close = then_reset = false;
    assert_int_equal(bad.end, STATUS_UPSTREAM);
    assert_int_equal(bad.trouble, FETCH_TROUBLE_CUT);
    buf_free(&good.body);
    buf_free(&bad.body);
}

static void test_illegal_answer_says_what_it_is(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"SSH-2.0-x", "no HTTP answer from the model service (curl 8)"},
        {"HTTP/1.1 101 Switching\r\n\r\n", "no HTTP answer from the model service (curl 8)"},
        {OK "X: a\r\n b: c\r\n\r\n", "a malformed answer from the model service"},
        {OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "a body of no clear length from the model service"},
        {OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", "a malformed chunk from the model service"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w};
        get_said(&c, rows[i].text);
        assert_int_equal(c.end, STATUS_UPSTREAM);
        assert_string_equal(c.text, rows[i].error);
        assert_int_equal(c.trouble, FETCH_TROUBLE_ANSWER);
        assert_int_equal(c.done_calls, 1);
        RUN_UNTIL(w, w->server.gone == i + 1);
        assert_int_equal(w->server.gone, i + 1);
        buf_free(&c.body);
    }
}

/* ---- before the request is out ------------------------------------------------------------ */

static struct str early;

static void say_early(struct loop *loop, void *owner)
{
    (void)loop;
    struct loopback_conn *c = owner;
    assert_int_equal(send(c->fd, early.p, early.n, MSG_NOSIGNAL), (ssize_t)early.n);
}

/* The server stops reading, and answers while the body is written. */
static void answer_early(struct call *c, const char *text)
{
    struct world *w = c->w;
    struct call first = {.w = w, .path = "/ok"};
    struct loop_timer timer = {0};
    get(&first);
    struct loopback_conn *deaf = w->server.conns;
    setsockopt(deaf->fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    loop_change(w->loop, deaf->handle, 0);
    early = text_from(text);
    loop_timer_in(w->loop, &timer, 30, say_early, deaf);
    c->path = "/ok";
    start_call(c, "POST", (struct str){big, BIG});
    loop_run(w->loop);
    loop_timer_cancel(w->loop, &timer);
    buf_free(&first.body);
}

static void test_early_answer_is_taken_and_ends_the_connection(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno",
        OK "Content-Length: 2\r\n\r\nno",
        "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w}, next = {.w = w, .path = "/ok"};
        struct fetch_stats stats;
        answer_early(&c, rows[i]);
        assert_int_equal(c.end, STATUS_OK);
        assert_int_equal(buf_len(&c.body), 2);
        assert_true(c.sent);
        unsigned accepted = w->server.accepted;
        get(&next);
        assert_int_equal(next.end, STATUS_OK);
        assert_int_equal(w->server.accepted, accepted + 1);
        fetch_stats(w->client, &stats);
        assert_int_equal(stats.repeats, 0);
        buf_free(&c.body);
        buf_free(&next.body);
        fetch_client_drop(w->client); /* the next row begins with a connection of its own */
        struct fetch_options options = {.pool = 8};
        w->client = fetch_client_new(w->loop, &options, NULL);
    }
}

static void test_early_interim_answer_does_not_stop_the_body(void **state)
{
    struct world *w = *state;
    struct call first = {.w = w, .path = "/ok"}, c = {.w = w, .path = "/ok"};
    struct loop_timer timer = {0};
    get(&first);
    struct loopback_conn *conn = w->server.conns;
    early = STR("HTTP/1.1 100 Continue\r\n\r\n");
    loop_timer_in(w->loop, &timer, 0, say_early, conn);
    start_call(&c, "POST", (struct str){big, BIG});
    loop_run(w->loop);
    assert_int_equal(c.end, STATUS_OK);
    assert_int_equal(c.status, 200);
    assert_int_equal(w->server.requests, 2);
    assert_int_equal(w->server.accepted, 1);
    buf_free(&first.body);
    buf_free(&c.body);
}

/* ---- pauses -------------------------------------------------------------------------------- */

/* What came before the other side hung up is delivered, and nobody spins meanwhile. */
static void test_paused_call_outlives_its_connection(void **state)
{
    static const bool resets[] = {false, true};
    struct world *w = *state;
    for (size_t i = 0; i < 2; i++) {
        struct call c = {.w = w, .path = "/", .hold = true};
        said = STR(OK "Content-Length: 4\r\n\r\nall.");
        w->server.fn = say;
        then_close = true;
        start_call(&c, "GET", STR(""));
        RUN_UNTIL(w, c.data_calls == 1);
        if (resets[i]) { /* its end has come already: a reset on top */
            run_for(w, 10);
        }
        uint64_t turns = loop_turns(w->loop);
        run_for(w, 100);
        assert_in_range(loop_turns(w->loop) - turns, 0, 10);
        assert_int_equal(c.done_calls, 0);
        c.hold = false;
        fetch_resume(c.f);
        loop_run(w->loop);
        assert_int_equal(c.end, STATUS_OK);
        assert_int_equal(buf_len(&c.body), 4);
        buf_free(&c.body);
    }
    then_close = false;
}

static void test_resume_of_what_is_not_paused_is_nothing(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/half"};
    start_call(&c, "GET", STR(""));
    fetch_resume(c.f);
    RUN_UNTIL(w, c.data_calls == 1);
    fetch_resume(c.f);
    run_for(w, 10);
    assert_int_equal(c.data_calls, 1);
    fetch_cancel(c.f);
    buf_free(&c.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connection_is_kept_or_not_as_the_answer_says),
        TEST(test_body_without_length_ends_with_the_connection),
        TEST(test_illegal_answer_says_what_it_is),
        TEST(test_early_answer_is_taken_and_ends_the_connection),
        TEST(test_early_interim_answer_does_not_stop_the_body),
        TEST(test_paused_call_outlives_its_connection),
        TEST(test_resume_of_what_is_not_paused_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
