#include "server/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_only_of_rows(void **state)
{
    static const struct {
        const char *text, *others;
        bool only;
    } rows[] = {
        {"", "", false},      {"azAZ09", "", true},  {"a-b", "-", true}, {"a-b", "_", false},
        {"a b", "-_", false}, {"a\x80", "-", false}, {"[", "", false},   {"`", "", false},
        {"@", "", false},     {"{", "", false},      {"/", "", false},   {":", "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_only_of(text_from(rows[i].text), rows[i].others) != rows[i].only) {
            fail_msg("'%s' of '%s'", rows[i].text, rows[i].others);
        }
    }
    assert_false(text_only_of((struct str){"a\0", 2}, "-")); /* NUL ends the others, is none */
    assert_int_equal(text_span(STR("a-b c"), "-"), 3);
    assert_int_equal(text_span(STR(" a"), "-"), 0);
    assert_int_equal(text_span((struct str){"a\0a", 3}, ""), 1);
    assert_int_equal(text_span((struct str){NULL, 0}, "-"), 0);
}

static void test_list_has_rows(void **state)
{
    static const struct {
        const char *list, *value;
        bool has;
    } rows[] = {
        {"", "a", false},        {"a", "a", true},     {"a,b", "b", true},
        {"a, b\t,c", "b", true}, {"ab,c", "a", false}, {"a,b", "a,b", false},
        {"a,,b", "", true},      {"", "", false},      {"A", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_list_has(text_from(rows[i].list), text_from(rows[i].value)) != rows[i].has) {
            fail_msg("'%s' in '%s'", rows[i].value, rows[i].list);
        }
    }
}

/* The published vectors of FNV-1a, 64 bits. */
static void test_hash_is_fnv1a(void **state)
{
    (void)state;
    assert_true(text_hash(STR("")) == 0xcbf29ce484222325ull);
    assert_true(text_hash(STR("a")) == 0xaf63dc4c8601ec8cull);
    assert_true(text_hash(STR("foobar")) == 0x85944171f73967e8ull);
}

static void test_hex_digit_is_the_value_or_none(void **state)
{
    (void)state;
    for (int c = -128; c < 128; c++) {
        static const char digits[] = "0123456789abcdef";
        const char *at = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        assert_int_equal(text_hex_digit((char)c), at ? (int)(at - digits) : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_of_rows),
        cmocka_unit_test(test_list_has_rows),
        cmocka_unit_test(test_hash_is_fnv1a),
        cmocka_unit_test(test_hex_digit_is_the_value_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
