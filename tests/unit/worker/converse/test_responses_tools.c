#include "worker/converse/responses_tools.h"

#include "tests/unit/convert_case.h"

#define IN(tools) "{\"model\":\"m\",\"max_output_tokens\":9,\"input\":\"u\",\"tools\":[" tools "]}"
#define TURN                                                                                  \
    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}],\"inferenceConfig\":{" \
    "\"maxTokens\":9}}"
#define SPEC(name, more)                                                                \
    "{\"toolSpec\":{\"name\":\"" name "\"" more ",\"inputSchema\":{\"json\":{\"type\":" \
    "\"object\",\"properties\":{}}}}}"
#define OUT(specs)  "{\"toolConfig\":{\"tools\":[" specs "]}," TURN
#define SAID(text)  ",\"description\":\"" text "\""
#define F(name)     "{\"type\":\"function\",\"name\":\"" name "\"}"
#define SPACE(more) "{\"type\":\"namespace\",\"name\":\"n\"" more "}"

static void test_tools_become_functions_of_one_name_each(void **state)
{
    static const struct convert_row rows[] = {
        {"a function", QWEN, IN(F("a")), OUT(SPEC("a", "")), ""},
        {"of a namespace", QWEN, IN(SPACE(",\"tools\":[" F("a") "," F("b") "]")),
         OUT(SPEC("n__a", "") "," SPEC("n__b", "")), ""},
        {"what it is about, once", QWEN,
         IN(SPACE(",\"description\":\"d\\n\\\"e\\\"\",\"tools\":[{\"name\":\"a\",\"description\":"
                  "\"f\"}," F("b") "]")),
         OUT(SPEC("n__a", SAID("d\\n\\\"e\\\"\\n\\nf")) "," SPEC("n__b", "")), ""},
        {"a first one without a word", QWEN,
         IN(SPACE(",\"description\":\"d\",\"tools\":[" F("a") "]")), OUT(SPEC("n__a", SAID("d"))),
         ""},
        {"no words at all", QWEN,
         IN(SPACE(",\"description\":null,\"tools\":[{\"name\":\"a\",\"description\":\" \"}]")),
         OUT(SPEC("n__a", "")), ""},
        {"twice", QWEN, IN(F("a") "," F("a") "," SPACE(",\"tools\":[" F("a") "]")),
         OUT(SPEC("a", "") "," SPEC("n__a", "")), "drop:tool:a"},
        {"a flat one that looks joined", QWEN, IN(F("n__a") "," SPACE(",\"tools\":[" F("a") "]")),
         OUT(SPEC("n__a", "") "," SPEC("t_1na_d91f61b80bbe6cfc6f2532fd3d914f46", "")), ""},
        {"search", QWEN,
         IN("{\"type\":\"tool_search\",\"execution\":\"client\",\"description\":\"d\","
            "\"parameters\":{\"type\":\"object\",\"properties\":{}}}"),
         OUT(SPEC("tool_search", SAID("d"))), "map:tool:tool_search"},
        {"of the service", QWEN, IN("{\"type\":\"tool_search\"},{\"type\":\"web_search\"}"),
         "{" TURN, "drop:tool:tool_search,drop:tool:web_search"},
        {"of the service, strict", "!" QWEN, IN("{\"type\":\"web_search\"}"),
         "tool:web_search: this model does not take it as it is (STRICT_FIELDS)", NULL},
        {"a type that is odd", QWEN, IN("{\"type\":\"a,b\\n\"}"), "{" TURN, "drop:tool:a?b?"},
    };
    (void)state;
    convert_case_check_all(DIALECT_RESPONSES, rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_become_functions_of_one_name_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
