#include "shm/sqlite/keystore_sqlite.h"

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "shm/sqlite/keystore_sqlite_private.h"
#include "shm/sqlite/keystore_sqlite_row.h"

struct scan {
    bool (*fn)(void *ctx, const struct keystore_row *row);
    void *ctx;
};

static bool scan_row(void *ctx, sqlite3_stmt *st)
{
    const struct scan *scan = ctx;
    struct keystore_row row;
    keystore_sqlite_row_read(st, &row);
    return scan->fn(scan->ctx, &row);
}

static enum status scan(struct keystore *base,
                        bool (*fn)(void *ctx, const struct keystore_row *row), void *ctx,
                        struct err *err)
{
    struct store *k = (struct store *)base;
    struct scan s = {fn, ctx};
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_db_walk(k, k->statements[STATEMENT_SCAN], scan_row, &s, err)
               : status;
}

static enum status get(struct keystore *base, const char *id, struct keystore_row *out,
                       struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_GET];
    int rc = keystore_sqlite_db_bind(st, 1, id);
    rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
    if (rc == SQLITE_ROW) {
        keystore_sqlite_row_read(st, out);
    } else if (rc == SQLITE_DONE) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    } else {
        status = keystore_sqlite_db_trouble(k, err);
    }
    keystore_sqlite_db_finish(st);
    return status;
}

static enum status put(struct keystore *base, const struct keystore_row *row, struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_PUT];
    int rc = keystore_sqlite_row_bind(st, row) ? sqlite3_step(st) : SQLITE_ERROR;
    if (rc != SQLITE_DONE) {
        status = rc == SQLITE_CONSTRAINT
                     ? err_set(err, STATUS_INVALID, "there is a key with this id already")
                     : keystore_sqlite_db_trouble(k, err);
    }
    keystore_sqlite_db_finish(st);
    return status;
}

static enum status revoke_key(struct keystore *base, const char *id, const char *reason,
                              struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_REVOKE];
    int rc = keystore_sqlite_db_bind(st, 1, reason) |
             sqlite3_bind_int64(st, 2, clock_real_now_ms() / 1000) |
             keystore_sqlite_db_bind(st, 3, id);
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE) {
        status = keystore_sqlite_db_trouble(k, err);
    } else if (sqlite3_changes(k->db) == 0) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    }
    keystore_sqlite_db_finish(st);
    return status;
}

struct mappings {
    bool (*fn)(void *ctx, const struct keystore_mapping *m);
    void *ctx;
};

static bool mappings_row(void *ctx, sqlite3_stmt *st)
{
    const struct mappings *m = ctx;
    struct keystore_mapping row = {.from = keystore_sqlite_db_text(st, 0),
                                   .to = keystore_sqlite_db_text(st, 1),
                                   .as = keystore_sqlite_db_text(st, 2)};
    return m->fn(m->ctx, &row);
}

static enum status mappings(struct keystore *base,
                            bool (*fn)(void *ctx, const struct keystore_mapping *m), void *ctx,
                            struct err *err)
{
    struct store *k = (struct store *)base;
    struct mappings m = {fn, ctx};
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK ? keystore_sqlite_db_walk(k, k->statements[STATEMENT_MAPPINGS],
                                                         mappings_row, &m, err)
                               : status;
}

static bool version_row(void *ctx, sqlite3_stmt *st)
{
    *(int64_t *)ctx = sqlite3_column_int64(st, 0);
    return true;
}

static enum status version(struct keystore *base, int64_t *out, struct err *err)
{
    struct store *k = (struct store *)base;
    *out = 0;
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_db_walk(k, k->statements[STATEMENT_VERSION], version_row, out, err)
               : status;
}

static void close_store(struct keystore *base)
{
    keystore_sqlite_db_close((struct store *)base);
    heap_drop(base);
}

static const struct keystore_ops ops = {
    .name = "sqlite",
    .scan = scan,
    .get = get,
    .put = put,
    .revoke = revoke_key,
    .mappings = mappings,
    .version = version,
    .put_usage = keystore_sqlite_put_usage,
    .usage = keystore_sqlite_usage,
    .prices = keystore_sqlite_prices,
    .betas = keystore_sqlite_betas,
    .seal_key = keystore_sqlite_seal_key,
    .edit = &keystore_sqlite_edit,
    .bill = &keystore_sqlite_bill,
    .close = close_store,
};

enum status keystore_sqlite_path(const struct config *c, char *out, size_t size, struct err *err)
{
    return keystore_sqlite_db_path(c, out, size, err);
}

enum status keystore_sqlite_exists(const struct config *c, struct err *err)
{
    return keystore_sqlite_db_exists(c, err);
}

enum status keystore_sqlite_open(const struct config *c, struct keystore **out, struct err *err)
{
    struct store *k = heap_new(sizeof *k);
    if (!k) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    k->base.ops = &ops;
    enum status status = keystore_sqlite_db_open(k, c, err);
    if (status != STATUS_OK) {
        heap_drop(k);
        return status;
    }
    *out = &k->base;
    return STATUS_OK;
}
