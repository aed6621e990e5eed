#include "server/dynamo/dynamo.h"

#include "tests/unit/dynamo_stage.h"

#define ITEM     "{\"Item\":{\"api_key\":{\"S\":\"sk-x\"}}}"
#define ITEM_CRC "x-amz-crc32: 2101923419\r\n" /* a known pair, not made by our code */

static struct dynamo *client(void)
{
    struct dynamo *d = NULL;
    struct err err;
    assert_int_equal(dynamo_new(&stage_config, &d, &err), STATUS_OK);
    return d;
}

/* One call; the answer is only checked for being there. */
static enum dynamo_result call(struct dynamo *d, struct err *err)
{
    struct cJSON *answer;
    *err = (struct err){.code = STATUS_OK};
    enum dynamo_result result = dynamo_call(d, "GetItem", STR("{\"a\":1}"), &answer, err);
    assert_int_equal(answer != NULL, result == DYNAMO_OK);
    json_free(answer);
    return result;
}

static unsigned long long mono_ms(void)
{
    return clock_now_ns() / 1000000;
}

static void test_call_sends_a_signed_request(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    stage_reply(NULL, ITEM)->headers = ITEM_CRC;
    setenv("AWS_SESSION_TOKEN", "token/1", 1);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    unsetenv("AWS_SESSION_TOKEN");
    static const char *const parts[] = {
        "POST / HTTP/1.1\r\n",
        "x-amz-target: DynamoDB_20120810.GetItem\r\n",
        "content-type: application/x-amz-json-1.0\r\n",
        "x-amz-security-token: token/1\r\n",
        "/us-east-1/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
        "x-amz-security-token;x-amz-target, Signature=",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(stage->requests[0], parts[i])) {
            fail_msg("%s is not in:\n%s", parts[i], stage->requests[0]);
        }
    }
    assert_string_equal(stage_body(0), "{\"a\":1}");
    assert_false(dynamo_uncertain(d));
    assert_string_equal(dynamo_region(d), "us-east-1");
    assert_string_equal(dynamo_where(d), stage_url);
    dynamo_drop(d);
}

static void test_call_passing_trouble_is_repeated(void **state)
{
    (void)state;
    static const struct {
        const char *name, *status, *headers, *body;
        enum stage_end end;
        bool uncertain;
    } rows[] = {
        {"500", "500 E", NULL, "{\"__type\":\"InternalServerError\"}", STAGE_WHOLE, true},
        {"503 page", "503 E", NULL, "<html>", STAGE_WHOLE, true},
        {"wrong crc", NULL, "x-amz-crc32: 1\r\n", ITEM, STAGE_WHOLE, true},
        {"page", NULL, NULL, "<html>Welcome</html>", STAGE_WHOLE, true},
        {"no object", NULL, NULL, "[1]", STAGE_WHOLE, true},
        {"empty", NULL, NULL, "", STAGE_WHOLE, true},
        {"cut", NULL, NULL, ITEM, STAGE_CUT, true},
        {"reset", NULL, NULL, ITEM, STAGE_RESET, true},
        {"hangs", NULL, NULL, ITEM, STAGE_HANG, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dynamo *d = client();
        struct err err;
        stage_clear();
        struct stage_reply *r = stage_reply(rows[i].status, rows[i].body);
        r->headers = rows[i].headers;
        r->end = rows[i].end;
        stage_reply(NULL, ITEM);
        enum dynamo_result result = call(d, &err);
        if (result != DYNAMO_OK || stage->next != 2 || dynamo_uncertain(d) != rows[i].uncertain) {
            fail_msg("row %s: result %d after %u requests: %s", rows[i].name, (int)result,
                     stage->next, err.text);
        }
        dynamo_drop(d);
    }
}

/* fetch sends it again by itself on another connection: the first may have been carried out. */
static void test_call_on_a_kept_connection_that_died_is_uncertain(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    stage_reply(NULL, ITEM);
    stage_reply(NULL, ITEM)->end = STAGE_RESET;
    stage_reply(NULL, ITEM);
    stage_reply(NULL, ITEM);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_true(stage->next == 1 && !dynamo_uncertain(d));
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_true(stage->next == 3 && dynamo_uncertain(d));
    assert_true(stage->gap_ms[2] < 100); /* at once: it was no retry of a call */
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_true(stage->next == 4 && !dynamo_uncertain(d));
    dynamo_drop(d);
}

static void test_call_throttled_waits_and_is_certain(void **state)
{
    (void)state;
    stage_config.dynamodb_timeout = 10;
    struct dynamo *d = client();
    struct err err;
    stage_reply("400 E", "{\"__type\":\"ProvisionedThroughputExceededException\"}")->headers =
        "x-amz-retry-after: 300\r\n";
    stage_reply(NULL, ITEM);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_true(stage->next == 2 && stage->gap_ms[1] >= 295 && stage->gap_ms[1] < 1500);
    assert_false(dynamo_uncertain(d));
    dynamo_drop(d);
}

static void test_call_at_most_four_attempts(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    for (int i = 0; i < 6; i++) {
        stage_reply("500 E", "{\"__type\":\"InternalServerError\",\"message\":\"sorry\"}");
    }
    assert_int_equal(call(d, &err), DYNAMO_TRANSIENT);
    assert_int_equal(stage->next, 4);
    assert_string_equal(err.text, "DynamoDB GetItem: InternalServerError: sorry");
    dynamo_drop(d);
}

static void test_call_refusals_are_final(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum dynamo_result result;
    } rows[] = {
        {"ConditionalCheckFailedException", DYNAMO_CONDITION},
        {"ResourceNotFoundException", DYNAMO_NO_TABLE},
        {"ResourceInUseException", DYNAMO_IN_USE},
        {"ValidationException", DYNAMO_INVALID},
        {"AccessDeniedException", DYNAMO_REFUSED},
        {"UnknownOperationException", DYNAMO_UNKNOWN_OP},
        {"ExpiredTokenException", DYNAMO_EXPIRED}, /* these were looked up a moment ago */
    };
    struct dynamo *d = client();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        char body[200];
        snprintf(body, sizeof body, "{\"__type\":\"x#%s\"}", rows[i].code);
        stage_clear();
        stage_reply("400 E", body);
        enum dynamo_result result = call(d, &err);
        if (result != rows[i].result || stage->next != 1 || !strstr(err.text, rows[i].code)) {
            fail_msg("%s: %d after %u requests: %s", rows[i].code, (int)result, stage->next,
                     err.text);
        }
    }
    dynamo_drop(d);
}

static void test_call_answer_over_the_cap_is_refused(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    for (int i = 0; i < 4; i++) {
        stage_reply("200 OK\r\nContent-Length: 9000000", ""); /* the first of two is believed */
    }
    assert_int_equal(call(d, &err), DYNAMO_TRANSIENT);
    dynamo_drop(d);
}

/* --- clocks -------------------------------------------------------------------------------- */

static void test_call_skew_is_learned_from_date(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    clock_freeze_real_ms(1767225600000); /* 2026-01-01T00:00:00Z, a Thursday */
    stage_reply("400 E", "{\"__type\":\"InvalidSignatureException\"}")->headers =
        "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\n";
    stage_reply(NULL, ITEM);
    stage_reply(NULL, ITEM);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_non_null(strstr(stage->requests[0], "x-amz-date: 20260101T000000Z"));
    assert_non_null(strstr(stage->requests[1], "x-amz-date: 20260101T001000Z"));
    assert_int_equal(call(d, &err), DYNAMO_OK); /* kept */
    assert_non_null(strstr(stage->requests[2], "x-amz-date: 20260101T001000Z"));
    dynamo_drop(d);
}

static void test_call_skew_without_cause_is_final(void **state)
{
    (void)state;
    static const char *const headers[] = {
        NULL, "Date: nonsense\r\n",
        "Date: Thu, 01 Jan 2026 00:03:00 GMT\r\n",             /* the wrong secret, then */
        "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\nAge: 600\r\n", /* a cache's */
    };
    clock_freeze_real_ms(1767225600000);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct dynamo *d = client();
        struct err err;
        stage_clear();
        stage_reply("400 E", "{\"__type\":\"InvalidSignatureException\"}")->headers = headers[i];
        enum dynamo_result result = call(d, &err);
        if (result != DYNAMO_SKEW || stage->next != 1) {
            fail_msg("row %zu: %d after %u requests", i, (int)result, stage->next);
        }
        dynamo_drop(d);
    }
}

/* --- waiting ------------------------------------------------------------------------------- */

struct patience {
    unsigned calls, most; /* false from then on */
};

static bool wait_a_while(void *ctx)
{
    struct patience *p = ctx;
    return ++p->calls <= p->most;
}

static void test_call_total_time_is_bounded(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct patience p = {.most = 100};
    struct err err;
    dynamo_on_wait(d, wait_a_while, &p);
    for (int i = 0; i < 4; i++) {
        stage_reply(NULL, ITEM)->end = STAGE_HANG;
    }
    unsigned long long begin = mono_ms();
    assert_int_equal(call(d, &err), DYNAMO_TRANSIENT);
    assert_in_range(mono_ms() - begin, 900, 1800);
    assert_true(stage->next >= 2); /* the first hour-glass ran out at half-time */
    assert_true(p.calls >= 3);     /* so the caller could show that it lives */
    dynamo_drop(d);
}

/* One DYNAMODB_TIMEOUT for all of them, not one for each. */
static void test_call_many_total_time_is_bounded(void **state)
{
    (void)state;
    enum { MANY = 5 };
    struct dynamo *d = client();
    struct str bodies[MANY];
    struct err errs[MANY];
    enum dynamo_result results[MANY];
    for (int i = 0; i < STAGE_MAX; i++) {
        stage_reply(NULL, ITEM)->end = STAGE_HANG;
    }
    for (int i = 0; i < MANY; i++) {
        bodies[i] = STR("{\"a\":1}");
    }
    unsigned long long begin = mono_ms();
    dynamo_call_many(d, "PutItem", bodies, MANY, results, errs);
    assert_in_range(mono_ms() - begin, 900, 1800);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(results[i], DYNAMO_TRANSIENT);
        assert_non_null(strstr(errs[i].text, "DynamoDB PutItem: "));
    }
    dynamo_drop(d);
}

static void test_call_gives_up_when_told(void **state)
{
    (void)state;
    struct err err;
    for (unsigned most = 0; most < 3; most++) {
        struct dynamo *d = client();
        struct patience p = {.most = most};
        dynamo_on_wait(d, wait_a_while, &p);
        stage_clear();
        stage_reply(NULL, ITEM)->end = STAGE_HANG;
        unsigned long long begin = mono_ms();
        assert_int_equal(call(d, &err), DYNAMO_GIVEN_UP);
        assert_true(mono_ms() - begin < 800);
        assert_true(most > 0 || stage->next == 0);
        dynamo_drop(d);
    }
}

static void test_pause_waits_or_gives_up(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct patience p = {.most = 0};
    unsigned long long begin = mono_ms();
    assert_true(dynamo_pause(d, 60));
    assert_in_range(mono_ms() - begin, 58, 400);
    dynamo_on_wait(d, wait_a_while, &p);
    assert_false(dynamo_pause(d, 10000));
    assert_true(mono_ms() - begin < 2000);
    dynamo_drop(d);
}

static void test_new_unusable_setting_is_invalid(void **state)
{
    (void)state;
    struct dynamo *d;
    struct err err;
    stage_config.dynamodb_endpoint_url = "http://";
    assert_int_equal(dynamo_new(&stage_config, &d, &err), STATUS_INVALID);
    stage_config.dynamodb_endpoint_url = "";
    stage_config.aws_region = "evil.example/";
    assert_int_equal(dynamo_new(&stage_config, &d, &err), STATUS_INVALID);
}

static void test_call_nobody_listens_is_told(void **state)
{
    (void)state;
    struct err err;
    stage_config.dynamodb_endpoint_url = "http://127.0.0.1:1";
    struct dynamo *d = client();
    assert_int_equal(call(d, &err), DYNAMO_TRANSIENT);
    assert_non_null(strstr(err.text, "DynamoDB GetItem: could not connect to DynamoDB"));
    assert_false(dynamo_uncertain(d));
    dynamo_drop(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_call_sends_a_signed_request),
        STAGE_TEST(test_call_passing_trouble_is_repeated),
        STAGE_TEST(test_call_on_a_kept_connection_that_died_is_uncertain),
        STAGE_TEST(test_call_throttled_waits_and_is_certain),
        STAGE_TEST(test_call_at_most_four_attempts),
        STAGE_TEST(test_call_refusals_are_final),
        STAGE_TEST(test_call_answer_over_the_cap_is_refused),
        STAGE_TEST(test_call_skew_is_learned_from_date),
        STAGE_TEST(test_call_skew_without_cause_is_final),
        STAGE_TEST(test_call_total_time_is_bounded),
        STAGE_TEST(test_call_many_total_time_is_bounded),
        STAGE_TEST(test_call_gives_up_when_told),
        STAGE_TEST(test_pause_waits_or_gives_up),
        STAGE_TEST(test_new_unusable_setting_is_invalid),
        STAGE_TEST(test_call_nobody_listens_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
