#include "server/aws/eventstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/crc32.h"

#define FRAME_MAX ((size_t)2 << 20)

/* Frames that botocore and aws-sdk-js accept. */
#define ERROR_HEX                                                                                  \
    "0000005a0000004a8188a08d0b3a6572726f722d636f646507000f496e7465726e616c4661696c7572650e3a6572" \
    "726f722d6d657373616765070004626f6f6d0d3a6d6573736167652d747970650700056572726f72f8d6999d"
#define EXCEPTION_HEX                                                                              \
    "000000b0000000614f5086b30f3a657863657074696f6e2d747970650700137468726f74746c696e674578636570" \
    "74696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d657373616765" \
    "2d74797065070009657863657074696f6e7b226d657373616765223a22546f6f206d616e7920746f6b656e732c20" \
    "706c656173652077616974206265666f726520747279696e6720616761696e2e227df70ae57f"
#define CHUNK_HEX                                                                                  \
    "0000013c0000004b2ba1c1530b3a6576656e742d747970650700056368756e6b0d3a636f6e74656e742d74797065" \
    "0700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22627974" \
    "6573223a2265794a306558426c496a6f696257567a6332466e5a56397a644739774969776959573168656d39754c" \
    "574a6c5a484a76593273746157353262324e6864476c76626b316c64484a7059334d694f6e736961573577645852" \
    "556232746c626b4e7664573530496a6f784d4377696233563063485630564739725a57354462335675644349364d" \
    "545573496d6c75646d396a595852706232354d5958526c626d4e35496a6f784e7a6b344c434a6d61584a7a64454a" \
    "356447564d5958526c626d4e35496a6f784e5441336658303d222c2270223a226162227d38e33ac1"

static const struct {
    const char *name;
    struct str hex;
    enum eventstream_kind kind;
    struct str type, message, payload_start;
    size_t payload_size;
} known[] = {
    {"error", STR(ERROR_HEX), EVENTSTREAM_ERROR, STR("InternalFailure"), STR("boom"), STR(""), 0},
    {"exception", STR(EXCEPTION_HEX), EVENTSTREAM_EXCEPTION, STR("throttlingException"), STR(""),
     STR("{\"message\":\"Too many tokens, please wait before trying again.\"}"), 63},
    {"chunk", STR(CHUNK_HEX), EVENTSTREAM_EVENT, STR("chunk"), STR(""), STR("{\"bytes\":\"eyJ0"),
     225},
};

static uint8_t *unhex(struct str hex, size_t *n_out)
{
    *n_out = hex.n / 2;
    uint8_t *p = heap_new(*n_out);
    assert_true(text_unhex(hex, p, *n_out));
    return p;
}

/* Feeds data in pieces of `piece` bytes; counts frames; the last answer that is not MORE, or MORE.
 */
static enum eventstream_next feed(struct eventstream *es, struct str data, size_t piece,
                                  size_t *frames_out, struct err *err)
{
    *frames_out = 0;
    for (size_t at = 0; at < data.n; at += piece) {
        struct str in = text_sub(data, at, piece);
        /* A copy of its own: a frame must not point into input of an earlier call. */
        char *copy = heap_new(in.n);
        memcpy(copy, in.p, in.n);
        struct str rest = {copy, in.n};
        struct eventstream_frame f;
        enum eventstream_next got;
        while ((got = eventstream_next(es, &rest, &f, err)) == EVENTSTREAM_FRAME)
            (*frames_out)++;
        heap_drop(copy);
        if (got == EVENTSTREAM_BAD)
            return got;
        assert_int_equal(rest.n, 0);
    }
    return EVENTSTREAM_MORE;
}

static enum eventstream_next feed_once(struct str data, size_t frame_max, size_t *frames_out,
                                       struct err *err)
{
    struct eventstream es;
    eventstream_init(&es, frame_max);
    enum eventstream_next got = feed(&es, data, data.n + 1, frames_out, err);
    eventstream_free(&es);
    return got;
}

/* --- good frames --- */

static void check_known(size_t i, const struct eventstream_frame *f)
{
    if (f->kind != known[i].kind || !text_eq(f->type, known[i].type) ||
        !text_eq(f->message, known[i].message) ||
        !text_starts(f->payload, known[i].payload_start) || f->payload.n != known[i].payload_size)
        fail_msg("%s: %d '%.*s' '%.*s' %zu bytes", known[i].name, (int)f->kind, STR_ARG(f->type),
                 STR_ARG(f->message), f->payload.n);
}

static void test_next_known_frames_are_decoded_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t n;
        uint8_t *data = unhex(known[i].hex, &n);
        struct eventstream es;
        eventstream_init(&es, FRAME_MAX);
        struct str in = {(char *)data, n};
        struct eventstream_frame f;
        assert_int_equal(eventstream_next(&es, &in, &f, NULL), EVENTSTREAM_FRAME);
        check_known(i, &f);
        assert_true(f.type.p > (char *)data && f.type.p < (char *)data + n); /* no copy */
        assert_null(es.held.mem);
        assert_int_equal(eventstream_next(&es, &in, &f, NULL), EVENTSTREAM_MORE);
        assert_false(eventstream_partial(&es));
        eventstream_free(&es);
        heap_drop(data);
    }
}

static void test_next_frame_split_at_every_byte_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t n;
        uint8_t *data = unhex(known[i].hex, &n);
        for (size_t cut = 1; cut < n; cut++) {
            struct eventstream es;
            eventstream_init(&es, FRAME_MAX);
            struct eventstream_frame f;
            struct str first = {(char *)data, cut};
            struct str second = {(char *)data + cut, n - cut};
            assert_int_equal(eventstream_next(&es, &first, &f, NULL), EVENTSTREAM_MORE);
            assert_true(eventstream_partial(&es)); /* every truncation is told */
            assert_int_equal(eventstream_next(&es, &second, &f, NULL), EVENTSTREAM_FRAME);
            check_known(i, &f);
            assert_false(eventstream_partial(&es));
            assert_int_equal(eventstream_next(&es, &second, &f, NULL), EVENTSTREAM_MORE);
            assert_false(eventstream_partial(&es));
            eventstream_free(&es);
        }
        heap_drop(data);
    }
}

static void test_next_stream_in_pieces_of_every_size_gives_all_frames(void **state)
{
    (void)state;
    struct buf stream;
    buf_init(&stream, 65536);
    for (size_t i = 0; i < 9; i++) {
        size_t n;
        uint8_t *data = unhex(known[i % 3].hex, &n);
        buf_put(&stream, data, n);
        heap_drop(data);
    }
    for (size_t piece = 1; piece < 700; piece++) {
        struct eventstream es;
        eventstream_init(&es, FRAME_MAX);
        size_t frames;
        assert_int_equal(feed(&es, buf_str(&stream), piece, &frames, NULL), EVENTSTREAM_MORE);
        assert_int_equal(frames, 9);
        assert_false(eventstream_partial(&es));
        eventstream_free(&es);
    }
    buf_free(&stream);
}

static void test_encode_gives_the_known_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t n;
        uint8_t *data = unhex(known[i].hex, &n);
        struct str in = {(char *)data, n};
        struct eventstream es;
        eventstream_init(&es, FRAME_MAX);
        struct eventstream_frame f;
        assert_int_equal(eventstream_next(&es, &in, &f, NULL), EVENTSTREAM_FRAME);
        struct buf out;
        buf_init(&out, 4096);
        eventstream_encode(&out, f.kind, f.type,
                           f.kind == EVENTSTREAM_ERROR ? f.message : f.payload);
        if (!text_eq(buf_str(&out), (struct str){(char *)data, n}))
            fail_msg("%s: other bytes", known[i].name);
        buf_free(&out);
        eventstream_free(&es);
        heap_drop(data);
    }
}

static void test_encode_without_room_sets_the_flag(void **state)
{
    (void)state;
    for (size_t max = 1; max < 90; max++) {
        struct buf out;
        buf_init(&out, max);
        eventstream_encode(&out, EVENTSTREAM_ERROR, STR("InternalFailure"), STR("boom"));
        assert_false(buf_ok(&out));
        buf_free(&out);
    }
}

static void test_next_big_held_buffer_is_given_back(void **state)
{
    (void)state;
    size_t payload_size = 200000;
    char *payload = heap_new(payload_size);
    struct buf out;
    buf_init(&out, FRAME_MAX);
    eventstream_encode(&out, EVENTSTREAM_EVENT, STR("chunk"), (struct str){payload, payload_size});
    struct eventstream es;
    eventstream_init(&es, FRAME_MAX);
    size_t frames;
    assert_int_equal(feed(&es, buf_str(&out), 1000, &frames, NULL), EVENTSTREAM_MORE);
    assert_int_equal(frames, 1);
    assert_null(es.held.mem);
    eventstream_free(&es);
    buf_free(&out);
    heap_drop(payload);
}

/* --- bad frames --- */

static void test_next_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    size_t n;
    uint8_t *data = unhex(STR(ERROR_HEX), &n);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        size_t frames;
        struct err err = {0};
        if (feed_once((struct str){(char *)data, n}, FRAME_MAX, &frames, &err) != EVENTSTREAM_BAD ||
            frames > 0)
            fail_msg("bit %zu flipped and accepted", bit);
        assert_int_equal(err.code, STATUS_UPSTREAM);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    heap_drop(data);
}

static void put_be32(struct buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put_char(b, (char)(v >> shift));
}

/* A frame with right checksums around any header block and any claimed lengths. */
static void raw_frame(struct buf *out, uint32_t total, uint32_t header_size, struct str headers)
{
    buf_clear(out);
    put_be32(out, total);
    put_be32(out, header_size);
    put_be32(out, crc32_add(0, buf_data(out), 8));
    buf_put_str(out, headers);
    put_be32(out, crc32_add(0, buf_data(out), buf_len(out)));
}

#define MESSAGE_TYPE              \
    "\x0d:message-type\x07\0\x05" \
    "event"
#define EVENT_TYPE              \
    "\x0b:event-type\x07\0\x05" \
    "chunk"

static const struct {
    const char *name;
    struct str headers;
    const char *wrong; /* NULL: accepted */
} header_rows[] = {
    {"just what is needed", STR(EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type true", STR("\x01z\x00" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type false", STR("\x01z\x01" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type byte", STR("\x01z\x02z" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type short", STR("\x01z\x03zz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type integer", STR("\x01z\x04zzzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type long", STR("\x01z\x05zzzzzzzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type bytes", STR("\x01z\x06\0\x03zzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type bytes, none", STR("\x01z\x06\0\0" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type string", STR("\x01z\x07\0\x03zzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type timestamp", STR("\x01z\x08zzzzzzzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type uuid", STR("\x01z\x09zzzzzzzzzzzzzzzz" EVENT_TYPE MESSAGE_TYPE), NULL},
    {"type 10", STR("\x01z\x0a" EVENT_TYPE MESSAGE_TYPE), "malformed header"},
    {"type 255", STR("\x01z\xff" EVENT_TYPE MESSAGE_TYPE), "malformed header"},
    {"empty name", STR("\x00\x00" EVENT_TYPE MESSAGE_TYPE), "malformed header"},
    {"name overruns",
     STR(EVENT_TYPE MESSAGE_TYPE "\x05"
                                 "ab"),
     "malformed header"},
    {"ends after name length", STR(EVENT_TYPE MESSAGE_TYPE "\x05"), "malformed header"},
    {"ends after name", STR(EVENT_TYPE MESSAGE_TYPE "\x01z"), "malformed header"},
    {"ends in value length", STR(EVENT_TYPE MESSAGE_TYPE "\x01z\x07\0"), "malformed header"},
    {"value overruns", STR(EVENT_TYPE MESSAGE_TYPE "\x01z\x07\0\x02z"), "malformed header"},
    {"fixed value overruns", STR(EVENT_TYPE MESSAGE_TYPE "\x01z\x09z"), "malformed header"},
    {"duplicate", STR("\x01z\x00\x01z\x01" EVENT_TYPE MESSAGE_TYPE), "duplicate header"},
    {"duplicate type", STR(EVENT_TYPE MESSAGE_TYPE EVENT_TYPE), "duplicate header"},
    {"no message type", STR(EVENT_TYPE), "message type"},
    {"message type as bytes",
     STR(EVENT_TYPE "\x0d:message-type\x06\0\x05"
                    "event"),
     "message type"},
    {"unknown message type",
     STR(EVENT_TYPE "\x0d:message-type\x07\0\x05"
                    "other"),
     "message type"},
    {"no headers", STR(""), "message type"},
    {"no event type", STR(MESSAGE_TYPE), "without a type"},
    {"empty event type", STR("\x0b:event-type\x07\0\0" MESSAGE_TYPE), "without a type"},
    {"error code for an event", STR("\x0b:error-code\x07\0\x01x" MESSAGE_TYPE), "without a type"},
};

static void test_next_header_blocks(void **state)
{
    (void)state;
    struct buf frame;
    buf_init(&frame, 4096);
    for (size_t i = 0; i < COUNT_OF(header_rows); i++) {
        uint32_t n = (uint32_t)header_rows[i].headers.n;
        raw_frame(&frame, 16 + n, n, header_rows[i].headers);
        size_t frames;
        struct err err = {0};
        enum eventstream_next got = feed_once(buf_str(&frame), FRAME_MAX, &frames, &err);
        bool as_wanted =
            header_rows[i].wrong == NULL
                ? got == EVENTSTREAM_MORE && frames == 1
                : got == EVENTSTREAM_BAD && strstr(err.text, header_rows[i].wrong) != NULL;
        if (!as_wanted)
            fail_msg("%s: %d, %zu frames, '%s'", header_rows[i].name, (int)got, frames, err.text);
    }
    buf_free(&frame);
}

static void test_next_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t total, headers;
        size_t frame_max;
        const char *wrong;
    } rows[] = {
        {"total 0", 0, 0, FRAME_MAX, "impossible lengths"},
        {"total 15", 15, 0, FRAME_MAX, "impossible lengths"},
        {"headers one too long", 40, 25, FRAME_MAX, "impossible lengths"},
        {"headers 4 GiB", 40, UINT32_MAX, FRAME_MAX, "impossible lengths"},
        {"headers over 128 KiB", 200000, 131073, FRAME_MAX, "impossible lengths"},
        {"total 4 GiB", UINT32_MAX, 0, FRAME_MAX, "frame too large"},
        {"one over the maximum", 1025, 0, 1024, "frame too large"},
    };
    struct buf frame;
    buf_init(&frame, 4096);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        raw_frame(&frame, rows[i].total, rows[i].headers, STR(""));
        for (size_t piece = 1; piece <= buf_len(&frame); piece += 15) {
            struct eventstream es;
            eventstream_init(&es, rows[i].frame_max);
            size_t frames;
            struct err err = {0};
            enum eventstream_next got = feed(&es, buf_str(&frame), piece, &frames, &err);
            if (got != EVENTSTREAM_BAD || strstr(err.text, rows[i].wrong) == NULL)
                fail_msg("%s: %d '%s'", rows[i].name, (int)got, err.text);
            eventstream_free(&es);
        }
    }
    buf_free(&frame);
}

static void test_next_frame_of_the_maximum_is_accepted(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    eventstream_encode(&out, EVENTSTREAM_EVENT, STR("chunk"), STR("{}"));
    size_t frames;
    assert_int_equal(feed_once(buf_str(&out), buf_len(&out), &frames, NULL), EVENTSTREAM_MORE);
    assert_int_equal(frames, 1);
    assert_int_equal(feed_once(buf_str(&out), buf_len(&out) - 1, &frames, NULL), EVENTSTREAM_BAD);
    buf_free(&out);
}

/* `count` headers of one-byte values, then those that are needed. */
static void many_headers(struct buf *block, unsigned count, size_t value_size)
{
    char *value = heap_new(value_size);
    buf_clear(block);
    for (unsigned i = 0; i < count; i++) {
        buf_put(block,
                (char[]){2, (char)('A' + i % 26), (char)('A' + i / 26), 7, (char)(value_size >> 8),
                         (char)value_size},
                6);
        buf_put(block, value, value_size);
    }
    BUF_LIT(block, EVENT_TYPE MESSAGE_TYPE);
    heap_drop(value);
}

static void test_next_header_count_and_value_caps(void **state)
{
    (void)state;
    static const struct {
        unsigned count;
        size_t value_size;
        const char *wrong;
    } rows[] = {
        {62, 1, NULL},
        {63, 1, "too many headers"},
        {1, 32767, NULL},
        {1, 32768, "malformed header"},
    };
    struct buf block, frame;
    buf_init(&block, 1 << 20);
    buf_init(&frame, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        many_headers(&block, rows[i].count, rows[i].value_size);
        uint32_t n = (uint32_t)buf_len(&block);
        raw_frame(&frame, 16 + n, n, buf_str(&block));
        size_t frames;
        struct err err = {0};
        enum eventstream_next got = feed_once(buf_str(&frame), FRAME_MAX, &frames, &err);
        if (got != (rows[i].wrong == NULL ? EVENTSTREAM_MORE : EVENTSTREAM_BAD))
            fail_msg("row %zu: '%s'", i, err.text);
        if (rows[i].wrong != NULL)
            assert_non_null(strstr(err.text, rows[i].wrong));
    }
    buf_free(&block);
    buf_free(&frame);
}

static void test_next_after_an_error_the_stream_stays_lost(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    eventstream_encode(&out, EVENTSTREAM_EVENT, STR("first"), STR("{}"));
    size_t first = buf_len(&out);
    eventstream_encode(&out, EVENTSTREAM_EVENT, STR("second"), STR("{}"));
    buf_data(&out)[buf_len(&out) - 6] ^= 1;
    struct eventstream es;
    eventstream_init(&es, FRAME_MAX);
    struct str in = buf_str(&out);
    struct eventstream_frame f;
    struct err err = {0}, again = {0};
    assert_int_equal(eventstream_next(&es, &in, &f, &err), EVENTSTREAM_FRAME);
    assert_int_equal(eventstream_next(&es, &in, &f, &err), EVENTSTREAM_BAD);
    assert_string_equal(err.text, "event stream: bad message checksum");
    in = (struct str){buf_data(&out), first};
    assert_int_equal(eventstream_next(&es, &in, &f, &again), EVENTSTREAM_BAD);
    assert_int_equal(eventstream_next(&es, &in, &f, NULL), EVENTSTREAM_BAD);
    assert_string_equal(again.text, err.text);
    assert_false(eventstream_partial(&es));
    eventstream_free(&es);
    buf_free(&out);
}

static void test_next_without_memory_is_lost_as_internal(void **state)
{
    (void)state;
    static const struct {
        size_t cut;
        unsigned long fail_at;
    } rows[] = {
        {5, 1}, {305, 1}, {305, 2}}; /* in the prelude, and where the buffer grows behind it */
    size_t n;
    uint8_t *data = unhex(STR(CHUNK_HEX), &n);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct eventstream es;
        eventstream_init(&es, FRAME_MAX);
        struct str in = {(char *)data, rows[i].cut};
        struct eventstream_frame f;
        struct err err = {0};
        heap_fail_after(rows[i].fail_at);
        assert_int_equal(eventstream_next(&es, &in, &f, &err), EVENTSTREAM_BAD);
        heap_fail_after(0);
        assert_int_equal(err.code, STATUS_INTERNAL);
        eventstream_free(&es);
    }
    heap_drop(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_known_frames_are_decoded_in_place),
        cmocka_unit_test(test_next_frame_split_at_every_byte_is_the_same),
        cmocka_unit_test(test_next_stream_in_pieces_of_every_size_gives_all_frames),
        cmocka_unit_test(test_encode_gives_the_known_bytes),
        cmocka_unit_test(test_encode_without_room_sets_the_flag),
        cmocka_unit_test(test_next_big_held_buffer_is_given_back),
        cmocka_unit_test(test_next_every_flipped_bit_is_refused),
        cmocka_unit_test(test_next_header_blocks),
        cmocka_unit_test(test_next_lengths),
        cmocka_unit_test(test_next_frame_of_the_maximum_is_accepted),
        cmocka_unit_test(test_next_header_count_and_value_caps),
        cmocka_unit_test(test_next_after_an_error_the_stream_stays_lost),
        cmocka_unit_test(test_next_without_memory_is_lost_as_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
