/* passing.c: Bedrock's own routes on a whole worker: ids, tiers, terms, heads, frames at every split. */
#include "worker/exchange/passing.h"

#include <stdlib.h>

#include "tests/unit/gateway_bed.h"
#include "worker/turn/route.h"

#define ID       "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define CONVERSE "POST /model/" ID "/converse"
#define STREAMED "POST /model/" ID "/converse-stream"
#define BODY     "{\"messages\" : [{\"role\":\"user\",\"content\":[{\"text\":\"\\u00e9\"}]}]}"
#define WHOLE                                                                                     \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"Hello\"}]}}, "     \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":9,\"outputTokens\":4,\"totalTokens\"" \
    ":13}}"

static void answer_whole(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_json(c, "200 OK",
            "X-Amzn-Bedrock-Invocation-Latency: 12\r\nX-Amzn-Bedrock-Secret: 1\r\n"
            "Content-Type-Of: no\r\n",
            STR(WHOLE));
}

static void talk(struct gateway *g, const char *line, const char *headers, const char *body,
                 const char *needle)
{
    char all[400];
    snprintf(all, sizeof all, KEY "%s", headers);
    g->last[0] = '\0';
    gateway_talk(g, line, all, body, needle);
}

/* ---- ids ---------------------------------------------------------------------------------- */

static void test_ids_go_on_in_one_spelling(void **state)
{
    static const struct {
        const char *id, *path; /* NULL: refused */
    } rows[] = {
        {ID, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1%3a0",
         "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"},
        {"%75s.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"},
        {"arn:aws:bedrock:us-west-2:" ACCOUNT ":application-inference-profile/abc",
         "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A" ACCOUNT
         "%3Aapplication-inference-profile%2Fabc/converse"},
        {"arn%3Aaws%3abedrock:us-west-2:" ACCOUNT ":application-inference-profile%2fabc",
         "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A" ACCOUNT
         "%3Aapplication-inference-profile%2Fabc/converse"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1%253A0", NULL},
        {"%", NULL},
        {"%4", NULL},
        {"%zz", NULL},
        {"..", NULL},
        {"%2e%2e", NULL},
        {"x%2F..%2F..%2Fadmin", NULL},
        {"%00", NULL},
        {ID "%00", NULL},
        {"x%0d%0aevil:1", NULL},
        {"%ff%fe", NULL},
        {ID "/invoke", NULL},
    };
    struct gateway *g = *state;
    g->reply = answer_whole;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char line[400], wanted[400];
        snprintf(line, sizeof line, "POST /model/%s/converse", rows[i].id);
        talk(g, line, "", BODY, rows[i].path ? WHOLE : "ResourceNotFoundException");
        client_check(&g->client, line, "\r\nevil", false);
        snprintf(wanted, sizeof wanted, "POST %s HTTP/1.1", rows[i].path ? rows[i].path : "");
        if (rows[i].path && strncmp(g->last, wanted, strlen(wanted)) != 0)
            fail_msg("%s went on as %.200s", rows[i].id, g->last);
        if (!rows[i].path && g->last[0])
            fail_msg("%s went on", rows[i].id);
    }
}

/* ---- what a limit reads of the body ------------------------------------------------------- */

static void choose(struct gateway *g, const struct route *route, const char *body, bool reserves,
                   struct exchange *x)
{
    static const struct models_caps caps = {.flags = MODELS_CLAUDE};
    *x = (struct exchange){.worker = &g->worker, .route = route, .arena = arena_new(1 << 20)};
    x->asked.dialect = DIALECT_BEDROCK;
    x->asked.body = text_from(body);
    x->asked.model.caps = &caps;
    x->caller.who = CALLER_KEY;
    x->caller.key.budget_micro = reserves;
    x->caller.key.flags = DIRECTORY_BUDGET_RESERVE;
}

static void test_tier_that_is_paid_is_the_one_that_is_named(void **state)
{
    static const struct {
        const char *body;
        enum status st;
        bool named;
        enum tier tier;
    } rows[] = {
        {"{}", STATUS_OK, false, TIER_DEFAULT},
        {"no JSON", STATUS_OK, false, TIER_DEFAULT}, /* Bedrock says it */
        {"", STATUS_OK, false, TIER_DEFAULT},
        {"{\"x\":\"serviceTier\"}", STATUS_OK, false, TIER_DEFAULT},
        {"{\"x\":{\"serviceTier\":{\"type\":\"flex\"}}}", STATUS_OK, false, TIER_DEFAULT},
        {"{\"serviceTier\":{\"type\":\"flex\"}}", STATUS_OK, true, TIER_FLEX},
        {"{\"serviceTier\":{\"type\":\"unheard\"}}", STATUS_OK, true, TIER_DEFAULT},
        {"{\"serviceTier\":\"flex\"}", STATUS_OK, false, TIER_DEFAULT},
        {"{\"service\\u0054ier\":{\"type\":\"priority\"}}", STATUS_OK, true, TIER_PRIORITY},
        {"{\"\\u0073erviceTier\":{\"type\":\"\\u0070riority\"}}", STATUS_OK, true, TIER_PRIORITY},
        {"{\"a\":\"\\u00e9\\u001b\\u0041\"}", STATUS_OK, false, TIER_DEFAULT},
        {"{\"serviceTier\":{\"type\":\"flex\"},\"serviceTier\":{\"type\":\"priority\"}}",
         STATUS_INVALID, false, TIER_DEFAULT},
        {"{\"serviceTier\":{\"type\":\"flex\"},\"service\\u0054ier\":1}", STATUS_INVALID, false,
         TIER_DEFAULT},
        {"{\"serviceTier\":{\"type\":\"flex\",\"typ\\u0065\":\"priority\"}}", STATUS_INVALID, false,
         TIER_DEFAULT},
        {"{\"serviceTier\":{\"type\":\"flex\"}", STATUS_INVALID, false, TIER_DEFAULT},
    };
    static const struct route converse = {.passing = ROUTE_CONVERSE};
    struct gateway *g = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange x;
        choose(g, &converse, rows[i].body, false, &x);
        enum status st = passing_choose(&x);
        if (st != rows[i].st || x.asked.passed.named_tier != rows[i].named ||
            x.asked.passed.tier != rows[i].tier)
            fail_msg("%s: %d, %d, %d", rows[i].body, st, x.asked.passed.named_tier,
                     x.asked.passed.tier);
        arena_drop(x.arena);
    }
}

static void test_wide_letters_are_read_or_refused(void **state)
{
    static const char wide[] = "{\0\"\0s\0\"\0:\0001\0}\0";
    static const struct route converse = {.passing = ROUTE_CONVERSE};
    struct exchange x;
    choose(*state, &converse, "", false, &x);
    x.asked.body = (struct str){wide, sizeof wide - 1};
    assert_int_equal(passing_choose(&x), STATUS_INVALID);
    arena_drop(x.arena);
}

static void test_maximum_counts_where_it_is_heeded(void **state)
{
    static const struct route converse = {.passing = ROUTE_CONVERSE},
                              invoke = {.passing = ROUTE_INVOKE};
    static const struct {
        const struct route *route;
        const char *body;
        int64_t most;
    } rows[] = {
        {&invoke, "{\"max_tokens\":9}", 9},
        {&invoke, "{\"max_tokens\":9,\"max\\u005ftokens\":900}", 0},
        {&invoke, "{\"max_tokens\":-9}", 0},
        {&invoke, "{\"max_tokens\":\"9\"}", 0},
        {&invoke, "{\"max_tokens\":9", 0},
        {&invoke, "{\"inferenceConfig\":{\"maxTokens\":9}}", 0},
        {&converse, "{\"inferenceConfig\":{\"maxTokens\":9}}", 9},
        {&converse, "{\"max_tokens\":9}", 0},
        {&converse, "{\"inferenceConfig\":{\"maxTokens\":9,\"maxTokens\":900}}", 0},
        {&converse, "{\"inferenceConfig\":{\"maxTokens\":9},\"inferenceConfig\":{}}", 0},
        {&converse,
         "{\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":{\"top_k\":1}}",
         9},
        {&converse,
         "{\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":{\"max_tokens\":"
         "900}}",
         0},
        {&converse,
         "{\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":{},"
         "\"additionalModelRequestFields\":{\"max_tokens\":900}}",
         0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange x;
        choose(*state, rows[i].route, rows[i].body, true, &x);
        assert_int_equal(passing_choose(&x), STATUS_OK);
        if (x.asked.passed.max_tokens != rows[i].most)
            fail_msg("%s: %lld", rows[i].body, (long long)x.asked.passed.max_tokens);
        arena_drop(x.arena);
    }
}

/* ---- heads -------------------------------------------------------------------------------- */

static void test_head_goes_on_by_its_table(void **state)
{
    struct gateway *g = *state;
    g->reply = answer_whole;
    talk(g, CONVERSE, "", BODY, WHOLE);
    assert_non_null(strstr(g->last, BODY));
    client_check(&g->client, "latency", "x-amzn-bedrock-invocation-latency: 12\r\n", true);
    client_check(&g->client, "unknown", "Secret", false);
    client_check(&g->client, "unknown", "ontent-Type-Of", false);
    talk(g, "POST /model/" ID "/invoke",
         "X-Amzn-Bedrock-Trace: ENABLED\r\nX-Amzn-Bedrock-Service-Tier: flex\r\n"
         "X-Amzn-Bedrock-Other: 1\r\nX-Amzn-Bedrock-Projectidentifier: \r\n",
         BODY, WHOLE);
    assert_non_null(strcasestr(g->last, "\r\nx-amzn-bedrock-trace: ENABLED\r\n"));
    assert_non_null(strcasestr(g->last, "\r\nx-amzn-bedrock-service-tier: flex\r\n"));
    assert_null(strcasestr(g->last, "bedrock-other"));
    assert_null(strcasestr(g->last, "projectidentifier"));
}

/* ---- frames ------------------------------------------------------------------------------- */

static struct buf frames; /* of a whole stream */

static void frame(enum eventstream_kind kind, const char *type, const char *payload)
{
    eventstream_encode(&frames, kind, text_from(type), text_from(payload));
}

static void make_frames(void)
{
    buf_init(&frames, 1 << 20);
    frame(EVENTSTREAM_EVENT, "messageStart", "{\"role\":\"assistant\"}");
    frame(EVENTSTREAM_EVENT, "contentBlockDelta",
          "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"},\"p\":\"abc\"}");
    frame(EVENTSTREAM_EVENT, "messageStop", "{\"stopReason\":\"end_turn\"}");
    frame(EVENTSTREAM_EVENT, "metadata",
          "{\"usage\":{\"inputTokens\":9,\"outputTokens\":4,\"totalTokens\":13},\"metrics\":{"
          "\"latencyMs\":1}}");
}

/* The body of the client's answer, its chunks put together. False: it has not ended. */
static bool unchunk(const struct client *c, struct buf *out)
{
    size_t at;
    struct str in = buf_str(&c->in);
    if (!text_find(in, STR("\r\n\r\n"), &at))
        return false;
    for (in = text_sub(in, at + 4, in.n); text_find(in, STR("\r\n"), &at);) {
        size_t n = strtoul(in.p, NULL, 16);
        if (n == 0)
            return true;
        buf_put_str(out, text_sub(in, at + 2, n));
        in = text_sub(in, at + 2 + n + 2, in.n);
    }
    return false;
}

static size_t split; /* where the second chunk begins */

static void answer_split(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_stream(c);
    up_bytes(c, text_sub(buf_str(&frames), 0, split));
}

static void test_frames_pass_at_every_split(void **state)
{
    struct gateway *g = *state;
    g->reply = answer_split;
    make_frames();
    struct str all = buf_str(&frames);
    for (split = 1; split < all.n; split++) {
        struct buf got;
        buf_init(&got, 1 << 20);
        client_close(&g->client);
        client_ask(g, &g->client, STREAMED, KEY, BODY);
        GATEWAY_UNTIL(g, g->upstream && buf_len(&g->upstream->out) == 0 && g->bedrock.requests > 0);
        up_bytes(g->upstream, text_sub(all, split, all.n));
        up_end(g->upstream);
        loopback_flush(g->upstream);
        GATEWAY_UNTIL(g, client_has(&g->client, 1, "0\r\n\r\n") && unchunk(&g->client, &got));
        if (!text_eq(buf_str(&got), all))
            fail_msg("split at %zu: %zu of %zu bytes", split, buf_len(&got), all.n);
        buf_free(&got);
        g->bedrock.requests = 0;
        GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    }
    buf_free(&frames);
}

static struct eventstream_frame trouble; /* kind, type, payload */

static void answer_trouble(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    buf_clear(&frames);
    frame(EVENTSTREAM_EVENT, "messageStart", "{\"role\":\"assistant\"}");
    eventstream_encode(&frames, trouble.kind, trouble.type, trouble.payload);
    up_stream(c);
    up_bytes(c, buf_str(&frames));
    up_end(c);
}

static void test_exceptions_pass_without_the_account(void **state)
{
    static const struct {
        enum eventstream_kind kind;
        const char *type, *text;
        bool same;
    } rows[] = {
        {EVENTSTREAM_EXCEPTION, "throttlingException", "{\"message\":\"Too many tokens\"}", true},
        {EVENTSTREAM_EXCEPTION, "validationException", "{\"message\":\"12345678901 is odd\"}",
         true},
        {EVENTSTREAM_EXCEPTION, "validationException", "{\"message\":\"" ARN " is odd\"}", false},
        {EVENTSTREAM_EXCEPTION, "unheardException", "{\"message\":\"of " ACCOUNT "\"}", false},
        {EVENTSTREAM_ERROR, "InternalFailure", "it broke", true},
        {EVENTSTREAM_ERROR, "InternalFailure", "it broke in " ARN, false},
    };
    struct gateway *g = *state;
    g->reply = answer_trouble;
    buf_init(&frames, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf got;
        struct eventstream decoder;
        struct eventstream_frame f;
        struct err err;
        trouble = (struct eventstream_frame){.kind = rows[i].kind,
                                             .type = text_from(rows[i].type),
                                             .payload = text_from(rows[i].text)};
        buf_init(&got, 1 << 20);
        eventstream_init(&decoder, 1 << 20);
        talk(g, STREAMED, "", BODY, "0\r\n\r\n");
        assert_true(unchunk(&g->client, &got));
        if (text_eq(buf_str(&got), buf_str(&frames)) != rows[i].same)
            fail_msg("%s: %.*s", rows[i].text, STR_ARG(buf_str(&got)));
        client_check(&g->client, rows[i].text, ACCOUNT, false);
        client_check(&g->client, rows[i].text, "arn:", false);
        struct str rest = buf_str(&got);
        assert_int_equal(eventstream_next(&decoder, &rest, &f, &err), EVENTSTREAM_FRAME);
        assert_int_equal(eventstream_next(&decoder, &rest, &f, &err), EVENTSTREAM_FRAME);
        assert_int_equal(f.kind, rows[i].kind);
        assert_true(text_eq(f.type, text_from(rows[i].type)));
        eventstream_free(&decoder);
        buf_free(&got);
    }
    buf_free(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids_go_on_in_one_spelling, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_tier_that_is_paid_is_the_one_that_is_named,
                                        gateway_set_up, gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_wide_letters_are_read_or_refused, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_maximum_counts_where_it_is_heeded, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_head_goes_on_by_its_table, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_frames_pass_at_every_split, gateway_set_up,
                                        gateway_tear_down),
        cmocka_unit_test_setup_teardown(test_exceptions_pass_without_the_account, gateway_set_up,
                                        gateway_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
