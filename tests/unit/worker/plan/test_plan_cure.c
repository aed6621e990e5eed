/* What a plan becomes without the thing that was refused, and what is remembered by which shape. */
#include "worker/plan/plan_cure.h"

#include "shm/memory/segment.h"
#include "tests/unit/plan_case.h"

#define TOOLS  ",\"tools\":[{\"name\":\"t\",\"input_schema\":{}}]"
#define FORMAT ",\"output_config\":{\"format\":{\"schema\":{\"type\":\"object\"}}}"
#define SYSTEM ",\"system\":[{\"type\":\"text\",\"text\":\"s\"}]"
#define MARK                                                                                    \
    ",\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"," \
    "\"ttl\":\"1h\"}}]"
#define STRICT ",\"tools\":[{\"name\":\"t\",\"input_schema\":{},\"strict\":true}]"
#define EAGER  ",\"tools\":[{\"name\":\"t\",\"input_schema\":{},\"eager_input_streaming\":true}]"
#define ROLE                                                                                 \
    ",\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":" \
    "\"s\"}]"
#define IMAGE                                                                                  \
    ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":" \
    "\"url\","                                                                                 \
    "\"url\":\"https://x.example\"}}]}]"
#define M(more) ",\"max_tokens\":9000" more

static struct segment seg;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&seg, 1, 64, &err), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* The plan of a request of that dialect. cure.what NOTHING: none. */
static void make(struct plan_case *c, enum dialect dialect, const char *model, const char *more,
                 const struct cure *cure)
{
    plan_case_read(c, dialect, model, more);
    c->o.cure = cure;
    c->o.memory = &seg;
    c->o.now_s = 100;
    plan_case_make(c);
    if (c->status != STATUS_OK) {
        fail_msg("%s: %s", more, c->err.text);
    }
}

/* --- one cure after the other: what is sent, what is said --------------------------------------- */

static const struct {
    const char *model, *more, *changes;
    enum learned what;
    uint32_t value;
    const char *name;
} cures[] = {
    {SONNET45, M(",\"temperature\":0.5,\"top_k\":3"),
     "learned:sampling,drop:temperature,drop:top_k", LEARNED_SAMPLING, 0, NULL},
    {OPUS4, M(",\"temperature\":0.5,\"top_p\":0.5"), "learned:temperature,drop:temperature",
     LEARNED_TEMPERATURE, 0, NULL},
    {OPUS4, M(",\"temperature\":0.5,\"top_p\":0.5"), "learned:top_p,drop:top_p", LEARNED_TOP_P, 0,
     NULL},
    {OPUS4, M(",\"top_k\":5"), "learned:top_k,drop:top_k", LEARNED_TOP_K, 0, NULL},
    {OPUS4, M(",\"temperature\":0.5,\"top_p\":0.5"), "learned:temperature_and_top_p,drop:top_p",
     LEARNED_ONE_SAMPLING, 0, NULL},
    {SONNET45, M(",\"stop_sequences\":[\"x\"]"), "learned:stop_sequences,drop:stop_sequences",
     LEARNED_STOPS, 0, NULL},
    {SONNET45, M(""), "learned:max_tokens,map:max_tokens", LEARNED_MAX_TOKENS, 8192, NULL},
    {QWEN, M(""), "learned:max_tokens,map:max_tokens", LEARNED_MAX_TOKENS, 4096, NULL},
    {OPUS55, M(",\"thinking\":{\"type\":\"disabled\"}"), "learned:thinking,drop:thinking",
     LEARNED_THINKING, 0, NULL},
    {OPUS46, M(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
     "learned:thinking.enabled,map:thinking", LEARNED_THINKING_BUDGET, 0, NULL},
    {OPUS46, M(",\"thinking\":{\"type\":\"adaptive\"}"), "learned:thinking.adaptive,map:thinking",
     LEARNED_THINKING_ADAPTIVE, 0, NULL},
    {OPUS47, M(",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}"),
     "learned:thinking.display,drop:thinking.display", LEARNED_DISPLAY, 0, NULL},
    {OPUS55, M(""), "learned:thinking.block_binding", LEARNED_BINDING, 0, NULL},
    {OPUS47, M(",\"output_config\":{\"effort\":\"max\"}"),
     "learned:effort,map:output_config.effort", LEARNED_EFFORT, 4, NULL},
    {OPUS47, M(",\"output_config\":{\"effort\":\"max\"}"),
     "learned:effort,drop:output_config.effort", LEARNED_EFFORT, 0, NULL},
    {GPT_OSS, M(",\"output_config\":{\"effort\":\"low\"}"),
     "learned:effort,drop:output_config.effort", LEARNED_EFFORT, 0, NULL},
    {SONNET45, M(FORMAT), "learned:format,map:output_config.format", LEARNED_FORMAT, 0, NULL},
    {SONNET45, M(TOOLS ",\"tool_choice\":{\"type\":\"any\"}"),
     "learned:tool_choice,map:tool_choice", LEARNED_CHOICE, 0, NULL},
    {SONNET45, M(STRICT), "learned:strict", LEARNED_STRICT, 0, NULL},
    {OPUS47, M(EAGER), "learned:eager_input", LEARNED_EAGER_INPUT, 0, NULL},
    {QWEN, M(TOOLS ",\"stream\":true"), "learned:stream_tools,map:stream", LEARNED_STREAM_TOOLS, 0,
     NULL},
    {SONNET45, M(""), "", LEARNED_CACHE, 0, NULL},
    {SONNET45, M(MARK), "learned:cache", LEARNED_CACHE, 0, NULL},
    {SONNET45, M(MARK), "learned:cache_ttl", LEARNED_CACHE_1H, 0, NULL},
    {OPUS47, M(",\"cache_control\":{\"type\":\"ephemeral\"}"), "learned:cache_top",
     LEARNED_CACHE_TOP, 0, NULL},
    {OPUS47, M(ROLE), "learned:system_role", LEARNED_SYSTEM_ROLE, 0, NULL},
    {QWEN, M(SYSTEM), "learned:system", LEARNED_SYSTEM, 0, NULL},
    {NOVA, M(""), "", LEARNED_RESULT_MEDIA, 0, NULL},
    {NOVA, M(IMAGE), "learned:result_media", LEARNED_RESULT_MEDIA, 0, NULL},
    {OPUS46, M(",\"betas\":[\"interleaved-thinking-2025-05-14\",\"context-1m-2025-08-07\"]"),
     "learned:beta,drop:beta:interleaved-thinking-2025-05-14,drop:beta:context-1m-2025-08-07",
     LEARNED_BETA, 0, NULL},
    {OPUS46, M(",\"betas\":[\"interleaved-thinking-2025-05-14\",\"context-1m-2025-08-07\"]"),
     "learned:beta.context-1m-2025-08-07,drop:beta:context-1m-2025-08-07", LEARNED_BETA, 0,
     "context-1m-2025-08-07"},
    {OPUS46, M(",\"frobnicate\":1"), "learned:field.frobnicate,drop:frobnicate", LEARNED_FIELD, 0,
     "frobnicate"},
};

static void test_every_cure_leaves_its_thing_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++) {
        struct plan_case c;
        struct cure cure = {.what = cures[i].what, .value = cures[i].value};
        text_copy(text_from(cures[i].name), cure.name, sizeof cure.name);
        make(&c, DIALECT_ANTHROPIC, cures[i].model, cures[i].more, &cure);
        if (!text_eq(buf_str(&c.changes), text_from(cures[i].changes))) {
            fail_msg("%s: changes '%.*s'", cures[i].changes, STR_ARG(buf_str(&c.changes)));
        }
        plan_case_free(&c);
    }
}

/* Each thing has its row. */
static void test_every_cure_is_tested(void **state)
{
    (void)state;
    for (unsigned what = 1; what < LEARNED_COUNT; what++) {
        bool found = what == LEARNED_ONE_CALL || what == LEARNED_CONTEXT ||      /* below */
                     what == LEARNED_NATIVE || what == LEARNED_NATIVE_RESPONSES; /* test_native.c */
        for (size_t i = 0; i < sizeof cures / sizeof *cures; i++) {
            found = found || cures[i].what == what;
        }
        if (!found) {
            fail_msg("%s", learned_word(what));
        }
    }
}

static void test_calls_at_the_same_time_and_context(void **state)
{
    (void)state;
    struct plan_case c;
    make(&c, DIALECT_OPENAI, OPUS46,
         ",\"parallel_tool_calls\":false,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
         "\"f\"}}]",
         &(struct cure){.what = LEARNED_ONE_CALL});
    assert_true(
        text_eq(buf_str(&c.changes), STR("learned:parallel_calls,map:parallel_tool_calls")));
    assert_false(c.plan.left.choice.one_call);
    plan_case_free(&c);
    plan_case_read(
        &c, DIALECT_ANTHROPIC, OPUS46,
        M(",\"betas\":[\"context-management-2025-06-27\"],\"context_management\":{\"edits\":"
          "[1]}"));
    c.o.cure = &(struct cure){.what = LEARNED_CONTEXT};
    c.o.beta_rules.allow = STR("context-management-2025-06-27");
    plan_case_make(&c);
    assert_true(
        text_eq(buf_str(&c.changes), STR("learned:context_management,drop:context_management")));
    plan_case_free(&c);
}

/* A cure for something that nobody asks costs the plan nothing else. */
static void test_values_that_go_on(void **state)
{
    (void)state;
    struct plan_case c;
    make(&c, DIALECT_ANTHROPIC, OPUS47, M(",\"output_config\":{\"effort\":\"max\"}"),
         &(struct cure){.what = LEARNED_EFFORT, .value = 4});
    assert_true(text_eq(c.plan.thinking.level, STR("xhigh")));
    plan_case_free(&c);
    make(&c, DIALECT_ANTHROPIC, QWEN, M(""),
         &(struct cure){.what = LEARNED_MAX_TOKENS, .value = 77});
    assert_int_equal(c.plan.left.max_tokens.n, 77);
    plan_case_free(&c);
    make(&c, DIALECT_OPENAI, GPT_OSS, ",\"reasoning_effort\":\"high\"",
         &(struct cure){.what = LEARNED_EFFORT});
    assert_int_equal(c.plan.thinking.level.n, 0);
    plan_case_free(&c);
}

/* --- what can be refused ------------------------------------------------------------------- */

static void test_sent_tells_what_is_there(void **state)
{
    static const struct {
        const char *model, *more;
        uint64_t has, has_not;
    } rows[] = {
        {SONNET45, M(""), 0,
         LEARNED_BIT(LEARNED_TEMPERATURE) | LEARNED_BIT(LEARNED_STOPS) |
             LEARNED_BIT(LEARNED_THINKING) | LEARNED_BIT(LEARNED_EFFORT) |
             LEARNED_BIT(LEARNED_FORMAT) | LEARNED_BIT(LEARNED_CHOICE) | LEARNED_BIT(LEARNED_BETA) |
             LEARNED_BIT(LEARNED_FIELD) | LEARNED_BIT(LEARNED_CONTEXT) |
             LEARNED_BIT(LEARNED_STRICT)},
        {OPUS47, M(",\"temperature\":0.5"), 0,
         LEARNED_BIT(LEARNED_TEMPERATURE)}, /* dropped anyhow */
        {SONNET45, M(",\"temperature\":0.5"),
         LEARNED_BIT(LEARNED_TEMPERATURE) | LEARNED_BIT(LEARNED_SAMPLING),
         LEARNED_BIT(LEARNED_TOP_P)},
        {SONNET45, M(TOOLS), LEARNED_BIT(LEARNED_STRICT), LEARNED_BIT(LEARNED_EAGER_INPUT)},
        {QWEN, M(",\"frobnicate\":1"), LEARNED_BIT(LEARNED_SYSTEM), LEARNED_BIT(LEARNED_FIELD)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan_case c;
        make(&c, DIALECT_ANTHROPIC, rows[i].model, rows[i].more, NULL);
        uint64_t bits = c.plan.cure.sent.bits;
        if ((bits & rows[i].has) != rows[i].has || (bits & rows[i].has_not) != 0) {
            fail_msg("%s: %llx", rows[i].more, (unsigned long long)bits);
        }
        plan_case_free(&c);
    }
}

static void test_odd_values_are_seen(void **state)
{
    static const struct {
        const char *more;
        bool odd;
    } rows[] = {
        {M(""), false},
        {M(",\"temperature\":1"), false},
        {M(",\"temperature\":1.5"), true},
        {M(",\"temperature\":-1"), true},
        {M(",\"top_p\":1.5"), true},
        {M(",\"top_k\":5"), false},
        {M(",\"top_k\":0.5"), true},
        {M(",\"output_config\":{\"effort\":\"max\"}"), false},
        {M(",\"output_config\":{\"effort\":\"newest\"}"), true},
        {M(",\"stop_sequences\":[\"a\",\"b\",\"c\",\"d\"]"), false},
        {M(",\"stop_sequences\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan_case c;
        make(&c, DIALECT_ANTHROPIC, OPUS46, rows[i].more, NULL);
        if (c.plan.cure.sent.odd != rows[i].odd) {
            fail_msg("%s", rows[i].more);
        }
        plan_case_free(&c);
    }
}

/* --- memory -------------------------------------------------------------------------------- */

/* As exchange/cure.c does when an answer has come. */
static void learn(const char *model, const char *more, struct cure cure)
{
    struct plan_case c;
    make(&c, DIALECT_ANTHROPIC, model, more, &cure);
    learned_keep(&seg, c.plan.cure.shape, cure.what, text_from(cure.name), cure.value, 100, 600);
    plan_case_free(&c);
}

static bool avoids(const char *model, const char *more)
{
    struct plan_case c;
    make(&c, DIALECT_ANTHROPIC, model, more, NULL);
    bool learned = text_starts(buf_str(&c.changes), STR("learned:")) ||
                   strstr(arena_printf(c.arena, "%.*s", STR_ARG(buf_str(&c.changes))), ",learned:");
    assert_true(learned == c.plan.cure.avoided);
    plan_case_free(&c);
    return learned;
}

static void test_remembered_by_its_shape(void **state)
{
    static const char *const same[] = {M(",\"temperature\":0.5"), M(",\"temperature\":0.9"),
                                       M(",\"temperature\":0.5,\"stop_sequences\":[\"x\"]"),
                                       ",\"max_tokens\":3,\"temperature\":1"};
    static const char *const other[] = {
        M(""),
        M(",\"temperature\":0.5" TOOLS),
        M(",\"temperature\":0.5" FORMAT),
        M(",\"temperature\":1,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
        M(",\"temperature\":0.5,\"output_config\":{\"effort\":\"low\"}"),
        M(",\"temperature\":0.5,\"betas\":[\"interleaved-thinking-2025-05-14\"]"),
    };
    (void)state;
    learn(OPUS46, M(",\"temperature\":0.2"), (struct cure){.what = LEARNED_SAMPLING});
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (!avoids(OPUS46, same[i])) {
            fail_msg("%s: is not the same", same[i]);
        }
        assert_false(avoids(SONNET45, same[i]));
        assert_false(avoids("us.anthropic.claude-opus-4-6-v1", same[i]));
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (avoids(OPUS46, other[i])) {
            fail_msg("%s: is another shape", other[i]);
        }
    }
}

static void test_named_things_are_remembered_by_their_names(void **state)
{
    (void)state;
    learn(OPUS46, M(",\"frobnicate\":1"),
          (struct cure){.what = LEARNED_FIELD, .name = "frobnicate"});
    assert_true(avoids(OPUS46, M(",\"other\":2,\"frobnicate\":{\"x\":1}")));
    assert_false(avoids(OPUS46, M(",\"other\":2")));
    learn(OPUS46, M(",\"betas\":[\"context-1m-2025-08-07\"]"), (struct cure){.what = LEARNED_BETA});
    assert_true(avoids(OPUS46, M(",\"betas\":[\"context-1m-2025-08-07\"]")));
    assert_false(avoids(OPUS46, M(",\"betas\":[\"interleaved-thinking-2025-05-14\"]")));
    assert_false(avoids(OPUS46, M("")));
}

static void test_a_word_of_effort_has_a_drawer_of_its_own(void **state)
{
    (void)state;
    learn(OPUS46, M(",\"output_config\":{\"effort\":\"banana\"}"),
          (struct cure){.what = LEARNED_EFFORT});
    assert_false(avoids(OPUS46, M(",\"output_config\":{\"effort\":\"high\"}")));
    learn(OPUS46, M(",\"output_config\":{\"effort\":\"max\"}"),
          (struct cure){.what = LEARNED_EFFORT, .value = 3});
    assert_true(avoids(OPUS46, M(",\"output_config\":{\"effort\":\"max\"}")));
    assert_false(avoids(OPUS46, M(",\"output_config\":{\"effort\":\"high\"}")));
}

/* Who asks for less than the model writes is not told of it. */
static void test_a_length_is_remembered_for_those_who_ask_for_more(void **state)
{
    (void)state;
    learn(OPUS46, ",\"max_tokens\":99999",
          (struct cure){.what = LEARNED_MAX_TOKENS, .value = 8192});
    assert_true(avoids(OPUS46, ",\"max_tokens\":8193"));
    assert_false(avoids(OPUS46, ",\"max_tokens\":8192"));
}

/* Without memory nothing of a plan changes. */
static void test_an_empty_memory_changes_nothing(void **state)
{
    (void)state;
    assert_false(learned_any(&seg, 100));
    assert_false(avoids(OPUS46, M(",\"temperature\":0.5,\"frobnicate\":1")));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_cure_leaves_its_thing_out),
        CASE(test_every_cure_is_tested),
        CASE(test_calls_at_the_same_time_and_context),
        CASE(test_values_that_go_on),
        CASE(test_sent_tells_what_is_there),
        CASE(test_odd_values_are_seen),
        CASE(test_remembered_by_its_shape),
        CASE(test_named_things_are_remembered_by_their_names),
        CASE(test_a_word_of_effort_has_a_drawer_of_its_own),
        CASE(test_a_length_is_remembered_for_those_who_ask_for_more),
        CASE(test_an_empty_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
