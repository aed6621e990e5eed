#include "server/json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/json_cases.h"

#define MIB ((size_t)1 << 20)

static const struct scan_limits defaults = {128, 100000, 10000, 64};

static enum status parse(struct str text, const struct scan_limits *limits, struct err *err)
{
    struct arena *arena = arena_new(64 * MIB);
    struct scan s;
    /* A copy of exactly the text's size: ASan sees one byte read too far. */
    char *copy = heap_new(text.n + 1);
    memcpy(copy + 1, text.p, text.n);
    enum status st = scan_parse(&s, arena, (struct str){copy + 1, text.n}, limits, err);
    heap_drop(copy);
    arena_drop(arena);
    return st;
}

static void expect_all(const struct json_case *rows, size_t n, enum status want)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = {0};
        enum status st = parse(rows[i].text, &defaults, &err);
        if (st != want)
            fail_msg("%s: got %s (%s)", rows[i].name, err_row(st)->name, err.text);
        if (want == STATUS_INVALID && strncmp(err.text, "JSON: ", 6) != 0)
            fail_msg("%s: text '%s'", rows[i].name, err.text);
    }
}

static void test_parse_malformed_text_is_refused(void **state)
{
    (void)state;
    assert_true(COUNT_OF(must_reject) >= 188);
    expect_all(must_reject, COUNT_OF(must_reject), STATUS_INVALID);
}

static void test_parse_well_formed_text_is_accepted(void **state)
{
    (void)state;
    assert_true(COUNT_OF(must_accept) >= 95);
    expect_all(must_accept, COUNT_OF(must_accept), STATUS_OK);
}

static void test_parse_open_questions_are_decided(void **state)
{
    (void)state;
    expect_all(chosen_reject, COUNT_OF(chosen_reject), STATUS_INVALID);
    expect_all(chosen_accept, COUNT_OF(chosen_accept), STATUS_OK);
}

static void test_parse_every_prefix_of_an_object_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\": [1.5e3, \"x\\u00e9\\n\xf0\x9f\x98\x80\", null], \"b\": {\"c\": true}}";
    for (size_t n = 0; n < sizeof text - 1; n++)
        if (parse((struct str){text, n}, &defaults, NULL) != STATUS_INVALID)
            fail_msg("prefix of %zu bytes accepted", n);
    assert_int_equal(parse((struct str){text, sizeof text - 1}, &defaults, NULL), STATUS_OK);
}

static void test_parse_error_names_what_and_where(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *text;
    } rows[] = {
        {STR("{\"a\": \"0123456789\n\"}"), "JSON: control character in string at byte 17"},
        {STR(""), "JSON: unexpected end at byte 0"},
        {STR("[1"), "JSON: unexpected end at byte 2"},
        {STR("[1}"), "JSON: expected a comma or ']' at byte 2"},
        {STR("{\"a\":1]"), "JSON: expected a comma or '}' at byte 6"},
        {STR("{\"a\" 1}"), "JSON: expected a colon at byte 5"},
        {STR("{1}"), "JSON: expected a key at byte 1"},
        {STR("[secret]"), "JSON: expected a value at byte 1"},
        {STR("[nope]"), "JSON: unknown word at byte 1"},
        {STR("[01]"), "JSON: number with a leading zero at byte 3"},
        {STR("[1.]"), "JSON: bad number at byte 3"},
        {STR("[\"\\q\"]"), "JSON: bad escape at byte 2"},
        {STR("[\"\\u12\"]"), "JSON: bad \\u escape at byte 2"},
        {STR("[\"\\ud800\"]"), "JSON: lone surrogate escape at byte 2"},
        {STR("[\"a\xff\"]"), "JSON: invalid UTF-8 at byte 3"},
        {STR("[\"a"), "JSON: unterminated string at byte 3"},
        {STR("{} x"), "JSON: more text after the value at byte 3"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        assert_int_equal(parse(rows[i].in, &defaults, &err), STATUS_INVALID);
        assert_string_equal(err.text, rows[i].text);
    }
}

/* --- limits --- */

static void test_parse_at_a_limit_is_accepted_and_one_more_refused(void **state)
{
    (void)state;
    static const struct scan_limits tight = {3, 4, 2, 5};
    static const struct {
        struct str in;
        const char *text; /* NULL: accepted */
    } rows[] = {
        {STR("[[[]]]"), NULL},
        {STR("[[[[]]]]"), "JSON: nested too deep at byte 3"},
        {STR("{\"a\":{\"a\":{\"a\":{}}}}"), "JSON: nested too deep at byte 15"},
        {STR("[[],[[]]]"), NULL}, /* closing gives depth back */
        {STR("[1,2,3]"), NULL},
        {STR("[1,2,3,4]"), "JSON: too many values at byte 7"},
        {STR("{\"a\":1,\"b\":2}"), NULL},
        {STR("{\"a\":1,\"b\":2,\"c\":3}"), "JSON: too many keys in one object at byte 13"},
        {STR("[{\"a\":1},{\"b\":2}]"), "JSON: too many values at byte 14"},
        {STR("12345"), NULL},
        {STR("123456"), "JSON: number too long at byte 6"},
        {STR("-1e+10"), "JSON: number too long at byte 6"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        enum status st = parse(rows[i].in, &tight, &err);
        if (st != (rows[i].text == NULL ? STATUS_OK : STATUS_INVALID))
            fail_msg("%s: %s", rows[i].in.p, err.text);
        if (rows[i].text != NULL)
            assert_string_equal(err.text, rows[i].text);
    }
}

static void test_parse_100000_open_brackets_is_refused(void **state)
{
    (void)state;
    char *text = heap_new(100000);
    memset(text, '[', 100000);
    struct err err;
    assert_int_equal(parse((struct str){text, 100000}, &defaults, &err), STATUS_INVALID);
    assert_string_equal(err.text, "JSON: nested too deep at byte 128");
    heap_drop(text);
}

static void test_parse_text_of_512_mib_is_refused_unread(void **state)
{
    (void)state;
    struct scan s;
    struct err err;
    struct str text = {"1", (size_t)1 << 29};
    assert_int_equal(scan_parse(&s, NULL, text, &defaults, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "too long"));
}

static void test_parse_without_memory_is_internal(void **state)
{
    (void)state;
    struct scan s;
    struct err err;
    struct arena *arena = arena_new(1024);
    char text[401] = "[";
    for (int i = 0; i < 199; i++)
        memcpy(text + 1 + 2 * i, "0,", 2);
    memcpy(text + 399, "0]", 2);
    assert_int_equal(scan_parse(&s, arena, (struct str){text, 401}, &defaults, &err),
                     STATUS_INTERNAL);
    arena_drop(arena);
}

/* --- memory --- */

/* text is one repeated unit between open and close, size bytes in all. */
static struct str repeated(struct str open, struct str unit, struct str close, size_t size)
{
    char *p = heap_new(size);
    size_t n = open.n;
    memcpy(p, open.p, open.n);
    for (; n + unit.n + close.n <= size; n += unit.n)
        memcpy(p + n, unit.p, unit.n);
    memcpy(p + n, close.p, close.n);
    return (struct str){p, n + close.n};
}

static void test_parse_worst_index_is_at_most_8_times_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str open, unit, close;
        enum status want;
    } rows[] = {
        {"zeros", STR("["), STR("0,"), STR("0]"), STATUS_OK},
        {"empty arrays", STR("["), STR("[],"), STR("[]]"), STATUS_OK},
        {"commas in a string", STR("[\""), STR(",:[{"), STR("\"]"), STATUS_OK},
        {"short members", STR("{"), STR("\"\":0,"), STR("\"\":0}"), STATUS_OK},
        {"open brackets", STR(""), STR("["), STR(""), STATUS_INVALID},
    };
    static const struct scan_limits wide = {128, 10000000, 10000000, 64};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str text = repeated(rows[i].open, rows[i].unit, rows[i].close, MIB);
        struct arena *arena = arena_new(64 * MIB);
        size_t before = arena_used(arena);
        struct scan s;
        enum status st = scan_parse(&s, arena, text, &wide, NULL);
        size_t used = arena_used(arena) - before;
        if (st != rows[i].want || used > 8 * text.n + 4096)
            fail_msg("%s: %s, %zu bytes for %zu", rows[i].name, err_row(st)->name, used, text.n);
        arena_drop(arena);
        heap_drop((void *)text.p);
    }
}

static void test_parse_value_limit_bounds_the_index(void **state)
{
    (void)state;
    struct str text = repeated(STR("["), STR("0,"), STR("0]"), 4 * MIB);
    struct arena *arena = arena_new(64 * MIB);
    struct scan s;
    assert_int_equal(scan_parse(&s, arena, text, &defaults, NULL), STATUS_INVALID);
    assert_true(arena_used(arena) <= 2 * 100000 * sizeof(struct scan_node) + 4096);
    arena_drop(arena);
    heap_drop((void *)text.p);
}

/* Every length around 16, and some around the 64 that a long string goes by; every place of the one
 * special byte. */
static void test_parse_special_byte_at_every_place_of_a_long_string_is_seen(void **state)
{
    (void)state;
    char text[400];
    for (size_t n = 0; n < 350; n += n < 50 ? 1 : 13) {
        text[0] = text[n + 1] = '"';
        memset(text + 1, 'a', n);
        assert_int_equal(parse((struct str){text, n + 2}, &defaults, NULL), STATUS_OK);
        for (size_t at = 1; at <= n; at++) {
            static const char bad[] = {'\0', '\x1f', '\x80', '\xff', '"'};
            for (size_t k = 0; k < sizeof bad; k++) {
                text[at] = bad[k];
                if (parse((struct str){text, n + 2}, &defaults, NULL) != STATUS_INVALID)
                    fail_msg("byte %02x at %zu of %zu missed", (unsigned char)bad[k], at, n);
            }
            text[at] = 'a';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_malformed_text_is_refused),
        cmocka_unit_test(test_parse_well_formed_text_is_accepted),
        cmocka_unit_test(test_parse_open_questions_are_decided),
        cmocka_unit_test(test_parse_every_prefix_of_an_object_is_refused),
        cmocka_unit_test(test_parse_error_names_what_and_where),
        cmocka_unit_test(test_parse_at_a_limit_is_accepted_and_one_more_refused),
        cmocka_unit_test(test_parse_100000_open_brackets_is_refused),
        cmocka_unit_test(test_parse_text_of_512_mib_is_refused_unread),
        cmocka_unit_test(test_parse_without_memory_is_internal),
        cmocka_unit_test(test_parse_worst_index_is_at_most_8_times_the_text),
        cmocka_unit_test(test_parse_value_limit_bounds_the_index),
        cmocka_unit_test(test_parse_special_byte_at_every_place_of_a_long_string_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
