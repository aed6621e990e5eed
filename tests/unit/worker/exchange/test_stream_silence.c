/* W6: what a client hears while the model says nothing yet, and what it can still become of it. */
#include "worker/exchange/stream.h"

#include "tests/unit/stream_case.h"

#define SILENT    ": keepalive\n\n"
#define CLAUDE_ID "us.anthropic.claude-opus-4-6-v1"
#define RESPONSES "POST /v1/responses"

static const struct route_case {
    const char *line, *body, *begins, *ends, *error;
} dialects[] = {
    {MESSAGES, STREAM_BODY, "event: message_start", "event: message_stop",
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\""},
    {CHAT, CHAT_STREAM_BODY, "\"role\":\"assistant\"", "data: [DONE]",
     "data: {\"error\":{\"message\":\"no such field\",\"type\":\"invalid_request_error\""},
    {RESPONSES, "{\"model\":\"" NOVA "\",\"stream\":true,\"input\":\"Hi\"}",
     "event: response.created", "event: response.completed",
     "\"error\":{\"code\":\"invalid_prompt\",\"message\":\"no such field\"}"},
};
#define DIALECTS (sizeof dialects / sizeof dialects[0])

static void good(struct gateway *g, struct loopback_conn *c, struct str request)
{
    size_t at;
    if (!text_find(request, STR("/converse-stream"), &at)) {
        up_good_stream(g, c, request);
        return;
    }
    up_stream(c);
    up_frame(c, EVENTSTREAM_EVENT, "messageStart", "{\"role\":\"assistant\"}");
    up_frame(c, EVENTSTREAM_EVENT, "contentBlockDelta",
             "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hello\"}}");
    up_frame(c, EVENTSTREAM_EVENT, "contentBlockStop", "{\"contentBlockIndex\":0}");
    up_frame(c, EVENTSTREAM_EVENT, "messageStop", "{\"stopReason\":\"end_turn\"}");
    up_frame(c, EVENTSTREAM_EVENT, "metadata",
             "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3}}");
    up_end(c);
}

static void headers_alone(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_stream(c);
}

static void up_refuses(struct loopback_conn *c, const char *status, const char *type)
{
    char header[80];
    snprintf(header, sizeof header, "x-amzn-ErrorType: %s\r\n", type);
    up_json(c, status, header, STR("{\"message\":\"no such field\"}"));
    loopback_flush(c);
}

static void ask(struct gateway *g, const struct route_case *r)
{
    client_close(&g->client);
    client_ask(g, &g->client, r->line, KEY, r->body);
}

/* The client is told 200 and hears something, but nothing of a model. */
static void check_committed(struct gateway *g, const struct route_case *r)
{
    gateway_expect(g, &g->client, 1, SILENT);
    client_check(&g->client, r->line, "HTTP/1.1 200 OK", true);
    client_check(&g->client, r->line, "content-type: text/event-stream", true);
    client_check(&g->client, r->line, r->begins, false);
}

static void check_whole(struct gateway *g, const struct route_case *r)
{
    gateway_expect(g, &g->client, 1, r->ends);
    finish(g);
    client_check(&g->client, r->line, "\r\n0\r\n\r\n", true);
    client_check(&g->client, r->line, "\"error\":{", false);
    assert_int_equal(client_count(&g->client, "HTTP/1.1 "), 1);
    assert_int_equal(client_count(&g->client, r->begins), 1);
}

static void test_bedrocks_200_lets_pings_flow(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    for (size_t i = 0; i < DIALECTS; i++) {
        g->reply = headers_alone;
        unsigned before = g->bedrock.requests;
        ask(g, &dialects[i]);
        GATEWAY_UNTIL(g, g->bedrock.requests > before);
        uint64_t asked_ms = clock_mono_ms();
        check_committed(g, &dialects[i]);
        assert_in_range(clock_mono_ms() - asked_ms, 900, 1500);
        gateway_expect(g, &g->client, 2, SILENT);
        buf_clear(&g->upstream->out);
        struct loopback_conn *c = g->upstream;
        good(g, c, text_from(g->last));
        /* its headers are out already */
        size_t at;
        assert_true(text_find(buf_str(&c->out), STR("\r\n\r\n"), &at));
        struct buf frames;
        buf_init(&frames, 1 << 20);
        buf_put_str(&frames, text_sub(buf_str(&c->out), at + 4, buf_len(&c->out)));
        buf_clear(&c->out);
        buf_put_str(&c->out, buf_str(&frames));
        buf_free(&frames);
        loopback_flush(c);
        check_whole(g, &dialects[i]);
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS), DIALECTS);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), 0);
}

static void test_exception_soon_behind_the_200_is_still_a_status(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->reply = headers_alone;
    ask_stream(g);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    gateway_run(g, 100);
    up_frame(g->upstream, EVENTSTREAM_EXCEPTION, "validationException", "{\"message\":\"no\"}");
    up_end(g->upstream);
    loopback_flush(g->upstream);
    gateway_expect(g, &g->client, 1, "\"message\":");
    client_check(&g->client, "status", "HTTP/1.1 400 ", true);
    client_check(&g->client, "status", SILENT, false);
}

/* Bedrock says nothing at all: then it is time that decides, and a refusal can be no status. */
static void test_refusal_after_the_commitment_is_an_event_and_recorded_as_what_it_is(void **state)
{
    static const enum traffic rows[DIALECTS] = {TRAFFIC_MESSAGES_INVOKE, TRAFFIC_CHAT_CONVERSE,
                                                TRAFFIC_RESPONSES_CONVERSE};
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->config.bounds.commit_ms = 1000;
    g->reply = up_silence;
    for (size_t i = 0; i < DIALECTS; i++) {
        const struct traffic_row *row = counters_traffic(rows[i]);
        ask(g, &dialects[i]);
        check_committed(g, &dialects[i]);
        up_refuses(g->upstream, "400 Bad Request", "ValidationException");
        gateway_expect(g, &g->client, 1, dialects[i].error);
        finish(g);
        client_check(&g->client, "end", "\r\n0\r\n\r\n", true);
        client_check(&g->client, "end", dialects[i].ends, false);
        assert_int_equal(row->requests[TRAFFIC_4XX], 1);
        assert_int_equal(row->requests[TRAFFIC_ABORTED], 0);
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), DIALECTS);
}

static void test_before_the_commitment_nothing_is_heard(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->reply = up_silence;
    assert_int_equal(g->config.bounds.commit_ms, 25000);
    ask_stream(g);
    gateway_run(g, 1300);
    client_read(&g->client);
    assert_int_equal(buf_len(&g->client.in), 0);
    up_refuses(g->upstream, "400 Bad Request", "ValidationException");
    gateway_expect(g, &g->client, 1, "\"message\":");
    client_check(&g->client, "status", "HTTP/1.1 400 ", true);
}

/* A ping is nothing of the model's: trying again, and learning, stay right. */
static void test_ping_does_not_end_the_right_to_try_again(void **state)
{
    static const struct {
        const char *status, *type, *message;
        bool framed;
    } rows[] = {
        {"503 Busy", "ServiceUnavailableException", "{\"message\":\"later\"}", false},
        {"400 Bad", "ValidationException",
         "{\"message\":\"The model returned the following errors: `temperature` is deprecated for "
         "this model.\"}",
         false},
        {"200 OK", "serviceUnavailableException", "{\"message\":\"later\"}", true},
    };
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->config.bounds.commit_ms = 1000;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char header[80], body[400];
        unsigned before = g->bedrock.requests;
        snprintf(header, sizeof header, "x-amzn-ErrorType: %s\r\n", rows[i].type);
        snprintf(body, sizeof body, "{\"temperature\":0.5,%s", dialects[0].body + 1);
        g->reply = rows[i].framed ? headers_alone : up_silence;
        client_close(&g->client);
        client_ask(g, &g->client, MESSAGES, KEY, body);
        check_committed(g, &dialects[0]);
        g->reply = good;
        if (rows[i].framed) {
            up_frame(g->upstream, EVENTSTREAM_EXCEPTION, rows[i].type, rows[i].message);
            up_end(g->upstream);
        } else {
            up_json(g->upstream, rows[i].status, header, text_from(rows[i].message));
        }
        loopback_flush(g->upstream);
        check_whole(g, &dialects[0]);
        assert_int_equal(g->bedrock.requests, before + 2);
    }
}

/* Between two attempts there is no reply at all. */
static void check_deadline(struct gateway *g, const struct route_case *r, const char *says)
{
    struct exchange *x;
    g->config.ping_seconds = 1;
    g->config.max_request_seconds = 100;
    g->reply = headers_alone;
    ask(g, r);
    check_committed(g, r);
    up_frame(g->upstream, EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"slow\"}");
    up_end(g->upstream);
    loopback_flush(g->upstream);
    GATEWAY_UNTIL(g, (x = g->worker.exchanges) && x->state == EXCHANGE_PAUSE);
    loop_timer_in(g->worker.loop, &x->timer_pause, 60000, x->timer_pause.fn, x);
    gateway_expect(g, &g->client, 2, SILENT); /* goes on */
    loop_timer_in(g->worker.loop, &x->timer_deadline, 0, x->timer_deadline.fn, x);
    gateway_expect(g, &g->client, 1, says);
    finish(g);
    client_check(&g->client, "end", "\r\n0\r\n\r\n", true);
}

/* Of a chain it is not known yet which model answers: no header may say so. */
static void test_stream_that_begins_without_an_answer_names_no_model(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->config.bounds.commit_ms = 1000;
    g->config.model_opus = CLAUDE_ID "," NOVA;
    for (int early = 0; early < 2; early++) {
        g->reply = early ? up_silence : good;
        client_close(&g->client);
        client_ask(g, &g->client, MESSAGES, KEY,
                   "{\"model\":\"claude-opus-4-6\",\"max_tokens\":9,\"stream\":true,"
                   "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
        if (early) {
            check_committed(g, &dialects[0]);
            g->reply = good;
            up_json(g->upstream, "429 Too Many", "x-amzn-ErrorType: ThrottlingException\r\n",
                    STR("{\"message\":\"later\"}"));
            loopback_flush(g->upstream);
        }
        check_whole(g, &dialects[0]);
        client_check(&g->client, "header", "x-converter-model: " CLAUDE_ID "\r\n", !early);
        client_check(&g->client, "header", "x-converter-model", !early);
    }
}

static void test_deadline_between_two_attempts_of_a_committed_stream(void **state)
{
    check_deadline(*state, &dialects[0], "\"type\":\"timeout_error\"");
    check_deadline(*state, &dialects[2], "event: error\n");
    client_check(&((struct gateway *)*state)->client, "first", "event: response.created", true);
    client_check(&((struct gateway *)*state)->client, "last",
                 "\"error\":{\"code\":\"server_error\",", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_bedrocks_200_lets_pings_flow),
        GATEWAY(test_exception_soon_behind_the_200_is_still_a_status),
        GATEWAY(test_refusal_after_the_commitment_is_an_event_and_recorded_as_what_it_is),
        GATEWAY(test_before_the_commitment_nothing_is_heard),
        GATEWAY(test_ping_does_not_end_the_right_to_try_again),
        GATEWAY(test_stream_that_begins_without_an_answer_names_no_model),
        GATEWAY(test_deadline_between_two_attempts_of_a_committed_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
