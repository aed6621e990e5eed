/*
 * lane_metrics.h - of each lane what it has had and how it is, for /metrics and `top`. Nothing
 * without BEDROCK_LANES. Any process.
 */
#ifndef WORKER_DOOR_LANE_METRICS_H
#define WORKER_DOOR_LANE_METRICS_H

#include "server/config/config_lanes.h"
#include "server/base/buf.h"
#include "shm/memory/segment_layout.h"
#include "worker/door/metrics_family.h"

bool lane_metrics_family(size_t i, struct metrics_family *out); /* false behind the last */
void lane_metrics_put(const struct segment *s, const struct config_lanes *lanes, struct buf *out);

#endif
