#include "shm/refresher/drain.h"

#include <string.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/tier.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"

#define BATCH         256u
#define BATCHES       8u        /* a tick: the loop has other things to do */
#define TICK_NS       50000000u /* nor does another batch begin after this long */
#define CALM_BATCH    64u       /* half a millisecond, for which a request may wait for this CPU */
#define CALM_MS       500u      /* who is behind for longer does not keep up like that */
#define FULL_PAUSE_MS 1u        /* after a batch that was full: 40,000 rows a second */
#define SOME_PAUSE_MS 10u       /* after one that was not: there is traffic; */
#define MOST_PAUSE_MS 100u /* so long that SOME_ROWS come: a batch is a sync of the disk, and */
#define SOME_ROWS     32u  /* costs as much as 40 rows */
#define NONE_PAUSE_MS 200u
#define SWEEP_MS      1000u /* for what dead workers left, and records whose closing was not told */
#define ADOPT_MS      10000u
#define RETRY_MAX_MS  10000u
#define WARN_EVERY_MS 60000u
#define LAST_RETRY_MS 500u /* at the end nothing is gained by patience */
#define LAST_NAP_MS   50u

struct drain {
    const struct config *config;
    struct segment *segment;
    struct keysync *keys;
    const char *path;
    uint64_t sweep_at_ms, adopt_at_ms, retry_at_ms, warn_at_ms;
    uint32_t failures;
    bool refusal_told;      /* the store keeps no usage */
    bool behind;            /* the last tick left records that could go, */
    uint64_t calm_until_ms; /* and has done so since CALM_MS before */
    uint32_t stored;        /* rows, by the last tick */
    uint32_t pause_ms;      /* until the next one */
    struct journal_entry batch[BATCH];
    struct keystore_usage rows[BATCH];
};

struct drain *drain_new(const struct config *c, struct segment *s, struct keysync *keys,
                        const char *journal_path)
{
    struct drain *d = heap_new(sizeof *d);
    if (d) {
        d->config = c;
        d->segment = s;
        d->keys = keys;
        d->path = journal_path;
        d->pause_ms = NONE_PAUSE_MS;
    }
    return d;
}

void drain_drop(struct drain *d)
{
    if (d) {
        text_wipe(d->rows, sizeof d->rows); /* ids of clear keys */
        heap_drop(d);
    }
}

/* --- a record as a row --------------------------------------------------------------------- */

/* The file may be of another day and another program: no text is trusted to end. */
#define COPY(to, from) \
    text_copy((struct str){(from), strnlen((from), sizeof(from))}, (to), sizeof(to))

static void put_id(const struct drain *d, const struct journal_record *r, struct keystore_usage *u)
{
    u->is_key = r->who == JOURNAL_KEY;
    if (u->is_key) {
        keysync_id(d->keys, r->digest, u->id);
    } else {
        text_copy(r->who == JOURNAL_MASTER ? STR("master") : STR("anonymous"), u->id, sizeof u->id);
    }
}

static void make_row(const struct drain *d, const struct journal *j, const struct journal_record *r,
                     struct keystore_usage *u)
{
    int64_t days = d->config->usage_ttl_days;
    *u = (struct keystore_usage){.flusher = j->flusher,
                                 .sequence = r->sequence,
                                 .started_ms = r->started_ms,
                                 .tokens = r->tokens,
                                 .cost_micro = r->cost_micro,
                                 .duration_ms = r->duration_ms,
                                 .status = r->status,
                                 .success = r->flags & JOURNAL_SUCCESS,
                                 .stream = r->flags & JOURNAL_STREAM,
                                 .expires_s = days ? r->started_ms / 1000 + days * 86400 : 0};
    put_id(d, r, u);
    journal_usage_id(r, u->usage_id);
    COPY(u->request_id, r->request_id);
    COPY(u->model, r->model);
    COPY(u->bedrock_model, r->bedrock_model);
    COPY(u->error, r->error);
    text_copy(tier_word((enum tier)r->tier), u->service_tier, sizeof u->service_tier);
}

/* --- storing ------------------------------------------------------------------------------- */

static void release(struct drain *d, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        journal_release(&d->batch[i]);
    }
}

/* What no store will ever take is in the log, with all its figures; never dropped silently. */
static void give_up(struct drain *d, uint32_t i, const struct err *err)
{
    const struct keystore_usage *u = &d->rows[i];
    counters_add(COUNTER_USAGE_DROPPED, 1);
    log_line(
        LOG_ERROR, "usage",
        "row %s cannot be stored: request %s model %s input %llu output %llu cost_micro %llu: %s",
        u->usage_id, u->request_id, u->model, (unsigned long long)u->tokens.input,
        (unsigned long long)u->tokens.output, (unsigned long long)u->cost_micro, err->text);
    journal_release(&d->batch[i]);
}

static void failed(struct drain *d, const struct err *err)
{
    uint64_t wait = 500ull << (d->failures < 5 ? d->failures : 5);
    d->failures++;
    d->retry_at_ms = clock_mono_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
    counters_add(COUNTER_USAGE_ERRORS, 1);
    if (clock_mono_ms() >= d->warn_at_ms) {
        d->warn_at_ms = clock_mono_ms() + WARN_EVERY_MS;
        log_line(LOG_WARN, "usage", "cannot be stored now, the records are kept: %s", err->text);
    }
}

/* One by one: only the row that is refused by itself is given up. False: the store is gone. */
static bool store_singly(struct drain *d, struct keystore *store, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct err err;
        enum status status = keystore_put_usage(store, &d->rows[i], 1, &err);
        if (status == STATUS_OK) {
            counters_add(COUNTER_USAGE_ROWS, 1);
            journal_release(&d->batch[i]);
        } else if (status == STATUS_INVALID) {
            give_up(d, i, &err);
        } else {
            failed(d, &err);
            return false;
        }
    }
    return true;
}

static void refused(struct drain *d, uint32_t n, const struct err *err)
{
    if (!d->refusal_told) {
        d->refusal_told = true;
        log_line(LOG_WARN, "usage", "is not recorded: %s", err->text);
    }
    counters_add(COUNTER_USAGE_DROPPED, n);
    release(d, n);
}

/* False: stop for now. */
static bool store_batch(struct drain *d, struct journal *j, struct keystore *store, uint32_t n)
{
    struct err err;
    for (uint32_t i = 0; i < n; i++) {
        make_row(d, j, &d->batch[i].copy, &d->rows[i]);
    }
    switch (keystore_put_usage(store, d->rows, n, &err)) {
    case STATUS_OK:
        counters_add(COUNTER_USAGE_ROWS, n);
        release(d, n);
        break;
    case STATUS_INVALID:
        if (!store_singly(d, store, n)) {
            return false;
        }
        break;
    case STATUS_NOT_SUPPORTED:
        refused(d, n, &err);
        break;
    default:
        failed(d, &err);
        return false;
    }
    if (d->failures) {
        log_line(LOG_INFO, "usage", "is stored again");
    }
    d->failures = 0;
    d->warn_at_ms = 0;
    d->stored += n;
    return true;
}

enum stored { STORED_ALL, STORED_SOME /* more could go */, STORED_NONE /* not now */ };

/* calm: at most one small batch. */
static enum stored store_all(struct drain *d, struct journal *j, bool sweep, bool calm)
{
    struct keystore *store = keysync_store(d->keys);
    if (!store || clock_mono_ms() < d->retry_at_ms) {
        return STORED_NONE;
    }
    uint32_t most = store->ops->usage_batch, room = calm ? CALM_BATCH : BATCH;
    most = most && most < room ? most : room;
    uint64_t begun_ns = clock_now_ns();
    for (uint32_t i = 0; i < (calm ? 1 : BATCHES) && clock_now_ns() - begun_ns < TICK_NS; i++) {
        uint32_t n = journal_collect(j, d->batch, most, sweep);
        if (n > 0 && !store_batch(d, j, store, n)) {
            return STORED_NONE;
        }
        if (n == 0 || (calm && n < most)) {
            return STORED_ALL;
        }
    }
    return STORED_SOME;
}

bool drain_behind(const struct drain *d)
{
    return d->behind;
}

uint32_t drain_pause_ms(const struct drain *d)
{
    return d->behind && clock_mono_ms() >= d->calm_until_ms ? 0 : d->pause_ms;
}

static uint32_t next_pause_ms(const struct drain *d)
{
    if (d->behind) {
        return FULL_PAUSE_MS;
    }
    if (d->stored == 0) {
        return NONE_PAUSE_MS;
    }
    uint32_t pause_ms = d->pause_ms * SOME_ROWS / d->stored;
    pause_ms = pause_ms < MOST_PAUSE_MS ? pause_ms : MOST_PAUSE_MS;
    return pause_ms > SOME_PAUSE_MS ? pause_ms : SOME_PAUSE_MS;
}

/* --- journals of others -------------------------------------------------------------------- */

/* A gateway that was killed while its last workers still drained has left a file behind whose lock
 * is free by now. Its records are stored as ours are. */
static void adopt(struct drain *d)
{
    for (uint32_t n = 0; n < JOURNAL_FAMILY; n++) {
        struct journal other;
        if (!journal_adopt(&other, d->path, n, d->segment->journal)) {
            continue;
        }
        journal_bury(&other, NULL);
        if (store_all(d, &other, true, false) == STORED_ALL) {
            journal_finish(&other, d->path, n);
        } else {
            journal_drop(&other);
        }
    }
}

bool drain_tick(struct drain *d, bool calm)
{
    struct journal *j = d->segment->journal;
    uint64_t now = clock_mono_ms();
    uint32_t buried = 0;
    bool sweep = now >= d->sweep_at_ms;
    if (!j) {
        return false;
    }
    if (sweep) {
        d->sweep_at_ms = now + SWEEP_MS;
        buried = journal_bury(j, d->segment);
        counters_add(COUNTER_USAGE_BURIED, buried);
    }
    d->stored = 0;
    if (!d->behind) {
        d->calm_until_ms = now + CALM_MS;
    }
    d->behind = store_all(d, j, sweep, calm && !sweep && now < d->calm_until_ms) == STORED_SOME;
    d->pause_ms = next_pause_ms(d);
    if (now >= d->adopt_at_ms) {
        d->adopt_at_ms = now + ADOPT_MS;
        adopt(d);
    }
    return buried > 0;
}

/* --- the end ------------------------------------------------------------------------------- */

static uint64_t records_left(const struct journal *j)
{
    struct journal_depth depth;
    journal_depth(j, &depth);
    return depth.open + depth.closed;
}

static bool in_time(const struct drain *d, uint64_t until_ms)
{
    clock_tick();
    scoreboard_beat(d->segment, 0, clock_mono_ms()); /* no loop turns meanwhile */
    return clock_mono_ms() < until_ms && !keysync_is_leaving(d->keys);
}

/* The store does not take them now. False: it shall not be asked again. */
static bool await_store(struct drain *d, uint64_t until_ms)
{
    struct err err;
    if (d->retry_at_ms > clock_mono_ms() + LAST_RETRY_MS) {
        d->retry_at_ms = clock_mono_ms() + LAST_RETRY_MS;
    }
    usleep(LAST_NAP_MS * 1000);
    return in_time(d, until_ms) &&
           (keysync_store(d->keys) || keysync_tick(d->keys, &err) == STATUS_OK);
}

static bool goes_on(struct drain *d, uint64_t until_ms)
{
    if (until_ms == 0) {
        return d->behind;
    }
    return d->behind ? in_time(d, until_ms) : await_store(d, until_ms);
}

static void tell_what_stays(const struct drain *d, uint64_t n)
{
    if (journal_in_memory(d->segment->journal)) {
        log_line(LOG_ERROR, "usage",
                 "%llu usage records are lost: the store does not take them, and there is no file",
                 (unsigned long long)n);
    } else {
        log_line(LOG_WARN, "usage",
                 "%llu usage records stay in %s, for the next start with this STATE_DIR",
                 (unsigned long long)n, d->path);
    }
}

void drain_last(struct drain *d, uint64_t until_ms)
{
    struct journal *j = d->segment->journal;
    clock_tick();
    d->retry_at_ms = 0;
    if (!j) {
        return;
    }
    journal_bury(j, d->segment);
    while (records_left(j) && store_all(d, j, true, false) != STORED_ALL && goes_on(d, until_ms)) {
    }
    if (until_ms && records_left(j)) {
        tell_what_stays(d, records_left(j));
    }
}
