/*
 * http_out.h - the answer to the current request of a connection.
 *
 *   http_out_begin -> http_out_header* -> http_out_body (whole, Content-Length)           complete
 *                                     \-> http_out_stream -> http_out_write* -> http_out_end
 *
 * Streams are chunked on HTTP/1.1 and end by close on 1.0. Bytes are put into the connection's
 * output buffer; one send(2) happens at the end of the loop turn, so an event batch is one write
 * (TCP_NODELAY is on). HEAD answers carry no body. Worker only.
 */
#ifndef SERVER_NET_HTTP_OUT_H
#define SERVER_NET_HTTP_OUT_H

#include "server/base/buf.h"

struct http_conn;

void http_out_begin(struct http_conn *c, int status);
/* Names in lower case. A value with CR, LF or NUL is not sent at all. */
void http_out_header(struct http_conn *c, struct str name, struct str value);
void http_out_header_u64(struct http_conn *c, struct str name, uint64_t value);
void http_out_close(struct http_conn *c); /* "Connection: close" and close after this answer */

void http_out_body(struct http_conn *c, struct str content_type, struct str body);
void http_out_stream(struct http_conn *c, struct str content_type);
void http_out_write(struct http_conn *c, struct str bytes); /* one chunk */
/* A chunk written in place: fill *out (a buf the caller appends to, at most reserve bytes counted),
 * then http_out_chunk_end. Saves a copy for events. */
struct buf *http_out_chunk_begin(struct http_conn *c);
void http_out_chunk_end(struct http_conn *c);
void http_out_end(struct http_conn *c); /* terminating chunk; the connection goes on */
/* What was put is sent, then the connection closes without a terminating chunk: who reads the stream
 * sees that it broke off. */
void http_out_cut(struct http_conn *c);

/* For http_conn.c: one send(2) of what is pending. */
void http_out_send(struct http_conn *c);

/* The socket takes no more and half of output_high is waiting (what it does take, up to output_high
 * at a time, goes out here): pause the source until ops->drained. */
bool http_out_full(struct http_conn *c);
uint64_t http_out_bytes(const struct http_conn *c); /* body bytes of this answer */
/* When the last byte was put, clock_mono_ms. */
uint64_t http_out_last_ms(const struct http_conn *c);

#endif
