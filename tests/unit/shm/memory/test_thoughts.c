#include "shm/memory/thoughts.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

#define T0   100000u /* s */
#define MINE 123456789012u

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

static uint64_t mark(uint64_t i)
{
    char text[17];
    text_hex((const uint8_t *)&i, sizeof i, text);
    return thoughts_mark(&seg, (struct str){text, 16});
}

/* UINT64_MAX: nobody's. */
static uint64_t of(uint64_t m)
{
    uint64_t account;
    return thoughts_find(&seg, m, &account) ? account : UINT64_MAX;
}

static void test_kept_thought_tells_its_account(void **state)
{
    (void)state;
    assert_false(thoughts_any(&seg));
    assert_int_equal(of(mark(1)), UINT64_MAX);
    thoughts_keep(&seg, mark(1), MINE, T0);
    thoughts_keep(&seg, mark(2), 0, T0); /* the gateway's own, where home is a role's */
    assert_true(thoughts_any(&seg));
    assert_int_equal(of(mark(1)), MINE);
    assert_int_equal(of(mark(2)), 0);
    assert_int_equal(of(mark(3)), UINT64_MAX);
    thoughts_keep(&seg, mark(1), MINE, T0 + (1u << 30)); /* for ever, whatever the clock says */
    assert_int_equal(of(mark(1)), MINE);
}

/* As JSON has it and as its clients write it. */
static void test_mark_is_of_the_seal_however_it_is_escaped(void **state)
{
    (void)state;
    static const char *const same[] = {
        "abc/DEF+12==", "abc\\/DEF+12==", "abc/DEF\\u002b12\\u003d\\u003d"};
    static const char *const other[] = {"abc/DEF+13==", "abc/DEF+1", "bc/DEF+12==", "",
                                        "abd/DEF+12=="};
    uint64_t m = thoughts_mark(&seg, text_from(same[0]));
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        assert_int_equal(thoughts_mark(&seg, text_from(same[i])), m);
    }
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        assert_int_not_equal(thoughts_mark(&seg, text_from(other[i])), m);
    }
    seg.thoughts->salt++; /* nobody outside can make two meet */
    assert_int_not_equal(thoughts_mark(&seg, text_from(same[0])), m);
    assert_int_not_equal(thoughts_mark(&seg, STR("\\")), 0);
}

static void test_full_table_forgets_the_oldest_and_never_names_another(void **state)
{
    (void)state;
    uint64_t n = 4 * THOUGHTS_WORDS, found = 0;
    thoughts_keep(&seg, mark(0), MINE, T0);
    for (uint64_t i = 1; i < n; i++) {
        thoughts_keep(&seg, mark(i), i % 40, T0 + i / 4);
        if (i % 64 == 0) { /* it is used */
            thoughts_keep(&seg, mark(0), MINE, T0 + i / 4);
        }
    }
    for (uint64_t i = 1; i < n; i++) {
        uint64_t account = of(mark(i));
        assert_true(account == UINT64_MAX || account == i % 40);
        found += account != UINT64_MAX;
    }
    assert_in_range(found, THOUGHTS_WORDS / 2, THOUGHTS_WORDS);
    assert_int_equal(of(mark(n - 1)), (n - 1) % 40);
    assert_int_equal(of(mark(0)), MINE);
}

static void test_more_accounts_than_there_is_room_for_are_not_kept(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < THOUGHTS_ACCOUNTS + 5; i++) {
        thoughts_keep(&seg, mark(i), MINE + i, T0);
        assert_int_equal(of(mark(i)), i < THOUGHTS_ACCOUNTS ? MINE + i : UINT64_MAX);
    }
}

/* Several at once, killed at any instruction: whatever is there is right. */
static void test_writers_killed_anywhere_leave_no_wrong_account(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        pid_t pid[3];
        for (size_t k = 0; k < COUNT_OF(pid); k++) {
            pid[k] = fork();
            if (pid[k] == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (uint64_t i = k;; i++) {
                    thoughts_keep(&seg, mark(i % 997), MINE + i % 997 % 50, T0 + i % 99);
                }
            }
        }
        usleep(3000);
        for (size_t k = 0; k < COUNT_OF(pid); k++) {
            kill(pid[k], SIGKILL);
            waitpid(pid[k], NULL, 0);
        }
    }
    for (uint64_t i = 0; i < 997; i++) {
        uint64_t account = of(mark(i));
        assert_true(account == UINT64_MAX || account == MINE + i % 50);
        thoughts_keep(&seg, mark(i), MINE + i % 50, T0);
        assert_int_equal(of(mark(i)), MINE + i % 50);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_kept_thought_tells_its_account),
        TEST(test_mark_is_of_the_seal_however_it_is_escaped),
        TEST(test_full_table_forgets_the_oldest_and_never_names_another),
        TEST(test_more_accounts_than_there_is_room_for_are_not_kept),
        TEST(test_writers_killed_anywhere_leave_no_wrong_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
