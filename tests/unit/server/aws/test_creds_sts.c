#include "server/aws/creds_sts.h"

#include "tests/unit/creds_case.h"

#define ANSWER(name, secret)                                                                     \
    "<" name "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" name "Result>"     \
    "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>"              \
    "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>" secret "</SecretAccessKey>" \
    "<SessionToken>tok/+==</SessionToken><Expiration>2040-01-01T00:00:00Z</Expiration>"          \
    "</Credentials></" name "Result></" name "Response>"
#define WEB "AssumeRoleWithWebIdentity"

static void set_web_identity(struct stage *s)
{
    stage_write(s, "token", "eyJ.a+b/c.d_e\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", stage_path(s, "token"), 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/my role", 1);
}

static void check_value(const struct stage *s, const char *source)
{
    if (s->found != 1)
        fail_msg("not found: %s", s->text);
    assert_string_equal(s->value.access_key_id, "ASIA1");
    assert_string_equal(s->value.secret, "s3cret/");
    assert_string_equal(s->value.token, "tok/+==");
    assert_int_equal(s->value.expires_ms, 2208988800000);
    assert_string_equal(s->value.source, source);
}

static void test_web_identity_gives_keys(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {{"POST / ", "200 OK", ANSWER(WEB, "s3cret/")},
                                                  {0}};
    s->answers = answers;
    set_web_identity(s);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r", 1);
    stage_look(s);
    check_value(s, "web identity");
    assert_non_null(strstr(s->request, "\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
    assert_null(strstr(s->request, "uthorization"));
    assert_string_equal(strstr(s->request, "\r\n\r\n") + 4,
                        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                        "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr"
                        "&RoleSessionName=llm-api-converter&WebIdentityToken=eyJ.a%2Bb%2Fc.d_e");
    setenv("AWS_ROLE_SESSION_NAME", "me@here", 1);
    stage_look(s);
    assert_non_null(strstr(s->request, "&RoleSessionName=me%40here&"));
}

static void test_web_identity_faults_are_named(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *arn, *token, *status, *body, *text;
    } rows[] = {
        {"", "t", "200 OK", "", "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not"},
        {"arn:a b", "t", "200 OK", "", "the role ARN is malformed"},
        {"role/x", "t", "200 OK", "", "the role ARN is malformed"},
        {"arn:x", "", "200 OK", "", "the web identity token file has no usable token"},
        {"arn:x", "t", "400 No",
         "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code></Error></"
         "ErrorResponse>",
         "AWS STS answered HTTP 400, InvalidIdentityToken"},
        {"arn:x", "t", "503 No", "<html>", "AWS STS answered HTTP 503"},
        {"arn:x", "t", "200 OK", ANSWER(WEB, ""),
         "the answer of AWS STS lacks a key, or one of them is malformed"},
        {"arn:x", "t", "200 OK", ANSWER(WEB, "a b"),
         "the answer of AWS STS lacks a key, or one of them is malformed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct stage_answer answers[] = {{"POST ", rows[i].status, rows[i].body}, {0}};
        char want[300];
        set_web_identity(s);
        s->answers = answers;
        setenv("AWS_ROLE_ARN", rows[i].arn, 1);
        stage_write(s, "token", rows[i].token);
        stage_look(s);
        snprintf(want, sizeof want, "AWS credentials, web identity: %s", rows[i].text);
        if (s->failed != 1 || strcmp(s->text, want) != 0)
            fail_msg("row %zu: \"%s\"", i, s->text);
        stage_end(s);
    }
}

static void test_profile_with_token_file_uses_web_identity(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {{"POST / ", "200 OK", ANSWER(WEB, "s3cret/")},
                                                  {0}};
    char config[300];
    s->answers = answers;
    stage_write(s, "token", "abc");
    snprintf(config, sizeof config, "[default]\nrole_arn = arn:x\nweb_identity_token_file = %s\n",
             stage_path(s, "token"));
    stage_write(s, "config", config);
    stage_look(s);
    check_value(s, "profile");
    assert_non_null(strstr(s->request, "&WebIdentityToken=abc"));
}

static void test_profile_with_source_assumes_the_role(void **state)
{
    struct stage *s = *state;
    static const struct stage_answer answers[] = {
        {"POST / ", "200 OK", ANSWER("AssumeRole", "s3cret/")}, {0}};
    s->answers = answers;
    stage_write(s, "credentials",
                "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = basesecret\n");
    stage_write(s, "config",
                "[profile work]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
                "external_id = e:1\nrole_session_name = me\n");
    setenv("AWS_PROFILE", "work", 1);
    clock_freeze_real_ms(1768478400000); /* 2026-01-15T12:00:00Z */
    stage_look(s);
    check_value(s, "profile");
    assert_non_null(strstr(s->request, "\r\nx-amz-date: 20260115T120000Z\r\n"));
    assert_non_null(strstr(s->request, "Credential=AKIDBASE/20260115/eu-west-1/sts/aws4_request"));
    assert_non_null(strstr(s->request, "SignedHeaders=host;x-amz-date,"));
    assert_null(strstr(s->request, "basesecret"));
    assert_string_equal(
        strstr(s->request, "\r\n\r\n") + 4,
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
        "&RoleSessionName=me&ExternalId=e%3A1");
}

static void test_profile_with_half_a_role_is_refused(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *config, *text;
    } rows[] = {
        {"[default]\nrole_arn = arn:x\n", "role_arn without source_profile is not supported"},
        {"[default]\nrole_arn = arn:x\nsource_profile = b\n",
         "source_profile b has no usable keys of its own"},
        {"[default]\nrole_arn = arn:x\ncredential_source = Environment\n",
         "role_arn without source_profile is not supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char want[300];
        stage_write(s, "config", rows[i].config);
        stage_look(s);
        snprintf(want, sizeof want, "AWS credentials, profile: %s", rows[i].text);
        assert_string_equal(s->text, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_web_identity_gives_keys),
        STAGE_TEST(test_web_identity_faults_are_named),
        STAGE_TEST(test_profile_with_token_file_uses_web_identity),
        STAGE_TEST(test_profile_with_source_assumes_the_role),
        STAGE_TEST(test_profile_with_half_a_role_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
