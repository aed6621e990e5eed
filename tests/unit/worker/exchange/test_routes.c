#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/exchange/routes.h"

#define BIT(m) (1u << (m))

static const struct config config = {.api_prefix = "/v1"};

static void test_find_table_gives_row(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum http_method method;
        const char *row; /* pattern expected, NULL: none */
        unsigned allowed;
    } rows[] = {
        {"/v1/messages", HTTP_POST, "{prefix}/messages", BIT(HTTP_POST)},
        {"/v1/messages", HTTP_GET, NULL, BIT(HTTP_POST)},
        {"/v1/messages/", HTTP_POST, NULL, 0}, /* routes_understood comes first */
        {"/v1/messages/msg_1", HTTP_GET, "{prefix}/messages/*", BIT(HTTP_GET)},
        {"/v1/messages/batches", HTTP_GET, "{prefix}/messages/batches",
         BIT(HTTP_GET) | BIT(HTTP_POST)},
        {"/v1/chat/completions", HTTP_POST, "{prefix}/chat/completions", BIT(HTTP_POST)},
        {"/v1/responses", HTTP_POST, "{prefix}/responses", BIT(HTTP_POST)},
        {"/v1/responses", HTTP_GET, NULL, BIT(HTTP_POST)},
        {"/v1/responses/resp_1", HTTP_GET, "{prefix}/responses/**",
         BIT(HTTP_GET) | BIT(HTTP_POST) | BIT(HTTP_OTHER)},
        {"/v1/responses/resp_1/cancel", HTTP_POST, "{prefix}/responses/**",
         BIT(HTTP_GET) | BIT(HTTP_POST) | BIT(HTTP_OTHER)},
        {"/v1/responses/resp_1", HTTP_OTHER, "{prefix}/responses/**",
         BIT(HTTP_GET) | BIT(HTTP_POST) | BIT(HTTP_OTHER)},
        {"/v1/messages/msg_1/x", HTTP_GET, NULL, 0},
        {"/v2/messages", HTTP_POST, NULL, 0},
        {"/messages", HTTP_POST, NULL, 0},
        {"/health", HTTP_GET, "/health", BIT(HTTP_GET) | BIT(HTTP_HEAD)},
        {"/health", HTTP_POST, NULL, BIT(HTTP_GET) | BIT(HTTP_HEAD)},
        {"/healthz", HTTP_GET, NULL, 0},
        {"/", HTTP_HEAD, "/", BIT(HTTP_GET) | BIT(HTTP_HEAD)},
        {"/api/hello", HTTP_HEAD, "/api/hello", BIT(HTTP_GET) | BIT(HTTP_HEAD)},
        {"/api/event_logging/batch", HTTP_POST, "/api/event_logging/batch", BIT(HTTP_POST)},
        {"", HTTP_GET, NULL, 0},
        {"/nowhere", HTTP_OPTIONS, "**", 0},
        {"/v1/messages", HTTP_OPTIONS, "**", BIT(HTTP_POST)},
        {"/v1/models/m", HTTP_OPTIONS, "**", BIT(HTTP_GET) | BIT(HTTP_HEAD)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned allowed = 99;
        const struct route *r =
            routes_find(&config, text_from(rows[i].path), rows[i].method, &allowed);
        if ((r == NULL) != (rows[i].row == NULL) ||
            (r && !text_eq(text_from(r->path), text_from(rows[i].row))) ||
            allowed != rows[i].allowed) {
            fail_msg("row %zu '%s': got %s, allowed %u", i, rows[i].path, r ? r->path : "none",
                     allowed);
        }
    }
}

static void test_find_other_prefix_moves_api_routes(void **state)
{
    (void)state;
    static const struct config moved = {.api_prefix = "/proxy/v1"};
    unsigned allowed;
    assert_non_null(routes_find(&moved, STR("/proxy/v1/messages"), HTTP_POST, &allowed));
    assert_null(routes_find(&moved, STR("/v1/messages"), HTTP_POST, &allowed));
    assert_non_null(routes_find(&moved, STR("/health"), HTTP_GET, &allowed));
}

static void test_find_models_takes_ids_with_slashes(void **state)
{
    (void)state;
    unsigned allowed;
    const struct route *r =
        routes_find(&config, STR("/v1/models/arn:aws:bedrock:us-west-2:1:inference-profile/x"),
                    HTTP_GET, &allowed);
    assert_non_null(r);
    assert_int_equal(r->dialect, ROUTE_BY_VERSION);
    assert_null(routes_find(&config, STR("/v1/models/"), HTTP_GET, &allowed));
}

static void test_dialect_by_path_is_the_callers(void **state)
{
    (void)state;
    assert_int_equal(routes_dialect_near(&config, STR("/v1/chat/completions")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/v1/embeddings")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/v1/responses")), DIALECT_RESPONSES);
    assert_int_equal(routes_dialect_near(&config, STR("/openai/v1/responses")), DIALECT_RESPONSES);
    assert_int_equal(routes_dialect_near(&config, STR("/v1/messages")), DIALECT_ANTHROPIC);
    assert_int_equal(routes_dialect_near(&config, STR("/nowhere")), DIALECT_ANTHROPIC);
    assert_int_equal(routes_dialect_near(&config, STR("/v1/completions/x")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/v1/complete")), DIALECT_ANTHROPIC);
    assert_int_equal(routes_dialect_near(&config, STR("/completions")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/chat/completions")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/api/v1/chat/completions")), DIALECT_OPENAI);
    assert_int_equal(routes_dialect_near(&config, STR("/messages")), DIALECT_ANTHROPIC);
    assert_int_equal(routes_dialect_near(&config, STR("/model/x/invoke")), DIALECT_BEDROCK);
    assert_int_equal(routes_dialect_near(&config, STR("/foundation-models")), DIALECT_BEDROCK);
    assert_int_equal(routes_dialect_near(&config, STR("/inference-profiles/x")), DIALECT_BEDROCK);
    assert_int_equal(routes_dialect_near(&config, STR("/guardrail/x/version/1/apply")),
                     DIALECT_BEDROCK);
    assert_int_equal(routes_dialect_near(&config, STR("/v1nce-profiles")), DIALECT_ANTHROPIC);
}

/* L3: slips of a base URL that can mean one thing only. */
static void test_understood_path_is_the_one_that_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *path, *meant;
    } rows[] = {
        {"/v1", "/v1/messages", "/v1/messages"},
        {"/v1", "/v1/messages/", "/v1/messages"},
        {"/v1", "/v1/chat/completions//", "/v1/chat/completions"},
        {"/v1", "//v1/messages", "/v1/messages"},
        {"/v1", "/v1/v1/messages", "/v1/messages"},
        {"/v1", "/v1/v1/v1/chat/completions/", "/v1/chat/completions"},
        {"/v1", "/v1/v1/models/m", "/v1/models/m"},
        {"/v1", "/v1/v10/messages", "/v1/v10/messages"},
        {"/v1", "/v1/v1", "/v1/v1"},
        {"/v1", "/health/", "/health"},
        {"/v1", "/", "/"},
        {"/v1", "//", "/"},
        {"/v1", "", ""},
        {"", "/messages/", "/messages"},
        {"/proxy/v1", "/proxy/v1/proxy/v1/messages", "/proxy/v1/messages"},
        {"/proxy/v1", "/v1/v1/messages", "/v1/v1/messages"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.api_prefix = rows[i].prefix};
        struct str got = routes_understood(&c, text_from(rows[i].path));
        if (!text_eq(got, text_from(rows[i].meant))) {
            fail_msg("row %zu '%s': got '%.*s'", i, rows[i].path, STR_ARG(got));
        }
    }
}

/* L3: what has no route says so, and which one was meant where that is one of the known slips. */
static void test_absent_route_names_the_one_that_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *path, *says;
    } rows[] = {
        {"/v1", "/chat/completions",
         "POST /chat/completions is not served by this gateway; did you mean /v1/chat/completions? "
         "OpenAI clients need a base URL that ends in /v1"},
        {"/v1", "/messages",
         "POST /messages is not served by this gateway; did you mean /v1/messages? Anthropic "
         "clients need a base URL without /v1"},
        {"/v1", "/anthropic/v1/messages/count_tokens",
         "POST /anthropic/v1/messages/count_tokens is not served by this gateway; did you mean "
         "/v1/messages/count_tokens? Anthropic clients need a base URL without /v1"},
        {"/v1", "/v1//messages",
         "POST /v1//messages is not served by this gateway; did you mean /v1/messages? Anthropic "
         "clients need a base URL without /v1"},
        {"/v1", "/models",
         "POST /models is not served by this gateway; did you mean /v1/models? OpenAI clients need "
         "a base URL that ends in /v1, Anthropic clients one without it"},
        {"/v1", "/v1/nowhere", "POST /v1/nowhere is not served by this gateway"},
        {"/v1", "/v1/mymessages", "POST /v1/mymessages is not served by this gateway"},
        {"/v1", "/v1/embeddings", "POST /v1/embeddings is not served by this gateway"},
        {"/v1", "/embeddings", "POST /embeddings is not served by this gateway"},
        {"/v1", "/responses",
         "POST /responses is not served by this gateway; did you mean /v1/responses? OpenAI "
         "clients need a base URL that ends in /v1"},
        {"/api", "/v1/messages",
         "POST /v1/messages is not served by this gateway; did you mean /api/messages?"},
        {"", "/v1/messages",
         "POST /v1/messages is not served by this gateway; did you mean /messages?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.api_prefix = rows[i].prefix};
        struct err err;
        assert_int_equal(routes_absent(&c, STR("POST"), text_from(rows[i].path), &err),
                         STATUS_NO_ROUTE);
        assert_string_equal(err.text, rows[i].says);
    }
}

static void test_absent_route_of_a_long_path_is_cut(void **state)
{
    (void)state;
    char path[400];
    struct err err;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    memcpy(path + sizeof path - 9, "/messages", 9);
    routes_absent(&config, STR("PROPFINDPROPFINDPROPFINDPROPFIND"), (struct str){path, sizeof path},
                  &err);
    assert_non_null(strstr(err.text, "did you mean /v1/messages?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_table_gives_row),
        cmocka_unit_test(test_find_other_prefix_moves_api_routes),
        cmocka_unit_test(test_find_models_takes_ids_with_slashes),
        cmocka_unit_test(test_dialect_by_path_is_the_callers),
        cmocka_unit_test(test_understood_path_is_the_one_that_was_meant),
        cmocka_unit_test(test_absent_route_names_the_one_that_was_meant),
        cmocka_unit_test(test_absent_route_of_a_long_path_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
