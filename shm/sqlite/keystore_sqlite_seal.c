/* The key with which reasoning is sealed: a row of `meta`, 32 bytes. */
#include "shm/sqlite/keystore_sqlite_private.h"

struct found {
    uint8_t *key;
    bool is_there, is_good;
};

static bool seal_row(void *ctx, sqlite3_stmt *st)
{
    struct found *f = ctx;
    const void *bytes = sqlite3_column_blob(st, 0);
    f->is_there = true;
    f->is_good = bytes && sqlite3_column_bytes(st, 0) == SEAL_KEY_SIZE;
    if (f->is_good) {
        memcpy(f->key, bytes, SEAL_KEY_SIZE);
    }
    return true;
}

/* Another process may have been faster: its key stays. */
static enum status put(struct store *k, const uint8_t fresh[SEAL_KEY_SIZE], struct err *err)
{
    sqlite3_stmt *st = k->statements[STATEMENT_SEAL_PUT];
    int rc = sqlite3_bind_blob(st, 1, fresh, SEAL_KEY_SIZE, SQLITE_STATIC);
    rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
    enum status status = rc == SQLITE_DONE ? STATUS_OK : keystore_sqlite_db_trouble(k, err);
    keystore_sqlite_db_finish(st);
    return status;
}

enum status keystore_sqlite_seal_key(struct keystore *base, const uint8_t fresh[SEAL_KEY_SIZE],
                                     uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    struct store *k = (struct store *)base;
    struct found f = {.key = out};
    enum status status = keystore_sqlite_db_ready(k, err);
    for (int round = 0; round < 2 && status == STATUS_OK && !f.is_there; round++) {
        if (round == 1) {
            status = put(k, fresh, err);
        }
        if (status == STATUS_OK) {
            status =
                keystore_sqlite_db_walk(k, k->statements[STATEMENT_SEAL_GET], seal_row, &f, err);
        }
    }
    if (status == STATUS_OK && !f.is_good) {
        status = err_set(err, STATUS_UNAVAILABLE, "seal_key of table meta is no key");
    }
    return status;
}
