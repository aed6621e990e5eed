#include "server/net/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "tests/unit/loopback.h"

struct stage {
    struct loop *loop;
    struct wire_net *net;
    struct loopback server;
    struct wire_origin *origin;
    unsigned opened, ready, requests;
    int code;
};

static void note_request(struct loopback_conn *c, struct str request)
{
    struct stage *s = c->server->ctx;
    (void)request;
    s->requests++;
    loopback_reply(c, "200 OK", STR("ok"));
}

static int set_up(void **state)
{
    static struct stage s;
    char url[64];
    struct wire_options options = {.pool = 2};
    clock_tick();
    s = (struct stage){.loop = loop_new(NULL), .code = -1};
    s.net = wire_net_new(s.loop, &options);
    loopback_open(&s.server, s.loop, note_request, &s);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", s.server.port);
    s.origin = wire_origin_find(s.net, text_from(url));
    assert_non_null(s.origin);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    wire_net_drop(s->net);
    loopback_shut(&s->server);
    loop_drop(s->loop);
    return 0;
}

static void opened(void *owner, int code)
{
    struct stage *s = owner;
    s->opened++;
    s->code = code;
    loop_stop(s->loop);
}

static void ready(void *owner, unsigned events)
{
    struct stage *s = owner;
    (void)events;
    s->ready++;
    loop_stop(s->loop);
}

static const struct wire_ops ops = {opened, ready};

static struct wire *open_one(struct stage *s)
{
    struct wire *w = wire_open(s->origin, 1000, &ops, s);
    assert_non_null(w);
    s->opened = 0;
    loop_run(s->loop);
    assert_int_equal(s->opened, 1);
    assert_int_equal(s->code, WIRE_OK);
    return w;
}

static void test_origin_has_the_host_line_that_was_signed(void **state)
{
    static const char *const rows[][2] = {
        {"https://a.example", "Host: a.example\r\n"},
        {"https://a.example:443", "Host: a.example\r\n"},
        {"https://a.example:80", "Host: a.example:80\r\n"},
        {"http://a.example:80", "Host: a.example\r\n"},
        {"http://a.example:443", "Host: a.example:443\r\n"},
        {"http://A.example:08080", "Host: A.example:8080\r\n"},
        {"http://[::1]", "Host: [::1]\r\n"},
        {"https://[fd00:ec2::254]:8443", "Host: [fd00:ec2::254]:8443\r\n"},
    };
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_origin *o = wire_origin_find(s->net, text_from(rows[i][0]));
        struct str host = wire_origin_host(o);
        if (!text_eq(host, text_from(rows[i][1])))
            fail_msg("%s: %.*s", rows[i][0], STR_ARG(host));
        assert_int_equal(wire_origin_secure(o), rows[i][0][4] == 's');
        assert_ptr_equal(wire_origin_find(s->net, text_from(rows[i][0])), o);
    }
}

static void test_bytes_go_out_in_one_piece_and_come_in(void **state)
{
    struct stage *s = *state;
    struct wire *w = open_one(s);
    char in[200];
    size_t n = 1;
    assert_int_equal(wire_recv(w, in, sizeof in, &n), WIRE_AGAIN);
    assert_int_equal(n, 0);
    struct str head = STR("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(wire_send(w, head, STR("body"), &n), WIRE_OK);
    assert_int_equal(n, head.n + 4);
    loop_run(s->loop);
    assert_int_equal(s->requests, 1);
    assert_int_equal(s->ready, 1);
    assert_int_equal(wire_recv(w, in, sizeof in, &n), WIRE_OK);
    assert_memory_equal(in, "HTTP/1.1 200 OK", 15);
    wire_close(w);
}

static void test_end_of_the_other_side_is_no_bytes(void **state)
{
    struct stage *s = *state;
    struct wire *w = open_one(s);
    char in[10];
    size_t n = 1;
    while (!s->server.conns)
        loop_run(s->loop);
    shutdown(s->server.conns->fd, SHUT_WR);
    loop_run(s->loop);
    assert_int_equal(wire_recv(w, in, sizeof in, &n), WIRE_OK);
    assert_int_equal(n, 0);
    wire_close(w);
}

static void test_connection_that_nobody_takes_says_so(void **state)
{
    struct stage *s = *state;
    loop_remove(s->loop, s->server.handle);
    close(s->server.fd);
    assert_non_null(wire_open(s->origin, 1000, &ops, s));
    loop_run(s->loop);
    assert_int_equal(s->code, 7); /* CURLE_COULDNT_CONNECT; it is gone */
    s->server.handle = 0;
    s->server.fd = dup(0); /* for loopback_shut */
}

static void test_close_before_it_is_open_is_silent(void **state)
{
    struct stage *s = *state;
    struct wire *w = wire_open(s->origin, 1000, &ops, s);
    wire_close(w);
    wire_close(open_one(s));
    assert_int_equal(s->opened, 1);
}

/* A connection on which libcurl sees something is no idle one of its own: it never prunes it. */
static void test_libcurl_keeps_its_hands_off(void **state)
{
    struct stage *s = *state;
    struct wire *w = open_one(s);
    size_t n;
    char in[100];
    while (!s->server.conns)
        loop_run(s->loop);
    loopback_reply(s->server.conns, "200 OK", STR("unread"));
    loopback_flush(s->server.conns);
    wire_watch(w, 0);
    usleep(1100000); /* it looks for dead ones once a second, when another is made */
    clock_tick();
    wire_close(open_one(s));
    assert_int_equal(wire_recv(w, in, sizeof in, &n), WIRE_OK);
    assert_true(n > 6);
    wire_close(w);
}

/* Every allocation of ours fails once. */
static void test_failing_memory_is_survived(void **state)
{
    struct stage *s = *state;
    for (unsigned long k = 1; k < 10; k++) {
        struct wire_options options = {.pool = 2};
        heap_fail_after(k);
        struct wire_net *net = wire_net_new(s->loop, &options);
        struct wire_origin *o = net ? wire_origin_find(net, STR("http://127.0.0.1:1")) : NULL;
        struct wire *w = o ? wire_open(o, 1000, &ops, s) : NULL;
        heap_fail_after(0);
        if (w)
            wire_close(w);
        wire_net_drop(net);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_origin_has_the_host_line_that_was_signed),
        TEST(test_bytes_go_out_in_one_piece_and_come_in),
        TEST(test_end_of_the_other_side_is_no_bytes),
        TEST(test_connection_that_nobody_takes_says_so),
        TEST(test_close_before_it_is_open_is_silent),
        TEST(test_libcurl_keeps_its_hands_off),
        TEST(test_failing_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
