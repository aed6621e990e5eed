/* Golden pairs, what a stream of the OpenAI dialect must never look like, its options and its ends.
 */
#include "worker/reply/converse_to_openai.h"

#include "tests/unit/converse_bed.h"

#define HEAD                                                                                    \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1764000000," \
    "\"model\":\"gpt-\\\"test\\\"\","
#define CHUNK(delta, finish)                           \
    HEAD "\"choices\":[{\"index\":0,\"delta\":{" delta \
         "},\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"
#define ROLE CHUNK("\"role\":\"assistant\",\"content\":\"\"", "null")

static void open_full(struct converse_bed *b)
{
    bed_openai(b, true);
}

static void open_plain(struct converse_bed *b)
{
    bed_openai(b, false);
}

/* With the usage chunk; without it is tested below. */
static void test_golden_pairs_match(void **state)
{
    (void)state;
    bed_check_pairs("tests/golden/converse_to_openai/*.in.events", 20, open_full);
    bed_check_pairs("tests/golden/converse_to_openai/*.in.json", 10, open_full);
}

static void test_events_any_order_stay_legal(void **state)
{
    (void)state;
    unsigned good = 0;
    for (uint32_t seed = 1; seed <= BED_SEQUENCES; seed++)
        good += bed_any_sequence(seed, 12, seed % 2 ? open_full : open_plain);
    assert_true(good > BED_SEQUENCES / 10); /* most of what happens must not be errors */
}

static void test_stream_without_usage_is_plain(void **state)
{
    (void)state;
    struct converse_bed b;
    open_plain(&b);
    bed_event(&b, "contentBlockDelta", AT(1, DELTA("\"text\":\"x\"")));
    bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    bed_event(&b, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}");
    bed_expect(&b, "no usage",
               ROLE CHUNK("\"content\":\"x\"", "null") CHUNK("", "\"stop\"") "data: [DONE]\n\n");
    assert_true(b.reply->stopped && b.reply->usage.tokens.output == 2);
    bed_close(&b);
}

/* GPT's streams count what goes into the cache as input, too; its whole answers do not (W22: 4,995
 * and 4,993 in a stream, 2 in an answer). */
static void test_input_that_holds_the_cached_is_counted_once(void **state)
{
    (void)state;
    static const struct {
        bool whole;
        const char *usage;
        struct tokens want;
    } rows[] = {
        {true,
         "{\"inputTokens\":4995,\"cacheWriteInputTokens\":4993,\"outputTokens\":19}",
         {2, 19, 0, 4993, 0}},
        {true,
         "{\"inputTokens\":4995,\"cacheReadInputTokens\":4000,\"cacheWriteInputTokens\":900,"
         "\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":900}],\"outputTokens\":19}",
         {95, 19, 4000, 0, 900}},
        {true,
         "{\"inputTokens\":2,\"cacheWriteInputTokens\":4993,\"outputTokens\":19}",
         {2, 19, 0, 4993, 0}}, /* it has been mended there */
        {true, "{\"inputTokens\":50,\"outputTokens\":19}", {50, 19, 0, 0, 0}},
        {false,
         "{\"inputTokens\":4995,\"cacheWriteInputTokens\":4993,\"outputTokens\":19}",
         {4995, 19, 0, 4993, 0}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct converse_bed b;
        char payload[300];
        size_t at;
        open_full(&b);
        b.reply->input_whole = rows[i].whole;
        bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
        snprintf(payload, sizeof payload, "{\"usage\":%s}", rows[i].usage);
        bed_event(&b, "metadata", payload);
        const struct tokens *got = &b.reply->usage.tokens;
        if (memcmp(got, &rows[i].want, sizeof *got) != 0)
            fail_msg("%zu: %u %u %u %u", i, (unsigned)got->input, (unsigned)got->cache_read,
                     (unsigned)got->write_5m, (unsigned)got->write_1h);
        snprintf(payload, sizeof payload, "\"prompt_tokens\":%u,",
                 (unsigned)(got->input + got->cache_read + got->write_5m + got->write_1h));
        if (!text_find(buf_str(&b.out), text_from(payload), &at))
            fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&b.out)));
        bed_close(&b);
    }
}

static void test_half_of_a_character_does_not_end_the_stream(void **state)
{
    (void)state;
    struct converse_bed b;
    open_plain(&b);
    bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"text\":\"a\\ud83d\"")));
    bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"text\":\"\\ude00b\"")));
    bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    bed_event(&b, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}");
    bed_expect(&b, "halves",
               ROLE CHUNK("\"content\":\"a\\ufffd\"", "null")
                   CHUNK("\"content\":\"\\ufffdb\"", "null")
                       CHUNK("", "\"stop\"") "data: [DONE]\n\n");
    bed_close(&b);
}

struct reason_row {
    const char *bedrock, *finish, *kept;
};

static const struct reason_row reasons[] = {
    {"end_turn", "\"stop\"", "end_turn"},
    {"stop_sequence", "\"stop\"", "stop_sequence"},
    {"pause_turn", "\"stop\"", "pause_turn"},
    {"max_tokens", "\"length\"", "max_tokens"},
    {"model_context_window_exceeded", "\"length\"", "model_context_window_exceeded"},
    {"tool_use", "\"stop\"", "end_turn"}, /* there is no call: W12 */
    {"refusal", "\"content_filter\"", "refusal"},
    {"content_filtered", "\"content_filter\"", "refusal"},
    {"guardrail_intervened", "\"content_filter\"", "refusal"},
    {"malformed_model_output", "\"stop\"", "malformed_model_output"},
    {"malformed_tool_use", "\"stop\"", "malformed_tool_use"},
    {"what_is_this", "\"stop\"", "end_turn"},
};

static void test_finish_reason_follows_the_table(void **state)
{
    (void)state;
    const char *before =
        HEAD "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":";
    const char *after = "}]}\n\ndata: [DONE]\n\n";
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        struct converse_bed b;
        char payload[80], want[400];
        open_plain(&b);
        bed_event(&b, "messageStart", "{\"role\":\"assistant\"}");
        buf_clear(&b.out);
        snprintf(payload, sizeof payload, "{\"stopReason\":\"%s\"}", reasons[i].bedrock);
        bed_event(&b, "messageStop", payload);
        assert_int_equal(bed_end(&b), STATUS_OK);
        snprintf(want, sizeof want, "%s%s%s", before, reasons[i].finish, after);
        bed_expect(&b, reasons[i].bedrock, want);
        if (strcmp(b.reply->stop_reason, reasons[i].kept) != 0)
            fail_msg("%s: kept as %s", reasons[i].bedrock, b.reply->stop_reason);
        bed_close(&b);
    }
}

static void open_legacy(struct converse_bed *b)
{
    bed_openai_as(b, (struct openai_wants){1764000000, false, true});
}

#define TOOL_START(i, id, name) \
    AT(i, "\"start\":{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name "\"}}")
#define TOOL_INPUT(i, text) AT(i, DELTA("\"toolUse\":{\"input\":\"" text "\"}"))
#define ANSWER(calls)                                                                            \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" calls "]}},\"stopReason\":" \
    "\"tool_use\",\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}"
#define USAGE                                                                     \
    ",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3," \
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0},"   \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}"

static void expect_whole(struct converse_bed *b, const char *name, const char *body,
                         const char *message, const char *finish)
{
    char want[2000];
    if (b->relay->whole(b->reply, b->arena, text_from(body), &b->out, &b->err) != STATUS_OK)
        fail_msg("%s: %s", name, b->err.text);
    snprintf(
        want, sizeof want,
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":"
        "\"gpt-\\\"test\\\"\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":null,\"refusal\":null,%s},\"logprobs\":null,\"finish_reason\":\"%s\"}]" USAGE,
        message, finish);
    bed_expect(b, name, want);
}

/* C8: who asks with "functions" is answered so; there is room for one call. */
static void test_legacy_functions_are_answered_in_kind(void **state)
{
    (void)state;
    struct converse_bed b;
    open_legacy(&b);
    bed_event(&b, "contentBlockStart", TOOL_START(0, "i", "n"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(0, "{}"));
    bed_event(&b, "contentBlockStart", TOOL_START(1, "j", "m"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(1, "[]"));
    bed_event(&b, "messageStop", "{\"stopReason\":\"tool_use\"}");
    assert_int_equal(bed_end(&b), STATUS_OK);
    bed_expect(&b, "stream",
               ROLE CHUNK("\"function_call\":{\"name\":\"n\",\"arguments\":\"\"}", "null")
                   CHUNK("\"function_call\":{\"arguments\":\"{}\"}", "null")
                       CHUNK("", "\"function_call\"") "data: [DONE]\n\n");
    bed_close(&b);
    open_legacy(&b);
    expect_whole(&b, "whole",
                 ANSWER("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"n\",\"input\":{\"a\":1}}},"
                        "{\"toolUse\":{\"toolUseId\":\"j\",\"name\":\"m\",\"input\":{}}}"),
                 "\"function_call\":{\"name\":\"n\",\"arguments\":\"{\\\"a\\\":1}\"}",
                 "function_call");
    bed_close(&b);
}

/* W5: the one string of a function is the text of a custom call; a plain call beside it. */
static void test_custom_calls_are_unpacked(void **state)
{
    (void)state;
    struct converse_bed b;
    open_plain(&b);
    assert_true(converse_names_mark(b.names, STR("p"), CONVERSE_CALL_CUSTOM));
    bed_event(&b, "contentBlockStart", TOOL_START(0, "i", "p"));
    bed_event(&b, "contentBlockStart", TOOL_START(1, "j", "n"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(0, "{\\\"input\\\": \\\"a\\\\"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(1, "{}"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(0, "nb\\\"}"));
    bed_event(&b, "contentBlockStop", AT(0, "\"x\":0"));
    bed_event(&b, "messageStop", "{\"stopReason\":\"tool_use\"}");
    assert_int_equal(bed_end(&b), STATUS_OK);
    bed_expect(
        &b, "stream",
        ROLE CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"i\",\"type\":\"custom\",\"custom\":{"
                   "\"name\":\"p\",\"input\":\"\"}}]",
                   "null")
            CHUNK("\"tool_calls\":[{\"index\":1,\"id\":\"j\",\"type\":\"function\",\"function\":{"
                  "\"name\":\"n\",\"arguments\":\"\"}}]",
                  "null")
                CHUNK("\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]", "null")
                    CHUNK("\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"a\\nb\"}}]", "null")
                        CHUNK("", "\"tool_calls\"") "data: [DONE]\n\n");
    bed_close(&b);
    open_plain(&b);
    assert_true(converse_names_mark(b.names, STR("p"), CONVERSE_CALL_CUSTOM));
    expect_whole(
        &b, "whole",
        ANSWER("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"p\",\"input\":{\"input\":\"a\\n\"}}}"),
        "\"tool_calls\":[{\"id\":\"i\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":"
        "\"a\\n\"}}]",
        "tool_calls");
    bed_close(&b);
}

/* A stream that breaks in the middle of one leaks nothing (ASan). */
static void test_custom_call_that_breaks_leaks_nothing(void **state)
{
    (void)state;
    struct converse_bed b;
    open_plain(&b);
    assert_true(converse_names_mark(b.names, STR("p"), CONVERSE_CALL_CUSTOM));
    bed_event(&b, "contentBlockStart", TOOL_START(0, "i", "p"));
    bed_event(&b, "contentBlockDelta", TOOL_INPUT(0, "{"));
    bed_close(&b);
}

/* C.9: a client that gathers pieces would run half a call at the word "stop". */
static void test_half_a_call_is_an_error(void **state)
{
    static const char *const malformed[] = {"malformed_tool_use", "malformed_model_output"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        struct converse_bed b;
        char stop[80];
        open_plain(&b);
        bed_event(&b, "contentBlockStart",
                  AT(0, "\"start\":{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"n\"}}"));
        bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"toolUse\":{\"input\":\"{\"}")));
        buf_clear(&b.out);
        snprintf(stop, sizeof stop, "{\"stopReason\":\"%s\"}", malformed[i]);
        assert_int_equal(bed_event(&b, "messageStop", stop), STATUS_OK);
        assert_int_equal(bed_event(&b, "metadata", "{}"), STATUS_INTERNAL);
        assert_false(b.reply->stopped);
        bed_close(&b);
    }
}

static void test_ping_is_a_comment(void **state)
{
    (void)state;
    assert_true(text_eq(converse_to_openai_relay.ping, STR(": keepalive\n\n")));
}

static void test_new_without_memory_is_null(void **state)
{
    (void)state;
    static char model[20000];
    memset(model, 'm', sizeof model);
    static const size_t rooms[] = {256, 16384}; /* not for the state; not for its head */
    for (size_t i = 0; i < COUNT_OF(rooms); i++) {
        struct arena *arena = arena_new(rooms[i]);
        struct str name = {model, sizeof model};
        assert_null(converse_to_openai_new(arena, name, STR("id"),
                                           (struct openai_wants){1, false, false}, NULL));
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_pairs_match),
        cmocka_unit_test(test_events_any_order_stay_legal),
        cmocka_unit_test(test_stream_without_usage_is_plain),
        cmocka_unit_test(test_input_that_holds_the_cached_is_counted_once),
        cmocka_unit_test(test_half_of_a_character_does_not_end_the_stream),
        cmocka_unit_test(test_finish_reason_follows_the_table),
        cmocka_unit_test(test_legacy_functions_are_answered_in_kind),
        cmocka_unit_test(test_custom_calls_are_unpacked),
        cmocka_unit_test(test_custom_call_that_breaks_leaks_nothing),
        cmocka_unit_test(test_half_a_call_is_an_error),
        cmocka_unit_test(test_ping_is_a_comment),
        cmocka_unit_test(test_new_without_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
