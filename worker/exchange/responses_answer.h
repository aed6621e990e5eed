/*
 * responses_answer.h - what the exchange adds to an answer of /v1/responses: who writes it, and the
 * words in which a stream that has begun says why it ends. Worker.
 */
#ifndef WORKER_EXCHANGE_RESPONSES_ANSWER_H
#define WORKER_EXCHANGE_RESPONSES_ANSWER_H

#include "server/base/seal.h"
#include "worker/converse/converse.h"
#include "worker/turn/turn.h"

/* What opens and seals thoughts of the model that is asked; NULL: there is no key, or no memory. Gone
 * with the exchange's arena. */
const struct sealer *responses_answer_sealer(struct exchange *x);
/* The writer, with a new id; NULL: no memory. names may be NULL: no call will be written. */
struct reply *responses_answer_new(struct exchange *x, const struct converse_names *names);
/* What the stream ends with: response.failed and its like; nothing where there is no memory. */
void responses_answer_fail(struct exchange *x, const struct err *err, struct buf *out);

#endif
