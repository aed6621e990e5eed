/*
 * openai_to_converse.h - Chat Completions request -> Converse request body, for every model, Claude
 * included. Pure; fuzzed. No URL is ever fetched: data: URLs only.
 */
#ifndef WORKER_CONVERSE_OPENAI_TO_CONVERSE_H
#define WORKER_CONVERSE_OPENAI_TO_CONVERSE_H

#include "worker/openai/chat.h"
#include "worker/converse/converse.h"
#include "worker/plan/plan.h"

/* As anthropic_to_converse. */
MUST_CHECK enum status openai_to_converse(const struct chat_request *r, struct plan *plan,
                                          struct converse_names *names, struct buf *body_out,
                                          struct err *err);

#endif
