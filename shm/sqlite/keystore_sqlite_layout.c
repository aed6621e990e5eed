/* The tables of the embedded store, and how an older file becomes a newer one. */
#include "shm/sqlite/keystore_sqlite_layout.h"

/* Attributes of the older tools' rows that this program only carries: budget_*, owner_name, role,
 * metadata. */
static const char layout_1[] = /* one column a line */
    "CREATE TABLE api_keys("
    "api_key TEXT PRIMARY KEY NOT NULL,"
    "user_id TEXT NOT NULL,"
    "name TEXT NOT NULL,"
    "key_prefix TEXT NOT NULL DEFAULT '',"
    "created_at INTEGER NOT NULL,"
    "updated_at INTEGER NOT NULL,"
    "is_active INTEGER NOT NULL DEFAULT 1,"
    "rate_limit INTEGER NOT NULL DEFAULT 0,"
    "tpm_limit INTEGER NOT NULL DEFAULT 0,"
    "max_concurrency INTEGER NOT NULL DEFAULT 0,"
    "monthly_budget TEXT NOT NULL DEFAULT '0',"
    "expires_at INTEGER NOT NULL DEFAULT 0,"
    "service_tier TEXT NOT NULL DEFAULT 'default',"
    "cache_ttl TEXT,"
    "allowed_models TEXT NOT NULL DEFAULT '',"
    "deactivated_reason TEXT,"
    "budget_used TEXT NOT NULL DEFAULT '0',"
    "budget_used_mtd TEXT NOT NULL DEFAULT '0',"
    "budget_mtd_month TEXT,"
    "budget_history TEXT,"
    "owner_name TEXT,"
    "role TEXT,"
    "metadata TEXT) WITHOUT ROWID;"
    "CREATE TABLE model_mapping("
    "anthropic_model_id TEXT PRIMARY KEY NOT NULL,"
    "bedrock_model_id TEXT NOT NULL,"
    "updated_at INTEGER) WITHOUT ROWID;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('version', 1);";

#define BUMP(table, event) BUMP_OF(table, event, "")
#define BUMP_OF(table, event, columns)                                         \
    "CREATE TRIGGER " #table "_" #event " AFTER " #event columns " ON " #table \
    " BEGIN UPDATE meta SET value = value + 1 WHERE name = 'version'; END;"
static const char layout_1_triggers[] =
    BUMP(api_keys, INSERT) BUMP(api_keys, UPDATE) BUMP(api_keys, DELETE) BUMP(model_mapping, INSERT)
        BUMP(model_mapping, UPDATE) BUMP(model_mapping, DELETE);

/* A row of usage costs its request CPU time: it goes to the end of the table, and there are no more
 * indexes than the two that writing needs.
 *
 * Usage is written five times a second: what it changes in api_keys must not make every server load
 * all keys. Names of the usage columns are those of the older tools' table. */
static const char layout_2[] =
    "ALTER TABLE api_keys ADD COLUMN budget_mode TEXT NOT NULL DEFAULT 'soft';"
    "DROP TRIGGER api_keys_UPDATE;" BUMP_OF(
        api_keys, UPDATE,
        " OF user_id, name, is_active, rate_limit, tpm_limit, max_concurrency, monthly_budget,"
        " budget_mode, expires_at, service_tier, cache_ttl, allowed_models, "
        "deactivated_reason") "CREATE TABLE usage("
                              "api_key TEXT NOT NULL,"
                              "timestamp INTEGER NOT NULL," /* milliseconds */
                              "usage_id TEXT NOT NULL UNIQUE,"
                              "request_id TEXT NOT NULL,"
                              "model TEXT NOT NULL,"
                              "resolved_model TEXT NOT NULL,"
                              "input_tokens INTEGER NOT NULL,"
                              "output_tokens INTEGER NOT NULL,"
                              "cached_tokens INTEGER NOT NULL,"
                              "cache_write_input_tokens INTEGER NOT NULL,"
                              "cache_write_1h_tokens INTEGER NOT NULL,"
                              "total_tokens INTEGER NOT NULL,"
                              "cost_micro INTEGER NOT NULL,"
                              "success INTEGER NOT NULL,"
                              "stream INTEGER NOT NULL,"
                              "status INTEGER NOT NULL,"
                              "duration_ms INTEGER NOT NULL,"
                              "service_tier TEXT NOT NULL,"
                              "error_message TEXT,"
                              "ttl INTEGER);" /* seconds since 1970; NULL: kept for ever */
                              "CREATE INDEX usage_ttl ON usage(ttl) WHERE ttl IS NOT NULL;"
                              "CREATE TABLE model_pricing("
                              "model_id TEXT PRIMARY KEY NOT NULL,"
                              "provider TEXT,"
                              "display_name TEXT,"
                              "input_price TEXT NOT NULL," /* dollars a million tokens */
                              "output_price TEXT NOT NULL,"
                              "cache_read_price TEXT,"
                              "cache_write_price TEXT,"
                              "status TEXT NOT NULL DEFAULT 'active',"
                              "created_at INTEGER,"
                              "updated_at INTEGER) WITHOUT ROWID;" BUMP(model_pricing, INSERT)
                                  BUMP(model_pricing, UPDATE) BUMP(model_pricing, DELETE);

/* mapped_to: a JSON list. */
static const char layout_3[] = "CREATE TABLE beta_headers("
                               "header_name TEXT PRIMARY KEY NOT NULL,"
                               "header_type TEXT NOT NULL,"
                               "mapped_to TEXT,"
                               "description TEXT,"
                               "created_at TEXT,"
                               "updated_at TEXT) WITHOUT ROWID;" BUMP(beta_headers, INSERT)
                                   BUMP(beta_headers, UPDATE) BUMP(beta_headers, DELETE);

/* The model behind the ARN that bedrock_model_id is, where the operator says it. */
static const char layout_4[] = "ALTER TABLE model_mapping ADD COLUMN as_model_id TEXT;";

/* Which rows the month's sum of a key does not hold any more, and what corrections and resets have
 * done. There are files of layout 4 with an audit. */
static const char layout_5[] =
    "ALTER TABLE api_keys ADD COLUMN budget_reset_at INTEGER NOT NULL DEFAULT 0;" /* milliseconds */
    "CREATE TABLE IF NOT EXISTS audit("
    "at INTEGER NOT NULL," /* milliseconds */
    "action TEXT NOT NULL,"
    "api_key TEXT NOT NULL,"
    "month TEXT,"
    "before_micro INTEGER,"
    "after_micro INTEGER);"
    "UPDATE api_keys SET budget_reset_at = ifnull((SELECT max(at) FROM audit AS a"
    " WHERE a.api_key = api_keys.api_key AND action = 'reset-spend'), 0);";

/* The guardrail and the Bedrock project of a key. */
static const char layout_6[] =
    "ALTER TABLE api_keys ADD COLUMN guardrail TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE api_keys ADD COLUMN project TEXT NOT NULL DEFAULT '';"
    "DROP TRIGGER api_keys_UPDATE;" BUMP_OF(
        api_keys, UPDATE,
        " OF user_id, name, is_active, rate_limit, tpm_limit, max_concurrency, monthly_budget,"
        " budget_mode, expires_at, service_tier, cache_ttl, allowed_models, deactivated_reason,"
        " guardrail, project");

/* From PRAGMA user_version n to n + 1. */
const char *const keystore_sqlite_layouts[KEYSTORE_SQLITE_LAYOUT][2] = {
    {layout_1, layout_1_triggers},
    {layout_2, ""},
    {layout_3, ""},
    {layout_4, ""},
    {layout_5, ""},
    {layout_6, ""}};
