#include "shm/memory/bucket.h"

#include <assert.h>
#include "server/base/clock.h"

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

uint32_t bucket_slots(const struct segment *s)
{
    return (uint32_t)(s->header->bucket.size / sizeof(struct bucket));
}

struct bucket *bucket_of(const struct segment *s, uint32_t slot, uint32_t tag)
{
    if (slot >= bucket_slots(s)) {
        return NULL;
    }
    struct bucket *b = &s->buckets[slot];
    return atomic_load_explicit(&b->tag, memory_order_acquire) == tag ? b : NULL;
}

/* The tag goes first and comes back last: in between nobody's cell, so a worker with the old key's
 * number finds no bucket and one with the new key's finds a clean one. */
void bucket_give(struct segment *s, uint32_t slot, uint32_t tag)
{
    assert(slot >= BUCKET_FIRST_KEY && slot < bucket_slots(s));
    struct bucket *b = &s->buckets[slot];
    if (slot >= atomic_load(&s->header->slots_high)) {
        atomic_store(&s->header->slots_high, slot + 1);
    }
    atomic_store(&b->tag, 0);
    _Atomic uint64_t *words[] = {&b->requests, &b->counting, &b->tokens};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        atomic_store_explicit(words[i], 0, memory_order_relaxed);
    }
    for (size_t i = 0; i < BUCKET_MONTHS; i++) {
        atomic_store_explicit(&b->spent[i], 0, memory_order_relaxed);
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

/* --- tokens -------------------------------------------------------------------------------- */

#define DEBT_WINDOWS 60u /* what one key can owe at most: an hour of a window of a minute */

/* Exact for any limit up to 2^32: the product is taken before the division. */
static uint64_t tokens_ns(uint64_t n, uint32_t limit, uint64_t window_ns)
{
    unsigned __int128 ns = (unsigned __int128)n * window_ns / limit;
    return ns > DEBT_WINDOWS * window_ns ? DEBT_WINDOWS * window_ns : (uint64_t)ns;
}

struct bucket_answer bucket_charge(_Atomic uint64_t *word, uint64_t now_ns, uint32_t limit,
                                   uint64_t window_ns, uint64_t n)
{
    assert(limit > 0 && window_ns > 0);
    uint64_t cost = tokens_ns(n, limit, window_ns), most = now_ns + DEBT_WINDOWS * window_ns;
    uint64_t seen = atomic_load_explicit(word, memory_order_relaxed), next;
    do {
        next = (seen > now_ns ? seen : now_ns) + cost;
        next = next > most ? most : next;
    } while (n && !atomic_compare_exchange_weak_explicit(word, &seen, next, memory_order_relaxed,
                                                         memory_order_relaxed));
    struct bucket_answer a = {.limit = limit, .full_ns = next - now_ns};
    a.allowed = a.full_ns < window_ns;
    if (a.allowed) {
        a.remaining = (uint32_t)((unsigned __int128)(window_ns - a.full_ns) * limit / window_ns);
    } else {
        a.retry_ns = a.full_ns - window_ns + window_ns / limit + 1;
    }
    return a;
}

/* --- money --------------------------------------------------------------------------------- */

/* The word: 16 bits of month, 48 of micro-dollars (281 million dollars, then it stays there). */
#define MICRO_BITS 48
#define MICRO_MAX  ((1ull << MICRO_BITS) - 1)

uint32_t bucket_month(int64_t real_ms)
{
    char text[8];
    uint64_t year = 0, month = 0;
    clock_month(real_ms, text);
    text_u64((struct str){text, 4}, &year);
    text_u64((struct str){text + 5, 2}, &month);
    return (uint32_t)(year * 12 + month);
}

static uint64_t pack(uint32_t month, uint64_t micro)
{
    return (uint64_t)month << MICRO_BITS | (micro > MICRO_MAX ? MICRO_MAX : micro);
}

/* Neighbours never share a place, nor does a month with the one a year, or two, beside it. */
static _Atomic uint64_t *place(struct bucket *b, uint32_t month)
{
    return &b->spent[(month + month / 12) % BUCKET_MONTHS];
}

static uint64_t word_at(const struct bucket *b, size_t i)
{
    return atomic_load_explicit(&b->spent[i], memory_order_relaxed);
}

uint32_t bucket_spent_month(const struct bucket *b)
{
    uint64_t latest = 0;
    for (size_t i = 0; i < BUCKET_MONTHS; i++) {
        uint64_t month = word_at(b, i) >> MICRO_BITS;
        latest = month > latest ? month : latest;
    }
    return (uint32_t)latest;
}

uint64_t bucket_spent(const struct bucket *b, uint32_t month)
{
    uint64_t most = 0;
    for (size_t i = 0; i < BUCKET_MONTHS; i++) {
        uint64_t word = word_at(b, i), micro = word & MICRO_MAX;
        if (word >> MICRO_BITS >= month && micro > most) {
            most = micro;
        }
    }
    return most;
}

enum change { ADD, RAISE, LOWER };

static uint64_t changed(uint64_t had, enum change how, uint64_t micro)
{
    switch (how) {
    case ADD:
        return micro > MICRO_MAX - had ? MICRO_MAX : had + micro;
    case RAISE:
        return micro > had ? micro : had;
    case LOWER:
        break;
    }
    return had > micro ? had - micro : 0;
}

static void change(struct bucket *b, uint32_t month, enum change how, uint64_t micro)
{
    _Atomic uint64_t *word = place(b, month);
    uint64_t seen = atomic_load_explicit(word, memory_order_relaxed), next;
    do {
        uint32_t there = (uint32_t)(seen >> MICRO_BITS);
        if (there > month && how != ADD) {
            return;
        }
        uint64_t had = there >= month ? seen & MICRO_MAX : 0;
        next = pack(there > month ? there : month, changed(had, how, micro));
    } while (!atomic_compare_exchange_weak_explicit(word, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed));
}

void bucket_spend(struct bucket *b, uint32_t month, uint64_t micro)
{
    change(b, month, ADD, micro);
}

void bucket_raise(struct bucket *b, uint32_t month, uint64_t micro)
{
    change(b, month, RAISE, micro);
}

void bucket_raise_all(struct bucket *b, const struct bucket *known)
{
    for (size_t i = 0; i < BUCKET_MONTHS; i++) {
        uint64_t word = word_at(known, i);
        if (word) {
            change(b, (uint32_t)(word >> MICRO_BITS), RAISE, word & MICRO_MAX);
        }
    }
}

void bucket_lower(struct bucket *b, uint32_t month, uint64_t micro)
{
    change(b, month, LOWER, micro);
}
