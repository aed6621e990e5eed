/* Tools that come in mid-conversation: which of them are there at the end. */
#include "worker/dialect/tool_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define ADDED(name)                                                                                \
    "{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_definition\",\"definition\":{\"name\":" \
    "\"" name "\"}}}"
#define GONE(name) \
    "{\"type\":\"tool_removal\",\"tool\":{\"type\":\"tool_reference\",\"name\":\"" name "\"}}"
#define SAID(role, blocks) "{\"role\":\"" role "\",\"content\":[" blocks "]}"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void test_what_is_there_at_the_end(void **state)
{
    static const struct {
        const char *messages, *names;
    } rows[] = {
        {"[]", ""},
        {"[{\"role\":\"system\",\"content\":\"x\"},{\"role\":\"system\"}]", ""},
        {"[" SAID("system", ADDED("a") "," ADDED("b")) "]", "ab"},
        {"[" SAID("system", ADDED("a")) "," SAID("system", GONE("a") "," ADDED("b")) "]", "b"},
        {"[" SAID("system", ADDED("a") "," GONE("a") "," ADDED("a")) "]", "a"},
        {"[" SAID("system", ADDED("a") "," ADDED("b") "," ADDED("a")) "]", "ba"},
        {"[" SAID("system", ADDED("t")) "]", ""}, /* stands in tools */
        {"[" SAID("user", ADDED("a")) "]", ""},   /* only a system message can say it */
        {"[" SAID("system", "{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_definition\","
                            "\"definition\":[]}},7") "]",
         ""},
        {"[" SAID("system", GONE("a")) "]", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        struct tool_changes t;
        char text[2000], names[10] = "";
        snprintf(text, sizeof text, "{\"tools\":[{\"name\":\"t\"}],\"messages\":%s}",
                 rows[i].messages);
        assert_int_equal(scan_parse(&s, arena, text_from(text), &limits, NULL), STATUS_OK);
        assert_true(
            tool_changes_read(&s, SCAN_GET(&s, 0, "messages"), SCAN_GET(&s, 0, "tools"), &t));
        for (uint32_t k = 0; k < t.n; k++)
            names[k] = scan_text(&s, SCAN_GET(&s, t.added[k], "name")).p[0];
        if (!text_eq(text_from(names), text_from(rows[i].names)))
            fail_msg("row %zu: %s", i, names);
        arena_drop(arena);
    }
}

static void test_a_block_names_what_is_there(void **state)
{
    static const char text[] = "{\"tools\":[{\"name\":\"t\"}],\"messages\":[" SAID(
        "system", ADDED("a") "," GONE("a") "," ADDED(
                      "b")) "],\"blocks\":[" GONE("t") "," GONE("b") "," GONE("a") ",{}]}";
    static const bool known[] = {true, true, false, false};
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scan s;
    struct tool_changes t;
    size_t i = 0;
    (void)state;
    assert_int_equal(scan_parse(&s, arena, text_from(text), &limits, NULL), STATUS_OK);
    scan_ref tools = SCAN_GET(&s, 0, "tools"), blocks = SCAN_GET(&s, 0, "blocks");
    assert_true(tool_changes_read(&s, SCAN_GET(&s, 0, "messages"), tools, &t));
    for (scan_ref b = scan_first(&s, blocks); b != SCAN_ABSENT; b = scan_next(&s, blocks, b), i++)
        assert_int_equal(tool_changes_known(&s, &t, tools, b), known[i]);
    arena_drop(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_there_at_the_end),
        cmocka_unit_test(test_a_block_names_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
