/*
 * fetch_private.h - what the fetch*.c files share. Nobody else includes it, and libcurl is included
 * nowhere else.
 *
 *   struct fetch_client   one a process; the multi handle and its connection cache; lists of the
 *                         rest
 *   struct fetch          one transfer and its easy handle; pooled, so that the options that never
 *                         change are set once; fetch_start takes it, end and release in fetch.c put
 *                         it back
 *   struct fetch_watch    one descriptor libcurl wants watched; made and ended in fetch_sockets.c
 */
#ifndef SERVER_NET_FETCH_PRIVATE_H
#define SERVER_NET_FETCH_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "server/base/buf.h"
#include "server/net/fetch.h"

enum { FETCH_OWN_HEADERS = 3 }; /* Expect, Accept and Content-Type: see fetch_options_request */

/* X(name, meaning) */
#define FETCH_STATES(X)                                                          \
    X(POOLED, "waits for work in the client's pool")                             \
    X(QUEUED, "started from inside libcurl, to be added when it returns")        \
    X(RUNNING, "libcurl has it")                                                 \
    X(FAILED, "a callback of ours refused to go on; err says why")               \
    X(CANCELLED, "cancelled from inside libcurl, to be removed when it returns") \
    X(ENDED, "removed from libcurl; ops->done is running")

enum fetch_state {
#define STATE_ENUM(name, meaning) FETCH_##name,
    FETCH_STATES(STATE_ENUM)
#undef STATE_ENUM
};

struct fetch {
    struct fetch_client *client;
    CURL *easy;
    enum fetch_state state;
    LIST_ENTRY(fetch) in_running;
    SLIST_ENTRY(fetch) in_pool;
    TAILQ_ENTRY(fetch) in_pending;
    bool pending;

    struct fetch_ops ops;
    void *owner;
    const char *peer;

    struct {
        struct buf lines; /* of its headers; list points into it, so nothing is allocated */
        struct curl_slist list[FETCH_HEADERS_MAX + FETCH_OWN_HEADERS];
        struct buf origin; /* NUL-terminated */
        CURLU *parsed;     /* the same, taken apart; the easy handle reads it */
    } request;

    struct {
        uint32_t first_byte_ms, idle_ms, total_ms; /* its limits, as in fetch_request */
        uint64_t start_ms, last_ms;                /* last_ms: when the last byte came */
        struct loop_timer deadline;
    } clock;

    struct { /* the one that it went out on: fetch_repeat.c */
        int local_port;
        int fd; /* once libcurl had it watched; -1: not yet */
        bool sent;
        bool lost;     /* what was sent: the connection, a reused one, died unheard */
        bool repeated; /* it is on its way for the second time: never a third */
    } connection;

    struct {
        int status;
        struct buf lines; /* of its headers, each ended by '\n' */
        bool begun;       /* first byte seen */
        bool headers_in;
        size_t body_max, received;
    } answer;

    bool secure; /* TLS */
    bool paused;
    struct err err;
    enum fetch_trouble trouble;

    struct { /* what the easy handle is set to now, so that the same is not set again */
        bool http_allowed, proxy_allowed;
        uint32_t connect_ms;
        bool method_custom, fresh_only;
    } set;
};

struct fetch_watch {
    struct fetch_client *client;
    int fd;
    loop_handle handle; /* 0: not in the loop */
    bool connection;    /* stays until libcurl closes fd */
    bool idle;          /* libcurl wants to know nothing of it at the moment */
    uint64_t received;  /* bytes, when its last answer was complete; FETCH_UNKNOWN: none was */
    int local_port;     /* as received */
    LIST_ENTRY(fetch_watch) in_watches;
};

struct fetch_client {
    struct loop *loop;
    CURLM *multi;
    struct fetch_options options;
    LIST_HEAD(, fetch) running;
    SLIST_HEAD(, fetch) pool;
    TAILQ_HEAD(, fetch) pending;
    LIST_HEAD(, fetch_watch) watches;
    LIST_HEAD(, fetch_watch) spare_watches;
    struct fetch_watch **connections; /* by descriptor */
    size_t connections_size;
    struct loop_timer timer; /* the one that libcurl asked for */
    size_t running_count, pool_count, pending_count;
    bool inside;   /* libcurl is on the stack */
    bool kick;     /* libcurl wants to be called soon */
    bool work_due; /* fetch.c's work is on the loop's deferred list */
    bool dropped;  /* that work is to free the client */
    struct fetch_stats stats;
};

/* fetch_options.c; false: no memory, or a value that libcurl refuses. */
bool fetch_options_constant(struct fetch *f); /* once in the life of an easy handle */
bool fetch_options_request(struct fetch *f, const struct fetch_request *r);

/* fetch_answer.c: libcurl's callbacks; once in the life of an easy handle */
void fetch_answer_options(struct fetch *f);

/* fetch_error.c: fills err and trouble. libcurl's own texts name hosts: only its number is told. */
void fetch_error_explain(struct fetch *f, CURLcode code);

/* fetch_sockets.c */
/* Brings libcurl's sockets and timer to the loop. */
void fetch_sockets_attach(struct fetch_client *client);
void fetch_sockets_detach(struct fetch_client *client); /* after curl_multi_cleanup */
bool fetch_sockets_options(struct fetch *f);            /* a part of fetch_options_constant */
void fetch_sockets_answered(const struct fetch *f);     /* complete: its connection may be kept */

/* fetch_repeat.c */
#define FETCH_UNKNOWN UINT64_MAX
void fetch_repeat_answered(const struct fetch *f, struct fetch_watch *w); /* f is complete, on w */
void fetch_repeat_closing(const struct fetch_watch *w); /* its descriptor is about to be closed */
/* libcurl is about to send f's request. False: for the second time, it shall not. */
bool fetch_repeat_request(struct fetch *f, int local_port);
/* f has ended with code; may it be started anew on a fresh connection? */
bool fetch_repeat_is_right(const struct fetch *f, CURLcode code);
void fetch_repeat_note(struct fetch *f); /* it is: counts, and only once */

/* fetch.c, for fetch_sockets.c: lets libcurl act on a descriptor (or CURL_SOCKET_TIMEOUT). */
void fetch_act(struct fetch_client *client, curl_socket_t fd, int bits);
void fetch_touch(struct fetch *f);                /* for fetch_answer.c: a byte came */
void fetch_act_soon(struct fetch_client *client); /* on time-outs, at the end of this turn */

#endif
