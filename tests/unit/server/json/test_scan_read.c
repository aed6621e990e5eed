#include "server/json/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static struct scan scan_of(struct str text)
{
    static const struct scan_limits limits = {128, 100000, 10000, 2000};
    struct scan s;
    struct err err = {0};
    if (scan_parse(&s, arena, text, &limits, &err) != STATUS_OK)
        fail_msg("%s", err.text);
    return s;
}

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    return arena == NULL;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_drop(arena);
    return 0;
}

static void assert_span(struct str got, struct str want)
{
    if (!text_eq(got, want))
        fail_msg("got '%.*s', want '%.*s'", STR_ARG(got), STR_ARG(want));
}

static void test_type_of_each_value_is_told(void **state)
{
    (void)state;
    static const enum scan_type want[] = {SCAN_OBJECT, SCAN_ARRAY, SCAN_STRING, SCAN_NUMBER,
                                          SCAN_TRUE,   SCAN_FALSE, SCAN_NULL};
    struct scan s = scan_of(STR(" [{\"k\":[1]}, [[],2], \"s\", -1.5, true, false, null] "));
    size_t i = 0;
    for (scan_ref v = scan_first(&s, 0); v != SCAN_ABSENT; v = scan_next(&s, 0, v))
        assert_int_equal(scan_type(&s, v), want[i++]);
    assert_int_equal(i, COUNT_OF(want));
    assert_int_equal(scan_size(&s, 0), COUNT_OF(want));
}

static void test_raw_is_the_clients_bytes(void **state)
{
    (void)state;
    struct scan s =
        scan_of(STR("{ \"a\" : { \"n\" : 9007199254740993 , \"s\":\"\\u0000\" } , \"b\":[ 1 ] }"));
    scan_ref a = SCAN_GET(&s, 0, "a");
    assert_span(scan_raw(&s, a), STR("{ \"n\" : 9007199254740993 , \"s\":\"\\u0000\" }"));
    assert_span(scan_raw(&s, SCAN_GET(&s, a, "s")), STR("\"\\u0000\""));
    assert_span(scan_raw(&s, SCAN_GET(&s, 0, "b")), STR("[ 1 ]"));
}

static void test_absent_every_reader_says_no(void **state)
{
    (void)state;
    struct scan s = scan_of(STR("{\"a\":1}"));
    bool b;
    int64_t i;
    double d;
    assert_int_equal(scan_type(&s, SCAN_ABSENT), SCAN_NONE);
    assert_null(scan_raw(&s, SCAN_ABSENT).p);
    assert_int_equal(scan_size(&s, SCAN_ABSENT), 0);
    assert_int_equal(SCAN_GET(&s, SCAN_ABSENT, "a"), SCAN_ABSENT);
    assert_false(scan_has_duplicate(&s, SCAN_ABSENT, STR("a")));
    assert_int_equal(scan_first(&s, SCAN_ABSENT), SCAN_ABSENT);
    assert_int_equal(scan_next(&s, 0, SCAN_ABSENT), SCAN_ABSENT);
    assert_int_equal(scan_next(&s, SCAN_ABSENT, 2), SCAN_ABSENT);
    assert_int_equal(scan_key(&s, SCAN_ABSENT), SCAN_ABSENT);
    assert_int_equal(scan_key(&s, 0), SCAN_ABSENT);
    assert_null(scan_text(&s, SCAN_ABSENT).p);
    assert_false(SCAN_IS(&s, SCAN_ABSENT, ""));
    assert_false(scan_has_escape(&s, SCAN_ABSENT));
    assert_false(scan_bool(&s, SCAN_ABSENT, &b));
    assert_false(scan_i64(&s, SCAN_ABSENT, &i));
    assert_false(scan_f64(&s, SCAN_ABSENT, &d));
}

static void test_get_member_is_found_by_its_unescaped_key(void **state)
{
    (void)state;
    struct scan s =
        scan_of(STR("{\"a\":1,\"m\\u006fdel\":2,\"\":3,\"ab\":4,\"a\\n\":5,\"nested\":{\"z\":6}}"));
    static const struct {
        const char *name;
        struct str key;
        int64_t want; /* 0: absent */
    } rows[] = {
        {"plain", STR("a"), 1},         {"escaped", STR("model"), 2},
        {"empty", STR(""), 3},          {"longer", STR("ab"), 4},
        {"newline", STR("a\n"), 5},     {"inner only", STR("z"), 0},
        {"case", STR("A"), 0},          {"prefix", STR("mode"), 0},
        {"raw escape", STR("a\\n"), 0}, {"longer than escaped", STR("models"), 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t got = 0;
        scan_i64(&s, scan_get(&s, 0, rows[i].key), &got);
        if (got != rows[i].want)
            fail_msg("%s: %lld", rows[i].name, (long long)got);
    }
    assert_int_equal(SCAN_GET(&s, SCAN_GET(&s, 0, "a"), "x"), SCAN_ABSENT);
}

static void test_duplicate_key_first_wins_and_is_told(void **state)
{
    (void)state;
    struct scan s = scan_of(STR("{\"a\":1,\"b\":{\"a\":0},\"\\u0061\":2}"));
    int64_t v;
    assert_true(scan_i64(&s, SCAN_GET(&s, 0, "a"), &v));
    assert_int_equal(v, 1);
    assert_true(scan_has_duplicate(&s, 0, STR("a")));
    assert_false(scan_has_duplicate(&s, 0, STR("b")));
    assert_false(scan_has_duplicate(&s, 0, STR("c")));
}

static void test_iterate_object_skips_subtrees_and_names_keys(void **state)
{
    (void)state;
    struct scan s = scan_of(STR("{\"x\":{\"in\":[1,{\"q\":2}]},\"y\":[],\"z\":{}}"));
    static const struct str want[] = {STR("x"), STR("y"), STR("z")};
    size_t i = 0;
    for (scan_ref v = scan_first(&s, 0); v != SCAN_ABSENT; v = scan_next(&s, 0, v))
        assert_span(scan_text(&s, scan_key(&s, v)), want[i++]);
    assert_int_equal(i, 3);
    assert_int_equal(scan_first(&s, SCAN_GET(&s, 0, "y")), SCAN_ABSENT);
    assert_int_equal(scan_first(&s, SCAN_GET(&s, 0, "z")), SCAN_ABSENT);
}

static void test_text_escapes_are_undone(void **state)
{
    (void)state;
    static const struct {
        struct str in, out;
        bool escape;
    } rows[] = {
        {STR("\"\""), STR(""), false},
        {STR("\"plain\""), STR("plain"), false},
        {STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), STR("\"\\/\b\f\n\r\t"), true},
        {STR("\"a\\u0000b\""), STR("a\0b"), true},
        {STR("\"\\u007f\\u0080\\u07ff\\u0800\\uFFFD\""),
         STR("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd"), true},
        {STR("\"\\ud83d\\uDE00!\""), STR("\xf0\x9f\x98\x80!"), true},
        {STR("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""), STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
        {STR("\"\xe2\x82\xac\\n\xe2\x82\xac\""), STR("\xe2\x82\xac\n\xe2\x82\xac"), true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scan s = scan_of(rows[i].in);
        assert_span(scan_text(&s, 0), rows[i].out);
        assert_int_equal(scan_has_escape(&s, 0), rows[i].escape);
        assert_true(scan_text_is(&s, 0, rows[i].out));
        assert_false(scan_text_is(&s, 0, STR("other")));
        if (rows[i].out.n > 0)
            assert_false(scan_text_is(&s, 0, text_sub(rows[i].out, 0, rows[i].out.n - 1)));
    }
}

static void test_text_of_a_number_is_null(void **state)
{
    (void)state;
    struct scan s = scan_of(STR("12"));
    assert_null(scan_text(&s, 0).p);
    assert_false(SCAN_IS(&s, 0, "12"));
}

static void test_text_without_memory_is_null(void **state)
{
    (void)state;
    char text[4002];
    memset(text, 'a', sizeof text);
    text[0] = text[4001] = '"';
    memcpy(text + 1, "\\n", 2);
    struct scan s = scan_of((struct str){text, sizeof text});
    struct arena *small = arena_new(1024);
    s.arena = small;
    assert_null(scan_text(&s, 0).p);
    arena_drop(small);
}

static void test_i64_whole_numbers_only(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        bool ok;
        int64_t want;
    } rows[] = {
        {STR("0"), true, 0},
        {STR("-0"), true, 0},
        {STR("-7"), true, -7},
        {STR("9007199254740993"), true, 9007199254740993},
        {STR("9223372036854775807"), true, INT64_MAX},
        {STR("-9223372036854775808"), true, INT64_MIN},
        {STR("9223372036854775808"), false, 0},
        {STR("5.0"), true, 5},
        {STR("1e3"), true, 1000},
        {STR("-2.50E+1"), true, -25},
        {STR("1.5"), false, 0},
        {STR("1e-1"), false, 0},
        {STR("1e30"), false, 0},
        {STR("1e400"), false, 0},
        {STR("9007199254740993.0"), false, 0},
        {STR("\"5\""), false, 0},
        {STR("true"), false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scan s = scan_of(rows[i].in);
        int64_t got = 0;
        bool ok = scan_i64(&s, 0, &got);
        if (ok != rows[i].ok || got != rows[i].want)
            fail_msg("%s: %d %lld", rows[i].in.p, ok, (long long)got);
    }
}

static void test_f64_finite_numbers_only(void **state)
{
    (void)state;
    char long_number[1002] = "0.";
    memset(long_number + 2, '0', 999);
    const struct {
        struct str in;
        bool ok;
        double want;
    } rows[] = {
        {STR("0.7"), true, 0.7},         {STR("-1e-7"), true, -1e-7},
        {STR("12"), true, 12},           {STR("1e400"), false, 0},
        {STR("-1e400"), false, 0},       {STR("1e-400"), true, 0},
        {STR("\"1\""), false, 0},        {STR("null"), false, 0},
        {{long_number, 1001}, false, 0}, {{long_number, 1000}, true, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scan s = scan_of(rows[i].in);
        double got = 0;
        bool ok = scan_f64(&s, 0, &got);
        if (ok != rows[i].ok || got != rows[i].want)
            fail_msg("%s: %d %g", rows[i].in.p, ok, got);
    }
}

static void test_bool_booleans_only(void **state)
{
    (void)state;
    struct scan s = scan_of(STR("[true,false,null,1,\"true\"]"));
    bool b = false;
    assert_true(scan_bool(&s, 1, &b) && b);
    assert_true(scan_bool(&s, 2, &b) && !b);
    for (scan_ref r = 3; r <= 5; r++)
        assert_false(scan_bool(&s, r, &b));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_arena, drop_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_type_of_each_value_is_told),
        TEST(test_raw_is_the_clients_bytes),
        TEST(test_absent_every_reader_says_no),
        TEST(test_get_member_is_found_by_its_unescaped_key),
        TEST(test_duplicate_key_first_wins_and_is_told),
        TEST(test_iterate_object_skips_subtrees_and_names_keys),
        TEST(test_text_escapes_are_undone),
        TEST(test_text_of_a_number_is_null),
        TEST(test_text_without_memory_is_null),
        TEST(test_i64_whole_numbers_only),
        TEST(test_f64_finite_numbers_only),
        TEST(test_bool_booleans_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
