#include "shm/sqlite/keystore_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "shm/sqlite/keystore_sqlite_place.h"
#include "shm/sqlite/keystore_sqlite_private.h"

#define BUSY_MS 5000

/* What a column is in struct keystore_row. LABEL may be cut, a TEXT that does not fit makes the row
 * unreadable. MONEY is US dollars as decimal text, so that no cent passes through a double. */
#define COLUMNS(TEXT, LABEL, INT, BOOL, MONEY)    \
    TEXT(api_key, id)                             \
    LABEL(user_id, user_id)                       \
    LABEL(name, name)                             \
    LABEL(key_prefix, prefix)                     \
    INT(created_at, created_s)                    \
    INT(updated_at, updated_s)                    \
    BOOL(is_active, active)                       \
    INT(rate_limit, rate_limit)                   \
    INT(tpm_limit, tpm_limit)                     \
    INT(max_concurrency, max_concurrency)         \
    MONEY(monthly_budget, budget_micro)           \
    INT(expires_at, expires_s)                    \
    TEXT(service_tier, service_tier)              \
    TEXT(cache_ttl, cache_ttl)                    \
    TEXT(allowed_models, models)                  \
    LABEL(deactivated_reason, deactivated_reason) \
    TEXT(budget_mode, budget_mode)                \
    MONEY(budget_used_mtd, budget_used_micro)     \
    TEXT(budget_mtd_month, budget_month)

/* Both lists begin with a comma, so each statement puts a constant first. Columns of a result and
 * placeholders of an INSERT then have the same numbers, 1..n. */
#define NAME(column, field) "," #column
#define MARK(column, field) ",?"
#define NAMES               COLUMNS(NAME, NAME, NAME, NAME, NAME)
#define MARKS               COLUMNS(MARK, MARK, MARK, MARK, MARK)

enum column {
    COLUMN_NONE,
#define NUMBER(column, field) COLUMN_##column,
    COLUMNS(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
#undef NUMBER
};

static const char *const statement_sql[STATEMENT_COUNT] = {
#define SQL(name, sql) sql,
    KEYSTORE_SQLITE_STATEMENTS(SQL)
#undef SQL
};

/* --- opening --------------------------------------------------------------------------------- */

enum status keystore_sqlite_trouble(const struct store *k, struct err *err)
{
    return err_set(err, STATUS_UNAVAILABLE, "key store %s: %s", k->path,
                   k->db ? sqlite3_errmsg(k->db) : "out of memory");
}

enum status keystore_sqlite_run(struct store *k, const char *sql, struct err *err)
{
    return sqlite3_exec(k->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? STATUS_OK
               : keystore_sqlite_trouble(k, err);
}

static enum status read_layout(struct store *k, int *layout_out, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(k->db, "PRAGMA user_version", -1, &st, NULL);
    bool ok = rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
    *layout_out = ok ? sqlite3_column_int(st, 0) : 0;
    enum status status = ok ? STATUS_OK : keystore_sqlite_trouble(k, err);
    sqlite3_finalize(st);
    return status;
}

static enum status set_layout(struct store *k, int layout, struct err *err)
{
    char sql[40];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", layout);
    return keystore_sqlite_run(k, sql, err);
}

/* In one transaction that is exclusive from its first word: two programs may start on a new file.
 */
static enum status make_tables(struct store *k, struct err *err)
{
    int layout = 0;
    enum status status = keystore_sqlite_run(k, "BEGIN IMMEDIATE", err);
    if (status == STATUS_OK) {
        status = read_layout(k, &layout, err);
    }
    for (int i = layout; status == STATUS_OK && i < KEYSTORE_SQLITE_LAYOUT; i++) {
        status = keystore_sqlite_run(k, keystore_sqlite_layouts[i][0], err);
        status = status == STATUS_OK ? keystore_sqlite_run(k, keystore_sqlite_layouts[i][1], err)
                                     : status;
        status = status == STATUS_OK ? set_layout(k, i + 1, err) : status;
    }
    if (status != STATUS_OK) {
        sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return keystore_sqlite_run(k, "COMMIT", err);
}

static enum status prepare(struct store *k, struct err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(k->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &k->statements[i], NULL) != SQLITE_OK) {
            return keystore_sqlite_trouble(k, err);
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
        status = keystore_sqlite_trouble(k, err);
    } else {
        sqlite3_busy_timeout(k->db, BUSY_MS);
        status =
            keystore_sqlite_run(k, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", err);
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
enum status keystore_sqlite_ready(struct store *k, struct err *err)
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

/* --- rows ------------------------------------------------------------------------------------ */

struct str keystore_sqlite_text(sqlite3_stmt *st, int column)
{
    const char *p = (const char *)sqlite3_column_text(st, column);
    return (struct str){p ? p : "", p ? (size_t)sqlite3_column_bytes(st, column) : 0};
}

static bool read_text(sqlite3_stmt *st, int column, char *out, size_t size)
{
    struct str s = keystore_sqlite_text(st, column);
    text_copy(s, out, size);
    return s.n < size && strlen(out) == s.n;
}

static bool read_label(sqlite3_stmt *st, int column, char *out, size_t size)
{
    struct str s = keystore_sqlite_text(st, column);
    size_t n = 0, step;
    while (n < s.n && (step = text_utf8_step(text_sub(s, n, s.n))) != 0 && n + step < size) {
        n += step;
    }
    text_copy(text_sub(s, 0, n), out, size);
    return true;
}

static bool read_int(sqlite3_stmt *st, int column, int64_t *out)
{
    *out = sqlite3_column_int64(st, column);
    int type = sqlite3_column_type(st, column);
    return type == SQLITE_INTEGER || type == SQLITE_NULL;
}

static bool read_money(sqlite3_stmt *st, int column, int64_t *out)
{
    struct str s = keystore_sqlite_text(st, column);
    *out = 0;
    return s.n == 0 || keystore_money(s, out);
}

/* Everything that can be read is, so that a row with one bad attribute is still known by its id. */
static void read_row(sqlite3_stmt *st, struct keystore_row *out)
{
    *out = (struct keystore_row){0};
#define CHECK(column, ok)          \
    if (!(ok)) {                   \
        out->unreadable = #column; \
    }
#define READ_TEXT(column, field) \
    CHECK(column, read_text(st, COLUMN_##column, out->field, sizeof out->field))
#define READ_LABEL(column, field) \
    CHECK(column, read_label(st, COLUMN_##column, out->field, sizeof out->field))
#define READ_INT(column, field)   CHECK(column, read_int(st, COLUMN_##column, &out->field))
#define READ_BOOL(column, field)  out->field = sqlite3_column_int64(st, COLUMN_##column) == 1;
#define READ_MONEY(column, field) CHECK(column, read_money(st, COLUMN_##column, &out->field))
    COLUMNS(READ_TEXT, READ_LABEL, READ_INT, READ_BOOL, READ_MONEY)
}

int keystore_sqlite_bind(sqlite3_stmt *st, int at, const char *text)
{
    return sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

static int bind_money(sqlite3_stmt *st, int at, int64_t micro)
{
    char usd[32];
    keystore_money_text(micro, usd);
    return keystore_sqlite_bind(st, at, usd);
}

static bool bind_row(sqlite3_stmt *st, const struct keystore_row *row)
{
    int rc = SQLITE_OK;
#define BIND_TEXT(column, field)  rc |= keystore_sqlite_bind(st, COLUMN_##column, row->field);
#define BIND_INT(column, field)   rc |= sqlite3_bind_int64(st, COLUMN_##column, row->field);
#define BIND_MONEY(column, field) rc |= bind_money(st, COLUMN_##column, row->field);
    COLUMNS(BIND_TEXT, BIND_TEXT, BIND_INT, BIND_INT, BIND_MONEY)
    return rc == SQLITE_OK;
}

/* --- the table of functions ------------------------------------------------------------------ */

void keystore_sqlite_finish(sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st); /* a clear key may have been bound */
}

/* Runs st to its end, each row through fn until it returns false. */
enum status keystore_sqlite_walk(struct store *k, sqlite3_stmt *st,
                                 bool (*fn)(void *ctx, sqlite3_stmt *st), void *ctx,
                                 struct err *err)
{
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && fn(ctx, st)) {
    }
    enum status status =
        rc == SQLITE_DONE || rc == SQLITE_ROW ? STATUS_OK : keystore_sqlite_trouble(k, err);
    keystore_sqlite_finish(st);
    return status;
}

struct scan {
    bool (*fn)(void *ctx, const struct keystore_row *row);
    void *ctx;
};

static bool scan_row(void *ctx, sqlite3_stmt *st)
{
    const struct scan *scan = ctx;
    struct keystore_row row;
    read_row(st, &row);
    return scan->fn(scan->ctx, &row);
}

static enum status scan(struct keystore *base,
                        bool (*fn)(void *ctx, const struct keystore_row *row), void *ctx,
                        struct err *err)
{
    struct store *k = (struct store *)base;
    struct scan s = {fn, ctx};
    enum status status = keystore_sqlite_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_walk(k, k->statements[STATEMENT_SCAN], scan_row, &s, err)
               : status;
}

static enum status get(struct keystore *base, const char *id, struct keystore_row *out,
                       struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_GET];
    int rc = keystore_sqlite_bind(st, 1, id);
    rc = rc == SQLITE_OK ? sqlite3_step(st) : rc;
    if (rc == SQLITE_ROW) {
        read_row(st, out);
    } else if (rc == SQLITE_DONE) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    } else {
        status = keystore_sqlite_trouble(k, err);
    }
    keystore_sqlite_finish(st);
    return status;
}

static enum status put(struct keystore *base, const struct keystore_row *row, struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_PUT];
    int rc = bind_row(st, row) ? sqlite3_step(st) : SQLITE_ERROR;
    if (rc != SQLITE_DONE) {
        status = rc == SQLITE_CONSTRAINT
                     ? err_set(err, STATUS_INVALID, "there is a key with this id already")
                     : keystore_sqlite_trouble(k, err);
    }
    keystore_sqlite_finish(st);
    return status;
}

static enum status revoke_key(struct keystore *base, const char *id, const char *reason,
                              struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = keystore_sqlite_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_REVOKE];
    int rc = keystore_sqlite_bind(st, 1, reason) |
             sqlite3_bind_int64(st, 2, clock_real_now_ms() / 1000) |
             keystore_sqlite_bind(st, 3, id);
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE) {
        status = keystore_sqlite_trouble(k, err);
    } else if (sqlite3_changes(k->db) == 0) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    }
    keystore_sqlite_finish(st);
    return status;
}

struct mappings {
    bool (*fn)(void *ctx, struct str from, struct str to);
    void *ctx;
};

static bool mappings_row(void *ctx, sqlite3_stmt *st)
{
    const struct mappings *m = ctx;
    return m->fn(m->ctx, keystore_sqlite_text(st, 0), keystore_sqlite_text(st, 1));
}

static enum status mappings(struct keystore *base,
                            bool (*fn)(void *ctx, struct str from, struct str to), void *ctx,
                            struct err *err)
{
    struct store *k = (struct store *)base;
    struct mappings m = {fn, ctx};
    enum status status = keystore_sqlite_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_walk(k, k->statements[STATEMENT_MAPPINGS], mappings_row, &m, err)
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
    enum status status = keystore_sqlite_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_walk(k, k->statements[STATEMENT_VERSION], version_row, out, err)
               : status;
}

static void close_store(struct keystore *base)
{
    disconnect((struct store *)base);
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
    .edit = &keystore_sqlite_edit,
    .close = close_store,
};

/* --- where the file is ----------------------------------------------------------------------- */

/* sqlite:///absolute or sqlite://relative; what sqlx writes after '?' (mode=rwc) means nothing
 * here. */
enum status keystore_sqlite_path(const struct config *c, char *out, size_t size, struct err *err)
{
    struct str url = text_from(c->database_url), path, scheme = STR("sqlite://");
    if (url.n == 0) {
        int n = snprintf(out, size, "%s/keys.db", c->state_dir);
        return n > 0 && (size_t)n < size ? STATUS_OK
                                         : err_set(err, STATUS_INVALID, "STATE_DIR is too long");
    }
    struct str rest = text_sub(url, scheme.n, url.n);
    if (!text_starts(url, scheme) || !text_split(&rest, '?', &path) || path.n == 0 ||
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

enum status keystore_sqlite_exists(const struct config *c, struct err *err)
{
    char path[512];
    enum status status = keystore_sqlite_path(c, path, sizeof path, err);
    if (status == STATUS_OK && access(path, F_OK) != 0) {
        return err_set(err, STATUS_UNAVAILABLE, "key store %s: %m", path);
    }
    return status;
}

enum status keystore_sqlite_open(const struct config *c, struct keystore **out, struct err *err)
{
    struct store *k = heap_new(sizeof *k);
    if (!k) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    k->base.ops = &ops;
    enum status status = keystore_sqlite_path(c, k->path, sizeof k->path, err);
    if (status == STATUS_OK) {
        status = keystore_sqlite_place(c, k->path, sizeof k->path, err);
    }
    if (status == STATUS_OK) {
        status = make_file(k->path, err);
    }
    if (status == STATUS_OK) {
        status = connect_db(k, err);
    }
    if (status != STATUS_OK) {
        heap_drop(k);
        return status;
    }
    *out = &k->base;
    return STATUS_OK;
}
