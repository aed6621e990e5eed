#include "server/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/instructions.h"

#define CHECK(row, what)                              \
    do {                                              \
        if (!(what)) {                                \
            fail_msg("row \"%s\": %s", (row), #what); \
        }                                             \
    } while (0)

/* Both forms, with ASCII before and behind: a vector ends at each byte of it. */
static void check_at_each_place(const char *name, struct str s, bool legal)
{
    for (size_t before = 0; before < 20; before++) {
        for (size_t behind = 0; behind < 20; behind++) {
            size_t n = before + s.n + behind;
            char *text = malloc(n + 1); /* no byte more is read: the sanitizer looks */
            memset(text, 'a', n);
            memcpy(text + before, s.p, s.n);
            for (int portable = 0; portable < 2; portable++) {
                instructions_force_portable(portable);
                CHECK(name, text_is_utf8((struct str){text, n}) == legal);
            }
            free(text);
        }
    }
    instructions_force_portable(false);
}

static void test_utf8_rows_as_rfc3629(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str s;
        bool legal;
    } rows[] = {
        {"empty", STR(""), true},
        {"long ascii", STR("0123456789abcdefghij"), true},
        {"two", STR("\xc2\x80\xdf\xbf"), true},
        {"three", STR("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true},
        {"four", STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
        {"zero byte", STR("a\0b"), true},
        {"lone continuation", STR("\x80"), false},
        {"overlong two", STR("\xc0\xaf"), false},
        {"overlong two c1", STR("\xc1\xbf"), false},
        {"overlong three", STR("\xe0\x9f\xbf"), false},
        {"overlong four", STR("\xf0\x8f\xbf\xbf"), false},
        {"surrogate", STR("\xed\xa0\x80"), false},
        {"above the end", STR("\xf4\x90\x80\x80"), false},
        {"f5", STR("\xf5\x80\x80\x80"), false},
        {"cut two", STR("\xc3"), false},
        {"cut three", STR("\xe2\x82"), false},
        {"cut four", STR("\xf0\x9f\x98"), false},
        {"third not continuation", STR("\xe2\x82z"), false},
        {"after eight ascii", STR("12345678\xff"), false},
        {"inside eight",
         STR("1234\xff"
             "678"),
         false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(rows[i].name, text_is_utf8(rows[i].s) == rows[i].legal);
        check_at_each_place(rows[i].name, rows[i].s, rows[i].legal);
    }
    assert_int_equal(text_utf8_step(STR("\xe2\x82\xac!")), 3);
    assert_int_equal(text_utf8_step(STR("")), 0);
}

/* Every pair of bytes that is not ASCII, and what follows, at the seam of two vectors. */
static void test_utf8_both_forms_say_the_same(void **state)
{
    (void)state;
    static const unsigned char next[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
                                         0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xff};
    unsigned good = 0;
    for (unsigned pair = 0; pair < 1u << 15; pair++) {
        for (size_t k = 0; k < sizeof next * sizeof next; k++) {
            char text[32];
            size_t at = 13 + k % 3, n = at + 4 + k % 5;
            memset(text, 'a', sizeof text);
            text[at] = (char)(0x80 | pair >> 8);
            text[at + 1] = (char)pair;
            text[at + 2] = (char)next[k % sizeof next];
            text[at + 3] = (char)next[k / sizeof next];
            struct str s = {text, n};
            bool native = text_is_utf8(s);
            instructions_force_portable(true);
            bool simple = text_is_utf8(s);
            instructions_force_portable(false);
            if (native != simple) {
                fail_msg("%02x %02x %02x %02x", 0x80 | pair >> 8, pair & 255, next[k % sizeof next],
                         next[k / sizeof next]);
            }
            good += native;
        }
    }
    assert_true(good > 10000); /* both say yes, too */
}

static void test_steers_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str s;
        bool steers;
        size_t size;
        uint32_t code;
    } rows[] = {
        {"letter", STR("ab"), false, 1, 'a'},
        {"NUL", STR("\0x"), true, 1, 0},
        {"ESC", STR("\x1b["), true, 1, 0x1b},
        {"DEL", STR("\x7f"), true, 1, 0x7f},
        {"C1", STR("\xc2\x9b"), true, 2, 0x9b},
        {"not UTF-8", STR("\xff!"), true, 1, 0},
        {"right-to-left override", STR("\xe2\x80\xae!"), true, 3, 0x202e},
        {"isolate", STR("\xe2\x81\xa7"), true, 3, 0x2067},
        {"zero width joiner", STR("\xe2\x80\x8d"), true, 3, 0x200d},
        {"line separator", STR("\xe2\x80\xa8"), true, 3, 0x2028},
        {"byte order mark", STR("\xef\xbb\xbf"), true, 3, 0xfeff},
        {"arabic letter mark", STR("\xd8\x9c"), true, 2, 0x61c},
        {"tag letter", STR("\xf3\xa0\x81\x81"), true, 4, 0xe0041},
        {"euro", STR("\xe2\x82\xac"), false, 3, 0x20ac},
        {"hebrew", STR("\xd7\x90"), false, 2, 0x5d0},
        {"face", STR("\xf0\x9f\x98\x80"), false, 4, 0x1f600},
        {"beyond the last range", STR("\xf4\x8f\xbf\xbd"), false, 4, 0x10fffd},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t size;
        uint32_t code;
        bool steers = text_steers(rows[i].s, &size, &code);
        CHECK(rows[i].name,
              steers == rows[i].steers && size == rows[i].size && code == rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_rows_as_rfc3629),
        cmocka_unit_test(test_utf8_both_forms_say_the_same),
        cmocka_unit_test(test_steers_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
