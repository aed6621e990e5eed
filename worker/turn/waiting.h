/*
 * waiting.h - who waits in a worker for a model that Bedrock throttles: the marks of a request, its place
 * in the line of each model that may answer it, and the lines. All zeroes is nobody. Changed by queue.c,
 * line.c and places.c alone; but for those who wait for an answer about their key.
 */
#ifndef WORKER_TURN_WAITING_H
#define WORKER_TURN_WAITING_H

#include <sys/queue.h>

#include "server/net/loop.h"
#include "shm/memory/turns.h"

struct exchange;
struct models_choice;

enum waiting_state {
    WAITING_NOT,   /* it has not come to that, or has gone on */
    WAITING_QUEUE, /* for its turn */
    WAITING_TURN,  /* it has come: the next transfer is its */
    WAITING_OVER   /* in vain: outcome.err says why */
};

struct reach {           /* which lanes a request may be sent on: worker/moves/reach.h */
    uint8_t own, others; /* a bit each; others: what any request for the model may use */
    uint64_t model;      /* its name in the table of lanes */
};

struct waiting_place {
    struct exchange *x;
    const struct models_choice *model; /* NULL: it does not wait for this one */
    bool joined;                       /* it has a ticket */
    bool in_line;
    struct turns_ticket ticket;
    struct reach reach;
    struct waiting_place *prev, *next;
};

struct waiting {
    enum waiting_state state;
    struct waiting_place
        *place; /* one a link of its chain, in the arena; NULL: it never had to wait */
    struct waiting_place *turn; /* whose turn it has */
    uint32_t over;              /* a bit a link: it has refused for another reason */
    bool not_ready;             /* the last refusal was no throttle: the model is being loaded */
    bool waits;                 /* it does, or did: there was room for it */
    bool counted;               /* how long it has waited in all */
    uint64_t since_ms;          /* of this wait */
    uint64_t until_ms;          /* no longer, in all its waits; 0: it has not waited */
    uint64_t client_until_ms; /* and without an answer's beginning no longer; UINT64_MAX: unknown */
    uint64_t waited_ms;
};

struct waiters {
    struct {
        struct waiting_place *first, *last; /* by tag */
        uint32_t n;
    } line[TURNS_GATES];
    uint32_t n;                   /* requests, in all of them */
    LIST_HEAD(, exchange) asking; /* and for the refresher, who is asked about their keys: auth.c */
    struct loop_timer timer;
};

#endif
