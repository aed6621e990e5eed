/* stream.c: what time does to a stream: deadlines, silence, clients that are slow or leave. */
#include "worker/exchange/stream.h"

#include "server/http/http_state.h" /* how much is held for a slow client */
#include "tests/unit/stream_case.h"

/* ---- time --------------------------------------------------------------------------------- */

static void begin_and_wait(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_begin(c);
}

static void test_deadline_is_an_error_event(void **state)
{
    struct gateway *g = *state;
    struct exchange *x;
    g->config.max_request_seconds = 100;
    g->reply = begin_and_wait;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "Hello");
    assert_non_null(x = g->worker.exchanges);
    assert_in_range(x->timer_deadline.at_ms - clock_mono_ms(), 98000, 100000);
    loop_timer_in(g->worker.loop, &x->timer_deadline, 0, x->timer_deadline.fn, x);
    gateway_expect(g, &g->client, 1,
                   "event: error\ndata: {\"type\":\"error\",\"error\":{"
                   "\"type\":\"timeout_error\"");
    client_check(&g->client, "end", "message_stop", false);
    GATEWAY_UNTIL(g, g->bedrock.gone == 1); /* the upstream is not left running */
}

static void test_ping_after_silence_but_never_before_the_beginning(void **state)
{
    struct gateway *g = *state;
    g->config.ping_seconds = 1;
    g->reply = up_silence;
    client_ask(g, &g->other, MESSAGES, KEY, STREAM_BODY); /* never hears of its model */
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    g->reply = begin_and_wait;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "Hello");
    uint64_t began_ms = clock_mono_ms();
    client_check(&g->client, "early", "event: ping", false);
    gateway_expect(g, &g->client, 1, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
    assert_in_range(clock_mono_ms() - began_ms, 950, 1300);
    client_read(&g->other);
    assert_int_equal(buf_len(&g->other.in), 0);
    up_stop(g->upstream);
    up_end(g->upstream);
    loopback_flush(g->upstream);
    gateway_expect(g, &g->client, 1, "event: message_stop");
}

/* ---- slow and leaving clients ------------------------------------------------------------- */

enum { FLOOD_EVENTS = 1500 };

static void flood(struct gateway *g, struct loopback_conn *c, struct str request)
{
    char delta[1200];
    (void)g, (void)request;
    up_begin(c);
    for (int i = 0; i < FLOOD_EVENTS; i++) {
        snprintf(delta, sizeof delta,
                 "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                 "\"text\":\"<%04d>%01000d\"}}",
                 i, 0);
        up_chunk(c, delta);
    }
    up_stop(c);
    up_end(c);
}

static void test_slow_client_pauses_upstream_and_gets_every_byte(void **state)
{
    struct gateway *g = *state;
    g->reply = flood;
    ask_stream(g);
    GATEWAY_UNTIL(g, g->worker.exchanges != NULL && g->worker.exchanges->outcome.begun);
    const struct exchange *x = g->worker.exchanges;
    for (int i = 0; i < 100; i++) {
        gateway_run(g, 1);
        assert_ptr_equal(g->worker.exchanges, x);
        assert_true(buf_len(&x->conn->out) < 2 * 16384); /* output_high, and a piece */
    }
    size_t held = buf_len(&x->conn->out);
    /* a quarter at least, else it would have been asked for more */
    assert_true(held >= g->worker.config->bounds.output_high / 4);
    assert_true(x->attempt.transfer.end == ATTEMPT_RUNNING);
    gateway_run(g, 30);
    assert_int_equal(buf_len(&x->conn->out), held); /* nothing moves while nobody reads */
    GATEWAY_UNTIL(g, (client_read(&g->client), g->worker.exchanges == NULL));
    gateway_expect(g, &g->client, 1, "event: message_stop");
    for (int i = 0; i < FLOOD_EVENTS; i += 149) {
        char mark[16];
        snprintf(mark, sizeof mark, "<%04d>", i);
        assert_int_equal(client_count(&g->client, mark), 1);
    }
    assert_int_equal(client_count(&g->client, "event: content_block_delta"), FLOOD_EVENTS + 1);
}

static void test_client_gone_cancels_upstream(void **state)
{
    struct gateway *g = *state;
    g->reply = begin_and_wait;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "Hello");
    client_close(&g->client);
    uint64_t left_ms = clock_mono_ms();
    GATEWAY_UNTIL(g, g->bedrock.gone == 1);
    assert_true(clock_mono_ms() - left_ms < 10000);
    assert_null(g->worker.exchanges);
    assert_int_equal(counters_sum(&g->segment, COUNTER_CLIENT_GONE), 1);
}

static void test_client_gone_while_upstream_is_paused(void **state)
{
    struct gateway *g = *state;
    g->reply = flood;
    ask_stream(g);
    gateway_run(g, 60);
    assert_non_null(g->worker.exchanges);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL && g->bedrock.gone == 1);
}

/* The bad frame is noted inside a transfer callback; the client leaves before the turn is over. */
static void test_client_gone_in_the_turn_of_a_bad_frame(void **state)
{
    struct gateway *g = *state;
    g->reply = begin_and_wait;
    ask_stream(g);
    gateway_expect(g, &g->client, 1, "Hello");
    bad_frame(g->upstream);
    loopback_flush(g->upstream);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL && g->bedrock.gone == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_deadline_is_an_error_event),
        GATEWAY(test_ping_after_silence_but_never_before_the_beginning),
        GATEWAY(test_slow_client_pauses_upstream_and_gets_every_byte),
        GATEWAY(test_client_gone_cancels_upstream),
        GATEWAY(test_client_gone_while_upstream_is_paused),
        GATEWAY(test_client_gone_in_the_turn_of_a_bad_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
