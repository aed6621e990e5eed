/*
 * listing.h - the table of models in force, for print: which rows, what they say, what the price is
 * at each place, and where a row is from. CLI; pure but for the table in force.
 */
#ifndef MASTER_MODELS_LISTING_H
#define MASTER_MODELS_LISTING_H

#include "server/base/buf.h"
#include "server/base/text.h"

enum listing_form { LISTING_TEXT, LISTING_TSV, LISTING_JSON };

/* pattern: a piece of an id or of a name, in any case; empty: every row. region: where bare ids are
 * asked. file: CATALOGUE_FILE, may be empty. Returns how many rows there were. */
size_t listing_put(struct str pattern, enum listing_form form, struct str region, const char *file,
                   struct buf *out);

#endif
