/*
 * bucket.h - rate limits in one 64-bit word each, exact across workers, nothing to repair after a
 * crash.
 *
 * GCRA: the word is the theoretical arrival time in ns (monotonic, the same clock in all
 * processes). A request may pass iff max(tat, now) + cost <= now + burst, published by one
 * compare-and-swap. Cost = window / limit, burst = window: `limit` requests at once, then one each
 * window/limit. Any worker writes; the refresher sets the tag and zeroes a cell when it gives the
 * slot to a new key (a freed slot rests for 2 generations and 10 minutes).
 */
#ifndef SHM_BUCKET_H
#define SHM_BUCKET_H

#include <stdatomic.h>
#include "shm/segment.h"

struct bucket { /* 64 bytes: one a key slot; contention is per key, so no padding to 128 */
    _Atomic uint64_t requests;    /* tat, any worker */
    _Atomic uint64_t counting;    /* tat of the count_tokens class, any worker */
    _Atomic uint64_t tokens;      /* tat of tokens a minute, any worker */
    _Atomic uint64_t in_flight;   /* requests open now, any worker */
    _Atomic uint64_t spent_micro; /* this month, any worker */
    _Atomic uint64_t month;       /* year * 12 + month of spent_micro */
    _Atomic uint32_t tag;         /* refresher */
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct bucket) == 64, "cell size");

struct bucket_answer {
    bool allowed;
    uint32_t limit;
    uint32_t remaining; /* whole requests that would pass right now, after this one */
    uint64_t retry_ns;  /* when denied: wait this long */
    uint64_t full_ns;   /* until the whole burst is there again */
};

/* word: one of the limit words. limit and window_ns are not 0. Never blocks; a clock that went
 * backwards is harmless: a word more than two windows ahead counts as fresh. */
struct bucket_answer bucket_take(_Atomic uint64_t *word, uint64_t now_ns, uint32_t limit,
                                 uint64_t window_ns);
/* The key's cell, or NULL when the slot now belongs to another key (tag differs). */
struct bucket *bucket_of(const struct segment *s, uint32_t slot, uint32_t tag);
/* Refresher: the slot is this key's from now on, everything at zero. */
void bucket_give(struct segment *s, uint32_t slot, uint32_t tag);
size_t bucket_area_size(uint32_t max_keys);
/* Slots that are no key's: the master key, and clients when REQUIRE_API_KEY=false, one by source
 * address. */
#define BUCKET_MASTER          0u
#define BUCKET_ANONYMOUS       1u /* first of BUCKET_ANONYMOUS_COUNT */
#define BUCKET_ANONYMOUS_COUNT 255u
#define BUCKET_FIRST_KEY       256u

#endif
