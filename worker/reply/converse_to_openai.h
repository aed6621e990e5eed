/*
 * converse_to_openai.h - Converse answer or ConverseStream events -> chat.completion or its chunks.
 * Pure; fuzzed.
 */
#ifndef WORKER_CONVERSE_CONVERSE_TO_OPENAI_H
#define WORKER_CONVERSE_CONVERSE_TO_OPENAI_H

#include "worker/converse/converse.h"
#include "worker/dialect/relay.h"

extern const struct relay converse_to_openai_relay;

/* completion_id: "chatcmpl-..."; created_s: unix time. Thinking is shown as reasoning_content:
 * a client that does not know the member passes over it. */
struct reply *converse_to_openai_new(struct arena *arena, struct str client_model,
                                     struct str completion_id, int64_t created_s,
                                     bool include_usage, const struct converse_names *names);

#endif
