/*
 * keystore_sqlite_db.h - the file under the embedded store: opened, brought to today's layout, found
 * again when it was taken away, its statements prepared. SQLite's handles are in here and go no
 * further than keystore_sqlite*.c. One process, one thread; calls block, for a busy file up to 5 s.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_DB_H
#define SHM_SQLITE_KEYSTORE_SQLITE_DB_H

#include <sqlite3.h>
#include <sys/stat.h>
#include "shm/sqlite/keystore_sqlite_statements.h"
#include "shm/store/keystore.h"

struct store {
    struct keystore base;
    char path[512];
    sqlite3 *db; /* NULL after a failed reopening: the next call tries again */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    dev_t device; /* the file behind db: a path that leads elsewhere now is noticed */
    ino_t inode;
    int64_t expired_s; /* when expired usage rows were last removed */
};

/* DATABASE_URL or STATE_DIR; the file and its folder are made when they are missing. */
MUST_CHECK enum status keystore_sqlite_db_open(struct store *k, const struct config *c,
                                               struct err *err);
void keystore_sqlite_db_close(struct store *k);
/* UNAVAILABLE: there is no such file. */
/* See keystore_sqlite_path. */
MUST_CHECK enum status keystore_sqlite_db_path(const struct config *c, char *out, size_t size,
                                               struct err *err);
MUST_CHECK enum status keystore_sqlite_db_exists(const struct config *c, struct err *err);
/* Before every call: the file is open, and the one that the path leads to. */
enum status keystore_sqlite_db_ready(struct store *k, struct err *err);
enum status keystore_sqlite_db_trouble(const struct store *k, struct err *err);
enum status keystore_sqlite_db_run(struct store *k, const char *sql, struct err *err);
/* Runs st to its end, each row through fn until it returns false. */
enum status keystore_sqlite_db_walk(struct store *k, sqlite3_stmt *st,
                                    bool (*fn)(void *ctx, sqlite3_stmt *st), void *ctx,
                                    struct err *err);
void keystore_sqlite_db_finish(sqlite3_stmt *st); /* ready for its next use */
struct str keystore_sqlite_db_text(sqlite3_stmt *st, int column);
int keystore_sqlite_db_bind(sqlite3_stmt *st, int at, const char *text);

#endif
