/*
 * tables.h - the DynamoDB tables of the key store and how each is made: keys, indexes, time to
 * live. On-demand billing, as the older tools make them. For setup_tables only: the gateway itself
 * never calls these operations.
 */
#ifndef MASTER_CLI_TABLES_H
#define MASTER_CLI_TABLES_H

#include "server/config/config.h"
#include "server/dynamo/dynamo.h"

/* X(config field, its setting, suffix behind --prefix, partition key, sort key or "", index and its
 * key or "", attribute with the time to live or "") */
#define TABLES(X)                                                                                 \
    X(table_api_keys, "DYNAMODB_API_KEYS_TABLE", "api-keys", "api_key", "", "user_id", "")        \
    X(table_usage, "DYNAMODB_USAGE_TABLE", "usage", "api_key", "timestamp", "request_id", "ttl")  \
    X(table_usage_stats, "DYNAMODB_USAGE_STATS_TABLE", "usage-stats", "api_key", "", "", "")      \
    X(table_model_mapping, "DYNAMODB_MODEL_MAPPING_TABLE", "model-mapping", "anthropic_model_id", \
      "", "", "")                                                                                 \
    X(table_model_pricing, "DYNAMODB_MODEL_PRICING_TABLE", "model-pricing", "model_id", "",       \
      "provider", "")                                                                             \
    X(table_beta_headers, "DYNAMODB_BETA_HEADERS_TABLE", "beta-headers", "header_name", "", "", "")

enum {
#define TABLES_COUNT_ONE(field, setting, suffix, hash, range, index, ttl) TABLES_NUMBER_##field,
    TABLES(TABLES_COUNT_ONE)
#undef TABLES_COUNT_ONE
        TABLES_COUNT
};

struct tables_row {
    const char *setting, *suffix;
    const char *hash, *range; /* keys, all of type S; range "": none */
    const char *index;        /* key of the index "<key>-index"; "": none */
    const char *ttl;          /* "": none */
};
const struct tables_row *tables_row(size_t i);
const char *tables_name(const struct config *c, size_t i);

enum tables_done { TABLES_CREATED, TABLES_EXISTS, TABLES_FAILED };
struct tables_outcome {
    enum tables_done done;
    char note[DYNAMO_ERROR_TEXT + 64]; /* why it failed, or what is not as it should be; or "" */
};

/* Makes the table if it is missing, waits until it is active, sets its time to live. progress: one
 * call a second or so while it waits, with the table's status. wait_ms: how long to wait for one.
 */
void tables_make(struct dynamo *d, const struct config *c, size_t i, uint32_t wait_ms,
                 void (*progress)(const char *table, const char *status),
                 struct tables_outcome *out);

#endif
