#include "shm/refresher/budgets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "shm/memory/bucket.h"
#include "shm/journal/journal.h"
#include "shm/memory/segment.h"

#define JANUARY  1768478400000 /* 2026-01-15 */
#define DECEMBER 1765800000000

static struct segment seg;
static struct journal journal;
static struct keytable *table;
static struct budgets *budgets;
static uint8_t digest[32] = {1, 2, 3};

static int make(void **state)
{
    (void)state;
    struct err err;
    clock_tick();
    if (segment_create(&seg, 1, 64, &err) != STATUS_OK ||
        journal_open(&journal, "", 1, 64, &err) != STATUS_OK) {
        return -1;
    }
    seg.journal = &journal;
    journal_enter(&journal, 1);
    table = keytable_new(&seg, 0);
    budgets = budgets_new(&seg);
    struct directory_key key = {.flags = DIRECTORY_ACTIVE, .budget_micro = 1000};
    memcpy(key.digest, digest, 32);
    return table && budgets && keytable_add(table, &key, NULL, 0) ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    budgets_drop(budgets);
    keytable_drop(table);
    journal_drop(&journal);
    segment_drop(&seg);
    return 0;
}

static struct bucket *bucket(void)
{
    const struct directory_key *key = keytable_find(table, digest);
    return bucket_of(&seg, key->slot, key->tag);
}

/* As a load does: this much is stored for that month. */
static void load_reset(const char *month, int64_t micro, int64_t reset_ms)
{
    struct keystore_row row = {
        .budget_micro = 1000, .budget_used_micro = micro, .budget_reset_ms = reset_ms};
    snprintf(row.budget_month, sizeof row.budget_month, "%s", month);
    budgets_begin(budgets);
    assert_true(budgets_stage(budgets, digest, &row));
    budgets_publish(budgets, table);
}

static void load(const char *month, int64_t micro)
{
    load_reset(month, micro, 0);
}

/* A record that is CLOSED and not stored yet. */
static struct journal_record *record(int64_t at_ms, uint64_t cost)
{
    struct journal_record *r = journal_begin_record(&journal);
    memcpy(r->digest, digest, 32);
    r->who = JOURNAL_KEY;
    r->started_ms = at_ms;
    r->cost_micro = cost;
    journal_open_record(&journal, r);
    journal_close_record(&journal, r);
    return r;
}

static uint64_t spent(int64_t at_ms)
{
    return bucket_spent(bucket(), bucket_month(at_ms));
}

static void test_publish_after_restart_is_stored_plus_journal(void **state)
{
    (void)state;
    record(JANUARY, 30);
    record(JANUARY, 5);
    record(DECEMBER, 7); /* of a month that is over */
    load("2026-01", 100);
    assert_int_equal(spent(JANUARY), 135);
}

static void test_publish_never_lowers_what_workers_added(void **state)
{
    (void)state;
    load("2026-01", 100);
    bucket_spend(bucket(), bucket_month(JANUARY), 50); /* its record is OPEN still */
    load("2026-01", 100);
    assert_int_equal(spent(JANUARY), 150);
    struct journal_record *r = record(JANUARY, 50);
    load("2026-01", 100);
    assert_int_equal(spent(JANUARY), 150);
    struct journal_entry e = {.at = r};
    memcpy(&e.copy, r, sizeof e.copy);
    journal_release(&e); /* the store has it */
    load("2026-01", 150);
    assert_int_equal(spent(JANUARY), 150);
    load("2026-01", 190); /* another gateway's request */
    assert_int_equal(spent(JANUARY), 190);
}

static void test_publish_reset_in_the_store_is_taken_off(void **state)
{
    (void)state;
    load("2026-01", 100);
    bucket_spend(bucket(), bucket_month(JANUARY), 50);
    load("2026-01", 0);
    assert_int_equal(spent(JANUARY), 50);
}

/* Between two readings a key spends, which is stored or about to be, and its month is set back. */
static void test_publish_reset_forgives_what_no_reading_saw(void **state)
{
    (void)state;
    load("2026-01", 100);
    bucket_spend(bucket(), bucket_month(JANUARY), 500); /* stored by now */
    bucket_spend(bucket(), bucket_month(JANUARY), 60);
    record(JANUARY, 60);
    bucket_spend(bucket(), bucket_month(JANUARY), 7);
    record(JANUARY + 1000, 7);
    load_reset("2026-01", 0, JANUARY + 500);
    assert_int_equal(spent(JANUARY), 7);
    bucket_spend(bucket(), bucket_month(JANUARY), 5); /* it is forgiven once */
    load_reset("2026-01", 7, JANUARY + 500);
    assert_int_equal(spent(JANUARY), 14);     /* the record is there still, stored or not */
    load_reset("2025-12", 0, JANUARY + 2000); /* the store has nothing of this month yet */
    assert_int_equal(spent(JANUARY), 0);
}

static void test_publish_record_of_a_newer_month_begins_it(void **state)
{
    (void)state;
    record(JANUARY, 30);
    load("2025-12", 900);
    assert_int_equal(spent(JANUARY), 30);
    assert_int_equal(spent(DECEMBER), 900);
}

/* The clock was a month ahead for a while, or is a month back now: both months are known. */
static void test_publish_carries_each_month_that_is_known(void **state)
{
    (void)state;
    record(DECEMBER, 400);
    load("2026-01", 90);
    assert_int_equal(spent(JANUARY), 90);
    assert_int_equal(spent(DECEMBER), 400);
    record(JANUARY - 400 * 86400000ll, 7000); /* long over: no month of today's */
    load("2026-01", 90);
    assert_int_equal(spent(JANUARY), 90);
    assert_int_equal(spent(DECEMBER), 400);
}

static void test_publish_nonsense_months_count_as_never_used(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "2026", "2026-13", "26-01", "2026-1", "xxxx-yy"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        load(rows[i], 100);
        if (spent(JANUARY) != 0) {
            fail_msg("'%s'", rows[i]);
        }
    }
}

static void test_stage_keys_without_budget_are_passed_over(void **state)
{
    (void)state;
    struct keystore_row row = {.budget_used_micro = 100, .budget_month = "2026-01"};
    budgets_begin(budgets);
    for (int i = 0; i < 1000; i++) {
        assert_true(budgets_stage(budgets, digest, &row));
    }
    budgets_publish(budgets, table);
    assert_int_equal(spent(JANUARY), 0);
    row.budget_micro = 1;
    for (uint8_t i = 0; i < 200; i++) { /* keys that the table has no place for */
        uint8_t other[32] = {9, i};
        assert_true(budgets_stage(budgets, other, &row));
    }
    budgets_publish(budgets, table);
}

/* A worker may be on the cell of the key's predecessor: that one's spending stays its own. */
static void test_publish_slot_of_another_key_is_left_alone(void **state)
{
    (void)state;
    struct bucket *b = bucket();
    uint32_t tag = atomic_load(&b->tag);
    atomic_store(&b->tag, tag + 1);
    load("2026-01", 100);
    assert_int_equal(bucket_spent(b, bucket_month(JANUARY)), 0);
    atomic_store(&b->tag, tag);
    load("2026-01", 100);
    assert_int_equal(spent(JANUARY), 100);
}

static void test_new_without_memory_is_null(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        heap_fail_after(nth);
        struct budgets *b = budgets_new(&seg);
        heap_fail_after(0);
        if (b) {
            budgets_drop(b);
            fail_msg("allocation %lu", nth);
        }
    }
}

static void test_stage_without_memory_is_refused_and_the_rest_stays(void **state)
{
    (void)state;
    struct keystore_row row = {
        .budget_micro = 1000, .budget_used_micro = 100, .budget_month = "2026-01"};
    budgets_begin(budgets);
    assert_true(budgets_stage(budgets, digest, &row));
    for (uint8_t i = 0; i < 63; i++) {
        assert_true(budgets_stage(budgets, (uint8_t[32]){9, i}, &row));
    }
    heap_fail_after(1);
    assert_false(budgets_stage(budgets, (uint8_t[32]){8}, &row));
    heap_fail_after(0);
    budgets_publish(budgets, table);
    assert_int_equal(spent(JANUARY), 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_publish_after_restart_is_stored_plus_journal),
        T(test_publish_never_lowers_what_workers_added),
        T(test_publish_reset_in_the_store_is_taken_off),
        T(test_publish_reset_forgives_what_no_reading_saw),
        T(test_publish_record_of_a_newer_month_begins_it),
        T(test_publish_carries_each_month_that_is_known),
        T(test_publish_nonsense_months_count_as_never_used),
        T(test_stage_keys_without_budget_are_passed_over),
        T(test_publish_slot_of_another_key_is_left_alone),
        T(test_new_without_memory_is_null),
        T(test_stage_without_memory_is_refused_and_the_rest_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
