/*
 * anthropic_to_converse.h - Anthropic Messages request -> Converse request body. Pure; fuzzed.
 */
#ifndef WORKER_CONVERSE_ANTHROPIC_TO_CONVERSE_H
#define WORKER_CONVERSE_ANTHROPIC_TO_CONVERSE_H

#include "worker/converse/converse.h"
#include "worker/dialect/messages.h"

/* body_out: the Converse body. changes_out as in splice.h. INVALID names what this model or Bedrock
 * cannot do ("capability_rejected: image_block" ...). retold_out, set on success: relay.h. */
MUST_CHECK enum status anthropic_to_converse(const struct messages_request *r,
                                             const struct converse_options *o,
                                             struct converse_names *names, struct buf *body_out,
                                             struct buf *changes_out, bool *retold_out,
                                             struct err *err);

#endif
