#include "shm/memory/holds.h"

#include <assert.h>
#include <stdatomic.h>
#include "shm/memory/bucket.h"
#include "shm/memory/scoreboard.h"

/*
 * A row: a head of one cache pair, then a word a slot. The pages of a row come as its words are
 * used; a first worker finds its row clear without touching it.
 */
struct holds_row {
    _Atomic uint64_t used; /* the slot's worker: 1 once any word of the row was written */
    uint64_t reserved[15];
    _Atomic uint64_t word[];
};

#define COUNT_FULL 0xffffu
#define TRIES      64u

static size_t row_size(size_t slots)
{
    size_t n = sizeof(struct holds_row) + slots * sizeof(uint64_t);
    return (n + 127) / 128 * 128;
}

size_t holds_area_size(uint32_t workers, uint32_t max_keys)
{
    return workers * row_size(bucket_area_size(max_keys) / sizeof(struct bucket));
}

static struct holds_row *row_of(const struct segment *s, uint32_t worker)
{
    assert(worker >= 1 && worker <= s->header->workers);
    char *base = (char *)s->holds;
    return (struct holds_row *)(void *)(base + (worker - 1) * row_size(bucket_slots(s)));
}

void holds_enter(struct segment *s, uint32_t worker)
{
    struct holds_row *row = row_of(s, worker);
    if (atomic_load(&row->used) == 0) {
        return;
    }
    for (uint32_t slot = 0; slot < bucket_slots(s); slot++) {
        if (atomic_load_explicit(&row->word[slot], memory_order_relaxed)) {
            atomic_store_explicit(&row->word[slot], 0, memory_order_relaxed);
        }
    }
    atomic_store(&row->used, 0);
}

static bool is_alive(const struct segment *s, uint32_t worker)
{
    uint32_t state = atomic_load_explicit(&s->scoreboard[worker].state, memory_order_relaxed);
    return state == SCOREBOARD_READY || state == SCOREBOARD_DRAINING;
}

/* Sequentially consistent loads: of two that took at once, at least one sees the other. */
struct holds holds_sum(const struct segment *s, uint32_t slot)
{
    struct holds sum = {0, 0};
    for (uint32_t worker = 1; worker <= s->header->workers; worker++) {
        struct holds_row *row = row_of(s, worker);
        if (is_alive(s, worker) && atomic_load(&row->used)) {
            uint64_t word = atomic_load(&row->word[slot]);
            sum.count += word >> 48;
            sum.micro += word & HOLDS_MICRO_MAX;
        }
    }
    return sum;
}

static uint64_t packed(struct holds what)
{
    return what.count << 48 | (what.micro > HOLDS_MICRO_MAX ? HOLDS_MICRO_MAX : what.micro);
}

/* Those who collide wait for different times, so that one of them gets the last place. */
static void step_aside(uint32_t worker, uint32_t attempt)
{
    for (volatile uint32_t i = 0; i < (attempt + 1) * (7 + 13 * worker) % 512; i++) {
    }
}

bool holds_take(struct segment *s, uint32_t worker, uint32_t slot, struct holds want,
                uint64_t count_max)
{
    struct holds_row *row = row_of(s, worker);
    _Atomic uint64_t *word = &row->word[slot];
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed), more = packed(want);
    if ((before >> 48) + (more >> 48) > COUNT_FULL ||
        (before & HOLDS_MICRO_MAX) + (more & HOLDS_MICRO_MAX) > HOLDS_MICRO_MAX) {
        return false;
    }
    atomic_store(&row->used, 1);
    for (uint32_t attempt = 0; attempt < TRIES; attempt++) {
        atomic_store(word, before + more);
        if (count_max == 0 || holds_sum(s, slot).count <= count_max) {
            return true;
        }
        atomic_store(word, before);
        if (holds_sum(s, slot).count + want.count > count_max) {
            return false; /* nobody was in the way: there is no room */
        }
        step_aside(worker, attempt);
    }
    return false;
}

void holds_give(struct segment *s, uint32_t worker, uint32_t slot, struct holds what)
{
    _Atomic uint64_t *word = &row_of(s, worker)->word[slot];
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    assert(before >= packed(what));
    atomic_store(word, before - packed(what));
}
