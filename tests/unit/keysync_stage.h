/*
 * keysync_stage.h - a key store of the test's own, as good or bad as a row says, and a keysync over
 * it: for the tests of what the refresher loads and answers.
 */
#ifndef TESTS_UNIT_KEYSYNC_STAGE_H
#define TESTS_UNIT_KEYSYNC_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/keymiss.h"
#include "shm/memory/standing.h"
#include "shm/memory/segment.h"
#include "shm/refresher/keysync.h"

/* --- a key store of the test's ------------------------------------------------------------- */

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
                                 bool (*fn)(void *ctx, const struct keystore_mapping *m), void *ctx,
                                 struct err *err)
{
    (void)k;
    static const struct keystore_mapping good = {.from = STR("claude-x"),
                                                 .to = STR("us.anthropic.claude-x")};
    static const struct keystore_mapping bad = {.from = STR(""), .to = STR("bad")};
    fn(ctx, &good);
    fn(ctx, &bad);
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

static inline struct keystore_row *add_row(const char *id)
{
    struct keystore_row *row = &fake.rows[fake.row_count++];
    *row = (struct keystore_row){.user_id = "alice", .name = "laptop", .active = true};
    snprintf(row->id, sizeof row->id, "%s", id);
    return row;
}

static inline struct keystore_row *add_key(const char *key)
{
    char id[KEYSTORE_ID_MAX + 1];
    keystore_hash_id(text_from(key), id);
    return add_row(id);
}

/* --- the bench ----------------------------------------------------------------------------- */

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

static inline void tick(void)
{
    assert_int_equal(keysync_tick(sync_, &err), STATUS_OK);
}

/* Skips the back-off, as time would. */
static inline void tick_later(void)
{
    keysync_reload(sync_);
    tick();
}

static inline enum directory_found find(const char *key, struct directory_key *out)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    return directory_find(&seg, digest, out);
}

static inline uint64_t ask(const char *key)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    uint64_t ticket = keymiss_ask(&seg, 1, digest, text_from(key));
    assert_true(ticket > 0);
    return ticket;
}

static inline enum keymiss_result answer(const char *key)
{
    uint64_t ticket = ask(key);
    assert_int_equal(keysync_questions(sync_), 0);
    return keymiss_poll(&seg, 1, ticket);
}

#define KEYSYNC_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

#endif
