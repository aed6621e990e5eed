#include "worker/converse/converse_thinking.h"

#include "tests/unit/build_bed.h"
#include "worker/converse/converse_settings.h"

#define MAX(n)    ",\"inferenceConfig\":{\"maxTokens\":" n "}"
#define BUDGET(n) BUILD_EXTRA("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "}")

struct row {
    const char *name, *model;
    int64_t max_tokens;
    enum wish_thinking thinking;
    int64_t budget;
    const char *effort;
    const char *body, *changes;
};

/* forced: a tool that has to be called */
static void put_wish(const struct row *row, bool forced)
{
    struct build_bed bed;
    struct wish s = build_wish;
    build_open(&bed, row->model);
    build_message(&bed);
    bed.b.forced = forced;
    s.max_tokens = row->max_tokens;
    s.thinking = row->thinking;
    s.budget = row->budget;
    s.effort = text_from(row->effort);
    converse_settings_put(&bed.b, &s);
    build_want(&bed, row->body, row->changes);
}

static void test_thinking_by_budget_leaves_room_for_an_answer(void **state)
{
    static const struct row rows[] = {
        {"half", SONNET45, 10000, WISH_THINKING_ADAPTIVE, 0, "",
         BUILD_BODY(MAX("10000") BUDGET("5000")), "map:thinking"},
        {"the most", SONNET45, 64000, WISH_THINKING_ADAPTIVE, 0, "",
         BUILD_BODY(MAX("64000") BUDGET("31999")), "map:thinking"},
        {"the least", SONNET45, 1025, WISH_THINKING_ADAPTIVE, 0, "",
         BUILD_BODY(MAX("1025") BUDGET("1024")), "map:thinking"},
        {"none", SONNET45, 1024, WISH_THINKING_ADAPTIVE, 0, "", BUILD_BODY(MAX("1024")),
         "drop:thinking"},
        {"by effort", SONNET45, 64000, WISH_THINKING_ADAPTIVE, 0, "medium",
         BUILD_BODY(MAX("64000") BUDGET("8192")), "map:thinking"},
        {"by the client", SONNET45, 2000, WISH_THINKING_BUDGET, 1999, "",
         BUILD_BODY(MAX("2000") BUDGET("1999")), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_wish(&rows[i], false);
}

#define REASON(x) BUILD_EXTRA("\"reasoning_effort\":\"" x "\"")
#define LEVEL(x)  BUILD_EXTRA("\"reasoning\":{\"effort\":\"" x "\"}")

static void test_thinking_of_others_is_told_in_their_words(void **state)
{
    static const struct row rows[] = {
        {"adaptive", DEEPSEEK, 0, WISH_THINKING_ADAPTIVE, 0, "", BUILD_BODY(REASON("high")), ""},
        {"medium", DEEPSEEK, 0, WISH_THINKING_UNSET, 0, "medium", BUILD_BODY(REASON("high")), ""},
        {"low", KIMI, 0, WISH_THINKING_UNSET, 0, "low", BUILD_BODY(REASON("low")), ""},
        {"off", KIMI, 0, WISH_THINKING_OFF, 0, "high", BUILD_BODY(""), ""},
        {"R1 has no switch", "us.deepseek.r1-v1:0", 0, WISH_THINKING_ADAPTIVE, 0, "",
         BUILD_BODY(""), "drop:thinking"},
        {"adaptive", GPT5, 0, WISH_THINKING_ADAPTIVE, 0, "", BUILD_BODY(LEVEL("medium")), ""},
        {"by budget", GPT5, 0, WISH_THINKING_BUDGET, 20000, "", BUILD_BODY(LEVEL("high")), ""},
        {"by effort", GPT5, 0, WISH_THINKING_ADAPTIVE, 0, "xhigh", BUILD_BODY(LEVEL("xhigh")), ""},
        {"off", GPT5, 0, WISH_THINKING_OFF, 0, "", BUILD_BODY(LEVEL("none")), ""},
        {"unset", GPT5, 0, WISH_THINKING_UNSET, 0, "", BUILD_BODY(""), ""},
        {"gpt-oss", GPT_OSS, 0, WISH_THINKING_ADAPTIVE, 0, "", BUILD_BODY(REASON("medium")), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_wish(&rows[i], false);
}

static void test_forced_tool_comes_before_thinking(void **state)
{
    static const struct row rows[] = {
        {"thinking", DEEPSEEK, 0, WISH_THINKING_ADAPTIVE, 0, "", BUILD_BODY(""), "drop:thinking"},
        {"effort", KIMI, 0, WISH_THINKING_UNSET, 0, "high", BUILD_BODY(""), "drop:effort"},
        {"neither", KIMI, 0, WISH_THINKING_UNSET, 0, "", BUILD_BODY(""), ""},
        {"gpt-oss does both", GPT_OSS, 0, WISH_THINKING_UNSET, 0, "high",
         BUILD_BODY(REASON("high")), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_wish(&rows[i], true);
}

static void test_effort_names_are_known(void **state)
{
    static const char *const good[] = {"low", "medium", "high", "xhigh", "max"};
    static const char *const bad[] = {"", "none", "minimal", "High", "lo", "maximum"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(converse_thinking_effort(text_from(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(converse_thinking_effort(text_from(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking_by_budget_leaves_room_for_an_answer),
        cmocka_unit_test(test_thinking_of_others_is_told_in_their_words),
        cmocka_unit_test(test_forced_tool_comes_before_thinking),
        cmocka_unit_test(test_effort_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
