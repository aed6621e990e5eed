/*
 * convert.h - the step CONVERT: the client's body becomes the one that is sent, by splice or by
 * Converse, and the way back is chosen with it. Worker.
 */
#ifndef WORKER_EXCHANGE_CONVERT_H
#define WORKER_EXCHANGE_CONVERT_H

#include "worker/turn/turn.h"

/* Fills attempt.body, relay, reply, changes and tier. A second attempt with another body begins
 * here, and nothing of the first one stays. */
enum verdict convert_step(struct exchange *x);

#endif
