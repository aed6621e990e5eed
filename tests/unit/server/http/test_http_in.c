#include "server/http/http_conn.h"
#include "server/http/http_state.h"

#include "tests/unit/http_bed.h"

#define GET         "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST        "POST /b HTTP/1.1\r\nHost: x\r\n"
#define POST_HI     POST "Content-Length: 2\r\n\r\nhi"
#define POST_CHUNKS POST "Transfer-Encoding: chunked\r\n\r\n"

static void test_request_in_single_bytes_is_understood(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    struct str bytes = STR(POST_CHUNKS "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n" POST_HI);
    for (size_t i = 0; i < bytes.n; i++) {
        bed_send(b, text_sub(bytes, i, 1));
        bed_run(b, 0);
    }
    bed_expect(b, 1, "\r\n\r\nabcde");
    bed_expect(b, 1, "\r\n\r\nhi");
}

static void test_large_body_arrives_unchanged(void **state)
{
    struct bed *b = *state;
    struct buf body;
    char head[128];
    bed_connect(b);
    buf_init(&body, 4 << 20);
    for (uint64_t i = 0; buf_len(&body) < 3000000; i++)
        buf_put_u64(&body, i * 7919);
    snprintf(head, sizeof head, POST "Content-Length: %zu\r\n\r\n", buf_len(&body));
    bed_send(b, text_from(head));
    bed_send(b, buf_str(&body));
    bed_send(b, STR(GET));
    bed_expect(b, 2, "HTTP/1.1 200 OK");
    size_t at;
    assert_true(text_find(buf_str(&b->in), STR("\r\n\r\n"), &at));
    assert_memory_equal(buf_data(&b->in) + at + 4, buf_data(&body), buf_len(&body));
    buf_free(&body);
}

static void test_wipe_headers_forgets_keys(void **state)
{
    struct bed *b = *state;
    struct str key;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR("GET / HTTP/1.1\r\nHost: x\r\nx-api-key: secret\r\nAccept: y\r\n\r\n"));
    bed_until(b, &b->requests, 1);
    const struct http_request *r = http_parse_request(b->conn->parse);
    assert_true(http_request_header(r, STR("x-api-key"), &key));
    assert_int_equal(key.n, 6);
    http_conn_wipe_headers(b->conn);
    assert_true(http_request_header(r, STR("x-api-key"), &key));
    assert_int_equal(key.n, 0);
    assert_true(http_request_header(r, STR("accept"), &key));
    assert_int_equal(key.n, 1);
}

static void test_refused_requests_get_one_answer_and_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str bytes;
        enum status headers_say, want;
    } table[] = {
        {"nonsense", STR("nonsense\r\n\r\n" GET GET), STATUS_OK, STATUS_INVALID},
        {"bad chunk", STR(POST_CHUNKS "x\r\n"), STATUS_OK, STATUS_INVALID},
        {"version", STR("GET / HTTP/2.0\r\n\r\n"), STATUS_OK, STATUS_HTTP_VERSION},
        {"headers said no", STR(POST_HI GET), STATUS_AUTH, STATUS_AUTH},
        {"body over the limit", STR(POST "Content-Length: 5000000\r\n\r\nabc"), STATUS_OK,
         STATUS_TOO_LARGE},
        {"second request bad", STR(GET "bad\r\n" GET), STATUS_OK, STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->headers_say = table[i].headers_say;
        bed_connect(b);
        bed_send(b, table[i].bytes);
        bed_expect(b, 1, "connection: close");
        bed_end(b);
        if (b->refused != 1 || b->refused_with != table[i].want || b->gone != 0)
            fail_msg("%s: refused %u times, %s", table[i].name, b->refused,
                     err_row(b->refused_with)->name);
        bed_teardown(&each);
    }
}

static void test_chunked_body_over_the_route_limit_is_refused(void **state)
{
    struct bed *b = *state;
    b->body_max = 5;
    bed_connect(b);
    bed_send(b, STR(POST_CHUNKS "5\r\nabcde\r\n"));
    bed_run(b, 5);
    assert_int_equal(b->refused, 0);
    bed_send(b, STR("1\r\nf\r\n"));
    bed_expect(b, 1, "TOO_LARGE");
    assert_int_equal(b->requests, 0);
    bed_end(b);
}

static void test_bodies_of_all_connections_are_limited(void **state)
{
    struct bed *b = *state;
    b->limits.bodies_max = 3;
    b->conns.bodies.held = 2; /* another connection's */
    bed_connect(b);
    bed_send(b, STR(POST_HI));
    bed_expect(b, 1, "BUSY");
    bed_end(b);
    b->conns.bodies.held -= 2;
}

/* Announced bytes are not there; those that came cost at most twice their number. */
static void test_memory_of_a_body_follows_what_has_come(void **state)
{
    struct bed *b = *state;
    static char bytes[1 << 20];
    b->mode = HOLD;
    b->limits.bodies_max = 64 << 20;
    bed_connect(b);
    bed_send(b, STR(POST "Content-Length: 3145728\r\n\r\n"));
    bed_run(b, 5);
    assert_int_equal(b->headers, 1);
    assert_int_equal(b->conns.bodies.held, 0);
    bed_send(b, STR("x"));
    bed_run(b, 5);
    assert_true(b->conns.bodies.held > 0 && b->conns.bodies.held <= 65536);
    for (size_t sent = 1; sent < sizeof bytes; sent += 65536) {
        bed_send(b, (struct str){bytes, 65536});
        bed_run(b, 1);
        if (b->conns.bodies.held > 2 * (sent + 65536) + 65536)
            fail_msg("%zu bytes for %zu", b->conns.bodies.held, sent + 65536);
    }
    bed_send(b, (struct str){bytes, sizeof bytes});
    bed_send(b, (struct str){bytes, sizeof bytes - 1});
    bed_until(b, &b->requests, 1);
    assert_int_equal(b->last_body_n, 3145728);
    assert_int_equal(b->conns.bodies.held, 3145728);
    http_out_begin(b->conn, 200);
    http_out_body(b->conn, STR("a/b"), STR("x"));
    bed_expect(b, 1, "200 OK");
    assert_int_equal(b->conns.bodies.held, 0);
}

/* Its place is there from its first byte on: nothing more is asked of the heap. */
static void test_body_of_known_length_is_never_moved(void **state)
{
    struct bed *b = *state;
    static char bytes[1 << 20];
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(POST "Content-Length: 1048576\r\n\r\nabc"));
    bed_run(b, 5);
    heap_fail_after(1);
    bed_send(b, (struct str){bytes, sizeof bytes - 3});
    bed_until(b, &b->requests, 1);
    heap_fail_after(0);
    assert_int_equal(b->last_body_n, sizeof bytes);
    assert_int_equal(b->refused, 0);
}

/* Memory ends where the body is read to its place, and where it is copied. */
static void test_no_memory_inside_a_body_is_busy(void **state)
{
    (void)state;
    static const struct str heads[] = {STR(POST "Content-Length: 3000000\r\n\r\nabc"),
                                       STR(POST_CHUNKS "40000\r\nabc")};
    static char bytes[100000];
    for (unsigned long k = 1; k < 4; k++) {
        for (size_t i = 0; i < 2; i++) {
            void *each = NULL;
            bed_setup(&each);
            struct bed *b = each;
            bed_connect(b);
            bed_send(b, heads[i]);
            bed_run(b, 5);
            heap_fail_after(k);
            bed_send(b, (struct str){bytes, sizeof bytes});
            bed_run(b, 5);
            heap_fail_after(0);
            bed_read(b);
            if (b->refused > 1 || b->gone + b->closed + b->in_reset > 0 ||
                (k == 1 && b->refused_with != STATUS_BUSY))
                fail_msg("%lu, %zu: refused %u gone %u closed %u", k, i, b->refused, b->gone,
                         b->closed);
            bed_teardown(&each);
        }
    }
}

static void test_refused_client_can_read_the_answer_after_sending_all(void **state)
{
    struct bed *b = *state;
    static char megabytes[3 << 20];
    memset(megabytes, 'x', sizeof megabytes);
    b->headers_say = STATUS_AUTH;
    bed_connect(b);
    bed_send(b, STR(POST "Content-Length: 3145728\r\n\r\n"));
    bed_send(b, (struct str){megabytes, sizeof megabytes});
    bed_expect(b, 1, "AUTH");
    assert_false(b->in_reset);
    assert_int_equal(b->refused, 1);
}

static void test_end_inside_a_request_is_answered(void **state)
{
    (void)state;
    static const struct str table[] = {STR("GET / HT"), STR(POST "Content-Length: 5\r\n\r\nabc"),
                                       STR(POST_CHUNKS "5\r\nab")};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        bed_connect(b);
        bed_send(b, table[i]);
        shutdown(b->client, SHUT_WR);
        bed_expect(b, 1, "HTTP/1.1 400 Bad Request");
        bed_end(b);
        bed_teardown(&each);
    }
}

static void test_continue_is_sent_before_the_body_only(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str bytes;
        enum status headers_say;
        unsigned want;
    } table[] = {
        {"waiting client", STR(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"), STATUS_OK,
         1},
        {"waiting client, chunks",
         STR(POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), STATUS_OK, 1},
        {"refused client", STR(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
         STATUS_AUTH, 0},
        {"body is there", STR(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"),
         STATUS_OK, 0},
        {"no body", STR(POST "Expect: 100-continue\r\n\r\n"), STATUS_OK, 0},
        {"nothing asked", STR(POST "Content-Length: 2\r\n\r\n"), STATUS_OK, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->headers_say = table[i].headers_say;
        bed_connect(b);
        bed_send(b, table[i].bytes);
        bed_run(b, 5);
        bed_read(b);
        if (bed_count(b, "HTTP/1.1 100 Continue\r\n\r\n") != table[i].want)
            fail_msg("%s", table[i].name);
        bed_teardown(&each);
    }
}

#define WAITING POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"

static void test_held_continue_waits_for_the_owner(void **state)
{
    struct bed *b = *state;
    b->hold = true;
    bed_connect(b);
    bed_send(b, STR(WAITING));
    bed_run(b, 5);
    bed_read(b);
    assert_int_equal(b->headers, 1);
    assert_int_equal(buf_len(&b->in), 0);
    http_conn_continue(b->conn);
    http_conn_continue(b->conn); /* once only */
    bed_expect(b, 1, "HTTP/1.1 100 Continue\r\n\r\n");
    bed_send(b, STR("hi"));
    bed_expect(b, 1, "\r\n\r\nhi");
    assert_int_equal(bed_count(b, "100 Continue"), 1);
    bed_send(b, STR(WAITING "hi")); /* does not wait */
    bed_expect(b, 2, "\r\n\r\nhi");
    http_conn_continue(b->conn);
    bed_run(b, 5);
    bed_read(b);
    assert_int_equal(bed_count(b, "100 Continue"), 1);
}

static void test_held_request_refused_gets_no_continue(void **state)
{
    struct bed *b = *state;
    struct err err;
    b->hold = true;
    bed_connect(b);
    bed_send(b, STR(WAITING));
    bed_run(b, 5);
    err_set(&err, STATUS_AUTH, "as told");
    http_conn_refuse(b->conn, &err);
    bed_expect(b, 1, "AUTH");
    assert_int_equal(bed_count(b, "100 Continue"), 0);
    assert_int_equal(bed_count(b, "connection: close"), 1);
    assert_int_equal(b->refused, 1);
}

static void test_no_memory_fails_the_request_not_the_process(void **state)
{
    (void)state;
    unsigned ok = 0;
    for (unsigned long k = 1; k < 40 && ok < 3; k++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        int server;
        bed_pair(&server, &b->client);
        heap_fail_after(k);
        b->conn = http_conn_new(b->loop, server, &b->limits, &bed_ops, b, &b->conns);
        bed_send(b, STR(POST_CHUNKS "3\r\nabc\r\n0\r\n\r\n" GET));
        bed_run(b, 3);
        heap_fail_after(0);
        bed_run(b, 3);
        bed_read(b);
        ok += b->requests == 2 && bed_count(b, "200 OK") == 2;
        bed_teardown(&each);
    }
    assert_int_equal(ok, 3);
}

/* RFC 9112 2.2: an empty line before a request is nothing, also when it comes in two pieces. */
static void test_an_empty_line_is_no_request(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_expect(b, 1, "200 OK");
    size_t n = buf_len(&b->in);
    for (const char *half = "\r\n"; *half; half++) {
        bed_send(b, (struct str){half, 1});
        bed_run(b, 10);
    }
    shutdown(b->client, SHUT_WR);
    bed_until(b, &b->closed, 1);
    assert_int_equal(buf_len(&b->in), n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED(test_request_in_single_bytes_is_understood),
        BED(test_large_body_arrives_unchanged),
        BED(test_wipe_headers_forgets_keys),
        BED(test_an_empty_line_is_no_request),
        cmocka_unit_test(test_refused_requests_get_one_answer_and_the_end),
        BED(test_chunked_body_over_the_route_limit_is_refused),
        BED(test_bodies_of_all_connections_are_limited),
        BED(test_memory_of_a_body_follows_what_has_come),
        BED(test_body_of_known_length_is_never_moved),
        cmocka_unit_test(test_no_memory_inside_a_body_is_busy),
        BED(test_refused_client_can_read_the_answer_after_sending_all),
        cmocka_unit_test(test_end_inside_a_request_is_answered),
        cmocka_unit_test(test_continue_is_sent_before_the_body_only),
        BED(test_held_continue_waits_for_the_owner),
        BED(test_held_request_refused_gets_no_continue),
        cmocka_unit_test(test_no_memory_fails_the_request_not_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
