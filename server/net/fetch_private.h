/*
 * fetch_private.h - what the fetch*.c files share. Nobody else includes it.
 *
 *   struct fetch_client   one a process; the connections (wire_net), one buffer to read into; lists
 *                         of the rest
 *   struct fetch          one transfer; pooled; fetch_start takes it, end and release in fetch.c
 *                         put it back
 */
#ifndef SERVER_NET_FETCH_PRIVATE_H
#define SERVER_NET_FETCH_PRIVATE_H

#include <sys/queue.h>

#include "server/base/buf.h"
#include "server/net/fetch.h"
#include "server/net/response_parse.h"
#include "server/net/wire.h"

enum {
    FETCH_READ_BYTES = 32 * 1024, /* at once, and what a paused transfer holds at most */
    FETCH_SPARE_HEADS = 16
};

/* X(name, meaning) */
#define FETCH_STATES(X)                              \
    X(POOLED, "waits for work in the client's pool") \
    X(CONNECTING, "waits for its connection")        \
    X(RUNNING, "on a connection")                    \
    X(FAILED, "has no connection; err says why")     \
    X(ENDED, "over; ops->done is running, or the ops function that cancelled it")

enum fetch_state {
#define STATE_ENUM(name, meaning) FETCH_##name,
    FETCH_STATES(STATE_ENUM)
#undef STATE_ENUM
};

struct fetch {
    struct fetch_client *client;
    enum fetch_state state;
    LIST_ENTRY(fetch) in_running;
    SLIST_ENTRY(fetch) in_pool;

    struct { /* what waits for the end of the turn */
        TAILQ_ENTRY(fetch) in_pending;
        bool due;
        bool look, resume; /* what for */
    } work;

    struct fetch_ops ops;
    void *owner;
    const char *peer;
    bool busy; /* ops->headers or ops->data is running */

    struct {
        struct buf head; /* with TLS the beginning of the body too. Gone once answered */
        size_t secret_n; /* bytes of it to wipe */
        struct str body; /* what is not in head */
        size_t written;  /* of head, then body */
        uint64_t out_ms; /* when the last byte of it went out */
        bool mute;       /* nothing is sent any more, though not everything was */
        int send_code;   /* why; 0: an early answer */
    } request;

    struct {
        uint32_t first_byte_ms, idle_ms, total_ms; /* its limits, as in fetch_request */
        uint64_t start_ms, last_ms;                /* last_ms: when the last byte came */
        struct loop_timer deadline;
    } clock;

    struct {
        struct wire_origin *origin;
        struct wire *wire; /* NULL: none (any more) */
        uint32_t connect_ms;
        bool sent;
        bool reused;   /* it had an answer before */
        bool repeated; /* the request is on its way for the second time: never a third */
    } connection;

    struct {
        struct response_parse *parse;
        bool begun; /* first byte seen */
        bool headers_in;
        bool rests; /* wire_rest, once */
        size_t body_max, received;
    } answer;

    struct {
        bool on;
        struct buf held; /* read, but not taken */
        size_t piece_n;  /* so many bytes of it are decoded body already */
    } pause;

    struct err err;
    enum fetch_trouble trouble;
};

struct fetch_client {
    struct loop *loop;
    struct wire_net *net;
    size_t pool; /* transfers kept */
    LIST_HEAD(, fetch) running;
    SLIST_HEAD(, fetch) free;
    TAILQ_HEAD(, fetch) pending; /* have something to do */
    size_t free_count, pending_count;
    struct buf heads[FETCH_SPARE_HEADS];
    size_t heads_count;
    bool work_due; /* fetch.c's work is on the loop's deferred list */
    bool dropped;  /* that work is to free the client */
    struct fetch_stats stats;
    char *read; /* FETCH_READ_BYTES, not touched before the first call */
};

/* fetch.c */
void fetch_look_later(struct fetch *f); /* fetch_answer_read, from the loop */
void fetch_touch(struct fetch *f);      /* a byte came */
void fetch_arm(struct fetch *f);        /* what the deadline depends on has changed */
/* It is over; f->err says how, and f is gone. keep: the connection is good for another. */
void fetch_finish(struct fetch *f, bool keep);
void fetch_lost(struct fetch *f, int code); /* its connection is: once more, or it is over */
/* An ops function has returned. True: it has cancelled f, which is gone now. */
bool fetch_is_over(struct fetch *f);

/* fetch_request.c; false: no memory, or a request that cannot be formed. */
bool fetch_request_put(struct fetch *f, const struct fetch_request *r, struct str target);
void fetch_request_send(struct fetch *f); /* as much as goes now */
bool fetch_request_is_out(const struct fetch *f);
/* Not wholly out, or a moment ago: nobody has begun to work on it. */
bool fetch_request_is_fresh(const struct fetch *f);
void fetch_request_forget(struct fetch *f); /* the secrets in it, and its memory */

/* fetch_answer.c */
void fetch_answer_read(struct fetch *f);   /* the connection has something */
void fetch_answer_resume(struct fetch *f); /* what was held back comes again */

/* fetch_error.c: fills err and trouble. libcurl's own texts name hosts: only its number is told. */
void fetch_error_explain(struct fetch *f, int code);
void fetch_error_answer(struct fetch *f, enum response_fault fault);

#endif
