/*
 * passed_reply.h - an answer of Bedrock's that goes on to its client as it came: read only for what is
 * billed and logged. Of InvokeModel's events nearly all are passed over by their first bytes. Pure;
 * worker.
 *
 * What cannot be read is no reason to refuse it: the client may know better. But a stream that ended
 * without its last event was cut, and end says so.
 */
#ifndef WORKER_REPLY_PASSED_REPLY_H
#define WORKER_REPLY_PASSED_REPLY_H

#include "worker/dialect/relay.h"

struct passed_reply { /* begins as all of them */
    struct reply reply;
    struct usage head; /* X-Amzn-Bedrock-*-Token-Count: of models whose body tells none */
};

extern const struct relay passed_invoke_relay, passed_converse_relay, passed_count_relay;

/* NULL: no memory. */
struct reply *passed_reply_new(struct arena *arena, struct str client_model);
/* A header of the answer, in any case of letters. */
void passed_reply_header(struct reply *r, struct str name, struct str value);

#endif
