/*
 * keyset.h - the refresher's private set of keys by digest: a dense array and a hash index,
 * growing.
 */
#ifndef SHM_STORE_KEYSET_H
#define SHM_STORE_KEYSET_H

#include "shm/memory/directory.h"

struct keyset { /* zero is empty; use the functions */
    struct directory_key *cells;
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
void keyset_free(struct keyset *set);

#endif
