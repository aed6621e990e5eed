/* stream.c: what a client of a streamed answer sees when Bedrock is well, ill, slow or gone. */
#include "worker/exchange/stream.h"

#include "tests/unit/stream_case.h"

/* ---- good --------------------------------------------------------------------------------- */

static void test_stream_good_is_forwarded_and_connection_goes_on(void **state)
{
    struct gateway *g = *state;
    g->reply = up_good_stream;
    ask_stream(g);
    client_ask(g, &g->client, "GET /liveness", "", NULL); /* pipelined behind the stream */
    gateway_expect(g, &g->client, 1, "\"alive\":true");
    client_check(&g->client, "status", "HTTP/1.1 200 OK\r\n", true);
    client_check(&g->client, "type", "content-type: text/event-stream; charset=utf-8\r\n", true);
    client_check(&g->client, "event", "event: content_block_delta\ndata: " UP_DELTA "\n\n", true);
    client_check(&g->client, "end", "event: message_stop\n", true);
    client_check(&g->client, "error", "event: error", false);
    assert_int_equal(client_count(&g->client, "\r\n0\r\n\r\nHTTP/1.1 200 OK"), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), 0);
}

static void good_chat(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_stream(c);
    up_frame(c, EVENTSTREAM_EVENT, "messageStart", "{\"role\":\"assistant\"}");
    up_frame(c, EVENTSTREAM_EVENT, "contentBlockDelta",
             "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hello\"}}");
    up_frame(c, EVENTSTREAM_EVENT, "contentBlockStop", "{\"contentBlockIndex\":0}");
    if (g->step == 1) { /* ends in trouble */
        up_frame(c, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"" ARN "\"}");
    } else {
        up_frame(c, EVENTSTREAM_EVENT, "messageStop", "{\"stopReason\":\"end_turn\"}");
        up_frame(c, EVENTSTREAM_EVENT, "metadata",
                 "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3},"
                 "\"metrics\":{\"latencyMs\":5}}");
    }
    up_end(c);
}

static void test_stream_chat_ends_with_done(void **state)
{
    struct gateway *g = *state;
    g->reply = good_chat;
    client_ask(g, &g->client, CHAT, KEY, CHAT_STREAM_BODY);
    gateway_expect(g, &g->client, 1, "data: [DONE]\n\n\r\n0\r\n\r\n");
    client_check(&g->client, "text", "\"content\":\"Hello\"", true);
    client_check(&g->client, "event lines", "event:", false);
}

static void test_stream_chat_broken_has_error_and_no_done(void **state)
{
    struct gateway *g = *state;
    g->reply = good_chat;
    g->step = 1;
    client_ask(g, &g->client, CHAT, KEY, CHAT_STREAM_BODY);
    gateway_expect(g, &g->client, 1, "data: {\"error\":{\"message\":\"");
    finish(g);
    client_check(&g->client, "type", "\"code\":\"rate_limit_exceeded\"", true);
    client_check(&g->client, "end", "[DONE]", false);
    client_check(&g->client, "event lines", "event:", false);
    client_check(&g->client, "account", ACCOUNT, false);
}

/* ---- trouble before anything was said: an HTTP status ------------------------------------- */

static void first_exception(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)request;
    up_stream(c);
    up_frame(c, EVENTSTREAM_EXCEPTION, g->text, "{\"message\":\"no " ARN " today\"}");
    up_end(c);
}

/* The pause before a second attempt may last a second: the test does not wait for it. */
static void hurry(struct gateway *g)
{
    struct exchange *x = g->worker.exchanges;
    if (x && x->state == EXCHANGE_PAUSE)
        loop_timer_in(g->worker.loop, &x->timer_pause, 0, x->timer_pause.fn, x);
}

static void test_first_frame_exception_is_http_status(void **state)
{
    static const struct {
        const char *exception, *status, *type;
        unsigned attempts; /* as for a status */
    } rows[] = {
        {"throttlingException", "HTTP/1.1 429 ", "rate_limit_error", 2},
        {"serviceUnavailableException", "HTTP/1.1 529 ", "overloaded_error", 2},
        {"internalServerException", "HTTP/1.1 500 ", "api_error", 2},
        {"modelStreamErrorException", "HTTP/1.1 500 ", "api_error", 1},
        {"modelTimeoutException", "HTTP/1.1 504 ", "timeout_error", 1},
        {"validationException", "HTTP/1.1 400 ", "invalid_request_error", 1},
        {"newerException", "HTTP/1.1 500 ", "api_error", 1},
    };
    struct gateway *g = *state;
    g->reply = first_exception;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned before = g->bedrock.requests;
        g->text = rows[i].exception;
        client_close(&g->client);
        client_ask(g, &g->client, MESSAGES, KEY, STREAM_BODY);
        GATEWAY_UNTIL(g, (hurry(g), client_has(&g->client, 1, "\"request_id\"")));
        GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
        client_check(&g->client, rows[i].exception, rows[i].status, true);
        client_check(&g->client, rows[i].exception, rows[i].type, true);
        client_check(&g->client, rows[i].exception, "text/event-stream", false);
        client_check(&g->client, rows[i].exception, "arn:", false);
        client_check(&g->client, rows[i].exception, ACCOUNT, false);
        if (g->bedrock.requests - before != rows[i].attempts)
            fail_msg("%s: %u attempts", g->text, g->bedrock.requests - before);
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS), 0);
}

/* The first attempt of each request ends in an exception; the connection stays open, so that what
 * is left of it has to be cancelled (step 0), or the body ends with it (step 2). */
static void exception_then_good(struct gateway *g, struct loopback_conn *c, struct str request)
{
    size_t at;
    bool chat = text_find(request, STR("/converse-stream"), &at);
    if (g->bedrock.requests % 2 == 0) {
        if (chat)
            good_chat(g, c, request);
        else
            up_good_stream(g, c, request);
        return;
    }
    up_stream(c);
    if (chat) /* nothing of it reaches the client */
        up_frame(c, EVENTSTREAM_EVENT, "metadata", "{\"usage\":{\"inputTokens\":900}}");
    up_frame(c, EVENTSTREAM_EVENT, "initial-response", "{}");
    up_frame(c, EVENTSTREAM_EXCEPTION, g->text, "{\"message\":\"the service tier: slow\"}");
    if (g->step == 2)
        up_end(c);
}

static void test_first_frame_exception_is_retried_like_a_status(void **state)
{
    static const char *const rows[] = {"throttlingException", "serviceUnavailableException",
                                       "internalServerException"};
    struct gateway *g = *state;
    g->reply = exception_then_good;
    for (size_t i = 0; i < 4 * sizeof rows / sizeof *rows; i++) {
        bool chat = i & 2;
        g->text = rows[i / 4];
        g->step = i & 1 ? 2 : 0;
        client_close(&g->client);
        client_ask(g, &g->client, chat ? CHAT : MESSAGES, KEY,
                   chat ? CHAT_STREAM_BODY : STREAM_BODY);
        GATEWAY_UNTIL(g, (hurry(g), client_has(&g->client, 1, "\r\n0\r\n\r\n")));
        GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
        client_check(&g->client, g->text, "HTTP/1.1 200 OK", true);
        client_check(&g->client, g->text, "error", false);
        assert_int_equal(client_count(&g->client, "Hello"), 1);
        assert_int_equal(g->bedrock.requests, 2 * i + 2);
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_UPSTREAM_RETRIES), 12);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), 0);
    /* of the good attempts: 9 tokens told on InvokeModel, 1 on Converse; of the others what Bedrock has told of
     * them, each once */
    assert_int_equal(counters_sum(&g->segment, COUNTER_TOKENS_IN), 6 * 9 + 6 * (900 + 1));
}

/* Claude's own error in the place of an answer: once more; where that is no better, a status. */
static void error_event_first(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (g->step == 1 && g->bedrock.requests % 2 == 0) {
        up_good_stream(g, c, request);
        return;
    }
    up_stream(c);
    up_chunk(c, g->text);
    up_end(c);
}

static void test_first_error_event_is_retried_like_a_status(void **state)
{
#define ERROR_EVENT(type) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"m\"}}"
    static const struct {
        const char *event, *status;
    } rows[] = {{ERROR_EVENT("overloaded_error"), "HTTP/1.1 529"},
                {ERROR_EVENT("rate_limit_error"), "HTTP/1.1 429"},
                {ERROR_EVENT("api_error"), "HTTP/1.1 500"}};
    struct gateway *g = *state;
    g->reply = error_event_first;
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        bool cured = i & 1;
        uint32_t before = g->bedrock.requests;
        g->text = rows[i / 2].event;
        g->step = cured;
        client_close(&g->client);
        client_ask(g, &g->client, MESSAGES, KEY, STREAM_BODY);
        GATEWAY_UNTIL(g, (hurry(g), client_has(&g->client, 1, cured ? "\r\n0\r\n\r\n" : "\"}")));
        client_check(&g->client, g->text, cured ? "HTTP/1.1 200 OK" : rows[i / 2].status, true);
        client_check(&g->client, g->text, "event: error", false);
        assert_int_equal(g->bedrock.requests - before, 2);
    }
}

static void test_tier_refused_by_an_exception_is_dropped(void **state)
{
    struct gateway *g = *state;
    g->reply = exception_then_good;
    g->text = "validationException";
    client_ask(g, &g->client, MESSAGES, KEY,
               "{\"service_tier\":\"flex\",\"stream\":true,\"model\":\"" CLAUDE
               "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    client_check(&g->client, "change", "x-converter-changes: drop:service_tier", true);
    assert_int_equal(g->bedrock.requests, 2);
}

static void half_frame(struct loopback_conn *c)
{
    struct buf frame;
    buf_init(&frame, 4096);
    eventstream_encode(&frame, EVENTSTREAM_EVENT, STR("chunk"), STR("{\"bytes\":\"SEVSRQ==\"}"));
    up_bytes(c, text_sub(buf_str(&frame), 0, buf_len(&frame) - 9));
    buf_free(&frame);
}

/* A stream that has been begun (or not) and then ends in one of the ways it should not. */
enum ending {
    END_CRC,
    END_HALF_FRAME,
    END_NO_STOP,
    END_RESET,
    END_CUT,
    END_EXCEPTION,
    END_ERROR_FRAME,
    END_NO_JSON,
    END_NO_BASE64,
    ENDINGS
};

static const char *const ending_names[ENDINGS] = {
    "bad CRC",   "half a frame",   "no message_stop", "reset",    "cut",
    "exception", "an error frame", "no JSON",         "no base64"};

static void put_ending(struct loopback_conn *c, enum ending ending)
{
    switch (ending) {
    case END_CRC:
        bad_frame(c);
        break;
    case END_HALF_FRAME:
        half_frame(c);
        break;
    case END_NO_STOP:
        break;
    case END_RESET:
        c->reset_after = true;
        return;
    case END_CUT:
        c->close_after = true;
        return;
    case END_EXCEPTION:
        up_frame(c, EVENTSTREAM_EXCEPTION, "modelStreamErrorException",
                 "{\"message\":\"" ARN "\"}");
        break;
    case END_ERROR_FRAME:
        up_frame(c, EVENTSTREAM_ERROR, "SomeError", "bad " ARN);
        break;
    case END_NO_JSON:
        up_chunk(c, "<html>");
        break;
    case END_NO_BASE64:
        up_frame(c, EVENTSTREAM_EVENT, "chunk", "{\"bytes\":\"*\"}");
        break;
    case ENDINGS:
        break;
    }
    up_end(c);
}

static void only_ending(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)request;
    up_stream(c);
    put_ending(c, (enum ending)g->step);
}

/* Each ending once: what they count as. */
static void check_endings(struct gateway *g)
{
    static const struct {
        enum counter type;
        unsigned n;
    } want[] = {{COUNTER_FAILED_FRAME, 1},
                {COUNTER_FAILED_CUT, 4}, /* half a frame, no message_stop, reset, cut */
                {COUNTER_FAILED_MODEL_STREAM, 1},
                {COUNTER_FAILED_OTHER_EXCEPTION, 1},
                {COUNTER_FAILED_ANSWER, 2}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        if (counters_sum(&g->segment, want[i].type) != want[i].n)
            fail_msg("%s: %u, not %u", counters_row(want[i].type)->value,
                     (unsigned)counters_sum(&g->segment, want[i].type), want[i].n);
    }
}

static void test_broken_before_first_event_is_http_status(void **state)
{
    struct gateway *g = *state;
    g->reply = only_ending;
    for (g->step = 0; g->step < ENDINGS; g->step++) {
        const char *name = ending_names[g->step];
        bool theirs = g->step == END_EXCEPTION || g->step == END_ERROR_FRAME;
        gateway_talk(g, MESSAGES, KEY, STREAM_BODY, "\"request_id\"");
        client_check(&g->client, name, theirs ? "HTTP/1.1 500 " : "HTTP/1.1 502 ", true);
        client_check(&g->client, name, "content-type: application/json", true);
        client_check(&g->client, name, "event:", false);
        client_check(&g->client, name, "arn:", false);
    }
    assert_int_equal(g->bedrock.requests, ENDINGS); /* none was repeated */
    check_endings(g);
}

static void html(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    loopback_reply(c, "200 OK", STR("<html>captive portal</html>"));
}

static void whole_instead(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "200 OK", "", STR(UP_WHOLE));
}

static void test_other_answer_than_a_stream_is_502(void **state)
{
    struct gateway *g = *state;
    g->reply = html;
    gateway_talk(g, MESSAGES, KEY, STREAM_BODY, "\"request_id\"");
    client_check(&g->client, "html", "HTTP/1.1 502 ", true);
    client_check(&g->client, "html", "captive", false);
    g->reply = whole_instead;
    gateway_talk(g, MESSAGES, KEY, STREAM_BODY, "\"request_id\"");
    client_check(&g->client, "json", "HTTP/1.1 502 ", true);
}

static void test_stream_instead_of_whole_answer_is_502(void **state)
{
    struct gateway *g = *state;
    g->reply = up_good_stream;
    gateway_talk(g, MESSAGES, KEY, ASK, "\"request_id\"");
    client_check(&g->client, "stream", "HTTP/1.1 502 ", true);
    client_check(&g->client, "stream", "event:", false);
}

/* A kind of event that is newer than this program says nothing to the client. */
static void unknown_then_exception(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_stream(c);
    up_frame(c, EVENTSTREAM_EVENT, "initial-response", "{}");
    up_frame(c, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"slow\"}");
    up_end(c);
}

static void test_event_without_output_does_not_begin_the_answer(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    g->reply = unknown_then_exception;
    gateway_talk(g, MESSAGES, KEY, STREAM_BODY, "\"request_id\"");
    client_check(&g->client, "status", "HTTP/1.1 429 ", true);
}

/* ---- trouble in the middle: one error event ----------------------------------------------- */

static void begun_then_ending(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)request;
    up_begin(c);
    put_ending(c, (enum ending)g->step);
}

static void test_broken_mid_stream_is_one_error_event_and_no_stop(void **state)
{
    struct gateway *g = *state;
    g->reply = begun_then_ending;
    for (g->step = 0; g->step < ENDINGS; g->step++) {
        const char *name = ending_names[g->step];
        ask_stream(g);
        gateway_expect(g, &g->client, 1, "event: error\ndata: {\"type\":\"error\"");
        finish(g);
        client_check(&g->client, name, "HTTP/1.1 200 OK", true);
        client_check(&g->client, name, "Hello", true);
        client_check(&g->client, name, "message_stop", false);
        client_check(&g->client, name, "HERE", false); /* of the bad frame */
        client_check(&g->client, name, "arn:", false);
        client_check(&g->client, name, "\n\n\r\n0\r\n\r\n", true);
        assert_int_equal(client_count(&g->client, "event: error"), 1);
    }
    assert_int_equal(g->bedrock.requests, ENDINGS);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), ENDINGS);
    check_endings(g);
}

static void stop_then_reset(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_begin(c);
    up_stop(c);
    c->reset_after = true;
}

static void test_reset_after_message_stop_is_a_complete_answer(void **state)
{
    struct gateway *g = *state;
    g->reply = stop_then_reset;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    client_check(&g->client, "end", "event: message_stop", true);
    client_check(&g->client, "error", "event: error", false);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), 0);
}

static void model_error_then_cut(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_begin(c);
    up_chunk(c, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                "\"message\":\"Overloaded\"}}");
    c->close_after = true;
}

static void test_models_own_error_event_is_the_only_one(void **state)
{
    struct gateway *g = *state;
    g->reply = model_error_then_cut;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    assert_int_equal(client_count(&g->client, "event: error"), 1);
    client_check(&g->client, "end", "message_stop", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_stream_good_is_forwarded_and_connection_goes_on),
        GATEWAY(test_stream_chat_ends_with_done),
        GATEWAY(test_stream_chat_broken_has_error_and_no_done),
        GATEWAY(test_first_frame_exception_is_http_status),
        GATEWAY(test_first_frame_exception_is_retried_like_a_status),
        GATEWAY(test_first_error_event_is_retried_like_a_status),
        GATEWAY(test_tier_refused_by_an_exception_is_dropped),
        GATEWAY(test_broken_before_first_event_is_http_status),
        GATEWAY(test_other_answer_than_a_stream_is_502),
        GATEWAY(test_stream_instead_of_whole_answer_is_502),
        GATEWAY(test_event_without_output_does_not_begin_the_answer),
        GATEWAY(test_broken_mid_stream_is_one_error_event_and_no_stop),
        GATEWAY(test_reset_after_message_stop_is_a_complete_answer),
        GATEWAY(test_models_own_error_event_is_the_only_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
