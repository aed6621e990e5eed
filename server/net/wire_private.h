/*
 * wire_private.h - what the wire*.c files share. Nobody else includes it.
 *
 *   wire_share   up to WIRES_A_SHARE connections that libcurl searches together
 *   wire_watch   a descriptor that libcurl wants watched while it connects
 */
#ifndef SERVER_NET_WIRE_PRIVATE_H
#define SERVER_NET_WIRE_PRIVATE_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "server/base/buf.h"
#include "server/net/wire.h"

enum { WIRES_A_SHARE = 32 };

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

struct wire_ca;
struct wire_session;

struct wire {
    struct wire_origin *origin;
    struct wire_ca *ca; /* NULL: libcurl has its own */
    struct wire_share *share;
    CURL *easy;
    enum wire_state state;
    int fd;            /* -1: not yet, or libcurl has closed it */
    bool secure;       /* TLS: bytes go through libcurl; else straight to fd */
    bool tickets;      /* wire_session.c keeps its sessions, not libcurl */
    bool offered;      /* its handshake began with a session of the origin */
    bool again;        /* libcurl connects for the second time */
    bool heard;        /* a byte of an answer has come */
    bool drained;      /* TLS holds no byte that nobody has read */
    loop_handle watch; /* 0: not in the loop */
    unsigned events;
    struct wire_ops ops;
    void *owner;
    uint64_t idle_ms;     /* since when */
    uint64_t received;    /* TLS: what the kernel had received then; 0: never idle, or unknown */
    uint64_t verified_ms; /* TLS: its session's certificates */
    LIST_ENTRY(wire) in_share;
    TAILQ_ENTRY(wire) in_idle, in_origin;
};

struct wire_origin {
    struct wire_net *net;
    struct buf url;  /* NUL-terminated */
    struct buf host; /* the header line */
    bool secure;
    struct wire_session *session; /* to be resumed; NULL: none */
    TAILQ_HEAD(, wire) idle;      /* last used first */
    LIST_ENTRY(wire_origin) in_net;
};

struct wire_share {
    struct wire_net *net;
    CURLSH *curl;   /* connections and TLS sessions */
    unsigned count; /* wires */
    LIST_HEAD(, wire) wires;
    LIST_ENTRY(wire_share) in_net;
};

struct wire_watch {
    struct wire_net *net;
    int fd;
    loop_handle handle;
    LIST_ENTRY(wire_watch) in_net;
};

struct wire_net {
    struct loop *loop;
    struct wire_options options;
    CURLM *multi;
    LIST_HEAD(, wire_watch) watches;
    LIST_HEAD(, wire_share) roomy; /* have room for one more */
    LIST_HEAD(, wire_share) full;
    LIST_HEAD(, wire_origin) origins;
    TAILQ_HEAD(wire_idle, wire) idle; /* of all origins, last used first */
    size_t idle_count;
    struct wire_ca *ca;      /* NULL: not read, or libcurl has its own */
    struct loop_timer timer; /* the one that libcurl asked for */
    bool inside;             /* libcurl is on the stack */
    bool kick;               /* libcurl wants to be called soon */
    bool work_due;           /* wire_multi.c's work is on the loop's deferred list */
    bool dropped;            /* that work is to free the net */
};

/* wire.c: libcurl is done connecting */
void wire_opened(struct wire *w, CURLcode code);

/* wire_options.c; false: no memory, or a value that libcurl refuses */
bool wire_options_set(struct wire *w, uint32_t connect_ms);

/* wire_options.c's callback of libcurl calls what is named prepare: context is the TLS library's own
 * (mbedtls_ssl_config, SSL_CTX). */

/* wire_ca.c */
bool wire_ca_set(struct wire *w, const char *file);
void wire_ca_prepare(const struct wire *w, void *context);
void wire_ca_drop(struct wire_ca *ca); /* of a wire or the net that is no more; NULL is fine */

/* wire_rest.c; before the first connection: how the TLS library gets its memory */
void wire_rest_begin(void);

/* wire_cipher.c */
void wire_cipher_prepare(void *context);

/* wire_session.c */
bool wire_session_set(struct wire *w);
void wire_session_prepare(struct wire *w, void *context);
void wire_session_look(struct wire *w); /* a ticket may have come */
/* That the handshake failed may be the session's doing: worth a try without. */
bool wire_session_blamed(const struct wire *w, CURLcode code);
void wire_session_drop(struct wire_origin *o);
void wire_session_drop_all(struct wire_net *net);

/* wire_multi.c */
bool wire_multi_begin(struct wire_net *net);
void wire_multi_end(struct wire_net *net);

/* wire_share.c */
bool wire_share_join(struct wire *w);  /* false: no memory; leave all the same, if it has a share */
void wire_share_leave(struct wire *w); /* when the handle is gone */
void wire_share_drop_all(struct wire_net *net);

/* wire_pool.c */
void wire_pool_forget(struct wire *w); /* it is no longer idle */
void wire_pool_heard(struct wire *w);  /* something happened to an idle one: it is closed */
#define WIRE_UNKNOWN UINT64_MAX
uint64_t wire_pool_received(const struct wire *w); /* the kernel's count */

#endif
