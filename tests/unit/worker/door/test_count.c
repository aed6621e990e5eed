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

/* CountTokens does not have the model; g->step tells what the other host says. */
static const struct {
    const char *name, *model, *status, *body;
    bool counts, remembered;
} mantles[] = {
    {"counts", COUNT_BODY("claude-opus-5-5"), "200 OK", "{\"input_tokens\":41}", true, false},
    {"no permission", COUNT_BODY("claude-opus-4-8"), "403 No",
     "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"no\"}}", false,
     true},
    {"no login", COUNT_BODY("claude-opus-4-7"), "401 No", "{}", false, true},
    {"no such route", COUNT_BODY("claude-sonnet-5"), "404 No", "", false, true},
    {"throttled", COUNT_BODY("claude-haiku-5-5"), "429 Slow", "{}", false, false},
    {"a bad body", COUNT_BODY("claude-haiku-5-5"), "400 Bad",
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"x: bad\"}}",
     false, false},
    {"a page", COUNT_BODY("claude-fable-5-1"), "200 OK", "<html>", false, true},
    {"a negative count", COUNT_BODY("claude-fable-5-2"), "200 OK", "{\"input_tokens\":-1}", false,
     true},
};

static void answer_both(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (text_starts(request, STR("POST /anthropic/v1/messages/count_tokens "))) {
        up_json(c, mantles[g->step].status, "", text_from(mantles[g->step].body));
    } else {
        up_json(c, "400 Bad", "x-amzn-ErrorType: ValidationException\r\n",
                STR("{\"message\":\"The provided model doesn't support counting tokens.\"}"));
    }
}

static void test_other_host_counts_or_is_left_alone(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    g->reply = answer_both;
    for (size_t i = 0; i < sizeof mantles / sizeof *mantles; i++) {
        g->step = (int)i;
        gateway_talk(g, COUNT, KEY, mantles[i].model, "{\"input_tokens\":");
        client_check(&g->client, mantles[i].name, "{\"input_tokens\":41}", mantles[i].counts);
        client_check(&g->client, mantles[i].name, "x-token-count: estimate", !mantles[i].counts);
        assert_non_null(strstr(g->last, "\r\n\r\n{\"model\":\"anthropic.claude-"));
        assert_null(strstr(g->last, "max_tokens"));
        g->last[0] = '\0';
        g->step = 0;
        gateway_talk(g, COUNT, KEY, mantles[i].model, "{\"input_tokens\":");
        client_check(&g->client, mantles[i].name, "{\"input_tokens\":41}", !mantles[i].remembered);
        assert_int_equal(g->last[0] == '\0', mantles[i].remembered);
    }
}

/* In a region without it nobody waits twice, whatever the model. */
static void answer_runtime_only(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (text_starts(request, STR("POST /anthropic/"))) {
        g->step++;
        c->reset_after = true;
    } else {
        answer_both(g, c, request);
    }
}

static void test_host_that_is_not_there_is_left_alone(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    g->reply = answer_runtime_only;
    gateway_talk(g, COUNT, KEY, COUNT_BODY("claude-opus-5-5"), "x-token-count: estimate");
    assert_true(g->step > 0);
    int asked = g->step;
    gateway_talk(g, COUNT, KEY, COUNT_BODY("claude-opus-5-5"), "x-token-count: estimate");
    gateway_talk(g, COUNT, KEY, COUNT_BODY("claude-opus-4-8"), "x-token-count: estimate");
    assert_int_equal(g->step, asked);
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
        uint64_t n = count_guess(&r, false), more = count_guess(&r, true);
        if (more < n || more > n + n * 3 / 10 + 2)
            fail_msg("%s: %llu and %llu tokens", rows[i].name, (unsigned long long)n,
                     (unsigned long long)more);
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
        GATEWAY(test_other_host_counts_or_is_left_alone),
        GATEWAY(test_host_that_is_not_there_is_left_alone),
        GATEWAY(test_model_without_counting_is_not_asked),
        GATEWAY(test_fallback_refuse_is_501),
        cmocka_unit_test(test_guess_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
