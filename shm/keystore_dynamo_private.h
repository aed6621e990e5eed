/*
 * keystore_dynamo_private.h - what keystore_dynamo.c (keys, version), keystore_dynamo_call.c
 * (calls, pages), keystore_dynamo_catalog.c (mappings, prices, beta rules) and
 * keystore_dynamo_edit.c (changes by the subcommands) share.
 */
#ifndef SHM_KEYSTORE_DYNAMO_PRIVATE_H
#define SHM_KEYSTORE_DYNAMO_PRIVATE_H

#include "server/dynamo.h"
#include "shm/keystore.h"

struct store {
    struct keystore base;
    struct dynamo *dynamo;
    char keys[256], stats[256], mapping[256], pricing[256],
        betas[256]; /* names or ARNs of the tables */
    struct buf request;
};

/* keystore_dynamo.c: after a write of ours. */
void keystore_dynamo_raise_version(struct store *k);

/* A request: begin, members, send. */
void keystore_dynamo_begin(struct store *k, struct json_out *w, const char *table);
void keystore_dynamo_member(struct json_out *w, const char *name, const char *value);
/* Ends the object and calls. A missing table is told in words that say what to do. */
enum dynamo_result keystore_dynamo_send(struct store *k, struct json_out *w, const char *operation,
                                        const char *table, struct cJSON **answer_out,
                                        struct err *err);
enum status keystore_dynamo_status(enum dynamo_result result);

struct keystore_dynamo_walk {
    const char *table, *hash;
    void (*project)(struct json_out *w);
    bool (*item)(void *ctx, const struct cJSON *item); /* false stops */
    void *ctx;
    bool optional; /* a missing table is an empty one */
};

/* Every item of a table, page by page. OK: all were read, or item stopped it. */
MUST_CHECK enum status
keystore_dynamo_walk(struct store *k, const struct keystore_dynamo_walk *walk, struct err *err);

enum status keystore_dynamo_mappings(struct keystore *base,
                                     bool (*fn)(void *ctx, struct str from, struct str to),
                                     void *ctx, struct err *err);
enum status keystore_dynamo_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err);

enum status keystore_dynamo_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err);

extern const struct keystore_edit_ops keystore_dynamo_edit;

#endif
