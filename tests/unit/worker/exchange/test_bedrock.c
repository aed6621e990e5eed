/* bedrock.c: endpoint, signature, and when a second attempt is made, against a scripted Bedrock. */
#include "worker/exchange/bedrock.h"

#include "shm/memory/signing.h"
#include "tests/unit/gateway_bed.h"

#define ERROR_END "\"request_id\":\"req_"

static uint64_t counted(const struct gateway *g, enum counter c)
{
    return counters_sum(&g->segment, c);
}

/* ---- whole answers and what may come instead ---------------------------------------------- */

struct trouble { /* what Bedrock answers, to one request or to all */
    const char *name, *status, *headers, *body;
    const char *client_status;
    unsigned requests; /* that reach Bedrock */
};

static const struct trouble troubles[] = {
    {"html", "200 OK", "", "<html>hi</html>", "502", 1},
    {"other json", "200 OK", "", "{\"hello\":1}", "502", 1},
    {"empty", "200 OK", "", "", "502", 1},
    {"500 html", "500 Oops", "", "<html>" ARN "</html>", "502", 2},
    {"500 named", "500 Oops", "x-amzn-ErrorType: InternalServerException\r\n", "{}", "500", 2},
    {"502", "502 Bad Gateway", "", "<html>", "502", 2},
    {"503", "503 Busy", "x-amzn-ErrorType: ServiceUnavailableException\r\n",
     "{\"message\":\"" ARN "\"}", "529", 2},
    {"504", "504 Late", "", "", "502", 2},
    {"429", "429 Slow", "x-amzn-ErrorType: ThrottlingException:http://x/\r\n",
     "{\"message\":\"Too many " ARN "\"}", "429", 2},
    {"400", "400 Bad", "x-amzn-ErrorType: ValidationException\r\n",
     "{\"message\":\"bad " ARN " of " ACCOUNT "\"}", "400", 1},
    {"403", "403 No", "x-amzn-ErrorType: AccessDeniedException\r\n",
     "{\"message\":\"User: " ARN " is not authorized\"}", "404", 1},
    {"404", "404 No", "x-amzn-ErrorType: ResourceNotFoundException\r\n",
     "{\"message\":\"" ARN "\"}", "404", 1},
    {"408", "408 Late", "x-amzn-ErrorType: ModelTimeoutException\r\n", "{}", "504", 1},
    {"424", "424 Failed", "x-amzn-ErrorType: ModelErrorException\r\n",
     "{\"originalMessage\":\"" ARN "\"}", "500", 1},
    {"expired", "403 No", "x-amzn-ErrorType: ExpiredTokenException\r\n",
     "{\"message\":\"The security token included in the request is expired\"}", "500", 1},
    {"redirect", "302 Found", "Location: http://127.0.0.1:1/\r\n", "", "502", 1},
};

static void answer_trouble(struct gateway *g, struct loopback_conn *c, struct str request)
{
    const struct trouble *t = &troubles[g->step];
    (void)request;
    up_json(c, t->status, t->headers, text_from(t->body));
}

/* The pause before a second attempt after 429 may last a second: the test does not wait for it. */
static void hurry(struct gateway *g)
{
    struct exchange *x = g->worker.exchanges;
    if (x && x->state == EXCHANGE_PAUSE)
        loop_timer_in(g->worker.loop, &x->timer_pause, 0, x->timer_pause.fn, x);
}

static void check_trouble(struct gateway *g, const struct trouble *t, const char *body)
{
    char status[32];
    unsigned before = g->bedrock.requests;
    client_close(&g->client);
    client_ask(g, &g->client, MESSAGES, KEY, body);
    GATEWAY_UNTIL(g, (hurry(g), client_has(&g->client, 1, ERROR_END)));
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    snprintf(status, sizeof status, "HTTP/1.1 %s ", t->client_status);
    client_check(&g->client, t->name, status, true);
    client_check(&g->client, t->name, "arn:", false);
    client_check(&g->client, t->name, ACCOUNT, false);
    client_check(&g->client, t->name, "<html>", false);
    client_check(&g->client, t->name, "bearer", false);
    if (g->bedrock.requests - before != t->requests)
        fail_msg("%s: %u requests", t->name, g->bedrock.requests - before);
}

static void test_upstream_trouble_table(void **state)
{
    struct gateway *g = *state;
    g->reply = answer_trouble;
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        g->step = (int)i;
        check_trouble(g, &troubles[i], ASK);
        check_trouble(g, &troubles[i], STREAM_BODY);
    }
}

static void trouble_once(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (g->bedrock.requests % 2 == 1)
        answer_trouble(g, c, request);
    else if (g->text)
        up_good_stream(g, c, request);
    else
        up_good_whole(g, c, request);
}

static void test_second_attempt_that_succeeds_is_all_the_client_sees(void **state)
{
    struct gateway *g = *state;
    g->reply = trouble_once;
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        g->step = (int)i;
        for (int stream = 0; stream < 2 && troubles[i].requests == 2; stream++) {
            client_close(&g->client);
            g->text = stream ? "stream" : NULL;
            client_ask(g, &g->client, MESSAGES, KEY, stream ? STREAM_BODY : ASK);
            GATEWAY_UNTIL(g, (hurry(g), client_has(&g->client, 1, stream ? "\r\n0\r\n" : "Hello")));
            client_check(&g->client, troubles[i].name, "HTTP/1.1 200 OK", true);
            client_check(&g->client, troubles[i].name, "error", false);
            assert_int_equal(client_count(&g->client, "Hello"), 1);
        }
    }
    assert_int_equal(counted(g, COUNTER_UPSTREAM_RETRIES), 12);
}

static void test_no_second_attempt_beyond_the_bound(void **state)
{
    struct gateway *g = *state;
    g->config.bounds.attempts = 1;
    g->reply = answer_trouble;
    g->step = 6; /* 503 */
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    assert_int_equal(g->bedrock.requests, 1);
}

static void test_connect_refused_is_tried_twice_then_502(void **state)
{
    struct gateway *g = *state;
    loop_remove(g->worker.loop, g->bedrock.handle);
    close(g->bedrock.fd); /* nobody listens any more */
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 502 ", true);
    client_check(&g->client, "address", "127.0.0.1", false);
    client_check(&g->client, "L10: the number is the log's", "curl", false);
    client_check(&g->client, "L10", "could not connect to the model service\"", true);
    assert_int_equal(counted(g, COUNTER_UPSTREAM_REQUESTS), 2);
    g->bedrock.handle = 0;
    g->bedrock.fd = dup(g->client.fd); /* for loopback_shut */
}

static void half_body(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: 500\r\n\r\n{\"id\":\"msg\",\"type\":\"message\"");
    c->close_after = true;
}

static void no_answer(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    c->reset_after = true;
}

static void test_cut_answer_is_502_and_never_repeated(void **state)
{
    struct gateway *g = *state;
    g->reply = half_body;
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    client_check(&g->client, "half", "HTTP/1.1 502 ", true);
    client_check(&g->client, "half", "\"id\":\"msg\"", false);
    assert_int_equal(g->bedrock.requests, 1); /* it may have been billed */
    g->reply = no_answer;
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    client_check(&g->client, "reset", "HTTP/1.1 502 ", true);
    assert_int_equal(g->bedrock.requests, 2);
}

/* ---- the tier ----------------------------------------------------------------------------- */

#define TIERED                                       \
    "{\"service_tier\":\"flex\",\"model\":\"" CLAUDE \
    "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static void refuse_first(struct gateway *g, struct loopback_conn *c, struct str request)
{
    if (g->bedrock.requests % 2 == 0)
        up_good_whole(g, c, request);
    else
        up_json(c, "400 Bad", "x-amzn-ErrorType: ValidationException\r\n", text_from(g->text));
}

static void test_tier_is_dropped_only_when_it_was_refused(void **state)
{
    static const struct {
        const char *body;
        bool tier;
    } rows[] = {
        {"{\"message\":\"The provided service tier is not supported for this model.\"}", true},
        {"{\"message\":\"The request with all of its many members and values, which are repeated "
         "here "
         "at a length that no client is told, because what it is told ends after some two hundred "
         "bytes, has a serviceTier that this model lacks.\"}",
         true},
        {"{\"message\":\"This model does not support tool use.\"}", false},
        {"{\"message\":\"This model doesn't support the temperature field.\"}", false},
    };
    struct gateway *g = *state;
    g->reply = refuse_first;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned want = rows[i].tier ? 2 : 1;
        g->text = rows[i].body;
        g->bedrock.requests = 0;
        gateway_talk(g, MESSAGES, KEY, TIERED, rows[i].tier ? "Hello" : ERROR_END);
        client_check(&g->client, g->text, "drop:service_tier", rows[i].tier);
        if (g->bedrock.requests != want)
            fail_msg("%s: %u requests", g->text, g->bedrock.requests);
    }
}

static void refuse_by_text(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)request;
    up_json(c, "429 Slow", "x-amzn-ErrorType: ThrottlingException\r\n", text_from(g->text));
}

/* W19: the day's quota does not come back in two seconds, nor by asking again. */
static void test_quota_of_a_day_is_asked_once(void **state)
{
    static const struct {
        const char *body;
        unsigned requests;
        bool again;
    } rows[] = {
        {"{\"message\":\"Too many tokens per day, please wait before trying again.\"}", 1, false},
        {"{\"message\":\"Too many tokens, please wait before trying again.\"}", 2, true},
    };
    struct gateway *g = *state;
    g->reply = refuse_by_text;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g->text = rows[i].body;
        g->bedrock.requests = 0;
        gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
        client_check(&g->client, g->text, "HTTP/1.1 429 ", true);
        client_check(&g->client, g->text, "please wait before trying again", true);
        client_check(&g->client, g->text, "retry-after: ", rows[i].again);
        client_check(&g->client, g->text, "x-should-retry: false", !rows[i].again);
        assert_int_equal(g->bedrock.requests, rows[i].requests);
    }
}

/* ---- the clock ---------------------------------------------------------------------------- */

static void skewed(struct gateway *g, struct loopback_conn *c, struct str request)
{
    char date[30], headers[200];
    if (g->bedrock.requests > 1) {
        up_good_whole(g, c, request);
        return;
    }
    clock_http(clock_real_ms() + 3600 * 1000, date);
    snprintf(headers, sizeof headers, "x-amzn-ErrorType: InvalidSignatureException\r\nDate: %s\r\n",
             date);
    up_json(c, "403 Forbidden", headers, STR("{\"message\":\"Signature expired\"}"));
}

/* Keys as the refresher makes them at this time. */
static void sign_instead(struct gateway *g, int64_t now_ms)
{
    struct signing_keys keys = {.lane = g->config.lanes.lane[LANES_HOME].id,
                                .region = "us-west-2",
                                .access_key_id = "AKIDEXAMPLE"};
    char amz[17];
    g->config.bedrock_api_key = "";
    for (int day = 0; day < SIGNING_DAYS; day++) {
        clock_amz(now_ms + (day - 1) * 86400000ll, amz);
        memcpy(keys.date[day], amz, 8);
    }
    signing_publish(&g->segment, LANES_HOME, &keys);
}

static void test_skew_is_learnt_from_the_answer_and_tried_again(void **state)
{
    struct gateway *g = *state;
    clock_freeze_real_ms(1768478400000); /* 2026-01-15 12:00 UTC */
    clock_tick();
    sign_instead(g, 1768478400000);
    g->reply = skewed;
    gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
    clock_freeze_real_ms(0);
    assert_int_equal(g->bedrock.requests, 2);
    assert_non_null(strstr(g->last, "20260115T130000Z"));
    assert_in_range(signing_skew(&g->segment), 3599000, 3600000);
    assert_int_equal(counted(g, COUNTER_REQUESTS_5XX), 0);
}

/* Another worker has learnt it while this request was on its way: it was signed with the old time.
 */
static void skewed_and_learnt(struct gateway *g, struct loopback_conn *c, struct str request)
{
    signing_set_skew(&g->segment, 3600 * 1000);
    skewed(g, c, request);
}

static void test_skew_learnt_by_another_worker_meanwhile_is_tried_again(void **state)
{
    struct gateway *g = *state;
    clock_freeze_real_ms(1768478400000);
    clock_tick();
    sign_instead(g, 1768478400000);
    g->reply = skewed_and_learnt;
    gateway_talk(g, MESSAGES, KEY, ASK, "}");
    clock_freeze_real_ms(0);
    client_check(&g->client, "status", "HTTP/1.1 200 ", true);
    assert_int_equal(g->bedrock.requests, 2);
}

#define NOON_MS 1768478400000ll /* 2026-01-15 12:00 UTC */
#define DAY_MS  86400000ll

static void test_yesterday_and_tomorrow_are_signed_for(void **state)
{
    struct gateway *g = *state;
    static const struct {
        int64_t at_ms;
        const char *scope;
    } rows[] = {{NOON_MS - DAY_MS / 2 - 1, "AKIDEXAMPLE/20260114/us-west-2/bedrock/"},
                {NOON_MS, "AKIDEXAMPLE/20260115/us-west-2/bedrock/"},
                {NOON_MS + DAY_MS / 2, "AKIDEXAMPLE/20260116/us-west-2/bedrock/"}};
    sign_instead(g, NOON_MS);
    g->reply = up_good_whole;
    for (size_t i = 0; i < 3; i++) {
        clock_freeze_real_ms(rows[i].at_ms);
        gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
        assert_non_null(strstr(g->last, rows[i].scope));
    }
    clock_freeze_real_ms(0);
    assert_int_equal(signing_missed(&g->segment), 0);
}

/* The clock has jumped and the keys are not derived yet: the request waits for them. */
static void test_other_days_keys_are_complained_about_and_waited_for(void **state)
{
    struct gateway *g = *state;
    clock_freeze_real_ms(NOON_MS + 2 * DAY_MS);
    sign_instead(g, NOON_MS);
    loop_eventfd_clear(g->segment.wake_refresher);
    g->reply = up_good_whole;
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    gateway_run(g, 60);
    client_read(&g->client);
    assert_int_equal(buf_len(&g->client.in), 0);
    assert_int_equal(g->bedrock.accepted, 0);
    assert_in_range(signing_missed(&g->segment), 1, 3); /* not with each look */
    uint64_t rung = 0;
    assert_int_equal(read(g->segment.wake_refresher, &rung, sizeof rung), sizeof rung);
    sign_instead(g, NOON_MS + 2 * DAY_MS);
    gateway_expect(g, &g->client, 1, "Hello");
    clock_freeze_real_ms(0);
    client_check(&g->client, "status", "HTTP/1.1 200 OK", true);
    assert_non_null(strstr(g->last, "/20260117/us-west-2/bedrock/"));
    assert_int_equal(counted(g, COUNTER_UPSTREAM_RETRIES), 0);
}

static void test_keys_that_never_come_are_503(void **state)
{
    struct gateway *g = *state;
    clock_freeze_real_ms(NOON_MS + 2 * DAY_MS);
    sign_instead(g, NOON_MS);
    uint64_t begin_ns = clock_now_ns();
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    clock_freeze_real_ms(0);
    client_check(&g->client, "status", "HTTP/1.1 503 ", true);
    assert_in_range((clock_now_ns() - begin_ns) / 1000000, 1900, 5000);
    assert_int_equal(g->bedrock.accepted, 0);
}

static void test_client_may_leave_while_keys_are_waited_for(void **state)
{
    struct gateway *g = *state;
    clock_freeze_real_ms(NOON_MS + 2 * DAY_MS);
    sign_instead(g, NOON_MS);
    client_ask(g, &g->client, MESSAGES, KEY, ASK);
    gateway_run(g, 30);
    assert_non_null(g->worker.exchanges);
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
    clock_freeze_real_ms(0);
    gateway_run(g, 30);
}

static void test_expired_credentials_are_complained_about_and_not_repeated(void **state)
{
    struct gateway *g = *state;
    sign_instead(g, clock_real_now_ms());
    g->reply = answer_trouble;
    g->step = 14; /* expired */
    check_trouble(g, &troubles[14], ASK);
    assert_int_equal(signing_complaints(&g->segment, LANES_HOME), 1);
}

static void test_no_credentials_is_503_with_retry_after(void **state)
{
    struct gateway *g = *state;
    g->config.bedrock_api_key = "";
    gateway_talk(g, MESSAGES, KEY, ASK, ERROR_END);
    client_check(&g->client, "status", "HTTP/1.1 503 ", true);
    client_check(&g->client, "wait", "retry-after: 5\r\n", true);
    assert_int_equal(g->bedrock.accepted, 0);
}

/* ---- the endpoint ---- */

static void test_endpoint_scheme_in_capitals_reaches_the_same_host(void **state)
{
    struct gateway *g = *state;
    char url[64];
    struct err err;
    snprintf(url, sizeof url, "HTTP://127.0.0.1:%u/Some/Path", g->bedrock.port);
    g->config.bedrock_endpoint_url = url;
    bedrock_drop(g->worker.bedrock);
    g->worker.bedrock = bedrock_new(&g->worker, &err);
    assert_non_null(g->worker.bedrock);
    g->reply = up_good_whole;
    gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
    assert_non_null(strstr(g->last, "POST /Some/Path/model/"));
}

static void test_new_endpoint_override_without_host_is_refused(void **state)
{
    struct gateway *g = *state;
    static const char *const bad[] = {"http://", "http:///path", "https://:443"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct config c = {.aws_region = "us-west-2", .bedrock_endpoint_url = bad[i]};
        struct worker w = {.config = &c, .segment = &g->segment};
        struct err err;
        if (bedrock_new(&w, &err)) {
            fail_msg("%s was accepted", bad[i]);
        }
        assert_int_equal(err.code, STATUS_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_upstream_trouble_table),
        GATEWAY(test_second_attempt_that_succeeds_is_all_the_client_sees),
        GATEWAY(test_no_second_attempt_beyond_the_bound),
        GATEWAY(test_connect_refused_is_tried_twice_then_502),
        GATEWAY(test_cut_answer_is_502_and_never_repeated),
        GATEWAY(test_tier_is_dropped_only_when_it_was_refused),
        GATEWAY(test_quota_of_a_day_is_asked_once),
        GATEWAY(test_skew_is_learnt_from_the_answer_and_tried_again),
        GATEWAY(test_skew_learnt_by_another_worker_meanwhile_is_tried_again),
        GATEWAY(test_yesterday_and_tomorrow_are_signed_for),
        GATEWAY(test_other_days_keys_are_complained_about_and_waited_for),
        GATEWAY(test_keys_that_never_come_are_503),
        GATEWAY(test_client_may_leave_while_keys_are_waited_for),
        GATEWAY(test_expired_credentials_are_complained_about_and_not_repeated),
        GATEWAY(test_no_credentials_is_503_with_retry_after),
        GATEWAY(test_endpoint_scheme_in_capitals_reaches_the_same_host),
        GATEWAY(test_new_endpoint_override_without_host_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
