/* Structured output and forced calls that InvokeModel refuses become a wish in words. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define O47       "global.anthropic.claude-opus-4-7"
#define O48       "global.anthropic.claude-opus-4-8"
#define O55       "us.anthropic.claude-opus-5-5"
#define O46       "global.anthropic.claude-opus-4-6-v1"
#define V         "\"anthropic_version\":\"bedrock-2023-05-31\","
#define MSG       "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]"
#define FORMAT    "\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}"
#define CONFIG    ",\"output_config\":{" FORMAT "}"
#define IN(more)  "{\"model\":\"m\"," MSG more CONFIG "}"
#define OUT(more) "{" V MSG more "}"
#define WISH                                                                                  \
    "Answer with one JSON value and nothing else: no code fence, no text around it. It must " \
    "match this JSON Schema:\\n{\\\"type\\\":\\\"object\\\"}"
#define BLOCK(text) "{\"type\":\"text\",\"text\":\"" text "\"}"
#define MAPPED      "map:output_config.format"

static void test_schema_goes_to_the_end_of_the_system_prompt(void **state)
{
    static const struct splice_row rows[] = {
        {"no system", O47, "", IN(""), "{\"system\":\"" WISH "\"," V MSG "}", MAPPED},
        {"null", O48, "", IN(",\"system\":null"), OUT(",\"system\":\"" WISH "\""), MAPPED},
        {"string", O55, "", IN(",\"system\":\"s\""), OUT(",\"system\":\"s\\n\\n" WISH "\""),
         MAPPED},
        {"empty string", O47, "", IN(",\"system\":\"\""), OUT(",\"system\":\"" WISH "\""), MAPPED},
        {"list", O47, "", IN(",\"system\":[" BLOCK("s") "]"),
         OUT(",\"system\":[" BLOCK("s") "," BLOCK(WISH) "]"), MAPPED},
        {"empty list", O47, "", IN(",\"system\":[]"), OUT(",\"system\":[" BLOCK(WISH) "]"), MAPPED},
        {"the effort stays", O47, "",
         "{\"output_config\":{\"effort\":\"low\"," FORMAT "},\"model\":\"m\"," MSG "}",
         "{\"system\":\"" WISH "\"," V "\"output_config\":{\"effort\":\"low\"}," MSG "}", MAPPED},
        {"old name", O47, "",
         "{\"model\":\"m\"," MSG
         ",\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
         "\"object\"}}}",
         "{\"system\":\"" WISH "\"," V MSG "}", "map:output_format"},
        {"a model that has it", O46, "", IN(""), OUT(CONFIG), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

#define TOOLS      ",\"tools\":[{\"name\":\"t\",\"input_schema\":{\"type\":\"object\"}}]"
#define ANY_CALL   "Answer with a call of one of the tools, not with text."
#define NAMED_CALL "Answer with a call of the tool \\\"t\\\", not with text."

/* L8: a choice that the model refuses is told, and named, as on the other route. */
static void test_forced_call_goes_to_the_end_of_the_system_prompt(void **state)
{
    static const struct splice_row rows[] = {
        {"any", O55, "", "{\"model\":\"m\"," MSG TOOLS ",\"tool_choice\":{\"type\":\"any\"}}",
         "{\"system\":\"" ANY_CALL "\"," V MSG TOOLS ",\"tool_choice\":{\"type\":\"auto\"}}",
         "map:tool_choice"},
        {"one", O55, "",
         "{\"model\":\"m\"," MSG TOOLS
         ",\"tool_choice\":{\"name\":\"t\",\"type\":\"tool\",\"disable_parallel_tool_use\":true},"
         "\"system\":[" BLOCK("s") "]}",
         "{" V MSG TOOLS ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true},"
         "\"system\":[" BLOCK("s") "," BLOCK(NAMED_CALL) "]}",
         "map:tool_choice"},
        {"and a schema", O55, "",
         "{\"model\":\"m\"," MSG TOOLS ",\"tool_choice\":{\"type\":\"any\"}" CONFIG "}",
         "{\"system\":\"" ANY_CALL "\\n\\n" WISH "\"," V MSG TOOLS
         ",\"tool_choice\":{\"type\":\"auto\"}}",
         "map:tool_choice," MAPPED},
        {"a model that has it", O47, "",
         "{\"model\":\"m\"," MSG TOOLS ",\"tool_choice\":{\"type\":\"any\"}}",
         "{" V MSG TOOLS ",\"tool_choice\":{\"type\":\"any\"}}", ""},
        {"and thinks not then", O47, "",
         "{\"model\":\"m\"," MSG TOOLS
         ",\"tool_choice\":{\"type\":\"any\"},\"thinking\":{\"type\":\"adaptive\"}}",
         "{" V MSG TOOLS ",\"tool_choice\":{\"type\":\"any\"}}", "drop:thinking"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

static void test_strict_fields_refuses_the_wish(void **state)
{
    struct splice_case c;
    struct models_choice choice = {.id = STR(O47),
                                   .caps = models_caps(STR(O47), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice, .strict_fields = true};
    (void)state;
    splice_case_read(&c, STR(IN("")), false);
    splice_case_convert(&c, &o, &c.body);
    assert_int_equal(c.status, STATUS_INVALID);
    assert_string_equal(
        c.err.text, "output_config.format: this model does not take it as it is (STRICT_FIELDS)");
    splice_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_goes_to_the_end_of_the_system_prompt),
        cmocka_unit_test(test_forced_call_goes_to_the_end_of_the_system_prompt),
        cmocka_unit_test(test_strict_fields_refuses_the_wish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
