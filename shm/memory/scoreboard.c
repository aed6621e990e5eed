#include "shm/memory/scoreboard.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"

size_t scoreboard_area_size(uint32_t workers)
{
    return (workers + 1) * sizeof(struct scoreboard_slot);
}

static struct scoreboard_slot *slot_of(const struct segment *s, uint32_t slot)
{
    assert(slot <= s->header->workers);
    return &s->scoreboard[slot];
}

/* Only a FREE slot becomes STARTING here: a quick child may already be READY. */
void scoreboard_forked(struct segment *s, uint32_t slot, uint32_t pid)
{
    struct scoreboard_slot *p = slot_of(s, slot);
    uint32_t free_state = SCOREBOARD_FREE;
    atomic_store(&p->pid, pid);
    atomic_store(&p->heartbeat_ms, clock_now_ns() / 1000000);
    atomic_store(&p->started_ms, (uint64_t)clock_real_now_ms());
    atomic_store(&p->leave_by_ms, 0);
    atomic_fetch_add(&p->generation, 1);
    atomic_compare_exchange_strong(&p->state, &free_state, SCOREBOARD_STARTING);
}

void scoreboard_enter(struct segment *s, uint32_t slot)
{
    struct scoreboard_slot *p = slot_of(s, slot);
    atomic_store(&p->pid, (uint32_t)getpid());
    p->panic[0] = '\0';
    scoreboard_exchange(s, slot, 0);
    scoreboard_load(s, slot, 0, 0);
    scoreboard_listening(s, slot, false);
    scoreboard_beat(s, slot, clock_now_ns() / 1000000);
    scoreboard_state(s, slot, SCOREBOARD_STARTING);
}

void scoreboard_state(struct segment *s, uint32_t slot, enum scoreboard_state state)
{
    atomic_store(&slot_of(s, slot)->state, state);
}

void scoreboard_beat(struct segment *s, uint32_t slot, uint64_t mono_ms)
{
    atomic_store_explicit(&slot_of(s, slot)->heartbeat_ms, mono_ms, memory_order_relaxed);
}

void scoreboard_load(struct segment *s, uint32_t slot, uint32_t connections, uint32_t streams)
{
    struct scoreboard_slot *p = slot_of(s, slot);
    atomic_store_explicit(&p->connections, connections, memory_order_relaxed);
    atomic_store_explicit(&p->streams, streams, memory_order_relaxed);
}

void scoreboard_exchange(struct segment *s, uint32_t slot, uint32_t exchange)
{
    atomic_store_explicit(&slot_of(s, slot)->exchange, exchange, memory_order_relaxed);
}

/* --- ends ---------------------------------------------------------------------------------- */

char *scoreboard_panic(struct segment *s, uint32_t slot)
{
    return slot_of(s, slot)->panic;
}

void scoreboard_leave_by(struct segment *s, uint32_t slot, uint64_t mono_ms)
{
    atomic_store(&slot_of(s, slot)->leave_by_ms, mono_ms);
}

void scoreboard_ended(struct segment *s, uint32_t slot, int status)
{
    struct scoreboard_slot *p = slot_of(s, slot);
    memcpy(p->end_panic, p->panic, sizeof p->end_panic);
    atomic_store(&p->end_exchange, atomic_load(&p->exchange));
    atomic_store(&p->end_status, (uint32_t)status);
    atomic_store(&p->end_ms, (uint64_t)clock_real_now_ms());
}

bool scoreboard_last_end(const struct segment *s, uint32_t slot, struct scoreboard_end *out)
{
    const struct scoreboard_slot *p = slot_of(s, slot);
    out->at_ms = atomic_load(&p->end_ms);
    out->status = (int)atomic_load(&p->end_status);
    out->exchange = atomic_load(&p->end_exchange);
    memcpy(out->panic, p->end_panic, sizeof out->panic);
    out->panic[sizeof out->panic - 1] = '\0';
    for (char *c = out->panic; *c; c++) {
        *c = *c < 0x20 || *c > 0x7e ? '?' : *c;
    }
    return out->at_ms != 0;
}

/* --- choosing ------------------------------------------------------------------------------ */

static bool ready(const struct scoreboard_slot *p)
{
    return atomic_load_explicit(&p->state, memory_order_relaxed) == SCOREBOARD_READY;
}

uint32_t scoreboard_least_busy(const struct segment *s, uint32_t *connections_out)
{
    uint32_t least = 0;
    *connections_out = UINT32_MAX;
    for (uint32_t i = 1; i <= s->header->workers; i++) {
        uint32_t n = atomic_load_explicit(&s->scoreboard[i].connections, memory_order_relaxed);
        if (ready(&s->scoreboard[i]) && n < *connections_out) {
            *connections_out = n;
            least = i;
        }
    }
    return least;
}

void scoreboard_listening(struct segment *s, uint32_t slot, bool on)
{
    atomic_store(&slot_of(s, slot)->listening, on);
}

bool scoreboard_is_listening(const struct segment *s, uint32_t slot)
{
    return atomic_load(&slot_of(s, slot)->listening) != 0;
}

uint32_t scoreboard_ready_workers(const struct segment *s)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i <= s->header->workers; i++) {
        n += ready(&s->scoreboard[i]);
    }
    return n;
}
