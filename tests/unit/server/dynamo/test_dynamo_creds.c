#include "server/dynamo/dynamo_creds.h"

#include "server/dynamo/dynamo_private.h"
#include "tests/unit/dynamo_stage.h"

#define OK_BODY "{}"

/* Credentials from the container service, which the stage plays too. */
static struct dynamo *client(void)
{
    static char url[96];
    struct dynamo *d = NULL;
    struct err err;
    snprintf(url, sizeof url, "%s/credentials", stage_url);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    assert_int_equal(dynamo_new(&stage_config, &d, &err), STATUS_OK);
    return d;
}

static void reply_credentials(const char *id, int64_t seconds)
{
    char body[400], when[25];
    clock_rfc3339(clock_real_now_ms() + seconds * 1000, when);
    snprintf(body, sizeof body,
             "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":"
             "\"%s\"}",
             id, when);
    stage_reply(NULL, body);
}

static enum dynamo_result call(struct dynamo *d, struct err *err)
{
    struct cJSON *answer;
    enum dynamo_result result = dynamo_call(d, "GetItem", STR("{}"), &answer, err);
    json_free(answer);
    return result;
}

static void assert_request(unsigned i, const char *part)
{
    if (i >= stage->next || !strstr(stage->requests[i], part)) {
        fail_msg("request %u of %u has no \"%s\": %s", i, stage->next, part, stage->requests[i]);
    }
}

static void age_look_up(struct dynamo *d)
{
    d->link.creds.renewed_ms -= 61000;
}

static void test_credentials_are_fetched_once(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    reply_credentials("ASIAONE", 3600);
    stage_reply(NULL, OK_BODY);
    stage_reply(NULL, OK_BODY);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_request(0, "GET /credentials");
    assert_request(1, "Credential=ASIAONE/");
    assert_request(2, "Credential=ASIAONE/");
    assert_int_equal(stage->next, 3);
    dynamo_drop(d);
}

static void test_credentials_near_their_end_are_renewed(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    reply_credentials("ASIAONE", 300);
    stage_reply(NULL, OK_BODY);
    stage_reply(NULL, OK_BODY); /* not asked again within a minute */
    reply_credentials("ASIATWO", 3600);
    stage_reply(NULL, OK_BODY);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    age_look_up(d);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_request(2, "Credential=ASIAONE/");
    assert_request(3, "GET /credentials");
    assert_request(4, "Credential=ASIATWO/");
    dynamo_drop(d);
}

static void test_credentials_not_renewed_go_on_working(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    reply_credentials("ASIAONE", 300);
    stage_reply(NULL, OK_BODY);
    stage_reply("500 E", "no");
    stage_reply(NULL, OK_BODY);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    age_look_up(d);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    assert_request(2, "GET /credentials");
    assert_request(3, "Credential=ASIAONE/");
    dynamo_drop(d);
}

static void test_credentials_expired_for_aws_are_renewed_and_tried_once(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    reply_credentials("ASIAONE", 3600);
    stage_reply(NULL, OK_BODY);
    stage_reply("400 E", "{\"__type\":\"ExpiredTokenException\"}");
    reply_credentials("ASIATWO", 3600);
    stage_reply("400 E", "{\"__type\":\"ExpiredTokenException\"}");
    assert_int_equal(call(d, &err), DYNAMO_OK);
    age_look_up(d);
    assert_int_equal(call(d, &err), DYNAMO_EXPIRED);
    assert_request(3, "GET /credentials");
    assert_request(4, "Credential=ASIATWO/");
    assert_int_equal(stage->next, 5);
    dynamo_drop(d);
}

static void test_credentials_missing_are_told_and_looked_for_again(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    stage_reply("404 E", "no");
    reply_credentials("ASIAONE", 3600);
    stage_reply(NULL, OK_BODY);
    assert_int_equal(call(d, &err), DYNAMO_REFUSED);
    assert_non_null(strstr(err.text, "AWS credentials, container"));
    assert_int_equal(stage->next, 1);
    assert_int_equal(call(d, &err), DYNAMO_OK);
    dynamo_drop(d);
}

static void test_credentials_service_hangs_within_the_time(void **state)
{
    (void)state;
    struct dynamo *d = client();
    struct err err;
    stage_reply(NULL, "")->end = STAGE_HANG;
    unsigned long long begin = clock_now_ns() / 1000000;
    assert_int_equal(call(d, &err), DYNAMO_REFUSED);
    assert_in_range(clock_now_ns() / 1000000 - begin, 0, 1600);
    assert_non_null(strstr(err.text, "AWS credentials"));
    dynamo_drop(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_credentials_are_fetched_once),
        STAGE_TEST(test_credentials_near_their_end_are_renewed),
        STAGE_TEST(test_credentials_not_renewed_go_on_working),
        STAGE_TEST(test_credentials_expired_for_aws_are_renewed_and_tried_once),
        STAGE_TEST(test_credentials_missing_are_told_and_looked_for_again),
        STAGE_TEST(test_credentials_service_hangs_within_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
