/*
 * prices.h - what a request costs, in millionths of a dollar, and what the catalogue says of a
 * model's price. Any process; pure but for the catalogue in force.
 *
 * Prices are micro-dollars for a million tokens, so "3 dollars a million" is 3,000,000 and every
 * figure is a whole number: no double ever touches money. Rows of the store's pricing table win
 * over the catalogue (shm/memory/tariff.h has the order), in which an exact id wins over its
 * family. Each rate is rounded to a whole micro-dollar a million, the cost once, at the end.
 */
#ifndef SHM_CATALOGUE_PRICES_H
#define SHM_CATALOGUE_PRICES_H

#include <stdbool.h>
#include "server/base/text.h"
#include "shm/catalogue/catalogue_table.h"
#include "shm/catalogue/price.h"
#include "shm/catalogue/rates.h"
#include "shm/catalogue/tier.h"
#include "shm/catalogue/tokens.h"

enum prices_source {
    PRICES_STORE,   /* the operator's own: tariff.h */
    PRICES_LIST,    /* the catalogue's row of this very id */
    PRICES_FAMILY,  /* of another model of the same make: an estimate, never 0 */
    PRICES_ASSUMED, /* UNPRICED=number */
    PRICES_UNKNOWN  /* *out is all 0: to be refused, or counted and warned about */
};

struct prices_tariff {  /* what a model costs, whichever tier serves it */
    struct rates rates; /* of the default tier, in its region */
    uint16_t factor_in[TIER_COUNT], factor_out[TIER_COUNT]; /* thousandths */
};

/* Of the catalogue. id: Bedrock's, or an ARN; region: where a bare id is asked (AWS_REGION). */
enum prices_source prices_find(struct str id, struct str region, struct prices_tariff *out);
/* The list price of a row (of `global.`, or of us-east-1); false: it has none of its own. */
bool prices_listed(const struct catalogue_row *row, struct rates *out);
/* The operator's price; tiers of the id's row, where there is one. */
void prices_own(struct str id, const struct price *price, struct prices_tariff *out);
struct rates prices_rates(const struct prices_tariff *tariff, enum tier tier);
/* Rounded half up once, at the end; UINT64_MAX when it does not fit. */
uint64_t prices_cost(const struct rates *rates, const struct tokens *tokens);

#endif
