/*
 * refusal.h - requests that the gateway itself says no to: by which reason they are counted, and
 * the answer to those that never became an exchange. Worker.
 */
#ifndef WORKER_EXCHANGE_REFUSAL_H
#define WORKER_EXCHANGE_REFUSAL_H

#include "worker/turn/turn.h"

/* At the end of the exchange: counts it in refusals_total if it is a refusal. Reasons that outcome.err
 * does not tell apart are set in outcome.refused where the request is refused. */
void refusal_count(const struct exchange *x);
/* Answers, counts and logs a request that the HTTP rules stopped, or that there was no memory for:
 * without any of its own. r may have no path. */
void refusal_answer(struct worker *w, struct http_conn *c, const struct http_request *r,
                    const struct err *err);

#endif
