#include "worker/converse/anthropic_tools.h"

#include "tests/unit/convert_case.h"

#define IN(tools, more)                                                                       \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]," \
    "\"tools\":[" tools "]" more "}"
#define OUT(config)                                                                 \
    "{" config "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]," \
    "\"inferenceConfig\":{\"maxTokens\":9}}"
#define SPEC(name)                                                                         \
    "{\"toolSpec\":{\"name\":\"" name "\",\"inputSchema\":{\"json\":{\"type\":\"object\"," \
    "\"properties\":{}}}}}"

static void test_tools_are_named_described_and_left_out(void **state)
{
    static const struct convert_row rows[] = {
        {"schema that is no object", QWEN, IN("{\"name\":\"n\",\"input_schema\":\"x\"}", ""),
         OUT("\"toolConfig\":{\"tools\":[" SPEC("n") "]},"), ""},
        {"description that is blank or no text", QWEN,
         IN("{\"name\":\"n\",\"description\":\" \"},{\"name\":\"o\",\"description\":7}", ""),
         OUT("\"toolConfig\":{\"tools\":[" SPEC("n") "," SPEC("o") "]},"), ""},
        {"all deferred", QWEN, IN("{\"name\":\"n\",\"defer_loading\":true}", ""), OUT(""),
         "drop:deferred_tools"},
        {"all deferred, one forced", QWEN,
         IN("{\"name\":\"n\",\"defer_loading\":true}", ",\"tool_choice\":{\"type\":\"any\"}"),
         OUT(""), "drop:tool_choice,drop:deferred_tools"},
        {"mark of a deferred tool", OPUS46,
         IN("{\"name\":\"n\"},{\"name\":\"o\",\"defer_loading\":true,\"cache_control\":{\"type\":"
            "\"ephemeral\"}}",
            ""),
         OUT("\"toolConfig\":{\"tools\":[" SPEC("n") ",{\"cachePoint\":{\"type\":\"default\"}}]},"),
         "drop:deferred_tools"},
        {"choice without a name", QWEN,
         IN("{\"name\":\"n\"}", ",\"tool_choice\":{\"type\":\"tool\"}"),
         "tool_choice.tool.name: Field required", NULL},
        {"server tool among others", QWEN,
         IN("{\"name\":\"n\"},{\"type\":\"mcp_toolset\",\"name\":\"o\"}", ""),
         "'m' does not support tool types: mcp_toolset. Server tools are not available on Amazon "
         "Bedrock.",
         NULL},
        {"strict mode and a member", "!" QWEN,
         IN("{\"name\":\"n\",\"eager_input_streaming\":true}", ""),
         "eager_input_streaming: this model does not take it as it is (STRICT_FIELDS)", NULL},
    };
    (void)state;
    convert_case_check_all(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_are_named_described_and_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
