/*
 * queue.h - fair waiting: a request that Bedrock throttles, on each way and past its attempts, waits
 * for its turn instead of being refused; QUEUE_SECONDS at most, 0: nobody waits. Worker.
 *
 *   SEND   queue_holds_back   others wait for the model: nobody passes them
 *   (fail) queue_enter        throttled: into the queue; state QUEUE
 *   QUEUE  queue_step         WAIT; NEXT when its turn has come; FAIL when it will not
 *   RELAY  queue_takes_no     who had its turn and is throttled waits for the next one, first of all
 *          queue_answered     Bedrock let it in
 *
 * Turns are fair to keys over all workers (shm/memory/turns.h). A worker's share of QUEUE_MAX is its
 * own; where it is full, the one that is most turns ahead gives way: a key cannot fill it up for others.
 *
 * A wait ends with the deadline (QUEUE_SECONDS, MAX_REQUEST_SECONDS), with the client, and when the worker
 * drains. What waits keeps what its key holds, so all limits stand; of its attempt nothing is kept.
 */
#ifndef WORKER_MOVES_QUEUE_H
#define WORKER_MOVES_QUEUE_H

#include "worker/turn/turn.h"

/* True: it may not be sent now; outcome.err says so. */
bool queue_holds_back(struct exchange *x);
/* A step has failed. True: the exchange waits, and goes on with state QUEUE. */
bool queue_enter(struct exchange *x);
enum verdict queue_step(struct exchange *x); /* state QUEUE */
bool queue_takes_no(const struct exchange *x);
void queue_answered(struct exchange *x);
void queue_leave(struct exchange *x); /* at the end, whatever it was */
void queue_drain(struct worker *w);   /* all who wait are told to come again */

#endif
