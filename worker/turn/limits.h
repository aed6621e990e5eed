/*
 * limits.h - what a key may do beside its request rate: models, requests at the same time, tokens a
 * minute, dollars a month. Worker; shared words only, no store.
 *
 * Order of a request's admission: is the key valid (auth.c) - concurrency - budget - tokens -
 * request rate (auth.c), all before the body is parsed; then, with the model known, the allow-list,
 * and what it may cost (money.h).
 */
#ifndef WORKER_TURN_LIMITS_H
#define WORKER_TURN_LIMITS_H

#include "shm/catalogue/tier.h"
#include "worker/turn/turn.h"

/* The request goes to a model and is paid for: not a list, not count_tokens. */
bool limits_billed(const struct exchange *x);
/* The key's budget for this month is used up. A key that the store has switched off for that counts
 * as live again in a new month or with a larger budget; the store follows with its first usage. */
bool limits_over_budget(const struct exchange *x);
/* STATUS_BUDGET with text and the time to the next month. */
enum status limits_refuse_budget(struct err *err, const char *text);
#define LIMITS_USED_UP "the monthly budget of this API key is used up"

/* NEXT or FAIL. What it takes is given back by limits_leave. */
enum verdict limits_enter(struct exchange *x);
/* May the key use a model, by the name that its client says or by the Bedrock id behind it? */
bool limits_may_use(const struct exchange *x, struct str name, const struct models_choice *m);
/* The same of asked.model. NEXT or FAIL. */
enum verdict limits_admit(struct exchange *x);
/* Tokens and cost, once, at the end. */
void limits_settle(struct exchange *x, uint64_t tokens, uint64_t cost_micro);
void limits_leave(struct exchange *x);

/* anthropic-ratelimit-tokens-* and, for keys with a budget, -unified-* (clients.md 2.3). */
void limits_headers(struct exchange *x);

/* Tier of the request: the client's own, else the key's, else DEFAULT_SERVICE_TIER. */
enum tier limits_tier(const struct exchange *x);
/* Bedrock's word for it; empty for the default tier. */
struct str limits_tier_word(enum tier tier);

#endif
