/*
 * catalogue_read.h - from the text of a table (tab-separated, the first line names the columns) to
 * rows; and the bytes of a file. Any process.
 */
#ifndef SHM_CATALOGUE_CATALOGUE_READ_H
#define SHM_CATALOGUE_CATALOGUE_READ_H

#include "server/base/buf.h"
#include "server/base/err.h"
#include "shm/catalogue/catalogue_table.h"

/* All of a file behind what out has. INVALID: it cannot be read, or out takes less than it has. */
MUST_CHECK enum status catalogue_read_file(const char *path, struct buf *out, struct err *err);

void catalogue_read_begin(struct catalogue *t); /* empty */
/* The rows of text over those that are there. file: its name, for errors and for saying whose rows
 * these are; NULL: the built-in table. INVALID "FILE:LINE:COLUMN what": t is spoilt. */
MUST_CHECK enum status catalogue_read(struct catalogue *t, struct str text, const char *file,
                                      struct err *err);
/* After the last: cells that no row fills get their values, names are sorted. file: of that last;
 * INVALID as above, of a name that two rows have. */
MUST_CHECK enum status catalogue_read_end(struct catalogue *t, const char *file, struct err *err);

#endif
