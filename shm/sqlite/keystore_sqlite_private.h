/*
 * keystore_sqlite_private.h - what keystore_sqlite.c (the file, the keys),
 * keystore_sqlite_usage.c (usage, budgets, prices), keystore_sqlite_betas.c (beta rules),
 * keystore_sqlite_edit.c (changes by the subcommands) and keystore_sqlite_layout.c share. Refresher
 * and subcommands.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_PRIVATE_H
#define SHM_SQLITE_KEYSTORE_SQLITE_PRIVATE_H

#include <sqlite3.h>
#include <sys/stat.h>
#include "shm/store/keystore.h"

/* X(NAME, "sql"); NAMES and MARKS are keystore_sqlite.c's columns of a key */
#define KEYSTORE_SQLITE_STATEMENTS(X)                                                            \
    X(SCAN, "SELECT NULL" NAMES " FROM api_keys")                                                \
    X(GET, "SELECT NULL" NAMES " FROM api_keys WHERE api_key = ?")                               \
    X(PUT, "INSERT INTO api_keys(role" NAMES ") VALUES('Full Access'" MARKS ")")                 \
    X(REVOKE, "UPDATE api_keys SET deactivated_reason = ?, updated_at = ?, is_active = 0"        \
              " WHERE api_key = ?")                                                              \
    X(MAPPINGS, "SELECT anthropic_model_id, bedrock_model_id FROM model_mapping")                \
    X(VERSION, "SELECT value FROM meta WHERE name = 'version'")                                  \
    X(USAGE_PUT, "INSERT INTO usage(api_key, timestamp, usage_id, request_id, model,"            \
                 " resolved_model, input_tokens, output_tokens, cached_tokens,"                  \
                 " cache_write_input_tokens, cache_write_1h_tokens, total_tokens, cost_micro,"   \
                 " success, stream, status, duration_ms, service_tier, error_message, ttl)"      \
                 " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"                              \
                 " ON CONFLICT(usage_id) DO NOTHING")                                            \
    X(USAGE_EXPIRE, "DELETE FROM usage WHERE ttl < ?")                                           \
    X(BUDGET_GET, "SELECT monthly_budget, budget_used, budget_used_mtd, budget_mtd_month,"       \
                  " is_active, deactivated_reason FROM api_keys WHERE api_key = ?")              \
    X(BUDGET_SET, "UPDATE api_keys SET budget_used = ?, budget_used_mtd = ?,"                    \
                  " budget_mtd_month = ? WHERE api_key = ?")                                     \
    X(BUDGET_ACTIVE, "UPDATE api_keys SET is_active = ?, deactivated_reason = nullif(?, '')"     \
                     " WHERE api_key = ?")                                                       \
    X(HISTORY_GET, "SELECT json_extract(budget_history, ?) FROM api_keys"                        \
                   " WHERE api_key = ? AND json_valid(budget_history)")                          \
    X(HISTORY_SET, "UPDATE api_keys SET budget_history = json_set("                              \
                   " iif(json_valid(budget_history), budget_history, '{}'), ?, json(?))"         \
                   " WHERE api_key = ?")                                                         \
    X(BETAS, "SELECT header_name, header_type, mapped_to FROM beta_headers")                     \
    X(PRICES, "SELECT model_id, input_price, output_price, cache_read_price, cache_write_price," \
              " status FROM model_pricing")

enum keystore_sqlite_statement {
#define KEYSTORE_SQLITE_NUMBER(name, sql) STATEMENT_##name,
    KEYSTORE_SQLITE_STATEMENTS(KEYSTORE_SQLITE_NUMBER)
#undef KEYSTORE_SQLITE_NUMBER
        STATEMENT_COUNT
};

#define KEYSTORE_SQLITE_LAYOUT 3 /* PRAGMA user_version */
/* keystore_sqlite_layout.c: from version n to n + 1, tables and triggers. */
extern const char *const keystore_sqlite_layouts[KEYSTORE_SQLITE_LAYOUT][2];

struct store {
    struct keystore base;
    char path[512];
    sqlite3 *db; /* NULL after a failed reopening: the next call tries again */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    dev_t device; /* the file behind db: a path that leads elsewhere now is noticed */
    ino_t inode;
    int64_t expired_s; /* when expired usage rows were last removed */
};

/* Before every call: the file is open, and the one that the path leads to. */
enum status keystore_sqlite_ready(struct store *k, struct err *err);
enum status keystore_sqlite_trouble(const struct store *k, struct err *err);
enum status keystore_sqlite_run(struct store *k, const char *sql, struct err *err);
/* Runs st to its end, each row through fn until it returns false. */
enum status keystore_sqlite_walk(struct store *k, sqlite3_stmt *st,
                                 bool (*fn)(void *ctx, sqlite3_stmt *st), void *ctx,
                                 struct err *err);
void keystore_sqlite_finish(sqlite3_stmt *st); /* ready for its next use */
struct str keystore_sqlite_text(sqlite3_stmt *st, int column);
int keystore_sqlite_bind(sqlite3_stmt *st, int at, const char *text);

/* keystore_sqlite_betas.c: see struct keystore_ops */
enum status keystore_sqlite_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err);

/* keystore_sqlite_usage.c: see struct keystore_ops */
enum status keystore_sqlite_put_usage(struct keystore *base, const struct keystore_usage *rows,
                                      size_t n, struct err *err);
enum status keystore_sqlite_usage(struct keystore *base, enum keystore_group group, int64_t from_ms,
                                  int64_t to_ms,
                                  bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                  void *ctx, struct err *err);
enum status keystore_sqlite_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err);

extern const struct keystore_edit_ops keystore_sqlite_edit;

#endif
