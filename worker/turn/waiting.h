/*
 * waiting.h - who waits in a worker for a model that Bedrock throttles: the marks of a request, and
 * the worker's list of them by gate, ordered by tag. All zeroes is nobody. Changed by queue.c alone.
 */
#ifndef WORKER_TURN_WAITING_H
#define WORKER_TURN_WAITING_H

#include "server/net/loop.h"
#include "shm/memory/turns.h"

struct exchange;

enum waiting_state {
    WAITING_NOT,   /* it has not come to that, or has gone on */
    WAITING_QUEUE, /* for its turn */
    WAITING_TURN,  /* it has come: the next transfer is its */
    WAITING_OVER   /* in vain: outcome.err says why */
};

struct waiting {
    enum waiting_state state;
    bool joined; /* it has a ticket, until it is answered */
    struct turns_ticket ticket;
    bool counted;      /* how long it has waited in all */
    uint64_t since_ms; /* of this wait */
    uint64_t until_ms; /* no longer, in all its waits */
    uint64_t waited_ms;
    struct exchange *prev, *next;
};

struct waiters {
    struct {
        struct exchange *first, *last;
        uint32_t n;
    } gate[TURNS_GATES];
    uint32_t n; /* in all of them */
    struct loop_timer timer;
};

#endif
