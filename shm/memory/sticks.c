#include "shm/memory/sticks.h"

#include <assert.h>

#include "shm/memory/lanes.h"

#define PROBES     8
#define UNTIL_BITS 24
#define SLOT_BITS  4
#define TURN       ((uint64_t)1 << UNTIL_BITS)

_Static_assert((STICKS_WORDS & (STICKS_WORDS - 1)) == 0, "a mask");
_Static_assert(STICKS_KEPT_S < TURN / 2, "over or not yet can be told");
_Static_assert(LANES_SLOTS == 1 << SLOT_BITS, "its bits");

size_t sticks_area_size(void)
{
    return sizeof(struct sticks_area);
}

static uint64_t tag_of(uint64_t conversation)
{
    uint64_t tag = conversation >> (UNTIL_BITS + SLOT_BITS);
    return tag ? tag : 1; /* 0 is a free word's */
}

/* Seconds for which it still lives. */
static uint64_t left_s(uint64_t word, uint64_t now_s)
{
    uint64_t left = ((word >> SLOT_BITS) - now_s) & (TURN - 1);
    return word != 0 && left <= STICKS_KEPT_S ? left : 0;
}

static _Atomic uint64_t *probe(const struct segment *s, uint64_t conversation, unsigned i)
{
    return &s->sticks->word[(conversation + i) & (STICKS_WORDS - 1)];
}

bool sticks_any(const struct segment *s, uint64_t now_s)
{
    return atomic_load_explicit(&s->sticks->busy_until_s, memory_order_relaxed) > now_s;
}

bool sticks_find(const struct segment *s, uint64_t conversation, uint64_t now_s, unsigned *slot_out,
                 bool *warm_out)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t word = atomic_load_explicit(probe(s, conversation, i), memory_order_relaxed);
        uint64_t left = left_s(word, now_s);
        if (word >> (UNTIL_BITS + SLOT_BITS) == tag_of(conversation) && left > 0) {
            *slot_out = (unsigned)(word & (LANES_SLOTS - 1));
            *warm_out = left > STICKS_KEPT_S - STICKS_WARM_S;
            return true;
        }
    }
    return false;
}

/* Its own word, else a free or finished one, else the one that ends first. */
static _Atomic uint64_t *choose(const struct segment *s, uint64_t conversation, uint64_t now_s,
                                uint64_t *word_out)
{
    _Atomic uint64_t *best = NULL;
    uint64_t best_left = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = probe(s, conversation, i);
        uint64_t word = atomic_load(at), left = left_s(word, now_s);
        bool own = word >> (UNTIL_BITS + SLOT_BITS) == tag_of(conversation);
        if (own || !best || left < best_left) {
            best = at;
            best_left = left;
            *word_out = word;
        }
        if (own) {
            break;
        }
    }
    return best;
}

/* First the time up to which anybody looks, then the word: killed in between, somebody looks in
 * vain. Where another worker was quicker, one of two conversations starts anew. */
void sticks_keep(struct segment *s, uint64_t conversation, unsigned slot, uint64_t now_s)
{
    assert(slot < LANES_SLOTS);
    uint64_t until = now_s + STICKS_KEPT_S, before = 0;
    uint64_t word = tag_of(conversation) << (UNTIL_BITS + SLOT_BITS) |
                    (until & (TURN - 1)) << SLOT_BITS | (uint64_t)slot;
    segment_layout_raise(&s->sticks->busy_until_s, until);
    _Atomic uint64_t *at = choose(s, conversation, now_s, &before);
    if (before != word) {
        atomic_compare_exchange_strong(at, &before, word);
    }
}

uint32_t sticks_count(const struct segment *s, uint64_t now_s)
{
    uint32_t n = 0;
    for (size_t i = 0; sticks_any(s, now_s) && i < STICKS_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->sticks->word[i], memory_order_relaxed);
        n += left_s(word, now_s) > STICKS_KEPT_S - STICKS_WARM_S;
    }
    return n;
}

static void clear(_Atomic uint64_t *at, uint64_t word)
{
    if (word != 0) { /* who has written meanwhile knows better */
        atomic_compare_exchange_strong(at, &word, 0);
    }
}

void sticks_sweep(struct segment *s, uint64_t now_s)
{
    for (size_t i = 0; i < STICKS_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->sticks->word[i], memory_order_relaxed);
        if (left_s(word, now_s) == 0) {
            clear(&s->sticks->word[i], word);
        }
    }
}

void sticks_forget(struct segment *s, unsigned slot)
{
    for (size_t i = 0; i < STICKS_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->sticks->word[i], memory_order_relaxed);
        if ((word & (LANES_SLOTS - 1)) == slot) {
            clear(&s->sticks->word[i], word);
        }
    }
}
