/*
 * import.h - a public table of models and prices (LiteLLM's, models.dev's) as rows of our own: what
 * a CATALOGUE_FILE may hold. CLI; reads a file, asks nobody.
 */
#ifndef MASTER_MODELS_IMPORT_H
#define MASTER_MODELS_IMPORT_H

#include "server/base/buf.h"
#include "server/base/err.h"

/* from: "litellm", "models.dev" or NULL, which guesses. Appends the rows to out, which the table's
 * own reader has then accepted. INVALID: one line that names the file; out has nothing. */
MUST_CHECK enum status import_rows(const char *file, const char *from, struct buf *out,
                                   struct err *err);

#define IMPORT_FILE_MAX (32u << 20) /* bytes of a public table; LiteLLM's has 3.5 MB */

#endif
