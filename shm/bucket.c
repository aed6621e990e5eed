#include "shm/bucket.h"

#include <assert.h>

/* Slots beside those of the keys: a freed slot rests 10 minutes, so revoking and making keys needs
 * spares. */
static uint32_t spare_slots(uint32_t max_keys)
{
    return max_keys / 4 + 64;
}

size_t bucket_area_size(uint32_t max_keys)
{
    return (BUCKET_FIRST_KEY + (size_t)max_keys + spare_slots(max_keys)) * sizeof(struct bucket);
}

struct bucket *bucket_of(const struct segment *s, uint32_t slot, uint32_t tag)
{
    if (slot >= segment_slots(s)) {
        return NULL;
    }
    struct bucket *b = &s->buckets[slot];
    return atomic_load_explicit(&b->tag, memory_order_acquire) == tag ? b : NULL;
}

/* The tag goes first and comes back last: in between nobody's cell, so a worker with the old key's
 * number finds no bucket and one with the new key's finds a clean one. */
void bucket_give(struct segment *s, uint32_t slot, uint32_t tag)
{
    assert(slot >= BUCKET_FIRST_KEY && slot < segment_slots(s));
    struct bucket *b = &s->buckets[slot];
    atomic_store(&b->tag, 0);
    _Atomic uint64_t *words[] = {&b->requests,  &b->counting,    &b->tokens,
                                 &b->in_flight, &b->spent_micro, &b->month};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        atomic_store_explicit(words[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&b->tag, tag, memory_order_release);
}

/* Two processes' clocks differ by the time between reading them and the exchange, so a word
 * slightly past now + burst is normal. More than two windows ahead only happens when the clock went
 * back: then the word says nothing and the burst starts afresh. */
static uint64_t sane(uint64_t tat, uint64_t now_ns, uint64_t burst)
{
    return tat < now_ns || tat > now_ns + 2 * burst ? now_ns : tat;
}

struct bucket_answer bucket_take(_Atomic uint64_t *word, uint64_t now_ns, uint32_t limit,
                                 uint64_t window_ns)
{
    assert(limit > 0 && window_ns > 0);
    uint64_t cost = window_ns / limit ? window_ns / limit : 1;
    uint64_t burst = cost * limit; /* not window_ns: its remainder could let one more through */
    struct bucket_answer a = {.limit = limit};
    uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);
    uint64_t base;
    do {
        base = sane(seen, now_ns, burst);
        if (base + cost > now_ns + burst) {
            a.retry_ns = base + cost - (now_ns + burst);
            a.full_ns = base - now_ns;
            return a;
        }
    } while (!atomic_compare_exchange_weak_explicit(word, &seen, base + cost, memory_order_relaxed,
                                                    memory_order_relaxed));
    a.allowed = true;
    a.full_ns = base + cost - now_ns;
    a.remaining = (uint32_t)((burst - a.full_ns) / cost);
    return a;
}
