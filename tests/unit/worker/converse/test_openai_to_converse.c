#include "worker/converse/openai_to_converse.h"

#include "tests/unit/convert_golden.h"

#define IN(more)    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]" more "}"
#define QWEN_LENGTH ",\"inferenceConfig\":{\"maxTokens\":65536}" /* its most, said by nobody */
#define OUT(more)   "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]" more "}"

static void test_golden_requests_match(void **state)
{
    (void)state;
    golden_check_all(DIALECT_OPENAI, "openai_to_converse", 150);
}

static void test_fields_are_read_as_openai_means_them(void **state)
{
    static const struct convert_row rows[] = {
        {"nulls are nothing", QWEN,
         IN(",\"temperature\":null,\"stop\":null,\"tools\":null,\"tool_choice\":null,\"n\":null,"
            "\"response_format\":null,\"reasoning_effort\":null,\"seed\":null,\"audio\":null,"
            "\"modalities\":null,\"max_tokens\":null,\"stream_options\":null"),
         OUT(QWEN_LENGTH), ""},
        {"more stops than OpenAI takes", NOVA, IN(",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]"),
         OUT(",\"inferenceConfig\":{\"maxTokens\":10000,\"stopSequences\":[\"1\",\"2\",\"3\",\"4\","
             "\"5\"]},"
             "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"]"),
         ""},
        {"an open schema of a tool stays open", SONNET45,
         IN(",\"max_tokens\":9,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"n\","
            "\"parameters\":{\"type\":\"object\"}}}]"),
         "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{"
         "\"type\":\"object\"}}}}]},\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}"
         "]}],\"inferenceConfig\":{\"maxTokens\":9}}",
         ""},
        {"schema with a property called type", SONNET45,
         IN(",\"max_tokens\":9,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
            "\"schema\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"}},"
            "\"additionalProperties\":false}}}"),
         OUT(",\"inferenceConfig\":{\"maxTokens\":9},\"outputConfig\":{\"textFormat\":{\"type\":"
             "\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":"
             "\\\"object\\\",\\\"properties\\\":{\\\"type\\\":{\\\"type\\\":\\\"string\\\"}},"
             "\\\"additionalProperties\\\":false}\"}}}}"),
         ""},
        {"unknown fields are ignored", "!" QWEN,
         IN(",\"store\":true,\"user\":\"u\",\"presence_penalty\":0,\"logprobs\":false,\"zeta\":0"),
         OUT(QWEN_LENGTH), ""},
        {"C7: a field that is lost is named", QWEN,
         IN(",\"zeta\":1,\"thinking\":true,\"top_k\":\"5\""), OUT(QWEN_LENGTH),
         "drop:zeta,drop:thinking,drop:top_k"},
        {"temperature beyond a double", QWEN, IN(",\"temperature\":1e400"),
         "Invalid type for 'temperature': expected a decimal.", NULL},
    };
    (void)state;
    convert_case_check_all(DIALECT_OPENAI, rows, COUNT_OF(rows));
}

static void test_allocations_that_fail_give_an_error(void **state)
{
    (void)state;
    golden_fail_allocations(DIALECT_OPENAI, "openai_to_converse");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_requests_match),
        cmocka_unit_test(test_fields_are_read_as_openai_means_them),
        cmocka_unit_test(test_allocations_that_fail_give_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
