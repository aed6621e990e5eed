/*
 * sqlite_stage.h - an embedded key store in a directory of its own, for the test_keystore_sqlite*.c
 * programs that open, lose and damage it; and the sqlite3 shell of an operator beside it.
 */
#ifndef TESTS_UNIT_SQLITE_STAGE_H
#define TESTS_UNIT_SQLITE_STAGE_H

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/sqlite/keystore_sqlite.h"

static char directory[64], state_dir[80], file[96];
static struct config config;
static struct keystore *store;

static enum status open_store(struct err *err)
{
    store = NULL;
    return keystore_sqlite_open(&config, &store, err);
}

static int make(void **state)
{
    (void)state;
    /* in memory where there is such a place: SQLite waits for the disk at every write */
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(directory, sizeof directory, "%s/test_sqlite.XXXXXX", where);
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(state_dir, sizeof state_dir, "%s/state", directory);
    snprintf(file, sizeof file, "%s/keys.db", state_dir);
    /* root: what the tests of root make stays theirs */
    config = (struct config){.database_url = "", .state_dir = state_dir, .run_as_user = "root"};
    struct err err;
    return open_store(&err) == STATUS_OK ? 0 : -1;
}

/* One level of files, then one of directories. */
static int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"state/keys.db",
                                        "state/keys.db-wal",
                                        "state/keys.db-shm",
                                        "state/old.db",
                                        "a/b.db",
                                        "a/b.db-wal",
                                        "a/b.db-shm",
                                        "a",
                                        "state",
                                        ""};
    keystore_close(store);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        if (unlink(path) != 0) {
            rmdir(path);
        }
    }
    return access(directory, F_OK) == 0 ? -1 : 0;
}

/* What an operator does with the sqlite3 shell. */
static inline void shell(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static inline struct keystore_row row_of(const char *id)
{
    struct keystore_row row = {.user_id = "alice",
                               .name = "la\"p'top; DROP TABLE api_keys;--",
                               .prefix = "sk-prod-4f7a",
                               .created_s = 1768478400,
                               .updated_s = 1768478400,
                               .active = true,
                               .rate_limit = 50,
                               .tpm_limit = 70000,
                               .max_concurrency = 3,
                               .budget_micro = 12345678901234,
                               .expires_s = 1800000000,
                               .service_tier = "flex",
                               .cache_ttl = "5m",
                               .models = "claude-*"};
    snprintf(row.id, sizeof row.id, "%s", id);
    return row;
}

static inline int64_t version(void)
{
    int64_t v;
    struct err err;
    assert_int_equal(store->ops->version(store, &v, &err), STATUS_OK);
    return v;
}

static inline void put(const char *id)
{
    struct keystore_row row = row_of(id);
    struct err err;
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_OK);
}

struct seen {
    uint32_t rows, stop_after;
};

static inline bool on_row(void *ctx, const struct keystore_row *row)
{
    struct seen *seen = ctx;
    assert_int_equal(row->rate_limit, 50);
    assert_null(row->unreadable);
    return ++seen->rows != seen->stop_after;
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

#endif
