#include "shm/memory/standing.h"

#include <stdatomic.h>
#include <string.h>

#define WORDS     (sizeof(struct standing) / 8)
#define TRIES_MAX 100u

/* A sequence lock: odd while it is written. The refresher alone writes. */
struct standing_area {
    _Atomic uint64_t sequence;
    _Atomic uint64_t words[WORDS];
};

size_t standing_area_size(void)
{
    return sizeof(struct standing_area);
}

/* A predecessor may have died while it was odd: the next even number is ours either way. */
void standing_tell(struct segment *s, const struct standing *now)
{
    struct standing_area *a = s->standing;
    uint64_t words[WORDS];
    uint64_t odd = atomic_load_explicit(&a->sequence, memory_order_relaxed) | 1;
    memcpy(words, now, sizeof words);
    atomic_store_explicit(&a->sequence, odd, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&a->words[i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&a->sequence, odd + 1, memory_order_release);
}

void standing_read(const struct segment *s, struct standing *out)
{
    const struct standing_area *a = s->standing;
    uint64_t words[WORDS];
    for (uint32_t i = 0; a && i < TRIES_MAX; i++) {
        uint64_t before = atomic_load_explicit(&a->sequence, memory_order_acquire);
        for (size_t k = 0; k < WORDS; k++) {
            words[k] = atomic_load_explicit(&a->words[k], memory_order_relaxed);
        }
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && before == atomic_load_explicit(&a->sequence, memory_order_relaxed)) {
            memcpy(out, words, sizeof *out);
            out->store[sizeof out->store - 1] = out->trouble[sizeof out->trouble - 1] = '\0';
            return;
        }
    }
    memset(out, 0, sizeof *out);
}

/* The embedded store is what is left when nothing else is configured: in production
 * hardly meant. */
const char *standing_warning(const struct standing *now, const struct config *c, uint32_t keys)
{
    bool odd = strcmp(now->store, "sqlite") == 0 && keys == 0 && c->require_api_key &&
               config_is_production(c);
    return odd ? "the key store is an SQLite file without any key: every key is refused. Is "
                 "STORAGE_BACKEND=dynamodb meant?"
               : NULL;
}
