/*
 * dynamo_finder.h - finds the rows of an array by the hash of their key: chains of row numbers. It
 * knows nothing of what a row holds; two keys may have one hash, so the caller compares.
 *
 * Rows are numbered as their array is: a new one comes at the end, and the last one takes the
 * number of one that goes. Zeroed memory is an empty finder. One thread.
 */
#ifndef MOCK_DYNAMO_FINDER_H
#define MOCK_DYNAMO_FINDER_H

#include <stddef.h>
#include <stdint.h>

#define FINDER_NONE SIZE_MAX

struct finder {
    struct finder_row *row; /* on the heap, as is head */
    size_t *head;           /* first row of a chain */
    size_t n, room;         /* room: of both arrays, a power of two */
};

void finder_add(struct finder *f, uint32_t hash); /* row f->n */
void finder_remove(struct finder *f, size_t row);
void finder_free(struct finder *f);

/* for (r = finder_first(f, hash); r != FINDER_NONE; r = finder_next(f, r)) */
size_t finder_first(const struct finder *f, uint32_t hash);
size_t finder_next(const struct finder *f, size_t row); /* the next with the same hash */

#endif
