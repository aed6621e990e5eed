/*
 * top_lanes.h - the lanes of `top`: what each has had, and to how many models it is closed now; who waits
 * for a throttled model, and what has moved.
 */
#ifndef MASTER_CLI_TOP_LANES_H
#define MASTER_CLI_TOP_LANES_H

#include "server/config/config_lanes.h"
#include "server/json/json.h"
#include "shm/memory/segment.h"

/* Of lanes nothing without BEDROCK_LANES. */
void top_lanes_print(const struct segment *s, const struct config_lanes *lanes);
void top_lanes_json(const struct segment *s, const struct config_lanes *lanes, struct json_out *w);

#endif
