#include "shm/memory/profiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

static struct segment seg;

static int begin(void **state)
{
    struct err err;
    (void)state;
    if (segment_create(&seg, 2, 16, &err) != STATUS_OK)
        return -1;
    profiles_serve(&seg, true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void test_asked_then_known_then_old(void **state)
{
    char id[PROFILES_ID_MAX], arn[PROFILES_ARN_MAX];
    uint32_t slot, other;
    (void)state;
    assert_false(profiles_next(&seg, 1000, &slot, arn));
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_ASKED);
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_ASKED); /* once is enough */
    assert_int_equal(profiles_find(&seg, STR("arn:b"), id), PROFILES_ASKED);
    assert_true(profiles_next(&seg, 1000, &slot, arn));
    assert_string_equal(arn, "arn:a");
    profiles_answer(&seg, slot, STR("anthropic.x"), 5000);
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_KNOWN);
    assert_string_equal(id, "anthropic.x");
    assert_true(profiles_next(&seg, 1000, &other, arn));
    assert_string_equal(arn, "arn:b");
    profiles_answer(&seg, other, STR(""), 5000);
    assert_int_equal(profiles_find(&seg, STR("arn:b"), id), PROFILES_NOTHING);
    assert_false(profiles_next(&seg, 4999, &slot, arn));
    assert_true(profiles_next(&seg, 5000, &slot, arn)); /* asked for again, and held meanwhile */
    assert_string_equal(arn, "arn:a");
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_KNOWN);
    profiles_later(&seg, slot, 9000);
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_KNOWN);
    assert_false(profiles_next(&seg, 5000, &slot, arn));
    assert_int_equal(profiles_find(&seg, STR("arn:b"), id), PROFILES_ASKED); /* nothing gets old */
}

static void test_full_table_has_nothing_until_answers_get_old(void **state)
{
    char id[PROFILES_ID_MAX], arn[PROFILES_ARN_MAX], name[32];
    uint32_t slot;
    (void)state;
    for (uint32_t i = 0; i < PROFILES_MAX; i++) {
        snprintf(name, sizeof name, "arn:%u", i);
        assert_int_equal(profiles_find(&seg, text_from(name), id), PROFILES_ASKED);
        assert_true(profiles_next(&seg, 1000, &slot, arn));
        assert_string_equal(arn, name);
        profiles_answer(&seg, slot, i % 2 ? STR("m.x") : STR(""), 2000);
    }
    assert_int_equal(profiles_find(&seg, STR("arn:one-more"), id), PROFILES_NOTHING);
    assert_true(profiles_next(&seg, 2000, &slot, arn));
    assert_int_equal(profiles_find(&seg, STR("arn:one-more"), id), PROFILES_ASKED);
}

static void test_nobody_to_ask_and_no_arn_are_nothing(void **state)
{
    char id[PROFILES_ID_MAX], big[PROFILES_ARN_MAX + 1];
    (void)state;
    memset(big, 'x', sizeof big);
    assert_int_equal(profiles_find(&seg, STR(""), id), PROFILES_NOTHING);
    assert_int_equal(profiles_find(&seg, (struct str){big, PROFILES_ARN_MAX}, id),
                     PROFILES_NOTHING);
    assert_int_equal(profiles_find(&seg, (struct str){big, PROFILES_ARN_MAX - 1}, id),
                     PROFILES_ASKED);
    assert_int_equal(profiles_find(NULL, STR("arn:a"), id), PROFILES_NOTHING);
    profiles_serve(&seg, false);
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_NOTHING);
}

/* A process that died while it wrote: state 1 << 2 | WRITTEN. */
static void test_half_written_slot_is_freed(void **state)
{
    char id[PROFILES_ID_MAX], arn[PROFILES_ARN_MAX];
    uint32_t slot;
    (void)state;
    _Atomic uint64_t *word = (_Atomic uint64_t *)(void *)seg.profiles + 16;
    atomic_store(word, 5);
    assert_int_equal(profiles_find(&seg, STR("arn:a"), id), PROFILES_ASKED); /* another slot */
    assert_true(profiles_next(&seg, 1000, &slot, arn));
    assert_int_equal(slot, 1);
    assert_true(profiles_next(&seg, 9000, &slot, arn));
    assert_int_equal(atomic_load(word) & 3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_asked_then_known_then_old),
        T(test_full_table_has_nothing_until_answers_get_old),
        T(test_nobody_to_ask_and_no_arn_are_nothing),
        T(test_half_written_slot_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
