/*
 * sticks.h - conversations that have left home: the lane that has their prompt cache, one word a
 * conversation.
 *
 *   word   | tag 37 | until 24 | lane 3 |      0: free
 *
 * Warm for five minutes past its last use, as Bedrock's cache is; for an hour it is still known which
 * account has written the thoughts in it, which another account cannot read. Who never left home is not
 * here. The table is lossy: what finds no room takes the place of what was used longest ago. A word is
 * changed by compare-and-swap alone, so a process may die between any two instructions. until: seconds
 * of the monotonic clock.
 *
 * Workers write; any process reads. now_s: the caller's monotonic clock.
 */
#ifndef SHM_MEMORY_STICKS_H
#define SHM_MEMORY_STICKS_H

#include "shm/memory/segment_layout.h"

#define STICKS_WORDS  8192
#define STICKS_WARM_S 300u  /* lifetime of a cache mark that names none */
#define STICKS_KEPT_S 3600u /* and of one that names an hour */

struct sticks_area {
    _Atomic uint64_t busy_until_s; /* no word lives longer; raised by whoever keeps one */
    uint64_t reserved[3];
    _Atomic uint64_t word[STICKS_WORDS];
};
_Static_assert(sizeof(struct sticks_area) == 8 * (STICKS_WORDS + 4), "no padding");

/* Has any conversation left home lately? Cheap: asked on every request. */
bool sticks_any(const struct segment *s, uint64_t now_s);
/* conversation: its digest, see worker/moves/conversation.h. */
bool sticks_find(const struct segment *s, uint64_t conversation, uint64_t now_s, unsigned *lane_out,
                 bool *warm_out);
void sticks_keep(struct segment *s, uint64_t conversation, unsigned lane, uint64_t now_s);
uint32_t sticks_count(const struct segment *s, uint64_t now_s); /* that are warm */

size_t sticks_area_size(void);

#endif
