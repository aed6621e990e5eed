/*
 * wire_private.h - what the wire*.c files share. Nobody else includes it.
 *
 *   wire_multi   a multi handle of libcurl with at most WIRES_A_MULTI connections. Each stays in
 *                its multi as long as it lives, and curl_easy_send and curl_easy_recv search all
 *                connections of theirs (0.6 us among 100, 54 us among 5,000: libcurl 7.88).
 *   wire_watch   a descriptor that libcurl wants watched while it connects
 */
#ifndef SERVER_NET_WIRE_PRIVATE_H
#define SERVER_NET_WIRE_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "server/base/buf.h"
#include "server/net/wire.h"

enum { WIRES_A_MULTI = 64 };

/* X(name, meaning) */
#define WIRE_STATES(X)               \
    X(OPENING, "libcurl connects")   \
    X(OPEN, "its owner talks on it") \
    X(IDLE, "in the pool, nobody owns it")

enum wire_state {
#define STATE_ENUM(name, meaning) WIRE_##name,
    WIRE_STATES(STATE_ENUM)
#undef STATE_ENUM
};

struct wire {
    struct wire_origin *origin;
    struct wire_multi *multi;
    CURL *easy;
    enum wire_state state;
    int fd;            /* -1: not yet, or libcurl has closed it */
    bool secure;       /* TLS: bytes go through libcurl; else straight to fd */
    loop_handle watch; /* 0: not in the loop */
    unsigned events;
    struct wire_ops ops;
    void *owner;
    uint64_t idle_ms;  /* since when */
    uint64_t received; /* TLS: what the kernel had received then; 0: never idle, or unknown */
    LIST_ENTRY(wire) in_multi;
    TAILQ_ENTRY(wire) in_idle, in_origin;
};

struct wire_origin {
    struct wire_net *net;
    struct buf url;  /* NUL-terminated */
    struct buf host; /* the header line */
    bool secure;
    TAILQ_HEAD(, wire) idle; /* last used first */
    LIST_ENTRY(wire_origin) in_net;
};

struct wire_watch {
    struct wire_multi *multi;
    int fd;
    loop_handle handle;
    LIST_ENTRY(wire_watch) in_multi;
};

struct wire_multi {
    struct wire_net *net;
    CURLM *curl;
    unsigned count; /* wires */
    LIST_HEAD(, wire) wires;
    LIST_HEAD(, wire_watch) watches;
    struct loop_timer timer; /* the one that libcurl asked for */
    bool inside;             /* libcurl is on the stack */
    bool kick;               /* libcurl wants to be called soon */
    bool work_due;           /* on the loop's deferred list */
    bool dropped;            /* that work is to free it */
    LIST_ENTRY(wire_multi) in_net;
};

struct wire_net {
    struct loop *loop;
    struct wire_options options;
    CURLSH *share;                 /* TLS sessions and addresses, for all multis */
    LIST_HEAD(, wire_multi) roomy; /* have room for one more */
    LIST_HEAD(, wire_multi) full;
    LIST_HEAD(, wire_origin) origins;
    TAILQ_HEAD(wire_idle, wire) idle; /* of all origins, last used first */
    size_t idle_count;
};

/* wire.c: libcurl is done connecting */
void wire_opened(struct wire *w, CURLcode code);

/* wire_options.c; false: no memory, or a value that libcurl refuses */
bool wire_options_set(struct wire *w, uint32_t connect_ms);

/* wire_multi.c */
bool wire_multi_join(struct wire *w);  /* libcurl begins to connect */
void wire_multi_leave(struct wire *w); /* libcurl closes the connection */
void wire_multi_drop_all(struct wire_net *net);

/* wire_pool.c */
void wire_pool_forget(struct wire *w); /* it is no longer idle */
void wire_pool_heard(struct wire *w);  /* something happened to an idle one: it is closed */
#define WIRE_UNKNOWN UINT64_MAX
uint64_t wire_pool_received(const struct wire *w); /* the kernel's count */

#endif
