/* A connection of the pool that dies under a request: once more on a fresh one, if no byte of an
 * answer came. */
#include "server/net/fetch.h"

#include "tests/unit/fetch_case.h"

enum dying { LIVES, LATE_FIN, FIN, RST, LETTER_FIN, LINE_FIN, LINE_RST, INTERIM_FIN, HEAD_FIN };

static struct stage {
    enum dying how;
    unsigned times; /* so many requests from now on meet it */
    unsigned bodies;
} stage;

static const char *const said[] = {
    [LETTER_FIN] = "H",
    [LINE_FIN] = "HTTP/1.1 2",
    [LINE_RST] = "HTTP/1.1 2",
    [INTERIM_FIN] = "HTTP/1.1 100 Continue\r\n\r\n",
    [HEAD_FIN] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
};

static void reset_now(struct loop *loop, void *owner)
{
    (void)loop;
    struct loopback_conn *c = owner;
    c->reset_after = true;
    loopback_close(c);
}

static void hang_up(struct loop *loop, void *owner)
{
    (void)loop;
    loopback_close(owner);
}

/* The client shall read what was said before the reset throws it away. */
static void reset_soon(struct loopback_conn *c)
{
    static struct loop_timer timer;
    loop_timer_in(c->server->loop, &timer, 20, reset_now, c);
}

static void answer_or_die(struct loopback_conn *c, struct str request)
{
    size_t at;
    stage.bodies += text_find(request, STR("the body"), &at);
    if (!stage.times) {
        loopback_reply(c, "200 OK", STR("ok"));
        return;
    }
    stage.times--;
    if (stage.how == LATE_FIN) {
        static struct loop_timer timer;
        loop_timer_in(c->server->loop, &timer, 1200, hang_up, c);
        return;
    }
    buf_put_str(&c->out, text_from(said[stage.how]));
    if (stage.how == LINE_RST)
        reset_soon(c);
    else
        c->close_after = stage.how != LIVES;
    c->reset_after = stage.how == RST;
}

static void reuse(struct call *c, enum dying how, unsigned times)
{
    struct call first = {.w = c->w, .path = "/first"};
    stage = (struct stage){.how = LIVES};
    c->w->server.fn = answer_or_die;
    get(&first);
    assert_int_equal(first.end, STATUS_OK);
    buf_free(&first.body);
    stage = (struct stage){.how = how, .times = times};
    c->path = "/second";
    clock_tick();
    start_call(c, "POST", STR("this is the body"));
    loop_run(c->w->loop);
}

static void test_reused_connection_that_dies_unheard_is_repeated_once(void **state)
{
    static const enum dying rows[] = {FIN, RST};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fetch_stats before, after;
        struct call c = {.w = w};
        fetch_stats(w->client, &before);
        reuse(&c, rows[i], 1);
        fetch_stats(w->client, &after);
        if (c.end != STATUS_OK || c.status != 200 || buf_len(&c.body) != 2 || stage.bodies != 2)
            fail_msg("row %zu: end %d \"%s\", sent %u times", i, c.end, c.text, stage.bodies);
        assert_int_equal(c.done_calls, 1);
        assert_int_equal(after.repeats - before.repeats, 1);
        assert_int_equal(after.started - before.started, 2);
        buf_free(&c.body);
    }
}

static void test_second_connection_that_dies_is_the_end(void **state)
{
    static const enum dying rows[] = {FIN, RST};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = *state};
        reuse(&c, rows[i], 9);
        assert_int_equal(c.end, STATUS_UPSTREAM);
        assert_int_equal(c.trouble, FETCH_TROUBLE_CUT);
        assert_int_equal(stage.bodies, 2);
        assert_true(c.sent);
        buf_free(&c.body);
    }
}

/* It was read, and perhaps worked on: to send it again could be to pay twice. */
static void test_reused_connection_that_dies_late_is_not_repeated(void **state)
{
    struct call c = {.w = *state};
    reuse(&c, LATE_FIN, 1);
    assert_int_equal(c.end, STATUS_UPSTREAM);
    assert_int_equal(stage.bodies, 1);
    assert_true(c.sent);
    buf_free(&c.body);
}

/* libcurl by itself repeats a request although half a status line has come (7.88.1). */
static void test_connection_that_dies_within_an_answer_is_never_repeated(void **state)
{
    static const enum dying rows[] = {LETTER_FIN, LINE_FIN, LINE_RST, INTERIM_FIN, HEAD_FIN};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w};
        struct fetch_stats stats;
        reuse(&c, rows[i], 1);
        fetch_stats(w->client, &stats);
        if (c.end != STATUS_UPSTREAM || stage.bodies != 1 || stats.repeats != 0 ||
            c.trouble != FETCH_TROUBLE_CUT)
            fail_msg("row %zu: end %d trouble %d \"%s\", sent %u times", i, c.end, c.trouble,
                     c.text, stage.bodies);
        assert_int_equal(c.done_calls, 1);
        buf_free(&c.body);
    }
}

static void test_fresh_connection_that_dies_is_not_repeated(void **state)
{
    static const enum dying rows[] = {FIN, RST};
    struct world *w = *state;
    w->server.fn = answer_or_die;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w, .path = "/fresh"};
        stage = (struct stage){.how = rows[i], .times = 9};
        clock_tick();
        start_call(&c, "POST", STR("this is the body"));
        loop_run(w->loop);
        assert_int_equal(c.end, STATUS_UPSTREAM);
        assert_int_equal(stage.bodies, 1);
        buf_free(&c.body);
    }
}

/* The server never reads the body, and the connection dies while it is written: libcurl says
 * CURLE_SEND_ERROR, and that it does not repeat. */
static void test_death_while_the_body_is_sent_is_repeated(void **state)
{
    struct world *w = *state;
    struct call first = {.w = w, .path = "/ok"}, c = {.w = w, .path = "/ok"};
    struct loop_timer timer = {0};
    get(&first);
    struct loopback_conn *deaf = w->server.conns;
    loop_remove(w->loop, deaf->handle);
    loop_timer_in(w->loop, &timer, 30, reset_now, deaf);
    start_call(&c, "POST", (struct str){big, BIG});
    loop_run(w->loop);
    if (c.end != STATUS_OK || c.status != 200)
        fail_msg("end %d \"%s\"", c.end, c.text);
    assert_int_equal(w->server.accepted, 2);
    buf_free(&first.body);
    buf_free(&c.body);
}

/* The connection of the repetition goes back to the pool, and the next request takes it. */
static void test_pool_is_used_again_after_a_repetition(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w}, next = {.w = w, .path = "/next"};
    reuse(&c, FIN, 1);
    unsigned accepted = w->server.accepted;
    get(&next);
    assert_int_equal(next.end, STATUS_OK);
    assert_int_equal(w->server.accepted, accepted);
    buf_free(&c.body);
    buf_free(&next.body);
}

/* Nobody listens any more when the fresh connection is made. */
static void test_repetition_that_cannot_connect_was_not_sent(void **state)
{
    struct world *w = *state;
    struct call first = {.w = w, .path = "/ok"}, c = {.w = w, .path = "/ok"};
    struct loop_timer timer = {0};
    get(&first);
    struct loopback_conn *deaf = w->server.conns;
    loop_remove(w->loop, deaf->handle);
    loop_remove(w->loop, w->server.handle);
    close(w->server.fd);
    loop_timer_in(w->loop, &timer, 30, reset_now, deaf);
    start_call(&c, "POST", (struct str){big, BIG});
    loop_run(w->loop);
    assert_int_equal(c.end, STATUS_UPSTREAM);
    assert_int_equal(c.trouble, FETCH_TROUBLE_CONNECT);
    assert_false(c.sent);
    w->server.handle = 0;
    w->server.fd = dup(0); /* for loopback_shut */
    buf_free(&first.body);
    buf_free(&c.body);
}

static void test_cancel_between_the_attempts_is_safe(void **state)
{
    struct world *w = *state;
    for (unsigned ms = 0; ms < 12; ms++) {
        struct call first = {.w = w, .path = "/first"}, c = {.w = w, .path = "/second"};
        w->server.fn = answer_or_die;
        stage = (struct stage){.how = LIVES};
        get(&first);
        stage = (struct stage){.how = FIN, .times = 1};
        start_call(&c, "POST", STR("this is the body"));
        for (unsigned i = 0; i < ms && !c.done_calls; i++)
            run_for(w, 0); /* a turn of the loop */
        if (c.f)
            fetch_cancel(c.f);
        unsigned done = c.done_calls;
        run_for(w, 5);
        assert_int_equal(c.done_calls, done);
        buf_free(&first.body);
        buf_free(&c.body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reused_connection_that_dies_unheard_is_repeated_once),
        TEST(test_reused_connection_that_dies_late_is_not_repeated),
        TEST(test_second_connection_that_dies_is_the_end),
        TEST(test_connection_that_dies_within_an_answer_is_never_repeated),
        TEST(test_fresh_connection_that_dies_is_not_repeated),
        TEST(test_death_while_the_body_is_sent_is_repeated),
        TEST(test_pool_is_used_again_after_a_repetition),
        TEST(test_repetition_that_cannot_connect_was_not_sent),
        TEST(test_cancel_between_the_attempts_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
