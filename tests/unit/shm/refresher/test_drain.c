#include "shm/refresher/drain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/segment.h"

/* --- a store that answers as it is told ---------------------------------------------------- */

static struct {
    struct keystore base;
    enum status says;
    size_t outage;   /* so many calls more are UNAVAILABLE */
    uint64_t poison; /* request with this number of input tokens: INVALID */
    struct keystore_usage seen[512];
    size_t count, calls;
} fake;

static enum status fake_scan(struct keystore *k, bool (*fn)(void *, const struct keystore_row *),
                             void *ctx, struct err *err)
{
    (void)k, (void)err;
    struct keystore_row row = {.id = "sk-clear", .user_id = "alice", .name = "n", .active = true};
    fn(ctx, &row);
    return STATUS_OK;
}

static enum status fake_mappings(struct keystore *k, bool (*fn)(void *, struct str, struct str),
                                 void *ctx, struct err *err)
{
    (void)k, (void)fn, (void)ctx, (void)err;
    return STATUS_OK;
}

static enum status fake_version(struct keystore *k, int64_t *out, struct err *err)
{
    (void)k, (void)err;
    *out = 1;
    return STATUS_OK;
}

static enum status failing_version(struct keystore *k, int64_t *out, struct err *err)
{
    (void)k, (void)out;
    return err_set(err, STATUS_UNAVAILABLE, "no version");
}

static enum status fake_put(struct keystore *k, const struct keystore_usage *rows, size_t n,
                            struct err *err)
{
    (void)k;
    fake.calls++;
    if (fake.outage) {
        fake.outage--;
        return err_set(err, STATUS_UNAVAILABLE, "outage");
    }
    if (fake.says != STATUS_OK) {
        return err_set(err, fake.says, "told so");
    }
    for (size_t i = 0; i < n; i++) {
        if (fake.poison && rows[i].input == fake.poison) {
            return err_set(err, STATUS_INVALID, "poison");
        }
    }
    for (size_t i = 0; i < n && fake.count < 512; i++) {
        fake.seen[fake.count++] = rows[i];
    }
    return STATUS_OK;
}

static void fake_close(struct keystore *k)
{
    (void)k;
}

static struct keystore_ops fake_ops = {.name = "fake",
                                       .scan = fake_scan,
                                       .mappings = fake_mappings,
                                       .version = fake_version,
                                       .close = fake_close};

static enum status fake_open(const struct config *c, const char *last, struct keystore **out,
                             char *why, size_t size, struct err *err)
{
    (void)c, (void)last, (void)err;
    snprintf(why, size, "fake");
    fake.base.ops = &fake_ops;
    *out = &fake.base;
    return STATUS_OK;
}

/* --- the bench ----------------------------------------------------------------------------- */

static struct segment seg;
static struct journal journal, writer;
static struct config config;
static struct keysync *keys;
static struct drain *drain;
static char directory[64], path[96];

static int make(void **state)
{
    (void)state;
    struct err err;
    log_level_set(LOG_OFF);
    clock_tick();
    memset(&fake, 0, sizeof fake);
    fake_ops.put_usage = fake_put;
    fake_ops.version = fake_version;
    config = (struct config){.allow_clear_keys = true,
                             .refresh_seconds = 60,
                             .max_stale_seconds = 60,
                             .usage_ttl_days = 7};
    snprintf(directory, sizeof directory, "/tmp/test_drain.XXXXXX");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/usage.journal", directory);
    if (segment_create(&seg, 2, 64, &err) != STATUS_OK ||
        journal_open(&journal, path, 2, 4096, &err) != STATUS_OK) {
        return -1;
    }
    counters_enter(&seg, 0);
    seg.journal = &journal;
    scoreboard_enter(&seg, 1);
    scoreboard_state(&seg, 1, SCOREBOARD_READY);
    writer = journal;
    journal_enter(&writer, 1);
    keys = keysync_new(&config, &seg, fake_open);
    drain = drain_new(&config, &seg, keys, path);
    return keys && drain && keysync_tick(keys, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    drain_drop(drain);
    keysync_drop(keys);
    journal_drop(&journal);
    segment_drop(&seg);
    char name[128];
    snprintf(name, sizeof name, "%s.1", path);
    unlink(name);
    unlink(path);
    return rmdir(directory);
}

static void write_record(struct journal *j, uint64_t input, bool close)
{
    struct journal_record *r = journal_begin_record(j);
    assert_non_null(r);
    r->who = JOURNAL_MASTER;
    r->started_ms = 1768478400000;
    r->tokens.input = input;
    r->tokens.cache_write = 5;
    r->tokens.cache_write_1h = 6;
    r->flags = JOURNAL_SUCCESS;
    journal_open_record(j, r);
    if (close) {
        journal_close_record(j, r);
    }
}

static uint64_t waiting(void)
{
    struct journal_depth depth;
    journal_depth(&journal, &depth);
    return depth.closed;
}

/* As the refresher's timer; later: as if that much time had passed. */
static bool tick(void)
{
    clock_tick();
    return drain_tick(drain);
}

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
    assert_int_equal(fake.seen[0].cache_write, 11);
    assert_int_equal(fake.seen[0].cache_write_1h, 6);
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
    assert_int_equal(fake.seen[0].input, 1); /* the old one first */
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
    assert_int_equal(fake.seen[0].input + fake.seen[1].input, 4);
    assert_int_equal(waiting(), 0);
    assert_int_equal(counters_sum(&seg, COUNTER_USAGE_DAMAGED), 1);
    snprintf(name, sizeof name, "%s.damaged", path);
    assert_int_equal(unlink(name), 0);
}

static void test_last_takes_all_at_once(void **state)
{
    (void)state;
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    tick();
    fake.says = STATUS_OK;
    write_record(&writer, 2, false);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    drain_last(drain, 0);
    assert_int_equal(fake.count, 2);
}

static uint64_t in_ms(uint64_t ms)
{
    clock_tick();
    return clock_mono_ms() + ms;
}

static void test_last_asks_again_until_the_store_takes_them(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.outage = 3;
    drain_last(drain, in_ms(5000));
    assert_int_equal(fake.count, 1);
    assert_int_equal(fake.calls, 4);
    assert_in_range(in_ms(0) - begun, 1000, 3000); /* half a second each */
    assert_true(seg.scoreboard[0].heartbeat_ms >= begun + 500);
}

static void test_last_waits_for_a_store_that_cannot_be_read_either(void **state)
{
    (void)state;
    struct err err;
    write_record(&writer, 1, true);
    fake_ops.version = failing_version;
    assert_int_equal(keysync_tick(keys, &err), STATUS_OK);
    assert_null(keysync_store(keys));
    fake_ops.version = fake_version;
    drain_last(drain, in_ms(5000));
    assert_int_equal(fake.count, 1);
}

static void test_last_keeps_what_is_not_taken_in_time(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, in_ms(700));
    assert_in_range(in_ms(0) - begun, 700, 1200);
    assert_int_equal(waiting(), 1);
}

static void test_last_with_nothing_to_store_does_not_wait(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, in_ms(5000));
    assert_in_range(in_ms(0) - begun, 0, 300);
    assert_int_equal(fake.calls, 0);
}

static bool yes(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_last_in_a_hurry_tries_once(void **state)
{
    (void)state;
    uint64_t begun = in_ms(0);
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    keysync_leaving(keys, yes, NULL);
    drain_last(drain, in_ms(5000));
    assert_in_range(in_ms(0) - begun, 0, 300);
    assert_int_equal(fake.calls, 1);
}

static void test_last_before_a_successor_tries_once(void **state)
{
    (void)state;
    write_record(&writer, 1, true);
    fake.says = STATUS_UNAVAILABLE;
    drain_last(drain, 0);
    assert_int_equal(fake.calls, 1);
    assert_int_equal(waiting(), 1);
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
        T(test_tick_key_of_a_clear_row_goes_under_its_own_id),
        T(test_tick_failing_store_keeps_records_and_backs_off),
        T(test_tick_poison_row_is_given_up_alone),
        T(test_tick_store_without_usage_frees_and_counts),
        T(test_tick_dead_worker_is_buried_and_told),
        T(test_tick_adopts_what_another_run_left),
        T(test_tick_that_adopts_stays_behind_with_its_own),
        T(test_tick_damaged_record_is_no_row),
        T(test_last_takes_all_at_once),
        T(test_last_asks_again_until_the_store_takes_them),
        T(test_last_waits_for_a_store_that_cannot_be_read_either),
        T(test_last_keeps_what_is_not_taken_in_time),
        T(test_last_with_nothing_to_store_does_not_wait),
        T(test_last_in_a_hurry_tries_once),
        T(test_last_before_a_successor_tries_once),
        T(test_tick_without_a_journal_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
