/*
 * usage.h - the tokens of one exchange, as Bedrock reports them, and what is done with them at its
 * end. Worker. Counts are tokens; input excludes cache reads and writes (as in Anthropic's API).
 */
#ifndef WORKER_USAGE_H
#define WORKER_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t input;
    uint64_t output;
    uint64_t cache_read;
    uint64_t cache_write;    /* 5-minute and 1-hour writes together */
    uint64_t cache_write_1h; /* of those, 1-hour */
    bool seen;               /* Bedrock reported something */
};

void usage_count(const struct usage *u); /* adds to the shared counters */

#endif
