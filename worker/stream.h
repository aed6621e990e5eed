/*
 * stream.h - the answer on its way back: transfer callbacks, frames to dialect events,
 * back-pressure, pings, the honest end. Worker.
 */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include "worker/exchange.h"

extern const struct fetch_ops stream_ops; /* owner: the exchange */

/* State RELAY: WAIT while bytes come; then DONE, FAIL or RETRY. */
enum verdict stream_step(struct exchange *x);
void stream_drained(struct exchange *x); /* the client's buffer has room: let the upstream go on */
/* The error event of the dialect, then the end of the body. Only after the stream has begun. */
void stream_error_event(struct exchange *x, const struct err *err);

#endif
