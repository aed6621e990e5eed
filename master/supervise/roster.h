/*
 * roster.h - the master's table of processes: which slots are wanted, which run, when a slot is
 * started again, when a process that was told to end is killed, and which one hangs.
 *
 *   slot 0               refresher
 *   slots 1 .. n         workers of set 0     one set serves (`active`); the other is empty, or
 *   slots n+1 .. 2n      workers of set 1     draining, or starting for a reload
 *
 * A fixed table: nothing is allocated after the start. Of the shared scoreboard it reads state and
 * heartbeat, and frees the slot of a process that it has reaped.
 *
 * A crash is never an outage: each slot has its own throttle, but when no worker is left that runs,
 * the one whose turn is next is started at once, and clients wait in the backlog for that long.
 * Workers that end before they serve are the exception: another one would do the same.
 */
#ifndef MASTER_SUPERVISE_ROSTER_H
#define MASTER_SUPERVISE_ROSTER_H

#include <sys/types.h>

#include "master/supervise/throttle.h"
#include "server/config/config.h"
#include "shm/journal/journal.h"
#include "shm/memory/segment.h"

#define ROSTER_WORKERS_MAX  32   /* half of SEGMENT_WORKERS_MAX: two sets */
#define ROSTER_REFRESHER_MS 2000 /* it gets so long to end, at least */

struct roster_child {            /* by slot */
    pid_t pid;                   /* 0: not running */
    bool wanted;                 /* to be started (again) at due_ms */
    bool asked;                  /* told to end: its end is no failure */
    bool served;                 /* the one that ended last had become ready */
    uint32_t runs;               /* since the slot was wanted */
    uint64_t started_ms, due_ms; /* monotonic, as all times here */
    uint64_t kill_ms;            /* SIGKILL then; 0: not planned */
    uint64_t beat;               /* heartbeat word when last looked at */
    uint32_t silent;             /* looks since it changed */
    struct throttle throttle;
};

struct roster_set {
    struct config *config; /* owned; NULL: not in use */
    uint32_t first, count;
};

struct roster {
    struct segment segment;
    struct journal journal;   /* usage records: segment.journal */
    int listen_fd, signal_fd; /* see struct child_place */
    int dead_fd, alive_fd;
    int window_fd;     /* for `top`; -1: none */
    uint32_t set_size; /* slots of a set */
    struct roster_set sets[2];
    unsigned active;
    struct throttle rescue; /* of the worker that is started although its slot should wait */
    struct roster_child children[SEGMENT_PROCESSES_MAX];
};

void roster_init(struct roster *r, uint32_t set_size); /* the rest of *r is filled already */
struct roster_set *roster_active(struct roster *r);
struct roster_set *roster_other(struct roster *r);
bool roster_in_set(const struct roster_set *s, uint32_t slot);
uint32_t roster_slots(const struct roster *r);
/* roster_slots() when it is none of ours. */
uint32_t roster_slot_of(const struct roster *r, pid_t pid);

void roster_want(struct roster *r, uint32_t slot);
/* config: taken over. */
void roster_want_set(struct roster *r, struct roster_set *s, struct config *config);
void roster_start_due(struct roster *r);
void roster_drop_config(struct roster_set *s); /* of a set that is not, or no longer, wanted */

/* How long workers may drain: SHUTDOWN_TIMEOUT of the active set, and a little for their last
 * words. */
uint64_t roster_drain_ms(struct roster *r);

/* Sends sig, and SIGKILL after grace_ms. Who was asked already is not asked by SIGTERM again: it
 * has its own time, which began then. */
void roster_ask(struct roster *r, uint32_t slot, int sig, uint64_t grace_ms);
/* The same for a set, which is no longer wanted. */
void roster_retire(struct roster *r, const struct roster_set *s, int sig, uint64_t grace_ms);
void roster_kill_late(struct roster *r);
void roster_reaped(struct roster *r, uint32_t slot);
/* A reaped process ended unasked: in how many ms its slot is started again. */
uint32_t roster_again(struct roster *r, uint32_t slot);
/* After that: if it was the last worker, the next one does not wait. */
void roster_rescue(struct roster *r, uint32_t slot);
/* This slot never comes up, and no worker serves: the program may as well end. */
bool roster_hopeless(const struct roster *r, uint32_t slot);

/* Once a second: SIGABRT to a process without a heartbeat. */
void roster_look_after(struct roster *r);

bool roster_running(const struct roster *r, const struct roster_set *s); /* any process of it */
bool roster_ready(const struct roster *r, const struct roster_set *s);   /* all of them serve */
/* The earlier of at_ms and the next thing this table has to do. */
uint64_t roster_next_ms(const struct roster *r, uint64_t at_ms);

#endif
