/*
 * scoreboard.h - one slot a process: pid, state, heartbeat, load, and how the last one ended.
 * Written by its own process only, but for what the master writes: pid (before fork returns to the
 * child), until when a process that is told to end has time, and how the one before ended. Read by
 * anybody. 256 bytes, so no false sharing. Slot 0 is the refresher, 1..workers are the workers.
 *
 * Texts are no single words: a process may be killed while it writes one, so a reader trusts
 * neither their end nor their bytes (scoreboard_last_end).
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

#define SCOREBOARD_TEXT 88u

struct scoreboard_slot {
    _Atomic uint32_t pid;
    _Atomic uint32_t state;        /* enum scoreboard_state */
    _Atomic uint64_t heartbeat_ms; /* clock_mono_ms of the last loop turn */
    _Atomic uint32_t connections;  /* open client connections: the accept shedding looks at it */
    _Atomic uint32_t streams;      /* exchanges in flight */
    _Atomic uint64_t started_ms;   /* real time */
    _Atomic uint64_t generation;   /* how often this slot was forked */
    _Atomic uint32_t listening;    /* it waits for new connections right now */
    _Atomic uint32_t exchange;     /* 1 + the state that an exchange of it was in last; 0: none */
    _Atomic uint64_t leave_by_ms;  /* master: monotonic, see scoreboard_leave_by; 0: not said */
    char panic[SCOREBOARD_TEXT];   /* the assertion that failed, by the process as its last act */
    /* --- master, after reaping a process that was not told to end --- */
    _Atomic uint64_t end_ms;       /* real time; 0: never */
    _Atomic uint32_t end_status;   /* of waitpid */
    _Atomic uint32_t end_exchange; /* as exchange was */
    char end_panic[SCOREBOARD_TEXT];
    uint64_t reserved;
};
_Static_assert(sizeof(struct scoreboard_slot) == 256, "cell size");

struct scoreboard_end { /* how the last process of a slot ended that was not told to */
    uint64_t at_ms;
    int status;
    uint32_t exchange;
    char panic[SCOREBOARD_TEXT]; /* printable; "": no assertion */
};

void scoreboard_forked(struct segment *s, uint32_t slot, uint32_t pid); /* master, after fork */
/* The child, first thing: STARTING, no load. It may run before or after scoreboard_forked. */
void scoreboard_enter(struct segment *s, uint32_t slot);
void scoreboard_state(struct segment *s, uint32_t slot, enum scoreboard_state state);
void scoreboard_beat(struct segment *s, uint32_t slot, uint64_t mono_ms);
void scoreboard_load(struct segment *s, uint32_t slot, uint32_t connections, uint32_t streams);
void scoreboard_listening(struct segment *s, uint32_t slot, bool on); /* the worker itself */
/* What an exchange of this worker has just come to, as 1 + its state. */
void scoreboard_exchange(struct segment *s, uint32_t slot, uint32_t exchange);
/* SCOREBOARD_TEXT bytes, for panic_keep_at. */
char *scoreboard_panic(struct segment *s, uint32_t slot);
/* Master, before it tells a process to end for good: what the process still has to do it may try
 * until then. */
void scoreboard_leave_by(struct segment *s, uint32_t slot, uint64_t mono_ms);
/* Master, when it has reaped a process that was not told to end; status as of waitpid. */
void scoreboard_ended(struct segment *s, uint32_t slot, int status);
/* False: none has ended so. */
bool scoreboard_last_end(const struct segment *s, uint32_t slot, struct scoreboard_end *out);
bool scoreboard_is_listening(const struct segment *s, uint32_t slot);
/* Slot of the READY worker with the fewest connections; 0: none is ready. */
uint32_t scoreboard_least_busy(const struct segment *s, uint32_t *connections_out);
uint32_t scoreboard_ready_workers(const struct segment *s);
size_t scoreboard_area_size(uint32_t workers);

#endif
