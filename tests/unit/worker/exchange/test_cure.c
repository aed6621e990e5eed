/* A refusal that the request need not die of: what Bedrock is asked, what the client gets, what is
 * remembered. */
#include "worker/exchange/cure.h"

#include "shm/memory/learned.h"
#include "tests/unit/gateway_bed.h"

#define ERROR_END "\"request_id\""
#define REFUSED   "x-amzn-ErrorType: ValidationException\r\n"
#define WARM                                   \
    "{\"temperature\":0.5,\"model\":\"" CLAUDE \
    "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define NO_TEMPERATURE "{\"message\":\"`temperature` is deprecated for this model.\"}"

static uint32_t remembered(const struct gateway *g)
{
    return learned_count(&g->segment, clock_mono_ms() / 1000u);
}

static bool has(struct str request, const char *what)
{
    size_t at;
    return text_find(request, text_from(what), &at);
}

/* Refuses what has a temperature. */
static void no_temperature(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (has(request, "\"temperature\"")) {
        up_json(c, "400 Bad", REFUSED, STR(NO_TEMPERATURE));
    } else {
        up_good_whole(g, c, request);
    }
}

static void test_answered_without_it_and_right_at_once_the_next_time(void **state)
{
    struct gateway *g = *state;
    g->reply = no_temperature;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    client_check(&g->client, "first", "HTTP/1.1 200 ", true);
    client_check(&g->client, "first", "x-converter-changes: learned:sampling,drop:temperature\r\n",
                 true);
    assert_int_equal(g->bedrock.requests, 2);
    assert_int_equal(remembered(g), 1);
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    client_check(&g->client, "second", "x-converter-changes: learned:sampling,drop:temperature\r\n",
                 true);
    assert_int_equal(g->bedrock.requests, 3);
    gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
    client_check(&g->client, "without", "learned:", false);
    assert_int_equal(g->bedrock.requests, 4);
    assert_int_equal(counters_sum(&g->segment, COUNTER_CURED_SAMPLING), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_LEARNED), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_LEARNED_USED), 1);
}

static void refuse_all(struct gateway *g, struct loopback_conn *c, struct str request)
{
    up_json(c, "400 Bad", REFUSED,
            has(request, "\"temperature\"") ? STR(NO_TEMPERATURE)
                                            : STR("{\"message\":\"messages: second reason\"}"));
    (void)g;
}

/* The second refusal is told: the client can mend that one, the first we can. */
static void test_a_second_refusal_is_told_and_nothing_is_learned(void **state)
{
    struct gateway *g = *state;
    g->reply = refuse_all;
    gateway_talk(g, MESSAGES, KEY, WARM, ERROR_END);
    client_check(&g->client, "twice", "HTTP/1.1 400 ", true);
    client_check(&g->client, "twice", "second reason", true);
    assert_int_equal(g->bedrock.requests, 2);
    assert_int_equal(remembered(g), 0);
    assert_int_equal(counters_sum(&g->segment, COUNTER_CURED_SAMPLING), 0);
}

static void refuse_the_tool(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "400 Bad", REFUSED, text_from(g->text));
}

/* Refusals that no other body follows from are told as they are, after one call. */
static void test_what_changes_nothing_is_not_sent_again(void **state)
{
    static const char *const rows[] = {
        "{\"message\":\"prompt caching is not supported by this model\"}", /* no marks were sent */
        "{\"message\":\"role 'system' is not supported on this model\"}",
        "{\"message\":\"temperature: Input should be a valid number\"}",
        "{\"message\":\"This model doesn't support images\"}",
        "{\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}",
    };
    struct gateway *g = *state;
    g->reply = refuse_the_tool;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g->text = rows[i];
        g->bedrock.requests = 0;
        gateway_talk(g, MESSAGES, KEY, WARM, ERROR_END);
        client_check(&g->client, rows[i], "HTTP/1.1 400 ", true);
        client_check(&g->client, rows[i], "learned:", false);
        if (g->bedrock.requests != 1) {
            fail_msg("%s: %u requests", rows[i], g->bedrock.requests);
        }
    }
    assert_int_equal(remembered(g), 0);
}

static void test_strict_fields_let_the_refusal_pass(void **state)
{
    struct gateway *g = *state;
    g->config.strict_fields = true;
    g->reply = no_temperature;
    gateway_talk(g, MESSAGES, KEY, WARM, ERROR_END);
    client_check(&g->client, "strict", "HTTP/1.1 400 ", true);
    client_check(&g->client, "strict", "temperature", true);
    assert_int_equal(g->bedrock.requests, 1);
}

/* What others were refused is not left out of a strict request: it wants to be told. */
static void test_strict_fields_do_not_look_into_the_memory(void **state)
{
    struct gateway *g = *state;
    g->reply = no_temperature;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    assert_int_equal(remembered(g), 1);
    g->config.strict_fields = true;
    gateway_talk(g, MESSAGES, KEY, WARM, ERROR_END);
    client_check(&g->client, "strict", "HTTP/1.1 400 ", true);
    assert_int_equal(g->bedrock.requests, 3);
}

static void throttle_first(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (g->bedrock.requests == 1) {
        up_json(c, "503 Away", "x-amzn-ErrorType: ServiceUnavailableException\r\n", STR("{}"));
    } else {
        no_temperature(g, c, request);
    }
}

/* A retry of Bedrock's own weather leaves the cure its transfer, and the other way round. */
static void test_a_cure_is_none_of_the_retries(void **state)
{
    struct gateway *g = *state;
    g->reply = throttle_first;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    client_check(&g->client, "after a retry", "HTTP/1.1 200 ", true);
    assert_int_equal(g->bedrock.requests, 3);
    assert_int_equal(remembered(g), 1);
}

static void test_a_cure_needs_no_retry(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    g->reply = no_temperature;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    client_check(&g->client, "one", "HTTP/1.1 200 ", true);
    assert_int_equal(g->bedrock.requests, 2);
}

static void away_in_between(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (g->bedrock.requests == 2) {
        up_json(c, "503 Away", "x-amzn-ErrorType: ServiceUnavailableException\r\n", STR("{}"));
    } else {
        no_temperature(g, c, request);
    }
}

static void test_what_is_cured_is_tried_again(void **state)
{
    struct gateway *g = *state;
    g->reply = away_in_between;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    client_check(&g->client, "away", "HTTP/1.1 200 ", true);
    assert_int_equal(g->bedrock.requests, 3);
    assert_int_equal(remembered(g), 1);
}

static void throttle_second(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (has(request, "\"temperature\"")) {
        no_temperature(g, c, request);
    } else {
        up_json(c, "429 Slow", "x-amzn-ErrorType: ThrottlingException\r\n", STR("{}"));
    }
}

static void test_what_is_not_answered_is_not_proved(void **state)
{
    struct gateway *g = *state;
    g->reply = throttle_second;
    gateway_talk(g, MESSAGES, KEY, WARM, ERROR_END);
    client_check(&g->client, "throttled", "HTTP/1.1 429 ", true);
    assert_int_equal(g->bedrock.requests, 3); /* the cure, and one retry of it */
    assert_int_equal(remembered(g), 0);
}

static void stream_without_temperature(struct gateway *g, struct loopback_conn *c,
                                       struct str request)
{
    if (!has(request, "\"temperature\"")) {
        up_good_stream(g, c, request);
        return;
    }
    up_stream(c);
    up_frame(c, EVENTSTREAM_EXCEPTION, "validationException", NO_TEMPERATURE);
    up_end(c);
}

static void test_an_exception_before_the_first_event_is_a_refusal_too(void **state)
{
    struct gateway *g = *state;
    g->reply = stream_without_temperature;
    client_ask(g, &g->client, MESSAGES, KEY,
               ASK_STREAM "\"temperature\":0.5,\"model\":\"" CLAUDE
                          "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
                          "\"Hi\"}]}");
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    client_check(&g->client, "stream", "HTTP/1.1 200 ", true);
    client_check(&g->client, "stream", "error", false);
    client_check(&g->client, "stream", "learned:sampling", true);
    assert_int_equal(client_count(&g->client, "Hello"), 1);
    assert_int_equal(g->bedrock.requests, 2);
    assert_int_equal(remembered(g), 1);
}

static void begin_then_refuse(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_begin(c);
    up_frame(c, EVENTSTREAM_EXCEPTION, "validationException", NO_TEMPERATURE);
    up_end(c);
}

static void test_after_the_first_event_it_is_an_error(void **state)
{
    struct gateway *g = *state;
    g->reply = begin_then_refuse;
    client_ask(g, &g->client, MESSAGES, KEY,
               ASK_STREAM "\"temperature\":0.5,\"model\":\"" CLAUDE
                          "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
                          "\"Hi\"}]}");
    gateway_expect(g, &g->client, 1, "\r\n0\r\n\r\n");
    client_check(&g->client, "stream", "event: error", true);
    assert_int_equal(g->bedrock.requests, 1);
    assert_int_equal(remembered(g), 0);
}

static void no_binding(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (has(request, "\"block_binding\":{\"mismatch_behavior\":\"drop_block\"}")) {
        up_good_whole(g, c, request);
    } else {
        up_json(c, "400 Bad", REFUSED,
                STR("{\"message\":\"messages.1.content.0: thinking block is bound to a different "
                    "conversation\"}"));
    }
}

/* Cured each time, never remembered: it is this conversation's. Not where the client wants to know. */
static void test_thoughts_of_another_conversation_are_dropped(void **state)
{
    static const char *const rows[] = {"", "\"thinking\":{\"type\":\"adaptive\"},",
                                       "\"thinking\":{\"type\":\"disabled\"},"};
    struct gateway *g = *state;
    char body[400];
    g->reply = no_binding;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(body, sizeof body,
                 "{%s\"model\":\"anthropic.claude-opus-5-5\",\"max_tokens\":9,\"messages\":[{"
                 "\"role\":\"user\",\"content\":\"Hi\"}]}",
                 rows[i]);
        gateway_talk(g, MESSAGES, KEY, body, "Hello");
        client_check(&g->client, rows[i], "learned:thinking.block_binding", true);
        assert_int_equal(g->bedrock.requests, 2 * (i + 1));
        if (!strstr(g->last, "\"anthropic_beta\":[\"thinking-binding-controls-2026-08-01\"]") ||
            strstr(g->last, "\"mismatch_behavior\":\"error\"")) {
            fail_msg("%s", g->last);
        }
    }
    gateway_talk(g, MESSAGES, KEY,
                 "{\"model\":\"anthropic.claude-opus-5-5\",\"max_tokens\":9,\"thinking\":{\"type\":"
                 "\"adaptive\",\"block_binding\":{\"prefix_mismatch_behavior\":\"error\"}},"
                 "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                 "bound to a different conversation");
    assert_int_equal(g->bedrock.requests, 2 * COUNT_OF(rows) + 1);
    if (!strstr(g->last, "\"block_binding\":{\"mismatch_behavior\":\"error\"}")) {
        fail_msg("%s", g->last);
    }
    assert_int_equal(remembered(g), 0);
    assert_int_equal(counters_sum(&g->segment, COUNTER_CURED_BINDING), 3);
}

static void no_length(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (has(request, "\"max_tokens\":64000,")) {
        up_good_whole(g, c, request);
    } else {
        up_json(c, "400 Bad", REFUSED,
                STR("{\"message\":\"max_tokens: 99999 > 64000, which is the maximum allowed number "
                    "of output tokens for this model\"}"));
    }
}

static void test_a_length_is_lowered_to_what_the_model_writes(void **state)
{
    struct gateway *g = *state;
    g->reply = no_length;
    for (unsigned i = 0; i < 2; i++) {
        gateway_talk(g, MESSAGES, KEY,
                     "{\"model\":\"" CLAUDE "\",\"max_tokens\":99999,\"messages\":[{\"role\":"
                     "\"user\",\"content\":\"Hi\"}]}",
                     "Hello");
        client_check(&g->client, "long", "learned:max_tokens,map:max_tokens", true);
        assert_int_equal(g->bedrock.requests, 2 + i);
    }
}

/* Then it is tried again: accounts and models change. */
static void test_remembered_for_its_time(void **state)
{
    struct gateway *g = *state;
    assert_int_equal(g->config.bounds.learned_s, 600);
    g->config.bounds.learned_s = 2;
    g->reply = no_temperature;
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    assert_int_equal(g->bedrock.requests, 3);
    GATEWAY_UNTIL(g, remembered(g) == 0);
    gateway_talk(g, MESSAGES, KEY, WARM, "Hello");
    assert_int_equal(g->bedrock.requests, 5);
    assert_int_equal(remembered(g), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_LEARNED), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_answered_without_it_and_right_at_once_the_next_time),
        GATEWAY(test_a_second_refusal_is_told_and_nothing_is_learned),
        GATEWAY(test_what_changes_nothing_is_not_sent_again),
        GATEWAY(test_strict_fields_let_the_refusal_pass),
        GATEWAY(test_strict_fields_do_not_look_into_the_memory),
        GATEWAY(test_a_cure_is_none_of_the_retries),
        GATEWAY(test_a_cure_needs_no_retry),
        GATEWAY(test_what_is_cured_is_tried_again),
        GATEWAY(test_what_is_not_answered_is_not_proved),
        GATEWAY(test_an_exception_before_the_first_event_is_a_refusal_too),
        GATEWAY(test_after_the_first_event_it_is_an_error),
        GATEWAY(test_thoughts_of_another_conversation_are_dropped),
        GATEWAY(test_a_length_is_lowered_to_what_the_model_writes),
        GATEWAY(test_remembered_for_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
