#include "shm/sqlite/keystore_sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "shm/sqlite/keystore_sqlite_layout.h"
#include "shm/sqlite/keystore_sqlite_place.h"

#define BUSY_MS 5000

/* Small pieces that SQLite keeps apart for what lives as long as a call. Its own 48 KB are memory from
 * the first moment, for the parser alone: prepared statements live elsewhere. */
#define PIECE_BYTES 256
#define PIECES      48

static const char *const statement_sql[STATEMENT_COUNT] = {
#define SQL(name, sql) sql,
    KEYSTORE_SQLITE_STATEMENTS(SQL)
#undef SQL
};

enum status keystore_sqlite_db_trouble(const struct store *k, struct err *err)
{
    return err_set(err, STATUS_UNAVAILABLE, "key store %s: %s", k->path,
                   k->db ? sqlite3_errmsg(k->db) : "out of memory");
}

enum status keystore_sqlite_db_run(struct store *k, const char *sql, struct err *err)
{
    return sqlite3_exec(k->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? STATUS_OK
               : keystore_sqlite_db_trouble(k, err);
}

static enum status read_layout(struct store *k, int *layout_out, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(k->db, "PRAGMA user_version", -1, &st, NULL);
    bool ok = rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
    *layout_out = ok ? sqlite3_column_int(st, 0) : 0;
    enum status status = ok ? STATUS_OK : keystore_sqlite_db_trouble(k, err);
    sqlite3_finalize(st);
    return status;
}

static enum status set_layout(struct store *k, int layout, struct err *err)
{
    char sql[40];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", layout);
    return keystore_sqlite_db_run(k, sql, err);
}

/* In one transaction that is exclusive from its first word: two programs may start on a
 * new file. */
static enum status make_tables(struct store *k, struct err *err)
{
    int layout = 0;
    enum status status = keystore_sqlite_db_run(k, "BEGIN IMMEDIATE", err);
    if (status == STATUS_OK) {
        status = read_layout(k, &layout, err);
    }
    for (int i = layout; status == STATUS_OK && i < KEYSTORE_SQLITE_LAYOUT; i++) {
        status = keystore_sqlite_db_run(k, keystore_sqlite_layouts[i][0], err);
        status = status == STATUS_OK ? keystore_sqlite_db_run(k, keystore_sqlite_layouts[i][1], err)
                                     : status;
        status = status == STATUS_OK ? set_layout(k, i + 1, err) : status;
    }
    if (status != STATUS_OK) {
        sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return keystore_sqlite_db_run(k, "COMMIT", err);
}

static enum status prepare(struct store *k, struct err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(k->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &k->statements[i], NULL) != SQLITE_OK) {
            return keystore_sqlite_db_trouble(k, err);
        }
    }
    return STATUS_OK;
}

static void disconnect(struct store *k)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(k->statements[i]);
        k->statements[i] = NULL;
    }
    sqlite3_close(k->db);
    k->db = NULL;
}

/* The file is there already. WAL: readers never wait for the one who writes. */
static enum status connect_db(struct store *k, struct err *err)
{
    struct stat st;
    int layout;
    if (stat(k->path, &st) != 0) { /* GCOVR_EXCL_START: gone since the caller looked */
        return err_set(err, STATUS_UNAVAILABLE, "key store %s: %m", k->path);
    } /* GCOVR_EXCL_STOP */
    k->device = st.st_dev;
    k->inode = st.st_ino;
    enum status status = STATUS_OK;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                   0); /* a lock at each malloc, for a figure nobody reads */
    if (sqlite3_open_v2(k->path, &k->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        keystore_sqlite_place_vfs(k->path)) != SQLITE_OK) {
        status = keystore_sqlite_db_trouble(k, err);
    } else {
        sqlite3_busy_timeout(k->db, BUSY_MS);
        sqlite3_db_config(k->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, PIECE_BYTES, PIECES);
        status =
            keystore_sqlite_db_run(k, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
    }
    if (status == STATUS_OK) {
        status = read_layout(k, &layout, err);
    }
    if (status == STATUS_OK && layout > KEYSTORE_SQLITE_LAYOUT) {
        status = err_set(err, STATUS_NOT_SUPPORTED,
                         "key store %s was made by a newer version (layout %d)", k->path, layout);
    }
    if (status == STATUS_OK && layout < KEYSTORE_SQLITE_LAYOUT) {
        status = make_tables(k, err);
    }
    if (status == STATUS_OK) {
        status = prepare(k, err);
    }
    if (status != STATUS_OK) {
        disconnect(k);
    }
    return status;
}

/* Before every call. A file that was taken away is an outage, not an empty store: nothing is made
 * anew. */
enum status keystore_sqlite_db_ready(struct store *k, struct err *err)
{
    struct stat st;
    if (stat(k->path, &st) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "key store %s: %m", k->path);
    }
    if (k->db && st.st_dev == k->device && st.st_ino == k->inode) {
        return STATUS_OK;
    }
    disconnect(k);
    return connect_db(k, err);
}

/* --- where the file is --------------------------------------------------------------------- */

/* sqlite:///absolute or sqlite://relative; what sqlx writes after '?' (mode=rwc) means nothing
 * here. */
enum status keystore_sqlite_db_path(const struct config *c, char *out, size_t size, struct err *err)
{
    struct str url = text_from(c->database_url), path, scheme = STR("sqlite://");
    if (url.n == 0) {
        int n = snprintf(out, size, "%s/keys.db", c->state_dir);
        return n > 0 && (size_t)n < size ? STATUS_OK
                                         : err_set(err, STATUS_INVALID, "STATE_DIR is too long");
    }
    struct str rest = text_sub(url, scheme.n, url.n);
    if (!text_istarts(url, scheme) || !text_split(&rest, '?', &path) || path.n == 0 ||
        path.n >= size) {
        return err_set(err, STATUS_INVALID,
                       "DATABASE_URL must be sqlite:///absolute/path or sqlite://relative/path");
    }
    text_copy(path, out, size);
    return STATUS_OK;
}

/* SQLite would make the file by umask; its -wal and -shm files take over the mode of this one. */
static enum status make_file(const char *path, struct err *err)
{
    char directory[512];
    const char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        text_copy((struct str){path, (size_t)(slash - path)}, directory, sizeof directory);
        if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
            return err_set(err, STATUS_UNAVAILABLE, "making the directory %s: %m", directory);
        }
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, STATUS_UNAVAILABLE, "key store %s: %m", path);
    }
    close(fd);
    return STATUS_OK;
}

enum status keystore_sqlite_db_exists(const struct config *c, struct err *err)
{
    char path[512];
    enum status status = keystore_sqlite_db_path(c, path, sizeof path, err);
    if (status == STATUS_OK && access(path, F_OK) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "key store %s: %m", path);
    }
    return status;
}

enum status keystore_sqlite_db_open(struct store *k, const struct config *c, struct err *err)
{
    enum status status = keystore_sqlite_db_path(c, k->path, sizeof k->path, err);
    if (status == STATUS_OK) {
        status = keystore_sqlite_place(c, k->path, sizeof k->path, err);
    }
    if (status == STATUS_OK) {
        status = make_file(k->path, err);
    }
    return status == STATUS_OK ? connect_db(k, err) : status;
}

void keystore_sqlite_db_close(struct store *k)
{
    disconnect(k);
}

/* --- statements ---------------------------------------------------------------------------- */

struct str keystore_sqlite_db_text(sqlite3_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(st, column);
    return (struct str){p ? p : "", p ? (size_t)sqlite3_column_bytes(st, column) : 0};
}

int keystore_sqlite_db_bind(sqlite3_stmt *st, int at, const char *text)
{
    return sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

void keystore_sqlite_db_finish(sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st); /* a clear key may have been bound */
}

/* Runs st to its end, each row through fn until it returns false. */
enum status keystore_sqlite_db_walk(struct store *k, sqlite3_stmt *st,
                                    bool (*fn)(void *ctx, sqlite3_stmt *st), void *ctx,
                                    struct err *err)
{
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && fn(ctx, st)) {
    }
    enum status status =
        rc == SQLITE_DONE || rc == SQLITE_ROW ? STATUS_OK : keystore_sqlite_db_trouble(k, err);
    keystore_sqlite_db_finish(st);
    return status;
}
