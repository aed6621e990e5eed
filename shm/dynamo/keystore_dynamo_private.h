/*
 * keystore_dynamo_private.h - what keystore_dynamo.c (keys, version), keystore_dynamo_call.c
 * (calls, pages), keystore_dynamo_catalog.c (mappings, prices, beta rules), keystore_dynamo_edit.c
 * (changes by the subcommands), keystore_dynamo_usage.c (rows) and keystore_dynamo_budget.c share.
 */
#ifndef SHM_DYNAMO_KEYSTORE_DYNAMO_PRIVATE_H
#define SHM_DYNAMO_KEYSTORE_DYNAMO_PRIVATE_H

#include "server/dynamo/dynamo.h"
#include "shm/store/keystore.h"

struct store {
    struct keystore base;
    struct dynamo *dynamo;
    /* names or ARNs of the tables */
    char keys[256], stats[256], mapping[256], pricing[256], betas[256], usage[256];
    struct buf request;
};

/* keystore_dynamo.c: after a write of ours. */
void keystore_dynamo_raise_version(struct store *k);

/* A request: begin, members, send. */
void keystore_dynamo_begin(struct store *k, struct json_out *w, const char *table);
void keystore_dynamo_member(struct json_out *w, const char *name, const char *value);
/* Ends the object and calls; errors are reworded. */
enum dynamo_result keystore_dynamo_send(struct store *k, struct json_out *w, const char *operation,
                                        const char *table, struct cJSON **answer_out,
                                        struct err *err);
/* A missing table is told in words that say what to do. */
void keystore_dynamo_reword(enum dynamo_result result, const char *table, struct err *err);
enum status keystore_dynamo_status(enum dynamo_result result);

struct keystore_dynamo_walk {
    const char *table, *hash;
    const char *range; /* NULL: the table has no sort key */
    void (*project)(struct json_out *w);
    void (*filter)(void *ctx, struct json_out *w);     /* NULL: none */
    bool (*item)(void *ctx, const struct cJSON *item); /* false stops */
    void *ctx;
    bool optional; /* a missing table is an empty one */
};

/* Every item of a table, page by page. OK: all were read, or item stopped it. */
MUST_CHECK enum status
keystore_dynamo_walk(struct store *k, const struct keystore_dynamo_walk *walk, struct err *err);

enum status keystore_dynamo_mappings(struct keystore *base,
                                     bool (*fn)(void *ctx, const struct keystore_mapping *m),
                                     void *ctx, struct err *err);
enum status keystore_dynamo_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err);

enum status keystore_dynamo_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err);

extern const struct keystore_edit_ops keystore_dynamo_edit;

/* --- usage: the contract is in keystore.h --- */
#define KEYSTORE_DYNAMO_USAGE_BATCH 64u /* rows of a call: they go DYNAMO_MANY at a time */
enum status keystore_dynamo_put_usage(struct keystore *base, const struct keystore_usage *rows,
                                      size_t n, struct err *err);
enum status keystore_dynamo_usage(struct keystore *base, enum keystore_group group, int64_t from_ms,
                                  int64_t to_ms,
                                  bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                  void *ctx, struct err *err);
/* As keystore_dynamo_status, but INVALID for what this item can never be stored as. */
enum status keystore_dynamo_put_status(enum dynamo_result result, const struct err *err);
/* Do both have a cost, and count to the same budget by the same flusher? */
bool keystore_dynamo_same_budget(const struct keystore_usage *a, const struct keystore_usage *b);
/* The cost of those of the n rows that go with the first into one budget: each once, for ever. */
enum status keystore_dynamo_add_cost(struct store *k, const struct keystore_usage *rows, size_t n,
                                     struct err *err);

#endif
