/* Frames and answers of Bedrock on their way to the client. The usual stream is in
 * tests/golden/splice_stream. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"
#include "server/base/base64.h"

static struct splice_reply whole;
#define reply whole.reply
static struct buf out;
static struct arena *arena;
static struct err err;

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)64 << 20);
    buf_init(&out, (size_t)8 << 20);
    splice_reply_init(&whole, STR("my \"model\""));
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_free(&out);
    arena_drop(arena);
    return 0;
}

/* before + base64(json) + after */
static struct str frame(const char *before, struct str json, const char *after)
{
    size_t head = strlen(before), n = base64_size(json.n), tail = strlen(after);
    char *p = arena_alloc(arena, head + n + tail + 1);
    assert_non_null(p);
    memcpy(p, before, head);
    base64_encode((const uint8_t *)json.p, json.n, p + head);
    memcpy(p + head + n, after, tail);
    return (struct str){p, head + n + tail};
}

/* As if the events before had come. */
static void stand(enum splice_order_place place)
{
    whole.order = (struct splice_order){.place = place, .blocks = place != SPLICE_ORDER_BEFORE};
    reply.stopped = false;
}

static void assert_out(const char *name, const char *want)
{
    if (!text_eq(buf_str(&out), text_from(want)))
        fail_msg("%s: got '%.*s'", name, STR_ARG(buf_str(&out)));
}

static void test_event_in_any_wrapping_is_unwrapped(void **state)
{
    static const struct {
        const char *name, *before, *after;
    } rows[] = {
        {"as Bedrock writes it", "{\"bytes\":\"", "\",\"p\":\"abcdef\"}"},
        {"no padding member", "{\"bytes\":\"", "\"}"},
        {"empty padding", "{\"bytes\":\"", "\",\"p\":\"\"}"},
        {"other order", "{\"p\":\"abc\",\"bytes\":\"", "\"}"},
        {"spaces", "{ \"bytes\" : \"", "\" , \"p\" : \"abc\" }\n"},
        {"another member", "{\"bytes\":\"", "\",\"p\":\"abc\",\"x\":{\"y\":\"z\"}}"},
        {"escape in the padding", "{\"bytes\":\"", "\",\"p\":\"a\\\"c\"}"},
    };
    static const char event[] = "{\"type\":\"content_block_stop\",\"index\":0}";
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        stand(SPLICE_ORDER_INSIDE);
        if (splice_event(&reply, frame(rows[i].before, text_from(event), rows[i].after), &out,
                         &err) != STATUS_OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        assert_out(
            rows[i].name,
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    }
}

static void test_event_with_line_breaks_stays_one_field(void **state)
{
    static const char *const rows[] = {"{\"type\":\"ping\",\r\n \"a\":1}",
                                       "{\n\"type\":\"ping\",\r\n \"a\":1}\n",
                                       "{\"type\":\"message_stop\",\n\"a\":\r1}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t at;
        buf_clear(&out);
        stand(SPLICE_ORDER_ENDING);
        assert_int_equal(
            splice_event(&reply, frame("{\"bytes\":\"", text_from(rows[i]), "\"}"), &out, &err),
            STATUS_OK);
        struct str got = buf_str(&out);
        if (memchr(got.p, '\r', got.n) || !text_find(got, STR("\n\n"), &at) || at != got.n - 2)
            fail_msg("%s: got '%.*s'", rows[i], STR_ARG(got));
    }
}

static void test_event_that_is_none_is_an_upstream_fault(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "<html>",
        "{\"bytes\":5}",
        "{\"bytes\":\"%%%%\"}",
        "{\"bytes\":\"abc\"}",
        "{\"bytes\":\"",
        "{\"bytes\":\"\"}",
        "{\"bytes\":\"e30=\",\"p\":\"",
        "\"}",
        "{\"bytes\":\"}",
        "{\"bytes\":\"eyJ0eXBlIjoicGluZyI=\"}", /* {"type":"ping" */
        "{\"bytes\":\"bm9wZQ==\",\"p\":\"a\"}", /* nope */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum status st = splice_event(&reply, text_from(rows[i]), &out, &err);
        if (st != STATUS_UPSTREAM || buf_len(&out) != 0)
            fail_msg("%s: status %d, %zu bytes", rows[i], st, buf_len(&out));
    }
}

static void test_event_without_type_is_dropped(void **state)
{
    static const char *const rows[] = {
        "{}", "[1]", "{\"type\":5}", "{\"type\":\"\"}", "{\"type\":\"a\\nb\"}", "{\"type\":\"X\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum status st =
            splice_event(&reply, frame("{\"bytes\":\"", text_from(rows[i]), "\"}"), &out, &err);
        if (st != STATUS_OK || buf_len(&out) != 0)
            fail_msg("%s: status %d, %zu bytes", rows[i], st, buf_len(&out));
    }
}

static void test_events_are_appended_to_what_waits(void **state)
{
    (void)state;
    BUF_LIT(&out, "before");
    stand(SPLICE_ORDER_ENDING);
    assert_int_equal(
        splice_event(&reply, frame("{\"bytes\":\"", STR("{\"type\":\"ping\"}"), "\"}"), &out, &err),
        STATUS_OK);
    assert_int_equal(splice_event(&reply,
                                  frame("{\"bytes\":\"", STR("{\"type\":\"message_stop\"}"), "\"}"),
                                  &out, &err),
                     STATUS_OK);
    assert_out("two", "beforeevent: ping\ndata: {\"type\":\"ping\"}\n\n"
                      "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    assert_true(reply.stopped);
}

static void test_event_larger_than_the_room_is_internal(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"type\":\"ping\",\"a\":\"0123456789\"}",
                                       "{\"type\":\"message_stop\",\"a\":\"0123456789\"}"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf small;
        buf_init(&small, 30);
        stand(SPLICE_ORDER_ENDING);
        assert_int_equal(
            splice_event(&reply, frame("{\"bytes\":\"", text_from(rows[i]), "\"}"), &small, &err),
            STATUS_INTERNAL);
        buf_free(&small);
    }
}

static enum status say(const char *json)
{
    return splice_event(&reply, frame("{\"bytes\":\"", text_from(json), "\",\"p\":\"abc\"}"), &out,
                        &err);
}

/* The usual form is known by its first bytes, any other by a scan: the same order holds for both.
 */
static void test_event_out_of_order_is_an_upstream_fault(void **state)
{
    static const struct {
        enum splice_order_place place; /* block 0 is open, or was */
        const char *json;
        enum status want;
    } rows[] = {
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":0}", STATUS_OK},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\", \"index\":0}", STATUS_OK},
        {SPLICE_ORDER_INSIDE, "{\"index\":0,\"type\":\"content_block_stop\"}", STATUS_OK},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":1}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":0.0}", STATUS_OK},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":0.5}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":-1}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":null}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\"}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"index\":9,\"type\":\"content_block_stop\"}", STATUS_UPSTREAM},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{}}",
         STATUS_OK},
        {SPLICE_ORDER_INSIDE,
         "{\"type\":\"content_block_delta\",\"index\":18446744073709551616,\"delta\":{}}",
         STATUS_UPSTREAM},
        {SPLICE_ORDER_BETWEEN,
         "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{}}", STATUS_OK},
        {SPLICE_ORDER_BETWEEN,
         "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{}}", STATUS_UPSTREAM},
        {SPLICE_ORDER_BETWEEN, "{\"type\":\"message_start\",\"message\":{}}", STATUS_UPSTREAM},
        {SPLICE_ORDER_BETWEEN, "{\"type\":\"message_stop\"}", STATUS_UPSTREAM},
        {SPLICE_ORDER_BEFORE, "{\"type\":\"ping\"}", STATUS_OK},
        {SPLICE_ORDER_BEFORE, "{\"type\":\"error\",\"error\":{}}", STATUS_OK},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        stand(rows[i].place);
        reply.deltas = 0;
        enum status st = say(rows[i].json);
        if (st != rows[i].want || (buf_len(&out) > 0) != (st == STATUS_OK))
            fail_msg("%s: status %d, %zu bytes", rows[i].json, st, buf_len(&out));
        if (st != STATUS_OK)
            assert_int_equal(reply.deltas, 0);
    }
    assert_true(reply.failed);
}

static void test_nothing_comes_behind_the_end(void **state)
{
    static const char *const rows[] = {"{\"type\":\"message_start\",\"message\":{}}",
                                       "{\"type\":\"ping\"}", "{\"type\":\"error\",\"error\":{}}",
                                       "<html>"};
    (void)state;
    stand(SPLICE_ORDER_ENDING);
    assert_int_equal(say("{\"type\":\"message_stop\"}"), STATUS_OK);
    size_t before = buf_len(&out);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(say(rows[i]), STATUS_OK);
    assert_int_equal(buf_len(&out), before);
    assert_true(reply.stopped && !reply.failed);
}

/* A chunk may decode to 1 MB. */
static void test_large_delta_is_forwarded_whole(void **state)
{
    enum { N = 900000 };
    char *text = arena_alloc(arena, N + 200);
    (void)state;
    int head =
        snprintf(text, 200, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"");
    memset(text + head, 'x', N);
    memcpy(text + head + N, "\"}}", 3);
    struct str json = {text, (size_t)head + N + 3};
    stand(SPLICE_ORDER_INSIDE);
    assert_int_equal(
        splice_event(&reply, frame("{\"bytes\":\"", json, "\",\"p\":\"ab\"}"), &out, &err),
        STATUS_OK);
    struct str got = buf_str(&out);
    assert_true(text_starts(got, STR("event: content_block_delta\ndata: {\"type\"")));
    assert_int_equal(got.n, STR("event: content_block_delta\ndata: ").n + json.n + 2);
    assert_memory_equal(got.p + got.n - 2 - json.n, json.p, json.n);
}

/* C.2: an account's guardrail adds members with its ARN and the blocked words, in any event. */
static void test_nothing_of_aws_own_reaches_a_client(void **state)
{
#define GUARD                                                                              \
    "\"amazon-bedrock-trace\":{\"guardrail\":{\"arn\":\"arn:x\",\"match\":\"bad word\"}}," \
    "\"amazon-bedrock-guardrailAction\":\"INTERVENED\",\"amazon-bedrock-newer\":1"
#define DELTA(text)                                                                     \
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\"," \
    "\"text\":\"" text "\"}"
    static const struct {
        enum splice_order_place place;
        const char *in, *out;
    } rows[] = {
        {SPLICE_ORDER_INSIDE, DELTA("a") "," GUARD "}", DELTA("a") "}"},
        {SPLICE_ORDER_INSIDE, DELTA("the \\\"amazon-bedrock-trace\\\" of it") "}",
         DELTA("the \\\"amazon-bedrock-trace\\\" of it") "}"},
        {SPLICE_ORDER_INSIDE, "{\"type\":\"content_block_stop\",\"index\":0," GUARD "}",
         "{\"type\":\"content_block_stop\",\"index\":0}"},
        {SPLICE_ORDER_BETWEEN,
         "{\"type\":\"message_delta\"," GUARD ",\"delta\":{\"stop_reason\":\"end_turn\"},"
         "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
         "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":"
         "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}},"
         "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"},
        {SPLICE_ORDER_ENDING, "{\"type\":\"message_stop\"," GUARD "}",
         "{\"type\":\"message_stop\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        stand(rows[i].place);
        assert_int_equal(say(rows[i].in), STATUS_OK);
        struct str got = buf_str(&out);
        if (!text_ends(got, STR("\n\n")) ||
            !text_ends(text_sub(got, 0, got.n - 2), text_from(rows[i].out)))
            fail_msg("row %zu: %.*s", i, STR_ARG(got));
        size_t at;
        assert_false(text_find(got, STR("arn:x"), &at));
    }
    buf_clear(&out);
    assert_int_equal(splice_answer(&reply, arena,
                                   STR("{\"type\":\"message\",\"model\":\"m\"," GUARD
                                       ",\"content\":[],\"usage\":{}}"),
                                   &out, &err),
                     STATUS_OK);
    assert_out("whole", "{\"type\":\"message\",\"model\":\"my \\\"model\\\"\",\"content\":[],"
                        "\"usage\":{}}");
}

static void test_answer_has_the_clients_model_and_no_metrics(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"bedrock\",\"content\":[{\"type\":"
         "\"tool_use\","
         "\"input\":{\"n\":9007199254740993}}],\"stop_reason\":\"refusal\",\"usage\":{\"input_"
         "tokens\":1,"
         "\"output_tokens\":2},\"amazon-bedrock-invocationMetrics\":{\"firstByteLatency\":9}}",
         "{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"my "
         "\\\"model\\\"\",\"content\":[{\"type\":\"tool_use\","
         "\"input\":{\"n\":9007199254740993}}],\"stop_reason\":\"refusal\",\"usage\":{\"input_"
         "tokens\":1,"
         "\"output_tokens\":2}}"},
        {"{\"type\":\"message\",\"stop_reason\":\"refusal\",\"content\":[],\"usage\":{\"input_"
         "tokens\":1,\"output_tokens\":2}}",
         "{\"model\":\"my "
         "\\\"model\\\"\",\"type\":\"message\",\"stop_reason\":\"refusal\",\"content\":[],"
         "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&out);
        assert_int_equal(splice_answer(&reply, arena, text_from(rows[i].in), &out, &err),
                         STATUS_OK);
        assert_out(rows[i].in, rows[i].out);
        assert_string_equal(reply.stop_reason, "refusal");
        assert_int_equal(reply.usage.tokens.input, 1);
        assert_int_equal(reply.usage.tokens.output, 2);
        assert_true(reply.usage.seen);
    }
    assert_int_equal(reply.first_latency_ms, 9);
}

/* W12: a call that is not there is waited for by agents. */
static void test_reason_tool_use_without_a_call_is_end_turn(void **state)
{
#define TEXT   "{\"type\":\"text\",\"text\":\"\"}"
#define CALL   "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}"
#define SERVER "{\"type\":\"server_tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}"
    static const struct {
        const char *block, *reason, *want;
    } rows[] = {
        {TEXT, "tool_use", "end_turn"},
        {SERVER, "tool_use", "end_turn"},
        {CALL, "tool_use", "tool_use"},
        {"{ \"type\" : \"tool\\u005fuse\" }", "tool_use", "tool_use"},
        {TEXT, "end_turn", "end_turn"},
        {TEXT, "max_tokens", "max_tokens"},
        {CALL, "max_tokens", "max_tokens"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *block = rows[i].block, *reason = rows[i].reason, *want = rows[i].want;
        buf_clear(&out);
        splice_reply_init(&whole, STR("m"));
        assert_int_equal(say("{\"type\":\"message_start\",\"message\":{}}"), STATUS_OK);
        assert_int_equal(
            say(arena_printf(arena,
                             "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":%s}",
                             block)),
            STATUS_OK);
        assert_int_equal(say("{\"type\":\"content_block_stop\",\"index\":0}"), STATUS_OK);
        buf_clear(&out);
        assert_int_equal(
            say(arena_printf(
                arena, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\"}}", reason)),
            STATUS_OK);
        assert_out(block, arena_printf(arena,
                                       "event: message_delta\ndata: {\"type\":\"message_delta\","
                                       "\"delta\":{\"stop_reason\":\"%s\"}}\n\n",
                                       want));
        assert_string_equal(reply.stop_reason, want);
        buf_clear(&out);
        splice_reply_init(&whole, STR("m"));
#define ANSWER \
    "{\"model\":\"m\",\"type\":\"message\",\"stop_reason\":\"%s\",\"content\":[" TEXT ",%s]}"
        assert_int_equal(splice_answer(&reply, arena,
                                       text_from(arena_printf(arena, ANSWER, reason, block)), &out,
                                       &err),
                         STATUS_OK);
        assert_out(block, arena_printf(arena, ANSWER, want, block));
        assert_string_equal(reply.stop_reason, want);
    }
}

/* Before anything else it is a refusal, which another attempt may cure; afterwards the client's. */
static void test_error_is_a_refusal_if_it_comes_first(void **state)
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
        struct str payload = frame("{\"bytes\":\"", text_from(rows[i].json), "\"}");
        splice_reply_init(&whole, STR("m"));
        buf_clear(&out);
        assert_int_equal(splice_event(&reply, payload, &out, &err),
                         rows[i].code ? STATUS_UPSTREAM : STATUS_OK);
        assert_string_equal(reply.error.code, rows[i].code ? rows[i].code : "");
        assert_true((buf_len(&out) == 0) == (rows[i].code != NULL));
        splice_reply_init(&whole, STR("m"));
        reply.started = true;
        assert_int_equal(splice_event(&reply, payload, &out, &err), STATUS_OK);
        assert_true(reply.failed);
        splice_reply_init(&whole, STR("m"));
        assert_int_equal(splice_answer(&reply, arena, text_from(rows[i].json), &out, &err),
                         STATUS_UPSTREAM);
        assert_string_equal(reply.error.code, rows[i].code ? rows[i].code : "");
    }
}

static void test_answer_that_is_no_message_is_an_upstream_fault(void **state)
{
    static const char *const rows[] = {"",
                                       "<html><body>502</body></html>",
                                       "{\"type\":\"message\",\"content\":[",
                                       "[]",
                                       "null",
                                       "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}",
                                       "{\"Output\":{}}",
                                       "{\"type\":\"message\",\"content\":\"x\"}",
                                       "{\"type\":\"message\",\"content\":[]}{}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum status st = splice_answer(&reply, arena, text_from(rows[i]), &out, &err);
        if (st != STATUS_UPSTREAM || buf_len(&out) != 0)
            fail_msg("%s: status %d", rows[i], st);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_event_in_any_wrapping_is_unwrapped),
        T(test_event_with_line_breaks_stays_one_field),
        T(test_event_that_is_none_is_an_upstream_fault),
        T(test_event_without_type_is_dropped),
        T(test_events_are_appended_to_what_waits),
        T(test_event_larger_than_the_room_is_internal),
        T(test_event_out_of_order_is_an_upstream_fault),
        T(test_nothing_comes_behind_the_end),
        T(test_large_delta_is_forwarded_whole),
        T(test_nothing_of_aws_own_reaches_a_client),
        T(test_answer_has_the_clients_model_and_no_metrics),
        T(test_reason_tool_use_without_a_call_is_end_turn),
        T(test_error_is_a_refusal_if_it_comes_first),
        T(test_answer_that_is_no_message_is_an_upstream_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
