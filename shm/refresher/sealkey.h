/*
 * sealkey.h - brings the key with which reasoning is sealed from the store to the workers. The first
 * server of a store makes it, all others get the same, also after a restart; a store that has none and
 * cannot be written: reasoning is not given out encrypted, and the log says so. Refresher only.
 */
#ifndef SHM_REFRESHER_SEALKEY_H
#define SHM_REFRESHER_SEALKEY_H

#include "shm/memory/segment_layout.h"
#include "shm/store/keystore.h"

#define SEALKEY_EVERY_MS 60000u /* an operator may have taken the key away: then there is another */
#define SEALKEY_RETRY_MS 10000u

struct sealkey { /* segment set, the rest zero */
    struct segment *segment;
    uint64_t again_ms; /* monotonic */
    bool warned;
};

/* Each second. store NULL: it cannot be reached now; what is published stays. */
void sealkey_tick(struct sealkey *k, struct keystore *store, uint64_t now_ms);

#endif
