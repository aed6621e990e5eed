#include "shm/memory/holds.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/bucket.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/segment.h"

#define SLOT 300u

static struct segment seg;
static const struct holds one = {.count = 1};

static int make(void **state)
{
    (void)state;
    struct err err;
    if (segment_create(&seg, 4, 100, &err) != STATUS_OK) {
        return -1;
    }
    for (uint32_t w = 1; w <= 4; w++) {
        scoreboard_state(&seg, w, SCOREBOARD_READY);
        holds_enter(&seg, w);
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void test_take_counts_over_all_workers(void **state)
{
    (void)state;
    assert_true(holds_take(&seg, 1, SLOT, one, 3));
    assert_true(holds_take(&seg, 2, SLOT, one, 3));
    assert_true(holds_take(&seg, 2, SLOT, one, 3));
    assert_false(holds_take(&seg, 3, SLOT, one, 3));
    assert_true(holds_take(&seg, 3, SLOT + 1, one, 3)); /* another key */
    assert_int_equal(holds_sum(&seg, SLOT).count, 3);
    holds_give(&seg, 1, SLOT, one);
    assert_true(holds_take(&seg, 3, SLOT, one, 3));
}

static void test_take_money_is_summed_and_given_back(void **state)
{
    (void)state;
    struct holds a = {.micro = 700}, b = {.count = 1, .micro = 5};
    assert_true(holds_take(&seg, 1, SLOT, a, 0));
    assert_true(holds_take(&seg, 4, SLOT, b, 0));
    assert_int_equal(holds_sum(&seg, SLOT).micro, 705);
    holds_give(&seg, 1, SLOT, a);
    assert_int_equal(holds_sum(&seg, SLOT).micro, 5);
    assert_int_equal(holds_sum(&seg, SLOT).count, 1);
    struct holds whole = {.micro = HOLDS_MICRO_MAX};
    assert_false(holds_take(&seg, 4, SLOT, whole, 0)); /* would run into the count */
}

static void test_sum_dead_worker_holds_nothing(void **state)
{
    (void)state;
    assert_true(holds_take(&seg, 2, SLOT, one, 1));
    assert_false(holds_take(&seg, 1, SLOT, one, 1));
    scoreboard_state(&seg, 2, SCOREBOARD_FREE); /* the master has reaped it */
    assert_true(holds_take(&seg, 1, SLOT, one, 1));
    scoreboard_state(&seg, 2, SCOREBOARD_STARTING);
    holds_enter(&seg, 2);
    scoreboard_state(&seg, 2, SCOREBOARD_READY);
    assert_int_equal(holds_sum(&seg, SLOT).count, 1);
}

/* With one held the sum runs over to room that is not there, so every try begins again: it ends. */
static void test_take_absurd_count_gives_up_and_holds_nothing(void **state)
{
    (void)state;
    struct holds absurd = {.count = UINT64_MAX};
    assert_true(holds_take(&seg, 2, SLOT, one, 3));
    assert_false(holds_take(&seg, 1, SLOT, absurd, 3));
    assert_int_equal(holds_sum(&seg, SLOT).count, 1);
    assert_true(holds_take(&seg, 1, SLOT, one, 3));
}

/* Four processes fight for two places: never more than two at once, and somebody always gets one.
 */
static void test_take_four_processes_never_exceed_and_never_starve(void **state)
{
    (void)state;
    struct shared {
        _Atomic int inside, most, entered;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[4];
    for (uint32_t w = 1; w <= 4; w++) {
        if ((pids[w - 1] = fork()) == 0) {
            for (int i = 0; i < 20000; i++) {
                if (!holds_take(&seg, w, SLOT, one, 2)) {
                    continue;
                }
                int now = atomic_fetch_add(&shared->inside, 1) + 1,
                    most = atomic_load(&shared->most);
                while (now > most && !atomic_compare_exchange_weak(&shared->most, &most, now)) {
                }
                atomic_fetch_add(&shared->entered, 1);
                atomic_fetch_sub(&shared->inside, 1);
                holds_give(&seg, w, SLOT, one);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_in_range(atomic_load(&shared->most), 1, 2);
    assert_true(atomic_load(&shared->entered) > 20000);
    assert_int_equal(holds_sum(&seg, SLOT).count, 0);
    munmap(shared, 4096);
}

/* Processes are killed while they take and give; what is left is only what the living hold. */
static void test_take_killed_at_random_leaves_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) {
                if (holds_take(&seg, 1, SLOT, one, 5)) {
                    holds_give(&seg, 1, SLOT, one);
                }
            }
        }
        usleep((useconds_t)(200 + round * 37 % 700));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        scoreboard_state(&seg, 1, SCOREBOARD_FREE);
        assert_int_equal(holds_sum(&seg, SLOT).count, 0);
        holds_enter(&seg, 1);
        scoreboard_state(&seg, 1, SCOREBOARD_READY);
        assert_int_equal(holds_sum(&seg, SLOT).count, 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_take_counts_over_all_workers),
        T(test_take_money_is_summed_and_given_back),
        T(test_sum_dead_worker_holds_nothing),
        T(test_take_absurd_count_gives_up_and_holds_nothing),
        T(test_take_four_processes_never_exceed_and_never_starve),
        T(test_take_killed_at_random_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
