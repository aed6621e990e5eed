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
#ifndef SHM_MEMORY_BUCKET_H
#define SHM_MEMORY_BUCKET_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

#define BUCKET_MONTHS 4

struct bucket { /* 64 bytes: one a key slot; contention is per key, so no padding to 128 */
    _Atomic uint64_t requests; /* tat, any worker */
    _Atomic uint64_t counting; /* tat of the count_tokens class, any worker */
    _Atomic uint64_t tokens;   /* tat of tokens a minute, any worker */
    /* Month and micro-dollars in each word, a place for each of some months; any
     * worker, refresher */
    _Atomic uint64_t spent[BUCKET_MONTHS];
    _Atomic uint32_t tag; /* refresher */
    uint32_t reserved;
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
/* Tokens are charged when they are known, which may leave the word in debt; a key in debt waits.
 * n 0 only asks: allowed when the next request may start, remaining is in tokens. */
struct bucket_answer bucket_charge(_Atomic uint64_t *word, uint64_t now_ns, uint32_t limit,
                                   uint64_t window_ns, uint64_t n);

/* Money spent in a calendar month (UTC). The month stands in the same word, so the change from one
 * month to the next happens once, whoever sees it first, and no sum is lost. A month's place is
 * taken by a later one only after some months (or years: a date set wrongly), so a clock that goes
 * wrong and is set right again finds what it left; what is known of a later month holds for an
 * earlier one, so a clock that goes back opens no spent budget. */
uint32_t bucket_month(int64_t real_ms);                        /* year * 12 + month, never 0 */
uint64_t bucket_spent(const struct bucket *b, uint32_t month); /* micro-dollars, at least */
uint32_t bucket_spent_month(const struct bucket *b);           /* the latest known; 0: nothing is */
/* Where a later month has the place, it is added there: never lost. */
void bucket_spend(struct bucket *b, uint32_t month, uint64_t micro);
/* Refresher: at least this much is known to be spent in the month. */
void bucket_raise(struct bucket *b, uint32_t month, uint64_t micro);
void bucket_raise_all(struct bucket *b, const struct bucket *known); /* each month of known's */
/* Refresher: the stored sum was lowered by hand, by this much. */
void bucket_lower(struct bucket *b, uint32_t month, uint64_t micro);

/* The key's cell, or NULL when the slot now belongs to another key (tag differs). */
struct bucket *bucket_of(const struct segment *s, uint32_t slot, uint32_t tag);
/* Refresher: the slot is this key's from now on, everything at zero. */
void bucket_give(struct segment *s, uint32_t slot, uint32_t tag);
size_t bucket_area_size(uint32_t max_keys);
uint32_t bucket_slots(const struct segment *s); /* cells of the area */
/* Slots that are no key's: the master key, and clients when REQUIRE_API_KEY=false, one by source
 * address. */
#define BUCKET_MASTER          0u
#define BUCKET_ANONYMOUS       1u /* first of BUCKET_ANONYMOUS_COUNT */
#define BUCKET_ANONYMOUS_COUNT 255u
#define BUCKET_FIRST_KEY       256u

#endif
