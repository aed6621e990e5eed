/*
 * slots.h - who has which bucket: the refresher's private list of slot numbers.
 *
 * A key keeps its slot as long as it exists, also over a restart of the refresher (slots_learn from
 * the published directory). A freed slot rests for 2 generations and 10 minutes, the longest time a
 * worker may still hold the old number, before another key gets it.
 */
#ifndef SHM_MEMORY_SLOTS_H
#define SHM_MEMORY_SLOTS_H

#include "shm/memory/segment_layout.h"

#define SLOTS_NONE    0u /* a reserved slot's number, so never a key's */
#define SLOTS_REST_MS 600000u

struct slots;

struct slots *slots_new(struct segment *s); /* NULL: no memory */
void slots_drop(struct slots *slots);

/* At start, for every key of the published directory; false: the slot is taken, reserved or its
 * bucket has another tag, so the key needs a new one. Then slots_learned once: used buckets that
 * nobody has begin their rest. */
bool slots_learn(struct slots *slots, uint32_t slot, uint32_t tag);
void slots_learned(struct slots *slots, uint64_t now_ms);

/* Gives the bucket to the tag, zeroed. SLOTS_NONE: all are taken or resting. now_ms: monotonic. */
uint32_t slots_take(struct slots *slots, uint32_t tag, uint64_t now_ms);
void slots_free(struct slots *slots, uint32_t slot, uint64_t now_ms);

#endif
