/*
 * http_state.h - what the files of a connection share: its states, who may move it, its end.
 *
 *   http_conn.c  life, deadlines, the socket   includes all the others
 *   http_in.c    requests                      includes http_out.h
 *   http_out.c   answers
 *   http_state.c states and closing
 *
 * Nobody else includes it. Worker only; one loop.
 */
#ifndef SERVER_NET_HTTP_STATE_H
#define SERVER_NET_HTTP_STATE_H

#include "server/base/buf.h"
#include "server/http/http_owner.h"
#include "server/net/loop.h"

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
    const struct http_conn_limits *limits;
    struct {
        struct http_conn_set *set;
        struct http_conn *prev, *next;
    } list;  /* of all connections of the process, the newest first */
    struct { /* who answers */
        const struct http_conn_ops *ops;
        void *ctx;
        void *user; /* its word about this connection */
    } owner;
    loop_fn *end_of_turn; /* http_conn.c's two: send and go on; free */
    loop_fn *free;
    uint64_t id;
    char peer[64];

    struct {
        int fd;
        loop_handle handle;
        bool fin;    /* the client will send nothing more */
        bool full;   /* it took no more: the loop tells when it does */
        bool broken; /* sending failed: dropped at the end of the turn */
    } socket;

    enum conn_state state;
    struct {
        struct loop_timer timer;
        uint64_t since_ms;    /* in this state */
        uint64_t progress_ms; /* while full: the socket last took bytes; LINGER: last gave some */
    } clock;

    struct http_parse *parse;
    struct buf input; /* bytes behind the current request; empty for clients that do not pipeline */
    struct {
        struct buf bytes; /* its maximum is what was granted: hold.n */
        size_t max;
        struct http_hold hold; /* this connection's part of stats->bodies */
        bool held;             /* the client waits for a 100 that waits for http_conn_continue */
    } body;
    struct http_answer answer;
    struct buf out;

    uint32_t requests; /* answered */
    bool scheduled;    /* http_state_schedule's work is on the deferred list */
    bool refusing;     /* inside ops->refuse */
    bool close_after;  /* no request after this one */
    bool draining;
    bool drained_wanted; /* http_out_full said true */
};

void http_state_enter(struct http_conn *c, enum conn_state state); /* the only one who sets it */
bool http_state_is_reading(const struct http_conn *c);             /* IDLE, HEAD or BODY */
void http_state_schedule(struct http_conn *c); /* at the end of the turn: send, then go on */
void http_state_close(struct http_conn *c);
/* The client left or cannot be reached: closes, and tells an owner who knows of a request. */
void http_state_lose(struct http_conn *c);

/* All connections of the process, the newest first. */
void http_state_link(struct http_conn *c);

#endif
