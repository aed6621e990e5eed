/* Golden pairs, what a stream of the Anthropic dialect must never look like, and its ends. */
#include "worker/reply/converse_to_anthropic.h"

#include "tests/unit/converse_bed.h"

static void test_golden_pairs_match(void **state)
{
    (void)state;
    bed_check_pairs("tests/golden/converse_to_anthropic/*.in.events", 20, bed_anthropic);
    bed_check_pairs("tests/golden/converse_to_anthropic/*.in.json", 10, bed_anthropic);
}

static void test_events_any_order_stay_legal(void **state)
{
    (void)state;
    unsigned good = 0;
    for (uint32_t seed = 1; seed <= BED_SEQUENCES; seed++)
        good += bed_any_sequence(seed, 12, bed_anthropic);
    assert_true(good > BED_SEQUENCES / 10); /* most of what happens must not be errors */
}

static void test_delta_padding_never_forwarded(void **state)
{
    (void)state;
    struct converse_bed b;
    bed_anthropic(&b);
    bed_event(&b, "messageStart", "{\"role\":\"assistant\",\"p\":\"PADDING\"}");
    bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"text\":\"x\"")));
    size_t at;
    assert_false(text_find(buf_str(&b.out), STR("PADDING"), &at));
    assert_false(text_find(buf_str(&b.out), STR("abcdef"), &at));
    bed_close(&b);
}

/* The stop reason waits for the usage: what is written after each event. */
static void test_message_delta_waits_for_metadata(void **state)
{
    (void)state;
    struct converse_bed b;
    bed_anthropic(&b);
    bed_event(&b, "contentBlockDelta", AT(4, DELTA("\"text\":\"x\"")));
    buf_clear(&b.out);
    assert_int_equal(bed_event(&b, "messageStop", "{\"stopReason\":\"max_tokens\"}"), STATUS_OK);
    bed_expect(
        &b, "messageStop",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    assert_false(b.reply->stopped);
    assert_int_equal(
        bed_event(&b, "metadata", "{\"usage\":{\"inputTokens\":3,\"outputTokens\":4}}"), STATUS_OK);
    bed_expect(
        &b, "metadata",
        "event: message_delta\ndata: "
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\","
        "\"stop_sequence\":null,\"stop_details\":null},\"usage\":{\"input_tokens\":3,"
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":{"
        "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":4}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    assert_true(b.reply->started && b.reply->stopped && !b.reply->failed);
    assert_string_equal(b.reply->stop_reason, "max_tokens");
    assert_true(b.reply->usage.seen && b.reply->usage.tokens.input == 3 &&
                b.reply->usage.tokens.output == 4);
    assert_int_equal(bed_end(&b), STATUS_OK);
    bed_expect(&b, "end", "");
    bed_close(&b);
}

/* The tokens were spent, so they are counted all the same. */
static void test_malformed_output_is_an_error_with_usage(void **state)
{
    (void)state;
    static const char *const reasons[] = {"malformed_model_output", "malformed_tool_use"};
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        struct converse_bed b;
        char payload[80];
        bed_anthropic(&b);
        snprintf(payload, sizeof payload, "{\"stopReason\":\"%s\"}", reasons[i]);
        assert_int_equal(bed_event(&b, "messageStop", payload), STATUS_OK);
        buf_clear(&b.out);
        assert_int_equal(bed_event(&b, "metadata", "{\"usage\":{\"inputTokens\":3}}"),
                         STATUS_INTERNAL);
        assert_non_null(strstr(b.err.text, reasons[i]));
        assert_int_equal(b.reply->usage.tokens.input, 3);
        assert_false(b.reply->stopped);
        bed_expect(&b, "nothing is written", "");
        bed_close(&b);
    }
}

static void test_malformed_answer_is_an_error(void **state)
{
    (void)state;
    struct converse_bed b;
    bed_anthropic(&b);
    struct str body = STR("{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},"
                          "\"stopReason\":\"malformed_tool_use\",\"usage\":{\"outputTokens\":9}}");
    assert_int_equal(b.relay->whole(b.reply, b.arena, body, &b.out, &b.err), STATUS_INTERNAL);
    assert_int_equal(b.reply->usage.tokens.output, 9);
    bed_expect(&b, "nothing is written", "");
    bed_close(&b);
}

static void test_ping_keeps_its_bytes(void **state)
{
    (void)state;
    assert_true(text_eq(converse_to_anthropic_relay.ping,
                        STR("event: ping\ndata: {\"type\": \"ping\"}\n\n")));
}

static void test_new_without_memory_is_null(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64);
    assert_null(converse_to_anthropic_new(arena, STR("m"), STR("msg_1"), NULL));
    arena_drop(arena);
}

/* A whole answer that is told as a stream: each allocation fails once, and that is no reason to die. */
static void test_retold_without_memory_is_an_error(void **state)
{
    (void)state;
    const struct str body = STR("{\"output\":{\"message\":{\"content\":[{\"text\":\"t\"},"
                                "{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"n\"}}]}},"
                                "\"stopReason\":\"tool_use\",\"usage\":{\"outputTokens\":4}}");
    unsigned failures = 0;
    for (unsigned long k = 1; k < 20; k++) {
        struct converse_bed b;
        bed_anthropic(&b);
        b.reply->whole_upstream = true;
        heap_fail_after(k);
        enum status st = b.relay->whole(b.reply, b.arena, body, &b.out, &b.err);
        heap_fail_after(0);
        assert_true(st == STATUS_OK || st == STATUS_INTERNAL || st == STATUS_UPSTREAM);
        failures += st != STATUS_OK;
        bed_close(&b);
    }
    assert_in_range(failures, 4, 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_pairs_match),
        cmocka_unit_test(test_events_any_order_stay_legal),
        cmocka_unit_test(test_delta_padding_never_forwarded),
        cmocka_unit_test(test_message_delta_waits_for_metadata),
        cmocka_unit_test(test_malformed_output_is_an_error_with_usage),
        cmocka_unit_test(test_malformed_answer_is_an_error),
        cmocka_unit_test(test_ping_keeps_its_bytes),
        cmocka_unit_test(test_new_without_memory_is_null),
        cmocka_unit_test(test_retold_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
