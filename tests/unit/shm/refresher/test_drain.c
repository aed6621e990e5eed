#include "shm/refresher/drain.h"

#include "tests/unit/drain_stage.h"

/* A store that takes a few rows a call gets them so, and all of them at the end. */
static void test_batch_is_no_larger_than_the_store_takes(void **state)
{
    (void)state;
    fake_ops.usage_batch = 16;
    for (uint64_t i = 1; i <= 300; i++) {
        write_record(&writer, i, true);
    }
    tick();
    assert_true(fake.count <= 16 * fake.calls && fake.count < 300);
    assert_true(drain_behind(drain));
    drain_last(drain, 0);
    fake_ops.usage_batch = 0;
    assert_int_equal(fake.count, 300);
    assert_int_equal(waiting(), 0);
}

static void test_tick_stores_everything_in_order_once(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300; i++) {
        write_record(&writer, i, true);
    }
    assert_false(tick());
    assert_int_equal(fake.count, 300);
    assert_int_equal(waiting(), 0);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(fake.seen[i].sequence, i + 1);
    }
    tick();
    assert_int_equal(fake.count, 300);
    assert_int_equal(fake.seen[0].tokens.write_5m, 5);
    assert_int_equal(fake.seen[0].tokens.write_1h, 6);
    assert_int_equal(fake.seen[0].expires_s, 1768478400 + 7 * 86400);
    assert_string_equal(fake.seen[0].id, "master");
    assert_false(fake.seen[0].is_key);
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_ROWS), 300);
}

static void test_tick_more_than_one_tick_may_store_leaves_it_behind(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2049; i++) {
        write_record(&writer, i, true);
    }
    tick();
    assert_true(drain_behind(drain));
    assert_int_equal(waiting(), 1);
    tick();
    assert_false(drain_behind(drain));
    assert_int_equal(waiting(), 0);
}

/* Few at a time, so that no request waits long for the CPU; all at once where that does not keep up. */
static void test_tick_calm_is_small_until_it_falls_behind(void **state)
{
    (void)state;
    tick(); /* the sweep of this second */
    assert_int_equal(drain_pause_ms(drain), 200);
    for (uint64_t i = 0; i < 100; i++) {
        write_record(&writer, i, true);
    }
    drain_tick(drain, true);
    assert_int_equal(fake.count, 64);
    assert_int_equal(drain_pause_ms(drain), 1);
    drain_tick(drain, true);
    assert_int_equal(fake.count, 100);
    assert_int_equal(drain_pause_ms(drain), 10);
    drain_tick(drain, true);
    assert_int_equal(drain_pause_ms(drain), 200);

    for (uint64_t i = 0; i < 300; i++) {
        write_record(&writer, 100 + i, true);
    }
    drain_tick(drain, true);
    assert_int_equal(fake.count, 164);
    usleep(510000);
    clock_tick();
    assert_int_equal(drain_pause_ms(drain), 0);
    drain_tick(drain, true);
    assert_int_equal(fake.count, 400);
    assert_int_equal(waiting(), 0);
}

/* Each batch is a sync of the disk: where few rows come they are awaited, as long as nobody minds. */
static void test_tick_pause_is_as_long_as_half_a_small_batch_takes_to_come(void **state)
{
    (void)state;
    static const struct {
        uint32_t rows, pause_ms;
    } steps[] = {{0, 200}, {1, 100}, {64, 1},  {9, 10},  {20, 16}, {8, 64},
                 {5, 100}, {1, 100}, {50, 64}, {63, 32}, {0, 200}, {63, 100}};
    uint64_t number = 0;
    tick();
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        for (uint32_t n = 0; n < steps[i].rows; n++) {
            write_record(&writer, number++, true);
        }
        drain_tick(drain, true);
        if (drain_pause_ms(drain) != steps[i].pause_ms) {
            fail_msg("step %zu: %u ms", i, drain_pause_ms(drain));
        }
    }
}

static void test_tick_key_of_a_clear_row_goes_under_its_own_id(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-clear"};
    struct journal_record *r = journal_begin_record(&writer);
    r->who = JOURNAL_KEY;
    assert_true(keystore_digest(&row, r->digest));
    journal_open_record(&writer, r);
    journal_close_record(&writer, r);
    r = journal_begin_record(&writer);
    r->who = JOURNAL_KEY;
    memset(r->digest, 0xab, 32);
    memset(r->model, 'm', sizeof r->model); /* no NUL: a damaged file */
    r->tier = 200;
    journal_open_record(&writer, r);
    journal_close_record(&writer, r);
    tick();
    assert_string_equal(fake.seen[0].id, "sk-clear");
    assert_true(fake.seen[0].is_key);
    assert_memory_equal(fake.seen[1].id, "sha256:abab", 11);
    assert_int_equal(strlen(fake.seen[1].model), 96);
    assert_string_equal(fake.seen[1].service_tier, "default");
}

static void test_tick_failing_store_keeps_records_and_backs_off(void **state)
{
    (void)state;
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    tick();
    tick();
    assert_int_equal(fake.calls, 1); /* not again at once */
    assert_int_equal(waiting(), 1);
    fake.says = STATUS_OK;
    write_record(&writer, 2, true);
    usleep(510000);
    tick();
    assert_int_equal(waiting(), 0);
    assert_int_equal(fake.count, 2);
    assert_int_equal(fake.seen[0].tokens.input, 1); /* the old one first */
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_ERRORS), 1);
}

static void test_tick_poison_row_is_given_up_alone(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 5; i++) {
        write_record(&writer, i, true);
    }
    fake.poison = 3;
    tick();
    assert_int_equal(fake.count, 4);
    assert_int_equal(waiting(), 0);
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_DROPPED), 1);
}

static void test_tick_store_without_usage_frees_and_counts(void **state)
{
    (void)state;
    fake_ops.put_usage = NULL;
    write_record(&writer, 1, true);
    tick();
    assert_int_equal(waiting(), 0);
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_DROPPED), 1);
}

static void test_tick_dead_worker_is_buried_and_told(void **state)
{
    (void)state;
    write_record(&writer, 1, false);
    assert_false(tick());
    assert_int_equal(fake.count, 0);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    usleep(1010000); /* the sweep is once a second */
    assert_true(tick());
    assert_int_equal(fake.count, 1);
    assert_false(fake.seen[0].success);
    assert_string_equal(fake.seen[0].error, "WORKER_DIED");
}

static void test_tick_adopts_what_another_run_left(void **state)
{
    (void)state;
    struct journal other;
    struct err err;
    char name[128];
    assert_int_equal(journal_open(&other, path, 2, 64, &err), STATUS_OK); /* ours is locked: .1 */
    journal_enter(&other, 1);
    write_record(&other, 7, true);
    write_record(&other, 8, false);
    journal_drop(&other);
    tick();
    assert_int_equal(fake.count, 2);
    assert_true(fake.seen[0].flusher != journal.header->flusher);
    snprintf(name, sizeof name, "%s.1", path);
    assert_int_equal(access(name, F_OK), -1);
}

/* What came of another journal says nothing of ours. */
static void test_tick_that_adopts_stays_behind_with_its_own(void **state)
{
    (void)state;
    struct journal other;
    struct err err;
    assert_int_equal(journal_open(&other, path, 2, 64, &err), STATUS_OK);
    journal_enter(&other, 1);
    write_record(&other, 7, true);
    journal_drop(&other);
    for (uint64_t i = 0; i < 2049; i++) {
        write_record(&writer, i, true);
    }
    tick();
    assert_int_equal(waiting(), 1);
    assert_true(drain_behind(drain));
}

/* What is damaged is no row and in nobody's way. */
static void test_tick_damaged_record_is_no_row(void **state)
{
    (void)state;
    char name[128];
    for (uint64_t i = 1; i <= 3; i++) {
        write_record(&writer, i, true);
    }
    journal.records[1].tokens.input = 1000000;
    tick();
    assert_int_equal(fake.count, 2);
    assert_int_equal(fake.seen[0].tokens.input + fake.seen[1].tokens.input, 4);
    assert_int_equal(waiting(), 0);
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_DAMAGED), 1);
    snprintf(name, sizeof name, "%s.damaged", path);
    assert_int_equal(unlink(name), 0);
}

static void test_tick_without_a_journal_does_nothing(void **state)
{
    (void)state;
    seg.journal = NULL;
    assert_false(tick());
    drain_last(drain, 0);
    assert_int_equal(fake.calls, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_tick_stores_everything_in_order_once),
        T(test_batch_is_no_larger_than_the_store_takes),
        T(test_tick_more_than_one_tick_may_store_leaves_it_behind),
        T(test_tick_calm_is_small_until_it_falls_behind),
        T(test_tick_pause_is_as_long_as_half_a_small_batch_takes_to_come),
        T(test_tick_key_of_a_clear_row_goes_under_its_own_id),
        T(test_tick_failing_store_keeps_records_and_backs_off),
        T(test_tick_poison_row_is_given_up_alone),
        T(test_tick_store_without_usage_frees_and_counts),
        T(test_tick_dead_worker_is_buried_and_told),
        T(test_tick_adopts_what_another_run_left),
        T(test_tick_that_adopts_stays_behind_with_its_own),
        T(test_tick_damaged_record_is_no_row),
        T(test_tick_without_a_journal_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
