/*
 * config_elder.h - names that an old environment may bring along: of the earlier gateways, and of
 * settings that this one had once. Part of config.h.
 *
 *   read on     CONFIG_ELDER_READ: the value still counts, as a part of a newer setting
 *   told of     the table in config_elder.c: it does nothing here, and a line at the start and in
 *               check-config says why, so that nobody believes in a switch that is not connected
 *
 * Neither is in the documents' table of settings.
 */
#ifndef SERVER_BASE_CONFIG_ELDER_H
#define SERVER_BASE_CONFIG_ELDER_H

#include "server/base/err.h"

/*
 *   TABLE(field, NAME, ending)          a table's own name; not given: DYNAMODB_TABLE_PREFIX and
 *                                       the ending
 *   TEXT(field, NAME, now)              as it always was; now: what is to be set in its place
 *   SWITCH(none, NAME, setting, value)  false: the setting has that value, whoever gives it another
 */
#define CONFIG_ELDER_READ(TABLE, TEXT, SWITCH)                                   \
    TABLE(table_api_keys, "DYNAMODB_API_KEYS_TABLE", "-api-keys")                \
    TABLE(table_usage, "DYNAMODB_USAGE_TABLE", "-usage")                         \
    TABLE(table_usage_stats, "DYNAMODB_USAGE_STATS_TABLE", "-usage-stats")       \
    TABLE(table_model_mapping, "DYNAMODB_MODEL_MAPPING_TABLE", "-model-mapping") \
    TABLE(table_model_pricing, "DYNAMODB_MODEL_PRICING_TABLE", "-model-pricing") \
    TABLE(table_beta_headers, "DYNAMODB_BETA_HEADERS_TABLE", "-beta-headers")    \
    TEXT(beta_allow, "BETA_HEADERS_ALLOW", "BETA_HEADER_MAPPING")                \
    TEXT(beta_blocklist, "BETA_HEADERS_BLOCKLIST", "BETA_HEADER_MAPPING")        \
    TEXT(beta_passthrough, "BETA_HEADERS_PASSTHROUGH", "BETA_HEADER_MAPPING")    \
    TEXT(beta_models, "BETA_HEADER_SUPPORTED_MODELS", "CATALOGUE_FILE")          \
    SWITCH(none, "METRICS_AUTH", "METRICS_TOKEN", "off")                         \
    SWITCH(none, "RATE_LIMIT_ENABLED", "RATE_LIMIT_REQUESTS_PER_WINDOW", "0")    \
    SWITCH(none, "PROMPT_CACHING_ENABLED", "DEFAULT_CACHE_TTL", "off")
#define CONFIG_ELDER_NONE(...)

/* A line for each name that does nothing here and is set in this process's environment (.env has
 * been read into it) to a value that asks for something. Values are never shown. */
void config_elder_warnings(void (*fn)(void *ctx, const char *text), void *ctx);

#endif
