/*
 * count.h - POST /v1/messages/count_tokens: Bedrock's CountTokens where the account and model allow
 * it, else an estimate that says so (x-token-count: estimate). Worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html (base model
 * ids only; needs bedrock:CountTokens, which policies for InvokeModel alone lack)
 */
#ifndef WORKER_DOOR_COUNT_H
#define WORKER_DOOR_COUNT_H

#include "worker/turn/turn.h"

/* True when CountTokens may be asked for this model: not known to be refused (10
 * minutes' memory). */
bool count_may_ask(struct exchange *x);
/* The converted body in attempt.body becomes CountTokens' input. false: out of memory. */
bool count_wrap(struct exchange *x);
/* Bedrock refused (no permission, model without CountTokens): remembered for the model. */
void count_refused(struct exchange *x);
/* Answers with the estimate, or 501 where COUNT_TOKENS_FALLBACK says so. */
enum verdict count_estimate(struct exchange *x);

/* Answer {"inputTokens":N} -> {"input_tokens":N}. */
extern const struct relay count_relay;

/* Tokens of a request as far as its text tells, rounded up: 4 bytes a token of Latin text, 1 a CJK
 * character, fixed amounts for images and documents, 5 % on top. Pure. */
uint64_t count_guess(const struct messages_request *r);

#endif
