/*
 * converse_to_openai.h - Converse answer or ConverseStream events -> chat.completion or its chunks.
 * Pure; fuzzed.
 */
#ifndef WORKER_CONVERSE_CONVERSE_TO_OPENAI_H
#define WORKER_CONVERSE_CONVERSE_TO_OPENAI_H

#include "worker/converse/converse.h"
#include "worker/dialect/relay.h"

extern const struct relay converse_to_openai_relay;

struct openai_wants {  /* what the request says of the shape of its answer */
    int64_t created_s; /* unix time */
    bool include_usage;
    bool legacy; /* it has "functions": a call is a function_call, and there is only one */
};

/* completion_id: "chatcmpl-...". Thinking is shown as reasoning_content: a client that does not know
 * the member passes over it. Calls of the custom tools that names knows are custom calls. */
struct reply *converse_to_openai_new(struct arena *arena, struct str client_model,
                                     struct str completion_id, struct openai_wants wants,
                                     const struct converse_names *names);

#endif
