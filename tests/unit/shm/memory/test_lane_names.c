#include "shm/memory/lane_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "shm/memory/segment.h"
#include "shm/memory/signing.h"
#include "shm/memory/sticks.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* list is static: lanes point into it. */
static struct config_lanes lanes(const char *list)
{
    struct config_lanes l;
    struct err err;
    assert_int_equal(config_lanes_read(text_from(list), &l, &err), STATUS_OK);
    return l;
}

static unsigned slot(const struct config_lanes *l, unsigned lane)
{
    return lane_names_slot(&seg, l->lane[lane].id);
}

static void test_slot_goes_with_the_name_and_not_with_the_place(void **state)
{
    (void)state;
    struct config_lanes a = lanes("us-west-2,us-east-1,eu-west-1"),
                        b = lanes("eu-west-1,us-west-2,us-east-1=http://127.0.0.1:1"), alone;
    assert_int_equal(slot(&a, 0), LANES_SLOTS);
    lane_names_enter(&seg, &a, NULL);
    lane_names_enter(&seg, &b, &a);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(slot(&a, i), i);
    }
    assert_int_equal(slot(&b, 0), 2);
    assert_int_equal(slot(&b, 1), 0);
    assert_int_equal(slot(&b, 2), 3); /* another address is another lane */
    config_lanes_alone(STR("us-west-2"), &alone);
    lane_names_enter(&seg, &alone, &b);
    assert_int_equal(slot(&alone, 0), 0); /* with BEDROCK_LANES or without */
    assert_int_equal(lane_names_slot(&seg, 0), 0);
}

/* Each reload brings eight others. Those in force and those before have a slot; of the rest nothing is
 * known any more, so that nobody inherits it. */
static void test_slots_are_taken_from_lists_of_long_ago(void **state)
{
    (void)state;
    static char list[12][200];
    struct config_lanes before = lanes(""), now;
    uint64_t model = lanes_model(&seg, STR("m"));
    for (unsigned r = 0; r < 12; r++) {
        size_t n = 0;
        for (unsigned i = 0; i < 8; i++) {
            n += (size_t)snprintf(list[r] + n, sizeof list[r] - n, "r-%u-%u,", r, i);
        }
        now = lanes(list[r]);
        lane_names_enter(&seg, &now, r ? &before : NULL);
        for (unsigned i = 0; i < 8; i++) {
            enum lanes_why why;
            unsigned at = slot(&now, i);
            assert_in_range(at, 0, LANES_SLOTS - 1);
            assert_true(r == 0 || slot(&before, i) < LANES_SLOTS);
            assert_int_equal(lanes_closed_models(&seg, at, 1000, &why), 0);
            assert_int_equal(lanes_sum(&seg, at, LANES_SENT), 0);
            assert_int_equal(signing_usable_slots(&seg) >> at & 1, 0);
            struct signing_keys keys = {.lane = now.lane[i].id, .access_key_id = "A"};
            signing_publish(&seg, at, &keys);
            lanes_bad(&seg, at, model, LANES_DENIED, 0, false, 1000);
            lanes_add(&seg, at, LANES_SENT, 1);
            sticks_keep(&seg, (uint64_t)(r * 8 + i + 1) << 40 | i << 4, at, 10);
        }
        assert_int_equal(sticks_count(&seg, 10), r ? 16 : 8);
        before = now;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_slot_goes_with_the_name_and_not_with_the_place),
        TEST(test_slots_are_taken_from_lists_of_long_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
