/*
 * standing.h - how the key store stands: which one it is, and what is wrong with it. The refresher
 * says so, /ready passes it on, and the refresher's successor opens the same store again.
 */
#ifndef SHM_MEMORY_STANDING_H
#define SHM_MEMORY_STANDING_H

#include "server/config/config.h"
#include "shm/memory/segment_layout.h"

struct standing {
    char store[16];    /* "sqlite", "dynamodb"; "": none has been opened yet */
    char trouble[240]; /* the last error, as in the log; "": it can be read */
};
_Static_assert(sizeof(struct standing) % 8 == 0, "moved as 64-bit words");

/* Refresher only. */
void standing_tell(struct segment *s, const struct standing *now);
/* Anybody. All empty when nothing was told yet, or its teller died in the middle of it. */
void standing_read(const struct segment *s, struct standing *out);

/* What an operator should know although the store can be read; NULL: nothing. */
const char *standing_warning(const struct standing *now, const struct config *c, uint32_t keys);

size_t standing_area_size(void);

#endif
