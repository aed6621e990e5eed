/*
 * drain_stage.h - a store that answers as it is told, a journal with records in it, and a drain
 * between them: for the test_drain*.c programs.
 */
#ifndef TESTS_UNIT_DRAIN_STAGE_H
#define TESTS_UNIT_DRAIN_STAGE_H

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

static struct {
    struct keystore base;
    enum status says;
    size_t outage;   /* so many calls more are UNAVAILABLE */
    uint64_t poison; /* request with this number of input tokens: INVALID */
    struct keystore_usage seen[512];
    size_t count, calls;
} fake;

static inline enum status fake_scan(struct keystore *k,
                                    bool (*fn)(void *, const struct keystore_row *), void *ctx,
                                    struct err *err)
{
    (void)k, (void)err;
    struct keystore_row row = {.id = "sk-clear", .user_id = "alice", .name = "n", .active = true};
    fn(ctx, &row);
    return STATUS_OK;
}

static inline enum status fake_mappings(struct keystore *k,
                                        bool (*fn)(void *, const struct keystore_mapping *),
                                        void *ctx, struct err *err)
{
    (void)k, (void)fn, (void)ctx, (void)err;
    return STATUS_OK;
}

static inline enum status fake_version(struct keystore *k, int64_t *out, struct err *err)
{
    (void)k, (void)err;
    *out = 1;
    return STATUS_OK;
}

static inline enum status fake_put(struct keystore *k, const struct keystore_usage *rows, size_t n,
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
        if (fake.poison && rows[i].tokens.input == fake.poison) {
            return err_set(err, STATUS_INVALID, "poison");
        }
    }
    for (size_t i = 0; i < n && fake.count < 512; i++) {
        fake.seen[fake.count++] = rows[i];
    }
    return STATUS_OK;
}

static inline void fake_close(struct keystore *k)
{
    (void)k;
}

static struct keystore_ops fake_ops = {.name = "fake",
                                       .scan = fake_scan,
                                       .mappings = fake_mappings,
                                       .version = fake_version,
                                       .close = fake_close};

static inline enum status fake_open(const struct config *c, const char *last, struct keystore **out,
                                    char *why, size_t size, struct err *err)
{
    (void)c, (void)last, (void)err;
    snprintf(why, size, "fake");
    fake.base.ops = &fake_ops;
    *out = &fake.base;
    return STATUS_OK;
}

static struct segment seg;
static struct journal journal, writer;
static struct config config;
static struct keysync *keys;
static struct drain *drain;
static char directory[64], path[96];

static inline int make(void **state)
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

static inline int drop(void **state)
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

static inline void write_record(struct journal *j, uint64_t input, bool close)
{
    struct journal_record *r = journal_begin_record(j);
    assert_non_null(r);
    r->who = JOURNAL_MASTER;
    r->started_ms = 1768478400000;
    r->tokens.input = input;
    r->tokens.write_5m = 5;
    r->tokens.write_1h = 6;
    r->flags = JOURNAL_SUCCESS;
    journal_open_record(j, r);
    if (close) {
        journal_close_record(j, r);
    }
}

static inline uint64_t waiting(void)
{
    struct journal_depth depth;
    journal_depth(&journal, &depth);
    return depth.closed;
}

/* As the refresher's timer; later: as if that much time had passed. */
static inline bool tick(void)
{
    clock_tick();
    return drain_tick(drain, false);
}

#endif
