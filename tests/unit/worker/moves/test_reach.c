/* Home, another region, another account, and one that does not serve the model. */
#include "worker/moves/reach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/segment.h"
#include "shm/memory/signing.h"

#define FOUR  "us-west-2,us-east-1,us-east-2@arn:aws:iam::210987654321:role/x,eu-west-1"
#define MODEL 77u
#define T0    1000000u

enum { HOME = 1, EAST = 2, FAR = 4 };

static struct segment segment;
static struct config config;
static struct worker worker;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&segment, 1, 64, &err), STATUS_OK);
    memset(&config, 0, sizeof config);
    config.bedrock_api_key = "";
    assert_int_equal(config_lanes_read(STR(FOUR), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&segment, &config.lanes, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct signing_keys keys = {.access_key_id = "AKID", .lane = config.lanes.lane[i].id};
        signing_publish(&segment, i, &keys);
    }
    worker = (struct worker){.segment = &segment, .config = &config};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&segment);
    return 0;
}

static struct reach keep(uint8_t able, bool bound, uint8_t origin)
{
    struct exchange x = {.worker = &worker, .asked.model.id = STR("us.anthropic.claude-x")};
    struct reach r;
    x.attempt.lane =
        (struct attempt_lane){.able = able, .bound = bound, .origin = origin, .model = MODEL};
    reach_keep(&x, &r);
    return r;
}

static void test_keep_table(void **state)
{
    static const struct {
        const char *name;
        uint8_t able, origin;
        bool bound;
        uint8_t own;
    } rows[] = {
        {"any", HOME | EAST | FAR, 0, false, HOME | EAST | FAR},
        {"thoughts of home's account", HOME | EAST | FAR, 1, true, HOME | EAST},
        {"of the other", HOME | EAST | FAR, 2, true, FAR},
        {"a guardrail", HOME, 0, false, HOME},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reach r = keep(rows[i].able, rows[i].bound, rows[i].origin);
        if (r.own != rows[i].own || r.others != (HOME | EAST | FAR) || r.model != MODEL) {
            fail_msg("%s: %u of %u", rows[i].name, r.own, r.others);
        }
    }
    assert_int_equal(keep(0, false, 0).own, 0); /* its lanes were never looked for */
    config.lanes.n = 0;
    assert_int_equal(keep(HOME, false, 0).own, 0);
}

static void shut(unsigned lane)
{
    lanes_bad(&segment, lane_names_slot(&segment, config.lanes.lane[lane].id), MODEL,
              LANES_THROTTLED, 0, false, T0);
}

static void test_is_shut_where_others_can_go_alone(void **state)
{
    struct reach far = keep(HOME | EAST | FAR, true, 2), any = keep(HOME | EAST | FAR, false, 0);
    (void)state;
    assert_false(reach_is_shut(&worker, &far, T0 + 1));
    shut(2);
    assert_true(reach_is_shut(&worker, &far, T0 + 1));
    assert_false(reach_is_shut(&worker, &any, T0 + 1));
    assert_false(reach_is_shut(&worker, &far, T0 + 1500)); /* half open: it may try */
    shut(0);
    assert_true(reach_is_shut(&worker, &far, T0 + 1)); /* the east is open */
    shut(1);
    assert_false(reach_is_shut(&worker, &far, T0 + 1)); /* all are throttled: they wait together */
    assert_false(reach_is_shut(&worker, &any, T0 + 1));
}

static void test_is_shut_not_without_a_look_at_lanes(void **state)
{
    struct reach none = {0}, far = keep(HOME | EAST | FAR, true, 2);
    struct signing_keys gone;
    (void)state;
    memset(&gone, 0, sizeof gone);
    shut(2);
    assert_false(reach_is_shut(&worker, &none, T0 + 1));
    for (unsigned lane = 0; lane < 2; lane++) { /* nobody else has a lane to go on, either */
        signing_publish(&segment, lane, &gone);
    }
    signing_publish(&segment, 3, &gone);
    assert_false(reach_is_shut(&worker, &far, T0 + 1));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_keep_table),
        T(test_is_shut_where_others_can_go_alone),
        T(test_is_shut_not_without_a_look_at_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
