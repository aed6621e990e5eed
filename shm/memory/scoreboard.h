/*
 * scoreboard.h - one slot a process: pid, state, heartbeat, load. Written by its own process only
 * (pid by the master before fork returns to the child); read by anybody. 128 bytes, so no false
 * sharing. Slot 0 is the refresher, 1..workers are the workers.
 */
#ifndef SHM_MEMORY_SCOREBOARD_H
#define SHM_MEMORY_SCOREBOARD_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

enum scoreboard_state {
    SCOREBOARD_FREE,
    SCOREBOARD_STARTING,
    SCOREBOARD_READY,
    SCOREBOARD_DRAINING
};

struct scoreboard_slot {
    _Atomic uint32_t pid;
    _Atomic uint32_t state;        /* enum scoreboard_state */
    _Atomic uint64_t heartbeat_ms; /* clock_mono_ms of the last loop turn */
    _Atomic uint32_t connections;  /* open client connections: the accept shedding looks at it */
    _Atomic uint32_t streams;      /* exchanges in flight */
    _Atomic uint64_t started_ms;   /* real time */
    _Atomic uint64_t generation;   /* how often this slot was forked */
    _Atomic uint32_t listening;    /* it waits for new connections right now */
    uint32_t padding;
    uint64_t reserved[10];
};
_Static_assert(sizeof(struct scoreboard_slot) == 128, "cell size");

void scoreboard_forked(struct segment *s, uint32_t slot, uint32_t pid); /* master, after fork */
/* The child, first thing: STARTING, no load. It may run before or after scoreboard_forked. */
void scoreboard_enter(struct segment *s, uint32_t slot);
void scoreboard_state(struct segment *s, uint32_t slot, enum scoreboard_state state);
void scoreboard_beat(struct segment *s, uint32_t slot, uint64_t mono_ms);
void scoreboard_load(struct segment *s, uint32_t slot, uint32_t connections, uint32_t streams);
void scoreboard_listening(struct segment *s, uint32_t slot, bool on); /* the worker itself */
bool scoreboard_is_listening(const struct segment *s, uint32_t slot);
/* Slot of the READY worker with the fewest connections; 0: none is ready. */
uint32_t scoreboard_least_busy(const struct segment *s, uint32_t *connections_out);
uint32_t scoreboard_ready_workers(const struct segment *s);
size_t scoreboard_area_size(uint32_t workers);

#endif
