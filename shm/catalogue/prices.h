/*
 * prices.h - what a request costs, in millionths of a dollar. Any process; reads the shared
 * directory.
 *
 * Prices are micro-dollars for a million tokens, so "3 dollars a million" is 3,000,000 and every
 * figure is a whole number: no double ever touches money. Rows of the store's pricing table win
 * over the built-in list, an exact id over one without its region prefix, both over the family's.
 */
#ifndef SHM_CATALOGUE_PRICES_H
#define SHM_CATALOGUE_PRICES_H

#include "shm/memory/directory.h"

struct prices_tokens {
    uint64_t input;
    uint64_t output;
    uint64_t cache_read;
    uint64_t cache_write; /* 5-minute writes; 1-hour ones are apart */
    uint64_t cache_write_1h;
};

enum prices_source {
    PRICES_STORE,
    PRICES_LIST,
    PRICES_FAMILY, /* another model of the same make: an estimate, never 0 */
    PRICES_UNKNOWN /* *out is all 0: to be counted and warned about */
};

/* id: Bedrock's, or an ARN. s may be NULL: only the built-in list. */
enum prices_source prices_find(const struct segment *s, struct str id, struct directory_price *out);
/* The built-in list, for people: id number i, NULL behind the last. *family_out: the id is the
 * beginning of those it is an estimate for. */
const char *prices_listed(size_t i, struct directory_price *out, bool *family_out);
/* The id without region prefix: "us.anthropic.x" -> "anthropic.x"; of an ARN its last part. */
struct str prices_base(struct str id);
/* Rounded half up once, at the end; UINT64_MAX when it does not fit. */
uint64_t prices_cost(const struct directory_price *price, const struct prices_tokens *tokens,
                     enum directory_tier tier);

#endif
