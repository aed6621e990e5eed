/* Thinking and effort in the bytes of the request: what the plan says becomes edits. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define O47       "global.anthropic.claude-opus-4-7"
#define O55       "global.anthropic.claude-opus-5-5"
#define SONNET55  "us.anthropic.claude-sonnet-5-5"
#define ADDED     "\"anthropic_version\":\"bedrock-2023-05-31\","
#define MSG       "\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]"
#define IN(more)  "{\"model\":\"m\",\"max_tokens\":2000," MSG more "}"
#define OUT(more) "{" ADDED "\"max_tokens\":2000," MSG more "}"
#define LOW_OUT   "{" ADDED "\"output_config\":{\"effort\":\"low\"},\"max_tokens\":2000," MSG "}"

static void test_thinking_that_cannot_be_off_is_the_least(void **state)
{
    static const struct splice_row rows[] = {
        {"disabled where it cannot be", O55, "", IN(",\"thinking\":{\"type\":\"disabled\"}"),
         LOW_OUT, "map:thinking"},
        {"the same beside an effort", O55, "",
         IN(",\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"high\"}"),
         OUT(",\"output_config\":{\"effort\":\"low\"}"), "map:thinking,map:output_config.effort"},
        {"the same beside another setting", O55, "",
         IN(",\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"new\":1}"),
         OUT(",\"output_config\":{\"effort\":\"low\",\"new\":1}"), "map:thinking"},
        {"the same beside nothing", O55, "",
         IN(",\"thinking\":{\"type\":\"disabled\"},\"output_config\":{}"),
         OUT(",\"output_config\":{\"effort\":\"low\"}"), "map:thinking"},
        {"the same beside null", O55, "",
         IN(",\"output_config\":null,\"thinking\":{\"type\":\"disabled\"}"), LOW_OUT,
         "map:thinking"},
        {"disabled is between_tools", SONNET55, "", IN(",\"thinking\":{\"type\":\"disabled\"}"),
         OUT(",\"thinking\":{\"type\":\"between_tools\"}"), "map:thinking"},
        {"between_tools", SONNET55, "",
         IN(",\"thinking\":{\"type\":\"between_tools\"},\"output_config\":{\"effort\":\"max\"}"),
         OUT(",\"thinking\":{\"type\":\"between_tools\"},\"output_config\":{\"effort\":\"high\"}"),
         "map:output_config.effort"},
        {"between_tools elsewhere", O47, "", IN(",\"thinking\":{\"type\":\"between_tools\"}"),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"), "map:thinking"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking_that_cannot_be_off_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
