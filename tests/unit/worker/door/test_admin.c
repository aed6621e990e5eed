/* admin.c: the routes that answer by themselves, asked over a real connection. */
#include "worker/door/admin.h"

#include "shm/memory/signing.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/standing.h"
#include "tests/unit/gateway_bed.h"

static void test_routes_table_answers_without_a_key(void **state)
{
    static const struct {
        const char *line, *body, *status, *contains;
    } rows[] = {
        {"GET /health", NULL, "200 OK", "{\"status\":\"healthy\",\"version\":\"" VERSION "\""},
        {"GET /health", NULL, "200 OK", "\"environment\":\"development\""},
        {"GET /ready", NULL, "200 OK", "{\"ready\":true,\"status\":\"ready\""},
        {"GET /liveness", NULL, "200 OK", "{\"alive\":true,\"status\":\"alive\"}"},
        {"GET /health/ptc", NULL, "200 OK", "\"ptc_enabled\":false"},
        {"GET /version", NULL, "200 OK", "\"version\":\"" VERSION "\""},
        {"GET /api/hello", NULL, "200 OK", "{\"message\":\"hello\"}"},
        {"POST /api/event_logging/batch", "{\"events\":[1]}", "200 OK", "\"success\":true"},
        {"POST /api/event_logging/batch", "no JSON at all", "200 OK", "\"success\":true"},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gateway_talk(g, rows[i].line, "", rows[i].body, "}");
        client_check(&g->client, rows[i].line, rows[i].status, true);
        client_check(&g->client, rows[i].line, rows[i].contains, true);
    }
    assert_int_equal(g->bedrock.accepted, 0);
}

static void test_routes_table_of_what_bedrock_has_not(void **state)
{
    static const struct {
        const char *line, *body, *status, *contains;
    } rows[] = {
        {"GET /v1/messages/msg_1", NULL, "501 Not Implemented", "\"type\":\"not_supported\""},
        {"GET /v1/messages/batches", NULL, "404 Not Found", "\"type\":\"not_found_error\""},
        {"POST /v1/embeddings", "{}", "404 Not Found", "\"param\":null"},
        {"GET /v1/responses/resp_1", NULL, "404 Not Found", "\"param\":null"},
        {"DELETE /v1/responses/resp_1", NULL, "404 Not Found", "are not stored"},
        {"POST /v1/responses/resp_1/cancel", "{}", "404 Not Found", "are not stored"},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gateway_talk(g, rows[i].line, KEY, rows[i].body, "\"message\"");
        client_check(&g->client, rows[i].line, rows[i].status, true);
        client_check(&g->client, rows[i].line, rows[i].contains, true);
        gateway_talk(g, rows[i].line, "", rows[i].body, "message");
        client_check(&g->client, rows[i].line, "401 Unauthorized", true);
    }
}

static void test_draining_is_told_by_health_and_ready_but_not_liveness(void **state)
{
    struct gateway *g = *state;
    g->worker.draining = true;
    gateway_talk(g, "GET /health", "", NULL, "}}");
    client_check(&g->client, "health", "HTTP/1.1 503 ", true);
    client_check(&g->client, "health", "\"status\":\"draining\"", true);
    gateway_talk(g, "GET /ready", "", NULL, "\"reason\":\"draining\"");
    client_check(&g->client, "ready", "HTTP/1.1 503 ", true);
    gateway_talk(g, "GET /liveness", "", NULL, "alive");
    client_check(&g->client, "liveness", "HTTP/1.1 200 ", true);
}

/* SHUTDOWN_DELAY: nobody drains yet. */
static void test_service_that_ends_is_told_while_it_serves(void **state)
{
    struct gateway *g = *state;
    scoreboard_state(&g->segment, 1, SCOREBOARD_READY);
    segment_set_service(&g->segment, SEGMENT_ENDS);
    gateway_talk(g, "GET /health", "", NULL, "}}");
    client_check(&g->client, "health", "HTTP/1.1 503 ", true);
    client_check(&g->client, "kept", "connection: close", false);
    gateway_talk(g, "GET /ready", "", NULL, "\"reason\":\"draining\"");
    client_check(&g->client, "ready", "HTTP/1.1 503 ", true);
    gateway_talk(g, "GET /liveness", "", NULL, "alive");
    client_check(&g->client, "liveness", "HTTP/1.1 200 ", true);
}

/* SIGUSR2: there is no worker of ours left that takes connections, but one of the new program. */
static void test_service_handed_over_is_healthy(void **state)
{
    struct gateway *g = *state;
    g->worker.draining = true;
    segment_set_service(&g->segment, SEGMENT_HANDED_OVER);
    gateway_talk(g, "GET /health", "", NULL, "}}");
    client_check(&g->client, "health", "HTTP/1.1 200 ", true);
    gateway_talk(g, "GET /ready", "", NULL, "\"ready\":true");
    client_check(&g->client, "ready", "HTTP/1.1 200 ", true);
}

/* SIGHUP: the old set drains while the new one serves. */
static void test_draining_beside_a_ready_worker_is_healthy(void **state)
{
    struct gateway *g = *state;
    g->worker.draining = true;
    scoreboard_state(&g->segment, 2, SCOREBOARD_READY);
    gateway_talk(g, "GET /health", "", NULL, "}}");
    client_check(&g->client, "health", "HTTP/1.1 200 ", true);
    client_check(&g->client, "health", "\"status\":\"healthy\"", true);
}

/* What it says of a store that was never read: tests/system/25_dynamo.sh. */
static void test_ready_says_which_store_it_is(void **state)
{
    static const struct {
        const char *store, *environment;
        bool empty;
        const char *contains, *lacks;
    } rows[] = {
        {"dynamodb", "production", true,
         "\"dynamodb\":true,\"key_store\":true,\"key_store_kind\":\"dynamodb\"", "warning"},
        {"sqlite", "development", true, "\"key_store\":true,\"key_store_kind\":\"sqlite\"",
         "dynamodb"},
        {"sqlite", "production", true, "\"warning\":\"the key store is an SQLite file without",
         "\"dynamodb\""},
        {"sqlite", "production", false, "\"key_store_kind\":\"sqlite\"", "warning"},
        {"", "production", false, "\"key_store\":true", "kind"},
    };
    struct gateway *g = *state;
    for (size_t i = sizeof rows / sizeof *rows; i-- > 0;) {
        struct standing now = {"", "its trouble is no reason while keys work"};
        snprintf(now.store, sizeof now.store, "%s", rows[i].store);
        standing_tell(&g->segment, &now);
        g->config.environment = rows[i].environment;
        if (rows[i].empty) {
            directory_begin(&g->segment);
            directory_publish(&g->segment, clock_real_ms());
        }
        gateway_talk(g, "GET /ready", "", NULL, "\"bedrock\":true}");
        client_check(&g->client, rows[i].store, "200 OK", true);
        client_check(&g->client, rows[i].store, rows[i].contains, true);
        client_check(&g->client, rows[i].store, rows[i].lacks, false);
        client_check(&g->client, rows[i].store, "its trouble", false);
    }
}

static void test_ready_without_credentials_gives_the_reason(void **state)
{
    struct gateway *g = *state;
    g->config.bedrock_api_key = "";
    gateway_talk(g, "GET /ready", "", NULL, "\"reason\":\"no AWS credentials yet\"");
    client_check(&g->client, "status", "HTTP/1.1 503 ", true);
    client_check(&g->client, "check", "\"bedrock\":false", true);
    client_check(&g->client, "store", "\"key_store\":true", true);
    gateway_talk(g, "GET /health", "", NULL, "}}"); /* a balancer must not kill us for it */
    client_check(&g->client, "health", "HTTP/1.1 200 ", true);
}

static void test_ready_gives_the_refreshers_reason(void **state)
{
    struct gateway *g = *state;
    struct signing_keys none = {.lane = g->config.lanes.lane[LANES_HOME].id,
                                .region = "us-west-2",
                                .trouble = "AWS STS answered HTTP 403"};
    g->config.bedrock_api_key = "";
    signing_publish(&g->segment, LANES_HOME, &none);
    gateway_talk(g, "GET /ready", "", NULL, "\"reason\":\"AWS STS answered HTTP 403\"");
}

static void test_preflight_of_any_path_needs_no_key(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "OPTIONS /v1/nowhere", "Origin: https://app.example\r\n", NULL, "\r\n\r\n");
    client_check(&g->client, "status", "HTTP/1.1 204 No Content\r\n", true);
    client_check(&g->client, "methods", "access-control-allow-methods: GET, HEAD, POST, OPTIONS",
                 true);
    client_check(&g->client, "length", "content-length", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_routes_table_answers_without_a_key),
        GATEWAY(test_routes_table_of_what_bedrock_has_not),
        GATEWAY(test_draining_is_told_by_health_and_ready_but_not_liveness),
        GATEWAY(test_service_that_ends_is_told_while_it_serves),
        GATEWAY(test_service_handed_over_is_healthy),
        GATEWAY(test_draining_beside_a_ready_worker_is_healthy),
        GATEWAY(test_ready_says_which_store_it_is),
        GATEWAY(test_ready_without_credentials_gives_the_reason),
        GATEWAY(test_ready_gives_the_refreshers_reason),
        GATEWAY(test_preflight_of_any_path_needs_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
