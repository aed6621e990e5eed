#include "worker/dialect/edits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 16, .values = 1000, .keys = 100, .number_len = 64};

static struct arena *arena;
static struct scan scan;
static struct edits edits;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    buf_init(&out, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_free(&out);
    arena_drop(arena);
    return 0;
}

static void open_text(const char *text)
{
    struct err err;
    assert_int_equal(scan_parse(&scan, arena, text_from(text), &limits, &err), STATUS_OK);
    edits_init(&edits, &scan);
    buf_clear(&out);
}

static void assert_result(const char *name, const char *want)
{
    struct err err;
    assert_int_equal(edits_apply(&edits, &out, &err), STATUS_OK);
    if (!text_eq(buf_str(&out), text_from(want)))
        fail_msg("%s: got '%.*s', want '%s'", name, STR_ARG(buf_str(&out)), want);
}

/* Drops what is the number 0. */
static bool is_zero(void *ctx, scan_ref key, scan_ref value)
{
    (void)ctx;
    (void)key;
    return text_eq(scan_raw(&scan, value), STR("0"));
}

static void test_filter_of_any_part_keeps_commas_right(void **state)
{
    static const struct {
        const char *in, *out;
        uint32_t kept;
    } rows[] = {
        {"[1, 2, 3]", "[1, 2, 3]", 3},
        {"[0, 2, 3]", "[2, 3]", 2},
        {"[1, 0, 3]", "[1, 3]", 2},
        {"[1, 2, 0]", "[1, 2]", 2},
        {"[0,0,3]", "[3]", 1},
        {"[1,0,0]", "[1]", 1},
        {"[0,2,0]", "[2]", 1},
        {"[ 0 , 0 , 0 ]", "[  ]", 0},
        {"[0]", "[]", 0},
        {"[]", "[]", 0},
        {"{\"a\": 0, \"b\" :2}", "{\"b\" :2}", 1},
        {"{\"a\":1 , \"b\":0}", "{\"a\":1}", 1},
        {"{\"a\":1,\"b\":0,\"c\":3}", "{\"a\":1,\"c\":3}", 2},
        {"{\"a\":0}", "{}", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        open_text(rows[i].in);
        uint32_t kept = edits_filter(&edits, 0, is_zero, NULL);
        assert_result(rows[i].in, rows[i].out);
        if (kept != rows[i].kept)
            fail_msg("%s: %u kept", rows[i].in, kept);
    }
}

static void test_insertions_at_one_place_keep_their_order(void **state)
{
    (void)state;
    open_text("[1,2]");
    scan_ref one = scan_first(&scan, 0);
    edits_before(&edits, one, STR("a"));
    edits_before(&edits, one, STR("b"));
    edits_after(&edits, one, STR("c"));
    edits_after(&edits, one, STR("d"));
    edits_inside(&edits, 0, STR("e"));
    edits_value(&edits, scan_next(&scan, 0, one), STR("two"));
    assert_result("order", "[abe1cd,two]");
}

static void test_edit_inside_a_dropped_part_is_swallowed(void **state)
{
    (void)state;
    open_text("[[1,2],3]");
    scan_ref inner = scan_first(&scan, 0);
    edits_value(&edits, scan_first(&scan, inner), STR("x"));
    edits_inside(&edits, inner, STR("y"));
    edits_value(&edits, inner, STR("0"));
    assert_result("swallowed", "[0,3]");
}

static void test_apply_past_the_maximum_is_too_large(void **state)
{
    struct err err;
    char long_text[64];
    (void)state;
    memset(long_text, '1', sizeof long_text);
    buf_free(&out);
    buf_init(&out, 60);
    open_text("[0]");
    edits_value(&edits, scan_first(&scan, 0), (struct str){long_text, sizeof long_text});
    assert_int_equal(edits_apply(&edits, &out, &err), STATUS_TOO_LARGE);
    assert_int_equal(buf_len(&out), 0);
}

static void test_apply_without_memory_is_busy(void **state)
{
    struct err err;
    (void)state;
    open_text("[0,0,0]");
    heap_fail_after(1); /* whichever comes first, arena or buf */
    for (int i = 0; i < 20000; i++)
        edits_inside(&edits, 0, STR("1,"));
    enum status st = edits_apply(&edits, &out, &err);
    heap_fail_after(0);
    assert_int_equal(st, STATUS_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_filter_of_any_part_keeps_commas_right),
        T(test_insertions_at_one_place_keep_their_order),
        T(test_edit_inside_a_dropped_part_is_swallowed),
        T(test_apply_past_the_maximum_is_too_large),
        T(test_apply_without_memory_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
