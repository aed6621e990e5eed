#include "shm/memory/signing.h"

#include <stdatomic.h>
#include <string.h>

#define WORDS     (sizeof(struct signing_keys) / 8)
#define TRIES_MAX 100u

typedef _Atomic uint64_t word;

/* The two-copy protocol of directory.h, over one struct. */
struct signing_area {
    word building;   /* refresher */
    word published;  /* refresher */
    word complaints; /* any worker, atomic add */
    word skew_ms;    /* any worker */
    word usable;     /* refresher: 1 while the published keys can sign */
    word missed;     /* any worker, atomic add */
    uint64_t reserved[10];
    word copy[2][WORDS]; /* refresher */
};

size_t signing_area_size(void)
{
    return sizeof(struct signing_area);
}

static bool copy_out(const struct signing_area *a, uint64_t generation, struct signing_keys *out)
{
    uint64_t words[WORDS];
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = atomic_load_explicit(&a->copy[generation & 1][i], memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_acquire);
    bool valid = atomic_load_explicit(&a->building, memory_order_relaxed) - generation < 2;
    if (valid) {
        memcpy(out, words, sizeof *out);
    }
    text_wipe(words, sizeof words);
    return valid;
}

bool signing_read(const struct segment *s, uint64_t generation_known, struct signing_keys *out)
{
    const struct signing_area *a = s->signing;
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

void signing_publish(struct segment *s, const struct signing_keys *keys)
{
    struct signing_area *a = s->signing;
    uint64_t next = atomic_load_explicit(&a->published, memory_order_relaxed) + 1;
    uint64_t words[WORDS];
    memcpy(words, keys, sizeof words);
    memcpy(words, &next, sizeof next); /* the first member */
    atomic_store_explicit(&a->usable, keys->access_key_id[0] != '\0', memory_order_relaxed);
    atomic_store_explicit(&a->building, next, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&a->copy[next & 1][i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&a->published, next, memory_order_release);
    text_wipe(words, sizeof words);
}

bool signing_usable(const struct segment *s)
{
    return atomic_load_explicit(&s->signing->usable, memory_order_relaxed) != 0;
}

void signing_complain(struct segment *s)
{
    atomic_fetch_add_explicit(&s->signing->complaints, 1, memory_order_relaxed);
}

uint64_t signing_complaints(const struct segment *s)
{
    return atomic_load_explicit(&s->signing->complaints, memory_order_relaxed);
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
