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
        assert_null(converse_to_openai_new(arena, name, STR("id"), 1, false, NULL));
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_pairs_match),
        cmocka_unit_test(test_events_any_order_stay_legal),
        cmocka_unit_test(test_stream_without_usage_is_plain),
        cmocka_unit_test(test_finish_reason_follows_the_table),
        cmocka_unit_test(test_half_a_call_is_an_error),
        cmocka_unit_test(test_ping_is_a_comment),
        cmocka_unit_test(test_new_without_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
