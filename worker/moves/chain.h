/*
 * chain.h - a name that stands for several models, one after the other (models_follow): the next one
 * answers where the one before will not, as long as nothing of an answer was forwarded.
 *
 *   left for: throttled or overloaded past its attempts, on each way to it; no access, not there;
 *             500 and above. And, once another model was left, whatever this one cannot take.
 *
 * To the client it stays the one model that it named. What ran is told by x-converter-model, the log,
 * the usage row, the price and what is set aside of a budget; the allow-list of the key is asked of
 * each. Not for count_tokens. On Bedrock's own routes, whose bodies pass as they are: all links of
 * Converse, those of the same vendor of InvokeModel. Worker.
 */
#ifndef WORKER_MOVES_CHAIN_H
#define WORKER_MOVES_CHAIN_H

#include "worker/turn/turn.h"

/* READ: AWS is asked at once what is behind the ARNs of a chain: it shall be known when one is needed. */
void chain_ask(struct exchange *x);
/* ADMIT: asked.model becomes the first one that the key may use, if there is one. */
void chain_begin(struct exchange *x);
/* A step has failed, outcome.err says why. True: asked.model is the next one, and what was made for the
 * one before is dropped: on from CONVERT. */
bool chain_try(struct exchange *x);
/* SEND: the same, where it is known that no lane has an answer. */
bool chain_passes_over(struct exchange *x);
/* Its turn at this one has come: asked.model is it again. False: as it was, outcome.err says why. */
bool chain_back(struct exchange *x, const struct models_choice *to);
/* No model is left: outcome.err becomes what the client is best told. */
void chain_end(struct exchange *x);

#endif
