/* A page of decisions: what is asked, of which model, what becomes of it. */
#include "worker/plan/plan_make.h"

#include "tests/unit/plan_tell.h"

#define TOOLS  ",\"tools\":[{\"name\":\"t\",\"input_schema\":{}}]"
#define FORMAT ",\"output_config\":{\"format\":{\"schema\":{\"type\":\"object\"}}}"

#define ANY   ",\"tool_choice\":{\"type\":\"any\"}"
#define ONE   ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"t\"}"
#define NONE  ",\"tool_choice\":{\"type\":\"none\"}"
#define LATER ",\"tools\":[{\"name\":\"t\",\"defer_loading\":true}]"
#define CALLED                                                                                  \
    ",\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":" \
    "[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"t\",\"input\":{}}]},{\"role\":\"user\","   \
    "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\"}]}]"

static void test_tools_and_the_choice_of_them(void **state)
{
    static const struct row rows[] = {
        {OPUS47, M("9", TOOLS ANY), "9 tools any forced", ""},
        {OPUS55, M("9", TOOLS ANY), "9 tools any in words", "map:tool_choice"},
        {OPUS55, M("9", TOOLS ONE), "9 tools one in words", "map:tool_choice"},
        {LLAMA, M("9", TOOLS ONE), "9 tools one in words", "map:tool_choice"},
        {MISTRAL, M("9", TOOLS ONE), "9 tools any forced", "map:tool_choice"},
        {MISTRAL, M("9", TOOLS ANY), "9 tools any forced", ""},
        {QWEN, M("9", ANY), "9 any", "drop:tool_choice"},
        {QWEN, M("9", LATER ANY), "9 any", "drop:tool_choice"},
        {OPUS47, M("9", LATER ANY), "9 tools any forced +tool-search-tool-2025-10-19", ""},
        {QWEN, M("9", TOOLS NONE), "9 none", ""},
        {QWEN, M("9", TOOLS NONE CALLED), "9 tools none", "map:tool_choice"},
        {OPUS47, M("9", TOOLS NONE), "9 tools none no calls", ""},
        {QWEN, M("9", CALLED), "9 tools", ""},
        {LLAMA, M("9", ",\"stream\":true" TOOLS), "9 tools retold", "map:stream"},
        {"google.gemma-3-27b-it", M("9", TOOLS),
         "tools: models of the family 'gemma' do not take them", NULL},
        /* with thinking Claude refuses a forced tool, the others' switch likewise */
        {OPUS46, M("9", TOOLS ANY THINK("adaptive") EFFORT("low")), "9 level low tools any forced",
         "drop:thinking"},
        {OPUS55, M("9", TOOLS ANY THINK("adaptive")), "9 adaptive tools any in words",
         "map:tool_choice"},
        {DEEPSEEK, M("9", TOOLS ANY THINK("adaptive")), "9 tools any forced", "drop:thinking"},
        {KIMI, M("9", TOOLS ANY EFFORT("high")), "9 tools any forced", "drop:output_config.effort"},
        {GPT_OSS, M("9", TOOLS ANY EFFORT("high")), "9 level high tools any forced", ""},
        /* a turn of calls that did not begin with a thought */
        {SONNET45, M("9000", TOOLS THINK("adaptive") CALLED), "9000 tools", "drop:thinking"},
        {OPUS46, M("9000", TOOLS THINK("adaptive") CALLED), "9000 adaptive tools", ""},
    };
    (void)state;
    check_plans(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

static void test_other_fields(void **state)
{
    static const struct row rows[] = {
        {QWEN, M("0", ""), "1", "map:max_tokens"},
        {OPUS47, M("0", ""), "0", ""},
        {QWEN, M("300000", ""), "65536", "map:max_tokens"},
        {OPUS47, M("300000", ""), "300000", ""}, /* InvokeModel says it */
        {QWEN, M("9", ",\"temperature\":1.5,\"top_p\":0.5,\"top_k\":3"), "9 t1 p0.5",
         "map:temperature,drop:top_k"},
        {NOVA, M("9", ",\"top_k\":3"), "9 k", ""},
        {SONNET45, M("9", ",\"temperature\":0.5,\"top_p\":0.5,\"top_k\":3"), "9 t0.5 k",
         "drop:top_p"},
        {OPUS47, M("9", ",\"temperature\":0.5,\"top_p\":0.5,\"top_k\":3"), "9",
         "drop:temperature,drop:top_p,drop:top_k"},
        {QWEN, M("9", ",\"stop_sequences\":[\"a\"]"), "9", "drop:stop_sequences"},
        {OPUS47, M("9", ",\"stop_sequences\":[\"a\",\" \"]"), "9 stops 1", "drop:stop_sequences"},
        {SONNET45, M("9", FORMAT), "9 native", ""},
        {OPUS47, M("9", FORMAT), "9 words", "map:output_config.format"},
        {QWEN, M("9", ",\"output_config\":{\"format\":{\"type\":\"x\"},\"task_budget\":{\"a\":1}}"),
         "9", "drop:output_config.format,drop:output_config.task_budget"},
        {SONNET45, M("9", ",\"output_format\":{\"schema\":{}}"), "9 native", "map:output_format"},
        {SONNET45, M("9", FORMAT ",\"output_format\":{\"schema\":{}}"), "9 native",
         "drop:output_format"},
        {QWEN, M("9", ",\"service_tier\":\"flex\""), "9 flex", "map:service_tier"},
        {QWEN, M("9", ",\"service_tier\":\"auto\""), "9", "drop:service_tier"},
        {QWEN, M("9", ",\"context_management\":{\"a\":1},\"speed\":\"fast\",\"new\":1"), "9",
         "drop:speed,drop:new,drop:context_management"},
        {OPUS47, M("9", ",\"context_management\":{\"a\":1},\"speed\":\"standard\",\"new\":1"), "9",
         "drop:context_management"},
        {OPUS47, M("9", ",\"betas\":[\"context-1m-2025-08-07\",\"x\"],\"anthropic_beta\":\"y\""),
         "9 +context-1m-2025-08-07", "drop:beta:y,drop:beta:x"},
        {QWEN, M("9", ",\"mcp_servers\":[{\"a\":1}]"),
         "mcp_servers: Extra inputs are not permitted", NULL},
        {QWEN, M("9", ",\"temperature\":\"x\""), "temperature: Input should be a valid number",
         NULL},
    };
    (void)state;
    check_plans(DIALECT_ANTHROPIC, rows, COUNT_OF(rows));
}

static void test_chat_has_its_own_names_and_no_exact_length(void **state)
{
    static const struct row rows[] = {
        {OPUS47, "", "128000", ""},
        {OPUS47, M("300000", ""), "128000", "map:max_tokens"},
        {QWEN, "", "65536", ""},
        {"cohere.command-z-v1", "", "0", ""}, /* its most is not known */
        {NOVA2, ",\"reasoning_effort\":\"high\"", "0 level high", ""},
        {SONNET45, M("64000", ",\"reasoning_effort\":\"low\""), "64000 budget 2048",
         "map:reasoning_effort"},
        /* W18: who asks for thoughts sees them; not named where a model shows them anyhow */
        {OPUS47, M("9", ",\"reasoning_effort\":\"low\""), "9 adaptive summarized level low", ""},
        {OPUS47, M("9", ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
         "9 adaptive omitted", ""},
        {OPUS47, M("9", ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"updates\"}"),
         "9 adaptive summarized", "drop:thinking.display"},
        {OPUS46, M("9", ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
         "9 adaptive", "drop:thinking.display"},
        {OPUS46, M("9", ",\"reasoning_effort\":\"low\""), "9 adaptive level low", ""},
        {OPUS47, M("9", ",\"reasoning_effort\":\"none\""), "9 off", ""},
        {OPUS47, M("9", ""), "9", ""},
        {QWEN, ",\"reasoning_effort\":\"low\",\"stop\":\"x\"", "65536",
         "drop:reasoning_effort,drop:stop"},
        {OPUS47, M("9", ",\"response_format\":{\"type\":\"json_object\"}"), "9 words",
         "map:response_format"},
        {QWEN,
         ",\"seed\":7,\"logprobs\":false,\"user\":\"u\",\"logit_bias\":{},\"presence_penalty\":0",
         "65536", "drop:seed"},
        {QWEN, ",\"stop\":7", "Invalid type for 'stop': expected a string or an array of strings.",
         NULL},
    };
    (void)state;
    check_plans(DIALECT_OPENAI, rows, COUNT_OF(rows));
}

/* What an earlier attempt was refused for: planned again without. */
static void test_fields_left_out_are_gone_or_said_otherwise(void **state)
{
    static const struct {
        struct row row;
        uint64_t left_out;
    } rows[] = {
        {{SONNET45, M("9", ",\"temperature\":0.5,\"top_p\":0.5"), "9 p0.5", "drop:temperature"},
         PLAN_BIT(PLAN_TEMPERATURE)},
        {{NOVA, M("9", ",\"top_k\":3,\"stop_sequences\":[\"a\"]"), "9",
          "drop:top_k,drop:stop_sequences"},
         PLAN_BIT(PLAN_TOP_K) | PLAN_BIT(PLAN_STOPS)},
        {{OPUS46, M("9", THINK("adaptive") EFFORT("low")), "9 level low", "drop:thinking"},
         PLAN_BIT(PLAN_THINKING)},
        {{OPUS46, M("9", THINK("adaptive") EFFORT("low")), "9 adaptive",
          "drop:output_config.effort"},
         PLAN_BIT(PLAN_EFFORT)},
        {{SONNET45, M("9", FORMAT), "9 words", "map:output_config.format"}, PLAN_BIT(PLAN_FORMAT)},
        {{OPUS47, M("9", TOOLS ANY), "9 tools any in words", "map:tool_choice"},
         PLAN_BIT(PLAN_CHOICE)},
        {{QWEN, M("9", ",\"service_tier\":\"flex\""), "9", "drop:service_tier"},
         PLAN_BIT(PLAN_TIER)},
        {{QWEN, M("9", ""), "9", ""}, PLAN_BIT(PLAN_TEMPERATURE) | PLAN_BIT(PLAN_CHOICE)},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_plan(DIALECT_ANTHROPIC, &rows[i].row, rows[i].left_out);
}

static void test_options_decide_where_the_request_is_silent(void **state)
{
    struct plan_case c;
    (void)state;
    plan_case_read(&c, DIALECT_ANTHROPIC, QWEN, M("9", ""));
    c.o.tier = TIER_FLEX;
    c.model.one_million = true;
    plan_case_make(&c);
    assert_string_equal(tell(&c.plan), "9 flex");
    assert_true(text_eq(buf_str(&c.changes), STR("drop:beta:context-1m-2025-08-07")));
    plan_case_free(&c);
    plan_case_read(&c, DIALECT_ANTHROPIC, OPUS46, M("9", ",\"service_tier\":\"default\""));
    c.o.tier = TIER_FLEX;
    c.model.one_million = true;
    c.o.betas = STR(" x , ,context-1m-2025-08-07,y");
    c.o.beta_rules.allow = STR("y");
    plan_case_make(&c);
    assert_string_equal(tell(&c.plan), "9 +context-1m-2025-08-07 +y");
    assert_true(text_eq(buf_str(&c.changes), STR("drop:beta:x,map:service_tier")));
    plan_case_free(&c);
}

static void test_strict_refuses_the_first_loss(void **state)
{
    static const struct {
        const char *more, *text;
    } rows[] = {
        {M("9", ",\"top_k\":3,\"metadata\":{\"a\":1}"),
         "top_k: this model does not take it as it is (STRICT_FIELDS)"},
        {M("0", ""), "max_tokens: this model does not take it as it is (STRICT_FIELDS)"},
        {M("9", ",\"n\\u0061me\":1"), "name: this model does not take it as it is (STRICT_FIELDS)"},
        {M("9", ",\"service_tier\":\"flex\""), NULL}, /* other words for the same */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        plan_case_read(&c, DIALECT_ANTHROPIC, QWEN, rows[i].more);
        c.o.strict_fields = true;
        plan_case_make(&c);
        assert_int_equal(c.status, rows[i].text ? STATUS_INVALID : STATUS_OK);
        if (rows[i].text)
            assert_string_equal(c.err.text, rows[i].text);
        plan_case_free(&c);
    }
}

/* The same decisions, under the names of that API. */
static void test_responses_have_their_own_names(void **state)
{
#define FLAT    ",\"tools\":[{\"type\":\"function\",\"name\":\"t\"},{\"type\":\"web_search\"}]"
#define R(more) ",\"max_output_tokens\":4000" more
    static const struct row rows[] = {
        {QWEN, R(",\"reasoning\":{\"effort\":\"high\"}"), "4000",
         "drop:reasoning,drop:reasoning.effort"},
        {QWEN, R(",\"reasoning\":{\"summary\":\"auto\"}"), "4000", "drop:reasoning"},
        {GPT_OSS, R(",\"reasoning\":{\"effort\":\"max\"}"), "4000 level high",
         "map:reasoning.effort"},
        {OPUS55, R(",\"reasoning\":{\"summary\":\"auto\"}"), "4000 adaptive summarized", ""},
        {OPUS55, R(",\"reasoning\":{\"effort\":\"low\"}"), "4000 adaptive level low", ""},
        {LLAMA, R(",\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"}"),
         "4000 words", "drop:verbosity,map:text.format"},
        {QWEN, R(FLAT ",\"tool_choice\":{\"type\":\"web_search\"}"), "4000 tools",
         "drop:tool_choice"},
        {QWEN, R(FLAT ",\"tool_choice\":{\"type\":\"function\",\"name\":\"t\"}"),
         "4000 tools one forced", ""},
        {QWEN, R(",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":\"required\""), "4000 any",
         "drop:tool_choice"},
        {SONNET45, R(",\"prompt_cache_key\":\"k\""), "4000 cached", ""},
        {SONNET45, R(",\"prompt_cache_key\":\"\""), "4000", ""},
        {SONNET45, R(",\"prompt_cache_options\":{\"mode\":\"implicit\"}"), "4000 cached", ""},
        {SONNET45,
         R(",\"prompt_cache_key\":\"k\",\"prompt_cache_options\":{\"mode\":\"explicit\"}"), "4000",
         ""},
        {SONNET45, R(",\"prompt_cache_key\":\"k\",\"prompt_cache_retention\":\"24h\""),
         "4000 cached", "drop:prompt_cache_retention"},
        {QWEN, R(",\"prompt_cache_key\":\"k\""), "4000", ""},
        {QWEN, R(",\"truncation\":\"auto\",\"include\":[\"message.output_text.logprobs\"]"), "4000",
         "drop:include,drop:truncation"},
    };
    (void)state;
    check_plans(DIALECT_RESPONSES, rows, COUNT_OF(rows));
}

/* --- both routes --------------------------------------------------------------------------- */

/* The same wish in both dialects; with Claude the first goes by InvokeModel, the second by
 * Converse. Not here, because the dialects differ on purpose: figures out of their range, which
 * InvokeModel judges, and max_tokens that is missing. */
static const struct {
    const char *messages, *chat;
} wishes[] = {
    {"", ""},
    {",\"temperature\":0.5,\"top_p\":0.25", ",\"temperature\":0.5,\"top_p\":0.25"},
    {",\"stop_sequences\":[\"a\",\" \"]", ",\"stop\":[\"a\",\" \"]"},
    {THINK("disabled"), ",\"reasoning_effort\":\"none\""},
#define LEVELS(tools_m, tools_c)                                                                  \
    {THINK("adaptive") EFFORT("low") tools_m, ",\"reasoning_effort\":\"low\"" tools_c},           \
        {THINK("adaptive") EFFORT("medium") tools_m, ",\"reasoning_effort\":\"medium\"" tools_c}, \
        {THINK("adaptive") EFFORT("high") tools_m, ",\"reasoning_effort\":\"high\"" tools_c},     \
        {THINK("adaptive") EFFORT("xhigh") tools_m, ",\"reasoning_effort\":\"xhigh\"" tools_c},   \
    {                                                                                             \
        THINK("adaptive") EFFORT("max") tools_m, ",\"reasoning_effort\":\"max\"" tools_c          \
    }
#define CHAT_TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"t\"}}]"
#define REQUIRED   CHAT_TOOLS ",\"tool_choice\":\"required\""
    LEVELS("", ""),
    LEVELS(TOOLS ANY, REQUIRED),
    LEVELS(",\"temperature\":0.5,\"top_p\":0.5", ",\"temperature\":0.5,\"top_p\":0.5"),
    {TOOLS ANY, REQUIRED},
    {TOOLS ONE,
     CHAT_TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"t\"}}"},
    {ANY, ",\"tool_choice\":\"required\""},
    {FORMAT, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
             "{\"schema\":{\"type\":\"object\"}}}"},
    {",\"stream\":true" TOOLS, ",\"stream\":true" CHAT_TOOLS},
};

/* The same words, but for the names of the fields. */
static void in_chat_names(struct buf *out, struct str changes)
{
    static const struct {
        struct str from, to;
    } names[] = {{STR("thinking"), STR("reasoning_effort")},
                 {STR("output_config.effort"), STR("reasoning_effort")},
                 {STR("output_config.format"), STR("response_format")},
                 {STR("stop_sequences"), STR("stop")}};
    struct str one, verb;
    while (text_split(&changes, ',', &one)) {
        text_split(&one, ':', &verb);
        for (size_t i = 0; i < COUNT_OF(names); i++)
            if (text_eq(one, names[i].from))
                one = names[i].to;
        size_t at;
        char note[100];
        snprintf(note, sizeof note, "%.*s:%.*s", STR_ARG(verb), STR_ARG(one));
        if (text_find(buf_str(out), text_from(note), &at))
            continue; /* both are one field there */
        buf_printf(out, "%s%s", buf_len(out) > 0 ? "," : "", note);
    }
}

static void check_both_routes(const char *model, const char *tokens, size_t i)
{
    struct plan_case a, b;
    struct buf changes;
    char messages[400], chat[400], line[400];
    snprintf(messages, sizeof messages, ",\"max_tokens\":%s%s", tokens, wishes[i].messages);
    snprintf(chat, sizeof chat, ",\"max_tokens\":%s%s", tokens, wishes[i].chat);
    plan_case_read(&a, DIALECT_ANTHROPIC, model, messages);
    plan_case_read(&b, DIALECT_OPENAI, model, chat);
    plan_case_make(&a);
    plan_case_make(&b);
    if (a.status != b.status)
        fail_msg("%s, %s: '%s', but '%s'", model, messages, a.err.text, b.err.text);
    snprintf(line, sizeof line, "%s", a.status == STATUS_OK ? tell(&a.plan) : a.err.text);
    if (b.status == STATUS_OK && b.plan.left.thinking.display.ours)
        b.plan.left.thinking.display.as =
            (struct str){NULL, 0}; /* W18: what only Chat wishes by itself */
    const char *other = b.status == STATUS_OK ? tell(&b.plan) : b.err.text;
    if (strcmp(line, other) != 0 ||
        (a.status == STATUS_OK &&
         memcmp(a.plan.verdict, b.plan.verdict, PLAN_PLAIN * sizeof *a.plan.verdict) != 0))
        fail_msg("%s, %s: '%s', but '%s'", model, messages, line, other);
    buf_init(&changes, 4096);
    in_chat_names(&changes, buf_str(&a.changes));
    if (a.status == STATUS_OK && !text_eq(buf_str(&changes), buf_str(&b.changes)))
        fail_msg("%s, %s: '%.*s', but '%.*s'", model, messages, STR_ARG(buf_str(&changes)),
                 STR_ARG(buf_str(&b.changes)));
    buf_free(&changes);
    plan_case_free(&a);
    plan_case_free(&b);
}

static void test_same_wish_is_decided_alike_on_both_routes(void **state)
{
    static const char *const models[] = {
        "anthropic.claude-3-haiku-20240307-v1:0",
        SONNET35,
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        OPUS4,
        "us.anthropic.claude-opus-4-1-20250805-v1:0",
        SONNET45,
        "global.anthropic.claude-opus-4-5-20251101-v1:0",
        OPUS46,
        OPUS47,
        "jp.anthropic.claude-opus-4-8",
        "au.anthropic.claude-sonnet-5",
        OPUS55,
        "global.anthropic.claude-opus-9",
        NOVA,
        NOVA2,
        "amazon.titan-text-express-v1",
        QWEN,
        LLAMA,
        "meta.llama3-70b-instruct-v1:0",
        MISTRAL,
        "mistral.mistral-small-2402-v1:0",
        "mistral.magistral-small-2509",
        GPT_OSS,
        GPT5,
        KIMI,
        "moonshot.kimi-k2-thinking",
        DEEPSEEK,
        "us.deepseek.r1-v1:0",
        "google.gemma-3-27b-it",
        "zai.glm-5",
        "minimax.minimax-m2",
        "xai.grok-4.3",
        "nvidia.nemotron-nano-9b-v2",
        "writer.palmyra-x5-v1:0",
        "cohere.command-r-plus-v1:0",
        "ai21.jamba-1-5-mini-v1:0",
        "nobody.knows",
    };
    static const char *const tokens[] = {"1000", "4000"}; /* under each model's most */
    (void)state;
    for (size_t m = 0; m < COUNT_OF(models); m++)
        for (size_t i = 0; i < COUNT_OF(wishes); i++)
            for (size_t t = 0; t < COUNT_OF(tokens); t++)
                check_both_routes(models[m], tokens[t], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_and_the_choice_of_them),
        cmocka_unit_test(test_other_fields),
        cmocka_unit_test(test_chat_has_its_own_names_and_no_exact_length),
        cmocka_unit_test(test_fields_left_out_are_gone_or_said_otherwise),
        cmocka_unit_test(test_options_decide_where_the_request_is_silent),
        cmocka_unit_test(test_strict_refuses_the_first_loss),
        cmocka_unit_test(test_responses_have_their_own_names),
        cmocka_unit_test(test_same_wish_is_decided_alike_on_both_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
