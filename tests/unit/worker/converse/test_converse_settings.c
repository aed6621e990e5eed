#include "worker/converse/converse_settings.h"

#include "tests/unit/build_bed.h"

#define BODY(more) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]" more "}"
#define MAX(n)     ",\"inferenceConfig\":{\"maxTokens\":" n "}"
#define EXTRA(x)   ",\"additionalModelRequestFields\":{" x "}"
#define BUDGET(n)  EXTRA("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "}")

static const struct converse_settings blank = {
    .called = {
        .thinking = "thinking", .effort = "effort", .one_call = "one_call", .stops = "stop"}};

static void put_message(struct build_bed *bed)
{
    converse_build_role(&bed->b, CONVERSE_USER);
    converse_build_text(&bed->b, STR("u"));
    converse_build_messages_end(&bed->b);
}

struct row {
    const char *name, *model;
    int64_t max_tokens;
    enum converse_thinking thinking;
    int64_t budget;
    const char *effort;
    const char *body, *changes;
};

/* forced: a tool that has to be called */
static void put_wish(const struct row *row, bool forced)
{
    struct build_bed bed;
    struct converse_settings s = blank;
    build_open(&bed, row->model);
    put_message(&bed);
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
        {"half", SONNET45, 10000, CONVERSE_THINKING_ADAPTIVE, 0, "",
         BODY(MAX("10000") BUDGET("5000")), "map:thinking"},
        {"the most", SONNET45, 64000, CONVERSE_THINKING_ADAPTIVE, 0, "",
         BODY(MAX("64000") BUDGET("31999")), "map:thinking"},
        {"the least", SONNET45, 1025, CONVERSE_THINKING_ADAPTIVE, 0, "",
         BODY(MAX("1025") BUDGET("1024")), "map:thinking"},
        {"none", SONNET45, 1024, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(MAX("1024")),
         "drop:thinking"},
        {"by effort", SONNET45, 64000, CONVERSE_THINKING_ADAPTIVE, 0, "medium",
         BODY(MAX("64000") BUDGET("8192")), "map:thinking"},
        {"by the client", SONNET45, 2000, CONVERSE_THINKING_BUDGET, 1999, "",
         BODY(MAX("2000") BUDGET("1999")), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_wish(&rows[i], false);
}

#define REASON(x) EXTRA("\"reasoning_effort\":\"" x "\"")
#define LEVEL(x)  EXTRA("\"reasoning\":{\"effort\":\"" x "\"}")

static void test_thinking_of_others_is_told_in_their_words(void **state)
{
    static const struct row rows[] = {
        {"adaptive", DEEPSEEK, 0, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(REASON("high")), ""},
        {"medium", DEEPSEEK, 0, CONVERSE_THINKING_UNSET, 0, "medium", BODY(REASON("high")), ""},
        {"low", KIMI, 0, CONVERSE_THINKING_UNSET, 0, "low", BODY(REASON("low")), ""},
        {"off", KIMI, 0, CONVERSE_THINKING_OFF, 0, "high", BODY(""), ""},
        {"R1 has no switch", "us.deepseek.r1-v1:0", 0, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(""),
         "drop:thinking"},
        {"adaptive", GPT5, 0, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(LEVEL("medium")), ""},
        {"by budget", GPT5, 0, CONVERSE_THINKING_BUDGET, 20000, "", BODY(LEVEL("high")), ""},
        {"by effort", GPT5, 0, CONVERSE_THINKING_ADAPTIVE, 0, "xhigh", BODY(LEVEL("xhigh")), ""},
        {"off", GPT5, 0, CONVERSE_THINKING_OFF, 0, "", BODY(LEVEL("none")), ""},
        {"unset", GPT5, 0, CONVERSE_THINKING_UNSET, 0, "", BODY(""), ""},
        {"gpt-oss", GPT_OSS, 0, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(REASON("medium")), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_wish(&rows[i], false);
}

static void test_forced_tool_comes_before_thinking(void **state)
{
    static const struct row rows[] = {
        {"thinking", DEEPSEEK, 0, CONVERSE_THINKING_ADAPTIVE, 0, "", BODY(""), "drop:thinking"},
        {"effort", KIMI, 0, CONVERSE_THINKING_UNSET, 0, "high", BODY(""), "drop:effort"},
        {"neither", KIMI, 0, CONVERSE_THINKING_UNSET, 0, "", BODY(""), ""},
        {"gpt-oss does both", GPT_OSS, 0, CONVERSE_THINKING_UNSET, 0, "high", BODY(REASON("high")),
         ""},
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
        assert_true(converse_settings_effort(text_from(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(converse_settings_effort(text_from(bad[i])));
}

static void test_stops_are_bounded_and_not_blank(void **state)
{
    struct build_bed bed;
    struct converse_settings s = blank;
    (void)state;
    build_open(&bed, NOVA);
    converse_settings_stops(&bed.b, &s, 3000);
    converse_settings_stop(&bed.b, &s, STR("\" \\n\""));
    assert_int_equal(s.stop_count, 0);
    for (int i = 0; i < 3000; i++)
        converse_settings_stop(&bed.b, &s, STR("\"x\""));
    assert_int_equal(s.stop_count, 2500);
    assert_true(text_eq(buf_str(&bed.c.changes), STR("drop:stop")));
    convert_case_free(&bed.c);
}

static void test_nothing_asked_gives_nothing(void **state)
{
    struct build_bed bed;
    struct converse_settings s = blank;
    (void)state;
    build_open(&bed, OPUS47);
    put_message(&bed);
    converse_settings_put(&bed.b, &s);
    build_want(&bed, BODY(""), "");
}

static void test_million_token_context_is_a_beta(void **state)
{
    static const struct {
        const char *model, *betas, *extra, *body, *changes;
    } rows[] = {
        {OPUS46, "", "", BODY(EXTRA("\"anthropic_beta\":[\"context-1m-2025-08-07\"]")), ""},
        {OPUS46, "context-1m-2025-08-07", "",
         BODY(EXTRA("\"anthropic_beta\":[\"context-1m-2025-08-07\"]")), ""},
        {OPUS46, " x , ,y", "y,z",
         BODY(EXTRA("\"anthropic_beta\":[\"y\",\"context-1m-2025-08-07\"]")), "drop:beta:x"},
        {SONNET35, "", "", BODY(""), "drop:beta:context-1m-2025-08-07"},
        {QWEN, "y", "y", BODY(""), "drop:beta:y,drop:beta:context-1m-2025-08-07"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        struct converse_settings s = blank;
        build_open(&bed, rows[i].model);
        bed.model.one_million = true;
        bed.o.betas = text_from(rows[i].betas);
        bed.o.beta_rules.allow = text_from(rows[i].extra);
        put_message(&bed);
        converse_settings_put(&bed.b, &s);
        build_want(&bed, rows[i].body, rows[i].changes);
    }
}

static void test_tier_of_the_request_comes_before_the_keys(void **state)
{
    static const struct {
        const char *key, *request, *body;
    } rows[] = {
        {"", "", BODY("")},
        {"default", "", BODY("")},
        {"flex", "", BODY(",\"serviceTier\":{\"type\":\"flex\"}")},
        {"flex", "priority", BODY(",\"serviceTier\":{\"type\":\"priority\"}")},
        {"flex", "default", BODY("")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        struct converse_settings s = blank;
        build_open(&bed, QWEN);
        bed.o.service_tier = text_from(rows[i].key);
        s.tier = text_from(rows[i].request);
        put_message(&bed);
        converse_settings_put(&bed.b, &s);
        build_want(&bed, rows[i].body, "");
    }
}

static void test_wish_for_json_in_words_keeps_the_schema(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    converse_settings_ask_json(&bed.b, STR("{\"a\":\"\\\"\"}"));
    put_message(&bed);
    build_want(
        &bed,
        "{\"system\":[{\"text\":\"Answer with one JSON value and nothing else: no code fence, "
        "no text around it. It must match this JSON Schema:\\n{\\\"a\\\":\\\"\\\\\\\"\\\"}\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]}",
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thinking_by_budget_leaves_room_for_an_answer),
        cmocka_unit_test(test_thinking_of_others_is_told_in_their_words),
        cmocka_unit_test(test_forced_tool_comes_before_thinking),
        cmocka_unit_test(test_effort_names_are_known),
        cmocka_unit_test(test_stops_are_bounded_and_not_blank),
        cmocka_unit_test(test_nothing_asked_gives_nothing),
        cmocka_unit_test(test_million_token_context_is_a_beta),
        cmocka_unit_test(test_tier_of_the_request_comes_before_the_keys),
        cmocka_unit_test(test_wish_for_json_in_words_keeps_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
