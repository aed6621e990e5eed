/*
 * money.h - what a request may cost: which price it has, what becomes of a model that has none, and
 * the money that a key of budget_mode reserve sets aside for it. Worker; shared words only.
 *
 * Nothing unknown is free: UNPRICED says whether a key with a budget may use a model without a
 * price at all. Nobody is refused for a limit that we chose: a request that names no maximum of
 * output gets the one that the rest of the budget pays for (outcome.output_most).
 */
#ifndef WORKER_TURN_MONEY_H
#define WORKER_TURN_MONEY_H

#include "worker/turn/turn.h"

/* With asked.model, which the key may use: fills outcome.tariff; NEXT or FAIL. */
enum verdict money_admit(struct exchange *x);
/* Another model is to answer: what was set aside for the one before becomes what this one may cost, at no
 * moment less than both need. False: the key has not the money, or may not use what has no price; what the
 * one before has stays as it was, and outcome.err says why. */
bool money_remake(struct exchange *x);
/* An attempt that came to nothing has cost so much, and that was spent: it is no longer set aside. */
void money_pay(struct exchange *x, uint64_t micro);
/* Before the next attempt: what it may cost is set aside in full again. False, as money_remake: there is less. */
bool money_goes_on(struct exchange *x);
/* attempt.lane.now is decided: where its region has other prices than the one before, outcome.tariff is
 * filled anew. What is set aside pays for the dearest lane. */
bool money_moves(struct exchange *x);
/* The price of the model that a prompt router chose (reply.served), but for a price of the router's own:
 * fills outcome.tariff anew, and says so in followed. Before the bill. */
void money_follow(struct exchange *x);
/* Tokens: what the request asks for, or the model can; more than any can where nobody knows. */
uint64_t money_most_output(const struct exchange *x);
/* Reads UNPRICED; INVALID says what it may be. */
MUST_CHECK enum status money_init(const struct config *c, struct err *err);

#endif
