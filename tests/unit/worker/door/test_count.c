/* count.c: Bedrock's own count where it counts, else an estimate that says so. */
#include "worker/door/count.h"

#include "tests/unit/gateway_bed.h"

/* ---- counting ----------------------------------------------------------------------------- */

#define COUNT "POST /v1/messages/count_tokens"

#define COUNT_BODY(model) \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static void counted(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "200 OK", "", STR("{\"inputTokens\":42}"));
}

static void test_count_is_bedrocks_own(void **state)
{
    struct gateway *g = *state;
    g->reply = counted;
    gateway_talk(g, COUNT, KEY, COUNT_BODY("claude-opus-4-5"), "{\"input_tokens\":42}");
    client_check(&g->client, "mark", "x-token-count", false);
    /* CountTokens takes base model ids only */
    assert_non_null(strstr(g->last, "POST /model/anthropic.claude-opus-4-5-20251101-v1%3A0/"
                                    "count-tokens HTTP/1.1\r\n"));
}

/* Which refusals say something about the model, so that AWS need not be asked again; each row has a
 * model of its own, since they are remembered. */
static const struct refusal {
    const char *name, *model, *status, *type, *body;
    bool remembered;
} refusals[] = {
    {"no permission", COUNT_BODY("claude-opus-4-1"), "403 No", "AccessDeniedException",
     "{\"message\":\"" ARN " may not\"}", true},
    {"no such model", COUNT_BODY("claude-sonnet-4-5"), "404 No", "ResourceNotFoundException", "{}",
     true},
    {"no counting", COUNT_BODY("claude-opus-4-6"), "400 Bad", "ValidationException",
     "{\"message\":\"The provided model doesn't support counting tokens.\"}", true},
    {"no counting, said late", COUNT_BODY("claude-sonnet-4-6"), "400 Bad", "ValidationException",
     "{\"message\":\"The request with all of its many members and values, which are repeated here "
     "at a "
     "length that no client is told, because what it is told ends after some two hundred bytes, "
     "names a model that does not support counting tokens.\"}",
     true},
    {"another thing unsupported", COUNT_BODY("claude-haiku-4-5"), "400 Bad", "ValidationException",
     "{\"message\":\"This model does not support image input.\"}", false},
    {"bad body", COUNT_BODY("claude-haiku-4-5"), "400 Bad", "ValidationException",
     "{\"message\":\"messages.0: bad\"}", false},
    {"throttled", COUNT_BODY("claude-haiku-4-5"), "429 Slow", "ThrottlingException", "{}", false},
    {"html", COUNT_BODY("claude-haiku-4-5"), "200 OK", "", "<html>", false},
};

static void refuse(struct gateway *g, struct loopback_conn *c, struct str request)
{
    const struct refusal *r = &refusals[g->step];
    char headers[100];
    (void)request;
    snprintf(headers, sizeof headers, "x-amzn-ErrorType: %s\r\n", r->type);
    up_json(c, r->status, headers, text_from(r->body));
}

static void test_refusal_table_gives_a_marked_estimate(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        g->step = (int)i;
        g->reply = refuse;
        gateway_talk(g, COUNT, KEY, r->model, "{\"input_tokens\":");
        client_check(&g->client, r->name, "HTTP/1.1 200 ", true);
        client_check(&g->client, r->name, "x-token-count: estimate\r\n", true);
        g->reply = counted;
        gateway_talk(g, COUNT, KEY, r->model, "{\"input_tokens\":");
        client_check(&g->client, r->name, "{\"input_tokens\":42}", !r->remembered);
    }
    struct traffic_row row; /* an estimate is an answer like another */
    counters_traffic_sum(&g->segment, TRAFFIC_COUNT_TOKENS, &row);
    assert_int_equal(row.requests[TRAFFIC_2XX], 2 * sizeof refusals / sizeof *refusals);
    assert_int_equal(row.requests[TRAFFIC_ABORTED], 0);
}

static void test_model_without_counting_is_not_asked(void **state)
{
    struct gateway *g = *state;
    gateway_talk(g, COUNT, KEY, COUNT_BODY(NOVA), "x-token-count: estimate\r\n");
    assert_int_equal(g->bedrock.accepted, 0);
}

static void test_fallback_refuse_is_501(void **state)
{
    struct gateway *g = *state;
    g->config.count_tokens_fallback = "refuse";
    gateway_talk(g, COUNT, KEY, COUNT_BODY(NOVA), "\"type\":\"not_supported\"");
    client_check(&g->client, "status", "HTTP/1.1 501 ", true);
    client_check(&g->client, "retry", "x-should-retry: false\r\n", true);
}

static void test_guess_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *content;
        uint64_t least, most;
    } rows[] = {
        {"short", "\"Hi\"", 1, 15},
        {"latin", "\"0123456789012345678901234567890123456789\"", 10, 25},
        {"cjk", "\"\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c\"", 4, 18},
        {"image",
         "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
         "png\",\"data\":\"AAAA\"}}]",
         1600, 1750},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_new(1 << 20);
        struct scan scan;
        struct messages_request r;
        struct err err = {0};
        const struct scan_limits limits = {
            .depth = 32, .values = 100, .keys = 100, .number_len = 9};
        struct str body = text_from(arena_printf(
            arena, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":%s}]}",
            rows[i].content));
        if (scan_parse(&scan, arena, body, &limits, &err) != STATUS_OK ||
            messages_read(&scan, true, &r, &err) != STATUS_OK)
            fail_msg("%s: %s", rows[i].name, err.text);
        uint64_t n = count_guess(&r);
        if (n < rows[i].least || n > rows[i].most)
            fail_msg("%s: %llu tokens", rows[i].name, (unsigned long long)n);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_count_is_bedrocks_own),
        GATEWAY(test_refusal_table_gives_a_marked_estimate),
        GATEWAY(test_model_without_counting_is_not_asked),
        GATEWAY(test_fallback_refuse_is_501),
        cmocka_unit_test(test_guess_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
