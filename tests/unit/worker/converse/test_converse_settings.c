/* Values of a plan as members of a Converse body; what they are is the plan's (tests/unit/worker/plan).
 */
#include "worker/converse/converse_settings.h"

#include "tests/unit/build_bed.h"
#include "worker/plan/schema.h"

static void nothing(struct plan *p)
{
    (void)p;
}

static void inference(struct plan *p)
{
    static struct str stops[] = {STR("\"a\\n\""), STR("\"b\"")};
    p->left.max_tokens.n = 7;
    p->left.sampling.has_temperature = p->left.sampling.has_top_p = true;
    p->left.sampling.temperature = 0.5;
    p->left.sampling.top_p = 1;
    p->left.stops.list = stops;
    p->left.stops.count = 2;
}

static void budget(struct plan *p)
{
    p->left.thinking.mode = WISH_THINKING_BUDGET;
    p->left.thinking.budget = 2048;
    p->left.thinking.display.as = STR("omitted");
}

static void off(struct plan *p)
{
    p->left.thinking.mode = WISH_THINKING_OFF;
    p->left.thinking.display.as = STR("omitted");
}

static void level(struct plan *p)
{
    p->thinking.level = STR("high");
}

static void no_calls(struct plan *p)
{
    p->tools.no_calls = true;
}

static void one_call(struct plan *p)
{
    p->left.choice.one_call = true;
}

static void one_forced_call(struct plan *p)
{
    p->left.choice.one_call = p->tools.forced = true;
}

static void betas(struct plan *p)
{
    p->betas.value[0] = STR("a");
    p->betas.value[1] = STR("b");
    p->betas.count = 2;
}

static void tier(struct plan *p)
{
    p->tier = TIER_FLEX;
}

static void format(struct plan *p)
{
    p->format.how = PLAN_FORMAT_NATIVE;
    static struct scan s;
    p->left.format.schema.text = STR("{\"type\":\"object\"}");
    p->left.format.schema.name = STR("n");
    assert_int_equal(scan_parse(&s, p->arena, p->left.format.schema.text, &case_limits, NULL),
                     STATUS_OK);
    p->left.scan = &s; /* schema_at: its root */
}

static void open_format(struct plan *p)
{
    format(p);
    p->format.schema_rules = SCHEMA_CLOSED;
}

#define FORMAT(schema)                                                           \
    ",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":" \
    "{\"jsonSchema\":{\"schema\":\"" schema "\",\"name\":\"n\"}}}}"
#define CHOICE(x) BUILD_EXTRA("\"tool_choice\":{" x "}")

static void test_values_become_members(void **state)
{
    static const struct {
        const char *name, *model;
        void (*set)(struct plan *p);
        const char *body;
    } rows[] = {
        {"nothing", OPUS47, nothing, BUILD_BODY("")},
        {"inference", NOVA, inference,
         BUILD_BODY(",\"inferenceConfig\":{\"maxTokens\":7,\"temperature\":0.5,\"topP\":1,"
                    "\"stopSequences\":[\"a\\n\",\"b\"]},"
                    "\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"]")},
        {"budget", SONNET45, budget,
         BUILD_BODY(",\"additionalModelResponseFieldPaths\":[\"/usage/"
                    "output_tokens_details\"]" BUILD_EXTRA(
                        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048,"
                        "\"display\":\"omitted\"}"))},
        {"off", OPUS47, off, BUILD_BODY(BUILD_EXTRA("\"thinking\":{\"type\":\"disabled\"}"))},
        {"effort", OPUS47, level, BUILD_BODY(",\"outputConfig\":{\"effort\":\"high\"}")},
        {"Nova", NOVA2, level,
         BUILD_BODY(BUILD_EXTRA("\"reasoningConfig\":{\"type\":\"enabled\","
                                "\"maxReasoningEffort\":\"high\"}"))},
        {"gpt-oss", GPT_OSS, level, BUILD_BODY(BUILD_EXTRA("\"reasoning_effort\":\"high\""))},
        {"GPT", GPT5, level, BUILD_BODY(BUILD_EXTRA("\"reasoning\":{\"effort\":\"high\"}"))},
        {"no calls", OPUS47, no_calls, BUILD_BODY(CHOICE("\"type\":\"none\""))},
        {"one call", OPUS47, one_call,
         BUILD_BODY(CHOICE("\"type\":\"auto\",\"disable_parallel_tool_use\":true"))},
        {"one forced call", OPUS47, one_forced_call,
         BUILD_BODY(CHOICE("\"disable_parallel_tool_use\":true"))},
        {"betas", OPUS47, betas, BUILD_BODY(BUILD_EXTRA("\"anthropic_beta\":[\"a\",\"b\"]"))},
        {"tier", QWEN, tier, BUILD_BODY(",\"serviceTier\":{\"type\":\"flex\"}")},
        {"format", SONNET45, format, BUILD_BODY(FORMAT("{\\\"type\\\":\\\"object\\\"}"))},
        {"format that is closed", SONNET45, open_format,
         BUILD_BODY(FORMAT("{\\\"additionalProperties\\\":false,\\\"type\\\":\\\"object\\\"}"))},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        build_open(&bed, rows[i].model);
        rows[i].set(&bed.plan);
        build_message(&bed);
        converse_settings_put(&bed.b);
        build_want(&bed, rows[i].body, "");
    }
}

static size_t row_of(struct str name)
{
    size_t i = 0;
    while (i < wish_plain_count && !text_eq(wish_plain[i].messages, name))
        i++;
    assert_true(i < wish_plain_count);
    return i;
}

/* A plain field that the model takes: no row of the tables has one yet. */
static void test_plain_field_goes_on_under_its_name(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, OPUS47);
    assert_int_equal(
        scan_parse(&bed.c.scan, bed.c.arena, STR("{\"speed\": {\"a\":1.0}}"), &case_limits, NULL),
        STATUS_OK);
    bed.plan.left.fields.plain[row_of(STR("speed"))] = SCAN_GET(&bed.c.scan, 0, "speed");
    build_message(&bed);
    converse_settings_put(&bed.b);
    build_want(&bed, BUILD_BODY(BUILD_EXTRA("\"speed\":{\"a\":1.0}")), "");
}

static void test_words_stand_in_the_system_prompt(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    bed.plan.tools.in_words = true;
    bed.plan.left.choice.name = STR("get.weather");
    bed.plan.format.how = PLAN_FORMAT_WORDS;
    bed.plan.left.format.schema.text = STR("{\"a\":\"\\\"\"}");
    converse_settings_put_words(&bed.b);
    build_message(&bed);
    build_want(
        &bed,
        "{\"system\":[{\"text\":\"Answer with a call of the tool "
        "\\\"t_getweather_f65d432881435a10fccbf944c47267c7\\\", not with text.\"},"
        "{\"text\":\"Answer with one JSON value and nothing else: no code fence, "
        "no text around it. It must match this JSON Schema:\\n{\\\"a\\\":\\\"\\\\\\\"\\\"}\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]}",
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_become_members),
        cmocka_unit_test(test_plain_field_goes_on_under_its_name),
        cmocka_unit_test(test_words_stand_in_the_system_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
