/*
 * loop.h - one epoll loop a process: descriptors, timers, deferred work, wake-ups, signals.
 *
 * Made after fork, owned by the process body, single-threaded. epoll carries slot + generation,
 * never a pointer, so an event for a descriptor that was removed in the same turn is ignored.
 * Objects closed during a turn put themselves on the deferred list and are freed at its end. A turn
 * over 20 ms is logged at warn level.
 */
#ifndef SERVER_NET_LOOP_H
#define SERVER_NET_LOOP_H

#include "server/base/err.h"
#include "server/base/text.h"

struct loop;

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_ERROR = 4,     /* HUP or ERR: always reported, need not be asked for */
    LOOP_EXCLUSIVE = 8, /* EPOLLEXCLUSIVE, for a listener shared by processes */
    LOOP_RDHUP = 16     /* the peer sent FIN: reported even while LOOP_READ is off */
};

typedef void loop_fd_fn(struct loop *loop, void *owner, unsigned events);
typedef void loop_fn(struct loop *loop, void *owner);

typedef uint64_t loop_handle; /* 0 is never a handle */

struct loop *loop_new(struct err *err);
void loop_drop(struct loop *loop); /* runs deferred work; does not close descriptors it was given */

/* Watches fd (level-triggered). 0 on failure with err. LOOP_EXCLUSIVE: EPOLLEXCLUSIVE, cannot be
 * changed later, only deleted. Never closes fd. A number that is watched already was closed and
 * reused behind our back (libcurl does): the older handle becomes stale, and change and remove of a
 * stale handle do nothing. */
loop_handle loop_add(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *owner,
                     struct err *err);
void loop_change(struct loop *loop, loop_handle h, unsigned events);
void loop_remove(struct loop *loop, loop_handle h); /* 0 is fine; call before close(fd) */

/* A timer is a member of its owner; zero it before first use, cancel it before its owner
 * is freed. */
struct loop_timer {
    uint64_t at_ms; /* monotonic */
    loop_fn *fn;
    void *owner;
    uint32_t index; /* place in the heap + 1; 0: not set. loop.c's */
};
/* Sets or moves; at_ms is on clock_mono_ms. */
void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t at_ms, loop_fn *fn,
                    void *owner);
void loop_timer_in(struct loop *loop, struct loop_timer *t, uint64_t delay_ms, loop_fn *fn,
                   void *owner);
void loop_timer_cancel(struct loop *loop, struct loop_timer *t);

/* fn(loop, owner) at the end of this turn, in order. What is deferred by deferred work runs at the
 * end of the next turn, which then does not wait. */
void loop_defer(struct loop *loop, loop_fn *fn, void *owner);
/* fn runs at the start of every turn, after the clock was read (heartbeat, listener shedding). One
 * only. Who has it serves: its slow turns are logged, not those of a command that waits for a store. */
void loop_each_turn(struct loop *loop, loop_fn *fn, void *owner);

void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* after the current turn */
uint64_t loop_turns(const struct loop *loop);

/* eventfd that any process holding it can write; non-blocking, close-on-exec. -1 with err. */
int loop_eventfd(struct err *err);
void loop_eventfd_ring(int fd);  /* wakes the reader; never blocks */
void loop_eventfd_clear(int fd); /* the reader, when woken */
/* Blocks the signals of the 0-terminated list for this process and gives a signalfd. -1
 * with err. */
int loop_signalfd(const int *signals, struct err *err);
/* The next signal or 0; pid_out: sender or child, may be NULL. */
int loop_signalfd_read(int fd, int *pid_out);

#endif
