/*
 * blame.h - what a refusal of Bedrock's says of the lane that it came from. A throttle and an outage are
 * news of a lane at once; that it has no access to a model, or does not have it, one request may have
 * brought about by itself: that is believed when another lane has answered the same. Worker; pure.
 */
#ifndef WORKER_MOVES_BLAME_H
#define WORKER_MOVES_BLAME_H

#include "shm/memory/lanes.h"
#include "worker/turn/turn.h"

/* outcome.err, the transfer's refusal and complaint are filled. LANES_FINE: nothing that another lane
 * could cure. */
enum lanes_why blame_why(const struct exchange *x);
/* Does it close the lane for others only when another has answered the same request? */
bool blame_needs_proof(enum lanes_why why);
uint64_t blame_retry_ms(const struct exchange *x); /* Bedrock's Retry-After; 0: none */
/* It may have been paid for, so no other lane is asked. */
bool blame_may_be_billed(const struct exchange *x);

#endif
