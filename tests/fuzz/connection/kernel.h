/*
 * kernel.h - what a worker sees of Linux, played inside one process: descriptors, sockets, epoll,
 * the monotonic clock.
 *
 *   who            made by                                 ended by
 *   kernel_file    kernel_listener, kernel_dial, ..., or   kernel_begin; fd becomes -1 when the
 * worker closes it the worker by socket(2), eventfd(2) ...
 *
 * The real worker, libcurl and all, runs on it: libc.c defines the functions of libc that they call
 * and brings them here. Nothing waits and nothing leaves the process; whoever plays the rest of the
 * world does so from inside epoll_wait (kernel_on_wait), between two turns of the worker's loop. So
 * a run is quick, and the same each time.
 *
 * Sockets behave as TCP does on Linux: bytes that have come are read before the RST that followed
 * them, a FIN is half of an end, the lowest free number is the next descriptor.
 */
#ifndef TESTS_FUZZ_CONNECTION_KERNEL_H
#define TESTS_FUZZ_CONNECTION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_FD_FIRST = 128, KERNEL_FD_COUNT = 96 };

enum kernel_kind {
    KERNEL_STREAM,   /* a TCP connection: one of a client, or one to Bedrock */
    KERNEL_LISTENER, /* the worker's */
    KERNEL_COUNTER,  /* eventfd, signalfd */
    KERNEL_PLAIN     /* anything else: the epoll itself, /dev/null, the log, the master's pipe */
};

struct kernel_pile { /* bytes, only added to */
    char *p;
    size_t n, cap;
};

struct kernel_file {
    enum kernel_kind kind;
    int fd; /* -1: not (or no longer) the worker's */
    bool kept, used;

    /* KERNEL_STREAM: towards the worker */
    struct kernel_pile in;
    size_t visible; /* of in: has arrived */
    size_t taken;   /* of that: the worker has read it */
    size_t sip;     /* most that one recv gives; 0: any */
    bool fin;       /* after what is visible */
    bool reset, reset_told;
    /* from the worker */
    struct kernel_pile out;
    size_t room;    /* bytes that out still takes */
    bool choked;    /* room was limited at some time */
    bool vanished;  /* what the worker sends next is answered with RST */
    bool shut;      /* the worker has sent FIN by shutdown(2) */
    bool abrupt;    /* closed with RST */
    bool lingering; /* SO_LINGER with time 0 is set */
    /* of the worker's own making */
    bool dialled; /* by connect(2) */
    bool waiting; /* not connected yet */
    bool refused;

    bool end_of_file; /* KERNEL_PLAIN: readable, with 0 bytes */
    bool is_log;      /* KERNEL_PLAIN: what is written goes to kernel_on_log */
    uint64_t count;   /* KERNEL_COUNTER */
    bool signals;     /* KERNEL_COUNTER: count is a set of signal numbers */
    bool watched;     /* by epoll */
    uint32_t events;  /* EPOLLIN ... asked for */
    uint64_t data;    /* of epoll */
    uint64_t stamp;   /* when something last happened to it */
    size_t mark;      /* of out: how far the world has dealt with it */
    struct kernel_file
        *backlog; /* KERNEL_LISTENER: the first in its queue; else the next behind it */
};

/* true: epoll_wait returns now what is ready; false: look again, something was done. ready: how
 * many would be told of. expired: it has waited long enough. */
extern bool (*kernel_on_wait)(unsigned ready, bool expired);
extern void (*kernel_on_log)(const char *line, size_t n);
/* What the next connect(2) meets. */
extern enum kernel_dial { KERNEL_DIAL_OK, KERNEL_DIAL_REFUSED, KERNEL_DIAL_SILENT } kernel_dial;
extern uint32_t kernel_order; /* not 0: events are told in an order that follows from it */
extern unsigned kernel_no_fd; /* that many accept4 fail with EMFILE */
extern uint64_t kernel_moves; /* grows whenever the worker gets something done */

void kernel_begin(void); /* forgets all that is not kept */
void kernel_keep(void);  /* what there is now lives as long as the process */
void kernel_clock_add(uint64_t ms);
uint64_t kernel_clock_ms(void);
uint64_t kernel_deadline_ms(void); /* when the epoll_wait that runs is over; UINT64_MAX: never */
void kernel_random(uint8_t *out, size_t n);

struct kernel_file *kernel_new(enum kernel_kind kind); /* with a descriptor, for the worker */
struct kernel_file *kernel_of(int fd);                 /* NULL: not one of ours */
/* The first, or the next, of the run; those that the worker has closed too. */
struct kernel_file *kernel_each(struct kernel_file *after);
/* A client connects: waits to be accepted. NULL: nobody listens, or there is no room. */
struct kernel_file *kernel_dial_in(struct kernel_file *listener);
void kernel_add(struct kernel_file *f, const void *p, size_t n); /* to in, not visible yet */
void kernel_show(struct kernel_file *f, size_t n);               /* n more bytes arrive; 0: all */
void kernel_fin(struct kernel_file *f);
void kernel_reset(struct kernel_file *f);
void kernel_ring(struct kernel_file *f, unsigned signal); /* KERNEL_COUNTER; signal 0: eventfd */
void kernel_stir(struct kernel_file *f); /* something has changed: now the youngest event */

/* for libc.c: -1 with errno, as the system calls */
int kernel_close(struct kernel_file *f);
long kernel_recv(struct kernel_file *f, void *p, size_t n, bool peek);
long kernel_send(struct kernel_file *f, const void *p, size_t n);
long kernel_read(struct kernel_file *f, void *p, size_t n);
long kernel_write(struct kernel_file *f, const void *p, size_t n);
int kernel_connect(struct kernel_file *f);
int kernel_accept(struct kernel_file *f);
int kernel_take_error(struct kernel_file *f); /* SO_ERROR */
uint32_t kernel_ready(const struct kernel_file *f);
struct epoll_event;
int kernel_epoll_ctl(int op, struct kernel_file *f, const struct epoll_event *event);
int kernel_epoll_wait(struct epoll_event *events, int max, int timeout_ms);

#endif
