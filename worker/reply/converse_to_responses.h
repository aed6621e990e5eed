/*
 * converse_to_responses.h - Converse answer or ConverseStream events -> a response object or the events
 * of /v1/responses. Pure; fuzzed.
 *
 * Events come in the order that the strictest client asks for: created, in_progress, then one item
 * after the other (added, its parts, deltas, done), then completed, incomplete or failed; each has a
 * sequence_number, each item one id and one output_index. The last event has the whole output again,
 * so the output is kept (at most CONVERSE_TO_RESPONSES_MAX bytes of it).
 */
#ifndef WORKER_REPLY_CONVERSE_TO_RESPONSES_H
#define WORKER_REPLY_CONVERSE_TO_RESPONSES_H

#include "server/base/seal.h"
#include "server/json/scan.h"
#include "worker/converse/converse.h"
#include "worker/dialect/relay.h"

/* Of a stream. What is larger ends in response.failed: real answers have a tenth of it. */
#define CONVERSE_TO_RESPONSES_MAX ((size_t)8 << 20)

extern const struct relay converse_to_responses_relay;

/* What the response object repeats of the request: JSON values as the client wrote them; p NULL: it
 * said nothing. They must outlive the reply. */
#define CONVERSE_TO_RESPONSES_ECHOES(X)                \
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
#define CONVERSE_TO_RESPONSES_MEMBER(name, absent) struct str name;
    CONVERSE_TO_RESPONSES_ECHOES(CONVERSE_TO_RESPONSES_MEMBER)
#undef CONVERSE_TO_RESPONSES_MEMBER
};

/* The members of the request that s is of, which has been found good. A null says nothing. */
struct responses_echo converse_to_responses_echo(const struct scan *s);

struct responses_wants { /* what the request says of the shape of its answer */
    int64_t created_s;   /* unix time */
    struct responses_echo echo;
    bool shows_summary;          /* thinking is shown as the summary of a reasoning item */
    bool wants_encrypted;        /* reasoning items have encrypted_content */
    const struct sealer *sealer; /* NULL: there is no key, so they have none */
};

/* id: "resp_...". names knows which calls are those of custom tools, of a namespace, tool_search and
 * local_shell. What is sealed is the whole content block, as Converse takes it:
 * {"reasoningContent":{...}}. */
struct reply *converse_to_responses_new(struct arena *arena, struct str client_model, struct str id,
                                        const struct responses_wants *wants,
                                        const struct converse_names *names);

/* The stream ends here, for whatever reason: response.failed with what is there of the answer, and
 * "error" in both of its forms, because no client knows both events. r is of
 * converse_to_responses_new. code: "server_error", "rate_limit_exceeded", ...; message: plain text. */
void converse_to_responses_fail(struct reply *r, struct str code, struct str message,
                                struct buf *out);

#endif
