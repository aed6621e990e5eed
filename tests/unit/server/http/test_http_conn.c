#include "server/http/http_conn.h"

#include "tests/unit/http_bed.h"

#define GET         "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST        "POST /b HTTP/1.1\r\nHost: x\r\n"
#define POST_HI     POST "Content-Length: 2\r\n\r\nhi"
#define POST_CHUNKS POST "Transfer-Encoding: chunked\r\n\r\n"

/* ---- requests and answers ---------------------------------------------------------------- */

static void test_requests_in_turn_share_the_connection(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    for (unsigned i = 1; i <= 3; i++) {
        bed_send(b, STR(POST_HI));
        bed_expect(b, i, "\r\n\r\nhi");
        assert_int_equal(b->requests, i);
    }
    assert_int_equal(b->conns.idle, 1);
    assert_int_equal(b->conns.bytes_in, 3 * strlen(POST_HI));
    assert_int_equal(b->conns.bytes_out, buf_len(&b->in));
    assert_int_equal(bed_count(b, "connection:"), 0);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b,
             STR("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n" POST_HI "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n"
                 "GET /4 HTTP/1.1\r\nHo"));
    bed_expect(b, 3, "HTTP/1.1 200 OK");
    assert_int_equal(b->requests, 3);
    size_t one, two, three;
    assert_true(text_find(buf_str(&b->in), STR("x-path: /1"), &one));
    assert_true(text_find(buf_str(&b->in), STR("x-path: /b"), &two));
    assert_true(text_find(buf_str(&b->in), STR("x-path: /3"), &three));
    assert_true(one < two && two < three);
    bed_send(b, STR("st: x\r\n\r\n"));
    bed_expect(b, 1, "x-path: /4");
}

static void test_pipelined_request_waits_for_the_one_before(void **state)
{
    struct bed *b = *state;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET GET));
    bed_until(b, &b->requests, 1);
    bed_send(b, STR(GET));
    bed_run(b, 10);
    assert_int_equal(b->requests, 1);
    for (unsigned i = 2; i <= 4; i++) {
        http_out_begin(b->conn, 200);
        http_out_body(b->conn, STR("a/b"), STR("x"));
        bed_expect(b, i - 1, "200 OK");
        bed_run(b, 5);
        assert_int_equal(b->requests, i < 4 ? i : 3);
    }
}

/* ---- closing ----------------------------------------------------------------------------- */

static void test_connection_ends_when_it_should(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str bytes;
        uint32_t requests_max;
        bool close;
    } table[] = {
        {"1.1", STR(GET), 1000, false},
        {"1.1 close", STR("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 1000, true},
        {"1.0", STR("GET / HTTP/1.0\r\n\r\n"), 1000, true},
        {"1.0 keep-alive", STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 1000, false},
        {"last one allowed", STR(GET), 1, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->limits.requests_max = table[i].requests_max;
        bed_connect(b);
        bed_send(b, table[i].bytes);
        bed_expect(b, 1, "200 OK");
        bed_expect(b, 1, "\r\n\r\n");
        if ((bed_count(b, "connection: close") == 1) != table[i].close)
            fail_msg("%s", table[i].name);
        if (table[i].close)
            bed_end(b);
        bed_teardown(&each);
    }
}

static void test_half_closed_client_is_answered(void **state)
{
    struct bed *b = *state;
    int server;
    bed_pair(&server, &b->client);
    bed_send(b, STR(POST_HI GET)); /* all of it and the FIN are there before the first look */
    shutdown(b->client, SHUT_WR);
    usleep(2000);
    b->mode = HOLD;
    b->conn = http_conn_new(b->loop, server, &b->limits, &bed_ops, b, &b->conns);
    for (unsigned i = 1; i <= 2; i++) {
        bed_until(b, &b->requests, i);
        bed_run(b, 5);
        assert_int_equal(b->gone, 0);
        http_out_begin(b->conn, 200);
        http_out_body(b->conn, STR("a/b"), STR("late"));
        bed_expect(b, i, "\r\n\r\nlate");
    }
    bed_end(b);
}

static void test_client_that_leaves_is_told_once(void **state)
{
    (void)state;
    static const char *const ways[] = {"fin", "rst", "half-closed, then rst"};
    for (size_t i = 0; i < 3; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->mode = HOLD;
        bed_connect(b);
        bed_send(b, STR(POST_HI));
        if (i == 2) {
            shutdown(b->client, SHUT_WR);
            usleep(2000);
        }
        bed_until(b, &b->requests, 1);
        assert_int_equal(b->gone, 0);
        struct linger reset = {.l_onoff = 1};
        if (i > 0)
            setsockopt(b->client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(b->client);
        b->client = -1;
        for (int t = 0; t < 500 && !b->closed; t++)
            bed_run(b, 1);
        if (b->gone != 1 || b->closed != 1)
            fail_msg("%s: gone %u closed %u", ways[i], b->gone, b->closed);
        bed_teardown(&each);
    }
}

static void test_client_that_leaves_while_idle_is_just_closed(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    close(b->client);
    b->client = -1;
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 0);
    assert_int_equal(b->refused, 0);
}

static void test_abort_resets(void **state)
{
    struct bed *b = *state;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_until(b, &b->requests, 1);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    http_conn_abort(b->conn);
    bed_until(b, &b->closed, 1);
    for (int i = 0; i < 100 && !b->in_reset; i++)
        bed_read(b), usleep(1000);
    assert_true(b->in_reset);
    assert_int_equal(buf_len(&b->in), 0);
    assert_int_equal(b->gone, 0);
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void test_lingering_ends_by_itself(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b, STR("bad\r\n"));
    bed_expect(b, 1, "INVALID");
    bed_run(b, 500);
    assert_int_equal(b->closed, 0);
    bed_until(b, &b->closed, 1); /* though the client keeps its side open */
}

/* ---- deadlines --------------------------------------------------------------------------- */

static void test_slow_requests_get_408(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str bytes;
        uint32_t header_ms, body_ms, body_rate, grace_ms;
    } table[] = {
        {"header", STR("GET / HTTP/1.1\r\n"), 40, 5000, 0, 0},
        {"body", STR(POST "Content-Length: 9\r\n\r\nabc"), 5000, 40, 0, 0},
        {"body rate", STR(POST "Content-Length: 9\r\n\r\nabc"), 5000, 5000, 1000, 40},
        {"body rate, chunks", STR(POST_CHUNKS "9\r\nabc"), 5000, 5000, 1000, 40},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->limits.header_ms = table[i].header_ms;
        b->limits.body_ms = table[i].body_ms;
        b->limits.body_rate = table[i].body_rate;
        b->limits.body_grace_ms = table[i].grace_ms;
        bed_connect(b);
        bed_send(b, table[i].bytes);
        bed_run(b, 25);
        if (b->refused != 0)
            fail_msg("%s: too early", table[i].name);
        bed_expect(b, 1, "HTTP/1.1 408 Request Timeout");
        bed_end(b);
        bed_teardown(&each);
    }
}

static void test_steady_slow_body_above_the_rate_is_accepted(void **state)
{
    struct bed *b = *state;
    b->limits.body_rate = 20; /* 1 byte in 50 ms; we send one in 5 */
    b->limits.body_grace_ms = 30;
    bed_connect(b);
    bed_send(b, STR(POST "Content-Length: 30\r\n\r\n"));
    for (int i = 0; i < 30; i++) {
        bed_run(b, 5);
        bed_send(b, STR("x"));
    }
    bed_expect(b, 1, "200 OK");
}

static void test_idle_connection_is_closed_in_silence(void **state)
{
    struct bed *b = *state;
    b->limits.idle_ms = 40;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    size_t n = buf_len(&b->in);
    bed_run(b, 20);
    assert_int_equal(b->closed, 0);
    bed_until(b, &b->closed, 1);
    assert_true(b->in_end);
    assert_int_equal(buf_len(&b->in), n);
}

static void test_connection_that_never_asks_is_closed_in_silence(void **state)
{
    struct bed *b = *state;
    b->limits.header_ms = 30;
    bed_connect(b);
    bed_until(b, &b->closed, 1);
    assert_true(b->in_end);
    assert_int_equal(b->refused, 0);
}

static void test_client_that_does_not_read_is_dropped(void **state)
{
    struct bed *b = *state;
    static char megabytes[8 << 20];
    b->limits.write_stall_ms = 50;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_until(b, &b->requests, 1);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    http_out_write(b->conn, (struct str){megabytes, sizeof megabytes});
    for (int i = 0; i < 1000 && !b->closed; i++)
        bed_run(b, 1);
    assert_int_equal(b->gone, 1);
    assert_int_equal(b->closed, 1);
}

static void test_no_deadline_while_the_owner_works(void **state)
{
    struct bed *b = *state;
    b->limits.header_ms = b->limits.body_ms = b->limits.idle_ms = b->limits.write_stall_ms = 20;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(POST_HI));
    bed_until(b, &b->requests, 1);
    bed_run(b, 80);
    assert_int_equal(b->gone + b->closed + b->refused, 0);
    http_out_begin(b->conn, 200);
    http_out_body(b->conn, STR("a/b"), STR("x"));
    bed_expect(b, 1, "200 OK");
}

/* ---- draining ---------------------------------------------------------------------------- */

/* A client that never pauses has its next request on the wire when the drain begins. */
static void test_drain_answers_the_next_request_of_an_idle_one(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    http_conn_drain(b->conn);
    bed_run(b, 50);
    assert_int_equal(b->closed, 0);
    bed_send(b, STR(GET));
    bed_expect(b, 2, "200 OK");
    bed_expect(b, 1, "connection: close");
    bed_end(b);
}

static void test_drain_closes_idle_after_the_grace(void **state)
{
    struct bed *b = *state;
    b->limits.drain_grace_ms = 60;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    bed_run(b, 80); /* idle time before the drain does not count */
    http_conn_drain(b->conn);
    bed_run(b, 30);
    assert_int_equal(b->closed, 0);
    bed_run(b, 60);
    assert_int_equal(b->closed, 1);
    bed_end(b);
}

static void test_drain_does_not_lengthen_the_idle_time(void **state)
{
    struct bed *b = *state;
    b->limits.idle_ms = 20;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    http_conn_drain(b->conn);
    bed_run(b, 60);
    assert_int_equal(b->closed, 1);
    bed_end(b);
}

static void test_drain_answers_what_has_arrived(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    bed_run(b, 2);
    bed_send(b, STR(GET)); /* in the socket, not yet read */
    usleep(2000);
    http_conn_drain(b->conn);
    bed_expect(b, 2, "200 OK");
    bed_expect(b, 1, "connection: close");
    bed_end(b);
}

static void test_drain_lets_busy_ones_finish(void **state)
{
    struct bed *b = *state;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_until(b, &b->requests, 1);
    http_conn_drain(b->conn);
    bed_run(b, 5);
    assert_int_equal(b->closed, 0);
    http_out_begin(b->conn, 200);
    http_out_body(b->conn, STR("a/b"), STR("x"));
    bed_expect(b, 1, "connection: close");
    bed_end(b);
}

static void test_drain_keeps_what_an_answer_begun_before_has_promised(void **state)
{
    struct bed *b = *state;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_until(b, &b->requests, 1);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b")); /* promised to keep the connection */
    http_conn_drain(b->conn);
    http_out_end(b->conn);
    bed_expect(b, 1, "0\r\n\r\n");
    bed_run(b, 20);
    assert_int_equal(b->closed, 0);
    b->mode = ECHO;
    bed_send(b, STR(GET));
    bed_expect(b, 1, "connection: close");
    bed_end(b);
}

static void test_drain_waits_for_a_first_request(void **state)
{
    struct bed *b = *state;
    b->limits.drain_grace_ms = 60;
    bed_connect(b);
    bed_run(b, 80); /* it was there for longer than the grace when the drain began */
    http_conn_drain(b->conn);
    bed_run(b, 20);
    assert_int_equal(b->closed, 0);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "connection: close");
    bed_end(b);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void test_peer_on_ipv6_has_brackets(void **state)
{
    struct bed *b = *state;
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) != 0) {
        close(listener);
        skip(); /* no IPv6 on this machine */
    }
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    b->client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(b->client, (struct sockaddr *)&a, n), 0);
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    close(listener);
    b->conn = http_conn_new(b->loop, server, &b->limits, &bed_ops, b, &b->conns);
    assert_true(text_starts(http_conn_peer(b->conn), STR("[::1]:")));
}

static void test_each_visits_all_even_while_they_close(void **state)
{
    struct bed *b = *state;
    struct http_conn *conns[3];
    int clients[3], server;
    for (int i = 0; i < 3; i++) {
        bed_pair(&server, &clients[i]);
        conns[i] = http_conn_new(b->loop, server, &b->limits, &bed_ops, b, &b->conns);
    }
    assert_int_equal(b->conns.open, 3);
    assert_true(http_conn_id(conns[0]) != http_conn_id(conns[1]));
    assert_true(text_starts(http_conn_peer(conns[0]), STR("127.0.0.1:")));
    http_conn_set_user(conns[1], b);
    assert_ptr_equal(http_conn_user(conns[1]), b);
    http_conn_abort(conns[1]); /* the one in the middle */
    unsigned seen = 0;
    for (struct http_conn *c = http_conn_each(&b->conns, NULL); c;
         c = http_conn_each(&b->conns, c), seen++)
        http_conn_abort(c);
    assert_int_equal(seen, 2);
    assert_null(http_conn_each(&b->conns, NULL));
    bed_run(b, 1);
    assert_int_equal(b->closed, 3);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED(test_requests_in_turn_share_the_connection),
        BED(test_pipelined_requests_are_answered_in_order),
        BED(test_pipelined_request_waits_for_the_one_before),
        cmocka_unit_test(test_connection_ends_when_it_should),
        BED(test_half_closed_client_is_answered),
        cmocka_unit_test(test_client_that_leaves_is_told_once),
        BED(test_client_that_leaves_while_idle_is_just_closed),
        BED(test_abort_resets),
        BED(test_lingering_ends_by_itself),
        cmocka_unit_test(test_slow_requests_get_408),
        BED(test_steady_slow_body_above_the_rate_is_accepted),
        BED(test_idle_connection_is_closed_in_silence),
        BED(test_connection_that_never_asks_is_closed_in_silence),
        BED(test_client_that_does_not_read_is_dropped),
        BED(test_no_deadline_while_the_owner_works),
        BED(test_drain_answers_the_next_request_of_an_idle_one),
        BED(test_drain_closes_idle_after_the_grace),
        BED(test_drain_does_not_lengthen_the_idle_time),
        BED(test_drain_answers_what_has_arrived),
        BED(test_drain_lets_busy_ones_finish),
        BED(test_drain_keeps_what_an_answer_begun_before_has_promised),
        BED(test_drain_waits_for_a_first_request),
        BED(test_peer_on_ipv6_has_brackets),
        BED(test_each_visits_all_even_while_they_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
