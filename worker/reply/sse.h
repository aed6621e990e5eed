/*
 * sse.h - server-sent events, read in any split: what Bedrock's native endpoints stream. Handed out in
 * the form of a frame (eventstream.h): type is the event's name, payload its data. Comments and empty
 * events are passed over. Pure; worker.
 * Source: html.spec.whatwg.org, 9.2.6 "Interpreting an event stream" (but for CR alone as the end of a line)
 */
#ifndef WORKER_REPLY_SSE_H
#define WORKER_REPLY_SSE_H

#include "server/aws/eventstream.h"

struct sse { /* zero is empty: nothing to free */
    struct buf held;
    size_t looked; /* bytes of held without the end of an event */
    size_t due;    /* bytes of held that the next call drops */
};

void sse_init(struct sse *s, size_t event_max);
void sse_free(struct sse *s);
/* Takes all of *input; call until EVENTSTREAM_MORE. Spans are valid until the next call. BAD: an event
 * is larger than event_max, or memory is out; err says which. */
enum eventstream_next sse_next(struct sse *s, struct str *input,
                               struct eventstream_frame *frame_out, struct err *err);
bool sse_partial(const struct sse *s); /* the body ended inside an event */

#endif
