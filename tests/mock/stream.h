/*
 * stream.h - one streamed answer as a generator: each call makes the next event, so that 10,000
 * paced streams cost a few hundred bytes each and a time stamp is of the moment it is sent. All
 * stream faults live here. Knows no sockets: the server wraps what it gets in HTTP chunks and keeps
 * the time.
 */
#ifndef MOCK_STREAM_H
#define MOCK_STREAM_H

#include "tests/mock/speaker.h"

struct stream;

enum stream_step {
    STREAM_GO,    /* bytes were appended, more will come */
    STREAM_END,   /* the body ends cleanly now (bytes may have been appended) */
    STREAM_RESET, /* the connection is to be reset */
    STREAM_HANG   /* nothing more comes until the client leaves */
};

/* Copies what it keeps of reply. NULL: memory. */
struct stream *stream_new(const struct speaker *speaker, const struct reply *reply,
                          const struct faults *faults);
void stream_drop(struct stream *s);
uint32_t stream_delay_ms(struct stream *s); /* to wait before the next step */
enum stream_step stream_next(struct stream *s, struct buf *out);
bool stream_bytewise(const struct stream *s);
uint32_t stream_output_tokens(const struct stream *s); /* said so far */

#endif
