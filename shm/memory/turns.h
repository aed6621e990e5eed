/*
 * turns.h - whose turn it is while Bedrock throttles a model: fair to keys, over all workers, by words
 * alone. Start-time fair queuing (Goyal, Vin, Cheng 1996) without a scheduler.
 *
 *   gate        what waits for one model; by a hash, so two models may share one and wait together
 *   now         the gate's virtual time: the turn in which the last one was let through
 *   key         the turn after the last one that the key has asked for. A request's turn is the later of
 *               both, so a key with many requests has them far ahead, and one with a first request is next
 *   head        each worker shows the tag of its first in the gate; who has the least of all may try
 *   next, step  when the next one may try: the step grows with each refusal and shrinks with each answer,
 *               faster after some in a row, which finds the rate that Bedrock grants, a third above it
 *   busy_until  while somebody waits nobody passes by, or the turns would be worth nothing
 *
 *   tag   | turn 40 | arrival 24 ms |      0: nobody; of one turn the first come is the first
 *
 * A word is changed by compare-and-swap, or has one writer, so a process may die between any two
 * instructions: its heads are not looked at any more after TURNS_STALE_MS, and what its requests took
 * of their keys' turns is forgotten when nobody waits. A gate tells apart TURNS_KEYS slots of keys:
 * two keys that meet share their turns.
 *
 * Workers; any process reads. Times: the monotonic clock, which all processes of a host share.
 */
#ifndef SHM_MEMORY_TURNS_H
#define SHM_MEMORY_TURNS_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

#define TURNS_GATES    64
#define TURNS_KEYS     4096
#define TURNS_STALE_MS 500
#define TURNS_STEP_MIN 500u    /* microseconds between two that try */
#define TURNS_STEP_NEW 20000u  /* at first */
#define TURNS_STEP_MAX 200000u /* however long all are refused */

struct turns_head { /* its worker writes */
    _Atomic uint64_t tag;
    _Atomic uint64_t shown; /* ms << 16 | how many wait there */
};

struct turns_gate {
    _Atomic uint64_t busy_until_ms;
    _Atomic uint64_t now;
    _Atomic uint64_t next_us;
    _Atomic uint64_t step; /* microseconds << 8 | answers in a row */
    uint64_t reserved[12];
    _Atomic uint64_t key[TURNS_KEYS];
};
_Static_assert(sizeof(struct turns_gate) == 128 + 8 * TURNS_KEYS, "no padding");

struct turns_area {
    struct turns_head head[SEGMENT_WORKERS_MAX][TURNS_GATES];
    struct turns_gate gate[TURNS_GATES];
};

struct turns_ticket {
    uint32_t gate, key;
    uint64_t turn;
    uint64_t tag;
};

uint32_t turns_gate(struct str model); /* number of its gate */
/* Does anybody wait there? One load: asked on every request. */
bool turns_busy(const struct segment *s, uint32_t gate, uint64_t now_ms);

/* A request of the key (its slot) waits from now on. */
void turns_join(struct segment *s, uint32_t gate, uint32_t slot, uint64_t now_ms,
                struct turns_ticket *out);
/* It has gone without an answer: its turn is the key's again. */
void turns_leave(struct segment *s, const struct turns_ticket *t);
/* How many turns it is away: of two, who shall give way? */
uint64_t turns_ahead(const struct segment *s, const struct turns_ticket *t);

/* At least every TURNS_STALE_MS / 2 while it has any: what the worker (1..n) has in the gate. */
void turns_show(struct segment *s, uint32_t worker, uint32_t gate, uint64_t first_tag,
                uint32_t waiting, uint64_t now_ms);
/* May the worker's first try now? Then its turn has come. now_us on the same clock. */
bool turns_take(struct segment *s, uint32_t worker, const struct turns_ticket *t, uint64_t now_us);
void turns_good(struct segment *s, uint32_t gate); /* one that tried was answered */
void turns_bad(struct segment *s, uint32_t gate);  /* or throttled */

/* How many wait, over all living workers; in the gate, or in all. */
uint32_t turns_waiting(const struct segment *s, uint32_t gate, uint64_t now_ms);
uint32_t turns_all_waiting(const struct segment *s, uint64_t now_ms);
/* After how long all of them have had their turn, as it goes now. */
uint64_t turns_wait_ms(const struct segment *s, uint32_t gate, uint64_t now_ms);

/* Worker, once after fork: what its predecessor showed is gone. */
void turns_enter(struct segment *s, uint32_t worker);
size_t turns_area_size(void);

#endif
