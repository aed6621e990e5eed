/* endings.c: who names a model that ends within 90 days. */
#include "worker/model/endings.h"

#include "server/base/buf.h"
#include "tests/unit/ending_case.h"

static void add_line(void *ctx, const char *text)
{
    buf_printf(ctx, "%s|", text);
}

static void test_configured_names_the_setting(void **state)
{
    (void)state;
    struct buf told;
    buf_init(&told, 4096);
    char mapping[] = "{\"x\":\"eu.house.a\",\"y\":\"house.b\"}", name[] = "house-a", none[] = "";
    struct config c = {.model_default = name,
                       .model_opus = none,
                       .model_sonnet = none,
                       .model_haiku = none,
                       .model_mapping = mapping};
    endings_configured(&c, at("2027-02-28"), add_line, &told);
    buf_put_char(&told, '\0');
    assert_string_equal(
        buf_data(&told),
        "ANTHROPIC_DEFAULT_MODEL: house.a ends on 2027-03-01, in 1 day; use house.b|"
        "DEFAULT_MODEL_MAPPING, x: house.a ends on 2027-03-01, in 1 day; use house.b|");
    buf_free(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured_names_the_setting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
