/* A wrong bill: keystore_bill.h. A row and the sums of its key are one transaction, which is short, so
 * that a running server's own writes wait for it no longer than for each other. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"

#define PAGE 256

static enum status prepare(struct store *k, const char *sql, sqlite3_stmt **out, struct err *err)
{
    *out = NULL;
    return sqlite3_prepare_v2(k->db, sql, -1, out, NULL) == SQLITE_OK
               ? STATUS_OK
               : keystore_sqlite_db_trouble(k, err);
}

static enum status begin(struct store *k, struct err *err)
{
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK ? keystore_sqlite_db_run(k, "BEGIN IMMEDIATE", err) : status;
}

static enum status end(struct store *k, enum status status, struct err *err)
{
    if (status == STATUS_OK) {
        status = keystore_sqlite_db_run(k, "COMMIT", err);
    }
    if (status != STATUS_OK) {
        sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* --- the rows ------------------------------------------------------------------------------ */

static uint64_t count_at(sqlite3_stmt *st, int column)
{
    int64_t n = sqlite3_column_int64(st, column);
    return n > 0 ? (uint64_t)n : 0;
}

static void read_row(sqlite3_stmt *st, struct keystore_bill_row *r)
{
    uint64_t written = count_at(st, 10), hour = count_at(st, 11);
    hour = hour < written ? hour : written;
    *r = (struct keystore_bill_row){.tokens = {.input = count_at(st, 7),
                                               .output = count_at(st, 8),
                                               .cache_read = count_at(st, 9),
                                               .write_5m = written - hour,
                                               .write_1h = hour},
                                    .started_ms = sqlite3_column_int64(st, 3),
                                    .cost_micro = count_at(st, 13)};
    r->ended_ms = r->started_ms + sqlite3_column_int64(st, 12);
    text_copy(keystore_sqlite_db_text(st, 1), r->id, sizeof r->id);
    text_copy(keystore_sqlite_db_text(st, 2), r->place, sizeof r->place);
    text_copy(keystore_sqlite_db_text(st, 4), r->model, sizeof r->model);
    text_copy(keystore_sqlite_db_text(st, 5), r->bedrock_model, sizeof r->bedrock_model);
    text_copy(keystore_sqlite_db_text(st, 6), r->service_tier, sizeof r->service_tier);
}

static enum status read_page(struct store *k, sqlite3_stmt *st, int64_t *after,
                             struct keystore_bill_row *page, size_t *n_out, struct err *err)
{
    int rc = sqlite3_bind_int64(st, 1, *after);
    size_t n = 0;
    while (rc == SQLITE_OK && n < PAGE && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *after = sqlite3_column_int64(st, 0);
        read_row(st, &page[n++]);
        rc = SQLITE_OK;
    }
    *n_out = n;
    enum status status =
        rc == SQLITE_OK || rc == SQLITE_DONE ? STATUS_OK : keystore_sqlite_db_trouble(k, err);
    sqlite3_reset(st);
    return status;
}

/* Page by page, so that nothing is being read while fn writes. */
static enum status rows(struct keystore *base, int64_t from_ms, int64_t to_ms,
                        bool (*fn)(void *ctx, const struct keystore_bill_row *row), void *ctx,
                        struct err *err)
{
    static const char sql[] =
        "SELECT rowid, api_key, usage_id, timestamp, model, resolved_model, service_tier,"
        " input_tokens, output_tokens, cached_tokens, cache_write_input_tokens,"
        " cache_write_1h_tokens, duration_ms, cost_micro FROM usage"
        " WHERE rowid > ?1 AND timestamp >= ?2 AND timestamp < ?3 ORDER BY rowid LIMIT 256";
    struct store *k = (struct store *)base;
    struct keystore_bill_row *page = heap_new(PAGE * sizeof *page);
    sqlite3_stmt *st = NULL;
    int64_t after = -1;
    size_t n = PAGE;
    enum status status =
        page ? keystore_sqlite_db_ready(k, err) : err_set(err, STATUS_UNAVAILABLE, "out of memory");
    status = status == STATUS_OK ? prepare(k, sql, &st, err) : status;
    if (status == STATUS_OK && (sqlite3_bind_int64(st, 2, from_ms) != SQLITE_OK ||
                                sqlite3_bind_int64(st, 3, to_ms) != SQLITE_OK)) {
        status = keystore_sqlite_db_trouble(k, err);
    }
    for (bool more = true; status == STATUS_OK && more && n == PAGE;) {
        status = read_page(k, st, &after, page, &n, err);
        for (size_t i = 0; i < n && status == STATUS_OK && more; i++) {
            more = fn(ctx, &page[i]);
        }
    }
    sqlite3_finalize(st);
    if (page) {
        text_wipe(page, PAGE * sizeof *page); /* ids of clear keys */
        heap_drop(page);
    }
    return status;
}

/* --- other costs --------------------------------------------------------------------------- */

struct correction {
    sqlite3_stmt *update;
    bool has_budget;
    struct keystore_budget budget;
};

static enum status correct_one(struct store *k, struct correction *c,
                               const struct keystore_bill_row *r, bool *changed_out,
                               struct err *err)
{
    struct keystore_budget *b = &c->budget;
    int rc = sqlite3_bind_int64(c->update, 1, (int64_t)r->right_micro) |
             keystore_sqlite_db_bind(c->update, 2, r->place) |
             sqlite3_bind_int64(c->update, 3, (int64_t)r->cost_micro);
    enum status status = keystore_sqlite_budget_do(k, c->update, rc, err);
    *changed_out = status == STATUS_OK && sqlite3_changes(k->db) > 0;
    if (!*changed_out || !c->has_budget) {
        return status;
    }
    bool was_active = b->active;
    keystore_budget_correct(b, r->started_ms, r->ended_ms, r->cost_micro, r->right_micro);
    return keystore_sqlite_budget_write(k, r->id, b, was_active, err);
}

static enum status correct_all(struct store *k, const struct keystore_bill_row *rows, size_t n,
                               size_t *changed_out, struct err *err)
{
    struct correction c = {.update = NULL};
    enum status status = prepare(
        k, "UPDATE usage SET cost_micro = ? WHERE usage_id = ? AND cost_micro = ?", &c.update, err);
    if (status == STATUS_OK) {
        status = keystore_sqlite_budget_read(k, rows[0].id, &c.budget, &c.has_budget, err);
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        bool changed;
        status = correct_one(k, &c, &rows[i], &changed, err);
        *changed_out += changed;
    }
    sqlite3_finalize(c.update);
    return status;
}

static enum status correct(struct keystore *base, const struct keystore_bill_row *rows, size_t n,
                           size_t *changed_out, struct err *err)
{
    struct store *k = (struct store *)base;
    size_t changed = 0;
    enum status status = begin(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = end(k, correct_all(k, rows, n, &changed, err), err);
    *changed_out += status == STATUS_OK ? changed : 0;
    return status;
}

static void corrected(struct keystore *base)
{
    struct err err;
    (void)!keystore_sqlite_db_run((struct store *)base,
                                  "UPDATE meta SET value = value + 1 WHERE name = 'version'", &err);
}

/* --- a month set back ---------------------------------------------------------------------- */

static enum status write_audit(struct store *k, const char *id, const struct keystore_budget *b,
                               int64_t now_ms, struct err *err)
{
    sqlite3_stmt *st;
    enum status status =
        prepare(k, "INSERT INTO audit VALUES(?, 'reset-spend', ?, nullif(?, ''), ?, 0)", &st, err);
    if (status != STATUS_OK) {
        return status;
    }
    int rc = sqlite3_bind_int64(st, 1, now_ms) | keystore_sqlite_db_bind(st, 2, id) |
             keystore_sqlite_db_bind(st, 3, b->month) | sqlite3_bind_int64(st, 4, b->mtd_micro);
    status = keystore_sqlite_budget_do(k, st, rc, err);
    sqlite3_finalize(st);
    return status;
}

/* The key may be in clear: what is shown of it is of its digest. */
static void read_audit(sqlite3_stmt *st, struct keystore_audit *out)
{
    struct keystore_row key = {0};
    uint8_t digest[32];
    *out = (struct keystore_audit){.at_ms = sqlite3_column_int64(st, 0),
                                   .before_micro = sqlite3_column_int64(st, 4),
                                   .after_micro = sqlite3_column_int64(st, 5)};
    text_copy(keystore_sqlite_db_text(st, 1), out->action, sizeof out->action);
    text_copy(keystore_sqlite_db_text(st, 2), key.id, sizeof key.id);
    text_copy(keystore_sqlite_db_text(st, 3), out->month, sizeof out->month);
    if (keystore_digest(&key, digest)) {
        text_hex(digest, (sizeof out->key_id - 1) / 2, out->key_id);
    }
    text_wipe(&key, sizeof key);
}

static enum status audit(struct keystore *base, int64_t from_ms, int64_t to_ms,
                         bool (*fn)(void *ctx, const struct keystore_audit *row), void *ctx,
                         struct err *err)
{
    struct store *k = (struct store *)base;
    sqlite3_stmt *st = NULL;
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status == STATUS_OK) {
        status = prepare(k,
                         "SELECT at, action, api_key, month, before_micro, after_micro FROM audit"
                         " WHERE at >= ? AND at < ? ORDER BY at",
                         &st, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int rc = sqlite3_bind_int64(st, 1, from_ms) | sqlite3_bind_int64(st, 2, to_ms);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct keystore_audit row;
        read_audit(st, &row);
        rc = fn(ctx, &row) ? SQLITE_OK : SQLITE_DONE;
    }
    status = rc == SQLITE_DONE ? STATUS_OK : keystore_sqlite_db_trouble(k, err);
    sqlite3_finalize(st);
    return status;
}

static enum status reset_one(struct store *k, const char *id, int64_t *was_micro_out,
                             struct err *err)
{
    int64_t now_ms = clock_real_now_ms();
    struct keystore_budget b;
    bool found;
    enum status status = keystore_sqlite_budget_read(k, id, &b, &found, err);
    if (status == STATUS_OK && !found) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    }
    if (status == STATUS_OK) {
        status = write_audit(k, id, &b, now_ms, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool was_active = b.active;
    *was_micro_out = b.mtd_micro;
    keystore_budget_reset(&b, now_ms);
    return keystore_sqlite_budget_write(k, id, &b, was_active, err);
}

static enum status reset_spend(struct keystore *base, const char *id, int64_t *was_micro_out,
                               struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = begin(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = reset_one(k, id, was_micro_out, err);
    if (status == STATUS_OK) {
        status = keystore_sqlite_db_run(
            k, "UPDATE meta SET value = value + 1 WHERE name = 'version'", err);
    }
    return end(k, status, err);
}

const struct keystore_bill_ops keystore_sqlite_bill = {
    .audit = audit,
    .rows = rows,
    .correct = correct,
    .reset_spend = reset_spend,
    .corrected = corrected,
};
