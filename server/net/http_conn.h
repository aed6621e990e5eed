/*
 * http_conn.h - one client connection: bytes in, requests out to its owner, an answer back.
 *
 *   who            made by                    ended by
 *   http_conn      worker.c at accept         itself (peer gone, error, time-out, close after
 * answer), freed on the loop's deferred list http_parse     http_conn                  http_conn
 *   request body   http_conn (a buf)          http_conn_next / close
 *   the exchange   ops->request's receiver    its owner; told by ops->gone if the client leaves
 * first
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

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/net/http_parse.h"
#include "server/net/loop.h"

struct http_conn;

struct http_conn_limits {
    struct http_limits parse;
    size_t body_max;         /* MAX_BODY_BYTES */
    size_t output_high;      /* STREAM_BUFFER_BYTES: see http_out_full */
    uint32_t header_ms;      /* HEADER_TIMEOUT */
    uint32_t body_ms;        /* BODY_TIMEOUT */
    uint32_t body_rate;      /* BODY_MIN_RATE, bytes a second after body_grace_ms; 0: any */
    uint32_t body_grace_ms;  /* 0: 5 s */
    uint32_t idle_ms;        /* KEEPALIVE_TIMEOUT */
    uint32_t write_stall_ms; /* WRITE_TIMEOUT */
    uint32_t requests_max;   /* MAX_REQUESTS_PER_CONNECTION */
    size_t bodies_max; /* MAX_BODIES_BYTES, against stats->body_bytes; more: BUSY. 0: no limit */
};

/* ctx is what http_conn_new was given. The connection may be closed inside any of these only by
 * http_conn_abort (freed at the end of the turn). Called from the loop only, never from inside
 * http_out_*. */
struct http_conn_ops {
    /* Headers are in. Before the body is read: STATUS_OK to go on (100-continue is sent if asked
     * for, unless http_conn_hold was called in here), else *err is answered with
     * http_conn_ops.refuse and the connection closes. body_max_out: lower the limit for this route;
     * memory for the body may be refused here (BUSY).
     */
    enum status (*headers)(void *ctx, struct http_conn *c, const struct http_request *r,
                           size_t *body_max_out, struct err *err);
    /* The whole request is in: answer now or later with http_out_*. The body stays valid (and may
     * be taken with http_conn_take_body) until the answer ends. */
    void (*request)(void *ctx, struct http_conn *c, const struct http_request *r, struct str body);
    /* Writes the error answer for a refused or malformed request (dialect by path); r may have no
     * path. It must be whole (http_out_body) when refuse returns. "Connection: close" is added. */
    void (*refuse)(void *ctx, struct http_conn *c, const struct http_request *r,
                   const struct err *err);
    /* Output fell below a quarter of output_high after http_out_full said true. */
    void (*drained)(void *ctx, struct http_conn *c);
    /* The client left (FIN, RST, time-out) while its request was with the owner: drop everything
     * about it now; no http_out_* call may follow. */
    void (*gone)(void *ctx, struct http_conn *c);
    /* The connection is closed and about to be freed (always exactly once). */
    void (*closed)(void *ctx, struct http_conn *c);
};

struct http_conn_stats { /* shared by all connections of a worker; counters only grow */
    uint64_t bytes_in, bytes_out, writes;
    size_t body_bytes; /* held right now: for the "bodies in flight" limit */
    uint32_t open;     /* connections right now */
    uint32_t idle;     /* of those, waiting for a request */
};

/* Takes over fd (already non-blocking). NULL (fd closed) when memory is out. */
struct http_conn *http_conn_new(struct loop *loop, int fd, const struct http_conn_limits *limits,
                                const struct http_conn_ops *ops, void *ctx,
                                struct http_conn_stats *stats);
void http_conn_abort(
    struct http_conn *c); /* RST: no terminating chunk, output dropped; ops->gone is not called */
/* Draining: idle connections close now, busy ones after their answer ("Connection: close"). One
 * that has not asked anything yet gets a second to do so: its request may be on the way. */
void http_conn_drain(struct http_conn *c);
/* While the body is awaited. hold, in ops->headers: the client gets no 100 Continue yet; then one
 * of the others. continue: it gets it, unless it never asked or its body has begun. refuse: the
 * same as if headers had said it, also without a hold. */
void http_conn_hold(struct http_conn *c);
void http_conn_continue(struct http_conn *c);
void http_conn_refuse(struct http_conn *c, const struct err *err);
void http_conn_set_user(struct http_conn *c,
                        void *user); /* the owner's pointer, e.g. its exchange */
void *http_conn_user(const struct http_conn *c);
uint64_t http_conn_id(const struct http_conn *c);     /* unique in this process, for the log */
struct str http_conn_peer(const struct http_conn *c); /* "127.0.0.1:5432" */
/* After auth: the values of headers that may hold a secret are overwritten and become empty; the
 * others stay. */
void http_conn_wipe_headers(struct http_conn *c);
/* Moves the request body out, to be freed by the caller; spans into it stay valid. It counts in
 * stats->body_bytes until the answer ends. */
void http_conn_take_body(struct http_conn *c, struct buf *body_out);
/* The request that is being answered; its spans are valid until the answer ends. */
const struct http_request *http_conn_request(const struct http_conn *c);

/* Connections of a worker are chained so that a drain can visit them. The one visited may close
 * itself. */
struct http_conn *http_conn_each(struct http_conn *after); /* NULL: the first; NULL: no more */

#endif
