/*
 * lane.h - on which lane a request goes to Bedrock (BEDROCK_LANES), and when it goes on to another.
 *
 * Home, or the lane to which its conversation had to move, as long as the prompt cache there lives;
 * else the first that is not closed (shm/memory/lanes.h). It leaves a lane for a reason that another
 * can cure, before the client has anything of an answer, and out of the bucket of all retries. Where
 * all are closed, the one that opens first is asked. With thoughts in it, it goes to the account that
 * wrote them (thinker.h). That a model is not to be had on a lane is told to others when another lane has
 * answered the same request (blame.h). Without BEDROCK_LANES all of this is nothing. Worker.
 */
#ifndef WORKER_MOVES_LANE_H
#define WORKER_MOVES_LANE_H

#include "server/aws/endpoint.h"
#include "worker/moves/retries.h"
#include "worker/turn/turn.h"

/* State SEND, attempt.body is there: decides attempt.lane.now, unless that is decided. */
void lane_pick(struct exchange *x);
void lane_sent(struct exchange *x); /* for the count */
/* Something of the answer was good: the lane is, and the conversation stays with it; those that would
 * not have the same request are told to all. */
void lane_good(struct exchange *x);
/* outcome.err, the transfer's refusal and complaint are filled: remembers what of it is the lane's.
 * True: attempt.lane.now is another one, to be asked after attempt.pause_ms. Moves for what has to be
 * proved come out of proofs: who asks for what nobody has takes none from those that are throttled. Where
 * it was proved they are free. */
bool lane_refused(struct exchange *x, struct retries *retries, struct retries *proofs);
/* Another model, or another turn after a wait: all lanes are looked at again. */
void lane_anew(struct exchange *x);
/* The request ends, whatever became of it. */
void lane_end(struct exchange *x);

/* All lanes that may be asked for the model are closed for it. *until_ms_out: monotonic, when the
 * first may be tried. For whoever would rather wait than ask. False without BEDROCK_LANES. */
bool lane_all_closed(struct exchange *x, uint64_t *until_ms_out);
/* For the log: "us-east-1"; empty without BEDROCK_LANES, or where none was asked. */
struct str lane_name(const struct exchange *x);

#endif
