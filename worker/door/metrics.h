/*
 * metrics.h - GET /metrics: the shared counters and a few gauges as Prometheus text. Worker; no key
 * material in it.
 */
#ifndef WORKER_DOOR_METRICS_H
#define WORKER_DOOR_METRICS_H

#include "worker/door/metrics_family.h"
#include "worker/turn/turn.h"

struct config_lanes;

/* Every family there is, in the order of the text; false behind the last. Any process. */
bool metrics_family(size_t i, struct metrics_family *out);

enum verdict metrics_answer(struct exchange *x);
/* The text itself. */
void metrics_print(const struct segment *s, const struct config_lanes *lanes, int64_t now_real_ms,
                   struct buf *out);

void metrics_count(const struct exchange *x); /* once, at the end of the exchange */

#endif
