/*
 * frame.h - writes application/vnd.amazon.eventstream messages
 * (docs.aws.amazon.com/transcribe/latest/dg/event-stream.html; Bedrock uses string headers only).
 * Pure.
 */
#ifndef MOCK_FRAME_H
#define MOCK_FRAME_H

#include "server/base/buf.h"

/* Appends one message of kind "event" or "exception" with the order of headers Bedrock uses. */
void frame_event(struct buf *out, struct str type, struct str payload);
void frame_exception(struct buf *out, struct str type, struct str payload);
/* The kind without payload: code and text stand in headers. */
void frame_error(struct buf *out, struct str code, struct str text);
/* Only prelude and a few bytes of a message that says it is total_n long. */
void frame_announce(struct buf *out, uint32_t total_n);
/* Random letters for the member "p", which Bedrock adds so that lengths tell nothing. */
struct str frame_padding(void);

#endif
