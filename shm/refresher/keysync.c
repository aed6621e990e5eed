#include "shm/refresher/keysync.h"

#include <string.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "shm/refresher/absent.h"
#include "shm/memory/bucket.h"
#include "shm/refresher/budgets.h"
#include "shm/memory/counters.h"
#include "shm/store/keyids.h"
#include "shm/memory/keymiss.h"
#include "shm/refresher/keytable.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/standing.h"

#define SECOND_NS       1000000000ull
#define WARN_EVERY_MS   60000u
#define STALE_GRACE_MS  5000u /* polls come each second and a busy file takes up to 5 s */
#define NOTED_MAX       256u
#define ROWS_PER_BEAT   4096u
#define QUESTIONS_BATCH 64u

struct keysync {
    const struct config *config;
    struct segment *segment;
    keysync_open_fn *open;
    struct keystore *store; /* NULL until it opens */
    bool (*leaving)(void *ctx);
    void *leaving_ctx;
    struct keytable *table;
    struct budgets *budgets;
    struct keyids ids;
    struct absent absent;

    bool loaded; /* by this process, not a predecessor */
    int64_t version;
    uint64_t load_at_ms; /* next full load */

    struct standing standing; /* as told */
    uint32_t failures;        /* in a row */
    uint64_t retry_at_ms;
    uint64_t warn_at_ms;

    /* the load that is running */
    uint64_t rows, skipped, no_room;
    bool out_of_memory;
    uint64_t told_skipped; /* of the last load that was logged */
    bool told_betas;       /* the warning about them was given */
    bool told_no_room;
    bool told_empty;
    uint64_t noted[NOTED_MAX]; /* ids of bad rows that were logged */
    uint32_t noted_count;

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
    k->table = keytable_new(s, clock_mono_ms());
    k->budgets = budgets_new(s);
    if (!k->table || !k->budgets) {
        keytable_drop(k->table);
        budgets_drop(k->budgets);
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
        keytable_drop(k->table);
        budgets_drop(k->budgets);
        keyids_free(&k->ids);
        text_wipe(k, sizeof *k);
        heap_drop(k);
    }
}

void keysync_leaving(struct keysync *k, bool (*fn)(void *ctx), void *ctx)
{
    k->leaving = fn;
    k->leaving_ctx = ctx;
}

static bool is_leaving(const struct keysync *k)
{
    return k->leaving && k->leaving(k->leaving_ctx);
}

/* The loop of the process stands still meanwhile, so the sign of life comes from here. */
static bool on_wait(void *ctx)
{
    const struct keysync *k = ctx;
    scoreboard_beat(k->segment, 0, clock_now_ns() / 1000000);
    return !is_leaving(k);
}

/* --- an outage ------------------------------------------------------------------------------- */

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
    if (is_leaving(k)) {
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

/* --- a full load ----------------------------------------------------------------------------- */

/* Marks the row as logged; false: it was already, or too many were. */
static bool note(struct keysync *k, uint64_t id)
{
    for (uint32_t i = 0; i < k->noted_count; i++) {
        if (k->noted[i] == id) {
            return false;
        }
    }
    if (k->noted_count == NOTED_MAX) {
        return false;
    }
    k->noted[k->noted_count++] = id;
    return true;
}

/* The id may be a clear key: only the first 8 hex digits of its digest are shown. */
static void skip_row(struct keysync *k, const struct keystore_row *row, const struct err *err)
{
    uint8_t digest[32];
    uint64_t id;
    if (!keystore_digest(row, digest)) {
        sha256(row->id, strlen(row->id), digest);
    }
    memcpy(&id, digest, sizeof id);
    k->skipped++;
    counters_add(COUNTER_ROWS_SKIPPED, 1);
    if (note(k, id)) {
        char hex[9] = "";
        text_hex(digest, 4, hex);
        log_line(LOG_WARN, "keystore", "row of key %s is skipped: %s", hex, err->text);
    }
}

/* A bad row keeps its last good values, but never those of a clear key that is not wanted any more.
 */
static enum keytable_staged stage_bad(struct keysync *k, const struct keystore_row *row,
                                      const struct directory_key *cell)
{
    uint8_t digest[32];
    if (((cell->flags & DIRECTORY_CLEAR) && !k->config->allow_clear_keys) ||
        !keystore_digest(row, digest)) {
        return KEYTABLE_STAGED;
    }
    return keytable_stage_old(k->table, digest, row->active);
}

/* What the table has no place for: the money spent, and the id that usage rows go under. */
static bool stage_rest(struct keysync *k, const struct keystore_row *row)
{
    uint8_t digest[32];
    return !keystore_digest(row, digest) ||
           (budgets_stage(k->budgets, digest, row) && keyids_stage(&k->ids, digest, row->id));
}

static bool on_row(void *ctx, const struct keystore_row *row)
{
    struct keysync *k = ctx;
    struct directory_key cell;
    struct err err;
    enum keytable_staged staged;
    if (++k->rows % ROWS_PER_BEAT == 0) {
        scoreboard_beat(k->segment, 0, clock_now_ns() / 1000000);
    }
    if (keystore_cell(row, k->config->allow_clear_keys, &cell, &err) == STATUS_OK) {
        staged = keytable_stage(k->table, &cell);
    } else {
        skip_row(k, row, &err);
        staged = stage_bad(k, row, &cell);
    }
    k->no_room += staged == KEYTABLE_FULL;
    k->out_of_memory = staged == KEYTABLE_NO_MEMORY || !stage_rest(k, row);
    return !k->out_of_memory;
}

/* A mapping or a price that has no place; what: "model mapping", "price". */
static void skip_named(struct keysync *k, const char *what, struct str name)
{
    uint8_t digest[32];
    uint64_t id;
    k->skipped++;
    counters_add(COUNTER_ROWS_SKIPPED, 1);
    sha256(name.p, name.n, digest);
    memcpy(&id, digest, sizeof id);
    if (note(k, id)) {
        log_line(LOG_WARN, "keystore",
                 "%s of %.*s is skipped: empty, too long, no such value or too many", what,
                 (int)(name.n < 80 ? name.n : 80), name.p);
    }
}

static bool on_mapping(void *ctx, struct str from, struct str to)
{
    struct keysync *k = ctx;
    if (!keytable_stage_mapping(k->table, from, to)) {
        skip_named(k, "model mapping", from);
    }
    return true;
}

static bool on_price(void *ctx, const struct keystore_price *price)
{
    struct keysync *k = ctx;
    if (price->active &&
        !(price->readable &&
          keytable_stage_price(k->table, text_from(price->model), &price->price))) {
        skip_named(k, "price", text_from(price->model));
    }
    return true;
}

static bool on_beta(void *ctx, const struct directory_beta *rule, bool whole)
{
    struct keysync *k = ctx;
    if (!whole || !keytable_stage_beta(k->table, rule)) {
        skip_named(k, "beta header", text_from(rule->name));
    }
    return true;
}

/* Rules for betas are not worth a revocation that comes late: a table of them that cannot be read
 * leaves those in use and does not stop the load. */
static void stage_betas(struct keysync *k)
{
    struct err err;
    if (!k->store->ops->betas || k->store->ops->betas(k->store, on_beta, k, &err) == STATUS_OK) {
        k->told_betas = false;
        return;
    }
    keytable_stage_old_betas(k->table);
    if (!k->told_betas && !is_leaving(k)) {
        log_line(LOG_WARN, "keystore", "the beta headers cannot be read, those in use stay: %s",
                 err.text);
        k->told_betas = true;
    }
}

static enum status stage_all(struct keysync *k, struct err *err)
{
    k->rows = k->skipped = k->no_room = 0;
    k->out_of_memory = false;
    keytable_begin(k->table);
    budgets_begin(k->budgets);
    keyids_begin(&k->ids);
    enum status status = k->store->ops->scan(k->store, on_row, k, err);
    if (status == STATUS_OK && k->out_of_memory) {
        status = err_set(err, STATUS_UNAVAILABLE, "out of memory after %llu rows",
                         (unsigned long long)k->rows);
    }
    if (status == STATUS_OK) {
        status = k->store->ops->mappings(k->store, on_mapping, k, err);
    }
    if (status == STATUS_OK) {
        status = keystore_prices(k->store, on_price, k, err);
    }
    if (status == STATUS_OK) {
        stage_betas(k);
    }
    return status;
}

static void tell(struct keysync *k, int64_t version)
{
    bool news = !k->loaded || version != k->version || k->skipped != k->told_skipped;
    log_line(news ? LOG_INFO : LOG_DEBUG, "keystore",
             "loaded %u keys, %u model mappings, skipped %llu rows", keytable_count(k->table),
             keytable_mappings(k->table), (unsigned long long)k->skipped);
    k->told_skipped = k->skipped;
    if (k->no_room && !k->told_no_room) {
        log_line(LOG_ERROR, "keystore", "%llu keys do not work: the table is full, raise MAX_KEYS",
                 (unsigned long long)k->no_room);
    }
    k->told_no_room = k->no_room != 0;
    const char *warning = standing_warning(&k->standing, k->config, keytable_count(k->table));
    if (warning && !k->told_empty) {
        log_line(LOG_WARN, "keystore", "%s", warning);
    }
    k->told_empty = warning != NULL;
}

/* version was read before the rows: a write in between is noticed by the next poll. */
static enum status load(struct keysync *k, int64_t version, struct err *err)
{
    counters_add(COUNTER_STORE_READS, 1);
    enum status status = stage_all(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    keytable_commit(k->table, clock_mono_ms());
    keyids_commit(&k->ids);
    budgets_publish(k->budgets, k->table);
    k->no_room += keytable_publish(k->table, clock_real_ms());
    tell(k, version);
    k->loaded = true;
    k->version = version;
    k->load_at_ms = clock_mono_ms() + (uint64_t)k->config->refresh_seconds * 1000;
    return STATUS_OK;
}

static enum status open_store(struct keysync *k, struct err *err)
{
    char why[KEYSTORE_WHY_SIZE] = "";
    enum status status = k->open(k->config, k->standing.store, &k->store, why, sizeof why, err);
    if (status == STATUS_OK) {
        log_line(LOG_INFO, "keystore", "%s", why);
        tell_standing(k, k->store->ops->name, "");
        k->store->on_wait = on_wait;
        k->store->wait_ctx = k;
    }
    return status;
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
    keyids_find(&k->ids, digest, out);
}

/* --- questions ------------------------------------------------------------------------------- */

/* Rows of this program first, then those of the older tools, whose partition key is the key itself.
 */
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

/* The row must be the asked key's: "sha256:<hex>" sent as a key finds another one's row. */
static enum keymiss_result take_row(struct keysync *k, const struct keymiss_question *q,
                                    const struct keystore_row *row)
{
    struct directory_key cell;
    struct err err;
    if (keystore_cell(row, k->config->allow_clear_keys, &cell, &err) != STATUS_OK) {
        skip_row(k, row, &err);
        return KEYMISS_ABSENT;
    }
    if (memcmp(cell.digest, q->digest, sizeof cell.digest) != 0) {
        return KEYMISS_ABSENT;
    }
    budgets_begin(k->budgets);
    if (!keytable_add(k->table, &cell, clock_mono_ms()) ||
        !keyids_add(&k->ids, cell.digest, row->id) ||
        !budgets_stage(k->budgets, cell.digest, row)) {
        return KEYMISS_UNAVAILABLE;
    }
    budgets_publish(k->budgets, k->table);
    return KEYMISS_FOUND;
}

static enum keymiss_result look_up(struct keysync *k, const struct keymiss_question *q)
{
    struct keystore_row row;
    struct err err;
    enum status status = fetch_row(k, q, &row, &err);
    enum keymiss_result result = KEYMISS_UNAVAILABLE;
    if (status == STATUS_OK) {
        result = take_row(k, q, &row);
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
    if (keytable_has(k->table, q->digest)) {
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
        keytable_publish(k->table, clock_real_ms());
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
