#include "shm/refresher/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/log.h"
#include "server/aws/sigv4.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/signing.h"

#define NOON 1768478400000ll /* 2026-01-15T12:00:00Z */
#define DAY  86400000ll

static struct segment seg;
static struct signer signer;
static uint64_t lane;
static const struct creds_value value = {.access_key_id = "AKIDEXAMPLE",
                                         .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                         .token = "token",
                                         .expires_ms = NOON + 3600000,
                                         .source = "environment"};

static int make(void **state)
{
    (void)state;
    struct err err;
    log_level_set(LOG_OFF);
    if (segment_create(&seg, 1, 64, &err) != STATUS_OK) {
        return -1;
    }
    struct config_lanes lanes;
    config_lanes_alone(STR("eu-central-1"), &lanes);
    lane_names_enter(&seg, &lanes, NULL);
    lane = lanes.lane[LANES_HOME].id;
    signer_init(&signer, &seg, lane, "eu-central-1");
    return 0;
}

static int drop(void **state)
{
    (void)state;
    signer_wipe(&signer);
    segment_drop(&seg);
    return 0;
}

static void assert_key(const struct signing_keys *k, int day, const char *date)
{
    static const char *const services[] = {"bedrock", "bedrock-mantle"};
    uint8_t key[32];
    struct sigv4_scope scope = {.region = STR("eu-central-1")};
    memcpy(scope.date, date, 9);
    assert_int_equal(SIGNING_SERVICE_COUNT, 2);
    for (int i = 0; i < SIGNING_SERVICE_COUNT; i++) {
        scope.service = text_from(services[i]);
        sigv4_key(text_from(value.secret), &scope, key);
        assert_memory_equal(k->key[i][day], key, 32);
    }
}

static void test_take_value_publishes_yesterday_today_and_tomorrow(void **state)
{
    (void)state;
    struct signing_keys k = {0};
    signer_take(&signer, &value, NULL, NOON);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_int_equal(SIGNING_DAYS, 3);
    for (int day = 0; day < SIGNING_DAYS; day++) {
        static const char *const dates[] = {"20260114", "20260115", "20260116"};
        assert_string_equal(k.date[day], dates[day]);
        assert_key(&k, day, dates[day]);
    }
    assert_int_equal(k.lane, lane); /* whose they are */
    assert_string_equal(k.access_key_id, "AKIDEXAMPLE");
    assert_string_equal(k.token, "token");
    assert_string_equal(k.region, "eu-central-1");
    assert_int_equal(k.expires_ms, value.expires_ms);
    assert_null(memmem(seg.signing, seg.secret_size, value.secret, strlen(value.secret)));
}

static void test_tick_derives_anew_only_when_the_date_changes(void **state)
{
    (void)state;
    struct signing_keys k = {0};
    signer_tick(&signer, NOON);
    assert_false(signing_read(&seg, LANES_HOME, 0, &k));
    signer_take(&signer, &value, NULL, NOON);
    signer_tick(&signer, NOON + DAY / 2 - 1);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_int_equal(k.generation, 1);
    signer_tick(&signer, NOON + DAY / 2);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_int_equal(k.generation, 2);
    assert_string_equal(k.date[1], "20260116");
    assert_key(&k, 0, "20260115");
    assert_key(&k, 2, "20260117");
    signer_tick(&signer, NOON + DAY / 2 - 1); /* a little back, over midnight */
    signer_tick(&signer, NOON - 40 * DAY);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_int_equal(k.generation, 4);
    assert_string_equal(k.date[1], "20251206");
}

static void test_tick_follows_the_clock_of_aws(void **state)
{
    (void)state;
    struct signing_keys k = {0};
    signer_take(&signer, &value, NULL, NOON);
    signing_set_skew(&seg, -DAY);
    signer_tick(&signer, NOON);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_string_equal(k.date[1], "20260114");
}

static void test_take_trouble_keeps_keys_until_they_expire(void **state)
{
    (void)state;
    struct signing_keys k = {0};
    struct err err = {.code = STATUS_UNAVAILABLE, .text = "the endpoint hangs"};
    signer_take(&signer, &value, NULL, NOON);
    signer_take(&signer, NULL, &err, value.expires_ms - 1);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    signer_take(&signer, NULL, &err, value.expires_ms);
    assert_false(signing_read(&seg, LANES_HOME, 0, &k));
    assert_string_equal(k.trouble, "the endpoint hangs");
    assert_string_equal(signer.value.secret, "");
    signer_tick(&signer, NOON + 2 * DAY);
    assert_false(signing_read(&seg, LANES_HOME, 0, &k));
    signer_take(&signer, &value, NULL, NOON);
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
}

/* A lane's credentials come and go alone. */
static void test_lanes_are_signed_for_apart(void **state)
{
    (void)state;
    static struct signer far;
    struct signing_keys k = {0}, away = {0};
    struct err err = {.code = STATUS_UNAVAILABLE, .text = "no such role"};
    struct creds_value other = value;
    memcpy(other.access_key_id, "AKIDOTHER", 10);
    struct config_lanes lanes;
    config_lanes_alone(STR("us-east-1"), &lanes);
    lane_names_enter(&seg, &lanes, NULL);
    signer_init(&far, &seg, lanes.lane[LANES_HOME].id, "us-east-1");
    signer_take(&far, NULL, &err, NOON);
    assert_false(signing_usable(&seg));
    signer_take(&signer, &value, NULL, NOON);
    assert_true(signing_usable(&seg));
    assert_false(signing_read(&seg, 1, 0, &away));
    assert_string_equal(away.trouble, "no such role");
    signer_take(&far, &other, NULL, NOON);
    assert_true(signing_read(&seg, 1, 0, &away));
    assert_string_equal(away.access_key_id, "AKIDOTHER");
    assert_string_equal(away.region, "us-east-1");
    assert_true(signing_read(&seg, LANES_HOME, 0, &k));
    assert_string_equal(k.access_key_id, "AKIDEXAMPLE");
    assert_memory_not_equal(k.key, away.key, sizeof k.key);
    signer_wipe(&signer);
    signer_take(&signer, NULL, &err, NOON);
    assert_false(signing_read(&seg, LANES_HOME, 0, &k));
    assert_true(signing_usable(&seg));
    signer_wipe(&far);
}

static void test_wipe_leaves_no_secret(void **state)
{
    (void)state;
    signer_take(&signer, &value, NULL, NOON);
    assert_non_null(memmem(&signer, sizeof signer, value.secret, 8));
    signer_wipe(&signer);
    assert_null(memmem(&signer, sizeof signer, value.secret, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_value_publishes_yesterday_today_and_tomorrow,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_tick_derives_anew_only_when_the_date_changes, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_tick_follows_the_clock_of_aws, make, drop),
        cmocka_unit_test_setup_teardown(test_take_trouble_keeps_keys_until_they_expire, make, drop),
        cmocka_unit_test_setup_teardown(test_lanes_are_signed_for_apart, make, drop),
        cmocka_unit_test_setup_teardown(test_wipe_leaves_no_secret, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
