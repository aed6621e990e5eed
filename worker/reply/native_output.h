/*
 * native_output.h - an answer of Bedrock's own Responses on its way to a client of the same: each event as it
 * came, but for the model's name, what the request said of itself and was not sent (metadata, user), and
 * ids of calls that only count within one answer. Counts are read as they pass. The response's first events
 * wait until there is output: what fails before that can still be a status. Events come from sse.h. Pure; worker.
 */
#ifndef WORKER_REPLY_NATIVE_OUTPUT_H
#define WORKER_REPLY_NATIVE_OUTPUT_H

#include "worker/dialect/relay.h"
#include "worker/reply/responses_wants.h"

extern const struct relay native_output_relay;

/* echo: what the request has of the members that are not sent; must outlive the reply. NULL: no memory. */
struct reply *native_output_new(struct arena *arena, struct str client_model,
                                const struct responses_echo *echo);

/* The stream ends here, of which events have been told: response.failed with the items that are there, and
 * "error" in both of its forms (converse_to_responses.h). r is of native_output_new. */
void native_output_fail(struct reply *r, struct str code, struct str message, struct buf *out);

#endif
