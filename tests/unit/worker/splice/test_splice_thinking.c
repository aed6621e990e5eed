/* Thinking and effort in the bytes of the request: what the plan says becomes edits. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define O46       "global.anthropic.claude-opus-4-6-v1"
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

#define BINDING    "thinking-binding-controls-2026-08-01"
#define BETA(name) "{" ADDED "\"anthropic_beta\":[\"" name "\"],\"max_tokens\":2000," MSG
#define BOUND(m)   ",\"thinking\":{\"type\":\"adaptive\",\"block_binding\":{" m "}}"

/* Bedrock has another name for its member than Anthropic, and takes it with its beta only. */
static void test_binding_of_thoughts_has_bedrocks_name_and_its_beta(void **state)
{
    static const struct splice_row rows[] = {
        {"Anthropic's name", O47, BINDING, IN(BOUND("\"prefix_mismatch_behavior\":\"drop_block\"")),
         BETA(BINDING) BOUND("\"mismatch_behavior\":\"drop_block\"") "}",
         "map:thinking.block_binding"},
        {"Bedrock's name, beta not said", O55, "", IN(BOUND("\"mismatch_behavior\":\"error\"")),
         BETA(BINDING) BOUND("\"mismatch_behavior\":\"error\"") "}", ""},
        {"both", O55, BINDING,
         IN(BOUND("\"mismatch_behavior\":\"error\",\"prefix_mismatch_behavior\":\"drop_block\"")),
         BETA(BINDING) BOUND("\"mismatch_behavior\":\"error\"") "}", "map:thinking.block_binding"},
        {"not of 4.6", O46, BINDING, IN(BOUND("\"mismatch_behavior\":\"error\"")),
         OUT(",\"thinking\":{\"type\":\"adaptive\"}"),
         "drop:beta:" BINDING ",drop:thinking.block_binding"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

#define THOUGHT                                                                                  \
    "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":[{" \
    "\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"c2ln\"}]},{\"role\":\"user\","     \
    "\"content\":\"v\"}]"
#define FORMAT ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}"

/* They come and go with the turns, and thoughts are bound to `system`. */
static void test_words_in_system_do_not_cost_the_thoughts_of_earlier_turns(void **state)
{
    struct splice_case c;
    (void)state;
    splice_case_run(&c, STR(O55), STR(""),
                    STR("{\"model\":\"m\",\"max_tokens\":9," THOUGHT FORMAT "}"));
    assert_int_equal(c.status, STATUS_OK);
    size_t at;
    assert_true(text_find(buf_str(&c.body), STR("\"anthropic_beta\":[\"" BINDING "\"]"), &at));
    assert_true(text_find(buf_str(&c.body),
                          STR("\"thinking\":{\"type\":\"adaptive\",\"block_binding\":{"
                              "\"mismatch_behavior\":\"drop_block\"}}"),
                          &at));
    splice_case_free(&c);
    splice_case_run(&c, STR(O55), STR(""),
                    STR("{\"model\":\"m\",\"max_tokens\":9," MSG FORMAT "}"));
    assert_false(text_find(buf_str(&c.body), STR(BINDING), &at)); /* no thoughts to be lost */
    splice_case_free(&c);
    splice_case_run(&c, STR(O55), STR(""), STR("{\"model\":\"m\",\"max_tokens\":9," THOUGHT "}"));
    assert_false(text_find(buf_str(&c.body), STR(BINDING), &at)); /* no words */
    splice_case_free(&c);
}

/* Haiku 5.5 thinks unless it is told not to, and what it thought is bound as well. */
static void test_words_do_not_cost_the_thoughts_of_a_model_that_thinks_unasked(void **state)
{
    static const struct {
        const char *model, *thinking;
        bool drops;
    } rows[] = {
        {"anthropic.claude-haiku-5-5", "", true},
        {"anthropic.claude-haiku-5-5", ",\"thinking\":{\"type\":\"adaptive\"}", true},
        {"anthropic.claude-haiku-5-5", ",\"thinking\":{\"type\":\"disabled\"}", false},
        {O47, "", false}, /* thinks when it is told to */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct splice_case c;
        char body[1000];
        size_t at;
        snprintf(body, sizeof body, "{\"model\":\"m\",\"max_tokens\":9," THOUGHT FORMAT "%s}",
                 rows[i].thinking);
        splice_case_run(&c, text_from(rows[i].model), STR(""), text_from(body));
        assert_int_equal(c.status, STATUS_OK);
        assert_int_equal(text_find(buf_str(&c.body), STR("drop_block"), &at), rows[i].drops);
        splice_case_free(&c);
    }
}

#define CHANGES(with)                                                                         \
    "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":[{" \
    "\"type\":\"text\",\"text\":\"s\"}" with "]}]}"
#define ADDITION \
    ",{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_reference\",\"name\":\"b\"}}"
#define REMOVAL ",{\"type\":\"tool_removal\",\"tool\":{\"type\":\"tool_reference\",\"name\":\"b\"}}"

/* Their beta does not go on, and without it they are a 400. */
static void test_changes_of_tools_do_not_go_without_their_beta(void **state)
{
    static const struct splice_row rows[] = {
        {"addition", O55, "", "{\"model\":\"m\",\"max_tokens\":2000," CHANGES(ADDITION),
         "{" ADDED "\"max_tokens\":2000," CHANGES(""), "drop:system_block"},
        {"both", O55, "", "{\"model\":\"m\",\"max_tokens\":2000," CHANGES(ADDITION REMOVAL),
         "{" ADDED "\"max_tokens\":2000," CHANGES(""), "drop:system_block"},
        {"neither", O55, "", "{\"model\":\"m\",\"max_tokens\":2000," CHANGES(""),
         "{" ADDED "\"max_tokens\":2000," CHANGES(""), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking_that_cannot_be_off_is_the_least),
        cmocka_unit_test(test_binding_of_thoughts_has_bedrocks_name_and_its_beta),
        cmocka_unit_test(test_words_in_system_do_not_cost_the_thoughts_of_earlier_turns),
        cmocka_unit_test(test_words_do_not_cost_the_thoughts_of_a_model_that_thinks_unasked),
        cmocka_unit_test(test_changes_of_tools_do_not_go_without_their_beta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
