#include "shm/catalogue/tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_each_word_is_found_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIER_COUNT; i++) {
        enum tier tier = TIER_COUNT;
        assert_true(tier_find(tier_word((enum tier)i), &tier));
        assert_int_equal(tier, i);
    }
    /* stored in journals and tables */
    assert_true(text_eq(tier_word(TIER_DEFAULT), STR("default")));
    assert_int_equal(TIER_FLEX, 1);
    assert_int_equal(TIER_PRIORITY, 2);
    assert_int_equal(TIER_RESERVED, 3);
}

static void test_other_words_and_numbers_are_no_tier(void **state)
{
    static const struct str words[] = {STR(""),      STR("auto"),          STR("Flex"),
                                       STR("flex "), STR("standard_only"), STR("flexible")};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        enum tier tier = TIER_PRIORITY;
        assert_false(tier_find(words[i], &tier));
        assert_int_equal(tier, TIER_PRIORITY);
    }
    assert_true(text_eq(tier_word((enum tier)200), STR("default")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_word_is_found_again),
        cmocka_unit_test(test_other_words_and_numbers_are_no_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
