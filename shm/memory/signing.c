#include "shm/memory/signing.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define WORDS      (sizeof(struct signing_keys) / 8)
#define SEAL_WORDS (SEAL_KEY_SIZE / 8)
#define TRIES_MAX  100u

typedef _Atomic uint64_t word;

/* The two-copy protocol of directory.h, over one struct. */
struct signing_lane {
    word building;       /* refresher */
    word published;      /* refresher */
    word copy[2][WORDS]; /* refresher */
};

struct signing_area {
    word usable;         /* refresher: a bit each slot whose published keys can sign */
    word skew_ms;        /* any worker */
    word missed;         /* any worker, atomic add */
    word seal_building;  /* refresher */
    word seal_published; /* refresher; 0: nothing yet */
    word reserved[3];
    word complaints[LANES_SLOTS]; /* any worker, atomic add */
    word seal[2][SEAL_WORDS];     /* refresher */
    struct signing_lane lane[LANES_SLOTS];
};
_Static_assert(offsetof(struct signing_area, lane) == 256, "no unnamed bytes");

static const char *const services[SIGNING_SERVICE_COUNT] = {
#define NAME(name, word) word,
    SIGNING_SERVICES(NAME)
#undef NAME
};

const char *signing_service_name(enum signing_service service)
{
    return services[service];
}

size_t signing_area_size(void)
{
    return sizeof(struct signing_area);
}

/* false: the copy was written meanwhile. */
static bool words_out(const word *building, const word *copy, size_t n, uint64_t generation,
                      uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = atomic_load_explicit(&copy[i], memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(building, memory_order_relaxed) - generation < 2;
}

static void words_in(word *building, word *published, word *copy, size_t n, uint64_t next,
                     const uint64_t *in)
{
    atomic_store_explicit(building, next, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < n; i++) {
        atomic_store_explicit(&copy[i], in[i], memory_order_relaxed);
    }
    atomic_store_explicit(published, next, memory_order_release);
}

static bool copy_out(const struct signing_lane *a, uint64_t generation, struct signing_keys *out)
{
    uint64_t words[WORDS];
    bool valid = words_out(&a->building, a->copy[generation & 1], WORDS, generation, words);
    if (valid) {
        memcpy(out, words, sizeof *out);
    }
    text_wipe(words, sizeof words);
    return valid;
}

bool signing_read(const struct segment *s, unsigned slot, uint64_t generation_known,
                  struct signing_keys *out)
{
    assert(slot < LANES_SLOTS);
    const struct signing_lane *a = &s->signing->lane[slot];
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        uint64_t generation = atomic_load_explicit(&a->published, memory_order_acquire);
        if (generation == 0) {
            return false;
        }
        if (generation == generation_known || copy_out(a, generation, out)) {
            return out->access_key_id[0] != '\0';
        }
    }
    return false;
}

void signing_publish(struct segment *s, unsigned slot, const struct signing_keys *keys)
{
    assert(slot < LANES_SLOTS);
    struct signing_lane *a = &s->signing->lane[slot];
    uint64_t next = atomic_load_explicit(&a->published, memory_order_relaxed) + 1;
    uint64_t words[WORDS];
    memcpy(words, keys, sizeof words);
    memcpy(words, &next, sizeof next); /* the first member */
    if (keys->access_key_id[0]) {
        atomic_fetch_or_explicit(&s->signing->usable, 1u << slot, memory_order_relaxed);
    } else {
        atomic_fetch_and_explicit(&s->signing->usable, ~(uint64_t)(1u << slot),
                                  memory_order_relaxed);
    }
    words_in(&a->building, &a->published, a->copy[next & 1], WORDS, next, words);
    text_wipe(words, sizeof words);
}

/* What stands there names a lane that nobody asks for. */
void signing_forget(struct segment *s, unsigned slot)
{
    atomic_fetch_and_explicit(&s->signing->usable, ~(uint64_t)(1u << slot), memory_order_relaxed);
}

unsigned signing_usable_slots(const struct segment *s)
{
    return (unsigned)atomic_load_explicit(&s->signing->usable, memory_order_relaxed);
}

bool signing_usable(const struct segment *s)
{
    return signing_usable_slots(s) != 0;
}

void signing_complain(struct segment *s, unsigned slot)
{
    atomic_fetch_add_explicit(&s->signing->complaints[slot], 1, memory_order_relaxed);
}

uint64_t signing_complaints(const struct segment *s, unsigned slot)
{
    return atomic_load_explicit(&s->signing->complaints[slot], memory_order_relaxed);
}

void signing_miss(struct segment *s)
{
    atomic_fetch_add_explicit(&s->signing->missed, 1, memory_order_relaxed);
}

uint64_t signing_missed(const struct segment *s)
{
    return atomic_load_explicit(&s->signing->missed, memory_order_relaxed);
}

void signing_set_skew(struct segment *s, int64_t ms)
{
    atomic_store_explicit(&s->signing->skew_ms, (uint64_t)ms, memory_order_relaxed);
}

int64_t signing_skew(const struct segment *s)
{
    return (int64_t)atomic_load_explicit(&s->signing->skew_ms, memory_order_relaxed);
}

/* --- the key of seals --- */

bool signing_seal_read(const struct segment *s, uint8_t key_out[SEAL_KEY_SIZE])
{
    const struct signing_area *a = s->signing;
    uint64_t words[SEAL_WORDS] = {0};
    bool valid = false;
    for (uint32_t i = 0; i < TRIES_MAX && !valid; i++) {
        uint64_t generation = atomic_load_explicit(&a->seal_published, memory_order_acquire);
        if (generation == 0) {
            break;
        }
        valid =
            words_out(&a->seal_building, a->seal[generation & 1], SEAL_WORDS, generation, words);
    }
    if (!valid) {
        text_wipe(words, sizeof words);
    }
    memcpy(key_out, words, sizeof words);
    text_wipe(words, sizeof words);
    return valid;
}

void signing_seal_publish(struct segment *s, const uint8_t key[SEAL_KEY_SIZE])
{
    struct signing_area *a = s->signing;
    uint64_t next = atomic_load_explicit(&a->seal_published, memory_order_relaxed) + 1;
    uint64_t words[SEAL_WORDS];
    memcpy(words, key, sizeof words);
    words_in(&a->seal_building, &a->seal_published, a->seal[next & 1], SEAL_WORDS, next, words);
    text_wipe(words, sizeof words);
}
