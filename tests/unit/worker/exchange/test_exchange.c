/* exchange.c: the life of a request, from its headers to its answer, whatever happens on the way.
 */
#include "worker/exchange/exchange.h"

#include "server/http/http_state.h"
#include "shm/memory/scoreboard.h"
#include "tests/unit/gateway_bed.h"

#define ERROR_END "\"request_id\":\"req_"

static uint64_t counted(const struct gateway *g, enum counter c)
{
    return counters_sum(&g->segment, c);
}

/* ---- the front door ----------------------------------------------------------------------- */

static void test_open_table_of_refusals(void **state)
{
    static const struct {
        const char *line, *headers, *status, *contains;
    } rows[] = {
        {MESSAGES, "", "401", "\"type\":\"authentication_error\""},
        {MESSAGES, "x-api-key: sk-prod-abcdefghijklmnopqrstuvwxyz012345-AAAAAA\r\n", "401",
         "\"message\":\"invalid x-api-key\""},
        {MESSAGES, KEY "content-encoding: gzip\r\n", "400", "request_body_encoding_unsupported"},
        {CHAT, "", "401", "\"code\":\"invalid_api_key\""},
        {CHAT, KEY "content-encoding: br\r\n", "400",
         "\"type\":\"invalid_request_error\",\"param\""},
        {"POST /v1/nowhere", "", "401", "authentication_error"},
        {"POST /v1/nowhere", KEY, "404",
         "\"type\":\"not_found_error\",\"message\":\"POST /v1/nowhere is not served"},
        {"POST /messages", KEY, "404", "did you mean /v1/messages?"},
        {"POST /chat/completions", KEY, "404", "\"param\":null,\"code\":\"unknown_url\""},
        {"POST /chat/completions", "", "401", "\"code\":\"invalid_api_key\""},
        {"GET /models", KEY "anthropic-version: 2023-06-01\r\n", "404",
         "\"type\":\"not_found_error\""},
        {"GET /models", KEY, "404", "\"code\":\"unknown_url\""},
        {"GET /v1/messages/", KEY, "405", "GET is not allowed here"},
        {"GET /v1/v1/messages", KEY, "405", "GET is not allowed here"},
        {"GET /v1/v1/models/no-such/", KEY, "404", "model: no-such"},
        {"POST /v1/nowhere", "x-api-key: \r\n", "401", "no API key"},
        {"POST /v1/nowhere", "authorization: Basic YTpi\r\n", "401", "no API key"},
        {"POST /health", KEY, "405", "POST is not allowed here"},
        {"GET /v1/messages", KEY, "405", "GET is not allowed here"},
        {"DELETE /v1/models", KEY, "405", "is not allowed"},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char status[32];
        bool post = text_starts(text_from(rows[i].line), STR("POST"));
        snprintf(status, sizeof status, "HTTP/1.1 %s ", rows[i].status);
        gateway_talk(g, rows[i].line, rows[i].headers, post ? ASK : NULL, "\"message\":");
        client_check(&g->client, rows[i].line, status, true);
        client_check(&g->client, rows[i].line, rows[i].contains, true);
    }
    assert_int_equal(g->bedrock.accepted, 0);
}

/* API_KEY_HEADER may be any name: what comes in it is a secret and comes once. */
static void test_key_in_a_header_of_any_name_comes_once_and_is_wiped(void **state)
{
    struct gateway *g = *state;
    struct str sent;
    g->config.api_key_header = "X-Pass";
    worker_configure(&g->worker);
    gateway_talk(g, MESSAGES, "x-pass: sk-good\r\nX-Pass: sk-two\r\n", ASK, ERROR_END);
    client_check(&g->client, "twice", "HTTP/1.1 400 ", true);
    client_check(&g->client, "twice", "the header X-Pass came twice", true);
    g->reply = up_silence;
    client_close(&g->client);
    client_ask(g, &g->client, MESSAGES, "x-pass: sk-good\r\n", ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    const struct http_request *r = http_parse_request(g->worker.exchanges->conn->parse);
    assert_true(http_request_header(r, STR("x-pass"), &sent));
    assert_int_equal(sent.n, 0);
    assert_memory_equal(sent.p, "\0\0\0\0\0\0\0", 7);
}

/* What is left of its budget is for the holder of a living key only. */
static void test_revoked_key_learns_nothing_of_its_budget(void **state)
{
    struct gateway *g = *state;
    struct directory_key k = {.slot = 302, .tag = 309, .budget_micro = 1000000};
    sha256("sk-gone", 7, k.digest);
    atomic_store(&g->segment.buckets[k.slot].tag, k.tag);
    directory_begin(&g->segment);
    assert_true(directory_add(&g->segment, &k));
    directory_publish(&g->segment, clock_real_ms());
    for (int body = 0; body < 2; body++) {
        gateway_talk(g, MESSAGES, "x-api-key: sk-gone\r\n", body ? ASK : NULL, ERROR_END);
        client_check(&g->client, body ? "body" : "no body", "HTTP/1.1 401 ", true);
        client_check(&g->client, body ? "body" : "no body", "anthropic-ratelimit", false);
    }
    assert_int_equal(counted(g, COUNTER_REFUSED_REVOKED_KEY), 2);
}

static void test_method_refusal_names_what_is_allowed(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "GET /v1/messages", KEY, NULL, ERROR_END);
    client_check(&g->client, "allow", "allow: POST, OPTIONS\r\n", true);
}

static void test_refused_without_body_keeps_the_connection(void **state)
{
    struct gateway *g = *state;
    client_ask(g, &g->client, "GET /v1/models", "", NULL);
    gateway_expect(g, &g->client, 1, "HTTP/1.1 401 ");
    client_ask(g, &g->client, "GET /liveness", "", NULL);
    gateway_expect(g, &g->client, 1, "\"alive\":true");
}

static void test_expect_continue_is_refused_early_for_a_bad_key(void **state)
{
    struct gateway *g = *state;
    client_connect(g, &g->client);
    client_send(g, &g->client,
                STR("POST /v1/messages HTTP/1.1\r\nHost: g\r\nContent-Length: 20000000\r\n"
                    "x-api-key: sk-prod-abcdefghijklmnopqrstuvwxyz012345-AAAAAA\r\n"
                    "Expect: 100-continue\r\n\r\n"));
    gateway_expect(g, &g->client, 1, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 401 ", true);
    client_check(&g->client, "interim", "100 Continue", false);
    client_check(&g->client, "close", "connection: close", true);
    GATEWAY_UNTIL(g, client_ended(&g->client));
}

static void test_expect_continue_is_granted_to_a_good_key(void **state)
{
    struct gateway *g = *state;
    char head[256];
    g->reply = up_good_whole;
    client_connect(g, &g->client);
    snprintf(head, sizeof head,
             "POST /v1/messages HTTP/1.1\r\nHost: g\r\n" KEY "Content-Length: %zu\r\n"
             "Expect: 100-continue\r\n\r\n",
             strlen(ASK));
    client_send(g, &g->client, text_from(head));
    gateway_expect(g, &g->client, 1, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(g->bedrock.requests, 0);
    client_send(g, &g->client, STR(ASK));
    gateway_expect(g, &g->client, 1, "\"text\":\"Hello\"");
}

static void test_body_limit_is_413_in_either_framing(void **state)
{
    static const struct {
        const char *name, *request, *dialect;
    } rows[] = {
        {"length", "POST /v1/messages HTTP/1.1\r\nHost: g\r\n" KEY "Content-Length: 2000\r\n\r\n",
         "\"type\":\"request_too_large\""},
        {"chunks",
         "POST /v1/messages HTTP/1.1\r\nHost: g\r\n" KEY "Transfer-Encoding: chunked\r\n\r\n"
         "3E8\r\n%01000d\r\n3E8\r\n%01000d\r\n",
         "\"type\":\"request_too_large\""},
        {"route", /* has a limit of its own */
         "POST /api/event_logging/batch HTTP/1.1\r\nHost: g\r\nContent-Length: 65537\r\n\r\n",
         "\"type\":\"request_too_large\""},
        {"chat",
         "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n" KEY "Content-Length: 2000\r\n\r\n",
         "\"code\":null}}"},
    };
    struct gateway *g = *state;
    g->worker.conn_limits.body_max = 1500;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf request;
        buf_init(&request, 1 << 20);
        bool chunks = text_eq(text_from(rows[i].name), STR("chunks"));
        if (i == 2)
            g->worker.conn_limits.body_max = 1 << 20;
        else
            g->worker.conn_limits.body_max = 1500;
        if (chunks)
            buf_printf(&request, rows[i].request, 0, 0);
        else
            buf_put_str(&request, text_from(rows[i].request));
        client_connect(g, &g->client);
        client_send(g, &g->client, buf_str(&request));
        gateway_expect(g, &g->client, 1, "}");
        client_check(&g->client, rows[i].name, "HTTP/1.1 413 ", true);
        client_check(&g->client, rows[i].name, rows[i].dialect, true);
        client_check(&g->client, rows[i].name, "connection: close", true);
        GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
        buf_free(&request);
    }
}

/* A flood of beta values is the client's mistake, and trying again does not help. */
static void test_too_long_betas_are_431(void **state)
{
    struct gateway *g = *state;
    char headers[6000];
    snprintf(headers, sizeof headers, KEY "anthropic-beta: %05000d\r\n", 0);
    gateway_talk(g, MESSAGES, headers, ASK, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 431 ", true);
}

static void test_request_id_is_echoed_when_legal(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "GET /v1/messages", KEY "x-request-id: my-id_1\r\n", NULL,
                 "\"request_id\":\"my-id_1\"}");
    client_check(&g->client, "one", "\r\nrequest-id: my-id_1\r\n", true);
    client_check(&g->client, "two", "\r\nx-request-id: my-id_1\r\n", true);
    client_check(&g->client, "three", "\r\nx-trace-id: my-id_1\r\n", true);
    gateway_talk(g, "GET /v1/messages", KEY "x-request-id: a b\r\n", NULL, ERROR_END);
    client_check(&g->client, "illegal", "a b", false);
}

static void test_preflight_answers_only_listed_origins(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "OPTIONS /v1/messages", "Origin: https://app.example\r\n", NULL, "\r\n\r\n");
    client_check(&g->client, "status", "HTTP/1.1 204 ", true);
    client_check(&g->client, "origin", "access-control-allow-origin: https://app.example\r\n",
                 true);
    client_check(&g->client, "headers", "access-control-allow-headers: authorization", true);
    gateway_talk(g, "OPTIONS /v1/messages", "Origin: https://evil.example\r\n", NULL, "\r\n\r\n");
    client_check(&g->client, "evil", "access-control-", false);
    gateway_talk(g, "GET /health", "Origin: https://app.example\r\n", NULL, "}");
    client_check(&g->client, "plain", "access-control-allow-origin: https://app.example\r\n", true);
    gateway_talk(g, MESSAGES, "Origin: https://app.example\r\n", ASK, ERROR_END);
    client_check(&g->client, "refused", "access-control-allow-origin: https://app.example\r\n",
                 true);
}

static void test_head_has_headers_only(void **state)
{
    static const char *const paths[] = {
        "HEAD /",          "HEAD /api/hello",         "HEAD /health",
        "HEAD /v1/models", "HEAD /v1/models/" CLAUDE, "HEAD /v1/messages"};
    struct gateway *g = *state;
    client_connect(g, &g->client);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        buf_clear(&g->client.in);
        client_ask(g, &g->client, paths[i], KEY, NULL);
        gateway_expect(g, &g->client, 1, "\r\n\r\n");
        gateway_run(g, 2);
        client_read(&g->client);
        client_check(&g->client, paths[i], i == 5 ? "HTTP/1.1 405 " : "HTTP/1.1 200 ", true);
        client_check(&g->client, paths[i], "{", false);
        if (i == 5)
            GATEWAY_UNTIL(g, client_ended(&g->client));
    }
}

static void test_hundred_requests_on_one_connection(void **state)
{
    struct gateway *g = *state;
    g->reply = up_good_whole;
    client_connect(g, &g->client);
    for (unsigned i = 1; i <= 100; i++) {
        client_ask(g, &g->client, MESSAGES, KEY, ASK);
        gateway_expect(g, &g->client, i, "\"text\":\"Hello\"");
    }
    assert_int_equal(client_count(&g->client, "HTTP/1.1 200 OK"), 100);
    assert_int_equal(g->bedrock.accepted, 1);
    assert_int_equal(counted(g, COUNTER_REQUESTS_2XX), 100);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct gateway *g = *state;
    struct str in;
    size_t first, second, third;
    g->reply = up_good_whole;
    client_connect(g, &g->client);
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    client_ask(g, &g->client, "GET /liveness", "", NULL);
    client_ask(g, &g->client, MESSAGES, KEY, "{}");
    gateway_expect(g, &g->client, 1, ERROR_END);
    in = buf_str(&g->client.in);
    assert_true(text_find(in, STR("Hello"), &first) && text_find(in, STR("alive"), &second) &&
                text_find(in, STR("HTTP/1.1 400"), &third));
    assert_true(first < second && second < third);
}

static void test_rate_limit_answers_429_with_its_figures(void **state)
{
    struct gateway *g = *state;
    g->reply = up_good_whole;
    for (int i = 0; i < 3; i++)
        gateway_talk(g, MESSAGES, "authorization: bearer sk-two\r\n", ASK, "\"type\":");
    client_check(&g->client, "status", "HTTP/1.1 429 ", true);
    client_check(&g->client, "type", "\"type\":\"rate_limit_error\"", true);
    client_check(&g->client, "limit", "x-ratelimit-limit: 2\r\n", true);
    client_check(&g->client, "left", "anthropic-ratelimit-requests-remaining: 0\r\n", true);
    client_check(&g->client, "wait", "retry-after: ", true);
    assert_int_equal(g->bedrock.requests, 2);
}

static void test_body_that_is_wrong_names_the_field_and_reaches_nobody(void **state)
{
    static const struct {
        const char *line, *body, *status, *contains;
    } rows[] = {
        {MESSAGES, "{", "400", "invalid_request_error"},
        {MESSAGES, "[]", "400", "invalid_request_error"},
        {MESSAGES, "{\"model\":\"" CLAUDE "\",\"messages\":[]}", "400", "max_tokens"},
        {MESSAGES, "{\"model\":\"no such\",\"max_tokens\":1,\"messages\":[]}", "400", "messages"},
        {MESSAGES,
         "{\"model\":\"no such\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
         "\"content\":\"x\"}]}",
         "404", "not_found_error"},
        {CHAT, "{\"model\":\"" NOVA "\"}", "400", "messages"},
        {CHAT, "{\"model\":\"no such\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "404", "\"code\":\"model_not_found\""},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char status[32];
        snprintf(status, sizeof status, "HTTP/1.1 %s ", rows[i].status);
        gateway_talk(g, rows[i].line, KEY, rows[i].body, "}");
        client_check(&g->client, rows[i].body, status, true);
        client_check(&g->client, rows[i].body, rows[i].contains, true);
    }
    assert_int_equal(g->bedrock.accepted, 0);
}

static void test_too_many_bodies_at_once_are_503(void **state)
{
    struct gateway *g = *state;
    g->worker.conn_limits.bodies_max = 50; /* less than one body */
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 503 ", true);
    client_check(&g->client, "type", "overloaded_error", true);
    client_check(&g->client, "wait", "retry-after: 1\r\n", true);
}

/* ---- clients that leave ------------------------------------------------------------------- */

static void test_client_gone_while_waiting_cancels_upstream(void **state)
{
    struct gateway *g = *state;
    g->reply = up_silence;
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->bedrock.gone == 1);
    assert_null(g->worker.exchanges);
    assert_int_equal(counted(g, COUNTER_CLIENT_GONE), 1);
}

/* The master tells it about a worker that died. */
static void test_scoreboard_says_where_the_last_exchange_is(void **state)
{
    struct gateway *g = *state;
    const struct scoreboard_slot *slot = &g->segment.scoreboard[1];
    assert_int_equal(slot->exchange, 0);
    g->reply = up_silence;
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    assert_int_equal(slot->exchange, 1 + EXCHANGE_RELAY);
    gateway_talk(g, MESSAGES, "", ASK, ERROR_END);
    assert_int_equal(slot->exchange, 1 + EXCHANGE_DONE);
}

static void throttled(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "429 Slow", "x-amzn-ErrorType: ThrottlingException\r\n", STR("{}"));
}

static void test_client_gone_during_the_pause_sends_nothing_more(void **state)
{
    struct gateway *g = *state;
    g->reply = throttled;
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->worker.exchanges && g->worker.exchanges->state == EXCHANGE_PAUSE);
    loop_timer_in(g->worker.loop, &g->worker.exchanges->timer_pause, 30,
                  g->worker.exchanges->timer_pause.fn, g->worker.exchanges);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    gateway_run(g, 50);
    assert_int_equal(g->bedrock.requests, 1);
}

static void test_client_gone_while_its_body_arrives(void **state)
{
    struct gateway *g = *state;
    client_connect(g, &g->client);
    client_send(g, &g->client,
                STR("POST /v1/messages HTTP/1.1\r\nHost: g\r\n" KEY
                    "Content-Length: 2000\r\n\r\n{\"model\":"));
    GATEWAY_UNTIL(g, g->worker.exchanges != NULL);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL && g->worker.conns.open == 0);
    assert_int_equal(g->worker.conns.bodies.held, 0);
}

static void test_deadline_before_the_answer_is_504(void **state)
{
    struct gateway *g = *state;
    g->config.max_request_seconds = 100;
    g->reply = up_silence;
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 1);
    struct exchange *x = g->worker.exchanges;
    loop_timer_in(g->worker.loop, &x->timer_deadline, 0, x->timer_deadline.fn, x);
    gateway_expect(g, &g->client, 1, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 504 ", true);
    GATEWAY_UNTIL(g, g->bedrock.gone == 1);
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Allocation g->step fails while the answer comes back. Bedrock here shares the heap with the
 * gateway, so it is spared. */
static void torture_later(struct gateway *g, struct loopback_conn *c, struct str request)
{
    heap_fail_after(0);
    if (g->text)
        up_good_stream(g, c, request);
    else
        up_good_whole(g, c, request);
    loopback_flush(c);
    heap_fail_after((unsigned long)g->step);
}

static void torture(struct gateway *g, unsigned long on_the_way_in, int on_the_way_back)
{
    client_connect(g, &g->client);
    client_ask(g, &g->client, MESSAGES, KEY, g->text ? STREAM_BODY : ASK);
    g->step = on_the_way_back;
    heap_fail_after(on_the_way_in);
    for (int i = 0; i < 300 && !client_has(&g->client, 1, "}") && !g->client.end; i++)
        gateway_run(g, 1);
    heap_fail_after(0);
    if (!client_has(&g->client, 1, "HTTP/1.1 ") && !g->client.end && !g->client.reset)
        fail_msg("allocation %lu/%d: neither answer nor end", on_the_way_in, on_the_way_back);
    client_close(&g->client);
}

/* Each allocation of a request fails once: the client gets an answer or a closed connection, and
 * the worker goes on as if nothing had been. */
static void test_out_of_memory_at_every_point_is_survived(void **state)
{
    struct gateway *g = *state;
    for (int stream = 0; stream < 2; stream++) {
        g->text = stream ? "stream" : NULL;
        for (int k = 1; k <= 90; k++) { /* more than a request makes */
            g->reply = torture_later;
            torture(g, (unsigned long)k, 0);
            torture(g, 0, k);
            g->reply = up_good_whole;
            gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
        }
    }
    assert_true(counted(g, COUNTER_REQUESTS_5XX) > 40); /* it did fail */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_open_table_of_refusals),
        GATEWAY(test_key_in_a_header_of_any_name_comes_once_and_is_wiped),
        GATEWAY(test_revoked_key_learns_nothing_of_its_budget),
        GATEWAY(test_method_refusal_names_what_is_allowed),
        GATEWAY(test_refused_without_body_keeps_the_connection),
        GATEWAY(test_expect_continue_is_refused_early_for_a_bad_key),
        GATEWAY(test_expect_continue_is_granted_to_a_good_key),
        GATEWAY(test_body_limit_is_413_in_either_framing),
        GATEWAY(test_too_long_betas_are_431),
        GATEWAY(test_request_id_is_echoed_when_legal),
        GATEWAY(test_preflight_answers_only_listed_origins),
        GATEWAY(test_head_has_headers_only),
        GATEWAY(test_hundred_requests_on_one_connection),
        GATEWAY(test_pipelined_requests_are_answered_in_order),
        GATEWAY(test_rate_limit_answers_429_with_its_figures),
        GATEWAY(test_body_that_is_wrong_names_the_field_and_reaches_nobody),
        GATEWAY(test_too_many_bodies_at_once_are_503),
        GATEWAY(test_client_gone_while_waiting_cancels_upstream),
        GATEWAY(test_scoreboard_says_where_the_last_exchange_is),
        GATEWAY(test_client_gone_during_the_pause_sends_nothing_more),
        GATEWAY(test_client_gone_while_its_body_arrives),
        GATEWAY(test_deadline_before_the_answer_is_504),
        GATEWAY(test_out_of_memory_at_every_point_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
