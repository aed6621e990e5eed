#include "worker/converse/openai_call.h"

#include "tests/unit/build_bed.h"

#define BODY(name, input)                                                                        \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]},{\"role\":\"assistant\"," \
    "\"content\":[{\"toolUse\":{\"toolUseId\":\"c\",\"name\":\"" name "\",\"input\":" input      \
    "}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":{\"toolUseId\":\"c\",\"content\":[{"   \
    "\"text\":\"(no content)\"}]}}]}],\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\"," \
    "\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}}"

static void test_input_of_each_kind_is_an_object(void **state)
{
    static const struct {
        enum chat_tool_kind kind;
        const char *input; /* JSON as it stands in the request */
        const char *object, *changes;
    } rows[] = {
        {CHAT_TOOL_FUNCTION, "\"{ \\\"n\\\":9007199254740993,\\\"e\\\":1e-7 }\"",
         "{ \"n\":9007199254740993,\"e\":1e-7 }", ""},
        {CHAT_TOOL_FUNCTION, "\" \"", "{}", ""},
        {CHAT_TOOL_FUNCTION, "\"[1]\"", "{\"arguments\":\"[1]\"}", "map:tool_calls.arguments"},
        {CHAT_TOOL_FUNCTION, "\"{\\\"cut\"", "{\"arguments\":\"{\\\"cut\"}",
         "map:tool_calls.arguments"},
        {CHAT_TOOL_CUSTOM, "\"*** \\\"a\\\"\\n\\u0000\"", "{\"input\":\"*** \\\"a\\\"\\n\\u0000\"}",
         ""},
        {CHAT_TOOL_SEARCH, "{\"query\" : 1.0}", "{\"query\" : 1.0}", ""},
        {CHAT_TOOL_SEARCH, "\"{\\\"query\\\":1.0}\"", "{\"query\":1.0}", ""},
        {CHAT_TOOL_SHELL, "{\"command\":[\"ls\"]}", "{\"command\":[\"ls\"]}", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        struct scan s;
        char want[600];
        build_open(&bed, QWEN);
        assert_int_equal(
            scan_parse(&s, bed.c.arena, text_from(rows[i].input), &case_limits, &bed.c.err),
            STATUS_OK);
        converse_build_role(&bed.b, CONVERSE_USER);
        converse_build_text(&bed.b, STR("u"));
        converse_build_role(&bed.b, CONVERSE_ASSISTANT);
        openai_call_put(&bed.b, &s, STR("c"), STR("f"), rows[i].kind, 0);
        converse_build_role(&bed.b, CONVERSE_USER);
        assert_true(converse_build_tool_result(&bed.b, STR("c")));
        converse_build_tool_result_end(&bed.b, false);
        converse_build_messages_end(&bed.b);
        JSON_KEY(&bed.b.w, "toolConfig");
        json_raw(&bed.b.w,
                 STR("{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{"
                     "\"type\":\"object\"}}}}]}"));
        snprintf(want, sizeof want, BODY("f", "%s"), rows[i].object);
        build_want(&bed, want, rows[i].changes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_of_each_kind_is_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
