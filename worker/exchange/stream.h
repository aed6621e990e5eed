/*
 * stream.h - the answer on its way back: transfer callbacks, frames to dialect events,
 * back-pressure, pings, the honest end. Worker.
 */
#ifndef WORKER_EXCHANGE_STREAM_H
#define WORKER_EXCHANGE_STREAM_H

#include "worker/turn/turn.h"

extern const struct fetch_ops stream_ops; /* owner: the exchange */

/* State RELAY: WAIT while bytes come; then DONE, FAIL or RETRY. */
enum verdict stream_step(struct exchange *x);
/* The client waits from now on: pings when they are due, if it streams. */
void stream_watch(struct exchange *x);
void stream_drained(struct exchange *x); /* the client's buffer has room: let the upstream go on */
/* outcome.err has come over a stream that has begun: the error event of the dialect, then the end of the
 * body. Nothing is put after the model's own error; after its last event the answer was complete
 * and outcome.err is none. */
void stream_break(struct exchange *x);

#endif
