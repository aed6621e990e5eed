/*
 * saying.h - what clients say to the gateway and what Bedrock says to it: tables of requests, keys
 * and answers, so that a short script reaches deep. Whatever is not here a script can spell out
 * ("send", "reply", "frames").
 */
#ifndef TESTS_FUZZ_CONNECTION_SAYING_H
#define TESTS_FUZZ_CONNECTION_SAYING_H

#include "server/base/buf.h"

#define SAYING_MASTER "sk-master-secret"

/* X(NAME, "key", what the store says of it): known to the gateway from the start */
#define SAYING_KEYS(X)                                             \
    X(GOOD, "sk-good", "no limit of its own")                      \
    X(TWO, "sk-two", "2 requests in a window")                     \
    X(ONE, "sk-one", "1 request at a time")                        \
    X(POOR, "sk-poor", "a budget that is held before it is spent") \
    X(SLOW, "sk-slow", "10 tokens a minute")                       \
    X(OLD, "sk-old", "expired")                                    \
    X(OFF, "sk-off", "revoked")                                    \
    X(HAIKU, "sk-haiku", "may only use one model")                 \
    X(SPENT, "sk-spent", "its budget is used up")

enum saying_key {
#define SAYING_ENUM(NAME, key, meaning) SAYING_##NAME,
    SAYING_KEYS(SAYING_ENUM)
#undef SAYING_ENUM
        SAYING_KEY_COUNT
};
const char *saying_key(enum saying_key key);

/* Request and key are taken modulo. */
void saying_request(uint32_t request, uint32_t key, struct buf *out);
/* The same request in its parts, its body behind what is in *body. */
struct saying_parts {
    const char *line, *key, *headers; /* "POST /x HTTP/1.1"; "Name: value\r\n" ... */
    bool has_length;
    bool open; /* its headers announce what does not come */
};
void saying_parts(uint32_t request, uint32_t key, struct saying_parts *out, struct buf *body);
/* The answer to a request on path ("/model/.../converse"). Answer 0 is the good one. */
void saying_answer(uint32_t answer, struct str path, struct buf *out);
uint32_t saying_requests(void);
uint32_t saying_answers(void);

/*
 * An answer in lines:
 *   h                  status line and headers of an event stream, chunked
 *   e TYPE PAYLOAD     an event            i JSON             an event of InvokeModel: base64 in a
 * "chunk" x TYPE PAYLOAD     an exception        E CODE PAYLOAD     an error
 *   * N                the last line N times more, at most 500
 *   ~ N                one bit of the byte N before the end is wrong
 *   - N                the last N bytes are missing
 *   .                  the end of the chunks
 */
void saying_events(struct str lines, struct buf *out);

#endif
