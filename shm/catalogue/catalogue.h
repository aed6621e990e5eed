/*
 * catalogue.h - what is known of models before any operator says a word, as one table: models.tsv,
 * linked into the program, and CATALOGUE_FILE over it. Any process.
 *
 *   models.tsv --make--> catalogue_builtin --catalogue_load--> the table in force (of this process)
 *   CATALOGUE_FILE ------------------------------'                     ^
 *                                    a later edition, edition.h -------' catalogue_adopt
 *
 * A row stands for every id that begins with its own (region prefix taken off); the longest that
 * fits wins. A cell that a row does not fill is that of the next shorter id; "-" says none. So a
 * row of CATALOGUE_FILE with an id that is there already changes the cells that it fills. Prices
 * (in ... tiers) go together: a row that says `in` has its own, any other has an estimate.
 *
 * The table in force is the process's own, made before fork or taken over whole: what catalogue_find
 * gives stays as it is until the second catalogue_load or catalogue_adopt after it.
 */
#ifndef SHM_CATALOGUE_CATALOGUE_H
#define SHM_CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>
#include "server/base/err.h"
#include "server/base/text.h"
#include "shm/catalogue/abilities.h"
#include "shm/catalogue/catalogue_table.h"

/* The table in force; the built-in one until something else was loaded. */
const struct catalogue *catalogue_now(void);
/* The built-in table with a CATALOGUE_FILE over it (NULL or "": none) comes into force. INVALID:
 * "FILE:LINE:COLUMN what", and what was in force stays. Opens and reads the file. */
MUST_CHECK enum status catalogue_load(const char *file, struct err *err);
/* A whole table from elsewhere: room for it; catalogue_adopt puts it into force. */
struct catalogue *catalogue_room(void);
void catalogue_adopt(void);
/* Of the table in force, in this process: another than before once another has come into force. */
uint32_t catalogue_edition(void);

/* The row of a Bedrock id or ARN; that of `*` when not even its make is known, so never NULL. */
const struct catalogue_row *catalogue_find(struct str id);
/* The row that has this client's name in `names`; NULL: none. */
const struct catalogue_row *catalogue_named(struct str name);
/* All those names, sorted: the i-th and its row. */
uint32_t catalogue_names(void);
struct str catalogue_name(uint32_t i, const struct catalogue_row **row_out);
struct str catalogue_text(const struct catalogue_row *row, enum catalogue_column column);
uint32_t catalogue_number(const struct catalogue_row *row, enum catalogue_column column);
bool catalogue_is_exact(const struct catalogue_row *row, struct str id); /* its own, not a longer */

enum catalogue_state { CATALOGUE_ACTIVE, CATALOGUE_LEGACY, CATALOGUE_RETIRED };
struct catalogue_status {
    enum catalogue_state state;
    struct str date; /* 2027-04-08, of its end; empty: not known */
    struct str use;  /* id of what takes its place; empty: nobody says */
};
void catalogue_status(const struct catalogue_row *row, struct catalogue_status *out);

#endif
