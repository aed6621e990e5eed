#include "shm/memory/thoughts.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define PROBES       8
#define USED_BITS    14
#define ACCOUNT_BITS 6
#define TAG_AT       (USED_BITS + ACCOUNT_BITS)
#define TICK_S       64u  /* 12 days in all */
#define MARK_MAX     2048 /* bytes of a seal that count */

_Static_assert((THOUGHTS_WORDS & (THOUGHTS_WORDS - 1)) == 0, "a mask");
_Static_assert(THOUGHTS_WORDS <= 1 << TAG_AT, "tag and place are different bits of a mark");
_Static_assert(THOUGHTS_ACCOUNTS <= 1 << ACCOUNT_BITS, "their bits");

size_t thoughts_area_size(void)
{
    return sizeof(struct thoughts_area);
}

void thoughts_init(struct segment *s)
{
    text_random(&s->thoughts->salt, sizeof s->thoughts->salt);
}

/* --- marks --------------------------------------------------------------------------------- */

/* Letters and digits alone: of what else is in base64 some clients write \/ and \u003d. */
uint64_t thoughts_mark(const struct segment *s, struct str seal)
{
    uint64_t h = s->thoughts->salt, part = 0;
    unsigned n = 0;
    for (size_t i = 0; i < seal.n && i < MARK_MAX; i++) {
        if (seal.p[i] == '\\') {
            i += i + 1 < seal.n && seal.p[i + 1] == 'u' ? 5 : 1;
        } else if (isalnum((unsigned char)seal.p[i])) {
            part = part << 8 | (uint8_t)seal.p[i];
            if (++n % 8 == 0) {
                h = text_mix(h ^ part) + 0x9e3779b97f4a7c15u;
                part = 0;
            }
        }
    }
    h = text_mix(text_mix(h ^ part) + n);
    return h ? h : 1;
}

/* --- accounts ------------------------------------------------------------------------------ */

/* THOUGHTS_ACCOUNTS: there is no room for it. */
static unsigned number(struct segment *s, uint64_t account)
{
    unsigned i = 0;
    for (; i < THOUGHTS_ACCOUNTS; i++) {
        uint64_t there = atomic_load(&s->thoughts->account[i]);
        if (there == 0) { /* another account may have been quicker */
            atomic_compare_exchange_strong(&s->thoughts->account[i], &there, account + 1);
            there = atomic_load(&s->thoughts->account[i]);
        }
        if (there == account + 1) {
            break;
        }
    }
    return i;
}

/* --- words --------------------------------------------------------------------------------- */

static uint64_t tag_of(uint64_t mark)
{
    uint64_t tag = mark >> TAG_AT;
    return tag ? tag : 1; /* 0 is a free word's */
}

static _Atomic uint64_t *probe(const struct segment *s, uint64_t mark, unsigned i)
{
    return &s->thoughts->word[(mark + i) & (THOUGHTS_WORDS - 1)];
}

bool thoughts_any(const struct segment *s)
{
    return atomic_load_explicit(&s->thoughts->begun, memory_order_relaxed) != 0;
}

bool thoughts_find(const struct segment *s, uint64_t mark, uint64_t *account_out)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t word = atomic_load(probe(s, mark, i));
        if (word >> TAG_AT == tag_of(mark)) {
            unsigned n = (unsigned)(word >> USED_BITS) & ((1u << ACCOUNT_BITS) - 1);
            *account_out = atomic_load(&s->thoughts->account[n]) - 1;
            return true;
        }
    }
    return false;
}

/* Its own word, else a free one, else what was used longest ago. */
static _Atomic uint64_t *choose(const struct segment *s, uint64_t mark, uint64_t tick,
                                uint64_t *word_out)
{
    _Atomic uint64_t *best = NULL;
    uint64_t oldest = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = probe(s, mark, i);
        uint64_t word = atomic_load(at), age = (tick - word) & ((1u << USED_BITS) - 1);
        bool own = word >> TAG_AT == tag_of(mark);
        age = word == 0 ? 1u << USED_BITS : age;
        if (own || !best || age > oldest) {
            best = at;
            oldest = age;
            *word_out = word;
        }
        if (own) {
            break;
        }
    }
    return best;
}

/* The account first, so that a word never names one that is not there. Whoever was quicker at the same
 * place keeps it, and this one looks for another. */
void thoughts_keep(struct segment *s, uint64_t mark, uint64_t account, uint64_t now_s)
{
    unsigned n = number(s, account);
    uint64_t tick = now_s / TICK_S & ((1u << USED_BITS) - 1), before = 0;
    if (n == THOUGHTS_ACCOUNTS) {
        return;
    }
    if (!thoughts_any(s)) { /* first what makes others look */
        atomic_store(&s->thoughts->begun, 1);
    }
    uint64_t word = tag_of(mark) << TAG_AT | (uint64_t)n << USED_BITS | tick;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = choose(s, mark, tick, &before);
        if (before == word || atomic_compare_exchange_strong(at, &before, word)) {
            break;
        }
    }
}
