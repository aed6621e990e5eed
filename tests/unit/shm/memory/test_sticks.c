#include "shm/memory/sticks.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

#define T0 100000u /* s */

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

/* "3 warm", "3 cold", "none" */
static const char *at(uint64_t conversation, uint64_t now_s)
{
    static char text[16];
    unsigned lane;
    bool warm;
    if (!sticks_find(&seg, conversation, now_s, &lane, &warm)) {
        return "none";
    }
    snprintf(text, sizeof text, "%u %s", lane, warm ? "warm" : "cold");
    return text;
}

static uint64_t conversation(uint64_t i) /* well mixed, as digests are */
{
    return (i + 1) * 0x9e3779b97f4a7c15u ^ (i + 7) << 40;
}

static void test_kept_is_warm_for_minutes_and_known_for_an_hour(void **state)
{
    (void)state;
    assert_false(sticks_any(&seg, T0));
    assert_string_equal(at(conversation(1), T0), "none");
    sticks_keep(&seg, conversation(1), 3, T0);
    assert_true(sticks_any(&seg, T0));
    assert_string_equal(at(conversation(1), T0), "3 warm");
    assert_string_equal(at(conversation(1), T0 + 299), "3 warm");
    assert_string_equal(at(conversation(1), T0 + 300), "3 cold");
    assert_string_equal(at(conversation(1), T0 + 3599), "3 cold");
    assert_string_equal(at(conversation(1), T0 + 3600), "none");
    assert_string_equal(at(conversation(1), T0 + (1u << 23)), "none");
    assert_string_equal(at(conversation(2), T0), "none");
    assert_int_equal(sticks_count(&seg, T0), 1);
    assert_int_equal(sticks_count(&seg, T0 + 300), 0);
}

static void test_kept_again_is_one_word_with_a_new_lane_and_time(void **state)
{
    (void)state;
    sticks_keep(&seg, conversation(1), 3, T0);
    sticks_keep(&seg, conversation(1), 7, T0 + 200);
    assert_string_equal(at(conversation(1), T0 + 499), "7 warm");
    assert_int_equal(sticks_count(&seg, T0 + 200), 1);
}

static void test_full_table_forgets_the_oldest_and_stays_right(void **state)
{
    (void)state;
    uint64_t n = 4 * STICKS_WORDS, found = 0;
    for (uint64_t i = 0; i < n; i++) {
        sticks_keep(&seg, conversation(i), i % 8, T0 + i / 1000);
    }
    for (uint64_t i = 0; i < n; i++) {
        unsigned lane;
        bool warm;
        if (sticks_find(&seg, conversation(i), T0 + n / 1000, &lane, &warm)) {
            assert_int_equal(lane, i % 8);
            found++;
        }
    }
    assert_in_range(found, STICKS_WORDS / 2, STICKS_WORDS);
    assert_string_equal(at(conversation(n - 1), T0 + n / 1000), "7 warm");
}

/* The seconds of a word begin anew after 194 days: what was swept meanwhile is not there any more. */
static void test_far_clock_finds_nothing_of_a_turn_ago(void **state)
{
    (void)state;
    const uint64_t turn_s = (uint64_t)1 << 24;
    sticks_keep(&seg, conversation(1), 3, T0);
    sticks_sweep(&seg, T0 + 3599);
    assert_string_equal(at(conversation(1), T0 + 3599), "3 cold");
    sticks_sweep(&seg, T0 + 3600);
    assert_string_equal(at(conversation(1), T0 + turn_s), "none");
    sticks_keep(&seg, conversation(2), 4, turn_s - 100); /* and over the turn itself */
    sticks_sweep(&seg, turn_s + 10);
    assert_string_equal(at(conversation(2), turn_s + 10), "4 warm");
}

static void test_forget_takes_one_slot_and_no_other(void **state)
{
    (void)state;
    for (unsigned slot = 0; slot < 16; slot++) {
        sticks_keep(&seg, conversation(slot), slot, T0);
    }
    sticks_forget(&seg, 9);
    assert_int_equal(sticks_count(&seg, T0), 15);
    assert_string_equal(at(conversation(9), T0), "none");
    assert_string_equal(at(conversation(15), T0), "15 warm");
}

static void test_writer_killed_anywhere_leaves_a_table_that_works(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (uint64_t i = 0;; i++) {
                sticks_keep(&seg, conversation(i % 64), 5, T0 + i % 7);
            }
        }
        usleep(2000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    for (uint64_t i = 0; i < 64; i++) {
        const char *is = at(conversation(i), T0 + 7);
        assert_true(strcmp(is, "5 warm") == 0 || strcmp(is, "none") == 0);
        sticks_keep(&seg, conversation(i), 2, T0 + 8);
        assert_string_equal(at(conversation(i), T0 + 8), "2 warm");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_kept_is_warm_for_minutes_and_known_for_an_hour),
        TEST(test_kept_again_is_one_word_with_a_new_lane_and_time),
        TEST(test_full_table_forgets_the_oldest_and_stays_right),
        TEST(test_far_clock_finds_nothing_of_a_turn_ago),
        TEST(test_forget_takes_one_slot_and_no_other),
        TEST(test_writer_killed_anywhere_leaves_a_table_that_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
