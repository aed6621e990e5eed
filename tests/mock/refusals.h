/*
 * refusals.h - what a Bedrock of another year refuses: rows of a file (--refusals FILE), each a
 * model, a condition on the body and the sentence that it answers. tests/mock/next_year.tsv has the
 * form and the meaning of the columns.
 */
#ifndef MOCK_REFUSALS_H
#define MOCK_REFUSALS_H

#include "server/json/scan.h"

struct refusals;

/* NULL: no such file, or a row without its five columns; told on stderr. */
struct refusals *refusals_read(const char *path);
void refusals_drop(struct refusals *r);
/* The sentence of the first row that fits, with $N replaced; false: none does. r may be NULL. */
bool refusals_find(const struct refusals *r, struct str model, const struct scan *body, char *out,
                   size_t size);

#endif
