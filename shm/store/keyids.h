/*
 * keyids.h - the partition keys of rows that older tools wrote in clear, by digest: a usage row and
 * a budget go under the same key as the key's own row. Of hashed rows the digest says it all.
 * Refresher only, in its private memory; wiped.
 */
#ifndef SHM_STORE_KEYIDS_H
#define SHM_STORE_KEYIDS_H

#include "shm/store/keystore.h"

struct keyids { /* zero is empty; use the functions */
    struct keyids_list {
        struct keyids_entry *entries; /* sorted by digest, but for the staged ones */
        size_t count, room;
    } now, staged;
};

void keyids_begin(struct keyids *k);
/* A row of a load; rows with a hashed id are passed over. false: no memory. */
MUST_CHECK bool keyids_stage(struct keyids *k, const uint8_t digest[32], const char *id);
void keyids_commit(struct keyids *k);
/* One that was looked up by itself. false: no memory. */
MUST_CHECK bool keyids_add(struct keyids *k, const uint8_t digest[32], const char *id);
/* "sha256:<hex>" for a digest that is not here. */
void keyids_find(const struct keyids *k, const uint8_t digest[32], char out[KEYSTORE_ID_MAX + 1]);
void keyids_free(struct keyids *k);

#endif
