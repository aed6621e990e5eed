#include "worker/converse/converse_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_place_is_told_as_exactly_as_it_is_known(void **state)
{
    static const struct {
        struct converse_place place;
        const char *path, *member;
    } rows[] = {
        {{0}, "messages", "messages[].content[].text"},
        {{.in_item = true, .in_part = true, .member = "content", .item = 3},
         "messages",
         "messages[].content[].text"},
        {{.exact = true}, "input", "input.text"},
        {{.exact = true, .in_item = true, .item = 7}, "input[7]", "input[7].text"},
        {{.exact = true, .in_item = true, .in_part = true, .member = "content", .item = 3},
         "input[3].content[0]",
         "input[3].content[0].text"},
        {{true, true, true, "output", 4294967295u, 4294967295u},
         "input[4294967295].output[4294967295]",
         "input[4294967295].output[4294967295].text"},
    };
    char got[CONVERSE_PLACE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        converse_place_path(&rows[i].place, got);
        assert_string_equal(got, rows[i].path);
        converse_place_member(&rows[i].place, "text", got);
        assert_string_equal(got, rows[i].member);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place_is_told_as_exactly_as_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
