#include "shm/refresher/accounts.h"

#include "server/base/log.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/segment.h"
#include "shm/memory/signing.h"
#include "tests/unit/creds_case.h"

#define ROLE "arn:aws:iam::210987654321:role/x"

static const struct stage_answer good[] = {
    {"POST / ", "200 OK",
     "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
     "<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>"
     "<Expiration>2040-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
     "</AssumeRoleResponse>"},
    {0}};
static const struct stage_answer bad[] = {
    {"POST / ", "403 No",
     "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"},
    {0}};

static struct segment seg;
static struct config config;

static struct accounts *begin(struct stage *s, const char *lanes)
{
    struct err err;
    log_level_set(LOG_OFF);
    assert_int_equal(segment_create(&seg, 1, 64, &err), STATUS_OK);
    memset(&config, 0, sizeof config);
    assert_int_equal(config_lanes_read(text_from(lanes), &config.lanes, &err), STATUS_OK);
    if (config.lanes.n == 0) {
        config_lanes_alone(STR("us-west-2"), &config.lanes);
    }
    lane_names_enter(&seg, &config.lanes, NULL);
    setenv("AWS_ACCESS_KEY_ID", "AKIAOWN", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "own-secret", 1);
    setenv("AWS_ENDPOINT_URL_STS", s->endpoint, 1);
    struct accounts *a = accounts_new(&config, &seg, "us-west-2", s->loop, s->fetch);
    assert_non_null(a);
    accounts_start(a);
    return a;
}

static void end(struct accounts *a)
{
    accounts_drop(a);
    segment_drop(&seg);
}

static const char *key_of(unsigned lane, const char **region_out)
{
    static struct signing_keys k;
    memset(&k, 0, sizeof k);
    bool usable = signing_read(&seg, lane, 0, &k);
    *region_out = k.region;
    return usable ? k.access_key_id : k.trouble;
}

static void test_lanes_are_signed_by_their_own_accounts(void **state)
{
    struct stage *s = *state;
    const char *region;
    s->answers = good;
    struct accounts *a = begin(s, "us-west-2,us-east-1@" ROLE ",eu-west-1,eu-west-2@" ROLE);
    for (int i = 0; i < 200 && signing_usable_slots(&seg) != 15; i++) {
        stage_run(s, 10);
    }
    assert_int_equal(signing_usable_slots(&seg), 15);
    static const char *const rows[][2] = {{"AKIAOWN", "us-west-2"},
                                          {"ASIAROLE", "us-east-1"},
                                          {"AKIAOWN", "eu-west-1"},
                                          {"ASIAROLE", "eu-west-2"}};
    for (unsigned i = 0; i < 4; i++) {
        assert_string_equal(key_of(i, &region), rows[i][0]);
        assert_string_equal(region, rows[i][1]);
    }
    assert_int_equal(s->server.requests, 1); /* one role, asked once */
    assert_non_null(strstr(s->request, "AWS4-HMAC-SHA256 Credential=AKIAOWN/"));
    assert_non_null(strstr(s->request, "/us-west-2/sts/aws4_request"));
    assert_non_null(strstr(s->request, "Action=AssumeRole&"));
    assert_string_equal(accounts_home(a)->value.access_key_id, "AKIAOWN");
    end(a);
}

/* A role that is refused is trouble of its lanes alone, and asked for again. */
static void test_refused_role_leaves_the_others_alone(void **state)
{
    struct stage *s = *state;
    const char *region;
    s->answers = bad;
    struct accounts *a = begin(s, "us-west-2,us-east-1@" ROLE);
    for (int i = 0; i < 200 && s->server.requests == 0; i++) {
        stage_run(s, 10);
    }
    stage_run(s, 50);
    assert_int_equal(signing_usable_slots(&seg), 1);
    assert_string_equal(key_of(0, &region), "AKIAOWN");
    assert_non_null(strstr(key_of(1, &region), "role: AWS STS answered HTTP 403, AccessDenied"));
    s->answers = good;
    for (int i = 0; i < 400 && signing_usable_slots(&seg) != 3; i++) {
        stage_run(s, 10);
    }
    assert_string_equal(key_of(1, &region), "ASIAROLE");
    end(a);
}

static void test_without_lanes_there_is_home(void **state)
{
    struct stage *s = *state;
    const char *region;
    struct accounts *a = begin(s, "");
    for (int i = 0; i < 200 && !signing_usable(&seg); i++) {
        stage_run(s, 10);
    }
    assert_int_equal(signing_usable_slots(&seg), 1);
    assert_string_equal(key_of(0, &region), "AKIAOWN");
    assert_string_equal(region, "us-west-2");
    accounts_tick(a);
    end(a);
}

static void test_nobody_signs_with_a_bedrock_key(void **state)
{
    (void)state;
    struct err err;
    log_level_set(LOG_OFF);
    assert_int_equal(segment_create(&seg, 1, 64, &err), STATUS_OK);
    memset(&config, 0, sizeof config);
    struct accounts *a = accounts_new(&config, &seg, "us-west-2", NULL, NULL);
    assert_non_null(a);
    accounts_start(a);
    signing_complain(&seg, LANES_HOME);
    accounts_tick(a);
    assert_false(signing_usable(&seg));
    end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_lanes_are_signed_by_their_own_accounts),
        STAGE_TEST(test_refused_role_leaves_the_others_alone),
        STAGE_TEST(test_without_lanes_there_is_home),
        STAGE_TEST(test_nobody_signs_with_a_bedrock_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
