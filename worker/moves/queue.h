/*
 * queue.h - fair waiting: a request that Bedrock throttles, on each way and past its attempts, waits
 * for its turn instead of being refused; QUEUE_SECONDS at most, 0: nobody waits. Worker.
 *
 *   SEND   queue_holds_back   others wait for the model: nobody passes them
 *   (fail) places_note        what the refusal says of waiting for this model
 *          queue_enter        nobody else answers: into the queue; state QUEUE
 *   QUEUE  queue_step         WAIT; NEXT when its turn has come; FAIL when it will not
 *   RELAY  queue_takes_no     who had its turn and is throttled waits for the next one
 *          queue_answered     Bedrock let it in
 *
 * Which model of a chain: it waits in the line of each one that has throttled it (places.h), and goes to
 * the one whose turn comes first. Its places in the other lines it keeps until it is answered.
 *
 * Turns are fair to keys over all workers (shm/memory/turns.h). One that cannot go steps aside: at once
 * where all lanes that it may use are closed and another request has one (reach.h), and for some turns
 * when it tried in vain. A worker's share of QUEUE_MAX is its own; where it is full, the one that is most
 * turns ahead gives way: a key cannot fill it up for others.
 *
 * A wait ends with the deadline (QUEUE_SECONDS, MAX_REQUEST_SECONDS), before the client's own if it told
 * it, with the client, and when the worker drains. What waits keeps what its key holds, so all limits
 * stand; of its attempt nothing is kept.
 */
#ifndef WORKER_MOVES_QUEUE_H
#define WORKER_MOVES_QUEUE_H

#include "worker/turn/turn.h"

/* True: it may not be sent now; outcome.err says so. */
bool queue_holds_back(struct exchange *x);
/* True: the exchange waits, and goes on with state QUEUE. */
bool queue_enter(struct exchange *x);
enum verdict queue_step(struct exchange *x); /* state QUEUE */
bool queue_takes_no(const struct exchange *x);
void queue_answered(struct exchange *x);
void queue_leave(struct exchange *x); /* at the end, whatever it was */
void queue_drain(struct worker *w);   /* all who wait are told to come again */

#endif
