/*
 * thinker.h - which AWS account has written the thoughts in a request: those of Claude, signed or sealed,
 * and what Converse and Responses call them. No other account can read them, so a request that has some
 * goes to its account and to no other. Told by the thought itself (shm/memory/thoughts.h), whatever
 * conversation it stands in: what home's account has not written is kept before its client has it.
 *
 * What was forgotten (a full table, a restart) counts as home's. Bedrock leaves out there what it cannot
 * read, or refuses it, and then it is asked to leave it out (thinking.block_binding, exchange/cure.h).
 * With lanes of one account alone all of this is nothing. Worker.
 */
#ifndef WORKER_MOVES_THINKER_H
#define WORKER_MOVES_THINKER_H

#include "worker/turn/turn.h"

uint64_t thinker_account(const struct config_lane *lane); /* as thoughts.h has it */

/* attempt.body is there. A text that only speaks of thoughts counts as one. */
bool thinker_is_bound(struct exchange *x);
/* The account of the last thought in it that is known; false: none is, so they are home's.
 * *mark_out: of that thought, for thinker_use. */
bool thinker_find(struct exchange *x, uint64_t *account_out, uint64_t *mark_out);
void thinker_use(struct exchange *x, uint64_t mark, uint64_t account); /* it is not old */

/* Before its client has it: an event (or the frame of one) of a stream, a whole answer. */
void thinker_note_event(const struct exchange *x, struct str payload);
void thinker_note_whole(const struct exchange *x, struct str body);

#endif
