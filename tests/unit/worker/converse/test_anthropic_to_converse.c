#include "worker/converse/anthropic_to_converse.h"

#include "tests/unit/convert_golden.h"

#define IN(more) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]" more "}"
#define OUT(more)                                                                              \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}],\"inferenceConfig\":{" \
    "\"maxTokens\":9" more "}"

static void test_golden_requests_match(void **state)
{
    (void)state;
    golden_check_all(DIALECT_ANTHROPIC, "anthropic_to_converse", 150);
}

static void test_fields_are_read_strictly(void **state)
{
    static const struct convert_row rows[] = {
        {"nulls are nothing", QWEN,
         IN(",\"max_tokens\":9,\"temperature\":null,\"stop_sequences\":null,\"thinking\":null,"
            "\"tool_choice\":null,\"tools\":null,\"system\":null,\"service_tier\":null,"
            "\"metadata\":null,\"output_config\":null,\"cache_control\":null"),
         OUT("}"), ""},
        {"stop that is no text", QWEN, IN(",\"max_tokens\":9,\"stop_sequences\":[1]"),
         "stop_sequences: Input should be a valid string", NULL},
        {"top_k that is no number", QWEN, IN(",\"max_tokens\":9,\"top_k\":\"x\""),
         "top_k: Input should be a valid number", NULL},
        {"temperature beyond a double", QWEN, IN(",\"max_tokens\":9,\"temperature\":1e400"),
         "temperature: Input should be a valid number", NULL},
        {"speed standard is no loss", "!" QWEN, IN(",\"max_tokens\":9,\"speed\":\"standard\""),
         OUT("}"), ""},
        {"between_tools is adaptive", OPUS47,
         IN(",\"max_tokens\":9,\"thinking\":{\"type\":\"between_tools\",\"display\":\"updates\"}"),
         OUT("},\"additionalModelResponseFieldPaths\":[\"/usage/output_tokens_details\"],"
             "\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"adaptive\"}}"),
         "map:thinking,drop:thinking.display"},
        {"system block that is no text", QWEN,
         IN(",\"max_tokens\":9,\"system\":[{\"type\":\"image\"}]"), OUT("}"), "drop:system_block"},
        {"unknown fields by name", "!" QWEN, IN(",\"max_tokens\":9,\"n\\u0061me\":1"),
         "name: this model does not take it as it is (STRICT_FIELDS)", NULL},
    };
    (void)state;
    convert_case_check_all(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

static void test_allocations_that_fail_give_an_error(void **state)
{
    (void)state;
    golden_fail_allocations(DIALECT_ANTHROPIC, "anthropic_to_converse");
}

#define STRICT(body)  "{\"model\":\"m\",\"max_tokens\":9," body "}"
#define STRICT_USER   "\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]"
#define REFUSED(what) what ": this model does not take it as it is (STRICT_FIELDS)"

/* "!": STRICT_FIELDS. What is lost or made smaller is refused by name, other words for the same go.
 */
static void test_strict_refuses_each_kind_of_loss(void **state)
{
    static const struct convert_row rows[] = {
        {"field", "!" QWEN,
         STRICT("\"metadata\":{\"a\":1},\"context_management\":{\"edits\":[1]}," STRICT_USER),
         REFUSED("context_management"), NULL},
        {"sampling", "!" QWEN, STRICT("\"top_k\":5," STRICT_USER), REFUSED("top_k"), NULL},
        {"sampling clamp", "!" QWEN, STRICT("\"temperature\":1.5," STRICT_USER),
         REFUSED("temperature"), NULL},
        {"fewer tokens", "!" LLAMA, "{\"model\":\"m\",\"max_tokens\":999999," STRICT_USER "}",
         REFUSED("max_tokens"), NULL},
        {"tool choice", "!" LLAMA,
         STRICT("\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\"}}],"
                "\"tool_choice\":{\"type\":\"any\"}," STRICT_USER),
         REFUSED("tool_choice"), NULL},
        {"deferred tool", "!" QWEN,
         STRICT("\"tools\":[{\"name\":\"t\",\"defer_loading\":true,\"input_schema\":{\"type\":"
                "\"object\"}}]," STRICT_USER),
         REFUSED("deferred_tools"), NULL},
        {"block member", "!" QWEN,
         STRICT("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\","
                "\"cache_control\":{\"type\":\"ephemeral\"}}]}]"),
         REFUSED("cache_control"), NULL},
        {"block kind", "!" QWEN,
         STRICT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
                "\"content\":["
                "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"novelty\",\"id\":\"s\","
                "\"name\":\"web_search\",\"input\":{}}]},"
                "{\"role\":\"user\",\"content\":\"v\"}]"),
         REFUSED("block:novelty"), NULL},
        {"a system turn is told in other words", "!" QWEN,
         STRICT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\","
                "\"content\":\"s\"}]"),
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"},{\"text\":"
         "\"<system-reminder>\\ns\\n</"
         "system-reminder>\"}]}],\"inferenceConfig\":{\"maxTokens\":9}}",
         "map:system_role"},
    };
    (void)state;
    convert_case_check_all(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_requests_match),
        cmocka_unit_test(test_fields_are_read_strictly),
        cmocka_unit_test(test_strict_refuses_each_kind_of_loss),
        cmocka_unit_test(test_allocations_that_fail_give_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
