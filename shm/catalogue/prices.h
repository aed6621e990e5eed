/*
 * prices.h - what a request costs, in millionths of a dollar, and the built-in list of prices. Any
 * process; pure.
 *
 * Prices are micro-dollars for a million tokens, so "3 dollars a million" is 3,000,000 and every
 * figure is a whole number: no double ever touches money. Rows of the store's pricing table win
 * over the built-in list (shm/memory/tariff.h has the order), in which an exact id wins over its
 * family.
 */
#ifndef SHM_CATALOGUE_PRICES_H
#define SHM_CATALOGUE_PRICES_H

#include <stdbool.h>
#include "server/base/text.h"
#include "shm/catalogue/price.h"
#include "shm/catalogue/tier.h"
#include "shm/catalogue/tokens.h"

enum prices_source {
    PRICES_STORE, /* the operator's own: tariff.h */
    PRICES_LIST,
    PRICES_FAMILY, /* another model of the same make: an estimate, never 0 */
    PRICES_UNKNOWN /* *out is all 0: to be counted and warned about */
};

/* In the built-in list. id: Bedrock's, or an ARN. */
enum prices_source prices_find(struct str id, struct price *out);
/* The built-in list, for people: id number i, NULL behind the last. *family_out: the id is the
 * beginning of those it is an estimate for. */
const char *prices_listed(size_t i, struct price *out, bool *family_out);
/* The id without region prefix: "us.anthropic.x" -> "anthropic.x"; of an ARN its last part. */
struct str prices_base(struct str id);
/* Rounded half up once, at the end; UINT64_MAX when it does not fit. */
uint64_t prices_cost(const struct price *price, const struct tokens *tokens, enum tier tier);

#endif
