/*
 * keyset.h - the refresher's private set by digest, of keys or of terms: a dense array and a hash
 * index, growing.
 */
#ifndef SHM_STORE_KEYSET_H
#define SHM_STORE_KEYSET_H

#include "shm/memory/directory.h"

union keyset_cell { /* all begin with the digest */
    uint8_t digest[32];
    struct directory_key key;
    struct directory_terms terms;
};

struct keyset { /* zero is empty; use the functions, and of one kind only */
    union keyset_cell *cells;
    uint32_t count;
    uint32_t room;
    uint32_t
        *index; /* cell number + 1, 0: empty; index_size is a power of two, at least twice count */
    uint32_t index_size;
};

/* NULL: not in the set. Valid until the next add. */
struct directory_key *keyset_find(const struct keyset *set, const uint8_t digest[32]);
/* The digest is not in the set yet. false: no memory, nothing changed. */
bool keyset_add(struct keyset *set, const struct directory_key *key);
/* The same of terms. */
struct directory_terms *keyset_find_terms(const struct keyset *set, const uint8_t digest[32]);
bool keyset_add_terms(struct keyset *set, const struct directory_terms *terms);
void keyset_free(struct keyset *set);

#endif
