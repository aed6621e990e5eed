/*
 * holds.h - what the open requests of a key hold: how many there are, and money set aside for them.
 *
 * One row a worker, one word a bucket slot: 16 bits of count, 48 bits of micro-dollars. A word has
 * one writer, its worker. Whether there is room is asked after taking: take, add up the rows of
 * all living workers, give back when it is too much. So two that want the last place at once never
 * both get it, and a worker that is killed takes what it held with it: the row of a slot whose
 * process is gone is not counted, and its successor clears it. There is nothing to repair.
 *
 * Only keys with max_concurrency or with budget_mode reserve come here. Worker.
 */
#ifndef SHM_MEMORY_HOLDS_H
#define SHM_MEMORY_HOLDS_H

#include "shm/memory/segment_layout.h"

#define HOLDS_MICRO_MAX ((1ull << 48) - 1) /* 281 million dollars; more is held as this much */

struct holds {
    uint64_t count;
    uint64_t micro;
};

/* Worker, once after fork, before its slot is READY. */
void holds_enter(struct segment *s, uint32_t worker);
/* Takes in worker's row. false: more than count_max (0: any) would be held then; nothing is. */
bool holds_take(struct segment *s, uint32_t worker, uint32_t slot, struct holds want,
                uint64_t count_max);
/* Gives back what was taken. */
void holds_give(struct segment *s, uint32_t worker, uint32_t slot, struct holds what);
struct holds holds_sum(const struct segment *s, uint32_t slot);

size_t holds_area_size(uint32_t workers, uint32_t max_keys);

#endif
