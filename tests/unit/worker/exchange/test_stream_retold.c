/* stream.c: models that take tools only in whole answers, asked for a stream. */
#include "worker/exchange/stream.h"

#include "tests/unit/gateway_bed.h"

#define LLAMA_STREAM                                                                \
    ASK_STREAM "\"model\":\"us.meta.llama3-3-70b-instruct-v1:0\",\"max_tokens\":9," \
               "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"tools\":["
#define LLAMA_MESSAGES LLAMA_STREAM "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]}"
#define LLAMA_CHAT                                                                            \
    LLAMA_STREAM "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"stream_options\":" \
                 "{\"include_usage\":true}}"
#define LLAMA_CALL                                                                              \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"toolUse\":{"              \
    "\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}}}]}},\"stopReason\":\"tool_use\"," \
    "\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":5}}"

static void call_tool(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "200 OK", "", STR(LLAMA_CALL));
}

static void test_whole_answer_is_retold_as_a_stream(void **state)
{
    struct gateway *g = *state;
    g->reply = call_tool;
    gateway_talk(g, MESSAGES, KEY, LLAMA_MESSAGES, "event: message_stop");
    assert_non_null(strstr(g->last, "instruct-v1%3A0/converse HTTP/1.1"));
    client_check(&g->client, "note", "x-converter-changes: map:stream\r\n", true);
    client_check(&g->client, "type", "content-type: text/event-stream", true);
    client_check(&g->client, "input", "\"partial_json\":\"{\\\"a\\\":1}\"", true);
    client_check(&g->client, "end", "\r\n0\r\n\r\n", true);
    gateway_talk(g, CHAT, KEY, LLAMA_CHAT, "data: [DONE]");
    client_check(&g->client, "call", "\"arguments\":\"{\\\"a\\\":1}\"", true);
    client_check(&g->client, "usage", "\"choices\":[],\"usage\":{\"prompt_tokens\":3,", true);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS), 2);
}

static void test_retold_stream_waits_with_pings(void **state)
{
    static const struct {
        const char *line, *body, *begins, *ends;
    } rows[] = {
        {MESSAGES, LLAMA_MESSAGES, "event: message_start", "event: message_stop"},
        {CHAT, LLAMA_CHAT, "\"role\":\"assistant\"", "data: [DONE]"},
    };
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->reply = up_silence;
    for (size_t i = 0; i < 2; i++) {
        client_close(&g->client);
        client_ask(g, &g->client, rows[i].line, KEY, rows[i].body);
        gateway_expect(g, &g->client, 2, ": keepalive\n\n");
        client_check(&g->client, "none of the model's yet", rows[i].begins, false);
        call_tool(g, g->upstream, STR(""));
        loopback_flush(g->upstream);
        gateway_expect(g, &g->client, 1, rows[i].ends);
        assert_int_equal(client_count(&g->client, rows[i].begins), 1);
    }
}

static void refused(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "404 Not Found", "", STR("{\"message\":\"no such model\"}"));
}

/* Before the first ping a failure is an HTTP status, after it an error event. */
static void test_retold_stream_failing_says_so(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->reply = refused;
    gateway_talk(g, MESSAGES, KEY, LLAMA_MESSAGES, "\"request_id\"");
    client_check(&g->client, "early", "HTTP/1.1 404 ", true);
    g->reply = up_silence;
    client_close(&g->client);
    client_ask(g, &g->client, MESSAGES, KEY, LLAMA_MESSAGES);
    gateway_expect(g, &g->client, 1, ": keepalive\n\n");
    up_json(g->upstream, "404 Not Found", "", STR("{\"message\":\"no such model\"}"));
    loopback_flush(g->upstream);
    gateway_expect(g, &g->client, 1, "event: error\ndata: ");
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    client_check(&g->client, "end", "message_stop", false);
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_whole_answer_is_retold_as_a_stream),
        GATEWAY(test_retold_stream_waits_with_pings),
        GATEWAY(test_retold_stream_failing_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
