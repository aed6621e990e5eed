#include "shm/memory/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "shm/memory/bucket.h"
#include "shm/memory/directory.h"
#include "shm/memory/segment.h"

static struct segment seg;
static struct slots *slots;

static int make(void **state)
{
    (void)state;
    struct err err;
    if (segment_create(&seg, 1, 64, &err) != STATUS_OK || !(slots = slots_new(&seg))) {
        return -1;
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    slots_drop(slots);
    segment_drop(&seg);
    return 0;
}

static void publish(void)
{
    directory_begin(&seg);
    directory_publish(&seg, 0);
}

/* Takes all; how many there were. */
static uint32_t exhaust(uint64_t now_ms)
{
    uint32_t n = 0;
    while (slots_take(slots, 1, now_ms) != SLOTS_NONE) {
        n++;
    }
    return n;
}

static void test_take_new_segment_gives_each_slot_once(void **state)
{
    (void)state;
    slots_learned(slots, 0);
    assert_int_equal(slots_take(slots, 7, 0), BUCKET_FIRST_KEY);
    assert_int_equal(slots_take(slots, 8, 0), BUCKET_FIRST_KEY + 1);
    assert_non_null(bucket_of(&seg, BUCKET_FIRST_KEY, 7));
    assert_non_null(bucket_of(&seg, BUCKET_FIRST_KEY + 1, 8));
    assert_int_equal(exhaust(0), bucket_slots(&seg) - BUCKET_FIRST_KEY - 2);
}

static void test_free_slot_rests_ten_minutes_and_two_generations(void **state)
{
    (void)state;
    slots_learned(slots, 0);
    publish();
    exhaust(0);
    slots_free(slots, 300, 1000);
    static const struct {
        const char *name;
        bool publish;
        uint64_t now_ms;
        uint32_t slot;
    } rows[] = {
        {"at once", false, 1000, SLOTS_NONE},
        {"time only", false, 1000 + SLOTS_REST_MS, SLOTS_NONE},
        {"one generation", true, 1000 + SLOTS_REST_MS, SLOTS_NONE},
        {"two generations, too early", true, 999 + SLOTS_REST_MS, SLOTS_NONE},
        {"both", false, 1000 + SLOTS_REST_MS, 300},
        {"taken", false, 1000 + SLOTS_REST_MS, SLOTS_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].publish) {
            publish();
        }
        if (slots_take(slots, 9, rows[i].now_ms) != rows[i].slot) {
            fail_msg("%s", rows[i].name);
        }
    }
    assert_non_null(bucket_of(&seg, 300, 9));
}

static void test_learn_keeps_known_keys_and_rests_the_others(void **state)
{
    (void)state;
    bucket_give(&seg, 300, 30);
    bucket_give(&seg, 301, 31);
    atomic_store(&seg.buckets[300].requests, 42);
    assert_true(slots_learn(slots, 300, 30));
    assert_false(slots_learn(slots, 300, 30));               /* twice */
    assert_false(slots_learn(slots, 302, 31));               /* another tag */
    assert_false(slots_learn(slots, BUCKET_MASTER, 0));      /* reserved */
    assert_false(slots_learn(slots, bucket_slots(&seg), 0)); /* beyond */
    slots_learned(slots, 5000);
    publish();
    publish();
    uint32_t all = bucket_slots(&seg) - BUCKET_FIRST_KEY;
    assert_int_equal(exhaust(5000), all - 2); /* 300 is used, 301 rests */
    assert_int_equal(atomic_load(&seg.buckets[300].requests), 42);
    assert_int_equal(slots_take(slots, 5, 5000 + SLOTS_REST_MS), 301);
}

static void test_free_and_take_for_long_never_gives_a_slot_twice(void **state)
{
    (void)state;
    slots_learned(slots, 0);
    static bool taken[100000];
    uint32_t held[50] = {0};
    for (uint32_t i = 0; i < 5000; i++) {
        uint64_t now = (uint64_t)i * 60000;
        uint32_t at = i % 50;
        publish();
        if (held[at]) {
            taken[held[at]] = false;
            slots_free(slots, held[at], now);
        }
        held[at] = slots_take(slots, i + 1, now);
        assert_true(held[at] >= BUCKET_FIRST_KEY);
        assert_false(taken[held[at]]);
        taken[held[at]] = true;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_new_segment_gives_each_slot_once, make, drop),
        cmocka_unit_test_setup_teardown(test_free_slot_rests_ten_minutes_and_two_generations, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_learn_keeps_known_keys_and_rests_the_others, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_free_and_take_for_long_never_gives_a_slot_twice, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
