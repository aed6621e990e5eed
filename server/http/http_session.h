/*
 * http_session.h - a client's socket that speaks HTTP/2 without TLS and says so with its first bytes
 * ("prior knowledge", RFC 9113 3.3). nghttp2 stays behind this header.
 *
 *   socket    http_conn in SESSION        reads and writes; deadlines between requests and for writing
 *   session   made with it, ends with it  frames, flow control, HPACK: nghttp2
 *   stream    an http_conn each           one request; states, deadlines, body, owner as everywhere
 *
 * To its owner a stream is a connection: it is counted as one (http_conn_set.open, conns_max) and
 * has ops->closed at its end. It is always its last request. The owner's http_conn_abort and
 * http_out_cut are RST_STREAM, ops->gone is the client's, or the end of the socket. What the client
 * does not read is held back by the window of its stream, like by a full socket.
 *
 * A session that wants nothing but work of us (resets, empty frames, pings, settings, endless heads)
 * is ended: nghttp2's own limits, and one budget for all frames that ask for nothing. Worker only.
 */
#ifndef SERVER_NET_HTTP_SESSION_H
#define SERVER_NET_HTTP_SESSION_H

#include "server/http/http_state.h"

enum {
    HTTP_SESSION_STREAMS = 100, /* at a time: RFC 9113 6.5.2 advises no fewer */
    HTTP_SESSION_CALM = 1000,   /* frames that ask for nothing, saved up */
    HTTP_SESSION_CALM_SECOND = 20
};

extern const struct http_wire http_session_wire;

#endif
