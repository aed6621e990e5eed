#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/json/scan_bound.h"

enum { DEPTH = 128, MANY = 1000000 };

static void test_bound_counts_what_can_stand_before_a_value(void **state)
{
    (void)state;
    static char text[10000];
    uint32_t want = 1;
    for (uint32_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 7);
        want += text[i] != '\0' && strchr(",:[{", text[i]) != NULL;
        if (i % 97 < 2 || i > 9900) {
            assert_int_equal(scan_bound((struct str){text, i + 1}, DEPTH, MANY),
                             want < (i + 129) / 2 + 2 ? want : (i + 129) / 2 + 2);
        }
    }
}

static void test_bound_is_not_more_than_the_size_or_the_limit_allow(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, '[', sizeof text);
    assert_int_equal(scan_bound((struct str){text, sizeof text}, DEPTH, MANY),
                     (5000 + 128) / 2 + 2);
    assert_int_equal(scan_bound((struct str){text, sizeof text}, DEPTH, 100), 201);
    assert_int_equal(scan_bound((struct str){"", 0}, DEPTH, MANY), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_counts_what_can_stand_before_a_value),
        cmocka_unit_test(test_bound_is_not_more_than_the_size_or_the_limit_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
