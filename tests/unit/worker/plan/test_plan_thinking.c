/* Thinking and effort: what is asked, of which model, in which words it goes on. */
#include "worker/plan/plan_make.h"
#include "worker/plan/plan_thinking.h"

#include "tests/unit/plan_tell.h"

static void test_thinking_is_said_in_the_models_words(void **state)
{
    static const struct row rows[] = {
        {SONNET45, M("10000", THINK("adaptive")), "10000 budget 5000", "map:thinking"},
        {SONNET45, M("64000", THINK("adaptive")), "64000 budget 31999", "map:thinking"},
        {SONNET45, M("40000", THINK("adaptive")), "40000 budget 20000", "map:thinking"},
        {SONNET45, M("1025", THINK("adaptive")), "1025 budget 1024", "map:thinking"},
        {SONNET45, M("1024", THINK("adaptive")), "1024", "drop:thinking"},
        {SONNET45, M("64000", THINK("adaptive") EFFORT("low")), "64000 budget 2048",
         "map:thinking"},
        {SONNET45, M("64000", THINK("adaptive") EFFORT("newest")), "64000 budget 31999",
         "map:thinking"},
        {SONNET45, M("2000", BUDGET("1999")), "2000 budget 1999", ""},
        {SONNET45, M("9000", BUDGET("1999") EFFORT("low")), "9000 budget 1999",
         "drop:output_config.effort"},
        {SONNET45, M("9000", EFFORT("low")), "9000", "drop:output_config.effort"},
        {SONNET45, M("9000", BUDGET("1999") ",\"temperature\":0.5,\"top_k\":3"), "9000 budget 1999",
         "drop:temperature,drop:top_k"},
        {SONNET45, M("9000", BUDGET("1999") ",\"temperature\":1"), "9000 budget 1999 t1", ""},
        {SONNET35, M("9", THINK("disabled")), "9", ""},
        {SONNET35, M("9", THINK("adaptive") EFFORT("high")), "9",
         "drop:thinking,drop:output_config.effort"},
        {OPUS46, M("9", THINK("adaptive") EFFORT("high")), "9 adaptive level high", ""},
        {OPUS46, M("9000", BUDGET("1999")), "9000 budget 1999", ""},
        {OPUS46, M("9", THINK("adaptive") ",\"top_k\":3"), "9 adaptive", "drop:top_k"},
        {OPUS47, M("9000", BUDGET("1999")), "9000 adaptive", "map:thinking"},
        {OPUS47, M("9", ",\"thinking\":{\"type\":\"between_tools\",\"display\":\"updates\"}"),
         "9 adaptive", "map:thinking,drop:thinking.display"},
        {OPUS46, M("9", ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
         "9 adaptive", "drop:thinking.display"},
        {DEEPSEEK, M("9", THINK("adaptive")), "9 level high", ""},
        {DEEPSEEK, M("9", EFFORT("medium")), "9 level high", "map:output_config.effort"},
        {KIMI, M("9", EFFORT("low")), "9 level low", ""},
        {KIMI, M("9", THINK("disabled") EFFORT("high")), "9", ""},
        {"us.deepseek.r1-v1:0", M("9", THINK("adaptive")), "9", "drop:thinking"},
        {GPT5, M("9", THINK("adaptive")), "9 level medium", ""},
        {GPT5, M("30000", BUDGET("20000")), "30000 level high", ""},
        {GPT5, M("9", THINK("adaptive") EFFORT("xhigh")), "9 level xhigh", ""},
        {GPT5, M("9", THINK("disabled")), "9 level none", ""},
        {GPT5, M("9", ""), "9", ""},
        {GPT_OSS, M("9", THINK("adaptive") EFFORT("max")), "9 level high",
         "map:output_config.effort"},
        {GPT_OSS, M("9", THINK("disabled")), "9 level low", "map:thinking"},
        {NOVA2, M("9", EFFORT("high")), "9", "drop:output_config.effort"},
        {NOVA2, M("9", THINK("adaptive") EFFORT("high") ",\"temperature\":1"), "0 level high",
         "drop:temperature,drop:max_tokens"},
        {KIMI, M("9", EFFORT("newest")),
         "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'", NULL},
    };
    (void)state;
    check_plans(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

static void test_thinking_that_cannot_be_off_is_the_least(void **state)
{
    static const struct row rows[] = {
        {OPUS55, M("9", THINK("disabled")), "9 level low", "map:thinking"},
        {OPUS55, M("9", THINK("disabled") EFFORT("max")), "9 level low",
         "map:thinking,map:output_config.effort"},
        {OPUS55, M("9", THINK("disabled") EFFORT("low")), "9 level low", "map:thinking"},
        {OPUS55, M("9", THINK("adaptive") EFFORT("max")), "9 adaptive level max", ""},
        {OPUS55, M("9", THINK("between_tools")), "9 adaptive", "map:thinking"},
        {FABLE51, M("9", THINK("disabled")), "9 level low", "map:thinking"},
        {SONNET55, M("9", THINK("disabled")), "9 between", "map:thinking"},
        {SONNET55, M("9", THINK("disabled") EFFORT("xhigh")), "9 between level high",
         "map:thinking,map:output_config.effort"},
        {SONNET55, M("9", THINK("between_tools")), "9 between", ""},
        {SONNET55, M("9", THINK("between_tools") EFFORT("high")), "9 between level high", ""},
        {SONNET55, M("9", THINK("between_tools") EFFORT("max")), "9 between level high",
         "map:output_config.effort"},
        {SONNET55, M("2000", BUDGET("1999")), "2000 adaptive", "map:thinking"},
        {OPUS5, M("9", THINK("disabled") EFFORT("high")), "9 off level high", ""},
        {OPUS5, M("9", THINK("disabled") EFFORT("max")), "9 off level high",
         "map:output_config.effort"},
        {OPUS5, M("9", EFFORT("max")), "9 level max", ""},
        {HAIKU55, M("9", THINK("disabled") EFFORT("xhigh")), "9 off level high",
         "map:output_config.effort"},
        {OPUS47, M("9", THINK("disabled") EFFORT("max")), "9 off level max", ""},
        {OPUS46, M("9", THINK("between_tools")), "9 adaptive", "map:thinking"},
        {SONNET45, M("10000", THINK("between_tools")), "10000 budget 5000", "map:thinking"},
    };
    static const struct row chat[] = {
        {OPUS55, M("9", ",\"reasoning_effort\":\"none\""), "9 level low", "map:reasoning_effort"},
        {SONNET55, M("9", ",\"reasoning_effort\":\"none\""), "9 between", "map:reasoning_effort"},
        {OPUS47, M("9", ",\"reasoning_effort\":\"none\""), "9 off", ""},
    };
    (void)state;
    check_plans(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
    check_plans(DIALECT_OPENAI, chat, COUNT_OF(chat));
}

/* Found by a writer: what thinks by budget must not think then, what adapts may. */
static void test_lost_thought_ends_a_budget(void **state)
{
    static const struct {
        const char *model;
        enum wish_thinking left;
        const char *changes;
    } rows[] = {
        {SONNET45, WISH_THINKING_UNSET, "map:reasoning_effort,drop:reasoning_effort"},
        {OPUS46, WISH_THINKING_ADAPTIVE, ""},
        {QWEN, WISH_THINKING_UNSET, "drop:reasoning_effort"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        plan_case_read(&c, DIALECT_OPENAI, rows[i].model, ",\"reasoning_effort\":\"low\"");
        plan_case_make(&c);
        assert_int_equal(c.status, STATUS_OK);
        plan_thinking_unreasoned(&c.plan);
        assert_int_equal(c.plan.left.thinking.mode, rows[i].left);
        assert_true(text_eq(buf_str(&c.changes), text_from(rows[i].changes)));
        plan_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking_is_said_in_the_models_words),
        cmocka_unit_test(test_thinking_that_cannot_be_off_is_the_least),
        cmocka_unit_test(test_lost_thought_ends_a_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
