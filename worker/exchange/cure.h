/*
 * cure.h - a refusal that the request need not die of: what Bedrock said no to is left out, once a
 * request, and an answer without it proves that the refusal was about that. Only what is about the
 * model is then remembered, for ten minutes (shm/memory/learned.h). Worker.
 *
 *   bedrock_error  cure_note   what the sentence is about (worker/model/cures.h)
 *   bedrock_retry  cure_try    sends once more, whatever retries there were (attempt_granted)
 *   convert        cure_still  ... unless the body would be the same
 *   stream         cure_prove  the first byte of an answer
 *
 * Never with STRICT_FIELDS, nor for count_tokens, which has an estimate, nor where the body passes as it is.
 */
#ifndef WORKER_EXCHANGE_CURE_H
#define WORKER_EXCHANGE_CURE_H

#include "worker/turn/turn.h"

/* May this request do without anything? */
bool cure_allowed(const struct exchange *x);
/* AWS's whole sentence of a 400, before anything was forwarded. */
void cure_note(struct exchange *x, struct str sentence);
/* True: another attempt is to be made, from CONVERT on. */
bool cure_try(struct exchange *x);
/* The body of the new attempt is there. True: nothing was left out of it, so that the refusal stands;
 * outcome.err is it. */
bool cure_still(struct exchange *x);
/* Bedrock answers. */
void cure_prove(struct exchange *x);

#endif
