/*
 * exchange.h - the life of one client request.
 *
 *   object          made by                      ended by
 *   exchange        exchange_open (headers in)   exchange_close, exactly once, whatever the end was
 *   arena           exchange_open                exchange_close
 *   http_conn       worker.c                     itself; told by http_conn_user who its exchange is
 *   attempt         CONVERT                      a retry that converts anew, or exchange_close
 *   transfer        SEND                         its own done, the attempt's end, or the next one
 *
 * The struct is in turn.h, with all that a step may see. Steps do not include this header. Worker
 * only, one loop, no threads.
 */
#ifndef WORKER_EXCHANGE_EXCHANGE_H
#define WORKER_EXCHANGE_EXCHANGE_H

#include "worker/turn/turn.h"

/* At http_conn's headers op: routes, identifies, refuses early. x lands in http_conn_user. */
MUST_CHECK enum status exchange_open(struct worker *w, struct http_conn *c,
                                     const struct http_request *r, size_t *body_max_out,
                                     struct err *err);
void exchange_request(struct exchange *x, struct str body); /* the whole request is in */
/* The driver: runs steps until one waits or the exchange ends. Lent as worker->wake. */
void exchange_wake(struct exchange *x);
void exchange_gone(struct exchange *x);    /* the client left */
void exchange_drained(struct exchange *x); /* the client's buffer has room again */
/* Ends an open answer with an error: event if the stream has begun, else an error status. */
void exchange_fail(struct exchange *x);

const char *exchange_state_name(enum exchange_state state);
/* The table's columns next and retry, and the end. Pure. */
bool exchange_may_enter(enum exchange_state from, enum exchange_state to);

#endif
