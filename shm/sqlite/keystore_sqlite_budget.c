/* What a key has spent, in its row; and running the prepared statements that need it. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include <stdio.h>

#define PATH_SIZE 16 /* $."2026-01" */

/* --- running statements -------------------------------------------------------------------- */

/* One that gives no rows; its values are bound already (rc: whether that went well). */
enum status keystore_sqlite_budget_do(struct store *k, sqlite3_stmt *st, int rc, struct err *err)
{
    enum status status = STATUS_OK;
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE) {
        status = keystore_sqlite_db_trouble(k, err);
    }
    keystore_sqlite_db_finish(st);
    return status;
}

/* One that gives a row or none: *found_out; the row is read, and st finished, by the caller. */
static enum status find(struct store *k, sqlite3_stmt *st, int rc, bool *found_out, struct err *err)
{
    rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
    *found_out = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        return STATUS_OK;
    }
    enum status status = keystore_sqlite_db_trouble(k, err);
    keystore_sqlite_db_finish(st);
    return status;
}

/* --- a budget ------------------------------------------------------------------------------ */

static int64_t money_at(sqlite3_stmt *st, int column)
{
    int64_t micro;
    return keystore_money(keystore_sqlite_db_text(st, column), &micro) ? micro : 0;
}

enum status keystore_sqlite_budget_read(struct store *k, const char *id, struct keystore_budget *b,
                                        bool *found_out, struct err *err)
{
    sqlite3_stmt *st = k->statements[STATEMENT_BUDGET_GET];
    enum status status = find(k, st, keystore_sqlite_db_bind(st, 1, id), found_out, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (*found_out) {
        *b = (struct keystore_budget){.limit_micro = money_at(st, 0),
                                      .used_micro = money_at(st, 1),
                                      .mtd_micro = money_at(st, 2),
                                      .reset_ms = sqlite3_column_int64(st, 6),
                                      .active = sqlite3_column_int64(st, 4) == 1};
        text_copy(keystore_sqlite_db_text(st, 3), b->month, sizeof b->month);
        text_copy(keystore_sqlite_db_text(st, 5), b->reason, sizeof b->reason);
    }
    keystore_sqlite_db_finish(st);
    return STATUS_OK;
}

static enum status history_of(struct store *k, const char *id, const char *path, int64_t *micro_out,
                              struct err *err)
{
    sqlite3_stmt *st = k->statements[STATEMENT_HISTORY_GET];
    bool found;
    int rc = keystore_sqlite_db_bind(st, 1, path) | keystore_sqlite_db_bind(st, 2, id);
    enum status status = find(k, st, rc, &found, err);
    *micro_out = status == STATUS_OK && found ? money_at(st, 0) : 0;
    keystore_sqlite_db_finish(st);
    return status;
}

static enum status write_history(struct store *k, const char *id, const struct keystore_budget *b,
                                 struct err *err)
{
    char path[PATH_SIZE], usd[32];
    int64_t micro = 0;
    snprintf(path, sizeof path, "$.\"%.7s\"", b->history_month);
    enum status status = history_of(k, id, path, &micro, err);
    if (status != STATUS_OK) {
        return status;
    }
    micro += b->history_micro;
    keystore_history_text(micro > 0 ? micro : 0, usd);
    sqlite3_stmt *st = k->statements[STATEMENT_HISTORY_SET];
    int rc = keystore_sqlite_db_bind(st, 1, path) | keystore_sqlite_db_bind(st, 2, usd) |
             keystore_sqlite_db_bind(st, 3, id);
    return keystore_sqlite_budget_do(k, st, rc, err);
}

static enum status write_sums(struct store *k, const char *id, const struct keystore_budget *b,
                              struct err *err)
{
    char used[32], mtd[32];
    sqlite3_stmt *st = k->statements[STATEMENT_BUDGET_SET];
    keystore_money_text(b->used_micro, used);
    keystore_money_text(b->mtd_micro, mtd);
    int rc = keystore_sqlite_db_bind(st, 1, used) | keystore_sqlite_db_bind(st, 2, mtd) |
             keystore_sqlite_db_bind(st, 3, b->month) | sqlite3_bind_int64(st, 4, b->reset_ms) |
             keystore_sqlite_db_bind(st, 5, id);
    return keystore_sqlite_budget_do(k, st, rc, err);
}

static enum status write_active(struct store *k, const char *id, const struct keystore_budget *b,
                                struct err *err)
{
    sqlite3_stmt *st = k->statements[STATEMENT_BUDGET_ACTIVE];
    int rc = sqlite3_bind_int64(st, 1, b->active) | keystore_sqlite_db_bind(st, 2, b->reason) |
             keystore_sqlite_db_bind(st, 3, id);
    return keystore_sqlite_budget_do(k, st, rc, err);
}

enum status keystore_sqlite_budget_write(struct store *k, const char *id,
                                         const struct keystore_budget *b, bool was_active,
                                         struct err *err)
{
    enum status status = write_sums(k, id, b, err);
    if (status == STATUS_OK && b->history_month[0]) {
        status = write_history(k, id, b, err);
    }
    if (status == STATUS_OK && b->active != was_active) {
        status = write_active(k, id, b, err);
    }
    return status;
}
