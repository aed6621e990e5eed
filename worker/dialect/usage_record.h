/*
 * usage_record.h - the tokens of one answer, as Bedrock reports them. The relays fill it, usage.h
 * charges it. Worker; plain figures.
 *
 * Counts are tokens; input excludes cache reads and writes (as in Anthropic's API).
 */
#ifndef WORKER_DIALECT_USAGE_RECORD_H
#define WORKER_DIALECT_USAGE_RECORD_H

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

#endif
