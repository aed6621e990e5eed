/*
 * count.h - POST /v1/messages/count_tokens: Bedrock's CountTokens where the account and model allow
 * it, else the count of Bedrock's other host (bedrock-mantle), which also has the models that exist only
 * behind profiles; else an estimate that says so (x-token-count: estimate). Worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html (base model
 * ids only; needs bedrock:CountTokens, which policies for InvokeModel alone lack)
 */
#ifndef WORKER_DOOR_COUNT_H
#define WORKER_DOOR_COUNT_H

#include "worker/turn/turn.h"

enum count_at { COUNT_NOWHERE, COUNT_RUNTIME, COUNT_MANTLE };

/* Who may be asked for this model: who is not known to refuse it (10 minutes' memory). has_mantle: there
 * is such a host. */
enum count_at count_where(struct exchange *x, bool has_mantle);
/* The converted body in attempt.body becomes the input of whom attempt.mantle says. false: out of memory,
 * or not to be read. */
bool count_wrap(struct exchange *x);
/* It refused (no permission, no such host, a model without counting): remembered for the model. */
void count_refused(struct exchange *x);
/* Answers with the estimate, or 501 where COUNT_TOKENS_FALLBACK says so. */
enum verdict count_estimate(struct exchange *x);

/* Answer {"inputTokens":N} or {"input_tokens":N} -> {"input_tokens":N}. */
extern const struct relay count_relay;

/* Tokens of a request as far as its text tells, rounded up: 4 bytes a token of Latin text, 1 a CJK
 * character, fixed amounts for images and documents, 5 % on top; more_tokens: of a text 30 % more. Pure. */
uint64_t count_guess(const struct messages_request *r, bool more_tokens);

/* The count has failed, outcome.err says why: will it every time? */
bool count_is_refused(const struct exchange *x);

#endif
