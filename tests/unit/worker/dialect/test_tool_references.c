#include "worker/dialect/tool_references.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define REFERENCE(name) "{\"type\":\"tool_reference\",\"tool_name\":\"" name "\"}"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void test_references_are_found_wherever_they_stand(void **state)
{
    static const char messages[] =
        "[{\"role\":\"user\",\"content\":\"b\"},"
        "{\"role\":\"user\",\"content\":[" REFERENCE("zeta") "," REFERENCE(
            "a\\u0062") ","
                        "{\"type\":\"tool_result\",\"content\":[" REFERENCE(
                            "in") ",{\"type\":\"text\"}]},"
                                  "{\"type\":\"tool_result\",\"content\":\"text\"},{\"type\":"
                                  "\"tool_reference\"}]}]";
    static const struct {
        const char *name;
        bool there;
    } rows[] = {{"zeta", true}, {"ab", true}, {"in", true},
                {"b", false},   {"", false},  {"a", false}};
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scan s;
    struct tool_references t;
    (void)state;
    assert_int_equal(scan_parse(&s, arena, text_from(messages), &limits, NULL), STATUS_OK);
    assert_true(tool_references_read(&s, 0, &t));
    assert_int_equal(t.n, 3);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (tool_references_has(&t, text_from(rows[i].name)) != rows[i].there)
            fail_msg("%s", rows[i].name);
    assert_false(tool_references_has(&t, (struct str){NULL, 0}));
    arena_drop(arena);
}

static void test_history_without_references_has_none(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scan s;
    struct tool_references t;
    (void)state;
    assert_int_equal(scan_parse(&s, arena, STR("[{\"content\":[]}]"), &limits, NULL), STATUS_OK);
    assert_true(tool_references_read(&s, 0, &t));
    assert_false(tool_references_has(&t, STR("a")));
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references_are_found_wherever_they_stand),
        cmocka_unit_test(test_history_without_references_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
