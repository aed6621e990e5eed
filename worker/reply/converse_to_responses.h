/*
 * converse_to_responses.h - Converse answer or ConverseStream events -> a response object or the events
 * of /v1/responses. Pure; fuzzed.
 *
 * Events come in the order that the strictest client asks for: created, in_progress, then one item
 * after the other (added, its parts, deltas, done), then completed, incomplete or failed; each has a
 * sequence_number, each item one id and one output_index. The last event has the whole output again,
 * so the output is kept (at most RESPONSES_REPLY_MAX bytes of it).
 */
#ifndef WORKER_REPLY_CONVERSE_TO_RESPONSES_H
#define WORKER_REPLY_CONVERSE_TO_RESPONSES_H

#include "server/json/scan.h"
#include "worker/converse/converse.h"
#include "worker/dialect/relay.h"
#include "worker/reply/responses_wants.h"

extern const struct relay converse_to_responses_relay;

/* The members of the request that s is of, which has been found good. A null says nothing. */
struct responses_echo converse_to_responses_echo(const struct scan *s);

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
