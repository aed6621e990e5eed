/*
 * reach.h - which lanes a waiting request may be sent on, kept while its attempt is gone: one with thoughts
 * stays in its account, one with a guardrail at home. Worker.
 */
#ifndef WORKER_MOVES_REACH_H
#define WORKER_MOVES_REACH_H

#include "worker/turn/turn.h"

/* Of asked.model, after its lane was looked for. All zeroes without BEDROCK_LANES. */
void reach_keep(const struct exchange *x, struct reach *out);
/* Its own lanes are all closed, and another request for the model has one: nobody need wait for it. */
bool reach_is_shut(const struct worker *w, const struct reach *r, uint64_t now_ms);

#endif
