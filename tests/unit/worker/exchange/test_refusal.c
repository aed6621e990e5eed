/* refusal.c: every request that is answered ends once in the counters and once in the log, and what
 * the gateway refused itself by its reason. */
#include "worker/exchange/refusal.h"

#include "shm/memory/traffic.h"
#include "tests/unit/gateway_bed.h"

static char lines[1 << 17]; /* what was logged by the latest row */

static uint64_t ended(const struct gateway *g)
{
    uint64_t n = 0;
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        struct traffic_row row;
        counters_traffic_sum(&g->segment, t, &row);
        for (unsigned i = 0; i < TRAFFIC_CLASSES; i++)
            n += row.requests[i];
    }
    return n;
}

static uint64_t refused(const struct gateway *g)
{
    uint64_t n = 0;
    for (enum counter c = COUNTER_REFUSED_HTTP; c <= COUNTER_REFUSED_INTERNAL; c++)
        n += counters_sum(&g->segment, c);
    return n;
}

static unsigned times(const char *needle)
{
    unsigned n = 0;
    for (const char *p = lines; (p = strstr(p, needle)) != NULL; p++)
        n++;
    return n;
}

/* Sends the bytes, waits for the whole answer; lines[] is what was logged meanwhile. */
static void say(struct gateway *g, const char *bytes)
{
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
    log_to(pipes[1]);
    log_level_set(LOG_INFO);
    client_connect(g, &g->client);
    client_send(g, &g->client, text_from(bytes));
    gateway_expect(g, &g->client, 1, "}");
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    client_close(&g->client);
    log_level_set(LOG_OFF);
    log_to(STDOUT_FILENO);
    ssize_t n = read(pipes[0], lines, sizeof lines - 1);
    lines[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    close(pipes[1]);
}

#define POST_TO(path, more) "POST " path " HTTP/1.1\r\nHost: g\r\n" more
#define JSON(n)             "Content-Type: application/json\r\nContent-Length: " n "\r\n\r\n"
#define BAD_KEY             "x-api-key: sk-prod-abcdefghijklmnopqrstuvwxyz012345-AAAAAA\r\n"
#define ID                  "x-request-id: mine\r\n"

static const struct {
    const char *name, *bytes;
    int status;
    enum counter reason;
    bool nameless; /* its headers are not known: it has an id of ours */
} rows[] = {
    {"wrong key, body pending", POST_TO("/v1/messages", ID BAD_KEY JSON("5")), 401,
     COUNTER_REFUSED_BAD_KEY, false},
    {"wrong key, no body", POST_TO("/v1/messages", ID BAD_KEY "\r\n"), 401, COUNTER_REFUSED_BAD_KEY,
     false},
    {"no key, body pending", POST_TO("/v1/chat/completions", ID JSON("5")), 401,
     COUNTER_REFUSED_NO_KEY, false},
    {"unknown route, no key", POST_TO("/v1/nowhere", ID JSON("5")), 401, COUNTER_REFUSED_NO_KEY,
     false},
    {"unknown route", POST_TO("/v1/nowhere", ID KEY JSON("5")), 404, COUNTER_REFUSED_NO_ROUTE,
     false},
    {"another method", POST_TO("/health", ID JSON("5")), 405, COUNTER_REFUSED_NO_ROUTE, false},
    {"coded body", POST_TO("/v1/messages", ID KEY "Content-Encoding: gzip\r\n" JSON("5")), 400,
     COUNTER_REFUSED_HTTP, false},
    {"too large", POST_TO("/v1/messages", ID KEY JSON("99000000")), 413, COUNTER_REFUSED_TOO_LARGE,
     false},
    {"bad chunk", POST_TO("/v1/messages", ID KEY "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400,
     COUNTER_REFUSED_HTTP, false},
    {"no JSON", POST_TO("/v1/messages", ID KEY JSON("5")) "{oops", 400, COUNTER_REFUSED_INVALID,
     false},
    {"another's metrics", "GET /metrics HTTP/1.1\r\nHost: g\r\n" ID KEY "\r\n", 403,
     COUNTER_REFUSED_MASTER_ONLY, false},
    {"not stored", "GET /v1/messages/msg_1 HTTP/1.1\r\nHost: g\r\n" ID KEY "\r\n", 501,
     COUNTER_REFUSED_UNSUPPORTED, false},
    {"no such model", "GET /v1/models/a%20b HTTP/1.1\r\nHost: g\r\n" ID KEY "\r\n", 404,
     COUNTER_REFUSED_NO_MODEL, false},
    {"bad line", "nonsense\r\n\r\n", 400, COUNTER_REFUSED_HTTP, true},
    {"bad header", POST_TO("/v1/messages", ID "bad line\r\n\r\n"), 400, COUNTER_REFUSED_HTTP, true},
    {"no host", "GET /health HTTP/1.1\r\n" ID "\r\n", 400, COUNTER_REFUSED_HTTP, true},
    {"old HTTP", "GET /health HTTP/3.0\r\n\r\n", 505, COUNTER_REFUSED_HTTP, true},
};

static void test_each_refusal_is_counted_and_logged_once(void **state)
{
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char status[32];
        uint64_t before = counters_sum(&g->segment, rows[i].reason);
        say(g, rows[i].bytes);
        snprintf(status, sizeof status, "\"status\":%d,", rows[i].status);
        if (times("\"event\":\"request\"") != 1 || times(status) != 1 ||
            (!rows[i].nameless && times("\"request_id\":\"mine\"") != 1))
            fail_msg("%s: %s", rows[i].name, lines);
        if (ended(g) != i + 1 || refused(g) != i + 1 ||
            counters_sum(&g->segment, COUNTER_REQUESTS) != i + 1)
            fail_msg("%s: %llu ended, %llu refused, %llu begun of %zu", rows[i].name,
                     (unsigned long long)ended(g), (unsigned long long)refused(g),
                     (unsigned long long)counters_sum(&g->segment, COUNTER_REQUESTS), i + 1);
        if (counters_sum(&g->segment, rows[i].reason) != before + 1)
            fail_msg("%s: not %s", rows[i].name, counters_row(rows[i].reason)->value);
    }
    assert_int_equal(g->bedrock.accepted, 0);
}

static void test_lines_of_refusals_have_the_members_of_every_line(void **state)
{
    static const char *const members[] = {
        "request_id", "status",        "path",          "who",         "key_id",     "user",
        "peer",       "agent",         "session",       "model",       "rule",       "stream",
        "attempts",   "bedrock_model", "input_tokens",  "upstream_id", "changes",    "error",
        "cost_micro", "first_byte_ms", "output_tokens", "duration_ms", "stop_reason"};
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        say(g, rows[i].bytes);
        for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
            char name[40];
            snprintf(name, sizeof name, "\"%s\":", members[k]);
            if (times(name) != 1)
                fail_msg("%s: %s in %s", rows[i].name, members[k], lines);
        }
        if (times("sk-prod") || times("sk-good"))
            fail_msg("%s: a key in %s", rows[i].name, lines);
    }
}

static void up_denied(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "403 Forbidden", "x-amzn-ErrorType: AccessDeniedException\r\n", STR("{}"));
}

static void test_good_answers_and_bedrocks_errors_are_no_refusals(void **state)
{
    struct gateway *g = *state;
    g->reply = up_good_whole;
    gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
    gateway_talk(g, "GET /liveness", "", NULL, "alive");
    g->reply = up_denied;
    gateway_talk(g, MESSAGES, KEY, ASK, "\"request_id\"");
    g->reply = up_silence;
    client_ask(g, &g->other, MESSAGES, KEY, ASK);
    GATEWAY_UNTIL(g, g->bedrock.requests == 3);
    client_close(&g->other); /* left */
    GATEWAY_UNTIL(g, ended(g) == 4);
    assert_int_equal(refused(g), 0);
    assert_int_equal(counters_sum(&g->segment, COUNTER_FAILED_ACCESS_DENIED), 1);
}

static void test_count_goes_by_the_reason_given_then_by_the_status(void **state)
{
    static const struct {
        const char *name;
        struct exchange x;
        enum counter want; /* 0: none */
    } cases[] = {
        {"tokens",
         {.outcome.refused = COUNTER_REFUSED_TOKENS, .outcome.err.code = STATUS_RATE},
         COUNTER_REFUSED_TOKENS},
        {"rate", {.outcome.err.code = STATUS_RATE}, COUNTER_REFUSED_RATE},
        {"Bedrock's", {.outcome.err.code = STATUS_RATE, .attempt.number = 1}, 0},
        {"deadline of a stream",
         {.outcome.err.code = STATUS_TIMEOUT,
          .attempt.number = 1,
          .outcome.refused = COUNTER_REFUSED_DEADLINE},
         COUNTER_REFUSED_DEADLINE},
        {"body not whole",
         {.outcome.err.code = STATUS_INVALID, .state = EXCHANGE_OPEN},
         COUNTER_REFUSED_HTTP},
        {"body not valid",
         {.outcome.err.code = STATUS_INVALID, .state = EXCHANGE_READ},
         COUNTER_REFUSED_INVALID},
        {"client left", {.outcome.err.code = STATUS_AUTH, .outcome.status = 499}, 0},
        {"deadline behind the last event", {.outcome.refused = COUNTER_REFUSED_DEADLINE}, 0},
        {"good", {.outcome.status = 200}, 0},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t all = refused(g);
        uint64_t one = cases[i].want ? counters_sum(&g->segment, cases[i].want) : 0;
        refusal_count(&cases[i].x);
        if (refused(g) != all + (cases[i].want != 0) ||
            (cases[i].want && counters_sum(&g->segment, cases[i].want) != one + 1))
            fail_msg("%s", cases[i].name);
    }
}

/* On a fresh connection and on one that has had a request; by the end of input and by time. */
static void test_unfinished_head_is_answered_and_logged_by_its_path(void **state)
{
    struct gateway *g = *state;
    static const char *const heads[] = {POST_TO("/v1/chat/completions", ""),
                                        POST_TO("/v1/chat/completions", ID "x-api-key: sk-go")};
    for (int i = 0; i < 8; i++) {
        bool second = i & 1, slow = i & 2;
        int pipes[2];
        assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
        g->worker.conn_limits.header_ms = slow ? 60 : 5000;
        client_connect(g, &g->client);
        if (second) {
            client_ask(g, &g->client, "GET /health", "user-agent: the first\r\n", NULL);
            gateway_expect(g, &g->client, 1, "healthy");
        }
        log_to(pipes[1]);
        log_level_set(LOG_INFO);
        client_send(g, &g->client, text_from(heads[i / 4]));
        if (!slow)
            gateway_fin(g);
        gateway_expect(g, &g->client, 1, "{\"error\":{\"message\":"); /* OpenAI's shape */
        client_check(&g->client, "status", slow ? "HTTP/1.1 408 " : "HTTP/1.1 400 ", true);
        log_level_set(LOG_OFF);
        log_to(STDOUT_FILENO);
        ssize_t n = read(pipes[0], lines, sizeof lines - 1);
        lines[n > 0 ? n : 0] = '\0';
        close(pipes[0]);
        close(pipes[1]);
        client_close(&g->client);
        if (times("\"event\":\"request\"") != 1 ||
            times("\"path\":\"/v1/chat/completions\"") != 1 || times("the first") != 0 ||
            times("sk-go") != 0 || times("\"mine\"") != 0)
            fail_msg("%d: %s", i, lines);
    }
}

/* No memory for an exchange: the answer, the line and the counters come all the same. */
static void test_request_without_memory_is_answered_counted_and_logged(void **state)
{
    struct gateway *g = *state;
    g->worker.arena_max = 16;
    say(g, POST_TO("/v1/messages", ID KEY JSON("5")));
    assert_int_equal(times("\"request_id\":\"mine\",\"status\":503,"), 1);
    assert_int_equal(counters_sum(&g->segment, COUNTER_REFUSED_BUSY), 1);
    assert_int_equal(ended(g), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_each_refusal_is_counted_and_logged_once),
        GATEWAY(test_lines_of_refusals_have_the_members_of_every_line),
        GATEWAY(test_good_answers_and_bedrocks_errors_are_no_refusals),
        GATEWAY(test_count_goes_by_the_reason_given_then_by_the_status),
        GATEWAY(test_unfinished_head_is_answered_and_logged_by_its_path),
        GATEWAY(test_request_without_memory_is_answered_counted_and_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
