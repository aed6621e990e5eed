/*
 * usage.h - the tokens of one exchange, as Bedrock reports them, and its record in the journal:
 * opened at admission, closed at the end, whatever the end is. Worker.
 *
 * Counts are tokens; input excludes cache reads and writes (as in Anthropic's API).
 */
#ifndef WORKER_TURN_USAGE_H
#define WORKER_TURN_USAGE_H

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

struct exchange;

/* The request goes to Bedrock from here on. false: the journal is full. */
bool usage_begin(struct exchange *x);
/* What is known by now goes into the record: it is what counts if this process is killed. */
void usage_progress(struct exchange *x);
/* Tokens and cost to the record, the key's limits, the counters; x->usage and x->cost_micro for the
 * log. Once; does nothing when usage_begin was not called. */
void usage_end(struct exchange *x);

#endif
