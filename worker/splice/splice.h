/*
 * splice.h - Anthropic Messages <-> Bedrock InvokeModel by byte splice.
 *
 * Request: the client's bytes with some spans cut out and a few inserted: `model` and `stream` go,
 * what the model refuses goes (or is translated), `anthropic_version` and `anthropic_beta` come.
 * Every other byte is the client's. Reply: the event's base64 is unwrapped and forwarded,
 * `amazon-bedrock-...` members cut out, the client's model name put back. Pure: bytes in,
 * bytes out; fuzzed.
 * Source: docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 */
#ifndef WORKER_SPLICE_SPLICE_H
#define WORKER_SPLICE_SPLICE_H

#include "server/base/buf.h"
#include "worker/dialect/messages.h"
#include "worker/dialect/relay.h"
#include "worker/plan/plan.h"
#include "worker/splice/splice_order.h"
#include "worker/splice/splice_stop.h"
#include "worker/splice/splice_usage.h"

/*
 * body_out: the InvokeModel body. The plan is of this request and of InvokeModel; what is dropped
 * or mapped in messages and tools is added to its notes, e.g.
 *     drop:context_management,map:system_role,drop:beta:claude-code-20250219
 * INVALID: what cannot be done on Bedrock (server tools), or was lost with STRICT_FIELDS, named.
 */
MUST_CHECK enum status splice_request(const struct messages_request *r, struct plan *plan,
                                      struct buf *body_out, struct err *err);

/* Members that are Bedrock's, not Claude's. In an answer (invocationMetrics, guardrailAction, trace) they have ARNs,
 * and words, which are the operator's; in a request they would say what its guardrail looks at. */
#define SPLICE_AWS_OWN "amazon-bedrock-"
bool splice_is_aws_own(void *scan, scan_ref key, scan_ref value); /* for edits_filter */

/* How an InvokeModel answer goes back. */
struct splice_reply {
    struct reply reply; /* first: relay.h */
    struct splice_order order;
    struct splice_counts first; /* of message_start */
    struct splice_stop stop;
};
extern const struct relay splice_relay;
struct reply *splice_reply_new(struct arena *arena, struct str client_model); /* NULL: no memory */
void splice_reply_init(struct splice_reply *r, struct str client_model);

/* One "chunk" frame's payload {"bytes":"<base64>","p":"..."}: appends
 *     event: <type>\ndata: <json>\n\n
 * to out (nothing for JSON without a type, and nothing behind message_stop). UPSTREAM when it is no
 * such object, or an event that may not stand here; nothing is appended then. Decodes straight into
 * out. r is a struct splice_reply's. */
MUST_CHECK enum status splice_event(struct reply *r, struct str payload, struct buf *out,
                                    struct err *err);
/* A whole InvokeModel answer: out gets it with the model name put back and all that is AWS's own gone;
 * usage and stop_reason are read. UPSTREAM when it is no Anthropic message (HTML, cut, another
 * object). */
MUST_CHECK enum status splice_answer(struct reply *r, struct arena *arena, struct str body,
                                     struct buf *out, struct err *err);

#endif
