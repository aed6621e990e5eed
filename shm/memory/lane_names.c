#include "shm/memory/lane_names.h"

#include <assert.h>

#include "shm/memory/signing.h"
#include "shm/memory/sticks.h"

_Static_assert(LANES_SLOTS >= 2 * LANES_MAX, "room for those before a reload and those after it");
_Static_assert(LANES_MAX == CONFIG_LANES_MAX, "the same lanes");

static unsigned find(const struct segment *s, uint64_t id)
{
    unsigned slot = 0;
    while (slot < LANES_SLOTS &&
           atomic_load_explicit(&s->lanes->name[slot], memory_order_acquire) != id) {
        slot++;
    }
    return slot;
}

unsigned lane_names_slot(const struct segment *s, uint64_t id)
{
    return id ? find(s, id) : 0;
}

static bool is_among(const struct config_lanes *l, uint64_t id)
{
    unsigned n = l ? (l->n ? l->n : 1) : 0;
    for (unsigned i = 0; i < n; i++) {
        if (l->lane[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Of a list of long ago. A worker that still has it cannot sign for that lane any more. */
static unsigned take_from_others(struct segment *s, const struct config_lanes *now,
                                 const struct config_lanes *before)
{
    for (unsigned slot = 0; slot < LANES_SLOTS; slot++) {
        uint64_t id = atomic_load_explicit(&s->lanes->name[slot], memory_order_relaxed);
        if (!is_among(now, id) && !is_among(before, id)) {
            atomic_store_explicit(&s->lanes->name[slot], 0, memory_order_release);
            signing_forget(s, slot);
            sticks_forget(s, slot);
            lanes_forget(s, slot);
            return slot;
        }
    }
    return LANES_SLOTS;
}

void lane_names_enter(struct segment *s, const struct config_lanes *now,
                      const struct config_lanes *before)
{
    for (unsigned i = 0; i < (now->n ? now->n : 1); i++) {
        uint64_t id = now->lane[i].id;
        if (lane_names_slot(s, id) < LANES_SLOTS) {
            continue;
        }
        unsigned slot = find(s, 0);
        slot = slot < LANES_SLOTS ? slot : take_from_others(s, now, before);
        assert(slot < LANES_SLOTS);
        atomic_store_explicit(&s->lanes->name[slot], id, memory_order_release);
    }
}
