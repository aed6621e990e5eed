/*
 * retries.h - how often Bedrock may be asked once more: a bucket. Each request earns a tenth of a
 * retry, and what is saved up has a ceiling, so that an outage after a good week costs no more than
 * one after a good minute. Two a process (lane.h); pure arithmetic. Worker.
 */
#ifndef WORKER_MOVES_RETRIES_H
#define WORKER_MOVES_RETRIES_H

#include <stdbool.h>
#include <stdint.h>

#define RETRIES_SAVED 50u /* at most, all workers of the gateway together */

struct retries {
    uint32_t tenths, most; /* in tenths of a retry */
};

void retries_init(struct retries *r, uint32_t workers); /* full: a fresh worker may try again */
void retries_earn(struct retries *r); /* for a request, not for its second attempt */
bool retries_take(struct retries *r); /* false: none left */

#endif
