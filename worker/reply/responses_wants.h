/*
 * responses_wants.h - what a request to /v1/responses says of the shape of its answer. Pure; worker.
 */
#ifndef WORKER_REPLY_RESPONSES_WANTS_H
#define WORKER_REPLY_RESPONSES_WANTS_H

#include "server/base/seal.h"

/* What the response object repeats of the request: JSON values as the client wrote them; p NULL: it
 * said nothing. They must outlive the reply. */
#define RESPONSES_WANTS_ECHOES(X)                      \
    X(instructions, "null")                            \
    X(max_output_tokens, "null")                       \
    X(metadata, "{}")                                  \
    X(parallel_tool_calls, "true")                     \
    X(prompt_cache_key, "null")                        \
    X(reasoning, "{\"effort\":null,\"summary\":null}") \
    X(safety_identifier, "null")                       \
    X(temperature, "null")                             \
    X(text, "{\"format\":{\"type\":\"text\"}}")        \
    X(tool_choice, "\"auto\"")                         \
    X(tools, "[]")                                     \
    X(top_p, "null")                                   \
    X(truncation, "\"disabled\"")                      \
    X(user, "null")

struct responses_echo {
#define RESPONSES_WANTS_MEMBER(name, absent) struct str name;
    RESPONSES_WANTS_ECHOES(RESPONSES_WANTS_MEMBER)
#undef RESPONSES_WANTS_MEMBER
};

struct responses_wants { /* what the request says of the shape of its answer */
    int64_t created_s;   /* unix time */
    struct responses_echo echo;
    bool shows_summary;          /* thinking is shown as the summary of a reasoning item */
    bool wants_encrypted;        /* reasoning items have encrypted_content */
    const struct sealer *sealer; /* NULL: there is no key, so they have none */
};

#endif
