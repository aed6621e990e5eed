#include "shm/sqlite/keystore_sqlite_private.h"

#include <stdio.h>
#include <string.h>
#include "server/base/clock.h"

#define EXPIRE_EVERY_S 3600

/* --- a usage row --------------------------------------------------------------------------- */

/* SQLite's integers are signed. */
static int64_t whole(uint64_t n)
{
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* A row that is there already stays as it is. */
static enum status insert(struct store *k, const struct keystore_usage *u, bool *new_out,
                          struct err *err)
{
    sqlite3_stmt *st = k->statements[STATEMENT_USAGE_PUT];
    const struct {
        const char *text; /* NULL: the number */
        int64_t number;
    } values[] = {
        {u->id, 0},
        {NULL, u->started_ms},
        {u->usage_id, 0},
        {u->request_id, 0},
        {u->model, 0},
        {u->bedrock_model, 0},
        {NULL, whole(u->tokens.input)},
        {NULL, whole(u->tokens.output)},
        {NULL, whole(u->tokens.cache_read)},
        {NULL, whole(tokens_written(&u->tokens))},
        {NULL, whole(u->tokens.write_1h)},
        {NULL, whole(u->tokens.input + u->tokens.output)},
        {NULL, whole(u->cost_micro)},
        {NULL, u->success},
        {NULL, u->stream},
        {NULL, u->status},
        {NULL, u->duration_ms},
        {u->service_tier, 0},
        {u->error, 0},
    };
    int n = (int)COUNT_OF(values), rc = SQLITE_OK;
    for (int i = 0; i < n; i++) {
        rc |= values[i].text ? sqlite3_bind_text(st, i + 1, values[i].text, -1, SQLITE_STATIC)
                             : sqlite3_bind_int64(st, i + 1, values[i].number);
    }
    if (u->expires_s) {
        rc |= sqlite3_bind_int64(st, n + 1, u->expires_s);
    }
    enum status status = keystore_sqlite_budget_do(k, st, rc, err);
    *new_out = status == STATUS_OK && sqlite3_changes(k->db) > 0;
    return status;
}

/* --- a batch ------------------------------------------------------------------------------- */

static enum status put_one(struct store *k, struct keystore_sqlite_tally *t,
                           const struct keystore_usage *u, struct err *err)
{
    bool new;
    enum status status = insert(k, u, &new, err);
    return new && u->is_key && u->cost_micro ? keystore_sqlite_tally_add(k, t, u, err) : status;
}

static enum status remove_expired(struct store *k, struct err *err)
{
    int64_t now_s = clock_real_now_ms() / 1000;
    if (now_s < k->expired_s + EXPIRE_EVERY_S) {
        return STATUS_OK;
    }
    sqlite3_stmt *st = k->statements[STATEMENT_USAGE_EXPIRE];
    enum status status = keystore_sqlite_budget_do(k, st, sqlite3_bind_int64(st, 1, now_s), err);
    if (status == STATUS_OK) {
        k->expired_s = now_s;
    }
    return status;
}

/* One transaction: a row and its cost are both there or neither is. */
enum status keystore_sqlite_put_usage(struct keystore *base, const struct keystore_usage *rows,
                                      size_t n, struct err *err)
{
    struct store *k = (struct store *)base;
    struct keystore_sqlite_tally tally = {.n = 0};
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status != STATUS_OK ||
        (status = keystore_sqlite_db_run(k, "BEGIN IMMEDIATE", err)) != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        status = put_one(k, &tally, &rows[i], err);
    }
    if (status == STATUS_OK) {
        status = keystore_sqlite_tally_store(k, &tally, err);
    }
    if (status == STATUS_OK) {
        status = remove_expired(k, err);
    }
    if (status == STATUS_OK) {
        status = keystore_sqlite_db_run(k, "COMMIT", err);
    }
    if (status != STATUS_OK) {
        sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}

/* --- sums ---------------------------------------------------------------------------------- */

static const char *const group_sql[] = {
    [KEYSTORE_BY_KEY] = "api_key",
    [KEYSTORE_BY_MODEL] = "model",
    [KEYSTORE_BY_DAY] = "strftime('%Y-%m-%d', timestamp / 1000, 'unixepoch')",
};

struct sums {
    bool (*fn)(void *ctx, const struct keystore_usage_sum *sum);
    void *ctx;
};

static uint64_t count_at(sqlite3_stmt *st, int column)
{
    int64_t n = sqlite3_column_int64(st, column);
    return n > 0 ? (uint64_t)n : 0;
}

static bool sums_row(void *ctx, sqlite3_stmt *st)
{
    const struct sums *s = ctx;
    struct keystore_usage_sum sum = {.requests = count_at(st, 1),
                                     .failed = count_at(st, 2),
                                     .tokens = {.input = count_at(st, 3),
                                                .output = count_at(st, 4),
                                                .cache_read = count_at(st, 5),
                                                .write_5m = count_at(st, 6),
                                                .write_1h = count_at(st, 7)},
                                     .cost_micro = count_at(st, 8)};
    text_copy(keystore_sqlite_db_text(st, 0), sum.group, sizeof sum.group);
    return s->fn(s->ctx, &sum);
}

enum status keystore_sqlite_usage(struct keystore *base, enum keystore_group group, int64_t from_ms,
                                  int64_t to_ms,
                                  bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                  void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct sums s = {fn, ctx};
    sqlite3_stmt *st = NULL;
    char sql[512];
    enum status status = keystore_sqlite_db_ready(k, err);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(sql, sizeof sql,
             "SELECT %s AS part, count(*), sum(1 - success), sum(input_tokens), sum(output_tokens),"
             " sum(cached_tokens), sum(cache_write_input_tokens - cache_write_1h_tokens),"
             " sum(cache_write_1h_tokens), sum(cost_micro) FROM usage"
             " WHERE timestamp >= ? AND timestamp < ? GROUP BY part ORDER BY part",
             group_sql[group]);
    if (sqlite3_prepare_v2(k->db, sql, -1, &st, NULL) != SQLITE_OK ||
        sqlite3_bind_int64(st, 1, from_ms) != SQLITE_OK ||
        sqlite3_bind_int64(st, 2, to_ms) != SQLITE_OK) {
        status = keystore_sqlite_db_trouble(k, err);
    } else {
        status = keystore_sqlite_db_walk(k, st, sums_row, &s, err);
    }
    sqlite3_finalize(st);
    return status;
}

/* --- prices -------------------------------------------------------------------------------- */

struct prices {
    bool (*fn)(void *ctx, const struct keystore_price *price);
    void *ctx;
};

/* A cache price that is not given is the input price: rather too much than nothing. */
static bool prices_row(void *ctx, sqlite3_stmt *st)
{
    const struct prices *p = ctx;
    struct keystore_price row = {0};
    int64_t micro[4];
    for (int i = 0; i < 4; i++) {
        struct str usd = keystore_sqlite_db_text(st, 1 + i);
        if (i >= 2 && usd.n == 0) {
            micro[i] = micro[0];
        } else if (!keystore_money(usd, &micro[i])) {
            micro[i] = -1;
        }
    }
    text_copy(keystore_sqlite_db_text(st, 0), row.model, sizeof row.model);
    row.readable = micro[0] >= 0 && micro[1] >= 0 && micro[2] >= 0 && micro[3] >= 0;
    row.active = !text_eq(keystore_sqlite_db_text(st, 5), STR("disabled"));
    row.price = (struct price){(uint64_t)micro[0], (uint64_t)micro[1], (uint64_t)micro[2],
                               (uint64_t)micro[3]};
    return p->fn(p->ctx, &row);
}

enum status keystore_sqlite_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct prices p = {fn, ctx};
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_db_walk(k, k->statements[STATEMENT_PRICES], prices_row, &p, err)
               : status;
}
