#include "shm/memory/tariff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "shm/memory/directory.h"
#include "shm/memory/segment.h"

static void test_find_row_of_the_store_wins(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    struct price mine = {1, 2, 3, 4};
    struct prices_tariff got;
    struct str here = STR("us-west-2");
    assert_int_equal(segment_create(&s, 1, 64, &err), STATUS_OK);
    assert_int_equal(tariff_find(&s, STR("house.x"), here, &got), PRICES_UNKNOWN);
    directory_begin(&s);
    assert_true(directory_add_price(&s, STR("anthropic.claude-sonnet-4-6"), &mine));
    assert_false(directory_add_price(&s, STR("anthropic.claude-sonnet-4-6"), &mine));
    assert_false(directory_add_price(&s, STR(""), &mine));
    directory_publish(&s, 1);
    assert_int_equal(tariff_find(&s, STR("us.anthropic.claude-sonnet-4-6"), here, &got),
                     PRICES_STORE);
    assert_int_equal(got.rates.input, 1);
    assert_int_equal(got.rates.write_5m, 4);
    assert_int_equal(got.rates.write_1h, 2);
    assert_int_equal(tariff_find(&s, STR("us.anthropic.claude-sonnet-4-5-x"), here, &got),
                     PRICES_FAMILY);
    segment_drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_row_of_the_store_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
