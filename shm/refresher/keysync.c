#include "shm/refresher/keysync.h"

#include <string.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/keymiss.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/standing.h"
#include "shm/refresher/absent.h"
#include "shm/refresher/backend.h"
#include "shm/refresher/keyload.h"

#define SECOND_NS       1000000000ull
#define WARN_EVERY_MS   60000u
#define STALE_GRACE_MS  5000u /* polls come each second and a busy file takes up to 5 s */
#define QUESTIONS_BATCH 64u

struct keysync {
    const struct config *config;
    struct segment *segment;
    keysync_open_fn *open;
    struct keystore *store; /* NULL until it opens */
    bool (*leaving)(void *ctx);
    void *leaving_ctx;
    struct keyload load;
    struct absent absent;

    bool loaded; /* by this process, not a predecessor */
    int64_t version;
    uint64_t load_at_ms; /* next full load */

    struct standing standing; /* as told */
    uint32_t failures;        /* in a row */
    uint64_t retry_at_ms;
    uint64_t warn_at_ms;

    bool told_empty;          /* the warning about a store without keys was given */
    _Atomic uint64_t lookups; /* a limit word of bucket.h, private */
    bool holding;             /* held was read but its look-up has to wait */
    struct keymiss_question held;
};

struct keysync *keysync_new(const struct config *c, struct segment *s, keysync_open_fn *open)
{
    struct keysync *k = heap_new(sizeof *k);
    if (!k) {
        return NULL;
    }
    clock_tick();
    k->config = c;
    k->segment = s;
    k->open = open;
    if (!keyload_init(&k->load, c, s)) {
        heap_drop(k);
        return NULL;
    }
    standing_read(s, &k->standing);
    keymiss_recover(s);
    directory_set_max_stale(s, (uint64_t)c->max_stale_seconds * 1000 + STALE_GRACE_MS);
    return k;
}

void keysync_drop(struct keysync *k)
{
    if (k) {
        keystore_close(k->store);
        keyload_free(&k->load);
        text_wipe(k, sizeof *k);
        heap_drop(k);
    }
}

void keysync_leaving(struct keysync *k, bool (*fn)(void *ctx), void *ctx)
{
    k->leaving = fn;
    k->leaving_ctx = ctx;
}

bool keysync_is_leaving(const struct keysync *k)
{
    return k->leaving && k->leaving(k->leaving_ctx);
}

/* The loop of the process stands still meanwhile, so the sign of life comes from here. */
static bool on_wait(void *ctx)
{
    const struct keysync *k = ctx;
    scoreboard_beat(k->segment, 0, clock_now_ns() / 1000000);
    return !keysync_is_leaving(k);
}

/* --- an outage ----------------------------------------------------------------------------- */

/* 1, 2, 4 s and on, a quarter of it at random so that many gateways do not come back together. */
static uint64_t back_off_ms(uint32_t failures)
{
    uint64_t ms = failures < 3 ? 1000u << (failures - 1) : KEYSYNC_RETRY_MAX_MS;
    uint32_t dice;
    text_random(&dice, sizeof dice);
    return ms - dice % (ms / 4);
}

static bool hopeless(enum status status)
{
    return status == STATUS_INVALID || status == STATUS_NOT_SUPPORTED;
}

static void tell_standing(struct keysync *k, const char *store, const char *trouble)
{
    struct standing now = {"", ""};
    text_copy(text_from(store), now.store, sizeof now.store);
    text_copy(text_from(trouble), now.trouble, sizeof now.trouble);
    if (memcmp(&now, &k->standing, sizeof now) != 0) {
        k->standing = now;
        standing_tell(k->segment, &now);
    }
}

/* What is published stays and grows stale. One warning a minute. */
static void failed(struct keysync *k, const struct err *err)
{
    if (keysync_is_leaving(k)) {
        return; /* the store was not asked to the end */
    }
    counters_add(COUNTER_STORE_ERRORS, 1);
    k->failures++;
    k->retry_at_ms = clock_mono_ms() + back_off_ms(k->failures);
    tell_standing(k, k->standing.store, err->text);
    if (clock_mono_ms() >= k->warn_at_ms) {
        k->warn_at_ms = clock_mono_ms() + WARN_EVERY_MS;
        log_line(LOG_WARN, "keystore", "cannot be read, %u known keys go on working: %s",
                 directory_count(k->segment), err->text);
    }
}

static void answered(struct keysync *k)
{
    if (k->failures) {
        log_line(LOG_INFO, "keystore", "can be read again");
    }
    tell_standing(k, k->standing.store, "");
    k->failures = 0;
    k->retry_at_ms = 0;
    k->warn_at_ms = 0;
}

/* --- polls --------------------------------------------------------------------------------- */

static enum status open_store(struct keysync *k, struct err *err)
{
    char why[BACKEND_WHY_SIZE] = "";
    enum status status = k->open(k->config, k->standing.store, &k->store, why, sizeof why, err);
    if (status == STATUS_OK) {
        log_line(LOG_INFO, "keystore", "%s", why);
        tell_standing(k, k->store->ops->name, "");
        k->store->on_wait = on_wait;
        k->store->wait_ctx = k;
    }
    return status;
}

static void tell_empty(struct keysync *k)
{
    const char *warning = standing_warning(&k->standing, k->config, keytable_count(k->load.table));
    if (warning && !k->told_empty) {
        log_line(LOG_WARN, "keystore", "%s", warning);
    }
    k->told_empty = warning != NULL;
}

/* version was read before the rows: a write in between is noticed by the next poll. */
static enum status load(struct keysync *k, int64_t version, struct err *err)
{
    bool news = !k->loaded || version != k->version;
    enum status status = keyload_all(&k->load, k->store, news, err);
    if (status != STATUS_OK) {
        return status;
    }
    tell_empty(k);
    k->loaded = true;
    k->version = version;
    k->load_at_ms = clock_mono_ms() + (uint64_t)k->config->refresh_seconds * 1000;
    return STATUS_OK;
}

static enum status sync_once(struct keysync *k, struct err *err)
{
    int64_t version;
    enum status status = k->store->ops->version(k->store, &version, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (!k->loaded || version != k->version || clock_mono_ms() >= k->load_at_ms) {
        status = load(k, version, err);
    }
    if (status == STATUS_OK) {
        directory_confirm(k->segment, clock_real_ms());
    }
    return status;
}

enum status keysync_tick(struct keysync *k, struct err *err)
{
    clock_tick();
    if (clock_mono_ms() < k->retry_at_ms) {
        return STATUS_OK;
    }
    if (!k->store) {
        enum status status = open_store(k, err);
        if (status != STATUS_OK) {
            failed(k, err);
            return hopeless(status) ? status : STATUS_OK;
        }
    }
    if (sync_once(k, err) == STATUS_OK) {
        answered(k);
    } else {
        failed(k, err);
    }
    return STATUS_OK;
}

void keysync_reload(struct keysync *k)
{
    k->load_at_ms = 0;
    k->retry_at_ms = 0;
}

struct keystore *keysync_store(struct keysync *k)
{
    return k->loaded && k->failures == 0 ? k->store : NULL;
}

void keysync_id(const struct keysync *k, const uint8_t digest[32], char out[KEYSTORE_ID_MAX + 1])
{
    keyids_find(&k->load.ids, digest, out);
}

/* --- questions ----------------------------------------------------------------------------- */

/* Rows of this program first, then those of the older tools, whose partition key is the
 * key itself. */
static enum status fetch_row(struct keysync *k, const struct keymiss_question *q,
                             struct keystore_row *out, struct err *err)
{
    char id[KEYSTORE_ID_MAX + 1] = "sha256:";
    text_hex(q->digest, sizeof q->digest, id + 7);
    counters_add(COUNTER_STORE_READS, 1);
    enum status status = k->store->ops->get(k->store, id, out, err);
    if (status != STATUS_NOT_FOUND || !k->config->allow_clear_keys || q->key_len == 0) {
        return status;
    }
    text_copy((struct str){q->key, q->key_len}, id, sizeof id);
    counters_add(COUNTER_STORE_READS, 1);
    status = k->store->ops->get(k->store, id, out, err);
    text_wipe(id, sizeof id);
    return status;
}

static enum keymiss_result look_up(struct keysync *k, const struct keymiss_question *q)
{
    struct keystore_row row;
    struct err err;
    enum status status = fetch_row(k, q, &row, &err);
    enum keymiss_result result = KEYMISS_UNAVAILABLE;
    if (status == STATUS_OK) {
        result = keyload_one(&k->load, q->digest, &row);
    } else if (status == STATUS_NOT_FOUND) {
        result = KEYMISS_ABSENT;
    } else {
        failed(k, &err);
    }
    if (result == KEYMISS_ABSENT) {
        absent_add(&k->absent, q->digest, clock_mono_ms());
    }
    text_wipe(&row, sizeof row); /* its id may be a clear key */
    return result;
}

/* What can be said without the store; PENDING: nothing. */
static enum keymiss_result known(const struct keysync *k, const struct keymiss_question *q)
{
    if (keyload_has(&k->load, q->digest)) {
        return KEYMISS_FOUND;
    }
    if (absent_has(&k->absent, q->digest, clock_mono_ms())) {
        return KEYMISS_ABSENT;
    }
    return k->loaded && k->failures == 0 ? KEYMISS_PENDING : KEYMISS_UNAVAILABLE;
}

static bool next_question(struct keysync *k, struct keymiss_question *out)
{
    if (k->holding) {
        *out = k->held;
        k->holding = false;
        text_wipe(&k->held, sizeof k->held);
        return true;
    }
    return keymiss_next(k->segment, out);
}

/* Answers up to a batch; found ones after one publication for all. Returns the ms to wait, 0: not
 * yet. */
static uint64_t answer_batch(struct keysync *k, uint32_t *count_out)
{
    struct keymiss_question q, found[QUESTIONS_BATCH];
    uint32_t found_count = 0;
    bool added = false;
    uint64_t wait_ms = 0;
    for (*count_out = 0; *count_out < QUESTIONS_BATCH && next_question(k, &q); ++*count_out) {
        enum keymiss_result result = known(k, &q);
        if (result == KEYMISS_PENDING) {
            struct bucket_answer a =
                bucket_take(&k->lookups, clock_now_ns(), KEYSYNC_LOOKUPS_PER_SECOND, SECOND_NS);
            if (!a.allowed) {
                k->held = q;
                k->holding = true;
                wait_ms = a.retry_ns / 1000000 + 1;
                break;
            }
            result = look_up(k, &q);
            added |= result == KEYMISS_FOUND;
        }
        if (result == KEYMISS_FOUND) {
            found[found_count++] = q;
        } else {
            keymiss_answer(k->segment, &q, result);
        }
    }
    if (added) {
        keyload_publish(&k->load);
    }
    for (uint32_t i = 0; i < found_count; i++) {
        keymiss_answer(k->segment, &found[i], KEYMISS_FOUND);
    }
    text_wipe(&q, sizeof q);
    text_wipe(found, found_count * sizeof found[0]);
    return wait_ms;
}

uint64_t keysync_questions(struct keysync *k)
{
    uint32_t count;
    uint64_t wait_ms;
    clock_tick();
    do {
        wait_ms = answer_batch(k, &count);
    } while (wait_ms == 0 && count == QUESTIONS_BATCH);
    return wait_ms;
}
