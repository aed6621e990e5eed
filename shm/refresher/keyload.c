#include "shm/refresher/keyload.h"

#include <string.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"

#define ROWS_PER_BEAT 4096u

bool keyload_init(struct keyload *l, const struct config *c, struct segment *s)
{
    *l = (struct keyload){.config = c, .segment = s};
    l->table = keytable_new(s, clock_mono_ms());
    l->budgets = budgets_new(s);
    if (!l->table || !l->budgets) {
        keyload_free(l);
        return false;
    }
    return true;
}

void keyload_free(struct keyload *l)
{
    keytable_drop(l->table);
    budgets_drop(l->budgets);
    keyids_free(&l->ids);
    *l = (struct keyload){.table = NULL};
}

/* --- rows that are skipped ----------------------------------------------------------------- */

/* Marks the row as logged; false: it was already, or too many were. */
static bool note(struct keyload *l, uint64_t id)
{
    for (uint32_t i = 0; i < l->noted_count; i++) {
        if (l->noted[i] == id) {
            return false;
        }
    }
    if (l->noted_count == KEYLOAD_NOTED_MAX) {
        return false;
    }
    l->noted[l->noted_count++] = id;
    return true;
}

/* The id may be a clear key: only the first 8 hex digits of its digest are shown. */
static void skip_row(struct keyload *l, const struct keystore_row *row, const struct err *err)
{
    uint8_t digest[32];
    uint64_t id;
    if (!keystore_digest(row, digest)) {
        sha256(row->id, strlen(row->id), digest);
    }
    memcpy(&id, digest, sizeof id);
    l->skipped++;
    counters_add(COUNTER_ROWS_SKIPPED, 1);
    if (note(l, id)) {
        char hex[9] = "";
        text_hex(digest, 4, hex);
        log_line(LOG_WARN, "keystore", "row of key %s is skipped: %s", hex, err->text);
    }
}

/* --- rows that come in --------------------------------------------------------------------- */

/* A bad row keeps its last good values, but never those of a clear key that is not wanted
 * any more. */
static enum keytable_staged stage_bad(struct keyload *l, const struct keystore_row *row,
                                      const struct directory_key *cell)
{
    uint8_t digest[32];
    if (((cell->flags & DIRECTORY_CLEAR) && !l->config->allow_clear_keys) ||
        !keystore_digest(row, digest)) {
        return KEYTABLE_STAGED;
    }
    return keytable_stage_old(l->table, digest, row->active);
}

static enum keytable_staged stage_terms(struct keyload *l, const struct keystore_row *row,
                                        const struct directory_key *cell)
{
    struct directory_terms terms;
    keystore_terms(row, cell->digest, &terms);
    return keytable_stage_terms(l->table, &terms);
}

/* What the table has no place for: the money spent, and the id that usage rows go under. */
static bool stage_rest(struct keyload *l, const struct keystore_row *row)
{
    uint8_t digest[32];
    return !keystore_digest(row, digest) ||
           (budgets_stage(l->budgets, digest, row) && keyids_stage(&l->ids, digest, row->id));
}

static bool on_row(void *ctx, const struct keystore_row *row)
{
    struct keyload *l = ctx;
    struct directory_key cell;
    struct err err;
    enum keytable_staged staged;
    if (++l->rows % ROWS_PER_BEAT == 0) {
        scoreboard_beat(l->segment, 0, clock_now_ns() / 1000000);
    }
    if (keystore_cell(row, l->config->allow_clear_keys, &cell, &err) == STATUS_OK) {
        staged = keytable_stage(l->table, &cell);
        if (staged == KEYTABLE_STAGED && (cell.flags & DIRECTORY_TERMS)) {
            staged = stage_terms(l, row, &cell);
        }
    } else {
        skip_row(l, row, &err);
        staged = stage_bad(l, row, &cell);
    }
    l->no_room += staged == KEYTABLE_FULL;
    l->out_of_memory = staged == KEYTABLE_NO_MEMORY || !stage_rest(l, row);
    return !l->out_of_memory;
}

/* A mapping or a price that has no place; what: "model mapping", "price". */
static void skip_named(struct keyload *l, const char *what, struct str name)
{
    uint8_t digest[32];
    uint64_t id;
    l->skipped++;
    counters_add(COUNTER_ROWS_SKIPPED, 1);
    sha256(name.p, name.n, digest);
    memcpy(&id, digest, sizeof id);
    if (note(l, id)) {
        log_line(LOG_WARN, "keystore",
                 "%s of %.*s is skipped: empty, too long, no such value or too many", what,
                 (int)(name.n < 80 ? name.n : 80), name.p);
    }
}

static bool on_mapping(void *ctx, const struct keystore_mapping *m)
{
    struct keyload *l = ctx;
    if (!keytable_stage_mapping(l->table, m->from, m->to, m->as)) {
        skip_named(l, "model mapping", m->from);
    }
    return true;
}

static bool on_price(void *ctx, const struct keystore_price *price)
{
    struct keyload *l = ctx;
    if (price->active &&
        !(price->readable &&
          keytable_stage_price(l->table, text_from(price->model), &price->price))) {
        skip_named(l, "price", text_from(price->model));
    }
    return true;
}

static bool on_beta(void *ctx, const struct directory_beta *rule, bool whole)
{
    struct keyload *l = ctx;
    if (!whole || !keytable_stage_beta(l->table, rule)) {
        skip_named(l, "beta header", text_from(rule->name));
    }
    return true;
}

/* The process is to leave: the store was not asked to the end. */
static bool given_up(const struct keystore *store)
{
    return store->on_wait && !store->on_wait(store->wait_ctx);
}

/* Rules for betas are not worth a revocation that comes late: a table of them that cannot be read
 * leaves those in use and does not stop the load. */
static void stage_betas(struct keyload *l, struct keystore *store)
{
    struct err err;
    if (!store->ops->betas || store->ops->betas(store, on_beta, l, &err) == STATUS_OK) {
        l->told_betas = false;
        return;
    }
    keytable_stage_old_betas(l->table);
    if (!l->told_betas && !given_up(store)) {
        log_line(LOG_WARN, "keystore", "the beta headers cannot be read, those in use stay: %s",
                 err.text);
        l->told_betas = true;
    }
}

static enum status stage_all(struct keyload *l, struct keystore *store, struct err *err)
{
    l->rows = l->skipped = l->no_room = 0;
    l->out_of_memory = false;
    keytable_begin(l->table);
    budgets_begin(l->budgets);
    keyids_begin(&l->ids);
    enum status status = store->ops->scan(store, on_row, l, err);
    if (status == STATUS_OK && l->out_of_memory) {
        status = err_set(err, STATUS_UNAVAILABLE, "out of memory after %llu rows",
                         (unsigned long long)l->rows);
    }
    if (status == STATUS_OK) {
        status = store->ops->mappings(store, on_mapping, l, err);
    }
    if (status == STATUS_OK) {
        status = keystore_prices(store, on_price, l, err);
    }
    if (status == STATUS_OK) {
        stage_betas(l, store);
    }
    return status;
}

static void tell(struct keyload *l, bool news)
{
    news = news || l->skipped != l->told_skipped;
    log_line(news ? LOG_INFO : LOG_DEBUG, "keystore",
             "loaded %u keys, %u model mappings, skipped %llu rows", keytable_count(l->table),
             keytable_mappings(l->table), (unsigned long long)l->skipped);
    l->told_skipped = l->skipped;
    if (l->no_room && !l->told_no_room) {
        log_line(LOG_ERROR, "keystore", "%llu keys do not work: the table is full, raise MAX_KEYS",
                 (unsigned long long)l->no_room);
    }
    l->told_no_room = l->no_room != 0;
}

enum status keyload_all(struct keyload *l, struct keystore *store, bool news, struct err *err)
{
    counters_add(COUNTER_STORE_READS, 1);
    enum status status = stage_all(l, store, err);
    if (status != STATUS_OK) {
        return status;
    }
    keytable_commit(l->table, clock_mono_ms());
    keyids_commit(&l->ids);
    budgets_publish(l->budgets, l->table);
    l->no_room += keytable_publish(l->table, clock_real_ms());
    tell(l, news);
    return STATUS_OK;
}

/* --- one key by itself --------------------------------------------------------------------- */

bool keyload_has(const struct keyload *l, const uint8_t digest[32])
{
    return keytable_has(l->table, digest);
}

/* The row must be the asked key's: "sha256:<hex>" sent as a key finds another one's row. */
enum keymiss_result keyload_one(struct keyload *l, const uint8_t digest[32],
                                const struct keystore_row *row)
{
    struct directory_key cell;
    struct err err;
    if (keystore_cell(row, l->config->allow_clear_keys, &cell, &err) != STATUS_OK) {
        skip_row(l, row, &err);
        return KEYMISS_ABSENT;
    }
    if (memcmp(cell.digest, digest, sizeof cell.digest) != 0) {
        return KEYMISS_ABSENT;
    }
    struct directory_terms terms;
    keystore_terms(row, cell.digest, &terms);
    budgets_begin(l->budgets);
    if (!keytable_add(l->table, &cell, cell.flags & DIRECTORY_TERMS ? &terms : NULL,
                      clock_mono_ms()) ||
        !keyids_add(&l->ids, cell.digest, row->id) ||
        !budgets_stage(l->budgets, cell.digest, row)) {
        return KEYMISS_UNAVAILABLE;
    }
    budgets_publish(l->budgets, l->table);
    return KEYMISS_FOUND;
}

void keyload_publish(struct keyload *l)
{
    keytable_publish(l->table, clock_real_ms());
}
