/*
 * difference.h - what would change if rows were laid over the table of models in force: cell by
 * cell, also of rows that inherit them. CLI; the table in force stays.
 */
#ifndef MASTER_MODELS_DIFFERENCE_H
#define MASTER_MODELS_DIFFERENCE_H

#include "server/base/buf.h"
#include "server/base/err.h"

/* rows: a table's text; file: its name, for errors. Text: a line a cell; JSON: an array with a row
 * each. INVALID "FILE:LINE:COLUMN what". */
MUST_CHECK enum status difference_put(struct str rows, const char *file, bool json, struct buf *out,
                                      struct err *err);

#endif
