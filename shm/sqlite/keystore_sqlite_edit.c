/* Changes by the subcommands. Rare, so each prepares its statement and drops it again. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include "server/base/clock.h"
#include "shm/catalogue/region.h"

/* A parameter that is not bound is NULL, which leaves the column as it is. */
#define SET(column, field)  ", " #column " = coalesce(?, " #column ")"
#define SET_NONE(column, f) ", " #column " = nullif(coalesce(?, " #column "), '')"
#define SETS                KEYSTORE_EDITS(SET, SET_NONE, SET, SET, SET)
static const char update_sql[] = "UPDATE api_keys SET updated_at = ?" SETS " WHERE api_key = ?";

enum { UPDATED_AT = 1, FIRST_EDIT, UPDATE_ID = FIRST_EDIT + KEYSTORE_EDIT_COUNT };

static int64_t now_s(void)
{
    return clock_real_now_ms() / 1000;
}

static enum status begin(struct store *k, const char *sql, sqlite3_stmt **out, struct err *err)
{
    *out = NULL;
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status == STATUS_OK && sqlite3_prepare_v2(k->db, sql, -1, out, NULL) != SQLITE_OK) {
        status = keystore_sqlite_db_trouble(k, err);
    }
    return status;
}

/* Runs the bound statement and drops it. missing: what to say when it met no row; NULL: fine. */
static enum status end(struct store *k, sqlite3_stmt *st, int rc, const char *missing,
                       struct err *err)
{
    enum status status = STATUS_OK;
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_DONE) {
        status = keystore_sqlite_db_trouble(k, err);
    } else if (missing && sqlite3_changes(k->db) == 0) {
        status = err_set(err, STATUS_NOT_FOUND, "%s", missing);
    }
    sqlite3_finalize(st);
    return status;
}

static int bind_money(sqlite3_stmt *st, int at, int64_t micro)
{
    char usd[32];
    keystore_money_text(micro, usd);
    return keystore_sqlite_db_bind(st, at, usd);
}

static int bind_edits(sqlite3_stmt *st, const struct keystore_row *row, uint32_t edits)
{
    int rc = SQLITE_OK;
#define AT(column) (FIRST_EDIT + (int)KEYSTORE_EDIT_BIT_##column)
#define BIND(column, call)               \
    if (edits & KEYSTORE_EDIT(column)) { \
        rc |= call;                      \
    }
#define BIND_TEXT(column, field)  BIND(column, keystore_sqlite_db_bind(st, AT(column), row->field))
#define BIND_INT(column, field)   BIND(column, sqlite3_bind_int64(st, AT(column), row->field))
#define BIND_MONEY(column, field) BIND(column, bind_money(st, AT(column), row->field))
    KEYSTORE_EDITS(BIND_TEXT, BIND_TEXT, BIND_INT, BIND_MONEY, BIND_INT)
    return rc;
}

static enum status update(struct keystore *base, const struct keystore_row *row, uint32_t edits,
                          struct err *err)
{
    struct store *k = (struct store *)base;
    sqlite3_stmt *st;
    enum status status = begin(k, update_sql, &st, err);
    if (status != STATUS_OK) {
        return status;
    }
    int rc = sqlite3_bind_int64(st, UPDATED_AT, now_s()) | bind_edits(st, row, edits) |
             keystore_sqlite_db_bind(st, UPDATE_ID, row->id);
    return end(k, st, rc, "there is no such key", err);
}

/* --- model mappings ------------------------------------------------------------------------ */

static int bind_span(sqlite3_stmt *st, int at, struct str s)
{
    return sqlite3_bind_text(st, at, s.n ? s.p : "", (int)s.n, SQLITE_TRANSIENT);
}

static enum status put_mapping(struct keystore *base, const struct keystore_mapping *m,
                               struct err *err)
{
    struct store *k = (struct store *)base;
    sqlite3_stmt *st;
    enum status status =
        begin(k,
              "INSERT INTO model_mapping(anthropic_model_id, bedrock_model_id, updated_at,"
              " as_model_id) VALUES(?, ?, ?, nullif(?, ''))"
              " ON CONFLICT(anthropic_model_id) DO UPDATE SET"
              " bedrock_model_id = excluded.bedrock_model_id,"
              " updated_at = excluded.updated_at, as_model_id = excluded.as_model_id",
              &st, err);
    if (status != STATUS_OK) {
        return status;
    }
    int rc = bind_span(st, 1, m->from) | bind_span(st, 2, m->to) |
             sqlite3_bind_int64(st, 3, now_s()) | bind_span(st, 4, m->as);
    return end(k, st, rc, NULL, err);
}

static enum status drop(struct keystore *base, const char *sql, const char *id, const char *missing,
                        struct err *err)
{
    struct store *k = (struct store *)base;
    sqlite3_stmt *st;
    enum status status = begin(k, sql, &st, err);
    return status == STATUS_OK ? end(k, st, keystore_sqlite_db_bind(st, 1, id), missing, err)
                               : status;
}

static enum status drop_mapping(struct keystore *base, const char *from, struct err *err)
{
    return drop(base, "DELETE FROM model_mapping WHERE anthropic_model_id = ?", from,
                "there is no such mapping", err);
}

/* --- prices -------------------------------------------------------------------------------- */

/* The vendor's part of the id; NULL where there is none, as in an ARN. */
static int bind_provider(sqlite3_stmt *st, int at, const char *model)
{
    struct str base = region_base(text_from(model)), provider;
    if (!text_split(&base, '.', &provider) || base.n == 0) {
        return SQLITE_OK;
    }
    return sqlite3_bind_text(st, at, provider.p, (int)provider.n, SQLITE_TRANSIENT);
}

static int bind_price(sqlite3_stmt *st, int at, uint64_t micro)
{
    return micro == KEYSTORE_PRICE_NONE ? SQLITE_OK : bind_money(st, at, (int64_t)micro);
}

static enum status set_price_status(struct store *k, const char *model, const char *state,
                                    struct err *err)
{
    sqlite3_stmt *st;
    enum status status = begin(
        k, "UPDATE model_pricing SET status = ?, updated_at = ? WHERE model_id = ?", &st, err);
    if (status != STATUS_OK) {
        return status;
    }
    int rc = keystore_sqlite_db_bind(st, 1, state) | sqlite3_bind_int64(st, 2, now_s()) |
             keystore_sqlite_db_bind(st, 3, model);
    return end(k, st, rc, "there is no such price", err);
}

static enum status put_price(struct keystore *base, const struct keystore_price *p, struct err *err)
{
    struct store *k = (struct store *)base;
    const char *state = p->active ? "active" : "disabled";
    sqlite3_stmt *st;
    if (p->price.input == KEYSTORE_PRICE_NONE) {
        return set_price_status(k, p->model, state, err);
    }
    enum status status = begin(
        k,
        "INSERT INTO model_pricing(model_id, display_name, provider, input_price, output_price,"
        " cache_read_price, cache_write_price, status, created_at, updated_at)"
        " VALUES(?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) ON CONFLICT(model_id) DO UPDATE SET"
        " input_price = excluded.input_price, output_price = excluded.output_price,"
        " cache_read_price = excluded.cache_read_price,"
        " cache_write_price = excluded.cache_write_price, status = excluded.status,"
        " updated_at = excluded.updated_at",
        &st, err);
    if (status != STATUS_OK) {
        return status;
    }
    int rc = keystore_sqlite_db_bind(st, 1, p->model) | bind_provider(st, 2, p->model) |
             bind_price(st, 3, p->price.input) | bind_price(st, 4, p->price.output) |
             bind_price(st, 5, p->price.cache_read) | bind_price(st, 6, p->price.cache_write) |
             keystore_sqlite_db_bind(st, 7, state) | sqlite3_bind_int64(st, 8, now_s());
    return end(k, st, rc, NULL, err);
}

static enum status drop_price(struct keystore *base, const char *model, struct err *err)
{
    return drop(base, "DELETE FROM model_pricing WHERE model_id = ?", model,
                "there is no such price", err);
}

const struct keystore_edit_ops keystore_sqlite_edit = {
    .update = update,
    .put_mapping = put_mapping,
    .drop_mapping = drop_mapping,
    .put_price = put_price,
    .drop_price = drop_price,
};
