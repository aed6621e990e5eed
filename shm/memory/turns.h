/*
 * turns.h - whose turn it is while Bedrock throttles a model: fair to keys, over all workers, by words
 * alone. Start-time fair queuing (Goyal, Vin, Cheng 1996) without a scheduler.
 *
 *   gate        what waits for one model. A model takes a free one when its first request waits, and has
 *               it as long as any does; where all have an owner, the model has none and nobody waits for it
 *   now         the gate's virtual time: the turn in which the last one was let through
 *   key         the turn after the last one that the key has asked for. A request's turn is the later of
 *               both, so a key with many requests has them far ahead, and one with a first request is next
 *   head        each worker shows the tag of its first in the gate; who has the least of all may try
 *   next, step  when the next one may try: the step grows with each refusal and shrinks with each answer,
 *               faster after some in a row, which finds the rate that Bedrock grants, a third above it
 *   aside       who tried and was refused lets others try first: one, and from the fourth time on two,
 *               four, at most 32. So one that cannot go, being too large for what Bedrock has left, does
 *               not hold up those that can; it keeps its turn, and where nobody else waits it stands first
 *   busy_until  while somebody waits nobody passes by, or the turns would be worth nothing
 *
 *   tag   | aside 1 | turn 39 | arrival 24 ms |      0: nobody; of one turn the first come is the first
 *
 * A word is changed by compare-and-swap, or has one writer, so a process may die between any two
 * instructions: its heads are not looked at any more after TURNS_STALE_MS, and what its requests took
 * of their keys' turns, and their gate, is forgotten when nobody waits there. A worker that was stopped
 * for so long may find its gate another's: a ticket knows its model, and is worth nothing there. Two
 * workers that give one model its gate at the same moment find the same one, or, if a gate became free
 * just then, two of them, until one is empty. A gate tells apart TURNS_KEYS slots of keys: two keys that
 * meet share their turns.
 *
 * Workers; any process reads. Times: the monotonic clock, which all processes of a host share.
 */
#ifndef SHM_MEMORY_TURNS_H
#define SHM_MEMORY_TURNS_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

#define TURNS_GATES     64
#define TURNS_KEYS      4096
#define TURNS_STALE_MS  500
#define TURNS_STEP_MIN  500u    /* microseconds between two that try */
#define TURNS_STEP_NEW  20000u  /* at first */
#define TURNS_STEP_MAX  200000u /* however long all are refused */
#define TURNS_ASIDE_MAX 32u     /* tries of others */

struct turns_head { /* its worker writes */
    _Atomic uint64_t tag;
    _Atomic uint64_t shown; /* ms << 16 | how many wait there */
};

struct turns_gate {
    _Atomic uint64_t busy_until_ms;
    _Atomic uint64_t held_until_ms; /* somebody waits there, if only for another account's lane */
    _Atomic uint64_t now;
    _Atomic uint64_t next_us;
    _Atomic uint64_t step;  /* microseconds << 8 | answers in a row */
    _Atomic uint64_t tries; /* all that ever were let through */
    _Atomic uint64_t goods; /* and those of them that were answered */
    uint64_t reserved[9];
    _Atomic uint64_t key[TURNS_KEYS];
};
_Static_assert(sizeof(struct turns_gate) == 128 + 8 * TURNS_KEYS, "no padding");

struct turns_area {
    _Atomic uint64_t busy_until_ms; /* of any gate */
    uint64_t reserved[15];
    _Atomic uint64_t owner[TURNS_GATES];           /* by compare-and-swap; 0: it has none */
    _Atomic uint64_t waiting[SEGMENT_WORKERS_MAX]; /* its worker: ms << 16 | how many wait in it */
    struct turns_head head[SEGMENT_WORKERS_MAX][TURNS_GATES];
    struct turns_gate gate[TURNS_GATES];
};

struct turns_ticket {
    uint64_t owner;
    uint32_t gate, key;
    uint64_t turn;
    uint64_t tag;
    uint64_t aside; /* until the gate has had so many tries */
    uint64_t goods; /* of the gate, when it was refused last */
    uint32_t vain;  /* how often it was refused */
};

uint64_t turns_owner(struct str model); /* the name of a model here */
/* Does anybody wait for it? One load where nobody waits for anything: asked on every request. */
bool turns_busy(const struct segment *s, uint64_t owner, uint64_t now_ms);

/* A request of the key (its slot) waits for the model from now on. False: there is no gate left. */
bool turns_join(struct segment *s, uint64_t owner, uint32_t slot, uint64_t now_ms,
                struct turns_ticket *out);
/* Its gate still is its model's. If not, it may join anew; nothing else that is said of it counts. */
bool turns_valid(const struct segment *s, const struct turns_ticket *t);
/* It has gone without an answer: its turn is the key's again. */
void turns_leave(struct segment *s, const struct turns_ticket *t);
/* How many turns it is away: of two, who shall give way? */
uint64_t turns_ahead(const struct segment *s, const struct turns_ticket *t);
/* What is shown of it now: its tag, behind all others while it stands aside. */
uint64_t turns_tag(const struct segment *s, const struct turns_ticket *t);

/* At least every TURNS_STALE_MS / 2 while it has any: what the worker (1..n) has in the gate. first_tag
 * 0: none that may go now, and nobody is held back for them. */
void turns_show(struct segment *s, uint32_t worker, uint32_t gate, uint64_t first_tag,
                uint32_t waiting, uint64_t now_ms);
/* As often: how many requests wait in the worker, each of them once. */
void turns_tell(struct segment *s, uint32_t worker, uint32_t waiting, uint64_t now_ms);
/* May the worker's first try now? Then its turn has come. now_us on the same clock. */
bool turns_take(struct segment *s, uint32_t worker, const struct turns_ticket *t, uint64_t now_us);
void turns_good(struct segment *s, const struct turns_ticket *t); /* who tried was answered */
/* Or throttled: it stands aside. The pace slows, but not for one that is refused again and again while
 * others are answered. */
void turns_bad(struct segment *s, struct turns_ticket *t);

/* How many wait in the gate, and how many requests in all, over all living workers. */
uint32_t turns_waiting(const struct segment *s, uint32_t gate, uint64_t now_ms);
uint32_t turns_all_waiting(const struct segment *s, uint64_t now_ms);
/* After how long all who wait for the model have had their turn, as it goes now. */
uint64_t turns_wait_ms(const struct segment *s, uint64_t owner, uint64_t now_ms);

/* Worker, once after fork: what its predecessor showed is gone. */
void turns_enter(struct segment *s, uint32_t worker);
size_t turns_area_size(void);

#endif
