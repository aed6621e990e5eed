/*
 * http_conn.h - one client connection: bytes in, requests out to its owner, an answer back.
 *
 *   who            made by                    ended by
 *   http_conn      worker.c at accept         itself (peer gone, error, time-out, close after
 *                                             answer), freed on the loop's deferred list
 *   http_parse     http_conn                  http_conn
 *   request body   http_conn (a buf)          http_conn: end of the answer, or close
 *   the exchange   ops->headers' receiver     its owner; told by ops->gone if the client leaves
 *                                             first
 *
 * One request is in the owner's hands at a time; pipelined bytes wait in the input buffer. Reading
 * stops while a request is answered (but FIN/RST is seen). All deadlines are kept here: header,
 * body, minimum body rate, keep-alive idle, write stall. Worker only; runs on one loop.
 *
 * Half-closed clients: TCP does not tell "I have sent all" from "I have left". A FIN that is there
 * when the request becomes complete is taken for the first: the request is answered and then the
 * connection closed. A FIN that comes while the owner is at work is taken for the second:
 * ops->gone.
 */
#ifndef SERVER_NET_HTTP_CONN_H
#define SERVER_NET_HTTP_CONN_H

#include "server/base/buf.h"
#include "server/http/http_owner.h"
#include "server/net/loop.h"

/* Takes over fd (already non-blocking). NULL (fd closed) when memory is out. */
struct http_conn *http_conn_new(struct loop *loop, int fd, const struct http_conn_limits *limits,
                                const struct http_conn_ops *ops, void *ctx,
                                struct http_conn_set *set);
/* RST: no terminating chunk, output dropped; ops->gone is not called. */
void http_conn_abort(struct http_conn *c);
/* Draining: the next answer says "Connection: close" and is the last one. An idle connection is
 * closed only after a grace: its request may be on the way, and a reset would lose it. */
void http_conn_drain(struct http_conn *c);
/* The answer under way is the last, also where it has not said so: nothing that the client has sent
 * behind it is begun. */
void http_conn_last(struct http_conn *c);
/* While the body is awaited. hold, in ops->headers: the client gets no 100 Continue yet; then one
 * of the others. continue: it gets it, unless it never asked or its body has begun. refuse: the
 * same as if headers had said it, also without a hold. */
void http_conn_hold(struct http_conn *c);
void http_conn_continue(struct http_conn *c);
void http_conn_refuse(struct http_conn *c, const struct err *err);
/* The owner's pointer, e.g. its exchange. */
void http_conn_set_user(struct http_conn *c, void *user);
void *http_conn_user(const struct http_conn *c);
uint64_t http_conn_id(const struct http_conn *c);     /* unique in this process, for the log */
struct str http_conn_peer(const struct http_conn *c); /* "127.0.0.1:5432" */
/* Whose bodies this connection's body is one of, see http_bodies.h. 0 (not known) when a request
 * begins; may be said in ops->headers or later, also when the body is here. */
void http_conn_set_holder(struct http_conn *c, uint64_t holder);
/* After auth: the values of headers that may hold a secret are overwritten and become empty; the
 * others stay. */
void http_conn_wipe_headers(struct http_conn *c);
/* Connections of a worker are chained so that a drain can visit them. The one visited may close
 * itself. after NULL: the first. NULL: no more. */
struct http_conn *http_conn_each(const struct http_conn_set *set, struct http_conn *after);

#endif
