/* page.c: GET / over a real connection, as a browser and as everybody else asks it. */
#include "worker/door/page.h"

#include "shm/memory/scoreboard.h"
#include "tests/unit/gateway_bed.h"

#define BROWSER "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"

static void test_wanted_table_by_accept(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool wanted;
    } rows[] = {
        {"text/html", true},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
        {"application/xml, TEXT/HTML ; q=0.5", true},
        {"text/html;q=0.1", true},
        {"text/html;q=0", false},
        {"text/html; q=0.000", false},
        {"*/*", false},
        {"application/json", false},
        {"application/json, text/plain, */*", false},
        {"text/htmlx", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (page_is_wanted(text_from(rows[i].accept)) != rows[i].wanted) {
            fail_msg("%s", rows[i].accept);
        }
    }
}

static void test_json_names_every_endpoint_from_the_routes(void **state)
{
    struct gateway *g = *state;
    static const char *const parts[] = {
        "HTTP/1.1 200 OK\r\n",
        "content-type: application/json\r\n",
        "vary: accept\r\n",
        "{\"name\":\"llm-api-converter\",\"version\":\"" VERSION "\",\"description\":\"",
        "\"endpoints\":{\"messages\":\"/v1/messages\"",
        "\"messages_count_tokens\":\"/v1/messages/count_tokens\"",
        "\"chat_completions\":\"/v1/chat/completions\"",
        "\"models\":\"/v1/models\"",
        "\"health\":\"/health\"",
        "\"metrics\":\"/metrics\"",
        "\"api_event_logging_batch\":\"/api/event_logging/batch\"",
    };
    gateway_talk(g, "GET /", "Accept: */*\r\n", NULL, "}}");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        client_check(&g->client, "part", parts[i], true);
    }
    client_check(&g->client, "refused anyway", "embeddings", false);
    client_check(&g->client, "a pattern", "*", false);
    gateway_talk(g, "GET /", "", NULL, "}}"); /* no Accept at all */
}

static void test_page_for_a_browser(void **state)
{
    struct gateway *g = *state;
    static const char *const parts[] = {
        "HTTP/1.1 200 OK\r\n",
        "content-type: text/html; charset=utf-8\r\n",
        "vary: accept\r\n",
        "cache-control: no-store\r\n",
        "x-content-type-options: nosniff\r\n",
        "content-security-policy: default-src 'none'; img-src data:; base-uri 'none'; form-action "
        "'none'; frame-ancestors 'none'; style-src 'sha256-",
        "Version " VERSION ", ready.",
        "ANTHROPIC_BASE_URL=http://gateway\n",
        "OPENAI_BASE_URL=http://gateway/v1\n",
        "<code>POST /v1/chat/completions</code></td><td>key</td>",
        "<code>GET <a href=\"/health\">/health</a></code></td><td>anybody</td>",
        "Claude Code&#39;s probe",
    };
    gateway_talk(g, "GET /", BROWSER, NULL, "</html>");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        client_check(&g->client, "part", parts[i], true);
    }
    client_check(&g->client, "script", "<script", false);
    client_check(&g->client, "loaded", "src=", false);
    client_check(&g->client, "event handlers", " onload", false);
}

static void test_page_address_is_the_clients_and_escaped(void **state)
{
    struct gateway *g = *state;
    g->config.api_prefix = "/proxy/v1";
    client_close(&g->client);
    client_connect(g, &g->client);
    client_send(
        g, &g->client,
        STR("GET / HTTP/1.1\r\nHost: a&b'c:81\r\nX-Forwarded-Proto: https\r\n" BROWSER "\r\n"));
    gateway_expect(g, &g->client, 1, "</html>");
    client_check(&g->client, "base", "ANTHROPIC_BASE_URL=https://a&amp;b&#39;c:81/proxy\n", true);
    client_check(&g->client, "base", "OPENAI_BASE_URL=https://a&amp;b&#39;c:81/proxy/v1\n", true);
    client_check(&g->client, "routes", "<code>POST /proxy/v1/messages</code>", true);
    client_check(&g->client, "raw", "b'c", false);
}

static void test_page_under_another_prefix_has_no_line_for_anthropic(void **state)
{
    struct gateway *g = *state;
    g->config.api_prefix = "/api";
    gateway_talk(g, "GET /", BROWSER, NULL, "</html>");
    client_check(&g->client, "anthropic", "ANTHROPIC_BASE_URL", false);
    client_check(&g->client, "openai", "OPENAI_BASE_URL=http://gateway/api\n", true);
}

static void test_page_tells_what_ready_tells(void **state)
{
    struct gateway *g = *state;
    g->worker.draining = true;
    gateway_talk(g, "GET /", BROWSER, NULL, "</html>");
    client_check(&g->client, "status", "not ready: draining.", true);
    g->worker.draining = false;
    g->config.bedrock_api_key = "";
    gateway_talk(g, "GET /", BROWSER, NULL, "</html>");
    client_check(&g->client, "status", "not ready: no AWS credentials yet.", true);
}

static void test_page_holds_no_secret(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "GET /", BROWSER KEY, NULL, "</html>");
    client_check(&g->client, "key", "sk-good", false);
    client_check(&g->client, "master key", "sk-master-secret", false);
    client_check(&g->client, "bearer", "bearer-secret", false);
    client_check(&g->client, "upstream", "127.0.0.1", false);
}

static void test_head_has_the_heads_alone(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, "HEAD /", BROWSER, NULL, "\r\n\r\n");
    client_check(&g->client, "type", "content-type: text/html", true);
    client_check(&g->client, "body", "<html", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wanted_table_by_accept),
        GATEWAY(test_json_names_every_endpoint_from_the_routes),
        GATEWAY(test_page_for_a_browser),
        GATEWAY(test_page_address_is_the_clients_and_escaped),
        GATEWAY(test_page_under_another_prefix_has_no_line_for_anthropic),
        GATEWAY(test_page_tells_what_ready_tells),
        GATEWAY(test_page_holds_no_secret),
        GATEWAY(test_head_has_the_heads_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
