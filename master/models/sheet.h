/*
 * sheet.h - what a public table says of Bedrock's models, gathered an offer at a time (one model at
 * one place), and the rows of our table that the offers of one model make together. How they become
 * one: shm/README.md, "The table of models". CLI; the caller owns the sheet.
 */
#ifndef MASTER_MODELS_SHEET_H
#define MASTER_MODELS_SHEET_H

#include "server/base/buf.h"
#include "server/base/text.h"
#include "shm/catalogue/catalogue_table.h"
#include "shm/catalogue/tier.h"

struct cJSON;

#define SHEET_OFFERS_MAX 4096

struct sheet_offer { /* figures: CATALOGUE_NONE where the table says nothing; prices as there */
    char id[160];    /* without the prefix of a region */
    char where[24];  /* "us", "eu-west-2"; "": the bare id */
    char name[96], status[128];
    uint32_t context, output;
    uint32_t in, out, cache_read, write_5m, write_1h;
    uint32_t long_from, long_in, long_out;
    uint32_t tier_in[TIER_COUNT], tier_out[TIER_COUNT];
};

struct sheet {
    const char *source; /* what the column of that name shall say */
    size_t n;
    struct sheet_offer offer[SHEET_OFFERS_MAX];
};

/* An offer to be filled, of a legal id with or without a prefix. region: of a bare id, may be
 * empty. NULL: no id of a Bedrock model, or the sheet is full. */
struct sheet_offer *sheet_add(struct sheet *s, struct str id, struct str region);
/* Dollars for so many tokens; CATALOGUE_NONE for what is no price. */
uint32_t sheet_money(double dollars, double tokens);
/* A member of the public table: dollars for so many tokens; a whole number, 0 is "not known" there.
 * CATALOGUE_NONE: no such member, or no such figure. */
uint32_t sheet_price(const struct cJSON *of, const char *key, double tokens);
uint32_t sheet_number(const struct cJSON *of, const char *key);
/* The rows, sorted, below a line that names the columns. Sorts the offers. */
void sheet_put(struct sheet *s, struct buf *out);

#endif
