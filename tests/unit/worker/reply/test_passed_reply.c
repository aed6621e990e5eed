#include "worker/reply/passed_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include "server/base/base64.h"

static struct arena *arena;
static struct buf out;
static struct err err;

static int setup(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    buf_init(&out, (size_t)1 << 20);
    err = (struct err){.code = STATUS_OK};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_drop(arena);
    buf_free(&out);
    return 0;
}

static struct reply *fresh(void)
{
    struct reply *r = passed_reply_new(arena, STR("name"));
    assert_non_null(r);
    return r;
}

/* As Bedrock frames it, with its padding. */
static enum status chunk_status(struct reply *r, const char *json)
{
    char base64[1024], payload[1200];
    size_t n = base64_encode((const uint8_t *)json, strlen(json), base64);
    snprintf(payload, sizeof payload, "{\"bytes\":\"%.*s\",\"p\":\"abc\"}", (int)n, base64);
    return passed_invoke_relay.event(r, STR("chunk"), text_from(payload), &out, &err);
}

static void chunk(struct reply *r, const char *json)
{
    assert_int_equal(chunk_status(r, json), STATUS_OK);
}

static void converse(struct reply *r, const char *type, const char *json)
{
    assert_int_equal(passed_converse_relay.event(r, text_from(type), text_from(json), &out, &err),
                     STATUS_OK);
}

static void expect(const struct reply *r, uint64_t input, uint64_t output, uint64_t read,
                   uint64_t written)
{
    assert_true(r->usage.seen);
    assert_int_equal(r->usage.tokens.input, input);
    assert_int_equal(r->usage.tokens.output, output);
    assert_int_equal(r->usage.tokens.cache_read, read);
    assert_int_equal(tokens_written(&r->usage.tokens), written);
}

static void test_claude_tells_by_and_by(void **state)
{
    (void)state;
    struct reply *r = fresh();
    chunk(r, "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,"
             "\"cache_read_input_tokens\":4,\"output_tokens\":1}}}");
    assert_true(r->started);
    chunk(r, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"usage\"}}");
    chunk(r, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"x\"}}");
    assert_int_equal(r->deltas, 2);
    assert_int_equal(passed_invoke_relay.end(r, &out, &err), STATUS_UPSTREAM);
    chunk(r, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{"
             "\"output_tokens\":7}}");
    assert_false(r->stopped);
    chunk(r, "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":"
             "10,\"outputTokenCount\":7,\"firstByteLatency\":33,\"cacheWriteInputTokenCount\":2}}");
    expect(r, 10, 7, 4, 2);
    assert_string_equal(r->stop_reason, "end_turn");
    assert_int_equal(r->first_latency_ms, 33);
    assert_int_equal(passed_invoke_relay.end(r, &out, &err), STATUS_OK);
    assert_int_equal(buf_len(&out), 0); /* the frames are the caller's to pass */
}

/* Before anything else it is a refusal, which another attempt may cure; afterwards the client's. */
static void test_claudes_error_is_a_refusal_if_it_comes_first(void **state)
{
    static const struct {
        const char *json, *code; /* NULL: it is one of the client's events */
    } rows[] = {
        {"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}"
         "}",
         "overloaded_error"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\"}}",
         "rate_limit_error"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}", "api_error"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"}}", NULL},
        {"{\"type\":\"error\",\"error\":{}}", NULL},
        {"{\"type\":\"error\"}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply *r = fresh();
        assert_int_equal(chunk_status(r, rows[i].json), rows[i].code ? STATUS_UPSTREAM : STATUS_OK);
        assert_string_equal(r->error.code, rows[i].code ? rows[i].code : "");
        assert_true(r->failed == !rows[i].code && r->started == !rows[i].code);
        r = fresh();
        chunk(r, "{\"type\":\"message_start\",\"message\":{}}");
        chunk(r, rows[i].json);
        assert_true(r->failed);
        r = fresh(); /* in place of a whole answer */
        assert_int_equal(passed_invoke_relay.whole(r, arena, text_from(rows[i].json), &out, &err),
                         rows[i].code ? STATUS_UPSTREAM : STATUS_OK);
        assert_string_equal(r->error.code, rows[i].code ? rows[i].code : "");
        assert_true(r->stopped == !rows[i].code);
    }
}

static void test_other_vendors_leave_it_to_bedrock(void **state)
{
    (void)state;
    struct reply *r = fresh();
    chunk(r, "{\"generation\":\"Hello\",\"stop_reason\":null}");
    assert_false(r->stopped);
    chunk(r, "{\"contentBlockDelta\":{\"delta\":{\"text\":\"x\"},\"contentBlockIndex\":0}}");
    assert_int_equal(r->deltas, 2); /* if it is left now, these are paid */
    chunk(r, "{\"generation\":\"\",\"stop_reason\":\"stop\",\"amazon-bedrock-invocationMetrics\":{"
             "\"inputTokenCount\":5,\"outputTokenCount\":6}}");
    expect(r, 5, 6, 0, 0);
    assert_true(r->stopped);
    assert_string_equal(r->stop_reason, "stop");
}

static void test_what_cannot_be_read_is_no_error(void **state)
{
    static const char *const payloads[] = {"",
                                           "{",
                                           "{}",
                                           "[]",
                                           "{\"bytes\":1}",
                                           "{\"bytes\":\"%%%%\"}",
                                           "{\"bytes\":\"e30\"}",
                                           "{\"bytes\":\"\"}",
                                           "{ \"p\" : \"x\" , \"bytes\" : \"e30=\" }"};
    (void)state;
    struct reply *r = fresh();
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        struct str payload = text_from(payloads[i]);
        assert_int_equal(passed_invoke_relay.event(r, STR("chunk"), payload, &out, &err),
                         STATUS_OK);
        assert_int_equal(passed_invoke_relay.event(r, STR("future"), payload, &out, &err),
                         STATUS_OK);
        assert_int_equal(passed_converse_relay.event(r, STR("messageStop"), payload, &out, &err),
                         STATUS_OK);
    }
    assert_false(r->usage.seen);
    assert_false(r->stopped);
}

static void test_converse_tells_at_its_end(void **state)
{
    (void)state;
    struct reply *r = fresh();
    converse(r, "messageStart", "{\"role\":\"assistant\"}");
    converse(r, "contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"x\"}}");
    converse(r, "messageStop", "{\"stopReason\":\"max_tokens\"}");
    assert_int_equal(passed_converse_relay.end(r, &out, &err), STATUS_UPSTREAM);
    converse(
        r, "metadata",
        "{\"usage\":{\"inputTokens\":9,\"outputTokens\":3,\"totalTokens\":12,"
        "\"cacheReadInputTokens\":2,\"cacheWriteInputTokens\":1},\"metrics\":{\"latencyMs\":1}}");
    expect(r, 9, 3, 2, 1);
    assert_string_equal(r->stop_reason, "max_tokens");
    assert_int_equal(r->deltas, 1);
    assert_int_equal(passed_converse_relay.end(r, &out, &err), STATUS_OK);
}

/* GPT's streams alone count what went into the cache as input, too. */
static void test_cached_input_is_counted_once(void **state)
{
    static const char usage[] = "\"usage\":{\"inputTokens\":100,\"outputTokens\":3,"
                                "\"totalTokens\":103,\"cacheReadInputTokens\":90}";
    char json[300];
    (void)state;
    struct reply *r = fresh();
    r->input_whole = true;
    snprintf(json, sizeof json, "{%s,\"metrics\":{\"latencyMs\":1}}", usage);
    converse(r, "metadata", json);
    expect(r, 10, 3, 90, 0);
    r = fresh();
    r->input_whole = true;
    snprintf(json, sizeof json,
             "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"x\"}]}},"
             "\"stopReason\":\"end_turn\",%s}",
             usage);
    assert_int_equal(passed_converse_relay.whole(r, arena, text_from(json), &out, &err), STATUS_OK);
    expect(r, 100, 3, 90, 0);
    assert_string_equal(buf_str(&out).n == strlen(json) ? "same" : "other", "same");
}

static void test_whole_answers_pass_as_they_are(void **state)
{
    static const struct {
        const char *body;
        uint64_t input, output;
    } rows[] = {
        {"{ \"type\":\"message\",\"usage\":{\"input_tokens\":8,\"output_tokens\":2}}\n", 8, 2},
        {"{\"text\":\"\\\"usage\\\": none\"}", 70, 80}, /* the head's */
        {"{\"content\":[{\"input\":{\"stop_reason\":\"x\",\"usage\":{\"input_tokens\":1}}}],"
         "\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":8,\"output_tokens\":2}}",
         8, 2},
        {"{\"usage\":{\"input_tokens\":8,\"output_tokens\":2},\"content\":[{\"input\":{"
         "\"stop_reason\":\"x\",\"usage\":{\"input_tokens\":1}}}]}",
         8, 2},
        {"{\"usage\":{\"input_tokens\":8,\"output_tokens\":2},\"content\":[{\"text\":\""
         "\\\"stop_reason\\\":1,\\\"usage\\\":{\\\"input_tokens\\\":1}}\"}]}",
         8, 2},
        {"{\"usage\":{\"input_tokens\":8,\"output_tokens\":2},\"stop_reason\":\"end_turn\"}", 8, 2},
        {"[{\"embedding\":[1]}]", 70, 80},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply *r = fresh();
        passed_reply_header(r, STR("X-Amzn-Bedrock-Input-Token-Count"), STR("70"));
        passed_reply_header(r, STR("x-amzn-bedrock-output-token-count"), STR("80"));
        passed_reply_header(r, STR("content-type"), STR("5"));
        buf_clear(&out);
        assert_int_equal(passed_invoke_relay.whole(r, arena, text_from(rows[i].body), &out, &err),
                         STATUS_OK);
        assert_true(text_eq(buf_str(&out), text_from(rows[i].body)));
        expect(r, rows[i].input, rows[i].output, 0, 0);
        assert_true(r->stopped);
    }
}

static void test_pages_are_no_answers(void **state)
{
    static const struct relay *const relays[] = {&passed_invoke_relay, &passed_converse_relay,
                                                 &passed_count_relay};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(relays); i++) {
        assert_true(relays[i]->raw);
        assert_int_equal(relays[i]->ping.n, 0);
        assert_int_equal(relays[i]->whole(fresh(), arena, STR("<html>usage</html>"), &out, &err),
                         STATUS_UPSTREAM);
    }
    assert_int_equal(buf_len(&out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_claude_tells_by_and_by, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claudes_error_is_a_refusal_if_it_comes_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_other_vendors_leave_it_to_bedrock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read_is_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_converse_tells_at_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cached_input_is_counted_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_answers_pass_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_are_no_answers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
