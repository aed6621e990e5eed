#include "server/http/http_out.h"

#include "tests/unit/http_bed.h"

#define DATE "date: Thu, 15 Jan 2026 12:00:00 GMT\r\n"

/* A connection whose request is with the owner, at a frozen date. */
static struct bed *asked(void **state, struct str request)
{
    struct bed *b = *state;
    b->mode = HOLD;
    clock_freeze_real_ms(1768478400000);
    clock_tick();
    bed_connect(b);
    bed_send(b, request);
    bed_until(b, &b->requests, 1);
    return b;
}

#define GET      STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
#define HEAD     STR("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
#define OLD      STR("GET / HTTP/1.0\r\n\r\n")
#define OLD_KEEP STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

/* Ways to answer. */
static void whole(struct http_conn *c)
{
    http_out_begin(c, 200);
    http_out_header(c, STR("x-a"), STR("b c"));
    http_out_header_u64(c, STR("x-n"), 42);
    http_out_body(c, STR("text/plain"), STR("hello"));
}

static void empty(struct http_conn *c)
{
    http_out_begin(c, 529);
    http_out_body(c, STR(""), STR(""));
}

static void no_content(struct http_conn *c)
{
    http_out_begin(c, 204);
    http_out_body(c, STR(""), STR(""));
}

static void forged(struct http_conn *c)
{
    http_out_begin(c, 200);
    http_out_header(c, STR("x-a"), STR("b\r\nx-b: c"));
    http_out_header(c, STR("x-c"), STR("b\0"));
    http_out_close(c);
    http_out_body(c, STR(""), STR("x"));
}

static void stream_in_place(struct http_conn *c)
{
    http_out_begin(c, 200);
    http_out_stream(c, STR("text/event-stream"));
    http_out_write(c, STR("abc"));
    http_out_write(c, STR("")); /* an empty chunk would be the end: nothing is sent */
    struct buf *out = http_out_chunk_begin(c);
    for (int i = 0; i < 3; i++)
        BUF_LIT(out, "data: 1\n");
    http_out_chunk_end(c);
    http_out_chunk_begin(c);
    http_out_chunk_end(c); /* nothing either */
    http_out_end(c);
}

static const struct {
    const char *name;
    struct str request;
    void (*answer)(struct http_conn *c);
    const char *want;
    bool end;
    unsigned body_bytes;
} answers[] = {
    {"whole", GET, whole,
     "HTTP/1.1 200 OK\r\n" DATE "x-a: b c\r\nx-n: 42\r\ncontent-length: 5\r\n"
     "content-type: text/plain\r\n\r\nhello",
     false, 5},
    {"whole, head", HEAD, whole,
     "HTTP/1.1 200 OK\r\n" DATE "x-a: b c\r\nx-n: 42\r\ncontent-length: 5\r\n"
     "content-type: text/plain\r\n\r\n",
     false, 0},
    {"whole, 1.0", OLD, whole,
     "HTTP/1.1 200 OK\r\n" DATE "x-a: b c\r\nx-n: 42\r\ncontent-length: 5\r\n"
     "content-type: text/plain\r\nconnection: close\r\n\r\nhello",
     true, 5},
    {"whole, 1.0 keep-alive", OLD_KEEP, whole,
     "HTTP/1.1 200 OK\r\n" DATE "x-a: b c\r\nx-n: 42\r\ncontent-length: 5\r\n"
     "content-type: text/plain\r\nconnection: keep-alive\r\n\r\nhello",
     false, 5},
    {"empty", GET, empty, "HTTP/1.1 529 Overloaded\r\n" DATE "content-length: 0\r\n\r\n", false, 0},
    {"no content", GET, no_content, "HTTP/1.1 204 No Content\r\n" DATE "\r\n", false, 0},
    {"forged header", GET, forged,
     "HTTP/1.1 200 OK\r\n" DATE "content-length: 1\r\nconnection: close\r\n\r\nx", true, 1},
    {"stream", GET, stream_in_place,
     "HTTP/1.1 200 OK\r\n" DATE "transfer-encoding: chunked\r\n"
     "content-type: text/event-stream\r\n\r\n00000003\r\nabc\r\n"
     "00000018\r\ndata: 1\ndata: 1\ndata: 1\n\r\n0\r\n\r\n",
     false, 27},
    {"stream, head", HEAD, stream_in_place,
     "HTTP/1.1 200 OK\r\n" DATE "transfer-encoding: chunked\r\n"
     "content-type: text/event-stream\r\n\r\n",
     false, 0},
    {"stream, 1.0", OLD, stream_in_place,
     "HTTP/1.1 200 OK\r\n" DATE "content-type: text/event-stream\r\nconnection: close\r\n\r\n"
     "abcdata: 1\ndata: 1\ndata: 1\n",
     true, 27},
    {"stream, 1.0 keep-alive", OLD_KEEP, stream_in_place,
     "HTTP/1.1 200 OK\r\n" DATE "content-type: text/event-stream\r\nconnection: close\r\n\r\n"
     "abcdata: 1\ndata: 1\ndata: 1\n",
     true, 27},
};

static void test_answers_have_these_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = asked(&each, answers[i].request);
        answers[i].answer(b->conn);
        if (http_out_bytes(b->conn) != answers[i].body_bytes)
            fail_msg("%s: %llu body bytes", answers[i].name,
                     (unsigned long long)http_out_bytes(b->conn));
        bed_run(b, 3);
        bed_read(b);
        if (!text_eq(buf_str(&b->in), text_from(answers[i].want)) || b->in_end != answers[i].end)
            fail_msg("%s: end %d, got\n%.*s", answers[i].name, b->in_end, STR_ARG(buf_str(&b->in)));
        if (!answers[i].end) { /* the connection is good for another one */
            b->mode = ECHO;
            bed_send(b, GET);
            bed_expect(b, 1, "x-path: /");
        }
        bed_teardown(&each);
    }
    clock_freeze_real_ms(0);
}

static void test_reason_of_every_error_status_is_known(void **state)
{
    (void)state;
    for (int s = 1; s < STATUS_COUNT; s++) {
        for (int dialect = 0; dialect < DIALECT_COUNT; dialect++) {
            int code = err_http((enum status)s, (enum dialect)dialect);
            if (code == 499) /* never sent: the client is gone */
                continue;
            void *each = NULL;
            bed_setup(&each);
            struct bed *b = asked(&each, GET);
            http_out_begin(b->conn, code);
            http_out_body(b->conn, STR(""), STR(""));
            bed_expect(b, 1, "\r\n\r\n");
            if (bed_count(b, " \r\n") != 0)
                fail_msg("%d has no reason phrase", code);
            bed_teardown(&each);
        }
    }
}

static void test_one_turn_is_one_write(void **state)
{
    struct bed *b = asked(state, GET);
    uint64_t before = b->conns.writes;
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    for (int i = 0; i < 50; i++)
        http_out_write(b->conn, STR("event"));
    bed_run(b, 3);
    assert_int_equal(b->conns.writes, before + 1);
    http_out_write(b->conn, STR("one"));
    bed_run(b, 3);
    assert_int_equal(b->conns.writes, before + 2);
    bed_read(b);
    assert_int_equal(bed_count(b, "00000005\r\nevent\r\n"), 50);
    assert_int_equal(bed_count(b, "00000003\r\none\r\n"), 1);
}

static void test_open_chunk_is_not_sent(void **state)
{
    struct bed *b = asked(state, GET);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    struct buf *out = http_out_chunk_begin(b->conn);
    BUF_LIT(out, "half");
    bed_run(b, 3);
    bed_read(b);
    assert_int_equal(buf_len(&b->in), 0);
    BUF_LIT(out, " whole");
    http_out_chunk_end(b->conn);
    bed_expect(b, 1, "0000000a\r\nhalf whole\r\n");
}

static void test_burst_that_the_socket_takes_is_not_full(void **state)
{
    struct bed *b = asked(state, GET);
    static const char piece[7000];
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    for (int i = 0; i < 12; i++) /* over output_high, within one turn */
        http_out_write(b->conn, (struct str){piece, sizeof piece});
    assert_false(http_out_full(b->conn));
    http_out_end(b->conn);
    bed_expect(b, 1, "\r\n0\r\n\r\n");
    assert_int_equal(b->drained, 0);
}

/* Neither here nor in the kernel, whose own limit is some megabytes. */
static void test_stuck_reader_holds_little(void **state)
{
    struct bed *b = asked(state, GET);
    static const char piece[7000];
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    size_t put = 0;
    for (; !http_out_full(b->conn); put += sizeof piece) {
        http_out_write(b->conn, (struct str){piece, sizeof piece});
        assert_true(put < 1500000);
    }
    bed_run(b, 3);
    assert_int_equal(b->drained, 0);
    bed_until(b, &b->drained, 1); /* this reads at the client's side */
    assert_false(http_out_full(b->conn));
    http_out_end(b->conn);
    bed_expect(b, 1, "\r\n0\r\n\r\n");
}

static void test_slow_reader_gets_everything_and_pauses_the_source(void **state)
{
    struct bed *b = asked(state, GET);
    struct buf sent;
    char piece[1000];
    buf_init(&sent, 32 << 20);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    unsigned pauses = 0;
    for (int i = 0; buf_len(&sent) < 12000000; i++) {
        int n = snprintf(piece, sizeof piece, "%0*d", 900 + i % 90, i);
        http_out_write(b->conn, (struct str){piece, (size_t)n});
        buf_printf(&sent, "%08x\r\n%s\r\n", (unsigned)n, piece);
        if (i % 16 == 0)
            bed_run(b, 0);
        if (http_out_full(b->conn)) {
            pauses++;
            bed_until(b, &b->drained, pauses); /* this reads at the client's side */
            assert_false(http_out_full(b->conn));
        }
    }
    http_out_end(b->conn);
    BUF_LIT(&sent, "0\r\n\r\n");
    bed_expect(b, 1, "\r\n0\r\n\r\n");
    assert_true(pauses > 0);
    size_t at;
    assert_true(text_find(buf_str(&b->in), STR("\r\n\r\n"), &at));
    assert_true(text_eq(text_sub(buf_str(&b->in), at + 4, buf_len(&b->in)), buf_str(&sent)));
    buf_free(&sent);
}

static void test_writing_to_a_client_that_left_is_harmless(void **state)
{
    struct bed *b = asked(state, GET);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    struct linger reset = {.l_onoff = 1};
    setsockopt(b->client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(b->client);
    b->client = -1;
    usleep(2000);
    b->limits.output_high = 4;
    for (int i = 0; i < 5; i++) {
        http_out_write(b->conn, STR("event"));
        http_out_full(
            b->conn); /* sends and fails; the owner hears of it from the loop, not from in here */
        assert_int_equal(b->gone, 0);
    }
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 1);
}

static void test_no_memory_for_output_drops_the_connection(void **state)
{
    struct bed *b = asked(state, GET);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    static char megabyte[1 << 20];
    heap_fail_after(1);
    http_out_write(b->conn, (struct str){megabyte, sizeof megabyte});
    heap_fail_after(0);
    http_out_write(b->conn, STR("after the gap"));
    bed_run(b, 3);
    bed_read(b);
    assert_int_equal(bed_count(b, "after the gap"), 0);
    assert_int_equal(b->gone, 1);
}

static void test_last_ms_follows_the_clock(void **state)
{
    struct bed *b = asked(state, GET);
    http_out_begin(b->conn, 200);
    http_out_stream(b->conn, STR("a/b"));
    uint64_t first = http_out_last_ms(b->conn);
    bed_run(b, 20);
    assert_int_equal(http_out_last_ms(b->conn), first);
    http_out_write(b->conn, STR("x"));
    assert_true(http_out_last_ms(b->conn) >= first + 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_have_these_bytes),
        cmocka_unit_test(test_reason_of_every_error_status_is_known),
        BED(test_one_turn_is_one_write),
        BED(test_open_chunk_is_not_sent),
        BED(test_burst_that_the_socket_takes_is_not_full),
        BED(test_stuck_reader_holds_little),
        BED(test_slow_reader_gets_everything_and_pauses_the_source),
        BED(test_writing_to_a_client_that_left_is_harmless),
        BED(test_no_memory_for_output_drops_the_connection),
        BED(test_last_ms_follows_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
