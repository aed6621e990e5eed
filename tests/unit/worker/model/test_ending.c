/* ending.c: the day on which a model ends, and when that is near. */
#include "worker/model/ending.h"

#include "tests/unit/ending_case.h"

static void test_is_near_by_day(void **state)
{
    (void)state;
    static const struct {
        const char *id, *day, *text; /* NULL: not near */
    } rows[] = {
        {"house.a", "2026-11-30", NULL},
        {"house.a", "2026-12-01", "house.a ends on 2027-03-01, in 90 days; use house.b"},
        {"us.house.a", "2027-02-28", "house.a ends on 2027-03-01, in 1 day; use house.b"},
        {"house.a", "2027-03-01", "house.a ended on 2027-03-01; use house.b"},
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.house.a", "2027-02-27",
         "house.a ends on 2027-03-01, in 2 days; use house.b"},
        {"house.a-longer", "2027-02-28", NULL},
        {"house.b", "2027-02-28", NULL},
        {"house.c", "2027-02-28", NULL},
        {"house.d", "2027-02-28", "house.d ended on 2026-01-01"},
        {"nobody.x", "2027-02-28", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[ENDING_TEXT_MAX] = "";
        bool near = ending_tell(text_from(rows[i].id), at(rows[i].day), text);
        if (near != (rows[i].text != NULL) || (near && strcmp(text, rows[i].text) != 0)) {
            fail_msg("%s on %s: \"%s\"", rows[i].id, rows[i].day, text);
        }
        const char *on = strstr(text, " on ");
        char day[11] = "";
        assert_int_equal(ending_is_near(ending_at(text_from(rows[i].id)), at(rows[i].day)), near);
        if (near) {
            text_copy(text_from(on + 4), day, sizeof day);
            assert_int_equal(ending_at(text_from(rows[i].id)) + 12 * 3600000ll, at(day));
        }
    }
}

static void test_no_end_is_known(void **state)
{
    (void)state;
    static const char *const ids[] = {"house.a-longer", "house.b", "house.c", "nobody.x", ""};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(ending_at(text_from(ids[i])), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_near_by_day),
        cmocka_unit_test(test_no_end_is_known),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
