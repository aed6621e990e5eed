/*
 * sticks.h - conversations that have left home: the lane that has their prompt cache, one word a
 * conversation.
 *
 *   word   | tag 36 | until 24 | slot 4 |      0: free
 *
 * Warm for five minutes past its last use, as Bedrock's cache is; cold ones are known for an hour. Who
 * never left home is not here. The table is lossy: what finds no room takes the place of what was used
 * longest ago. A word is changed by compare-and-swap alone, so a process may die between any two
 * instructions. until: seconds of the monotonic clock; they begin anew after 194 days, long after a sweep
 * has freed what is over. slot: of the lane, see lane_names.h.
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
bool sticks_find(const struct segment *s, uint64_t conversation, uint64_t now_s, unsigned *slot_out,
                 bool *warm_out);
void sticks_keep(struct segment *s, uint64_t conversation, unsigned slot, uint64_t now_s);
uint32_t sticks_count(const struct segment *s, uint64_t now_s); /* that are warm */

void sticks_sweep(struct segment *s, uint64_t now_s); /* refresher, now and then */
void sticks_forget(struct segment *s, unsigned slot); /* no conversation is there any more */

size_t sticks_area_size(void);

#endif
