#include "server/json/json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "tests/unit/json_cases.h"

static struct buf out;
static struct json_out w;

static int begin(void **state)
{
    (void)state;
    buf_init(&out, 1 << 20);
    json_begin(&w, &out);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

static void assert_written(const char *name, struct str want)
{
    struct str got = buf_str(&out);
    if (!buf_ok(&out) || !text_eq(got, want))
        fail_msg("%s: got '%.*s', want '%.*s'", name, STR_ARG(got), STR_ARG(want));
}

/* --- writing --- */

static void test_write_nested_document_has_its_commas(void **state)
{
    (void)state;
    json_object(&w);
    JSON_KEY(&w, "a");
    json_array(&w);
    json_i64(&w, 1);
    json_object(&w);
    json_object_end(&w);
    json_array(&w);
    json_array_end(&w);
    json_null(&w);
    json_array_end(&w);
    JSON_KEY(&w, "b");
    json_bool(&w, true);
    JSON_KEY(&w, "c");
    json_object(&w);
    JSON_KEY(&w, "d\n");
    json_str(&w, STR("x"));
    JSON_KEY(&w, "e");
    json_raw(&w, STR("[1, 2]"));
    JSON_KEY(&w, "f");
    json_bool(&w, false);
    json_object_end(&w);
    json_object_end(&w);
    assert_written("nested", STR("{\"a\":[1,{},[],null],\"b\":true,"
                                 "\"c\":{\"d\\n\":\"x\",\"e\":[1, 2],\"f\":false}}"));
}

static void test_write_integers_to_both_ends(void **state)
{
    (void)state;
    json_array(&w);
    json_i64(&w, 0);
    json_i64(&w, INT64_MAX);
    json_i64(&w, INT64_MIN);
    json_array_end(&w);
    assert_written("i64", STR("[0,9223372036854775807,-9223372036854775808]"));
}

static void test_write_double_is_shortest_and_reads_back(void **state)
{
    (void)state;
    static const struct {
        double in;
        struct str out;
    } rows[] = {
        {0, STR("0")},
        {0.1, STR("0.1")},
        {-1.5, STR("-1.5")},
        {0.7, STR("0.7")},
        {3e-06, STR("3e-06")},
        {1.0 / 3, STR("0.3333333333333333")},
        {5e-324, STR("5e-324")},
        {1e300, STR("1e+300")},
        {DBL_MAX, STR("1.7976931348623157e+308")},
        {NAN, STR("null")},
        {INFINITY, STR("null")},
        {-INFINITY, STR("null")},
        {0.1 + 0.2, STR("0.30000000000000004")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        json_begin(&w, &out);
        json_f64(&w, rows[i].in);
        assert_written("f64", rows[i].out);
    }
}

static void test_write_string_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in, out;
    } rows[] = {
        {"empty", STR(""), STR("\"\"")},
        {"plain", STR("plain text / <>&'"), STR("\"plain text / <>&'\"")},
        {"quote and backslash", STR("a\"b\\c"), STR("\"a\\\"b\\\\c\"")},
        {"short escapes", STR("\b\f\n\r\t"), STR("\"\\b\\f\\n\\r\\t\"")},
        {"controls", STR("\0\x01\x0b\x1f\x7f"), STR("\"\\u0000\\u0001\\u000b\\u001f\x7f\"")},
        {"line separators", STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\"\xe2\x80\xa8\xe2\x80\xa9\"")},
        {"2, 3, 4 bytes", STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
         STR("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")},
        {"latin 1", STR("a\xe9z"), STR("\"a\xef\xbf\xbdz\"")},
        {"cut at the end", STR("a\xe2\x82"), STR("\"a\xef\xbf\xbd\xef\xbf\xbd\"")},
        {"overlong", STR("\xc0\xaf"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\"")},
        {"surrogate", STR("\xed\xa0\x80"), STR("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        json_begin(&w, &out);
        json_str(&w, rows[i].in);
        assert_written(rows[i].name, rows[i].out);
    }
}

static void test_write_every_byte_gives_text_that_parses(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        buf_clear(&out);
        json_begin(&w, &out);
        json_str(&w, (struct str){(char[]){'x', (char)c, 'y'}, 3});
        struct err err;
        struct cJSON *doc = json_parse(buf_str(&out), &err);
        if (doc == NULL)
            fail_msg("byte %02x: %s", (unsigned)c, err.text);
        json_free(doc);
    }
}

static void test_write_past_the_maximum_sets_the_flag(void **state)
{
    (void)state;
    struct buf tiny;
    buf_init(&tiny, 8);
    json_begin(&w, &tiny);
    json_str(&w, STR("0123456789"));
    assert_false(buf_ok(&tiny));
    buf_free(&tiny);
}

/* --- reading --- */

static void test_parse_malformed_text_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(must_reject); i++) {
        struct err err = {0};
        if (json_parse(must_reject[i].text, &err) != NULL)
            fail_msg("%s accepted", must_reject[i].name);
        assert_int_equal(err.code, STATUS_INVALID);
    }
    for (size_t i = 0; i < COUNT_OF(chosen_reject); i++)
        if (json_parse(chosen_reject[i].text, NULL) != NULL)
            fail_msg("%s accepted", chosen_reject[i].name);
}

static void test_parse_well_formed_text_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(must_accept) + COUNT_OF(chosen_accept); i++) {
        const struct json_case *row =
            i < COUNT_OF(must_accept) ? &must_accept[i] : &chosen_accept[i - COUNT_OF(must_accept)];
        struct err err;
        struct cJSON *doc = json_parse(row->text, &err);
        if (doc == NULL)
            fail_msg("%s: %s", row->name, err.text);
        json_free(doc);
    }
}

static void test_parse_depth_64_is_accepted_65_refused(void **state)
{
    (void)state;
    char text[130];
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    struct err err;
    struct cJSON *doc = json_parse((struct str){text + 1, 128}, &err);
    assert_non_null(doc);
    json_free(doc);
    assert_null(json_parse((struct str){text, 130}, &err));
    assert_string_equal(err.text, "JSON: nested too deep at byte 64");
}

static void test_parse_number_of_63_digits_is_accepted_64_refused(void **state)
{
    (void)state;
    char text[64];
    memset(text, '1', sizeof text);
    struct err err;
    double v;
    struct cJSON *doc = json_parse((struct str){text, 63}, &err);
    assert_true(json_number(doc, &v) && v > 1e62 && v < 1.2e62);
    json_free(doc);
    assert_null(json_parse((struct str){text, 64}, &err));
    assert_string_equal(err.text, "JSON: number too long at byte 64");
}

static void test_read_members_by_type(void **state)
{
    (void)state;
    struct cJSON *doc =
        json_parse(STR("{\"s\":\"t\\u00e9xt\",\"S\":\"other\",\"i\":42,\"f\":1.5,\"b\":true,"
                       "\"no\":false,\"z\":null,\"big\":9007199254740993,\"inf\":1e400,"
                       "\"o\":{\"k\":\"v\"},\"e\":\"\"}"),
                   NULL);
    int64_t i = 7;
    double d = 7;
    bool b = false;
    assert_true(text_eq(json_get_text(doc, "s"), STR("t\xc3\xa9xt")));
    assert_true(text_eq(json_get_text(doc, "S"), STR("other")));
    assert_true(text_eq(json_get_text(json_get(doc, "o"), "k"), STR("v")));
    assert_non_null(json_get_text(doc, "e").p);
    assert_true(json_get_i64(doc, "i", &i) && i == 42);
    assert_true(json_number(json_get(doc, "f"), &d) && d == 1.5);
    assert_true(json_get_bool(doc, "b", &b) && b);
    assert_true(json_get_bool(doc, "no", &b) && !b);
    assert_true(json_is_null(json_get(doc, "z")));
    assert_true(json_is_object(doc) && !json_is_array(doc));

    static const char *const not_i64[] = {"s", "f", "b", "z", "big", "inf", "o", "none"};
    for (size_t k = 0; k < COUNT_OF(not_i64); k++)
        if (json_get_i64(doc, not_i64[k], &i))
            fail_msg("%s read as an integer", not_i64[k]);
    assert_int_equal(i, 42);
    assert_false(json_number(json_get(doc, "inf"), &d));
    assert_false(json_get_bool(doc, "i", &b));
    assert_null(json_get_text(doc, "i").p);
    assert_null(json_get(doc, "none"));
    json_free(doc);
}

static void test_read_of_nothing_is_empty(void **state)
{
    (void)state;
    double d;
    assert_null(json_get(NULL, "x"));
    assert_null(json_text(NULL).p);
    assert_null(json_child(NULL));
    assert_null(json_next(NULL));
    assert_null(json_name(NULL).p);
    assert_false(json_number(NULL, &d));
    assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_null(NULL));
    json_free(NULL);
}

static void test_iterate_members_in_order(void **state)
{
    (void)state;
    struct cJSON *doc = json_parse(STR("{\"a\":1,\"b\":[true,null],\"c\":\"x\"}"), NULL);
    static const struct str want[] = {STR("a"), STR("b"), STR("c")};
    size_t n = 0;
    for (struct cJSON *m = json_child(doc); m != NULL; m = json_next(m))
        assert_true(text_eq(json_name(m), want[n++]));
    assert_int_equal(n, 3);
    struct cJSON *first = json_child(json_get(doc, "b"));
    assert_true(json_is_null(json_next(first)));
    assert_null(json_name(first).p);
    assert_null(json_child(json_get(doc, "a")));
    json_free(doc);
}

static void test_parse_with_each_allocation_failing_is_internal(void **state)
{
    (void)state;
    struct cJSON *doc = NULL;
    unsigned long k = 0;
    while (doc == NULL && k < 100) {
        struct err err = {0};
        heap_fail_after(++k);
        doc = json_parse(STR("{\"a\":[1,\"x\"],\"b\":{}}"), &err);
        heap_fail_after(0);
        if (doc == NULL)
            assert_int_equal(err.code, STATUS_INTERNAL);
    }
    assert_true(k > 5 && doc != NULL);
    json_free(doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_nested_document_has_its_commas),
        TEST(test_write_integers_to_both_ends),
        TEST(test_write_double_is_shortest_and_reads_back),
        TEST(test_write_string_is_escaped),
        TEST(test_write_every_byte_gives_text_that_parses),
        TEST(test_write_past_the_maximum_sets_the_flag),
        TEST(test_parse_malformed_text_is_refused),
        TEST(test_parse_well_formed_text_is_accepted),
        TEST(test_parse_depth_64_is_accepted_65_refused),
        TEST(test_parse_number_of_63_digits_is_accepted_64_refused),
        TEST(test_read_members_by_type),
        TEST(test_read_of_nothing_is_empty),
        TEST(test_iterate_members_in_order),
        TEST(test_parse_with_each_allocation_failing_is_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
