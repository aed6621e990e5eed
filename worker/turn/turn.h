/*
 * turn.h - one client request on its way through a worker: what every step of it may see, and what
 * a step may say.
 *
 * A step is a function that gets the exchange and returns a verdict to the driver (exchange.c); it
 * never calls the next step. A step that says WAIT has arranged that somebody calls turn_wake. Who
 * makes and ends what: exchange.h. Worker only, one loop, no threads.
 */
#ifndef WORKER_TURN_TURN_H
#define WORKER_TURN_TURN_H

#include <sys/queue.h>

#include "server/http/http_out.h"
#include "worker/turn/asked.h"
#include "worker/turn/attempt.h"
#include "worker/turn/caller.h"
#include "worker/turn/context.h"
#include "worker/turn/outcome.h"
#include "worker/turn/waiting.h"

/*
 * X(name, step function or NULL, next, retry, meaning) in the order of a good life.
 *
 * next: where VERDICT_NEXT leads; NONE: the step may not say it. retry: the states that another
 * attempt goes through from here, bits TO(state). The end (DONE) may come in every state. Nothing
 * else is a legal move, so a state in the middle is a row, and the one before it names it.
 */
#define EXCHANGE_STATES(X)                                                                       \
    X(OPEN, open_step, AUTH, 0, "headers are in, the body is arriving")                          \
    X(AUTH, auth_step, ROUTE, 0, "who is it, and is there room under the limit")                 \
    X(ROUTE, route_step, READ, 0, "routes that answer by themselves")                            \
    X(READ, read_step, ADMIT, 0, "the body is checked, the model chosen")                        \
    X(ADMIT, admit_step, CONVERT, 0, "may the key use it, is there money, is it on record")      \
    X(CONVERT, convert_step, SEND, TO(PAUSE) | TO(QUEUE), "the upstream body is made")           \
    X(SEND, send_step, RELAY, TO(PAUSE) | TO(QUEUE), "signed and handed to libcurl")             \
    X(RELAY, stream_step, NONE, TO(PAUSE) | TO(QUEUE), "the answer is on its way to the client") \
    X(PAUSE, NULL, NONE, TO(SEND) | TO(CONVERT), "waiting a moment before another attempt")      \
    X(QUEUE, queue_step, CONVERT, 0, "waiting for its turn while Bedrock throttles the model")   \
    X(DONE, NULL, NONE, 0, "settled; nothing may happen any more")

enum exchange_state {
#define EXCHANGE_ENUM(name, step, next, retry, meaning) EXCHANGE_##name,
    EXCHANGE_STATES(EXCHANGE_ENUM)
#undef EXCHANGE_ENUM
        EXCHANGE_NONE
};

enum verdict {
    VERDICT_NEXT,  /* go on with the next state of the table */
    VERDICT_WAIT,  /* turn_wake will be called */
    VERDICT_RETRY, /* once more after attempt.pause_ms: from SEND, or from CONVERT if the attempt
                      was dropped */
    VERDICT_DONE,  /* the answer is complete */
    VERDICT_FAIL   /* outcome.err says why; the driver answers */
};

struct route;

struct exchange {
    struct worker *worker;
    struct http_conn *conn;
    struct arena *arena;
    enum exchange_state state;
    const struct route *route;
    uint64_t began_ns;

    struct caller caller;
    struct asked asked;
    struct attempt attempt;
    struct outcome outcome;
    struct waiting waiting;

    struct loop_timer timer_ping, timer_deadline, timer_pause;
    struct exchange *prev, *next; /* all exchanges of the worker */
    LIST_ENTRY(exchange) asking;  /* with a ticket */
};

void turn_wake(struct exchange *x);   /* what a step waited for has happened */
void turn_link(struct exchange *x);   /* among the worker's open ones */
void turn_unlink(struct exchange *x); /* and out of them */

#endif
