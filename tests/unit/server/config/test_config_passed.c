#include "server/config/config_passed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_on_fills_only_what_is_empty(void **state)
{
    (void)state;
    setenv("KIT_HELD", "outside", 1);
    setenv("KIT_BLANK", "", 1);
    assert_true(config_passed_on(STR("KIT_HELD"), STR("x")));
    assert_true(config_passed_on(STR("KIT_BLANK"), STR("y")));
    assert_true(config_passed_on(STR("KIT_NEW"), STR("z")));
    assert_true(config_passed_on(STR("KIT_NEW"), STR("again")));
    assert_true(config_passed_on(STR("KIT_NOTHING"), STR("")));
    assert_string_equal(getenv("KIT_HELD"), "outside");
    assert_string_equal(getenv("KIT_BLANK"), "y");
    assert_string_equal(getenv("KIT_NEW"), "z");
    assert_null(getenv("KIT_NOTHING"));
}

static void test_take_back_leaves_what_was_outside(void **state)
{
    (void)state;
    assert_true(config_passed_on(STR("KIT_OTHER"), STR("secret")));
    const char *bytes = getenv("KIT_OTHER");
    config_passed_take_back();
    assert_int_equal(bytes[0], 0); /* the C library never frees it */
    assert_null(getenv("KIT_OTHER"));
    assert_null(getenv("KIT_NEW"));
    assert_string_equal(getenv("KIT_HELD"), "outside");
    config_passed_take_back();
    assert_string_equal(getenv("KIT_HELD"), "outside");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_fills_only_what_is_empty),
        cmocka_unit_test(test_take_back_leaves_what_was_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
