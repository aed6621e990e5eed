/*
 * usage.h - what one exchange has used, and its record in the journal: opened at admission, closed
 * at the end, whatever the end is. Worker.
 */
#ifndef WORKER_TURN_USAGE_H
#define WORKER_TURN_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "worker/dialect/usage_record.h"

struct exchange;

/* The request goes to Bedrock from here on. false: the journal is full. */
bool usage_begin(struct exchange *x);
/* Another model is to answer, or another region, at another price; what the one before has used is kept
 * (usage_keep). */
void usage_move(struct exchange *x);
/* The attempt ends in nothing, and another one follows: what Bedrock has told of its tokens is paid for, in a
 * row of its own. Before attempt_drop and usage_move. */
void usage_keep(struct exchange *x);
/* Tokens of a text of so many bytes that nobody has counted. */
uint64_t usage_guess(size_t bytes);
/* What is known by now goes into the record: it is what counts if this process is killed. */
void usage_progress(struct exchange *x);
/* Tokens and cost to the record, the key's limits, the counters; usage and cost_micro of the outcome
 * for the log. Once; does nothing when usage_begin was not called. */
void usage_end(struct exchange *x);

#endif
