/*
 * dynamo_store.h - the tables of the mock DynamoDB, in memory, in order of insertion. An
 * attribute's value is kept as the JSON it came as: {"S":"x"}. One thread.
 */
#ifndef MOCK_DYNAMO_STORE_H
#define MOCK_DYNAMO_STORE_H

#include "server/base/arena.h"
#include "server/base/text.h"
#include "tests/mock/dynamo_finder.h"

struct attr {
    char *name, *raw; /* on the heap, owned by the item */
};

struct item {
    struct attr *attr;
    size_t n, cap;
};

struct table {
    char name[256], hash[256], range[256]; /* range "": none */
    char index[256], index_hash[256];      /* one index, as setup_tables makes; "": none */
    char ttl[256];                         /* attribute; "": off */
    uint64_t active_ms;                    /* monotonic: CREATING before it */
    struct item *item;                     /* n of them, in order */
    size_t n, cap;
    struct finder finder; /* of the items by their key attributes */
    struct table *next;
};

struct store {
    struct table *tables;
};

struct table *store_table(struct store *s, struct str name); /* NULL: none */
struct table *store_create(struct store *s, struct str name);
void store_free(struct store *s);

struct str item_get(const struct item *i, struct str name); /* p NULL: none */
void item_set(struct item *i, struct str name, struct str raw);
void item_remove(struct item *i, struct str name);
void item_copy(const struct item *from, struct item *to); /* to: empty */
void item_free(struct item *i);
size_t item_size(const struct item *i); /* bytes, as DynamoDB counts: names and values */

/* The one with the same key attributes as key, or NULL. */
struct item *table_find(struct table *t, const struct item *key, struct arena *scratch);
/* Takes the item over: in the place of the one with the same key, else at the end. The one there
 * (until the next put or remove) comes back. */
struct item *table_put(struct table *t, struct item *item, struct arena *scratch);
void table_remove(struct table *t, struct item *i); /* the last one takes its place */

/* --- values --- */

struct value {
    char type[5];    /* "S", "N", "BOOL", "NULL", "M" ...; "" when it is none */
    struct str text; /* of S and N, decoded; "true" or "false" of BOOL */
};
/* false: not one of DynamoDB's values. */
bool value_read(struct str raw, struct arena *scratch, struct value *out);
bool value_equal(const struct value *a, const struct value *b);
/* -1, 0, 1; of two S or two N. */
int value_order(const struct value *a, const struct value *b);
/* Decimal sum of two N with at most 12 digits behind the point, as text. */
bool value_sum(struct str a, struct str b, bool minus, char out[64]);

#endif
