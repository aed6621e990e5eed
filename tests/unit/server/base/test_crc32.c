#include "server/base/crc32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/instructions.h"

/* Bit by bit: slow and obvious. */
static uint32_t reference(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
        }
    }
    return ~crc;
}

static void test_add_known_values(void **state)
{
    (void)state;
    assert_int_equal(crc32_add(0, "", 0), 0);
    assert_int_equal(crc32_add(0, NULL, 0), 0);
    assert_int_equal(crc32_add(0, "a", 1), 0xE8B7BE43);
    assert_int_equal(crc32_add(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(crc32_add(0, "The quick brown fox jumps over the lazy dog", 43), 0x414FA339);
}

static void test_add_every_length_and_offset_as_reference(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * i * 31 + 7);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t n = 0; n + from <= sizeof(bytes); n++) {
            uint32_t want = reference(bytes + from, n);
            assert_int_equal(crc32_add(0, bytes + from, n), want);
            instructions_force_portable(true);
            assert_int_equal(crc32_add(0, bytes + from, n), want);
            instructions_force_portable(false);
        }
    }
}

static void test_add_in_two_parts_as_in_one(void **state)
{
    (void)state;
    const char text[] =
        "a frame comes in as many pieces as the network likes, and some of them are longer "
        "than four lanes of what a CPU folds at once, others shorter than one";
    uint32_t whole = crc32_add(0, text, sizeof(text));
    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        assert_int_equal(crc32_add(crc32_add(0, text, cut), text + cut, sizeof(text) - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_known_values),
        cmocka_unit_test(test_add_every_length_and_offset_as_reference),
        cmocka_unit_test(test_add_in_two_parts_as_in_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
