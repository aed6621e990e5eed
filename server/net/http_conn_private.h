/*
 * http_conn_private.h - what the files of a connection share: http_conn.c (life, states,
 * deadlines), http_in.c (requests) and http_out.c (answers). Nobody else includes it.
 */
#ifndef SERVER_NET_HTTP_CONN_PRIVATE_H
#define SERVER_NET_HTTP_CONN_PRIVATE_H

#include "server/net/http_conn.h"

#define CONN_STATES(X)                                                                  \
    X(IDLE, "waiting for the first byte of a request")                                  \
    X(HEAD, "a request has begun, its headers are not all here")                        \
    X(BODY, "headers are accepted, the body is not all here")                           \
    X(OWNER, "the request is with its owner, who answers it")                           \
    X(FLUSH, "the answer is complete, the socket has not taken all of it")              \
    X(LINGER, "answered for the last time; what the client still sends is thrown away") \
    X(CLOSED, "socket closed, freed at the end of the turn")

enum conn_state {
#define CONN_STATE(name, meaning) CONN_##name,
    CONN_STATES(CONN_STATE)
#undef CONN_STATE
};

struct http_answer {
    bool started;  /* status line put */
    bool framed;   /* headers finished */
    bool done;     /* nothing more will be put */
    bool bodyless; /* HEAD, 204 or 304 */
    bool chunked;
    bool chunk_open;
    bool close; /* the connection ends after it */
    size_t chunk_at;
    uint64_t bytes;
    uint64_t last_ms;
};

struct http_conn {
    struct loop *loop;
    int fd;
    loop_handle handle;
    const struct http_conn_limits *limits;
    const struct http_conn_ops *ops;
    void *ctx;
    void *user;
    struct http_conn_stats *stats;
    struct http_conn *prev, *next;
    uint64_t id;
    enum conn_state state;
    struct http_parse *parse;
    struct buf input; /* bytes behind the current request; empty for clients that do not pipeline */
    struct buf body;
    struct buf out;
    size_t body_max;
    size_t body_counted; /* this connection's share of stats->body_bytes */
    struct http_answer answer;
    struct loop_timer timer;
    uint64_t since_ms;    /* in this state */
    uint64_t progress_ms; /* while want_write: the socket last took bytes; LINGER: last gave some */
    uint32_t requests;    /* answered */
    bool scheduled;       /* http_conn_schedule's work is on the deferred list */
    bool refusing;        /* inside ops->refuse */
    bool held;            /* the client waits for a 100 that waits for http_conn_continue */
    bool close_after;     /* no request after this one */
    bool draining;
    bool fin;            /* the client will send nothing more */
    bool broken;         /* sending failed: dropped at the end of the turn */
    bool want_write;     /* the socket was full */
    bool drained_wanted; /* http_out_full said true */
    char peer[64];
};

enum { HTTP_IN_BYTES = 64 * 1024 }; /* read at once; pipelined bytes kept at most */

/* http_conn.c */
void http_conn_enter(struct http_conn *c, enum conn_state state); /* the only one who sets it */
bool http_conn_is_reading(const struct http_conn *c);             /* IDLE, HEAD or BODY */
void http_conn_schedule(struct http_conn *c); /* at the end of the turn: send, then go on */
void http_conn_close(struct http_conn *c);
void http_conn_lose(struct http_conn *c); /* the client left or cannot be reached */

/* http_in.c */
void http_in_read(struct http_conn *c);                          /* one recv(2), parsed */
void http_in_feed(struct http_conn *c, struct str *in);          /* up to the end of one request */
void http_in_forget(struct http_conn *c);                        /* one recv(2), thrown away */
void http_in_refuse(struct http_conn *c, const struct err *err); /* one answer, then the end */
void http_in_drop_body(struct http_conn *c);

/* http_out.c */
void http_out_send(struct http_conn *c); /* one send(2) of what is pending */

#endif
