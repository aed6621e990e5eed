/*
 * frames.h - HTTP/2 as a client speaks it: requests of saying.h as frames, and a table of frames
 * that nobody, or nobody decent, sends at that moment.
 */
#ifndef TESTS_FUZZ_CONNECTION_FRAMES_H
#define TESTS_FUZZ_CONNECTION_FRAMES_H

#include "server/base/buf.h"

#define FRAMES_PREFACE STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

enum frames_type {
    FRAMES_DATA,
    FRAMES_HEADERS,
    FRAMES_PRIORITY,
    FRAMES_RST_STREAM,
    FRAMES_SETTINGS,
    FRAMES_PUSH_PROMISE,
    FRAMES_PING,
    FRAMES_GOAWAY,
    FRAMES_WINDOW_UPDATE,
    FRAMES_CONTINUATION,
    FRAMES_ALTSVC,
    FRAMES_PRIORITY_UPDATE = 16
};

enum { FRAMES_END_STREAM = 1, FRAMES_ACK = 1, FRAMES_END_HEADERS = 4, FRAMES_PADDED = 8 };

struct frames_frame {
    enum frames_type type;
    uint8_t flags;
    uint32_t stream;
    struct str payload;
};

/* Takes a whole frame off *in. */
bool frames_next(struct str *in, struct frames_frame *out);
uint32_t frames_number(struct str payload); /* its first four bytes, without the first bit */

/* The preface, and settings that change nothing. */
void frames_greeting(struct buf *out);
/* Request and key as for saying_request. */
void frames_request(uint32_t request, uint32_t key, uint32_t stream, struct buf *out);
/* One of the table, modulo. */
void frames_one(uint32_t kind, uint32_t stream, struct buf *out);

#endif
