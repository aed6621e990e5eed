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
    /* Rows stored since this process began, or since a call failed: until there are more of them
     * than a call has, a row may be there already from a call whose end nobody saw. */
    uint32_t certain_rows;
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

/* keystore_dynamo_seal.c */
enum status keystore_dynamo_seal_key(struct keystore *base, const uint8_t fresh[SEAL_KEY_SIZE],
                                     uint8_t out[SEAL_KEY_SIZE], struct err *err);

extern const struct keystore_edit_ops keystore_dynamo_edit;
extern const struct keystore_bill_ops keystore_dynamo_bill;

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

/* --- the sums of a key's item, read and written by usage and by corrections --- */
#define KEYSTORE_DYNAMO_LEDGER 4096
struct keystore_dynamo_sums {
    struct keystore_budget budget;
    bool was_active;
    bool late;                               /* the history changes */
    struct buf history;                      /* its new text; the caller's to init and free */
    bool resets;                             /* budget.reset_ms is new */
    char ledger[KEYSTORE_DYNAMO_LEDGER];     /* usage_flushers as read */
    char new_ledger[KEYSTORE_DYNAMO_LEDGER]; /* as it is to be */
};
/* The answer's "Item" (absent: no such key) into s; the answer is for keystore_dynamo_budget_put. */
enum status keystore_dynamo_budget_read(struct store *k, const char *id, struct cJSON **answer_out,
                                        struct keystore_dynamo_sums *s, struct err *err);
/* budget.history_micro into the history. */
void keystore_dynamo_budget_history(struct keystore_dynamo_sums *s);
/* The members of an update behind its table, on the condition that nothing has changed. */
void keystore_dynamo_budget_put(struct json_out *w, const char *id,
                                const struct keystore_dynamo_sums *s, const struct cJSON *item);

#endif
