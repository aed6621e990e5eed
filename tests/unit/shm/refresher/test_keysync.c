#include "shm/refresher/keysync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/keymiss.h"
#include "shm/memory/standing.h"

/* --- a key store of the test's --------------------------------------------------------------- */

#define ROWS_MAX 200

static struct {
    struct keystore base;
    struct keystore_row rows[ROWS_MAX];
    uint32_t row_count;
    int64_t version;
    enum status open_says, version_says, scan_says, get_says, mappings_says, betas_says;
    bool bad_beta;
    uint32_t scan_breaks_after; /* rows, when scan_says is a failure */
    uint32_t opens, scans, gets, closes;
    char last[16]; /* when it was opened */
} fake;

static enum status say(enum status status, struct err *err)
{
    return status == STATUS_OK ? STATUS_OK : err_set(err, status, "the fake store says so");
}

static enum status fake_scan(struct keystore *k,
                             bool (*fn)(void *ctx, const struct keystore_row *row), void *ctx,
                             struct err *err)
{
    (void)k;
    fake.scans++;
    for (uint32_t i = 0; i < fake.row_count; i++) {
        if ((fake.scan_says != STATUS_OK && i == fake.scan_breaks_after) ||
            !fn(ctx, &fake.rows[i])) {
            break;
        }
    }
    return say(fake.scan_says, err);
}

static enum status fake_get(struct keystore *k, const char *id, struct keystore_row *out,
                            struct err *err)
{
    (void)k;
    fake.gets++;
    for (uint32_t i = 0; fake.get_says == STATUS_OK && i < fake.row_count; i++) {
        if (strcmp(fake.rows[i].id, id) == 0) {
            *out = fake.rows[i];
            return STATUS_OK;
        }
    }
    return say(fake.get_says == STATUS_OK ? STATUS_NOT_FOUND : fake.get_says, err);
}

static enum status fake_mappings(struct keystore *k,
                                 bool (*fn)(void *ctx, struct str from, struct str to), void *ctx,
                                 struct err *err)
{
    (void)k;
    fn(ctx, STR("claude-x"), STR("us.anthropic.claude-x"));
    fn(ctx, STR(""), STR("bad"));
    return say(fake.mappings_says, err);
}

static enum status fake_betas(struct keystore *k,
                              bool (*fn)(void *ctx, const struct directory_beta *rule, bool whole),
                              void *ctx, struct err *err)
{
    (void)k;
    static const struct directory_beta good = {.name = "a-1", .to = "b-1"}, bad = {.name = "c-1"};
    if (fake.betas_says == STATUS_OK) {
        fn(ctx, &good, true);
    }
    if (fake.bad_beta) {
        fn(ctx, &bad, false);
    }
    return say(fake.betas_says, err);
}

static enum status fake_version(struct keystore *k, int64_t *out, struct err *err)
{
    (void)k;
    *out = fake.version;
    return say(fake.version_says, err);
}

static void fake_close(struct keystore *k)
{
    (void)k;
    fake.closes++;
}

static const struct keystore_ops fake_ops = {
    .name = "fake",
    .scan = fake_scan,
    .get = fake_get,
    .mappings = fake_mappings,
    .version = fake_version,
    .betas = fake_betas,
    .close = fake_close,
};

static enum status fake_open(const struct config *c, const char *last, struct keystore **out,
                             char *why_out, size_t why_size, struct err *err)
{
    (void)c;
    fake.opens++;
    snprintf(fake.last, sizeof fake.last, "%s", last);
    snprintf(why_out, why_size, "fake");
    fake.base.ops = &fake_ops;
    *out = fake.open_says == STATUS_OK ? &fake.base : NULL;
    return say(fake.open_says, err);
}

static struct keystore_row *add_row(const char *id)
{
    struct keystore_row *row = &fake.rows[fake.row_count++];
    *row = (struct keystore_row){.user_id = "alice", .name = "laptop", .active = true};
    snprintf(row->id, sizeof row->id, "%s", id);
    return row;
}

static struct keystore_row *add_key(const char *key)
{
    char id[KEYSTORE_ID_MAX + 1];
    keystore_hash_id(text_from(key), id);
    return add_row(id);
}

/* --- the bench ------------------------------------------------------------------------------- */

static struct segment seg;
static struct config config;
static struct keysync *sync_;
static struct err err;

static int make(void **state)
{
    (void)state;
    log_level_set(LOG_OFF);
    memset(&fake, 0, sizeof fake);
    fake.version = 1;
    config = (struct config){
        .allow_clear_keys = true, .refresh_seconds = 3600, .max_stale_seconds = 86400};
    if (segment_create(&seg, 2, 100, &err) != STATUS_OK ||
        !(sync_ = keysync_new(&config, &seg, fake_open))) {
        return -1;
    }
    counters_enter(&seg, 0);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    keysync_drop(sync_);
    segment_drop(&seg);
    return fake.opens && fake.open_says == STATUS_OK && fake.closes != 1 ? -1 : 0;
}

static void tick(void)
{
    assert_int_equal(keysync_tick(sync_, &err), STATUS_OK);
}

/* Skips the back-off, as time would. */
static void tick_later(void)
{
    keysync_reload(sync_);
    tick();
}

static enum directory_found find(const char *key, struct directory_key *out)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    return directory_find(&seg, digest, out);
}

static uint64_t ask(const char *key)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    uint64_t ticket = keymiss_ask(&seg, 1, digest, text_from(key));
    assert_true(ticket > 0);
    return ticket;
}

static enum keymiss_result answer(const char *key)
{
    uint64_t ticket = ask(key);
    assert_int_equal(keysync_questions(sync_), 0);
    return keymiss_poll(&seg, 1, ticket);
}

/* --- loads ----------------------------------------------------------------------------------- */

static void test_tick_first_load_publishes_keys_and_mappings(void **state)
{
    (void)state;
    struct directory_key k;
    char to[304];
    add_key("sk-one")->rate_limit = 7;
    add_row("sk-clear");
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.rate_limit, 7);
    assert_int_equal(find("sk-clear", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE | DIRECTORY_CLEAR);
    assert_int_equal(find("sk-two", &k), DIRECTORY_MISS);
    assert_true(directory_map(&seg, STR("claude-x"), to));
    assert_true(directory_age_ms(&seg, clock_real_now_ms()) < 1000);
}

static void test_tick_loads_again_only_for_a_new_version(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    for (int i = 0; i < 5; i++) {
        tick();
    }
    assert_int_equal(fake.scans, 1);
    fake.rows[0].active = false;
    fake.version = 2;
    tick();
    assert_int_equal(fake.scans, 2);
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, 0);
    fake.row_count = 0;
    fake.version = 3;
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_MISS);
}

static void test_reload_loads_without_a_new_version(void **state)
{
    (void)state;
    struct directory_key k;
    tick();
    add_key("sk-by-another-tool");
    tick_later();
    assert_int_equal(find("sk-by-another-tool", &k), DIRECTORY_HIT);
}

static void test_tick_failures_change_nothing_and_do_not_confirm(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    tick();
    uint64_t generation = directory_generation(&seg);
    add_key("sk-two");
    fake.version = 2;
    enum status *const places[] = {&fake.version_says, &fake.scan_says, &fake.mappings_says};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        *places[i] = STATUS_UNAVAILABLE;
        fake.scan_breaks_after = 1;
        directory_confirm(&seg, 1000); /* long ago */
        tick_later();
        assert_int_equal(directory_generation(&seg), generation);
        assert_int_equal(directory_age_ms(&seg, 2000), 1000);
        assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
        assert_int_equal(find("sk-two", &k), DIRECTORY_MISS);
        *places[i] = STATUS_OK;
    }
    assert_int_equal(counters_sum(&seg, COUNTER_STORE_ERRORS), 3);
    tick_later();
    assert_int_equal(find("sk-two", &k), DIRECTORY_HIT);
    assert_true(directory_age_ms(&seg, clock_real_now_ms()) < 1000);
}

static void test_tick_after_a_failure_waits_before_the_next_try(void **state)
{
    (void)state;
    fake.open_says = STATUS_UNAVAILABLE;
    for (int i = 0; i < 10; i++) {
        tick();
    }
    assert_int_equal(fake.opens, 1);
    tick_later();
    assert_int_equal(fake.opens, 2);
    fake.open_says = STATUS_OK;
    tick_later();
    struct directory_key k;
    assert_int_equal(find("sk-one", &k), DIRECTORY_MISS); /* not EMPTY any more */
}

static void test_tick_hopeless_configuration_is_said(void **state)
{
    (void)state;
    static const enum status rows[] = {STATUS_NOT_SUPPORTED, STATUS_INVALID};
    for (size_t i = 0; i < 2; i++) {
        fake.open_says = rows[i];
        keysync_reload(sync_);
        assert_int_equal(keysync_tick(sync_, &err), rows[i]);
    }
}

static void test_load_beta_rules_that_cannot_be_read_stay(void **state)
{
    (void)state;
    char to[DIRECTORY_BETA_TO];
    struct directory_key k;
    fake.bad_beta = true;
    tick();
    assert_true(directory_beta(&seg, STR("a-1"), to));
    assert_string_equal(to, "b-1");
    assert_false(directory_beta(&seg, STR("c-1"), to));
    assert_int_equal(counters_sum(&seg, COUNTER_ROWS_SKIPPED), 2); /* and the mapping */
    add_key("sk-new");
    fake.betas_says = STATUS_UNAVAILABLE;
    fake.version++;
    tick();
    assert_int_equal(find("sk-new", &k), DIRECTORY_HIT);
    assert_true(directory_beta(&seg, STR("a-1"), to));
}

static void test_load_bad_rows_are_skipped_and_counted(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-good");
    add_key("sk-bad")->rate_limit = -1;
    add_row("sha256:nonsense");
    tick();
    assert_int_equal(find("sk-good", &k), DIRECTORY_HIT);
    assert_int_equal(find("sk-bad", &k), DIRECTORY_MISS);
    assert_int_equal(counters_sum(&seg, COUNTER_ROWS_SKIPPED),
                     3); /* and the mapping without a name */
}

static void test_load_row_that_went_bad_keeps_its_last_good_values(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one")->rate_limit = 5;
    add_key("sk-two");
    tick();
    fake.rows[0].rate_limit = -1;
    fake.rows[1].rate_limit = -1;
    fake.rows[1].active = false;
    fake.version = 2;
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.rate_limit, 5);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE);
    assert_int_equal(find("sk-two", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, 0); /* revoked for all that */
}

static void test_load_clear_rows_vanish_when_they_are_not_allowed_any_more(void **state)
{
    (void)state;
    struct directory_key k;
    add_row("sk-clear");
    tick();
    assert_int_equal(find("sk-clear", &k), DIRECTORY_HIT);
    config.allow_clear_keys = false;
    keysync_drop(sync_); /* the next refresher */
    fake.closes = 0;
    sync_ = keysync_new(&config, &seg, fake_open);
    assert_non_null(sync_);
    tick();
    assert_int_equal(find("sk-clear", &k), DIRECTORY_MISS);
    assert_int_equal(answer("sk-clear"), KEYMISS_ABSENT);
}

/* What /ready says, and what the next refresher opens. */
static void test_standing_is_told_and_read_by_the_successor(void **state)
{
    (void)state;
    struct standing now;
    fake.open_says = STATUS_UNAVAILABLE;
    tick();
    standing_read(&seg, &now);
    assert_string_equal(now.store, "");
    assert_string_equal(now.trouble, "the fake store says so");
    fake.open_says = STATUS_OK;
    fake.scan_says = STATUS_UNAVAILABLE;
    tick_later();
    standing_read(&seg, &now);
    assert_string_equal(now.store, "fake");
    assert_string_equal(now.trouble, "the fake store says so");
    assert_string_equal(fake.last, "");
    fake.scan_says = STATUS_OK;
    tick_later();
    standing_read(&seg, &now);
    assert_string_equal(now.trouble, "");
    keysync_drop(sync_);
    fake.closes = 0;
    sync_ = keysync_new(&config, &seg, fake_open);
    tick();
    assert_string_equal(fake.last, "fake");
}

static void test_load_more_keys_than_fit_the_rest_work(void **state)
{
    (void)state;
    struct directory_key k;
    for (int i = 0; i < 110; i++) {
        char key[24];
        snprintf(key, sizeof key, "sk-%d", i);
        add_key(key);
    }
    tick();
    assert_int_equal(directory_count(&seg), 100);
    assert_int_equal(find("sk-99", &k), DIRECTORY_HIT);
    assert_int_equal(answer("sk-105"), KEYMISS_UNAVAILABLE);
}

static void test_load_without_memory_keeps_the_old_table(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    tick();
    for (unsigned long fail = 1; fail <= 2; fail++) {
        heap_fail_after(fail);
        tick_later();
        heap_fail_after(0);
        assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
        assert_int_equal(directory_generation(&seg), 1);
    }
    tick_later();
    assert_int_equal(directory_generation(&seg), 2);
}

static void test_new_after_a_predecessor_serves_its_keys_without_the_store(void **state)
{
    (void)state;
    struct directory_key before, after;
    add_key("sk-one");
    tick();
    assert_int_equal(find("sk-one", &before), DIRECTORY_HIT);
    keysync_drop(sync_);
    fake.closes = 0;
    fake.open_says = STATUS_UNAVAILABLE;
    sync_ = keysync_new(&config, &seg, fake_open);
    assert_non_null(sync_);
    tick();
    assert_int_equal(find("sk-one", &after), DIRECTORY_HIT);
    assert_int_equal(after.slot, before.slot);
    assert_int_equal(answer("sk-one"), KEYMISS_FOUND);
    assert_int_equal(answer("sk-two"), KEYMISS_UNAVAILABLE);
}

/* --- questions ------------------------------------------------------------------------------- */

static void test_questions_before_the_first_load_are_unavailable(void **state)
{
    (void)state;
    fake.open_says = STATUS_UNAVAILABLE;
    tick();
    assert_int_equal(answer("sk-one"), KEYMISS_UNAVAILABLE);
    assert_int_equal(fake.gets, 0);
}

static void test_questions_new_key_is_found_and_published(void **state)
{
    (void)state;
    struct directory_key k;
    tick();
    add_key("sk-new");
    add_row("sk-new-in-clear");
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
    assert_int_equal(find("sk-new", &k), DIRECTORY_HIT);
    assert_int_equal(answer("sk-new-in-clear"), KEYMISS_FOUND);
    assert_int_equal(find("sk-new-in-clear", &k), DIRECTORY_HIT);
    assert_int_equal(fake.gets, 3);
    uint32_t generation = (uint32_t)directory_generation(&seg);
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
    assert_int_equal(fake.gets, 3); /* known */
    assert_int_equal(directory_generation(&seg), generation);
}

static void test_questions_absent_key_costs_one_look_up(void **state)
{
    (void)state;
    tick();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(answer("sk-wrong"), KEYMISS_ABSENT);
    }
    assert_int_equal(fake.gets, 2); /* hashed and in clear */
}

static void test_questions_stored_id_sent_as_a_key_is_absent(void **state)
{
    (void)state;
    struct directory_key k;
    char id[KEYSTORE_ID_MAX + 1];
    tick();
    add_key("sk-secret");
    keystore_hash_id(STR("sk-secret"), id); /* read from a stolen backup of the table */
    assert_int_equal(answer(id), KEYMISS_ABSENT);
    assert_int_equal(find(id, &k), DIRECTORY_MISS);
}

static void test_questions_failing_store_is_unavailable_and_not_remembered(void **state)
{
    (void)state;
    tick();
    add_key("sk-new");
    fake.get_says = STATUS_UNAVAILABLE;
    assert_int_equal(answer("sk-new"), KEYMISS_UNAVAILABLE);
    assert_int_equal(answer("sk-other"), KEYMISS_UNAVAILABLE);
    assert_int_equal(fake.gets, 1); /* the second one waits for the back-off */
    fake.get_says = STATUS_OK;
    tick_later();
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
}

static void test_questions_flood_is_bounded_and_answered_later(void **state)
{
    (void)state;
    uint64_t tickets[64];
    char key[24];
    config.allow_clear_keys = false;
    tick();
    for (int i = 0; i < 64; i++) {
        snprintf(key, sizeof key, "sk-flood-%d", i);
        tickets[i] = ask(key);
    }
    uint64_t wait_ms = keysync_questions(sync_);
    assert_in_range(wait_ms, 1, 21);
    assert_in_range(fake.gets, KEYSYNC_LOOKUPS_PER_SECOND, KEYSYNC_LOOKUPS_PER_SECOND + 2);
    assert_int_equal(keymiss_poll(&seg, 1, tickets[0]), KEYMISS_ABSENT);
    assert_int_equal(keymiss_poll(&seg, 1, tickets[63]), KEYMISS_PENDING);
    while (wait_ms) {
        usleep((unsigned)wait_ms * 1000);
        wait_ms = keysync_questions(sync_);
    }
    for (int i = 0; i < 64; i++) {
        assert_int_equal(keymiss_poll(&seg, 1, tickets[i]), KEYMISS_ABSENT);
    }
    assert_int_equal(fake.gets, 64);
}

static void test_questions_many_found_are_published_once(void **state)
{
    (void)state;
    char key[24];
    uint64_t tickets[40];
    tick();
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "sk-%d", i);
        add_key(key);
        tickets[i] = ask(key);
    }
    assert_int_equal(keysync_questions(sync_), 0);
    assert_int_equal(directory_generation(&seg), 2);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(keymiss_poll(&seg, 1, tickets[i]), KEYMISS_FOUND);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_tick_first_load_publishes_keys_and_mappings),
        T(test_tick_loads_again_only_for_a_new_version),
        T(test_reload_loads_without_a_new_version),
        T(test_tick_failures_change_nothing_and_do_not_confirm),
        T(test_tick_after_a_failure_waits_before_the_next_try),
        T(test_tick_hopeless_configuration_is_said),
        T(test_load_beta_rules_that_cannot_be_read_stay),
        T(test_load_bad_rows_are_skipped_and_counted),
        T(test_load_row_that_went_bad_keeps_its_last_good_values),
        T(test_load_clear_rows_vanish_when_they_are_not_allowed_any_more),
        T(test_standing_is_told_and_read_by_the_successor),
        T(test_load_more_keys_than_fit_the_rest_work),
        T(test_load_without_memory_keeps_the_old_table),
        T(test_new_after_a_predecessor_serves_its_keys_without_the_store),
        T(test_questions_before_the_first_load_are_unavailable),
        T(test_questions_new_key_is_found_and_published),
        T(test_questions_absent_key_costs_one_look_up),
        T(test_questions_stored_id_sent_as_a_key_is_absent),
        T(test_questions_failing_store_is_unavailable_and_not_remembered),
        T(test_questions_flood_is_bounded_and_answered_later),
        T(test_questions_many_found_are_published_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
