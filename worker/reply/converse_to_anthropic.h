/*
 * converse_to_anthropic.h - Converse answer or ConverseStream events -> Anthropic message or SSE
 * events. Pure; fuzzed. Text blocks have no contentBlockStart in Converse: it is synthesised;
 * message_delta waits for `metadata`, which brings the usage after messageStop.
 */
#ifndef WORKER_CONVERSE_CONVERSE_TO_ANTHROPIC_H
#define WORKER_CONVERSE_CONVERSE_TO_ANTHROPIC_H

#include "worker/converse/converse.h"
#include "worker/dialect/relay.h"

extern const struct relay converse_to_anthropic_relay;

/* State of one answer, in the arena. message_id: "msg_..." made by the caller. */
struct reply *converse_to_anthropic_new(struct arena *arena, struct str client_model,
                                        struct str message_id, const struct converse_names *names);

#endif
