#include "shm/memory/slots.h"

#include <assert.h>
#include "server/base/arena.h"
#include "shm/memory/bucket.h"
#include "shm/memory/directory.h"

struct resting {
    uint32_t slot;
    uint64_t generation; /* published when it was freed */
    uint64_t since_ms;
};

struct slots {
    struct segment *segment;
    uint32_t count; /* all slots, reserved ones too */
    bool *taken;
    uint32_t fresh;   /* from here on none ever had a key, but for those that are taken */
    uint32_t *unused; /* stack of others that never had one */
    uint32_t unused_count;
    struct resting *rest; /* ring with room for all, oldest first */
    uint32_t rest_first, rest_count;
};

struct slots *slots_new(struct segment *s)
{
    struct slots *slots = heap_new(sizeof *slots);
    if (!slots) {
        return NULL;
    }
    slots->segment = s;
    slots->count = slots->fresh = bucket_slots(s);
    slots->taken = heap_new(slots->count * sizeof *slots->taken);
    slots->unused = heap_new(slots->count * sizeof *slots->unused);
    slots->rest = heap_new(slots->count * sizeof *slots->rest);
    if (!slots->taken || !slots->unused || !slots->rest) {
        slots_drop(slots);
        return NULL;
    }
    return slots;
}

void slots_drop(struct slots *slots)
{
    if (slots) {
        heap_drop(slots->taken);
        heap_drop(slots->unused);
        heap_drop(slots->rest);
        heap_drop(slots);
    }
}

bool slots_learn(struct slots *slots, uint32_t slot, uint32_t tag)
{
    if (slot < BUCKET_FIRST_KEY || slot >= slots->count || slots->taken[slot] ||
        !bucket_of(slots->segment, slot, tag)) {
        return false;
    }
    slots->taken[slot] = true;
    return true;
}

static void rest(struct slots *slots, uint32_t slot, uint64_t now_ms)
{
    uint32_t at = (slots->rest_first + slots->rest_count++) % slots->count;
    slots->rest[at] = (struct resting){slot, directory_generation(slots->segment), now_ms};
}

/* From the highest down, so that the stack gives the lowest first. Buckets from slots_high on are not
 * looked at, nor are their slots written down: that would make their pages. */
void slots_learned(struct slots *slots, uint64_t now_ms)
{
    uint32_t high = atomic_load(&slots->segment->header->slots_high);
    high = high < BUCKET_FIRST_KEY ? BUCKET_FIRST_KEY : high;
    slots->fresh = high < slots->count ? high : slots->count;
    for (uint32_t slot = slots->fresh; slot-- > BUCKET_FIRST_KEY;) {
        if (slots->taken[slot]) {
            continue;
        }
        if (bucket_of(slots->segment, slot, 0)) {
            slots->unused[slots->unused_count++] = slot;
        } else {
            rest(slots, slot, now_ms);
        }
    }
}

/* The oldest that has rested enough, or SLOTS_NONE. */
static uint32_t rested(struct slots *slots, uint64_t now_ms)
{
    const struct resting *oldest = &slots->rest[slots->rest_first];
    if (slots->rest_count == 0 || now_ms - oldest->since_ms < SLOTS_REST_MS ||
        directory_generation(slots->segment) - oldest->generation < 2) {
        return SLOTS_NONE;
    }
    slots->rest_first = (slots->rest_first + 1) % slots->count;
    slots->rest_count--;
    return oldest->slot;
}

/* The lowest that never had a key, or SLOTS_NONE. */
static uint32_t unused(struct slots *slots)
{
    if (slots->unused_count) {
        return slots->unused[--slots->unused_count];
    }
    while (slots->fresh < slots->count && slots->taken[slots->fresh]) {
        slots->fresh++;
    }
    return slots->fresh < slots->count ? slots->fresh++ : SLOTS_NONE;
}

uint32_t slots_take(struct slots *slots, uint32_t tag, uint64_t now_ms)
{
    uint32_t slot = unused(slots);
    slot = slot != SLOTS_NONE ? slot : rested(slots, now_ms);
    if (slot != SLOTS_NONE) {
        slots->taken[slot] = true;
        bucket_give(slots->segment, slot, tag);
    }
    return slot;
}

void slots_free(struct slots *slots, uint32_t slot, uint64_t now_ms)
{
    assert(slot < slots->count && slots->taken[slot]);
    slots->taken[slot] = false;
    rest(slots, slot, now_ms);
}
