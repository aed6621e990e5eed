/*
 * native_chat.h - a Chat Completions request for Bedrock's own Chat Completions, which some models have
 * (the word native_chat of the table of models). It passes as it is, but for the model's id, what the
 * model is known to refuse, and the counts that a stream has to tell. What is not known to be taken there
 * does not fit, and goes by Converse. Pure; worker.
 * Source: litellm 1.110.2, llms/bedrock (tried against the service on 9 Oct 2026)
 */
#ifndef WORKER_OPENAI_NATIVE_CHAT_H
#define WORKER_OPENAI_NATIVE_CHAT_H

#include "server/base/buf.h"
#include "worker/model/models.h"
#include "worker/openai/chat.h"

/* The request can go there, with this id. */
bool native_chat_fits(const struct chat_request *r, const struct models_choice *model);
/* The body, of one that fits. Notes of what is left out. TOO_LARGE, INTERNAL. */
MUST_CHECK enum status native_chat_write(const struct chat_request *r,
                                         const struct models_choice *model, struct buf *out,
                                         struct buf *changes, struct err *err);

#endif
