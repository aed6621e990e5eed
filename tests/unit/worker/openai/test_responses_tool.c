#include "worker/openai/responses_tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

/* "kind space.name" of each tool of {"tools":...,"input":...}. */
static const char *walk(struct arena *arena, const char *body)
{
    static char line[400];
    struct scan s;
    struct responses_list items;
    struct responses_tool_walk w;
    struct responses_tool t;
    size_t n = 0;
    assert_int_equal(scan_parse(&s, arena, text_from(body), &limits, NULL), STATUS_OK);
    assert_int_equal(responses_item_list(&s, SCAN_GET(&s, 0, "input"), &items, NULL), STATUS_OK);
    responses_tool_begin(&w, &s, SCAN_GET(&s, 0, "tools"), &items);
    line[0] = '\0';
    while (responses_tool_next(&w, &t)) {
        struct str name = responses_tool_name(&s, &t), space = scan_text(&s, t.space);
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%d %.*s%s%.*s%s", n > 0 ? ", " : "",
                              t.tool.kind, STR_ARG(space), space.p ? "." : "", STR_ARG(name),
                              t.preface != SCAN_ABSENT ? "!" : "");
    }
    return line;
}

static void test_tools_come_in_their_order_with_namespaces_opened(void **state)
{
    static const struct {
        const char *body, *tools;
    } rows[] = {
        {"{}", ""},
        {"{\"tools\":7,\"input\":\"x\"}", ""},
        {"{\"tools\":[]}", ""},
        {"{\"tools\":[{\"type\":\"function\",\"name\":\"a\"},{\"type\":\"custom\",\"name\":\"b\"},{"
         "\"type\":\"tool_search\",\"execution\":\"client\"},{\"type\":\"local_shell\"},{\"type\":"
         "\"web_search\"}]}",
         "0 a, 1 b, 2 tool_search, 3 local_shell, 4 "},
        {"{\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"d\",\"tools\":[{"
         "\"name\":\"a\"},{\"name\":\"b\"}]},{\"type\":\"namespace\",\"name\":\"empty\",\"tools\":["
         "]},{\"type\":\"namespace\",\"name\":\"none\"},{\"name\":\"c\"}]}",
         "0 n.a!, 0 n.b, 0 c"},
        {"{\"tools\":[{\"name\":\"a\"}],\"input\":[{\"role\":\"user\"},{\"type\":"
         "\"additional_tools\",\"tools\":[{\"name\":\"b\"}]},{\"type\":\"additional_tools\"},{"
         "\"type\":\"tool_search_output\",\"call_id\":\"x\",\"tools\":[{\"type\":\"namespace\","
         "\"name\":\"n\",\"tools\":[{\"name\":\"c\"}]}]}]}",
         "0 a, 0 b, 0 n.c"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        assert_string_equal(walk(arena, rows[i].body), rows[i].tools);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_come_in_their_order_with_namespaces_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
