/*
 * anthropic_to_converse.h - Anthropic Messages request -> Converse request body. Pure; fuzzed.
 */
#ifndef WORKER_CONVERSE_ANTHROPIC_TO_CONVERSE_H
#define WORKER_CONVERSE_ANTHROPIC_TO_CONVERSE_H

#include "worker/converse/converse.h"
#include "worker/dialect/messages.h"
#include "worker/plan/plan.h"

/* body_out: the Converse body. The plan is of this request and of Converse; what is dropped or
 * mapped in messages and tools is added to its notes. INVALID names what this model or Bedrock
 * cannot do (plan_refuse_media ...). */
MUST_CHECK enum status anthropic_to_converse(const struct messages_request *r, struct plan *plan,
                                             struct converse_names *names, struct buf *body_out,
                                             struct err *err);

#endif
