#include "server/aws/creds_private.h"

#include "tests/unit/creds_case.h"

static void set_keys(const char *id)
{
    setenv("AWS_ACCESS_KEY_ID", id, 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
}

/* A container document that ends in so many milliseconds. */
static const char *document(int64_t life_ms)
{
    static char text[200];
    char expires[25];
    clock_rfc3339(clock_real_now_ms() + life_ms, expires);
    snprintf(
        text, sizeof text,
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\",\"Expiration\":\"%s\"}",
        expires);
    return text;
}

/* Each source in turn is taken away, so that the next one shows. */
static void test_sources_are_asked_in_order(void **state)
{
    struct stage *s = *state;
    static struct stage_answer answers[] = {
        {"POST / ", "200 OK",
         "<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey>"
         "<SessionToken>c</SessionToken><Expiration>2040-01-01T00:00:00Z</Expiration></"
         "Credentials>"},
        {"GET /c ", "200 OK", "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\"}"},
        {"PUT ", "200 OK", "t"},
        {"GET /latest/meta-data/iam/security-credentials/ ", "200 OK", "r"},
        {"GET /latest/", "200 OK",
         "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\"}"},
        {0}};
    s->answers = answers;
    set_keys("AKID");
    stage_write(s, "credentials", "[default]\naws_access_key_id = P\naws_secret_access_key = s\n");
    stage_write(s, "token", "abc");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", stage_path(s, "token"), 1);
    setenv("AWS_ROLE_ARN", "arn:x", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    static const char *const order[] = {"environment", "profile", "web identity", "container",
                                        "instance"};
    for (size_t i = 0; i < 5; i++) {
        const char *likely = "nothing";
        stage_look(s);
        if (s->found != 1 || strcmp(s->value.source, order[i]) != 0)
            fail_msg("%s expected, got %s \"%s\"", order[i], s->value.source, s->text);
        assert_int_equal(creds_likely(&likely), i < 4);
        assert_string_equal(likely, i < 4 ? order[i] : "nothing");
        unsetenv(i == 0 ? "AWS_ACCESS_KEY_ID" : i == 2 ? "AWS_WEB_IDENTITY_TOKEN_FILE" : "X");
        unsetenv(i == 0   ? "AWS_SECRET_ACCESS_KEY"
                 : i == 3 ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
                          : "X");
        if (i == 1)
            unlink(stage_path(s, "credentials"));
    }
    assert_false(creds_likely(NULL));
}

static void test_blank_variables_count_as_unset(void **state)
{
    struct stage *s = *state;
    for (size_t i = 0; i < sizeof stage_variables / sizeof *stage_variables; i++)
        setenv(stage_variables[i], " ", 1);
    stage_look(s);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->server.requests, 1); /* only IMDS was left to ask */
    assert_false(creds_likely(NULL));
}

static void test_failed_look_up_is_repeated_with_back_off(void **state)
{
    struct stage *s = *state;
    struct stage_answer answers[] = {{"GET /c ", "500 No", ""}, {0}};
    s->answers = answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    s->second_ms = 10;
    stage_begin(s);
    stage_run(s, 10 * s->second_ms); /* at 0, about 1, 3 and 7 seconds */
    assert_in_range(s->server.requests, 3, 5);
    assert_int_equal(s->failed, s->server.requests);
    assert_int_equal(s->found, 0);
    answers[0].status = "200 OK";
    answers[0].body = document(3600000);
    stage_run(s, 12 * s->second_ms);
    assert_int_equal(s->found, 1);
    unsigned requests = s->server.requests;
    stage_run(s, 5 * s->second_ms);
    assert_int_equal(s->server.requests, requests);
}

static void test_keys_are_renewed_before_they_expire(void **state)
{
    struct stage *s = *state;
    struct stage_answer answers[] = {{"GET /c ", "200 OK", document(3000)}, {0}};
    s->answers = answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    stage_look(s);
    assert_int_equal(s->found, 1);
    answers[0].body = document(3600000);
    for (int i = 0; i < 140 && s->found < 2; i++) {
        stage_run(s, 20); /* half of the life is 1.5 s, less the jitter */
    }
    assert_int_equal(s->found, 2);
    assert_int_equal(s->failed, 0);
}

static void test_keys_are_kept_until_they_expire(void **state)
{
    struct stage *s = *state;
    struct stage_answer answers[] = {{"GET /c ", "200 OK", document(300)}, {0}};
    s->answers = answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    stage_look(s);
    answers[0].status = "500 No";
    stage_run(s, 220); /* the renewal has failed by now */
    assert_true(s->server.requests > 1);
    assert_int_equal(s->failed, 0);
    stage_run(s, 200);
    assert_true(s->failed > 0);
    assert_string_equal(s->creds->now.secret, ""); /* wiped */
    assert_string_equal(
        s->text, "AWS credentials, container: the container credential service answered HTTP 500");
}

static void test_long_lived_keys_are_renewed_15_minutes_early(void **state)
{
    struct stage *s = *state;
    enum { MINUTE_MS = 60000 };
    clock_freeze_real_ms(1768478400000);
    struct stage_answer answers[] = {{"GET /c ", "200 OK", document(120 * MINUTE_MS)}, {0}};
    s->answers = answers;
    s->second_ms = 60; /* the calendar is looked at so often */
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    stage_look(s);
    clock_freeze_real_ms(1768478400000 + 103 * MINUTE_MS);
    stage_run(s, 100);
    assert_int_equal(s->server.requests, 1);
    clock_freeze_real_ms(1768478400000 + 106 * MINUTE_MS);
    stage_run(s, 100);
    assert_in_range(s->server.requests, 2, 20);
}

/* An expiry far away is noticed when the calendar jumps: a virtual machine that slept. */
static void test_keys_expire_when_the_calendar_jumps(void **state)
{
    struct stage *s = *state;
    struct stage_answer answers[] = {{"GET /c ", "200 OK", document(7200000)}, {0}};
    s->answers = answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    s->second_ms = 50;
    stage_look(s);
    answers[0].body = "no";
    clock_freeze_real_ms(s->value.expires_ms + 1);
    stage_run(s, 2 * s->second_ms);
    assert_true(s->failed > 0);
}

static void test_hurry_renews_at_most_once_a_minute(void **state)
{
    struct stage *s = *state;
    set_keys("AKID1");
    s->second_ms = 4;
    stage_look(s);
    set_keys("AKID2");
    creds_hurry(s->creds);
    stage_run(s, s->second_ms);
    assert_int_equal(s->found, 2);
    assert_string_equal(s->value.access_key_id, "AKID2");
    creds_hurry(s->creds);
    stage_run(s, s->second_ms);
    assert_int_equal(s->found, 2);
    stage_run(s, 60 * s->second_ms);
    assert_int_equal(s->found, 2); /* long-term keys are not renewed by themselves */
    creds_hurry(s->creds);
    stage_run(s, s->second_ms);
    assert_int_equal(s->found, 3);
}

static void drop_it(void *owner, const struct creds_value *now, const struct err *err)
{
    struct stage *s = owner;
    (void)now, (void)err;
    creds_drop(s->creds);
    s->creds = NULL;
    loop_stop(s->loop);
}

static void test_drop_is_clean_at_any_time(void **state)
{
    struct stage *s = *state;
    struct stage_answer answers[] = {{"GET /c ", "200 OK", NULL}, {0}};
    s->answers = answers;
    stage_begin(s);
    stage_end(s); /* before the loop ran */
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 1);
    stage_begin(s);
    stage_run(s, SECOND_MS);
    stage_end(s); /* during a call */
    stage_run(s, 3 * SECOND_MS);
    assert_int_equal(s->found + s->failed, 0);
    assert_int_equal(s->server.gone, 1);
    for (int i = 0; i < 2; i++) { /* from its own callback: at once, and after a call */
        struct creds_options options = {.container_endpoint = s->endpoint, .second_ms = SECOND_MS};
        s->creds = creds_new(s->loop, s->fetch, &options, drop_it, s);
        creds_start(s->creds);
        loop_run(s->loop);
        assert_null(s->creds);
        set_keys("AKID");
    }
    creds_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_sources_are_asked_in_order),
        STAGE_TEST(test_blank_variables_count_as_unset),
        STAGE_TEST(test_failed_look_up_is_repeated_with_back_off),
        STAGE_TEST(test_keys_are_renewed_before_they_expire),
        STAGE_TEST(test_keys_are_kept_until_they_expire),
        STAGE_TEST(test_long_lived_keys_are_renewed_15_minutes_early),
        STAGE_TEST(test_keys_expire_when_the_calendar_jumps),
        STAGE_TEST(test_hurry_renews_at_most_once_a_minute),
        STAGE_TEST(test_drop_is_clean_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
