#include "worker/converse/openai_tools.h"

#include "tests/unit/convert_case.h"

#define IN(more)                                                                                   \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]," more \
    "}"
#define TURN                                                                                  \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}],\"inferenceConfig\":{" \
    "\"maxTokens\":9}"
#define FN(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define TOOLS    "\"tools\":[" FN("a") "," FN("b") "]"
#define SPEC(name)                                                                         \
    "{\"toolSpec\":{\"name\":\"" name "\",\"inputSchema\":{\"json\":{\"type\":\"object\"," \
    "\"properties\":{}}}}}"
#define OUT(specs, choice) "{\"toolConfig\":{\"tools\":[" specs "]" choice "}," TURN "}"
#define WRONG                                                                              \
    "Invalid value for 'tool_choice': supported values are 'none', 'auto', 'required', a " \
    "function, "                                                                           \
    "or allowed_tools."

static void test_choices_become_what_converse_knows(void **state)
{
    static const struct convert_row rows[] = {
        {"none given", QWEN, IN(TOOLS), OUT(SPEC("a") "," SPEC("b"), ""), ""},
        {"named", QWEN, IN(TOOLS ",\"tool_choice\":" FN("b")),
         OUT(SPEC("a") "," SPEC("b"), ",\"toolChoice\":{\"tool\":{\"name\":\"b\"}}"), ""},
        {"named without a name", QWEN, IN(TOOLS ",\"tool_choice\":" FN("")), WRONG, NULL},
        {"allowed, flat form", QWEN,
         IN(TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
                  "\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"b\"}]}}"),
         OUT(SPEC("b"), ""), ""},
        {"custom", QWEN, IN(TOOLS ",\"tool_choice\":{\"type\":\"custom\",\"custom\":{}}"), WRONG,
         NULL},
        {"legacy", QWEN, IN("\"functions\":[{\"name\":\"a\"}],\"function_call\":\"none\""),
         "{" TURN "}", ""},
        {"legacy auto", QWEN, IN("\"functions\":[{\"name\":\"a\"}],\"function_call\":\"auto\""),
         OUT(SPEC("a"), ""), ""},
        {"type null", QWEN, IN("\"tools\":[{\"type\":null,\"function\":{\"name\":\"a\"}}]"),
         OUT(SPEC("a"), ""), ""},
        {"no object", QWEN, IN("\"tools\":[7]"),
         "Missing required parameter: 'tools[].function.name'.", NULL},
        {"mark on the function", OPUS46,
         "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],"
         "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"cache_control\":{"
         "\"type\":\"ephemeral\"}},\"cache_control\":{\"type\":\"ephemeral\"}}]}",
         "{\"toolConfig\":{\"tools\":[" SPEC("a") ",{\"cachePoint\":{\"type\":\"default\"}}]}," TURN
                                                  "}",
         ""},
        {"strict mode and no forced tools", "!" LLAMA, IN(TOOLS ",\"tool_choice\":\"required\""),
         "tool_choice: this model does not take it as it is (STRICT_FIELDS)", NULL},
    };
    (void)state;
    convert_case_check_all(DIALECT_OPENAI, rows, COUNT_OF(rows));
}

/* The list is searched once for each tool. */
static void test_allowed_tools_are_bounded(void **state)
{
    struct buf in;
    struct convert_case c;
    (void)state;
    buf_init(&in, 1 << 20);
    buf_printf(&in, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],"
                    "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"tools\":[");
    for (int i = 0; i < 129; i++)
        buf_printf(&in, "%s{\"name\":\"n%d\"}", i ? "," : "", i);
    buf_printf(&in, "]}}}");
    convert_case_run(&c, DIALECT_OPENAI, (struct convert_options){.model = STR(QWEN)},
                     buf_str(&in));
    assert_int_equal(c.status, STATUS_INVALID);
    assert_string_equal(c.err.text, WRONG);
    convert_case_free(&c);
    buf_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices_become_what_converse_knows),
        cmocka_unit_test(test_allowed_tools_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
