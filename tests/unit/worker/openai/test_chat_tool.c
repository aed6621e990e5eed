/* Tools and calls in all the shapes of Chat clients (W5). */
#include "worker/openai/chat_tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 64, .values = 1000, .keys = 100, .number_len = 64};

static void test_tool_of_each_shape(void **state)
{
    static const struct {
        const char *tool;
        enum chat_tool_kind kind;
        const char *name, *schema, *grammar;
    } rows[] = {
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}",
         CHAT_TOOL_FUNCTION, "f", "{}", NULL},
        {"{\"function\":{\"name\":\"f\"}}", CHAT_TOOL_FUNCTION, "f", NULL, NULL},
        {"{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}", CHAT_TOOL_FUNCTION, "f", "{}",
         NULL},
        {"{\"name\":\"f\",\"parameters\":null,\"input_schema\":{}}", CHAT_TOOL_FUNCTION, "f", "{}",
         NULL},
        {"{\"type\":\"custom\",\"name\":\"f\",\"input_schema\":{}}", CHAT_TOOL_FUNCTION, "f", "{}",
         NULL},
        {"{\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"grammar\","
         "\"grammar\":{\"definition\":\"d\"}}}}",
         CHAT_TOOL_CUSTOM, "f", NULL, "\"d\""},
        {"{\"type\":\"custom\",\"name\":\"f\",\"format\":{\"definition\":\"d\"}}", CHAT_TOOL_CUSTOM,
         "f", NULL, "\"d\""},
        {"{\"type\":\"custom\",\"name\":\"f\"}", CHAT_TOOL_CUSTOM, "f", NULL, NULL},
        {"{\"type\":\"web_search\"}", CHAT_TOOL_OTHER, NULL, NULL, NULL},
        {"7", CHAT_TOOL_FUNCTION, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 16);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].tool), &limits, NULL), STATUS_OK);
        struct chat_tool t = chat_tool_read(&s, 0);
        if (t.kind != rows[i].kind || !text_eq(scan_text(&s, t.name), text_from(rows[i].name)) ||
            !text_eq(scan_raw(&s, t.schema), text_from(rows[i].schema)) ||
            !text_eq(scan_raw(&s, t.grammar), text_from(rows[i].grammar)))
            fail_msg("%s", rows[i].tool);
        arena_drop(arena);
    }
}

static void test_call_of_each_shape(void **state)
{
    static const struct {
        const char *call;
        enum chat_tool_kind kind;
        const char *name, *input;
    } rows[] = {
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}",
         CHAT_TOOL_FUNCTION, "f", "{}"},
        {"{\"type\":null,\"function\":{\"name\":\"f\"}}", CHAT_TOOL_FUNCTION, "f", NULL},
        {"{\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}", CHAT_TOOL_CUSTOM, "f",
         "x"},
        {"{\"type\":\"mcp\"}", CHAT_TOOL_OTHER, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 16);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].call), &limits, NULL), STATUS_OK);
        struct chat_call c = chat_tool_call(&s, 0);
        if (c.kind != rows[i].kind || !text_eq(scan_text(&s, c.name), text_from(rows[i].name)) ||
            !text_eq(scan_text(&s, c.input), text_from(rows[i].input)))
            fail_msg("%s", rows[i].call);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tool_of_each_shape),
        cmocka_unit_test(test_call_of_each_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
