#include "shm/memory/learned.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "server/base/sha256.h"

#define PROBES      8 /* words that a key may stand in */
#define TAG_BITS    24
#define UNTIL_BITS  20
#define VALUE_BITS  20
#define UNTIL_TURNS ((uint64_t)1 << UNTIL_BITS)

_Static_assert(TAG_BITS + UNTIL_BITS + VALUE_BITS == 64, "a word");
_Static_assert(LEARNED_TTL_MAX < UNTIL_TURNS / 2, "over or not yet can be told");
_Static_assert((LEARNED_WORDS & (LEARNED_WORDS - 1)) == 0, "a mask");

static const char *const words[LEARNED_COUNT] = {[LEARNED_NOTHING] = "",
#define WORD(name, word, meaning) [LEARNED_##name] = word,
                                                 LEARNED_TABLE(WORD)
#undef WORD
};

const char *learned_word(enum learned what)
{
    return words[what];
}

size_t learned_area_size(void)
{
    return sizeof(struct learned_area);
}

void learned_init(struct segment *s)
{
    text_random(s->learned->salt, sizeof s->learned->salt);
}

/* --- keys ---------------------------------------------------------------------------------- */

struct learned_key learned_key(const struct segment *s, struct learned_key of, struct str text)
{
    struct {
        uint64_t salt[2];
        struct learned_key of;
        char text[LEARNED_TEXT_MAX];
    } in = {.salt = {s->learned->salt[0], s->learned->salt[1]}, .of = of};
    uint8_t out[SHA256_SIZE];
    struct learned_key key;
    size_t n = text.n < sizeof in.text ? text.n : sizeof in.text;
    if (n > 0) {
        memcpy(in.text, text.p, n);
    }
    sha256(&in, offsetof(__typeof__(in), text) + n, out);
    memcpy(&key, out, sizeof key);
    return key;
}

/* A thing of it: mixed, not digested again, since nobody outside knows the key. A name is
 * somebody's own words. */
static uint64_t key_of(const struct segment *s, struct learned_key key, enum learned what,
                       struct str name)
{
    if (name.n > 0) {
        key = learned_key(s, key, name);
    }
    uint64_t x = key.a ^ (key.b + (uint64_t)what * 0x9e3779b97f4a7c15u); /* splitmix64's end */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* --- words --------------------------------------------------------------------------------- */

static uint64_t tag_of(uint64_t key)
{
    uint64_t tag = key >> (64 - TAG_BITS);
    return tag ? tag : 1; /* 0 is a free word's */
}

static uint64_t left_s(uint64_t word, uint64_t now)
{
    uint64_t until = word >> VALUE_BITS & (UNTIL_TURNS - 1);
    uint64_t left = (until - now) & (UNTIL_TURNS - 1);
    return word != 0 && left <= LEARNED_TTL_MAX ? left : 0;
}

static _Atomic uint64_t *probe(const struct segment *s, uint64_t key, unsigned i)
{
    return &s->learned->word[(key + i) & (LEARNED_WORDS - 1)];
}

bool learned_any(const struct segment *s, uint64_t now_s)
{
    return s->learned &&
           atomic_load_explicit(&s->learned->busy_until_s, memory_order_relaxed) > now_s;
}

bool learned_look(const struct segment *s, struct learned_key base, enum learned what,
                  struct str name, uint64_t now_s, uint32_t *value_out)
{
    uint64_t key = key_of(s, base, what, name);
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t word = atomic_load_explicit(probe(s, key, i), memory_order_relaxed);
        if (word >> (64 - TAG_BITS) == tag_of(key) && left_s(word, now_s) > 0) {
            *value_out = (uint32_t)(word & LEARNED_VALUE_MAX);
            return true;
        }
    }
    return false;
}

/* --- keeping ------------------------------------------------------------------------------- */

/* Its own word, else a free or finished one, else the one that ends first. */
static _Atomic uint64_t *choose(const struct segment *s, uint64_t key, uint64_t now,
                                uint64_t *word_out)
{
    _Atomic uint64_t *best = NULL;
    uint64_t best_left = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = probe(s, key, i);
        uint64_t word = atomic_load(at), left = left_s(word, now);
        bool own = word >> (64 - TAG_BITS) == tag_of(key);
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
 * vain. Another worker that was quicker at the word has learned something, too. */
void learned_keep(struct segment *s, struct learned_key base, enum learned what, struct str name,
                  uint32_t value, uint64_t now_s, uint32_t ttl_s)
{
    assert(value <= LEARNED_VALUE_MAX);
    if (ttl_s == 0) {
        return;
    }
    uint64_t until = now_s + (ttl_s < LEARNED_TTL_MAX ? ttl_s : LEARNED_TTL_MAX);
    uint64_t key = key_of(s, base, what, name), before = 0;
    uint64_t word =
        tag_of(key) << (64 - TAG_BITS) | (until & (UNTIL_TURNS - 1)) << VALUE_BITS | value;
    segment_layout_raise(&s->learned->busy_until_s, until);
    _Atomic uint64_t *at = choose(s, key, now_s, &before);
    atomic_compare_exchange_strong(at, &before, word);
}

uint32_t learned_count(const struct segment *s, uint64_t now_s)
{
    uint32_t n = 0;
    for (size_t i = 0; s->learned && i < LEARNED_WORDS; i++) {
        n += left_s(atomic_load_explicit(&s->learned->word[i], memory_order_relaxed), now_s) > 0;
    }
    return n;
}
