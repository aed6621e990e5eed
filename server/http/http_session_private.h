/*
 * http_session_private.h - what the two files of a session share, and all that knows nghttp2.
 *
 *   http_session.c  the socket, frames, calm, the session's begin and end
 *   http_session_stream.c   one request and its answer, as frames
 *
 * Worker only; one loop.
 */
#ifndef SERVER_NET_HTTP_SESSION_PRIVATE_H
#define SERVER_NET_HTTP_SESSION_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "server/http/http_fields.h"
#include "server/http/http_session.h"

struct http_session {
    struct http_conn *socket;
    nghttp2_session *h2;
    struct http_conn *streams[HTTP_SESSION_STREAMS];
    struct http_fields fields; /* the head that is arriving; heads cannot be interleaved */
    int32_t calm;
    uint64_t calm_ms;
    size_t frame_left; /* bytes until the next frame begins */
    uint8_t frame_head[9], frame_head_n;
    int32_t last;     /* stream that is served, when no other will be */
    bool last_due;    /* GOAWAY with it has still to be made */
    bool last_unsent; /* it has not become bytes yet */
    bool busy;        /* nghttp2 is at work: it must not be called to work again */
    bool closed;      /* the socket is */
};

/* Frames into the socket until it takes no more. Calls no owner. */
void http_session_pump(struct http_session *s);
/* GOAWAY: no new streams, the client may send them again elsewhere. Those that it knows of go on. */
void http_session_last(struct http_session *s);

/* NULL: it is not known, or over. */
struct http_conn *http_stream_of(struct http_session *s, int32_t number);
/* The head in s->fields is whole: from here on it is read like one of HTTP/1.1. */
void http_stream_begin(struct http_session *s, int32_t number, bool has_body);
void http_stream_body(struct http_conn *c, struct str piece);
void http_stream_body_end(struct http_conn *c);
/* http_wire's head, whole, send, and close for a stream. */
bool http_stream_whole(struct http_conn *c);
void http_stream_head(struct http_conn *c);
void http_stream_send(struct http_conn *c);
void http_stream_close(struct http_conn *c);

#endif
