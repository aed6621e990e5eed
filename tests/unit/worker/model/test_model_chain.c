#include "worker/model/model_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool is_not_bad(const void *ctx, struct str id)
{
    (void)ctx;
    return !text_eq(id, STR("bad")) && id.n > 0;
}

static void test_check_takes_up_to_four_that_differ(void **state)
{
    static const struct {
        const char *ids;
        bool ok;
    } rows[] = {{"a", true},      {"a,b", true},    {"a, b ,c,d", true}, {"a,b,c,d,e", false},
                {"a,b,a", false}, {"a, a", false},  {"", false},         {",", false},
                {"a,", false},    {",a", false},    {"a,,b", false},     {"a,bad", false},
                {"bad", false},   {"a,b,c,", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (model_chain_check(text_from(rows[i].ids), is_not_bad, NULL) != rows[i].ok)
            fail_msg("\"%s\"", rows[i].ids);
}

static void test_take_gives_links_without_their_blanks(void **state)
{
    struct str rest = STR(" a ,b");
    (void)state;
    assert_true(text_eq(model_chain_take(&rest), STR("a")));
    assert_true(text_eq(model_chain_take(&rest), STR("b")));
    assert_int_equal(rest.n, 0);
    assert_int_equal(model_chain_take(&rest).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_takes_up_to_four_that_differ),
        cmocka_unit_test(test_take_gives_links_without_their_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
