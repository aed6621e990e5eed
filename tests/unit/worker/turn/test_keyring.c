#include "worker/turn/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/segment.h"

static struct segment seg;
static struct config config;
static struct keyring ring;

static int make(void **state)
{
    (void)state;
    struct err err;
    clock_tick();
    memset(&ring, 0, sizeof ring);
    config = (struct config){.bedrock_api_key = ""};
    return segment_create(&seg, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void take(const char *lanes)
{
    struct config_lanes before = config.lanes;
    struct err err;
    assert_int_equal(config_lanes_read(text_from(lanes), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&seg, &config.lanes, before.n ? &before : NULL);
}

static void publish(unsigned slot, uint64_t lane, const char *key)
{
    struct signing_keys keys = {.lane = lane};
    char amz[17];
    text_copy(text_from(key), keys.access_key_id, sizeof keys.access_key_id);
    for (int day = 0; day < SIGNING_DAYS; day++) {
        clock_amz(clock_real_ms() + (day - 1) * 86400000ll, amz);
        memcpy(keys.date[day], amz, 8);
    }
    signing_publish(&seg, slot, &keys);
}

static enum keyring_state now(unsigned lane)
{
    return keyring_now(&ring, &seg, &config, lane);
}

#define ONE "us-east-1@arn:aws:iam::123456789012:role/one"
#define TWO "us-east-1@arn:aws:iam::123456789012:role/two"

/* A reload gives the second lane another role: it has no keys until its own are there. */
static void test_keys_of_another_lane_sign_nothing(void **state)
{
    (void)state;
    take("us-west-2," ONE);
    publish(0, config.lanes.lane[0].id, "AKIAOWN");
    publish(1, config.lanes.lane[1].id, "ASIAONE");
    uint64_t one = config.lanes.lane[1].id;
    assert_int_equal(now(1), KEYRING_GOOD);
    assert_string_equal(ring.lane[1].keys.access_key_id, "ASIAONE");
    take("us-west-2," TWO);
    assert_int_equal(now(0), KEYRING_GOOD);
    assert_int_equal(now(1), KEYRING_NONE);
    assert_false(keyring_has(&seg, &config, 1));
    assert_string_equal(keyring_trouble(&ring, &seg, 1, &config), "no AWS credentials yet");
    unsigned slot = lane_names_slot(&seg, config.lanes.lane[1].id);
    publish(slot, one, "ASIAONE"); /* whoever publishes there what is not its own */
    assert_int_equal(now(1), KEYRING_NONE);
    publish(slot, config.lanes.lane[1].id, "ASIATWO");
    assert_int_equal(now(1), KEYRING_GOOD);
    assert_string_equal(ring.lane[1].keys.access_key_id, "ASIATWO");
}

/* Its place in the list is nothing. */
static void test_keys_follow_a_lane_to_another_place(void **state)
{
    (void)state;
    take("us-west-2," ONE);
    publish(1, config.lanes.lane[1].id, "ASIAONE");
    memset(&ring, 0, sizeof ring); /* of a new worker */
    take(ONE ",us-west-2");
    assert_int_equal(now(0), KEYRING_GOOD);
    assert_string_equal(ring.lane[0].keys.access_key_id, "ASIAONE");
    assert_int_equal(now(1), KEYRING_NONE);
    keyring_complain(&seg, &config, 0);
    assert_int_equal(signing_complaints(&seg, 1), 1);
    assert_null(keyring_trouble_anywhere(&ring, &seg, &config));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_keys_of_another_lane_sign_nothing),
        TEST(test_keys_follow_a_lane_to_another_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
