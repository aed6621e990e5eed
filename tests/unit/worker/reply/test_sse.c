#include "worker/reply/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *stream, *events; /* "type|data;" each */
    bool partial;
} rows[] = {
    {"data: {\"a\":1}\n\ndata: [DONE]\n\n", "|{\"a\":1};|[DONE];", false},
    {"event: error\ndata: x\n\n", "error|x;", false},
    {"event:e\r\ndata:x\r\n\r\n", "e|x;", false},
    {": comment\n\ndata: x\n\n", "|x;", false},
    {"\n\n\ndata: x\n\n\n\n", "|x;", false},
    {"data: one\ndata: two\ndata:\ndata: three\n\n", "|one\ntwo\n\nthree;", false},
    {"id: 7\nretry: 5\ndata:  two blanks\n\n", "| two blanks;", false},
    {"data\n\ndatax: no\n\nevent: only\n\n", "", false},
    {"data: x\n\ndata: half", "|x;", true},
    {"data: x\n", "", true},
    {"data: x\n\n: half a comment", "|x;", true},
    {"", "", false},
};

static void read_all(struct sse *s, struct str bytes, char *out, size_t size)
{
    struct eventstream_frame f;
    struct err err;
    size_t n = strlen(out);
    while (sse_next(s, &bytes, &f, &err) == EVENTSTREAM_FRAME) {
        assert_int_equal(f.kind, EVENTSTREAM_EVENT);
        n += (size_t)snprintf(out + n, size - n, "%.*s|%.*s;", STR_ARG(f.type), STR_ARG(f.payload));
    }
    assert_int_equal(bytes.n, 0);
}

static void test_events_are_the_same_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str all = text_from(rows[i].stream);
        for (size_t split = 0; split <= all.n; split++) {
            char got[200] = "";
            struct sse s;
            sse_init(&s, 1000);
            read_all(&s, text_sub(all, 0, split), got, sizeof got);
            read_all(&s, text_sub(all, split, all.n), got, sizeof got);
            if (strcmp(got, rows[i].events) != 0 || sse_partial(&s) != rows[i].partial)
                fail_msg("row %zu, split %zu: %s", i, split, got);
            sse_free(&s);
        }
    }
}

static void test_events_are_the_same_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str all = text_from(rows[i].stream);
        char got[200] = "";
        struct sse s;
        sse_init(&s, 1000);
        for (size_t at = 0; at < all.n; at++)
            read_all(&s, text_sub(all, at, 1), got, sizeof got);
        assert_string_equal(got, rows[i].events);
        sse_free(&s);
    }
}

static void test_event_without_end_is_bad(void **state)
{
    struct sse s;
    struct eventstream_frame f;
    struct err err = {.code = STATUS_OK};
    struct str piece = STR("data: 0123456789");
    enum eventstream_next next = EVENTSTREAM_MORE;
    (void)state;
    sse_init(&s, 100);
    for (int i = 0; i < 20 && next == EVENTSTREAM_MORE; i++) {
        struct str bytes = piece;
        next = sse_next(&s, &bytes, &f, &err);
    }
    assert_int_equal(next, EVENTSTREAM_BAD);
    assert_int_equal(err.code, STATUS_UPSTREAM);
    sse_free(&s);
    assert_false(sse_partial(&(struct sse){.looked = 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_the_same_at_every_split),
        cmocka_unit_test(test_events_are_the_same_byte_by_byte),
        cmocka_unit_test(test_event_without_end_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
