/*
 * native_reply.h - an answer of Bedrock's own Chat Completions on its way to a client of the same: as it
 * came, but for the model's name, tool calls whose ids only count within one answer ("call_0" in every
 * turn), the counts where the client has not asked for them, and of gpt-oss the thoughts in its text. Events come from sse.h. Pure; worker.
 */
#ifndef WORKER_REPLY_NATIVE_REPLY_H
#define WORKER_REPLY_NATIVE_REPLY_H

#include "worker/dialect/relay.h"

extern const struct relay native_chat_relay;

/* tags: thoughts stand in tags (native_tags.h). NULL: no memory. */
struct reply *native_chat_new(struct arena *arena, struct str client_model, bool wants_usage,
                              bool tags);

#endif
