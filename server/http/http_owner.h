/*
 * http_owner.h - what a connection asks of its owner (ops), what it keeps to (limits) and what it
 * tells (stats). The owner is who answers the requests: worker.c, or a test. See http_conn.h.
 */
#ifndef SERVER_NET_HTTP_OWNER_H
#define SERVER_NET_HTTP_OWNER_H

#include "server/http/http_bodies.h"
#include "server/http/http_parse.h"

struct http_conn;

struct http_conn_limits {
    struct http_limits parse;
    size_t body_max;         /* bytes */
    size_t output_high;      /* bytes for a slow reader: ops->drained is called below half of it */
    uint32_t header_ms;      /* for the head to arrive */
    uint32_t body_ms;        /* for the body */
    uint32_t body_rate;      /* its bytes a second, after body_grace_ms; 0: any */
    uint32_t body_grace_ms;  /* 0: 5 s */
    uint32_t drain_grace_ms; /* 0: 2 s */
    uint32_t idle_ms;        /* between two requests */
    uint32_t write_stall_ms; /* of a client that does not read */
    uint32_t linger_ms;      /* of silence behind the last answer; 0: 1 s */
    uint32_t requests_max;   /* on one connection */
    uint32_t conns_max; /* of all, streams included; no stream is begun above it. 0: no limit */
    size_t bodies_max;  /* of all together, see http_bodies.h. 0: no limit */
};

/* ctx is what http_conn_new was given. The connection may be closed inside any of these only by
 * http_conn_abort (freed at the end of the turn). Called from the loop only, never from inside
 * http_out_*.
 *
 * From headers (OK) to the end of its answer a request is known to the owner. In that time exactly
 * one of these ends it: the owner answers; refuse; gone; the owner's own http_conn_abort. */
struct http_conn_ops {
    /* Headers are in. Before the body is read: STATUS_OK to go on (100-continue is sent if asked
     * for, unless http_conn_hold was called in here), else *err is answered with
     * http_conn_ops.refuse and the connection closes. body_max_out: lower the limit for this route;
     * memory for the body may be refused here (BUSY).
     */
    enum status (*headers)(void *ctx, struct http_conn *c, const struct http_request *r,
                           size_t *body_max_out, struct err *err);
    /* The whole request is in: answer now or later with http_out_*. The body stays valid
     * until the answer ends. */
    void (*request)(void *ctx, struct http_conn *c, const struct http_request *r, struct str body);
    /* Writes the error answer for a refused, unfinished or malformed request (dialect by path); r
     * may have no path, and has no headers when its head was not whole or not legal. The answer
     * must be whole (http_out_body) when refuse returns. "Connection: close" is added. */
    void (*refuse)(void *ctx, struct http_conn *c, const struct http_request *r,
                   const struct err *err);
    /* Output fell below half of output_high after http_out_full said true. */
    void (*drained)(void *ctx, struct http_conn *c);
    /* The client left (RST, time-out of writing, or FIN while its request was with the owner): drop
     * everything about the request now; no http_out_* or http_conn_* call may follow. Called in the
     * moment of the loss, also while the body is arriving. (The other design, an http_conn_refuse
     * that does nothing on a closed connection, would leave the owner with requests that are
     * nobody's until the end of the turn, and each of its calls would need the same excuse.) */
    void (*gone)(void *ctx, struct http_conn *c);
    /* The connection is closed and about to be freed (always exactly once). */
    void (*closed)(void *ctx, struct http_conn *c);
};

struct http_conn_set { /* all connections of a worker; counters only grow */
    struct http_conn *first;
    uint64_t bytes_in, bytes_out, writes;
    struct http_bodies bodies;
    uint32_t open; /* connections right now */
    uint32_t idle; /* of those, waiting for a request */
};

#endif
