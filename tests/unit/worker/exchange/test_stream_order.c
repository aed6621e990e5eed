/* What a client gets when Bedrock's events come in an order that they cannot have. */
#include "worker/exchange/stream.h"

#include "tests/unit/gateway_bed.h"

/* A word is an event: "S" message_start, "s0" the start of block 0, "d0" a piece, "-0" its stop,
 * "D" message_delta, "E" message_stop; on Converse "D" is messageStop and "E" metadata. */
static void put_word(struct loopback_conn *c, struct str word, bool converse)
{
    static const struct {
        char letter;
        const char *invoke, *type, *converse;
    } rows[] = {
        {'S', UP_START, "messageStart", "{\"role\":\"assistant\"}"},
        {'s',
         "{\"type\":\"content_block_start\",\"index\":%c,\"content_block\":{\"type\":\"tool_use\","
         "\"id\":\"t%c\",\"name\":\"n\",\"input\":{}}}",
         "contentBlockStart",
         "{\"contentBlockIndex\":%c,\"start\":{\"toolUse\":{\"toolUseId\":\"t%c\",\"name\":\"n\"}}"
         "}"},
        {'d',
         "{\"type\":\"content_block_delta\",\"index\":%c,\"delta\":{\"type\":\"input_json_delta\","
         "\"partial_json\":\"[%c]\"}}",
         "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"toolUse\":{\"input\":\"[%c]\"}}}"},
        {'-', "{\"type\":\"content_block_stop\",\"index\":%c}", "contentBlockStop",
         "{\"contentBlockIndex\":%c}"},
        {'D', UP_MESSAGE_DELTA, "messageStop", "{\"stopReason\":\"tool_use\"}"},
        {'E', UP_STOP, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}"},
    };
    char json[1000];
    char index = word.n > 1 ? word.p[1] : '0';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (word.p[0] != rows[i].letter)
            continue;
        snprintf(json, sizeof json, converse ? rows[i].converse : rows[i].invoke, index, index);
        if (converse)
            up_frame(c, EVENTSTREAM_EVENT, rows[i].type, json);
        else
            up_chunk(c, json);
    }
}

static void say_words(struct gateway *g, struct loopback_conn *c, struct str request)
{
    size_t at;
    bool converse = text_find(request, STR("/converse-stream"), &at);
    struct str words = text_from(g->text), word;
    up_stream(c);
    while (text_split(&words, ' ', &word))
        put_word(c, word, converse);
    up_end(c);
}

struct kind {
    const char *name, *words;
    unsigned forwarded; /* events before the wrong one */
    bool complete;      /* the answer was over before it: nothing but that answer */
};

static const struct kind kinds[] = {
    {"delta before message_start", "d0 S s0 d0 -0 D E", 0, false},
    {"block before message_start", "s0 d0 -0 S D E", 0, false},
    {"message_stop alone", "E", 0, false},
    {"message_start twice", "S S s0 d0 -0 D E", 1, false},
    {"message_start inside a block", "S s0 S d0 -0 D E", 2, false},
    {"delta outside a block", "S d0 D E", 1, false},
    {"delta after its block", "S s0 d0 -0 d0 D E", 4, false},
    {"delta of another block", "S s0 d1 -0 D E", 2, false},
    {"block inside a block", "S s0 d0 s1 d1 -1 -0 D E", 3, false},
    {"start of the open block", "S s0 s0 d0 -0 D E", 2, false},
    {"block number left out", "S s0 d0 -0 s2 d2 -2 D E", 4, false},
    {"block number again", "S s0 d0 -0 s0 d0 -0 D E", 4, false},
    {"stop without a block", "S -0 D E", 1, false},
    {"block never stopped", "S s0 d0 D E", 3, false},
    {"message_stop without message_delta", "S s0 d0 -0 E", 4, false},
    {"block after message_delta", "S s0 d0 -0 D s1 d1 -1 E", 5, false},
    {"message_start after message_stop", "S s0 d0 -0 D E S s0 d0 -0 D E", 6, true},
    {"delta after message_stop", "S s0 d0 -0 D E d0", 6, true},
    {"message_stop twice", "S s0 d0 -0 D E E", 6, true},
};

static void ask(struct gateway *g, const char *line, const char *body)
{
    unsigned before = g->bedrock.requests;
    client_close(&g->client);
    client_ask(g, &g->client, line, KEY, body);
    GATEWAY_UNTIL(g, g->bedrock.requests > before && g->worker.exchanges == NULL);
    GATEWAY_UNTIL(g, (client_has(&g->client, 1, "\r\n0\r\n\r\n") ||
                      client_has(&g->client, 1, "\"request_id\"") ||
                      client_has(&g->client, 1, "{\"error\":{\"message\"")));
}

static void test_wrong_order_on_invoke_model_never_ends_well(void **state)
{
    struct gateway *g = *state;
    unsigned broken = 0;
    g->reply = say_words;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        g->text = k->words;
        ask(g, MESSAGES, STREAM_BODY);
        unsigned events = client_count(&g->client, "event: "), errors = !k->complete;
        client_check(&g->client, k->name, "HTTP/1.1 200 OK", k->forwarded > 0);
        client_check(&g->client, k->name, "HTTP/1.1 502 ", k->forwarded == 0);
        client_check(&g->client, k->name, "event: message_stop", k->complete);
        client_check(&g->client, k->name, "event: error\ndata: {\"type\":\"error\"",
                     errors && k->forwarded);
        client_check(&g->client, k->name, "\r\n0\r\n\r\n", k->forwarded > 0);
        if (events != k->forwarded + (errors && k->forwarded))
            fail_msg("%s: %u events:\n%.*s", k->name, events, STR_ARG(buf_str(&g->client.in)));
        broken += errors && k->forwarded;
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_STREAMS_BROKEN), broken);
    assert_int_equal(counters_sum(&g->segment, COUNTER_FAILED_ANSWER), broken + 3);
}

/* The same events on Converse: whatever comes, the client's are in order, or end in an error. */
static void check_converse(struct gateway *g, const struct kind *k, bool chat)
{
    const char *end = chat ? "data: [DONE]" : "event: message_stop";
    const char *error = chat ? "data: {\"error\":" : "event: error";
    if (client_count(&g->client, end) + client_count(&g->client, error) +
            client_count(&g->client, "HTTP/1.1 502 ") !=
        1)
        fail_msg("%s: no end, or more than one:\n%.*s", k->name, STR_ARG(buf_str(&g->client.in)));
    if (chat)
        return;
    int depth = 0;
    struct str rest = buf_str(&g->client.in), line;
    while (text_split(&rest, '\n', &line)) {
        depth += text_eq(line, STR("event: content_block_start"));
        depth -= text_eq(line, STR("event: content_block_stop"));
        if (depth < 0 || depth > 1)
            fail_msg("%s: a block inside a block:\n%.*s", k->name, STR_ARG(buf_str(&g->client.in)));
    }
}

static void test_wrong_order_on_converse_is_put_right_or_ends_in_an_error(void **state)
{
    struct gateway *g = *state;
    g->reply = say_words;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        g->text = kinds[i].words;
        ask(g, MESSAGES,
            ASK_STREAM "\"max_tokens\":9,\"model\":\"" NOVA
                       "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}");
        check_converse(g, &kinds[i], false);
        ask(g, CHAT, CHAT_STREAM_BODY);
        check_converse(g, &kinds[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_wrong_order_on_invoke_model_never_ends_well),
        GATEWAY(test_wrong_order_on_converse_is_put_right_or_ends_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
