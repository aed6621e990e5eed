#include "shm/memory/bucket.h"
#include "shm/memory/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"

#define MINUTE    60000000000ull
#define START     1000000000000ull
#define PROCESSES 4
#define RUNS      20

static void test_take_new_word_admits_exactly_the_limit(void **state)
{
    (void)state;
    static const struct {
        uint32_t limit;
        uint64_t window_ns;
    } rows[] = {{1, MINUTE},       {7, MINUTE},  {100, MINUTE},
                {999, 1000000000}, {1000, 7777}, {13, 86400ull * 1000000000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        _Atomic uint64_t word = 0;
        uint32_t admitted = 0;
        for (uint32_t n = 0; n < 3 * rows[i].limit; n++) {
            admitted += bucket_take(&word, START, rows[i].limit, rows[i].window_ns).allowed;
        }
        if (admitted != rows[i].limit) {
            fail_msg("limit %u: %u admitted", rows[i].limit, admitted);
        }
    }
}

static void test_take_counts_down_remaining(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    for (uint32_t left = 10; left-- > 0;) {
        struct bucket_answer a = bucket_take(&word, START, 10, MINUTE);
        assert_true(a.allowed);
        assert_int_equal(a.limit, 10);
        assert_int_equal(a.remaining, left);
        assert_int_equal(a.full_ns, (10 - left) * (MINUTE / 10));
        assert_int_equal(a.retry_ns, 0);
    }
}

static void test_take_denied_says_when(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    for (int i = 0; i < 10; i++) {
        bucket_take(&word, START, 10, MINUTE);
    }
    struct bucket_answer a = bucket_take(&word, START + 1000, 10, MINUTE);
    assert_false(a.allowed);
    assert_int_equal(a.remaining, 0);
    assert_int_equal(a.retry_ns, MINUTE / 10 - 1000);
    assert_int_equal(a.full_ns, MINUTE - 1000);
    assert_false(bucket_take(&word, START + 1000 + a.retry_ns - 1, 10, MINUTE).allowed);
    assert_true(bucket_take(&word, START + 1000 + a.retry_ns, 10, MINUTE).allowed);
    assert_false(bucket_take(&word, START + 1000 + a.retry_ns, 10, MINUTE).allowed);
}

static void test_take_after_a_window_is_full_again(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    for (int i = 0; i < 10; i++) {
        bucket_take(&word, START, 10, MINUTE);
    }
    assert_int_equal(bucket_take(&word, START + MINUTE, 10, MINUTE).remaining, 9);
    assert_int_equal(bucket_take(&word, START + 100 * MINUTE, 10, MINUTE).remaining, 9);
}

static void test_take_clock_far_back_starts_afresh(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    for (int i = 0; i < 10; i++) {
        bucket_take(&word, START, 10, MINUTE);
    }
    assert_false(bucket_take(&word, START - 1000, 10, MINUTE).allowed);
    assert_true(bucket_take(&word, START - 5 * MINUTE, 10, MINUTE).allowed);
    atomic_store(&word, UINT64_MAX); /* damaged */
    assert_true(bucket_take(&word, START, 10, MINUTE).allowed);
}

static void hammer(_Atomic uint64_t *word, _Atomic uint32_t *admitted)
{
    for (int i = 0; i < 1000 / PROCESSES; i++) {
        if (bucket_take(word, clock_now_ns(), 100, 3600 * 1000000000ull).allowed) {
            atomic_fetch_add(admitted, 1);
        }
    }
}

static void test_take_four_processes_admit_exactly_100_of_1000(void **state)
{
    (void)state;
    struct {
        _Atomic uint64_t word[RUNS];
        _Atomic uint32_t admitted[RUNS];
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    for (int run = 0; run < RUNS; run++) {
        for (int i = 0; i < PROCESSES; i++) {
            if (fork() == 0) {
                hammer(&shared->word[run], &shared->admitted[run]);
                _exit(0);
            }
        }
        for (int i = 0; i < PROCESSES; i++) {
            wait(NULL);
        }
        assert_int_equal(atomic_load(&shared->admitted[run]), 100);
    }
    munmap(shared, 4096);
}

static void test_give_new_tag_zeroes_and_hides_from_the_old_key(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    assert_int_equal(segment_create(&s, 1, 64, &err), STATUS_OK);
    uint32_t slot = BUCKET_FIRST_KEY + 3;
    assert_null(bucket_of(&s, slot, 11));
    bucket_give(&s, slot, 11);
    struct bucket *b = bucket_of(&s, slot, 11);
    assert_non_null(b);
    atomic_store(&b->requests, 5);
    bucket_spend(b, 24313, 5);
    bucket_give(&s, slot, 12);
    assert_null(bucket_of(&s, slot, 11));
    assert_ptr_equal(bucket_of(&s, slot, 12), b);
    assert_int_equal(atomic_load(&b->requests) + bucket_spent_month(b), 0);
    segment_drop(&s);
}

static void test_of_slot_out_of_range_is_null(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    assert_int_equal(segment_create(&s, 1, 64, &err), STATUS_OK);
    assert_non_null(bucket_of(&s, BUCKET_MASTER, 0));
    assert_null(bucket_of(&s, bucket_slots(&s), 0));
    assert_null(bucket_of(&s, UINT32_MAX, 0));
    segment_drop(&s);
}

#define MINUTE 60000000000ull

static void test_charge_debt_waits_and_is_paid_off(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    uint64_t now = 1000 * MINUTE;
    struct bucket_answer a = bucket_charge(&word, now, 1000, MINUTE, 0);
    assert_true(a.allowed);
    assert_int_equal(a.remaining, 1000);
    a = bucket_charge(&word, now, 1000, MINUTE, 400);
    assert_int_equal(a.remaining, 600);
    bucket_charge(&word, now, 1000, MINUTE, 1600); /* 2,000 used of 1,000 */
    a = bucket_charge(&word, now, 1000, MINUTE, 0);
    assert_false(a.allowed);
    assert_in_range(a.retry_ns, MINUTE, MINUTE + MINUTE / 500);
    assert_true(bucket_charge(&word, now + a.retry_ns, 1000, MINUTE, 0).allowed);
    assert_false(bucket_charge(&word, now + a.retry_ns - MINUTE / 500, 1000, MINUTE, 0).allowed);
    assert_int_equal(bucket_charge(&word, now + 2 * MINUTE, 1000, MINUTE, 0).remaining, 1000);
}

static void test_charge_huge_amounts_are_capped(void **state)
{
    (void)state;
    _Atomic uint64_t word = 0;
    for (int i = 0; i < 3; i++) {
        bucket_charge(&word, MINUTE, 1, MINUTE, UINT64_MAX);
    }
    struct bucket_answer a = bucket_charge(&word, MINUTE, 1, MINUTE, 0);
    assert_false(a.allowed);
    assert_in_range(a.retry_ns, 59 * MINUTE, 61 * MINUTE);
    word = 0;
    a = bucket_charge(&word, MINUTE, UINT32_MAX, MINUTE, 1000000);
    assert_in_range(a.remaining, UINT32_MAX - 1000001, UINT32_MAX - 999999);
}

static void test_spent_month_changes_once_and_keeps_sums(void **state)
{
    (void)state;
    struct bucket b = {0};
    uint32_t january = bucket_month(1768478400000); /* 2026-01-15 */
    assert_int_equal(january, 2026 * 12 + 1);
    assert_int_equal(bucket_month(1764547199999) + 1,
                     bucket_month(1764547200000)); /* November, December */
    assert_int_equal(bucket_spent(&b, january), 0);
    assert_int_equal(bucket_spent_month(&b), 0);
    bucket_spend(&b, january, 100);
    bucket_spend(&b, january, 11);
    assert_int_equal(bucket_spent(&b, january), 111);
    bucket_spend(&b, january + 1, 7);
    bucket_spend(&b, january, 1000); /* a request that began last month */
    assert_int_equal(bucket_spent(&b, january), 1111);
    assert_int_equal(bucket_spent(&b, january + 1), 7);
    bucket_raise(&b, january + 1, 5);
    assert_int_equal(bucket_spent(&b, january + 1), 7);
    bucket_raise(&b, january + 1, 9);
    bucket_lower(&b, january + 1, 4);
    assert_int_equal(bucket_spent(&b, january + 1), 5);
    bucket_lower(&b, january + 1, 400);
    assert_int_equal(bucket_spent(&b, january + 1), 0);
    bucket_spend(&b, january + 1, UINT64_MAX);
    bucket_spend(&b, january + 1, 1);
    assert_true(bucket_spent(&b, january + 1) > 280000000000000);
    assert_int_equal(bucket_spent_month(&b), january + 1);
}

/* The clock goes wrong by so many months, something is spent there, and it is set right again. */
static void test_spent_is_known_again_after_a_wrong_month(void **state)
{
    (void)state;
    static const int jumps[] = {1, 2, 12, 13, 24, -1, -2, -12, -13, -24, -600};
    for (uint32_t now = 2026 * 12 + 1; now <= 2026 * 12 + 12; now++) {
        for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
            struct bucket b = {0};
            bucket_spend(&b, now, 100);
            bucket_spend(&b, now + (uint32_t)jumps[i], 7);
            if (bucket_spent(&b, now) != 100) {
                fail_msg("month %u, jump %d: %u", (unsigned)now, jumps[i],
                         (unsigned)bucket_spent(&b, now));
            }
        }
    }
}

/* What is known of a later month holds for an earlier one: a clock that went back opens nothing. */
static void test_spent_of_an_earlier_month_is_at_least_that_of_a_later(void **state)
{
    (void)state;
    static const uint32_t back[] = {1, 2, 3, 4, 5, 11, 12, 13, 48, 24312};
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++) {
        struct bucket b = {0};
        uint32_t now = 2026 * 12 + 7, then = now - back[i];
        bucket_raise(&b, now, 100);
        if (bucket_spent(&b, then) != 100) {
            fail_msg("%u months back: %u", (unsigned)back[i], (unsigned)bucket_spent(&b, then));
        }
        bucket_spend(&b, then, 120); /* and what is spent meanwhile is not forgotten */
        if (bucket_spent(&b, then) < 120) {
            fail_msg("%u months back, spent: %u", (unsigned)back[i],
                     (unsigned)bucket_spent(&b, then));
        }
        assert_true(bucket_spent(&b, now) >= 100);
        assert_int_equal(bucket_spent(&b, now + 1), 0); /* a new month is a new month */
        assert_int_equal(bucket_spent_month(&b), now);
    }
}

static void test_spent_of_all_months_is_carried_over(void **state)
{
    (void)state;
    struct bucket from = {0}, to = {0};
    uint32_t month = 2026 * 12 + 2;
    bucket_spend(&from, month - 1, 40);
    bucket_spend(&from, month, 30);
    bucket_spend(&to, month, 50);
    bucket_raise_all(&to, &from);
    assert_int_equal(bucket_spent(&to, month), 50);
    assert_int_equal(bucket_spent(&to, month - 1), 50); /* of the later month */
    bucket_lower(&to, month, 50);
    assert_int_equal(bucket_spent(&to, month - 1), 40);
}

/* Four processes cross the end of a month: what they spent in the new one is all there. */
static void test_spent_roll_over_by_four_processes_loses_nothing(void **state)
{
    (void)state;
    struct bucket *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bucket_spend(b, 100, 12345);
    for (int p = 0; p < 4; p++) {
        if (fork() == 0) {
            for (int i = 0; i < 10000; i++) {
                bucket_spend(b, 101, 3);
            }
            _exit(0);
        }
    }
    for (int p = 0; p < 4; p++) {
        wait(NULL);
    }
    assert_int_equal(bucket_spent(b, 101), 120000);
    munmap(b, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_new_word_admits_exactly_the_limit),
        cmocka_unit_test(test_take_counts_down_remaining),
        cmocka_unit_test(test_take_denied_says_when),
        cmocka_unit_test(test_take_after_a_window_is_full_again),
        cmocka_unit_test(test_take_clock_far_back_starts_afresh),
        cmocka_unit_test(test_take_four_processes_admit_exactly_100_of_1000),
        cmocka_unit_test(test_give_new_tag_zeroes_and_hides_from_the_old_key),
        cmocka_unit_test(test_of_slot_out_of_range_is_null),
        cmocka_unit_test(test_charge_debt_waits_and_is_paid_off),
        cmocka_unit_test(test_charge_huge_amounts_are_capped),
        cmocka_unit_test(test_spent_month_changes_once_and_keeps_sums),
        cmocka_unit_test(test_spent_is_known_again_after_a_wrong_month),
        cmocka_unit_test(test_spent_of_an_earlier_month_is_at_least_that_of_a_later),
        cmocka_unit_test(test_spent_of_all_months_is_carried_over),
        cmocka_unit_test(test_spent_roll_over_by_four_processes_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
