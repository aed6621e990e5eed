/* Halves of characters in JSON texts. */
#include "server/json/surrogates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *in, *out; /* NULL: as it was */
} rows[] = {
    {"", NULL},
    {"{\"a\":\"plain\"}", NULL},
    {"\"\\ud83d\\ude00\"", NULL}, /* a pair is a character */
    {"\"\\uD83D\\uDE00\"", NULL},
    {"\"a\\ud83d\"", "\"a\\ufffd\""},
    {"\"\\uDE00b\"", "\"\\ufffdb\""},
    {"\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\""},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
    {"\"\\ud83d\\n\"", "\"\\ufffd\\n\""},
    {"\"\\\\ud83d\"", NULL}, /* a backslash and a word: a JSON text inside a string */
    {"\"\\\\\\ud83d\"", "\"\\\\\\ufffd\""},
    {"\"\\u00e9\\u0000\\ud7ff\\ue000\"", NULL},
    {"\"\\ud83", NULL}, /* no escape: not ours to mend */
    {"\"\\u", NULL},
    {"\"\\", NULL},
    {"\"\xed\xa0\xbd\"", "\"\xef\xbf\xbd\""}, /* as bytes: not UTF-8 */
    {"\"\xed\xa0\xbd\xed\xb8\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\"\xed\x95\x9c\xea\xb5\xad\"", NULL}, /* Hangul begins with ed, too */
    {"\"\xed\xa0", NULL},
};

static void test_halves_become_the_replacement_character(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        size_t n = strlen(rows[i].in);
        memcpy(text, rows[i].in, n + 1);
        bool mended = surrogates_mend(text, n);
        const char *want = rows[i].out ? rows[i].out : rows[i].in;
        if (mended != (rows[i].out != NULL) || strcmp(text, want) != 0)
            fail_msg("%s: %d %s", rows[i].in, mended, text);
    }
}

static void test_text_that_is_whole_is_not_copied(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str in = text_from(rows[i].in), out = surrogates_mended(arena, in);
        assert_true((out.p == in.p) == (rows[i].out == NULL));
        assert_true(text_eq(out, text_from(rows[i].out ? rows[i].out : rows[i].in)));
    }
    arena_drop(arena);
}

static void test_copy_without_memory_is_null(void **state)
{
    (void)state;
    static char text[70000];
    memset(text, 'x', sizeof text);
    memcpy(text, "\\ud83d", 6);
    struct arena *arena = arena_new(1 << 14);
    assert_null(surrogates_mended(arena, (struct str){text, sizeof text}).p);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves_become_the_replacement_character),
        cmocka_unit_test(test_text_that_is_whole_is_not_copied),
        cmocka_unit_test(test_copy_without_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
