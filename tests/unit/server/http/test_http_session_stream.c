/* http_session_stream.c: what of a session can go wrong on the way, and how it ends. */
#include "server/http/http_session.h"

#include "tests/unit/h2_bed.h"

enum { NO_ERROR = 0, INTERNAL_ERROR = 2, REFUSED_STREAM = 7, CANCEL = 8, ENHANCE_YOUR_CALM = 11 };

static uint32_t reset_code(struct bed *b, uint32_t stream)
{
    return h2_number(h2_expect(b, 1, RST, stream).payload.p);
}

static uint32_t goaway_code(struct bed *b, unsigned n)
{
    return h2_number(h2_expect(b, n, GOAWAY, 0).payload.p + 4);
}

/* Streams 1, 3, ... n of them, in the owner's hands. */
static void begin(struct bed *b, unsigned n)
{
    b->mode = HOLD;
    h2_connect(b);
    for (uint32_t i = 0; i < n; i++)
        h2_head(b, 1 + 2 * i, END_STREAM, H2_GET);
    bed_until(b, &b->requests, n);
}

static void answer(struct http_conn *c, struct str body)
{
    http_out_begin(c, 200);
    http_out_body(c, STR("a/b"), body);
}

/* ---- flow control ------------------------------------------------------------------------ */

static void test_client_that_does_not_read_pauses_its_own_stream(void **state)
{
    struct bed *b = *state;
    static char much[40000];
    begin(b, 2);
    struct http_conn *slow = b->asked; /* stream 3 */
    h2_setting(b, 4, 10);              /* INITIAL_WINDOW_SIZE, also of open streams */
    h2_expect(b, 2, SETTINGS, 0);
    http_out_begin(slow, 200);
    http_out_stream(slow, STR("a/b"));
    http_out_write(slow, (struct str){much, sizeof much});
    bed_run(b, 5);
    assert_true(http_out_full(slow));
    h2_expect(b, 1, DATA, 3);
    assert_int_equal(h2_body(b, 3).n, 10);
    assert_int_equal(b->drained, 0);
    h2_u32(b, WINDOW, 3, 30000);
    bed_until(b, &b->drained, 1);
    assert_int_equal(h2_body(b, 3).n, 30010);
    assert_false(http_out_full(slow));
    http_out_end(slow);
    h2_u32(b, WINDOW, 3, 30000);
    assert_int_equal(h2_answer(b, 3).n, sizeof much);
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 0);
}

static void test_client_that_never_reads_loses_its_stream(void **state)
{
    struct bed *b = *state;
    b->limits.write_stall_ms = 30;
    begin(b, 1);
    h2_setting(b, 4, 0);
    h2_expect(b, 2, SETTINGS, 0);
    http_out_begin(b->asked, 200);
    http_out_stream(b->asked, STR("a/b"));
    http_out_write(b->asked, STR("x"));
    bed_until(b, &b->gone, 1);
    reset_code(b, 1);
    assert_int_equal(b->conns.open, 1);
}

/* All its bytes have gone, its end has not: that waits for a window as bytes do. */
static void end_without_window(struct bed *b, void (*end)(struct http_conn *c))
{
    b->limits.write_stall_ms = 30;
    begin(b, 1);
    h2_setting(b, 4, 5);
    h2_expect(b, 2, SETTINGS, 0);
    http_out_begin(b->asked, 200);
    http_out_stream(b->asked, STR("a/b"));
    http_out_write(b->asked, STR("12345"));
    h2_expect(b, 1, DATA, 1);
    end(b->asked);
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->conns.open, 1);
}

static void test_end_that_has_no_window_has_a_deadline(void **state)
{
    end_without_window(*state, http_out_end);
}

static void test_large_bodies_go_through_windows_both_ways(void **state)
{
    struct bed *b = *state;
    static char piece[16384];
    memset(piece, 'x', sizeof piece);
    h2_connect(b);
    h2_u32(b, WINDOW, 0, 8 << 20);
    h2_head(b, 1, 0, H2_POST);
    h2_u32(b, WINDOW, 1, 8 << 20);
    for (unsigned i = 0; i < 128; i++)
        h2_put_frame(b, DATA, i == 127 ? END_STREAM : 0, 1, (struct str){piece, sizeof piece});
    assert_int_equal(h2_answer(b, 1).n, 128 * sizeof piece);
    assert_int_equal(b->last_body_n, 128 * sizeof piece);
    h2_expect(b, 1, WINDOW, 1); /* or no client could have sent it */
}

/* ---- ends of a stream -------------------------------------------------------------------- */

static void test_reset_by_the_client_is_told_once_and_others_go_on(void **state)
{
    struct bed *b = *state;
    begin(b, 2);
    h2_u32(b, RST, 1, CANCEL);
    bed_until(b, &b->gone, 1);
    bed_until(b, &b->closed, 1);
    answer(b->asked, STR("three"));
    assert_true(text_eq(h2_answer(b, 3), STR("three")));
    bed_until(b, &b->closed, 2);
    assert_int_equal(b->gone, 1);
}

static void test_reset_while_the_body_arrives_is_told(void **state)
{
    struct bed *b = *state;
    h2_connect(b);
    h2_head(b, 1, 0, H2_POST);
    bed_until(b, &b->headers, 1);
    h2_u32(b, RST, 1, CANCEL);
    bed_until(b, &b->gone, 1);
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->conns.bodies.held, 0);
}

static void test_socket_that_ends_takes_its_streams_with_it(void **state)
{
    struct bed *b = *state;
    begin(b, 3);
    close(b->client);
    b->client = -1;
    for (int i = 0; i < 1000 && b->closed < 4; i++)
        bed_run(b, 1);
    assert_int_equal(b->gone, 3);
    assert_int_equal(b->closed, 4);
}

static void test_cut_answer_is_a_reset(void **state)
{
    struct bed *b = *state;
    begin(b, 1);
    http_out_begin(b->asked, 200);
    http_out_stream(b->asked, STR("a/b"));
    http_out_write(b->asked, STR("half"));
    http_out_cut(b->asked);
    assert_int_equal(reset_code(b, 1), INTERNAL_ERROR);
    assert_true(text_eq(h2_body(b, 1), STR("half")));
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 0);
}

static void test_owner_that_aborts_resets_the_stream(void **state)
{
    struct bed *b = *state;
    begin(b, 1);
    http_conn_abort(b->asked);
    assert_int_equal(reset_code(b, 1), INTERNAL_ERROR);
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 0);
    h2_head(b, 3, END_STREAM, H2_GET);
    bed_until(b, &b->requests, 2);
}

static void test_slow_body_is_answered(void **state)
{
    struct bed *b = *state;
    b->limits.body_ms = 20;
    b->limits.linger_ms = 20;
    h2_connect(b);
    h2_head(b, 1, 0, H2_POST);
    assert_true(text_eq(h2_answer(b, 1), STR("CLIENT_SLOW")));
    assert_int_equal(reset_code(b, 1), NO_ERROR);
    assert_int_equal(b->conns.open, 1);
}

/* ---- ends of a session ------------------------------------------------------------------- */

static void test_idle_session_says_so_and_ends(void **state)
{
    struct bed *b = *state;
    b->limits.idle_ms = 20;
    h2_connect(b);
    h2_head(b, 1, END_STREAM, H2_GET);
    h2_answer(b, 1);
    assert_int_equal(goaway_code(b, 1), NO_ERROR);
    b->closed = 0;
    bed_end(b);
}

static void test_session_that_asks_nothing_ends(void **state)
{
    struct bed *b = *state;
    b->limits.header_ms = 20;
    h2_connect(b);
    assert_int_equal(goaway_code(b, 1), NO_ERROR);
    bed_end(b);
}

static void test_drain_announces_itself_and_waits_for_streams(void **state)
{
    struct bed *b = *state;
    b->limits.drain_grace_ms = 30;
    begin(b, 1);
    http_conn_drain(b->conn);
    goaway_code(b, 1);
    assert_int_equal(h2_number(h2_expect(b, 1, GOAWAY, 0).payload.p), 0x7fffffff);
    h2_head(b, 3, END_STREAM, H2_GET); /* it was on the way */
    bed_until(b, &b->requests, 2);
    answer(b->asked, STR("three"));
    h2_answer(b, 3);
    assert_int_equal(h2_number(h2_expect(b, 2, GOAWAY, 0).payload.p), 3);
    assert_false(b->in_end);
    b->closed = 0;
    struct http_conn *first = http_conn_each(&b->conns, NULL);
    answer(first == b->conn ? http_conn_each(&b->conns, first) : first, STR("one"));
    assert_true(text_eq(h2_answer(b, 1), STR("one")));
    b->closed = 0;
    for (int i = 0; i < 1000 && !b->in_end; i++) {
        bed_run(b, 1);
        bed_read(b);
    }
    assert_true(b->in_end);
}

/* Each end of a stream is a new beginning for an idle session, but not for one that is to end. */
static void test_drain_ends_under_a_client_that_goes_on(void **state)
{
    struct bed *b = *state;
    struct h2_frame f;
    uint32_t stream = 1;
    b->limits.drain_grace_ms = 60;
    h2_connect(b);
    h2_expect(b, 1, SETTINGS, 0);
    http_conn_drain(b->conn);
    while (h2_count(b, GOAWAY, 0, &f) < 2 && stream < 100) {
        h2_head(b, stream, END_STREAM, H2_GET);
        bed_run(b, 10);
        bed_read(b);
        stream += 2;
    }
    assert_int_equal(h2_count(b, GOAWAY, 0, &f), 2);
    uint32_t last = h2_number(f.payload.p);
    assert_true(last > 1 && last + 4 >= stream); /* what came behind it was refused */
    h2_answer(b, last);
}

static void test_last_request_of_a_session_is_said(void **state)
{
    struct bed *b = *state;
    b->limits.requests_max = 2;
    h2_connect(b);
    h2_head(b, 1, END_STREAM, H2_GET);
    h2_head(b, 3, END_STREAM, H2_GET);
    h2_head(b, 5, END_STREAM, H2_GET);
    h2_answer(b, 1);
    h2_answer(b, 3);
    assert_int_equal(h2_number(h2_expect(b, 1, GOAWAY, 0).payload.p), 3);
    assert_int_equal(reset_code(b, 5), REFUSED_STREAM);
    assert_int_equal(b->requests, 2);
}

/* ---- calm -------------------------------------------------------------------------------- */

static void ping(struct bed *b, uint32_t i)
{
    (void)i;
    h2_put_frame(b, PING, 0, 0, STR("12345678"));
}

static void empty_data(struct bed *b, uint32_t i)
{
    if (i == 0)
        h2_head(b, 1, 0, H2_POST);
    h2_put_frame(b, DATA, 0, 1, (struct str){0});
}

static void padding_alone(struct bed *b, uint32_t i)
{
    if (i == 0)
        h2_head(b, 1, 0, H2_POST);
    h2_put_frame(b, DATA, 8 /* PADDED */, 1, STR("\3\0\0\0"));
}

static void rapid_reset(struct bed *b, uint32_t i)
{
    h2_head(b, 1 + 2 * i, END_STREAM, H2_GET);
    h2_u32(b, RST, 1 + 2 * i, CANCEL);
}

static void settings(struct bed *b, uint32_t i)
{
    h2_setting(b, 4, 1000 + i);
}

static void unknown(struct bed *b, uint32_t i)
{
    (void)i;
    h2_put_frame(b, 77, 0, 0, STR("x"));
}

static void endless_head(struct bed *b, uint32_t i)
{
    static char big[8000];
    memset(big, 'x', sizeof big);
    buf_init(&h2_block, 1 << 16);
    h2_fields(i == 0 ? H2_GET : STR(""));
    h2_field(STR("a"), (struct str){big, sizeof big});
    h2_field(STR("b"), (struct str){big, sizeof big});
    h2_put_frame(b, i == 0 ? HEADERS : CONTINUATION, 0, 1, buf_str(&h2_block));
    buf_free(&h2_block);
}

/* Until the server has read all that was sent, or reads no more. */
static void bed_until_read(struct bed *b)
{
    for (int i = 0; i < 200 && b->conns.bytes_in < h2_sent && !b->in_end; i++) {
        bed_run(b, 1);
        bed_read(b);
    }
    bed_run(b, 1);
    bed_read(b);
}

static void test_who_asks_for_nothing_but_work_is_stopped(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*step)(struct bed *b, uint32_t i);
        uint32_t least, most; /* steps: so many must be borne, and no more */
    } table[] = {
        {"pings", ping, 900, 1100},
        {"empty data", empty_data, 900, 1100},
        {"padding alone", padding_alone, 900, 1100},
        {"resets", rapid_reset, 80, 110},
        {"settings", settings, 900, 1100},
        {"unknown frames", unknown, 900, 1100},
        {"an endless head", endless_head, 2, 12},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        uint32_t n = 0;
        struct h2_frame f;
        bed_setup(&each);
        struct bed *b = each;
        b->mode = HOLD;
        h2_connect(b);
        while (n < 2000 && b->conn && h2_count(b, GOAWAY, 0, &f) == 0 && !b->in_end) {
            table[i].step(b, n++);
            if (n % 16 == 0 || n < 20)
                bed_until_read(b);
        }
        bed_run(b, 5);
        bed_read(b);
        bool said = h2_count(b, GOAWAY, 0, &f) > 0;
        if (n < table[i].least || n > table[i].most ||
            (said && h2_number(f.payload.p + 4) != ENHANCE_YOUR_CALM))
            fail_msg("%s: stopped after %u (in %llu, open %u, refused %u), code %d", table[i].name,
                     n, (unsigned long long)b->conns.bytes_in, b->conns.open, b->refused,
                     said ? (int)h2_number(f.payload.p + 4) : -1);
        bed_teardown(&each);
    }
}

static void test_busy_client_stays_calm(void **state)
{
    struct bed *b = *state;
    h2_connect(b);
    for (uint32_t i = 0; i < 600; i++) {
        h2_head(b, 1 + 2 * i, 0, H2_POST);
        h2_put_frame(b, DATA, END_STREAM, 1 + 2 * i, STR("hi"));
        h2_u32(b, WINDOW, 0, 2);
        ping(b, i);
        if (i % 50 == 49) {
            h2_answer(b, 1 + 2 * i);
            assert_int_equal(b->requests, i + 1);
        }
    }
    struct h2_frame f;
    assert_int_equal(h2_count(b, GOAWAY, 0, &f), 0);
}

/* ---- no memory --------------------------------------------------------------------------- */

static void test_without_memory_nothing_is_left_behind(void **state)
{
    (void)state;
    for (unsigned long k = 1; k < 160; k++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        bed_connect(b);
        bed_send(b, STR(PREFACE));
        h2_put_frame(b, SETTINGS, 0, 0, (struct str){0});
        h2_head(b, 1, 0, H2_POST);
        h2_put_frame(b, DATA, END_STREAM, 1, STR("hi"));
        h2_head(b, 3, END_STREAM, H2_GET);
        heap_fail_after(k);
        for (int i = 0; i < 6; i++)
            bed_run(b, 1);
        heap_fail_after(0);
        bed_run(b, 2);
        bed_teardown(&each);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED(test_client_that_does_not_read_pauses_its_own_stream),
        BED(test_client_that_never_reads_loses_its_stream),
        BED(test_end_that_has_no_window_has_a_deadline),
        BED(test_large_bodies_go_through_windows_both_ways),
        BED(test_reset_by_the_client_is_told_once_and_others_go_on),
        BED(test_reset_while_the_body_arrives_is_told),
        BED(test_socket_that_ends_takes_its_streams_with_it),
        BED(test_cut_answer_is_a_reset),
        BED(test_owner_that_aborts_resets_the_stream),
        BED(test_slow_body_is_answered),
        BED(test_idle_session_says_so_and_ends),
        BED(test_session_that_asks_nothing_ends),
        BED(test_drain_announces_itself_and_waits_for_streams),
        BED(test_drain_ends_under_a_client_that_goes_on),
        BED(test_last_request_of_a_session_is_said),
        BED(test_who_asks_for_nothing_but_work_is_stopped),
        BED(test_busy_client_stays_calm),
        BED(test_without_memory_nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
