/*
 * keystore_sqlite_statements.h - the columns of a key and the SQL of the embedded store, as tables:
 * every statement that a running server uses, prepared once. Only keystore_sqlite*.c include it.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_STATEMENTS_H
#define SHM_SQLITE_KEYSTORE_SQLITE_STATEMENTS_H

/* What a column is in struct keystore_row. LABEL may be cut, a TEXT that does not fit makes the row
 * unreadable. MONEY is US dollars as decimal text, so that no cent passes through a double. */
#define KEYSTORE_SQLITE_COLUMNS(TEXT, LABEL, INT, BOOL, MONEY) \
    TEXT(api_key, id)                                          \
    LABEL(user_id, user_id)                                    \
    LABEL(name, name)                                          \
    LABEL(key_prefix, prefix)                                  \
    INT(created_at, created_s)                                 \
    INT(updated_at, updated_s)                                 \
    BOOL(is_active, active)                                    \
    INT(rate_limit, rate_limit)                                \
    INT(tpm_limit, tpm_limit)                                  \
    INT(max_concurrency, max_concurrency)                      \
    MONEY(monthly_budget, budget_micro)                        \
    INT(expires_at, expires_s)                                 \
    TEXT(service_tier, service_tier)                           \
    TEXT(cache_ttl, cache_ttl)                                 \
    TEXT(allowed_models, models)                               \
    TEXT(guardrail, guardrail)                                 \
    TEXT(project, project)                                     \
    LABEL(deactivated_reason, deactivated_reason)              \
    TEXT(budget_mode, budget_mode)                             \
    MONEY(budget_used_mtd, budget_used_micro)                  \
    TEXT(budget_mtd_month, budget_month)                       \
    INT(budget_reset_at, budget_reset_ms)

/* Both lists begin with a comma, so each statement puts a constant first. Columns of a result and
 * placeholders of an INSERT then have the same numbers, 1..n. */
#define KEYSTORE_SQLITE_NAME(column, field) "," #column
#define KEYSTORE_SQLITE_MARK(column, field) ",?"
#define KEYSTORE_SQLITE_NAMES                                                                 \
    KEYSTORE_SQLITE_COLUMNS(KEYSTORE_SQLITE_NAME, KEYSTORE_SQLITE_NAME, KEYSTORE_SQLITE_NAME, \
                            KEYSTORE_SQLITE_NAME, KEYSTORE_SQLITE_NAME)
#define KEYSTORE_SQLITE_MARKS                                                                 \
    KEYSTORE_SQLITE_COLUMNS(KEYSTORE_SQLITE_MARK, KEYSTORE_SQLITE_MARK, KEYSTORE_SQLITE_MARK, \
                            KEYSTORE_SQLITE_MARK, KEYSTORE_SQLITE_MARK)

enum keystore_sqlite_column {
    COLUMN_NONE,
#define KEYSTORE_SQLITE_NUMBER(column, field) COLUMN_##column,
    KEYSTORE_SQLITE_COLUMNS(KEYSTORE_SQLITE_NUMBER, KEYSTORE_SQLITE_NUMBER, KEYSTORE_SQLITE_NUMBER,
                            KEYSTORE_SQLITE_NUMBER, KEYSTORE_SQLITE_NUMBER)
#undef KEYSTORE_SQLITE_NUMBER
};

/* X(NAME, "sql"). A clear key may be bound to one of them: reset and clear after use. */
#define KEYSTORE_SQLITE_STATEMENTS(X)                                                            \
    X(SCAN, "SELECT NULL" KEYSTORE_SQLITE_NAMES " FROM api_keys")                                \
    X(GET, "SELECT NULL" KEYSTORE_SQLITE_NAMES " FROM api_keys WHERE api_key = ?")               \
    X(PUT, "INSERT INTO api_keys(role" KEYSTORE_SQLITE_NAMES                                     \
           ") VALUES('Full Access'" KEYSTORE_SQLITE_MARKS ")")                                   \
    X(REVOKE, "UPDATE api_keys SET deactivated_reason = ?, updated_at = ?, is_active = 0"        \
              " WHERE api_key = ?")                                                              \
    X(MAPPINGS, "SELECT anthropic_model_id, bedrock_model_id, as_model_id FROM model_mapping")   \
    X(VERSION, "SELECT value FROM meta WHERE name = 'version'")                                  \
    X(SEAL_GET, "SELECT value FROM meta WHERE name = 'seal_key'")                                \
    X(SEAL_PUT, "INSERT INTO meta VALUES('seal_key', ?) ON CONFLICT(name) DO NOTHING")           \
    X(USAGE_PUT, "INSERT INTO usage(api_key, timestamp, usage_id, request_id, model,"            \
                 " resolved_model, input_tokens, output_tokens, cached_tokens,"                  \
                 " cache_write_input_tokens, cache_write_1h_tokens, total_tokens, cost_micro,"   \
                 " success, stream, status, duration_ms, service_tier, error_message, ttl)"      \
                 " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"                              \
                 " ON CONFLICT(usage_id) DO NOTHING")                                            \
    X(USAGE_EXPIRE, "DELETE FROM usage WHERE ttl < ?")                                           \
    X(BUDGET_GET, "SELECT monthly_budget, budget_used, budget_used_mtd, budget_mtd_month,"       \
                  " is_active, deactivated_reason, budget_reset_at FROM api_keys"                \
                  " WHERE api_key = ?")                                                          \
    X(BUDGET_SET, "UPDATE api_keys SET budget_used = ?, budget_used_mtd = ?,"                    \
                  " budget_mtd_month = ?, budget_reset_at = ? WHERE api_key = ?")                \
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

#endif
