/*
 * catalogue_cell.h - one cell of the catalogue: from the text of a table to its value and back. Any
 * process; pure.
 */
#ifndef SHM_CATALOGUE_CATALOGUE_CELL_H
#define SHM_CATALOGUE_CATALOGUE_CELL_H

#include "server/base/buf.h"
#include "server/base/err.h"
#include "shm/catalogue/catalogue_table.h"

/* text is not empty. *out: the value of a column that holds a number; for the others it is not
 * touched and the text itself is the value, once this has said that it is legal. *is_text says
 * which. INVALID says what was expected, without place or column. */
MUST_CHECK enum status catalogue_cell_read(enum catalogue_column column, struct str text,
                                           uint32_t *out, bool *is_text, struct err *err);
/* NUMBER and MONEY: CATALOGUE_NONE says that nothing is known. */
/* Could Bedrock have a model of this id? What begins one is good, too. */
bool catalogue_cell_is_id(struct str text);
bool catalogue_cell_is_figure(enum catalogue_column column);
/* As it stands in a table; "" where nothing is known. */
void catalogue_cell_put(struct buf *out, const struct catalogue *t, const struct catalogue_row *row,
                        enum catalogue_column column);

/* Dollars with up to six decimals as micro-dollars; "1.1" as 1,100,000, too. */
bool catalogue_cell_money(struct str text, uint32_t *micro_out);
void catalogue_cell_put_money(struct buf *out, uint64_t micro);

/* One part of `regional` ("1.1", "us-gov=1.2", "eu=0.74/2.22") or of `tiers`. */
struct catalogue_part {
    struct str where; /* empty: everywhere */
    bool pair;        /* two figures; else b is a */
    uint32_t a, b;    /* as catalogue_cell_money */
};
/* False: *rest is used up. Of a legal cell. */
bool catalogue_cell_part(struct str *rest, struct catalogue_part *out);

#endif
