#include "server/aws/creds_sources.h"

#include "tests/unit/creds_case.h"

static void test_environment_gives_keys_or_says_what_is_wrong(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *id, *secret, *token, *expires;
        const char *text; /* NULL: found */
    } rows[] = {
        {"AKID", "abc/+=", NULL, NULL, NULL},
        {"AKID", "abc", "tok", NULL, NULL},
        {"AKID", "abc", "  ", NULL, NULL},
        {"AKID", "abc", "tok", "2040-01-01T00:00:00Z", NULL},
        {"AKID", NULL, NULL, NULL, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not"},
        {"AKID", " ", "tok", NULL, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not"},
        {NULL, "abc", NULL, NULL, "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not"},
        {"AKID\n", "abc", NULL, NULL,
         "AWS_ACCESS_KEY_ID is too long or holds a blank or control character"},
        {"AKID", "abc\r\nx: y", NULL, NULL,
         "AWS_SECRET_ACCESS_KEY is too long or holds a blank or control character"},
        {"AKID", "abc", "a b", NULL,
         "AWS_SESSION_TOKEN is too long or holds a blank or control character"},
        {"AKID", "abc", "tok", "tomorrow",
         "AWS_CREDENTIAL_EXPIRATION is not a time like 2026-01-15T12:00:00Z"},
        {"AKID", "abc", "tok", "2020-01-01T00:00:00Z", "the credentials have expired"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stage_clear(s);
        const char *const values[] = {rows[i].id, rows[i].secret, rows[i].token, rows[i].expires};
        for (size_t k = 0; k < 4; k++)
            if (values[k])
                setenv(stage_variables[k], values[k], 1);
        stage_look(s);
        char want[300] = "";
        if (rows[i].text)
            snprintf(want, sizeof want, "AWS credentials, environment: %s", rows[i].text);
        if (s->found != (rows[i].text == NULL) || strcmp(s->text, want) != 0)
            fail_msg("row %zu: found %u, \"%s\"", i, s->found, s->text);
    }
    assert_int_equal(s->server.requests, 0);
}

static void test_environment_value_is_copied_whole(void **state)
{
    struct stage *s = *state;
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "abc/+=", 1);
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "2040-01-01T00:00:00Z", 1);
    stage_look(s);
    assert_string_equal(s->value.access_key_id, "AKID");
    assert_string_equal(s->value.secret, "abc/+=");
    assert_string_equal(s->value.token, "tok");
    assert_int_equal(s->value.expires_ms, 2208988800000);
    assert_string_equal(s->value.source, "environment");
}

static void test_profile_gives_keys_or_says_what_is_wrong(void **state)
{
    struct stage *s = *state;
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    static const struct {
        const char *profile, *credentials, *config;
        const char *text; /* NULL: found */
    } rows[] = {
        {NULL, "[default]\naws_access_key_id=A\naws_secret_access_key=s\n", "", NULL},
        {NULL, "", "[default]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=t\n",
         NULL},
        {"p", "[p]\naws_access_key_id=A\naws_secret_access_key=s\n", "", NULL},
        {"p", "[default]\naws_access_key_id=A\naws_secret_access_key=s\n", "",
         "AWS credentials, profile: p is not in the AWS files (AWS_PROFILE names it)"},
        {NULL, "[default]\naws_access_key_id=A\n", "[default]\naws_secret_access_key=s\n",
         "AWS credentials, profile: default has only one of aws_access_key_id and "
         "aws_secret_access_key"},
        {NULL, "[default]\naws_access_key_id=A b\naws_secret_access_key=s\n", "",
         "AWS credentials, profile: default has a key with a blank or control character"},
        {NULL, "", "[default]\ncredential_process = /bin/x\n",
         "AWS credentials, profile: default has credential_process, which is not supported"},
        {NULL, "", "[default]\nsso_session = x\n",
         "AWS credentials, profile: default uses SSO, which is not supported: aws configure "
         "export-credentials"},
        {NULL, "", "[default]\nregion = eu-west-1\n",
         "no AWS credentials: none in the environment and profile files, no web identity or "
         "container "
         "variables, instance metadata switched off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stage_write(s, "credentials", rows[i].credentials);
        stage_write(s, "config", rows[i].config);
        unsetenv("AWS_PROFILE");
        if (rows[i].profile)
            setenv("AWS_PROFILE", rows[i].profile, 1);
        stage_look(s);
        if (s->found != (rows[i].text == NULL) ||
            strcmp(s->text, rows[i].text ? rows[i].text : "") != 0)
            fail_msg("row %zu: found %u, \"%s\"", i, s->found, s->text);
        if (s->found)
            assert_string_equal(s->value.source, "profile");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_environment_gives_keys_or_says_what_is_wrong),
        STAGE_TEST(test_environment_value_is_copied_whole),
        STAGE_TEST(test_profile_gives_keys_or_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
