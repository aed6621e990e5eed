/*
 * dynamo_wait.h - how a DynamoDB client waits: its private loop turns until what was waited for is
 * there, the deadline, or the wait function's false. Below all that waits; one owner, one thread.
 */
#ifndef SERVER_DYNAMO_DYNAMO_WAIT_H
#define SERVER_DYNAMO_DYNAMO_WAIT_H

#include "server/net/loop.h"

#define DYNAMO_WAIT_EVERY_MS 500u

typedef bool dynamo_wait_fn(void *ctx); /* false: give up */

struct dynamo_wait {
    struct loop *loop;  /* owned */
    dynamo_wait_fn *fn; /* NULL: waits in silence */
    void *ctx;

    uint64_t until_ms; /* of the call that is running; monotonic */
    struct loop_timer alarm;
    uint64_t alarm_end_ms;
    bool given_up;
};

/* False: given up, now or before in this call. */
bool dynamo_wait_goes_on(struct dynamo_wait *w);
void dynamo_wait_arrive(struct dynamo_wait *w);
/* Turns the loop until dynamo_wait_arrive, end_ms (monotonic), or giving up. */
void dynamo_wait_run(struct dynamo_wait *w, uint64_t end_ms);

#endif
