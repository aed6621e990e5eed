/*
 * http_bed.h - for test_http_conn and test_http_out: one connection over loopback TCP, server side
 * on a loop and client side as a plain socket, both in this process.
 */
#ifndef TESTS_HTTP_BED_H
#define TESTS_HTTP_BED_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/http/http_conn.h"
#include "server/http/http_out.h"

struct bed {
    struct loop *loop;
    struct http_conn *conn;  /* NULL after ops->closed */
    struct http_conn *asked; /* whose headers came last: conn, or one of its streams */
    int client;
    struct http_conn_limits limits;
    struct http_conn_set conns;
    /* what the owner shall do */
    enum { ECHO, HOLD } mode;
    enum status headers_say;
    bool hold; /* http_conn_hold */
    size_t body_max;
    /* what happened */
    unsigned headers, requests, refused, gone, closed, drained;
    enum status refused_with;
    char last_body[256];
    size_t last_body_n;
    /* what the client has read */
    struct buf in;
    bool in_end;   /* FIN */
    bool in_reset; /* RST */
};

static enum status bed_headers(void *ctx, struct http_conn *c, const struct http_request *r,
                               size_t *body_max_out, struct err *err)
{
    struct bed *b = ctx;
    (void)r;
    b->headers++;
    b->asked = c;
    if (b->hold)
        http_conn_hold(c);
    if (b->body_max > 0)
        *body_max_out = b->body_max;
    return b->headers_say == STATUS_OK ? STATUS_OK : err_set(err, b->headers_say, "as told");
}

static void bed_request(void *ctx, struct http_conn *c, const struct http_request *r,
                        struct str body)
{
    struct bed *b = ctx;
    b->requests++;
    b->last_body_n = body.n;
    text_copy(body, b->last_body, sizeof b->last_body);
    if (b->mode == HOLD)
        return;
    http_out_begin(c, 200);
    http_out_header(c, STR("x-path"), r->path);
    http_out_body(c, STR("text/plain"), body);
}

static void bed_refuse(void *ctx, struct http_conn *c, const struct http_request *r,
                       const struct err *err)
{
    struct bed *b = ctx;
    (void)r;
    b->refused++;
    b->refused_with = err->code;
    http_out_begin(c, err_http(err->code, DIALECT_ANTHROPIC));
    http_out_body(c, STR("text/plain"), text_from(err_row(err->code)->name));
}

static void bed_drained(void *ctx, struct http_conn *c)
{
    (void)c;
    ((struct bed *)ctx)->drained++;
}

static void bed_gone(void *ctx, struct http_conn *c)
{
    (void)c;
    ((struct bed *)ctx)->gone++;
}

static void bed_closed(void *ctx, struct http_conn *c)
{
    struct bed *b = ctx;
    b->closed++;
    if (b->conn == c)
        b->conn = NULL;
}

static const struct http_conn_ops bed_ops = {bed_headers, bed_request, bed_refuse,
                                             bed_drained, bed_gone,    bed_closed};

/* A connected pair of TCP sockets on 127.0.0.1. */
static void bed_pair(int *server_out, int *client_out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    *client_out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*client_out, (struct sockaddr *)&a, sizeof a), 0);
    *server_out = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*server_out >= 0);
    close(listener);
    fcntl(*client_out, F_SETFL, O_NONBLOCK);
}

/* Call after changing limits too: they are read when the connection is made. */
__attribute__((unused)) static void bed_connect(struct bed *b)
{
    int server;
    bed_pair(&server, &b->client);
    b->conn = http_conn_new(b->loop, server, &b->limits, &bed_ops, b, &b->conns);
    assert_non_null(b->conn);
}

static int bed_setup(void **state)
{
    struct bed *b = heap_new(sizeof *b);
    b->loop = loop_new(NULL);
    b->client = -1;
    b->limits = (struct http_conn_limits){
        .parse = {.line = 8192, .headers = 32768, .header_count = 100, .chunk_extras = 1024},
        .body_max = 4 << 20,
        .output_high = 65536,
        .header_ms = 5000,
        .body_ms = 5000,
        .idle_ms = 5000,
        .write_stall_ms = 5000,
        .requests_max = 1000,
    };
    buf_init(&b->in, 64 << 20);
    *state = b;
    return 0;
}

static int bed_teardown(void **state)
{
    struct bed *b = *state;
    if (b->conn)
        http_conn_abort(b->conn);
    loop_drop(b->loop);
    assert_null(http_conn_each(&b->conns, NULL));
    assert_int_equal(b->conns.open, 0);
    assert_int_equal(b->conns.idle, 0);
    assert_int_equal(b->conns.bodies.held, 0);
    if (b->client >= 0)
        close(b->client);
    buf_free(&b->in);
    heap_drop(b);
    return 0;
}

static void bed_stop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

/* Lets the server run for about that long. */
static void bed_run(struct bed *b, uint64_t ms)
{
    struct loop_timer t = {0};
    loop_timer_set(b->loop, &t, clock_now_ns() / 1000000 + ms, bed_stop, NULL);
    loop_run(b->loop);
}

static void bed_read(struct bed *b)
{
    static char bytes[1 << 16];
    ssize_t n;
    while (!b->in_end && !b->in_reset && (n = recv(b->client, bytes, sizeof bytes, 0)) >= 0) {
        b->in_end = n == 0;
        buf_put(&b->in, bytes, (size_t)n);
    }
    b->in_reset |= !b->in_end && errno == ECONNRESET;
}

__attribute__((unused)) static void bed_send(struct bed *b, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(b->client, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the other side closed: for the test to see */
        bytes = text_sub(bytes, n > 0 ? (size_t)n : 0, bytes.n);
        if (bytes.n > 0)
            bed_run(b, 1);
    }
}

static unsigned bed_count(const struct bed *b, const char *needle)
{
    unsigned n = 0;
    size_t at;
    struct str rest = buf_str(&b->in);
    for (; rest.p && text_find(rest, text_from(needle), &at); n++)
        rest = text_sub(rest, at + 1, rest.n);
    return n;
}

/* Until the client has read needle n times; fails after 2 s. */
__attribute__((unused)) static void bed_expect(struct bed *b, unsigned n, const char *needle)
{
    for (int i = 0; i < 2000; i++) {
        bed_read(b);
        if (bed_count(b, needle) >= n)
            return;
        bed_run(b, 1);
    }
    fail_msg("the client did not get %u x \"%s\" but:\n%.*s", n, needle,
             (int)(buf_len(&b->in) < 2000 ? buf_len(&b->in) : 2000), buf_data(&b->in));
}

/* Until *what is set; fails after 20 s. */
__attribute__((unused)) static void bed_until(struct bed *b, const unsigned *what, unsigned value)
{
    for (int i = 0; i < 20000 && *what < value; i++) {
        bed_read(b);
        bed_run(b, 1);
    }
    bed_read(b);
    assert_int_equal(*what, value);
}

/* The client reads to the end, closes, and the server notices. */
__attribute__((unused)) static void bed_end(struct bed *b)
{
    for (int i = 0; i < 2000 && !b->in_end && !b->in_reset; i++) {
        bed_run(b, 1);
        bed_read(b);
    }
    assert_true(b->in_end);
    close(b->client);
    b->client = -1;
    for (int i = 0; i < 2000 && b->closed == 0; i++)
        bed_run(b, 1);
    assert_int_equal(b->closed, 1);
}

#define BED(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

#endif
