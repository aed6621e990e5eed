/*
 * fetch_case.h - the stage of the test_fetch*.c programs: a loopback server with one answer a path,
 * and struct call, which says what a test wants from a transfer and notes what came of it.
 */
#ifndef TESTS_UNIT_FETCH_CASE_H
#define TESTS_UNIT_FETCH_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>

#include "server/base/clock.h"
#include "server/net/fetch.h"
#include "tests/unit/loopback.h"

enum { BIG = 4 << 20 };

static char big[BIG]; /* letters in an order that repeats after 23; made by set_up */

struct world {
    struct loop *loop;
    struct fetch_client *client;
    struct loopback server;
    char last_request[4096];
    unsigned old_done; /* how many answers to /old were given */
};

/* What a test wants from a transfer and what came of it. */
struct call {
    struct world *w;
    struct fetch *f;
    bool keep_loop; /* done does not stop the loop */
    bool cancel_on_headers, cancel_on_data;
    bool start_on_headers; /* starts *next from inside the callback */
    size_t pause_every;    /* refuse one call of data in so many */
    bool resume_at_once;   /* fetch_resume before data returns false */
    bool hold;             /* refuse data until the test resumes */
    unsigned nap_ms;       /* each call of data takes so long */
    struct call *next;
    const char *path;

    unsigned headers_calls, data_calls, done_calls, refused;
    int status, status_at_done;
    bool sent, trailer, needs_body; /* needs_body: when the head or a piece of an answer came */
    enum status end;
    enum fetch_trouble trouble;
    char text[240];
    char header[64];
    struct buf body;
};

static void start_call(struct call *c, const char *method, struct str body);

static void stop_loop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

static inline void run_for(struct world *w, unsigned ms)
{
    struct loop_timer t = {0};
    clock_tick();
    loop_timer_in(w->loop, &t, ms, stop_loop, NULL);
    loop_run(w->loop);
    loop_timer_cancel(w->loop, &t);
}

/* Until it is so, however slow the machine; what is asserted afterwards fails when it never is. */
#define RUN_UNTIL(w, condition)                            \
    do {                                                   \
        for (int i_ = 0; i_ < 300 && !(condition); i_++) { \
            run_for(w, 10);                                \
        }                                                  \
    } while (0)

static void note_headers(void *owner, struct fetch *f, int status)
{
    struct call *c = owner;
    struct str value;
    c->headers_calls++;
    c->status = status;
    c->needs_body = fetch_needs_body(f);
    if (fetch_header(f, STR("x-amzn-requestid"), &value))
        text_copy(value, c->header, sizeof c->header);
    if (c->start_on_headers)
        start_call(c->next, "GET", STR(""));
    if (c->cancel_on_headers)
        fetch_cancel(f);
}

static void resume_later(struct loop *loop, void *owner)
{
    (void)loop;
    struct call *c = owner;
    fetch_resume(c->f);
}

static bool take_data(void *owner, struct fetch *f, struct str bytes)
{
    struct call *c = owner;
    c->data_calls++;
    if (c->hold || (c->pause_every && c->data_calls % c->pause_every == 0)) {
        c->refused++;
        if (c->resume_at_once)
            fetch_resume(f);
        else if (!c->hold)
            loop_defer(c->w->loop, resume_later, c);
        return false;
    }
    buf_put_str(&c->body, bytes);
    if (c->nap_ms)
        usleep(c->nap_ms * 1000);
    if (c->cancel_on_data)
        fetch_cancel(f);
    return true;
}

static void note_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct call *c = owner;
    c->done_calls++;
    c->end = status;
    c->trouble = fetch_trouble(f);
    c->status_at_done = fetch_status(f);
    c->sent = fetch_sent(f);
    c->trailer = fetch_header(f, STR("x-trailer"), &(struct str){NULL, 0});
    text_copy(text_from(err->text), c->text, sizeof c->text);
    fetch_cancel(f); /* allowed, and nothing */
    c->f = NULL;
    if (!c->keep_loop)
        loop_stop(c->w->loop);
}

static const struct fetch_ops ops = {note_headers, take_data, note_done};

static void start_request(struct call *c, const struct fetch_request *request)
{
    buf_init(&c->body, 2 * BIG);
    struct err err = {0};
    c->f = fetch_start(c->w->client, request, &ops, c, &err);
    assert_non_null(c->f);
    assert_int_equal(c->done_calls, 0);
}

static struct fetch_request request_to(struct call *c, char url[64])
{
    snprintf(url, 64, "http://127.0.0.1:%u%s", c->w->server.port, c->path);
    return (struct fetch_request){.method = "GET",
                                  .url = url,
                                  .allow_http = true,
                                  .connect_ms = 1000,
                                  .first_byte_ms = 1500,
                                  .idle_ms = 1500};
}

static void start_call(struct call *c, const char *method, struct str body)
{
    char url[64];
    struct fetch_request r = request_to(c, url);
    r.method = method;
    r.body = body;
    start_request(c, &r);
}

static inline void get(struct call *c)
{
    clock_tick();
    start_call(c, "GET", STR(""));
    loop_run(c->w->loop);
}

/* ---- the server's side ---------------------------------------------------------------- */

static void reply_big(struct loopback_conn *c)
{
    buf_printf(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    buf_put(&c->out, big, BIG);
}

static void reply_chunked(struct loopback_conn *c)
{
    BUF_LIT(&c->out,
            "HTTP/1.1 200 OK\r\nX-Amzn-RequestId:  id-7 \r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 600; i++)
        buf_printf(&c->out, "64\r\n%0100d\r\n", i);
    BUF_LIT(&c->out, "0\r\nX-Trailer: x\r\n\r\n");
}

static void reply_headers(struct loopback_conn *c, int lines)
{
    BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < lines; i++)
        buf_printf(&c->out, "X-Line-%d: %0100d\r\n", i, i);
    BUF_LIT(&c->out, "Content-Length: 2\r\n\r\nok");
}

static void answer(struct loopback_conn *c, struct str request)
{
    struct world *w = c->server->ctx;
    struct str path = loopback_path(request);
    text_copy(request, w->last_request, sizeof w->last_request);
    if (text_eq(path, STR("/chunked")))
        reply_chunked(c);
    else if (text_eq(path, STR("/big")))
        reply_big(c);
    else if (text_eq(path, STR("/half")))
        BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    else if (text_eq(path, STR("/cut")))
        BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    else if (text_eq(path, STR("/cut-chunk")))
        BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    else if (text_eq(path, STR("/interim")))
        BUF_LIT(
            &c->out,
            "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
    else if (text_eq(path, STR("/garbage")))
        BUF_LIT(&c->out, "what is this, it is not HTTP at all\r\n\r\n");
    else if (text_eq(path, STR("/redirect")))
        BUF_LIT(&c->out, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (text_eq(path, STR("/headers-many")))
        reply_headers(c, 1000);
    else if (text_eq(path, STR("/old")) && w->old_done++ == 0)
        loopback_reply(c, "200 OK", STR("first"));
    else if (!text_eq(path, STR("/silent")))
        loopback_reply(c, "200 OK", STR("ok"));
    c->close_after = text_starts(path, STR("/cut")) || text_eq(path, STR("/garbage")) ||
                     (text_eq(path, STR("/old")) && w->old_done == 1);
    c->reset_after = text_eq(path, STR("/reset"));
    if (c->reset_after)
        buf_clear(&c->out);
}

static int set_up(void **state)
{
    static struct world world;
    for (int i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 23);
    world = (struct world){.loop = loop_new(NULL)};
    assert_non_null(world.loop);
    struct fetch_options options = {.pool = 8};
    world.client = fetch_client_new(world.loop, &options, NULL);
    assert_non_null(world.client);
    loopback_open(&world.server, world.loop, answer, &world);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    fetch_client_drop(w->client);
    loopback_shut(&w->server);
    loop_drop(w->loop);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
