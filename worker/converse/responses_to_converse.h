/*
 * responses_to_converse.h - Responses request -> Converse request body, for every model, Claude
 * included. Pure; fuzzed. No URL is ever fetched: data: URLs only.
 *
 * Calls reach Bedrock with the client's bytes of their arguments. Sealed thoughts are opened and go
 * back as the block that they were; what is forged, or of another model, is dropped and noted.
 */
#ifndef WORKER_CONVERSE_RESPONSES_TO_CONVERSE_H
#define WORKER_CONVERSE_RESPONSES_TO_CONVERSE_H

#include "server/base/seal.h"
#include "worker/converse/converse.h"
#include "worker/openai/responses.h"
#include "worker/plan/plan.h"

/* As openai_to_converse. sealer: bound to the model of the plan; NULL: nothing can be opened. */
MUST_CHECK enum status responses_to_converse(const struct responses_request *r, struct plan *plan,
                                             struct converse_names *names,
                                             const struct sealer *sealer, struct buf *body_out,
                                             struct err *err);

#endif
