#include "shm/memory/learned.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

#define TTL     600
#define NO_NAME STR("")
#define NONE    ((struct learned_key){0, 0})

static struct segment seg;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&seg, 2, 64, &err), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void test_kept_is_found_until_its_time_is_over(void **state)
{
    static const struct {
        uint64_t now;
        bool any, found;
    } rows[] = {{1000, true, true}, {1599, true, true}, {1600, false, false}, {9999, false, false}};
    (void)state;
    struct learned_key key = learned_key(&seg, NONE, STR("model-a"));
    uint32_t value = 7;
    assert_false(learned_any(&seg, 1000));
    assert_false(learned_look(&seg, key, LEARNED_MAX_TOKENS, NO_NAME, 1000, &value));
    learned_keep(&seg, key, LEARNED_MAX_TOKENS, NO_NAME, LEARNED_VALUE_MAX, 1000, TTL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        value = 7;
        bool found = learned_look(&seg, key, LEARNED_MAX_TOKENS, NO_NAME, rows[i].now, &value);
        if (learned_any(&seg, rows[i].now) != rows[i].any || found != rows[i].found ||
            value != (found ? LEARNED_VALUE_MAX : 7) ||
            learned_count(&seg, rows[i].now) != (found ? 1 : 0)) {
            fail_msg("at %llu", (unsigned long long)rows[i].now);
        }
    }
}

static void test_found_is_only_what_was_kept(void **state)
{
    (void)state;
    uint32_t value;
    struct learned_key a = learned_key(&seg, NONE, STR("model-a")),
                       b = learned_key(&seg, NONE, STR("model-b"));
    learned_keep(&seg, a, LEARNED_BETA, STR("x-2026"), 0, 50, TTL);
    assert_true(learned_look(&seg, a, LEARNED_BETA, STR("x-2026"), 60, &value));
    assert_false(learned_look(&seg, a, LEARNED_BETA, STR("y-2026"), 60, &value));
    assert_false(learned_look(&seg, a, LEARNED_BETA, NO_NAME, 60, &value));
    assert_false(learned_look(&seg, b, LEARNED_BETA, STR("x-2026"), 60, &value));
    for (unsigned what = 1; what < LEARNED_COUNT; what++) {
        assert_false(learned_look(&seg, a, what, NO_NAME, 60, &value));
    }
}

/* Where a refusal comes again its word is renewed, and there are not two. */
static void test_kept_again_is_one_word(void **state)
{
    (void)state;
    uint32_t value;
    struct learned_key key = learned_key(&seg, NONE, STR("m"));
    for (uint64_t now = 0; now < 1000; now += 100) {
        learned_keep(&seg, key, LEARNED_EFFORT, NO_NAME, (uint32_t)now, now, TTL);
        assert_int_equal(learned_count(&seg, now), 1);
        assert_true(learned_look(&seg, key, LEARNED_EFFORT, NO_NAME, now, &value));
        assert_int_equal(value, now);
    }
}

/* 20 bits of seconds turn every 12 days; the time to live is far less. */
static void test_the_turn_of_the_seconds_is_no_border(void **state)
{
    (void)state;
    uint32_t value;
    struct learned_key key = learned_key(&seg, NONE, STR("m"));
    uint64_t now = ((uint64_t)5 << 20) - 10;
    learned_keep(&seg, key, LEARNED_STOPS, NO_NAME, 0, now, TTL);
    assert_true(learned_look(&seg, key, LEARNED_STOPS, NO_NAME, now + 599, &value));
    assert_false(learned_look(&seg, key, LEARNED_STOPS, NO_NAME, now + 600, &value));
    assert_false(learned_look(&seg, key, LEARNED_STOPS, NO_NAME, now + 700000, &value));
    learned_keep(&seg, key, LEARNED_CACHE, NO_NAME, 0, now, UINT32_MAX);
    assert_true(learned_look(&seg, key, LEARNED_CACHE, NO_NAME, now + 86399, &value));
    assert_false(learned_look(&seg, key, LEARNED_CACHE, NO_NAME, now + 86400, &value));
}

static void test_no_time_to_live_keeps_nothing(void **state)
{
    (void)state;
    learned_keep(&seg, learned_key(&seg, NONE, STR("m")), LEARNED_STOPS, NO_NAME, 0, 5, 0);
    assert_false(learned_any(&seg, 5));
    assert_int_equal(learned_count(&seg, 5), 0);
}

/* More than there is room for: what comes last is found, nothing foreign ever. */
static void test_a_full_table_forgets_what_ends_first(void **state)
{
    (void)state;
    uint32_t value;
    char name[32];
    for (unsigned i = 0; i < 4 * LEARNED_WORDS; i++) {
        snprintf(name, sizeof name, "model-%u", i);
        struct learned_key key = learned_key(&seg, NONE, text_from(name));
        learned_keep(&seg, key, LEARNED_FIELD, STR("f"), i, i / 64, TTL);
        assert_true(learned_look(&seg, key, LEARNED_FIELD, STR("f"), i / 64, &value));
        assert_int_equal(value, i);
    }
    assert_true(learned_count(&seg, 64) <= LEARNED_WORDS);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "other-%u", i);
        assert_false(learned_look(&seg, learned_key(&seg, NONE, text_from(name)), LEARNED_FIELD,
                                  STR("f"), 64, &value));
    }
}

/* Another segment has another salt: what meets in one does not meet in the next. */
static void test_keys_of_two_segments_differ(void **state)
{
    struct segment other;
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&other, 2, 64, &err), STATUS_OK);
    struct learned_key a = learned_key(&seg, NONE, STR("m")),
                       b = learned_key(&other, NONE, STR("m"));
    assert_true(a.a != b.a && a.b != b.b);
    segment_drop(&other);
}

/* Killed at any moment, writers leave words that are whole: what is found is what was kept. */
static void test_killed_writers_leave_whole_words(void **state)
{
    (void)state;
    struct learned_key key[16];
    uint32_t value;
    for (unsigned i = 0; i < 16; i++) {
        char name[8];
        snprintf(name, sizeof name, "k%u", i);
        key[i] = learned_key(&seg, NONE, text_from(name));
    }
    for (int round = 0; round < 20; round++) {
        pid_t writer[2];
        for (int p = 0; p < 2; p++) {
            writer[p] = fork();
            if (writer[p] == 0) {
                for (unsigned n = 0;; n++) {
                    learned_keep(&seg, key[n % 16], LEARNED_MAX_TOKENS, NO_NAME, n % 16 * 1000,
                                 n % 50, TTL);
                }
            }
        }
        for (int n = 0; n < 2000; n++) {
            if (learned_look(&seg, key[n % 16], LEARNED_MAX_TOKENS, NO_NAME, 40, &value)) {
                assert_int_equal(value, n % 16 * 1000);
            }
        }
        for (int p = 0; p < 2; p++) {
            kill(writer[p], SIGKILL);
            assert_int_equal(waitpid(writer[p], NULL, 0), writer[p]);
        }
    }
    assert_true(learned_any(&seg, 40));
}

static void test_words_are_unique_and_safe_in_a_header(void **state)
{
    (void)state;
    assert_string_equal(learned_word(LEARNED_NOTHING), "");
    for (unsigned i = 1; i < LEARNED_COUNT; i++) {
        const char *word = learned_word(i);
        assert_true(strlen(word) > 0 &&
                    strspn(word, "abcdefghijklmnopqrstuvwxyz_.") == strlen(word));
        for (unsigned k = 1; k < i; k++) {
            assert_string_not_equal(word, learned_word(k));
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_kept_is_found_until_its_time_is_over),
        CASE(test_found_is_only_what_was_kept),
        CASE(test_kept_again_is_one_word),
        CASE(test_the_turn_of_the_seconds_is_no_border),
        CASE(test_no_time_to_live_keeps_nothing),
        CASE(test_a_full_table_forgets_what_ends_first),
        CASE(test_keys_of_two_segments_differ),
        CASE(test_killed_writers_leave_whole_words),
        CASE(test_words_are_unique_and_safe_in_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
