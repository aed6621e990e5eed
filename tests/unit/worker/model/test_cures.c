#include "worker/model/cures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct str betas[] = {STR("interleaved-thinking-2025-05-14"),
                                   STR("context-1m-2025-08-07")};
static const struct str fields[] = {STR("frobnicate"), STR("verbosity")};

/* Everything was sent, but what `without` says. */
static struct cures_sent sent(uint64_t without)
{
    return (struct cures_sent){.bits = ~without,
                               .max_tokens = 128000,
                               .effort = 5,
                               .betas = betas,
                               .beta_count = 2,
                               .fields = fields,
                               .field_count = 2};
}

struct row {
    const char *sentence;
    enum learned what;
    bool kept;
    const char *name;
    uint32_t value;
    uint64_t without;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        struct cures_sent s = sent(r->without);
        struct cure got = cures_find(text_from(r->sentence), &s);
        const char *name = r->name ? r->name : "";
        if (got.what != r->what || got.kept != r->kept || got.value != r->value ||
            strcmp(got.name, name) != 0) {
            fail_msg("\"%s\": %s, %s, %u, \"%s\"", r->sentence, learned_word(got.what),
                     got.kept ? "kept" : "not kept", got.value, got.name);
        }
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

/* One for each row of the table of sentences, and more. */
static void test_known_sentences(void **state)
{
    static const struct row rows[] = {
        {"`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
         LEARNED_ONE_SAMPLING, true, NULL, 0, 0},
        {"temperature and topP cannot both be specified", LEARNED_ONE_SAMPLING, true, NULL, 0, 0},
        {"`temperature` is deprecated for this model.", LEARNED_SAMPLING, true, NULL, 0, 0},
        {"The model returned the following errors: `temperature` is deprecated for this model.",
         LEARNED_SAMPLING, true, NULL, 0, 0},
        {"`top_p` is deprecated for this model.", LEARNED_SAMPLING, true, NULL, 0, 0},
        {"`top_k` is deprecated for this model.", LEARNED_SAMPLING, true, NULL, 0, 0},
        {"\"thinking.type.enabled\" is not supported for this model. Use "
         "\"thinking.type.adaptive\" "
         "and \"output_config.effort\" to control thinking behavior.",
         LEARNED_THINKING_BUDGET, true, NULL, 0, 0},
        {"adaptive thinking is not supported on this model", LEARNED_THINKING_ADAPTIVE, true, NULL,
         0, 0},
        {"\"thinking.type.adaptive\" is not supported for this model.", LEARNED_THINKING_ADAPTIVE,
         true, NULL, 0, 0},
        {"messages.1.content.0: Invalid `signature` in `thinking` block: bound to a different "
         "conversation",
         LEARNED_BINDING, false, NULL, 0, 0},
        {"invalid beta flag", LEARNED_BETA, true, NULL, 0, 0},
        {"The model returned the following errors: invalid beta flag", LEARNED_BETA, true, NULL, 0,
         0},
        {"invalid beta flag: context-1m-2025-08-07", LEARNED_BETA, true, "context-1m-2025-08-07", 0,
         0},
        {"Schema is too complex for structured outputs", LEARNED_FORMAT, false, NULL, 0, 0},
        {"tools: Schema is too complex. Reduce the number of strict tools", LEARNED_STRICT, false,
         NULL, 0, LEARNED_BIT(LEARNED_FORMAT)},
        {"The compiled grammar is too large", LEARNED_FORMAT, false, NULL, 0, 0},
        {"The compiled grammar is too large", LEARNED_STRICT, false, NULL, 0,
         LEARNED_BIT(LEARNED_FORMAT)},
        {"output_config.format.schema: For 'integer' type, property 'minimum' is not supported",
         LEARNED_FORMAT, false, NULL, 0, 0},
        {"This model doesn't support tool use in streaming mode.", LEARNED_STREAM_TOOLS, true, NULL,
         0, 0},
        {"role 'system' is not supported on this model", LEARNED_SYSTEM_ROLE, true, NULL, 0, 0},
        {"This model doesn't support system messages. Try again without a system message or use a "
         "model that supports system messages.",
         LEARNED_SYSTEM, true, NULL, 0, 0},
        {"tool_choice: type \"tool\" and \"any\" are not supported for this model.", LEARNED_CHOICE,
         true, NULL, 0, 0},
        {"This model doesn't support the toolConfig.toolChoice.any field. Remove "
         "toolConfig.toolChoice.any and try again.",
         LEARNED_CHOICE, true, NULL, 0, 0},
        {"This model doesn't support image content in a tool result", LEARNED_RESULT_MEDIA, true,
         NULL, 0, 0},
        {"This model doesn't support the image field inside toolResult", LEARNED_RESULT_MEDIA, true,
         NULL, 0, 0},
        {"This model doesn't support document in toolResult", LEARNED_RESULT_MEDIA, true, NULL, 0,
         0},
    };
    (void)state;
    CHECK(rows);
}

static void test_lengths(void **state)
{
    static const struct row rows[] = {
        {"max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for "
         "this model",
         LEARNED_MAX_TOKENS, true, NULL, 64000, 0},
        {"The maximum tokens you requested exceeds the model limit of 8192. Try again with a "
         "maximum tokens value that is lower than 8192.",
         LEARNED_MAX_TOKENS, true, NULL, 8192, 0},
        {"max_tokens must be less than or equal to 32,768", LEARNED_MAX_TOKENS, true, NULL, 32768,
         0},
        {"max_completion_tokens is too large: 128000. This model supports at most 16384 completion "
         "tokens",
         LEARNED_MAX_TOKENS, true, NULL, 16384, 0},
        /* other limits */
        {"`max_tokens` must be greater than `thinking.budget_tokens`, 2000", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
         LEARNED_NOTHING, false, NULL, 0, 0},
        {"max_tokens: 128000 > 200000", LEARNED_NOTHING, false, NULL, 0, 0},
    };
    (void)state;
    CHECK(rows);
}

static void test_sentences_that_nobody_has_told(void **state)
{
    static const struct row rows[] = {
        {"temperature: Extra inputs are not permitted", LEARNED_TEMPERATURE, true, NULL, 0, 0},
        {"Malformed input request: #: extraneous key [top_k] is not permitted, please reformat "
         "your input and try again.",
         LEARNED_TOP_K, true, NULL, 0, 0},
        {"This model doesn't support the topP field. Remove topP and try again.", LEARNED_TOP_P,
         true, NULL, 0, 0},
        {"This model doesn't support the stopSequences field. Remove stopSequences and try again.",
         LEARNED_STOPS, true, NULL, 0, 0},
        {"Stop sequences are unavailable", LEARNED_STOPS, true, NULL, 0, 0},
        {"Sampling parameters are not supported by this model", LEARNED_SAMPLING, true, NULL, 0, 0},
        {"output_config.format: Extra inputs are not permitted", LEARNED_FORMAT, true, NULL, 0, 0},
        {"output_config.effort: Extra inputs are not permitted", LEARNED_EFFORT, true, NULL, 0, 0},
        {"output_config.effort: Input should be 'low', 'medium' or 'high'", LEARNED_EFFORT, false,
         NULL, 3, 0},
        {"effort 'max' is not supported by this model", LEARNED_EFFORT, true, NULL, 4, 0},
        {"Unsupported value: reasoning_effort, allowed are low and medium", LEARNED_EFFORT, true,
         NULL, 2, 0},
        {"context_management: Extra inputs are not permitted", LEARNED_CONTEXT, true, NULL, 0, 0},
        {"thinking: Input tag 'disabled' found using 'type' is not supported", LEARNED_THINKING,
         false, NULL, 0, 0},
        {"thinking.type.disabled is not allowed", LEARNED_THINKING, true, NULL, 0, 0},
        {"thinking.display: Extra inputs are not permitted", LEARNED_DISPLAY, true, NULL, 0, 0},
        {"tools.0.custom.strict: Extra inputs are not permitted", LEARNED_STRICT, true, NULL, 0, 0},
        {"toolConfig.tools.3.toolSpec.strict: not supported", LEARNED_STRICT, true, NULL, 0, 0},
        {"tools.12.custom.eager_input_streaming: Extra inputs are not permitted",
         LEARNED_EAGER_INPUT, true, NULL, 0, 0},
        {"system.0.cache_control.ttl: Extra inputs are not permitted", LEARNED_CACHE_1H, true, NULL,
         0, 0},
        {"messages.0.content.3.cache_control.ephemeral.ttl: Extra inputs are not permitted",
         LEARNED_CACHE_1H, true, NULL, 0, 0},
        {"cache_control: Extra inputs are not permitted", LEARNED_CACHE_TOP, true, NULL, 0, 0},
        {"#/messages/0/content/1: extraneous key [cachePoint] is not permitted", LEARNED_CACHE,
         false, NULL, 0, 0},
        {"This model does not support prompt caching", LEARNED_CACHE, true, NULL, 0, 0},
        {"toolChoice is not supported", LEARNED_CHOICE, true, NULL, 0, 0},
        {"tool_choice.disable_parallel_tool_use: Extra inputs are not permitted", LEARNED_ONE_CALL,
         true, NULL, 0, 0},
        {"System prompts are not supported by the model", LEARNED_SYSTEM, true, NULL, 0, 0},
        {"frobnicate: Extra inputs are not permitted", LEARNED_FIELD, true, "frobnicate", 0, 0},
        {"Unknown field 'frobnicate'", LEARNED_FIELD, true, "frobnicate", 0, 0},
        {"Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header.",
         LEARNED_BETA, true, "context-1m-2025-08-07", 0, 0},
        {"The beta is not available", LEARNED_BETA, true, NULL, 0, 0},
        {"The model 'anthropic.claude-x' does not support temperature", LEARNED_TEMPERATURE, true,
         NULL, 0, 0},
        {"'temperature' is not supported by this model", LEARNED_TEMPERATURE, true, NULL, 0, 0},
        /* what was not sent is not what is meant */
        {"temperature and top_p are not supported", LEARNED_TOP_P, true, NULL, 0,
         LEARNED_BIT(LEARNED_TEMPERATURE)},
        {"temperature is not supported", LEARNED_NOTHING, false, NULL, 0,
         LEARNED_BIT(LEARNED_TEMPERATURE)},
    };
    (void)state;
    CHECK(rows);
}

/* A request can be cured without teaching anything about the model. */
static void test_what_is_about_the_request_is_not_kept(void **state)
{
    static const struct row rows[] = {
        {"temperature is not supported when thinking is enabled", LEARNED_TEMPERATURE, false, NULL,
         0, 0},
        {"temperature is not supported with thinking", LEARNED_TEMPERATURE, false, NULL, 0, 0},
        {"temperature is not supported with this model", LEARNED_TEMPERATURE, true, NULL, 0, 0},
        {"temperature may not stand together with top_p", LEARNED_TEMPERATURE, false, NULL, 0, 0},
        {"thinking cannot be disabled with effort 'max'", LEARNED_THINKING, false, NULL, 0, 0},
        {"stop_sequences is not supported in this request", LEARNED_STOPS, false, NULL, 0, 0},
        {"stop_sequences: 'say stop_sequences' is not supported by this model", LEARNED_STOPS,
         false, NULL, 0, 0},
        {"stop_sequences is not supported: "
         "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
         LEARNED_STOPS, false, NULL, 0, 0},
        {"tools.0.bash_20250124.strict: Extra inputs are not permitted", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"tools.0.strict: Extra inputs are not permitted", LEARNED_STRICT, false, NULL, 0, 0},
        {"messages.1.content.0.text.cache_control: Extra inputs are not permitted", LEARNED_CACHE,
         false, NULL, 0, 0},
        {"system.0.cache_control.ttl: Input should be '5m' or '1h'", LEARNED_CACHE_1H, false, NULL,
         0, 0},
        /* a value that the client chose, where only the thing is remembered */
        {"system.0.cache_control.ttl: '2h' is not supported", LEARNED_CACHE_1H, false, NULL, 0, 0},
        {"system.0.cache_control.ttl: a ttl of 2h is not supported", LEARNED_CACHE_1H, false, NULL,
         0, 0},
        {"top_k of 100000 is not supported by this model", LEARNED_TOP_K, false, NULL, 0, 0},
        {"thinking.display: 'full' is not supported", LEARNED_DISPLAY, false, NULL, 0, 0},
        {"context_management: edit type odd is not supported", LEARNED_CONTEXT, false, NULL, 0, 0},
        {"output_config.format: oneOf is not supported", LEARNED_FORMAT, false, NULL, 0, 0},
        {"tools.0.custom.strict: schemas with oneOf are not supported", LEARNED_STRICT, false, NULL,
         0, 0},
        {"tools.0.custom.strict: recursive schemas are not allowed", LEARNED_STRICT, false, NULL, 0,
         0},
        {"frobnicate: 'turbo' is not supported on this model", LEARNED_FIELD, false, "frobnicate",
         0, 0},
        {"frobnicate turbo is not available", LEARNED_FIELD, false, "frobnicate", 0, 0},
        /* a combination that the memory does not tell apart */
        {"output_config.format cannot be used alongside citations", LEARNED_FORMAT, false, NULL, 0,
         0},
        {"temperature and top_k are mutually exclusive, not supported", LEARNED_TEMPERATURE, false,
         NULL, 0, 0},
        {"max_tokens 128000 exceeds the 1200 tokens that remain", LEARNED_MAX_TOKENS, false, NULL,
         1200, 0},
        {"max_tokens: 128000 is more than the 1200 available", LEARNED_MAX_TOKENS, false, NULL,
         1200, 0},
        {"max_tokens: 128000 > 21333 requires streaming", LEARNED_MAX_TOKENS, false, NULL, 21333,
         0},
        {"a ttl='1h' cache_control block must not come after a ttl='5m' block", LEARNED_CACHE_1H,
         false, NULL, 0, 0},
    };
    (void)state;
    CHECK(rows);
}

/* What is the client's to mend, and what would change the meaning. */
static void test_no_cure(void **state)
{
    static const struct row rows[] = {
        {"", LEARNED_NOTHING, false, NULL, 0, 0},
        {"The provided request is not valid", LEARNED_NOTHING, false, NULL, 0, 0},
        {"temperature: Input should be less than or equal to 1", LEARNED_NOTHING, false, NULL, 0,
         0},
        {"top_k: Input should be a valid integer", LEARNED_NOTHING, false, NULL, 0, 0},
        {"1 validation error detected: Value '[a, b]' at 'inferenceConfig.stopSequences' failed to "
         "satisfy constraint: Member must have length less than or equal to 4",
         LEARNED_NOTHING, false, NULL, 0, 0},
        {"thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
         LEARNED_NOTHING, false, NULL, 0, 0},
        {"thinking.frob: Extra inputs are not permitted", LEARNED_NOTHING, false, NULL, 0, 0},
        {"output_config.frob: Extra inputs are not permitted", LEARNED_NOTHING, false, NULL, 0, 0},
        {"context_management.edits.0.frob: Extra inputs are not permitted", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"frobnicate.deep: Extra inputs are not permitted", LEARNED_NOTHING, false, NULL, 0, 0},
        {"messages.1.content.0: Invalid `signature` in `thinking` block", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"messages.1.content.0.type: Expected `thinking`, but found `text`", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"messages.0.content.0.image.source.base64: invalid image", LEARNED_NOTHING, false, NULL, 0,
         0},
        {"tools.0.custom.input_schema.properties.strict: not supported", LEARNED_NOTHING, false,
         NULL, 0, 0},
        {"tools.0.custom.name: String should match pattern", LEARNED_NOTHING, false, NULL, 0, 0},
        {"tool_choice.name: tool 'x' not found in tools", LEARNED_NOTHING, false, NULL, 0, 0},
        {"This model doesn't support tool use.", LEARNED_NOTHING, false, NULL, 0, 0},
        {"This model doesn't support images", LEARNED_NOTHING, false, NULL, 0, 0},
        {"This model doesn't support documents.", LEARNED_NOTHING, false, NULL, 0, 0},
        {"The provided model identifier is invalid.", LEARNED_NOTHING, false, NULL, 0, 0},
        {"messages: at least one message is required", LEARNED_NOTHING, false, NULL, 0, 0},
        {"The effort is great", LEARNED_NOTHING, false, NULL, 0, 0},
    };
    (void)state;
    CHECK(rows);
}

/* Whatever Bedrock says of a request with a value that no model takes. */
static void test_an_odd_request_teaches_nothing(void **state)
{
    static const char *const sentences[] = {
        "invalid beta flag", "`temperature` is deprecated for this model.",
        "stop_sequences is not supported by this model",
        "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens"};
    (void)state;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        struct cures_sent s = sent(0);
        assert_true(cures_find(text_from(sentences[i]), &s).kept);
        s.odd = true;
        struct cure c = cures_find(text_from(sentences[i]), &s);
        assert_true(c.what != LEARNED_NOTHING && !c.kept);
    }
}

/* A word of effort that is none goes, and nothing is learned of the model's efforts. */
static void test_an_effort_that_is_none(void **state)
{
    (void)state;
    struct cures_sent s = sent(0);
    s.effort = 0;
    struct cure c = cures_find(STR("output_config.effort: Input should be 'low' or 'high'"), &s);
    assert_true(c.what == LEARNED_EFFORT && c.value == 0 && !c.kept);
    c = cures_find(STR("output_config.effort: Extra inputs are not permitted"), &s);
    assert_true(c.what == LEARNED_EFFORT && c.value == 0 && !c.kept);
}

static void test_nothing_sent_is_nothing_found(void **state)
{
    static const char *const sentences[] = {
        "invalid beta flag", "temperature is not supported", "max_tokens: 128000 > 64000",
        "thinking is not supported", "frobnicate: Extra inputs are not permitted"};
    (void)state;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        struct cures_sent none = {.bits = 0};
        assert_int_equal(cures_find(text_from(sentences[i]), &none).what, LEARNED_NOTHING);
    }
}

static void test_efforts_have_words(void **state)
{
    (void)state;
    assert_string_equal(cures_effort(0), "");
    assert_string_equal(cures_effort(1), "low");
    assert_string_equal(cures_effort(CURES_EFFORTS), "max");
    assert_string_equal(cures_effort(CURES_EFFORTS + 1), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_sentences),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_sentences_that_nobody_has_told),
        cmocka_unit_test(test_what_is_about_the_request_is_not_kept),
        cmocka_unit_test(test_no_cure),
        cmocka_unit_test(test_an_odd_request_teaches_nothing),
        cmocka_unit_test(test_an_effort_that_is_none),
        cmocka_unit_test(test_nothing_sent_is_nothing_found),
        cmocka_unit_test(test_efforts_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
