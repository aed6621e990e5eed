#include "server/base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/instructions.h"

#define CHECK(row, condition)                            \
    do {                                                 \
        if (!(condition)) {                              \
            fail_msg("row \"%s\": %s", row, #condition); \
        }                                                \
    } while (0)

static void test_rfc4648_vectors_both_ways(void **state)
{
    (void)state;
    static const struct {
        struct str plain;
        const char *coded;
    } rows[] = {{STR(""), ""},
                {STR("f"), "Zg=="},
                {STR("fo"), "Zm8="},
                {STR("foo"), "Zm9v"},
                {STR("foob"), "Zm9vYg=="},
                {STR("fooba"), "Zm9vYmE="},
                {STR("foobar"), "Zm9vYmFy"},
                {STR("\xfb\xff\xbf"), "+/+/"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char coded[16];
        uint8_t plain[16];
        size_t plain_n = 99;
        size_t n = base64_encode((const uint8_t *)rows[i].plain.p, rows[i].plain.n, coded);
        CHECK(rows[i].coded, text_eq((struct str){coded, n}, text_from(rows[i].coded)));
        CHECK(rows[i].coded, n == base64_size(rows[i].plain.n));
        CHECK(rows[i].coded, base64_decode(text_from(rows[i].coded), plain, &plain_n));
        CHECK(rows[i].coded, text_eq((struct str){(char *)plain, plain_n}, rows[i].plain));
    }
}

static void test_decode_broken_text_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"Zg=",  "Zg",   "Z===", "====", "Zg==Zg==", "Z=g=", "Zm9v\n",
                                       "Zm-v", "Zm_v", " Zm9", "Zh==", "Zm9=",     "=Zm9", "Zm9v="};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[16];
        size_t n = 0;
        CHECK(rows[i], !base64_decode(text_from(rows[i]), out, &n));
    }
}

static void test_decode_in_place_and_all_lengths(void **state)
{
    (void)state;
    for (size_t n = 0; n < 400; n++) {
        uint8_t bytes[200], work[300];
        size_t back = 0;
        instructions_force_portable(n % 2 == 1);
        text_random(bytes, sizeof bytes);
        size_t coded = base64_encode(bytes, n / 2, (char *)work);
        assert_true(base64_decode((struct str){(char *)work, coded}, work, &back));
        assert_int_equal(back, n / 2);
        assert_memory_equal(work, bytes, n / 2);
    }
    instructions_force_portable(false);
}

/* Bit by bit, of an unpadded text: slow and obvious. */
static bool reference(const char *text, size_t n, uint8_t *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(out, 0, n / 4 * 3);
    for (size_t i = 0; i < n; i++) {
        const char *at = text[i] ? strchr(letters, text[i]) : NULL;
        if (!at) {
            return false;
        }
        for (size_t bit = 0; bit < 6; bit++) {
            size_t to = i * 6 + bit;
            out[to / 8] |= (uint8_t)(((at - letters) >> (5 - bit) & 1) << (7 - to % 8));
        }
    }
    return true;
}

/* Every byte at every place of texts that take no, one and several steps of a vector. out is as long
 * as it has to be and no longer: the sanitizer sees what is written behind it. */
static void test_decode_every_byte_at_every_place_as_reference(void **state)
{
    (void)state;
    static const size_t sizes[] = {4, 20, 24, 28, 44, 64};
    for (size_t row = 0; row < 2 * sizeof sizes / sizeof *sizes; row++) {
        size_t n = sizes[row / 2];
        char *text = malloc(n);
        uint8_t *out = malloc(n / 4 * 3), want[64 / 4 * 3];
        instructions_force_portable(row % 2 == 1);
        for (size_t at = 0; at < n; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                for (size_t i = 0; i < n; i++) {
                    text[i] = "Zm9vYmFyK/8"[(i * 7 + at) % 11];
                }
                text[at] = (char)byte;
                if (byte == '=' && at == n - 1) {
                    continue; /* padding: other rows */
                }
                size_t got = 0;
                bool good = reference(text, n, want);
                assert_int_equal(base64_decode((struct str){text, n}, out, &got), good);
                if (good) {
                    assert_int_equal(got, n / 4 * 3);
                    assert_memory_equal(out, want, got);
                }
            }
        }
        free(text);
        free(out);
    }
    instructions_force_portable(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc4648_vectors_both_ways),
        cmocka_unit_test(test_decode_broken_text_refused),
        cmocka_unit_test(test_decode_in_place_and_all_lengths),
        cmocka_unit_test(test_decode_every_byte_at_every_place_as_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
