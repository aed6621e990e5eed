/*
 * eventstream.h - application/vnd.amazon.eventstream, decoded incrementally, both checksums
 * verified. Source: smithy.io/2.0/aws/amazon-eventstream.html. Pure; worker.
 *
 * Bytes arrive in any split. A frame is handed out only when its message CRC holds, so no byte of a
 * bad frame is ever forwarded. After an error the stream is lost: every later call gives the same
 * error.
 */
#ifndef SERVER_AWS_EVENTSTREAM_H
#define SERVER_AWS_EVENTSTREAM_H

#include "server/base/buf.h"
#include "server/base/err.h"

enum eventstream_kind { EVENTSTREAM_EVENT, EVENTSTREAM_EXCEPTION, EVENTSTREAM_ERROR };

struct eventstream_frame { /* spans into the input or the decoder, valid until the next call */
    enum eventstream_kind kind;
    struct str type;    /* :event-type, :exception-type or :error-code */
    struct str message; /* :error-message, else empty */
    struct str payload;
    struct str raw; /* all of its bytes, as they came */
};

struct eventstream {
    struct buf held; /* an incomplete frame */
    size_t frame_max;
    size_t due; /* bytes of the frame in held that the next call drops */
    bool lost;
    struct err why;
};

void eventstream_init(struct eventstream *es, size_t frame_max);
void eventstream_free(struct eventstream *es);

enum eventstream_next { EVENTSTREAM_MORE, EVENTSTREAM_FRAME, EVENTSTREAM_BAD };
/*
 * Takes bytes off *input; call until EVENTSTREAM_MORE. A frame that lies whole in *input is decoded
 * in place (no copy). EVENTSTREAM_BAD: err is UPSTREAM (INTERNAL when memory is out), counted by
 * the caller. A frame without :message-type or without its type is bad as well.
 */
enum eventstream_next eventstream_next(struct eventstream *es, struct str *input,
                                       struct eventstream_frame *frame_out, struct err *err);
bool eventstream_partial(const struct eventstream *es); /* the body ended inside a frame */

/* Encoder, for what is said in Bedrock's place and for the tests: appends one frame with three string headers. For
 * EVENTSTREAM_ERROR type is the code and payload the :error-message (at most 32767 bytes). */
void eventstream_encode(struct buf *out, enum eventstream_kind kind, struct str type,
                        struct str payload);

#endif
