#include "server/aws/creds_http.h"

#include "tests/unit/creds_case.h"

#define DOCUMENT                                                                       \
    "{\"AccessKeyId\":\"AKIDC\",\"SecretAccessKey\":\"secret/c\",\"Token\":\"tok==\"," \
    "\"Expiration\":\"2040-01-01T00:00:00Z\",\"Code\":\"Success\"}"

static void test_container_url_is_allowed_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool allowed;
    } rows[] = {
        {"https://example.com/creds", true},
        {"https://example.com:8443/creds?x=1", true},
        {"https://user@example.com/", false},
        {"https:///creds", false},
        {"HTTPS://example.com/creds", true},
        {"http://localhost/creds", true},
        {"HTTP://localhost/creds", true},
        {"HTTP://10.0.0.1/", false},
        {"http://LOCALHOST:80/creds", true},
        {"http://127.0.0.1:8080/creds", true},
        {"http://127.1.2.3/creds", true},
        {"http://127.0.0.1", true},
        {"http://127.0.0.1?x=y", true},
        {"http://[::1]/creds", true},
        {"http://[::1]:99/creds", true},
        {"http://[0:0:0:0:0:0:0:1]/creds", true},
        {"http://[fd00:ec2::23]/v1/credentials", true},
        {"http://169.254.170.2/v2", true},
        {"http://169.254.170.23/v1/credentials", true},
        {"http://169.254.169.254/latest", false},
        {"http://169.254.170.230/", false},
        {"http://169.254.170.2.example.com/", false},
        {"http://localhost.example.com/", false},
        {"http://127.0.0.1.example.com/", false},
        {"http://127.0.0.1@example.com/", false},
        {"http://example.com@127.0.0.1/", false},
        {"http://127.0.0.1%2eexample.com/", false},
        {"http://127.0.0.1\\@example.com/", false},
        {"http://127.1/", false},
        {"http://2130706433/", false},
        {"http://0x7f.0.0.1/", false},
        {"http://0.0.0.0/", false},
        {"http://[::]/", false},
        {"http://[::ffff:127.0.0.1]/", false},
        {"http://[fd00:ec2::254]/", false},
        {"http://[::1/", false},
        {"http://[::1]x/", false},
        {"http://localhost:80x/", false},
        {"http://10.0.0.1/", false},
        {"http://example.com/", false},
        {"http:///creds", false},
        {"http://", false},
        {"ftp://127.0.0.1/", false},
        {"file:///etc/passwd", false},
        {"//127.0.0.1/", false},
        {"http://127.0.0.1/a b", false},
        {"http://127.0.0.1/\r\nx: y", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (creds_http_container_allowed(text_from(rows[i].url)) != rows[i].allowed)
            fail_msg("%s: should be %d", rows[i].url, rows[i].allowed);
}

static const struct stage_answer container_answers[] = {{"GET /v2/creds?id=7 ", "200 OK", DOCUMENT},
                                                        {0}};

static void check_document(const struct stage *s, const char *source)
{
    if (s->found != 1)
        fail_msg("not found: %s", s->text);
    assert_string_equal(s->value.access_key_id, "AKIDC");
    assert_string_equal(s->value.secret, "secret/c");
    assert_string_equal(s->value.token, "tok==");
    assert_int_equal(s->value.expires_ms, 2208988800000);
    assert_string_equal(s->value.source, source);
}

static void test_container_relative_uri_wins_and_gives_keys(void **state)
{
    struct stage *s = *state;
    s->answers = container_answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds?id=7", 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/never", 1);
    stage_look(s);
    check_document(s, "container");
    assert_non_null(strstr(s->request, "\r\nAccept: application/json\r\n"));
    assert_null(strstr(s->request, "Authorization"));
}

static void test_container_full_uri_sends_the_token(void **state)
{
    struct stage *s = *state;
    char url[128];
    s->answers = container_answers;
    snprintf(url, sizeof url, "%s/v2/creds?id=7", s->endpoint);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc=", 1);
    stage_look(s);
    check_document(s, "container");
    assert_non_null(strstr(s->request, "\r\nAuthorization: Basic abc=\r\n"));
    stage_write(s, "token", "first\n");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", stage_path(s, "token"), 1);
    stage_look(s);
    assert_non_null(strstr(s->request, "\r\nAuthorization: first\r\n"));
    memcpy(url, "HTTP", 4);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    stage_look(s);
    check_document(s, "container");
}

static void test_container_token_file_is_read_again(void **state)
{
    struct stage *s = *state;
    s->answers = container_answers;
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds?id=7", 1);
    stage_write(s, "token", "first");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", stage_path(s, "token"), 1);
    stage_look(s);
    assert_non_null(strstr(s->request, "\r\nAuthorization: first\r\n"));
    stage_write(s, "token", "second");
    creds_hurry(s->creds);
    stage_run(s, 3 * SECOND_MS);
    assert_int_equal(s->found, 2);
    assert_non_null(strstr(s->request, "\r\nAuthorization: second\r\n"));
}

static void test_container_faults_are_named(void **state)
{
    struct stage *s = *state;
    const struct {
        const char *variable, *value, *token;
        const char *status, *body;
        const char *text; /* after "AWS credentials, container: " */
    } rows[] = {
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil/", NULL, "200 OK", DOCUMENT,
         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a b", NULL, "200 OK", DOCUMENT,
         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/", NULL, "200 OK", DOCUMENT,
         "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor a local address"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", "a\r\nx-b: c", "200 OK", DOCUMENT,
         "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "403 No", "{\"code\":\"secret\"}",
         "the container credential service answered HTTP 403"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK", "<html>",
         "the answer is not a JSON object"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK", "{\"Code\":\"Failed\"}",
         "the answer has a Code other than Success"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK", "{\"AccessKeyId\":\"a\"}",
         "the answer lacks a key, or one of them is malformed"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK",
         "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\\nc\",\"Token\":\"t\"}",
         "the answer lacks a key, or one of them is malformed"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK",
         "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\",\"Expiration\":"
         "\"soon\"}",
         "the answer lacks a key, or one of them is malformed"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK",
         "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\",\"Expiration\":\"2020-"
         "01-01T00:00:00Z\"}",
         "the credentials have expired"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", NULL, "200 OK", NULL,
         "the answer of the container credential service was not complete in 1 s"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct stage_answer answers[] = {{"GET ", rows[i].status, rows[i].body}, {0}};
        char want[300];
        stage_clear(s);
        s->answers = answers;
        setenv(rows[i].variable, rows[i].value, 1);
        if (rows[i].token)
            setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", rows[i].token, 1);
        stage_look(s);
        snprintf(want, sizeof want, "AWS credentials, container: %s", rows[i].text);
        if (s->failed != 1 || strcmp(s->text, want) != 0)
            fail_msg("row %zu: failed %u, \"%s\"", i, s->failed, s->text);
        stage_end(s);
    }
}

static void test_container_token_file_that_is_bad_is_refused(void **state)
{
    struct stage *s = *state;
    static const char *const texts[] = {"", "\n", "a\nb", "a\r\nx: y", "a b"};
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", stage_path(s, "token"), 1);
    for (size_t i = 0; i <= sizeof texts / sizeof *texts; i++) {
        unlink(stage_path(s, "token"));
        if (i < sizeof texts / sizeof *texts)
            stage_write(s, "token", texts[i]);
        stage_look(s);
        assert_string_equal(s->text,
                            "AWS credentials, container: AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE "
                            "has no usable token");
        assert_int_equal(s->server.requests, 0);
    }
}

#define ROLES "GET /latest/meta-data/iam/security-credentials/"

static void test_instance_speaks_imdsv2(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {{"PUT /latest/api/token ", "200 OK", "session=="},
                                                  {ROLES "my-role ", "200 OK", DOCUMENT},
                                                  {ROLES " ", "200 OK", "my-role\nother"},
                                                  {0}};
    s->answers = answers;
    stage_look(s);
    check_document(s, "instance");
    assert_int_equal(s->server.requests, 3);
    assert_non_null(strstr(s->request, "\r\nx-aws-ec2-metadata-token: session==\r\n"));
}

static void test_instance_endpoint_comes_from_the_environment(void **state)
{
    struct stage *s = *state;
    char url[80];
    static const struct stage_answer answers[] = {{"PUT /latest/api/token ", "200 OK", "t"},
                                                  {ROLES "r ", "200 OK", DOCUMENT},
                                                  {ROLES " ", "200 OK", "r"},
                                                  {0}};
    s->answers = answers;
    snprintf(url, sizeof url, "HTTP%s//", s->endpoint + 4);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    struct creds_options options = {.second_ms = SECOND_MS};
    s->creds = creds_new(s->loop, s->fetch, &options, stage_take, s);
    creds_start(s->creds);
    s->stop_on_call = true;
    loop_run(s->loop);
    check_document(s, "instance");
}

static void test_instance_faults_are_named(void **state)
{
    struct stage *s = *state;
    static const struct {
        struct stage_answer answers[4];
        const char *text; /* after "AWS credentials, instance: " */
        unsigned requests;
    } rows[] = {
        {{{"PUT ", "403 No", ""}, {0}}, "no IMDSv2 session, HTTP 403", 1},
        {{{"PUT ", "200 OK", ""}, {0}}, "the IMDSv2 session token is malformed", 1},
        {{{"PUT ", "200 OK", "a\r\nx: y"}, {0}}, "the IMDSv2 session token is malformed", 1},
        {{{"PUT ", "200 OK", NULL}, {0}},
         "the answer of the instance metadata service was not complete in 1 s",
         1},
        {{{"PUT ", "200 OK", "t"}, {0}}, "no role is attached to this instance", 2},
        {{{"PUT ", "200 OK", "t"}, {"GET ", "500 No", ""}, {0}},
         "the instance metadata service answered HTTP 500",
         2},
        {{{"PUT ", "200 OK", "t"}, {"GET ", "200 OK", "../x"}, {0}},
         "the name of the instance's role is malformed",
         2},
        {{{"PUT ", "200 OK", "t"}, {ROLES " ", "200 OK", "r"}, {ROLES "r ", "404 No", ""}, {0}},
         "the instance metadata service answered HTTP 404",
         3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char want[300];
        unsigned before = s->server.requests;
        s->answers = rows[i].answers;
        stage_look(s);
        snprintf(want, sizeof want, "AWS credentials, instance: %s", rows[i].text);
        if (s->failed != 1 || strcmp(s->text, want) != 0 ||
            s->server.requests - before != rows[i].requests)
            fail_msg("row %zu: %u requests, \"%s\"", i, s->server.requests - before, s->text);
        stage_end(s);
    }
}

/* The real second: a hop limit of 1 makes the PUT hang, and start-up must not wait for it. */
static void test_instance_that_hangs_is_given_up_after_a_second(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {{"PUT ", "200 OK", NULL}, {0}};
    s->answers = answers;
    struct creds_options options = {.imds_endpoint = s->endpoint};
    clock_tick();
    uint64_t start_ns = clock_now_ns();
    s->creds = creds_new(s->loop, s->fetch, &options, stage_take, s);
    creds_start(s->creds);
    s->stop_on_call = true;
    loop_run(s->loop);
    assert_int_equal(s->failed, 1);
    assert_in_range((clock_now_ns() - start_ns) / 1000000, 950, 1300);
}

static void test_instance_switched_off_is_not_asked(void **state)
{
    struct stage *s = *state;
    setenv("AWS_EC2_METADATA_DISABLED", "True", 1);
    stage_look(s);
    assert_int_equal(s->failed, 1);
    assert_int_equal(s->server.requests, 0);
    assert_non_null(strstr(s->text, "no AWS credentials"));
}

/* "Static stability": the instance's own source is down, the old keys are to be tried on. */
static void test_instance_keys_that_have_expired_are_used_on(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {
        {"PUT ", "200 OK", "t"},
        {ROLES " ", "200 OK", "r"},
        {"GET ", "200 OK",
         "{\"Code\":\"Success\",\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\","
         "\"Expiration\":\"2020-01-01T00:00:00Z\"}"},
        {0}};
    s->answers = answers;
    stage_look(s);
    assert_int_equal(s->found, 1);
    assert_in_range(s->value.expires_ms - clock_real_ms(), 890000, 900000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_url_is_allowed_or_not),
        STAGE_TEST(test_container_relative_uri_wins_and_gives_keys),
        STAGE_TEST(test_container_full_uri_sends_the_token),
        STAGE_TEST(test_container_token_file_is_read_again),
        STAGE_TEST(test_container_faults_are_named),
        STAGE_TEST(test_container_token_file_that_is_bad_is_refused),
        STAGE_TEST(test_instance_speaks_imdsv2),
        STAGE_TEST(test_instance_endpoint_comes_from_the_environment),
        STAGE_TEST(test_instance_faults_are_named),
        STAGE_TEST(test_instance_that_hangs_is_given_up_after_a_second),
        STAGE_TEST(test_instance_switched_off_is_not_asked),
        STAGE_TEST(test_instance_keys_that_have_expired_are_used_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
