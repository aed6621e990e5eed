/*
 * metrics.h - GET /metrics: the shared counters and a few gauges as Prometheus text. Worker; no key
 * material in it.
 */
#ifndef WORKER_DOOR_METRICS_H
#define WORKER_DOOR_METRICS_H

#include "worker/exchange/exchange.h"

enum verdict metrics_answer(struct exchange *x);
/* The text itself. */
void metrics_print(const struct segment *s, int64_t now_real_ms, struct buf *out);

void metrics_count(const struct exchange *x); /* once, at the end of the exchange */

#endif
