/*
 * wire.h - one connection to an origin. libcurl finds the address, connects, goes through the
 * proxy, speaks TLS and verifies (CURLOPT_CONNECT_ONLY); what is said on it is the caller's.
 *
 *   wire_net      one a process; libcurl's handles, the TLS sessions, the idle connections
 *   wire_origin   "https://host:port"; lives as long as the net; its idle connections
 *   wire          one connection; of whoever opened or took it, until wire_close or wire_pool_give
 *
 * libcurl stays behind this header. Verification is always on; no redirects, no proxy unless the
 * environment names one and use_proxy is set. Made after fork. Codes are libcurl's (CURLcode).
 */
#ifndef SERVER_NET_WIRE_H
#define SERVER_NET_WIRE_H

#include "server/net/loop.h"

struct wire_net;
struct wire_origin;
struct wire;

struct wire_options {
    const char *ca_file; /* NULL: wire_ca_file() */
    uint32_t pool;       /* idle connections kept */
    bool use_proxy;      /* honour HTTPS_PROXY and NO_PROXY; never for plain http */
    bool verbose;        /* logs libcurl's own notes at debug level; never headers or bodies */
};

enum { WIRE_OK = 0, WIRE_AGAIN = 81 /* CURLE_AGAIN: nothing to read, no room to write */ };

struct wire_ops {
    /* After wire_open, once, from the loop. Code is not WIRE_OK: no connection, the wire is gone. */
    void (*opened)(void *owner, int code);
    /* LOOP_* of what wire_watch asked for; LOOP_ERROR always. */
    void (*ready)(void *owner, unsigned events);
};

/* The bundle that is used where ca_file is NULL. */
const char *wire_ca_file(void);

struct wire_net *wire_net_new(struct loop *loop, const struct wire_options *options);
void wire_net_drop(struct wire_net *net); /* when all wires are closed or given back */

/* url: scheme and authority, checked (url_cut). NULL: no memory. */
struct wire_origin *wire_origin_find(struct wire_net *net, struct str url);
bool wire_origin_secure(const struct wire_origin *o);     /* TLS */
struct str wire_origin_host(const struct wire_origin *o); /* "Host: host[:port]" CRLF */

/* NULL: no memory. A new connection; watched for reading once it is open. */
struct wire *wire_open(struct wire_origin *origin, uint32_t connect_ms, const struct wire_ops *ops,
                       void *owner);
void wire_close(struct wire *w); /* at once, without a word */
/* Of first and, as far as there is room, of second. WIRE_AGAIN with TLS: later the same bytes. */
int wire_send(struct wire *w, struct str first, struct str second, size_t *n_out);
/* WIRE_OK and 0 bytes: the other side has ended. With TLS until WIRE_AGAIN, since the descriptor
 * does not tell what TLS holds. */
int wire_recv(struct wire *w, char *out, size_t size, size_t *n_out);
void wire_watch(struct wire *w, unsigned events); /* LOOP_READ, LOOP_WRITE; 0: rests */
/* Its owner only listens, and little comes: memory that TLS holds for more goes back. Between two calls
 * of send and recv; nothing is lost, and more may come at any time. */
void wire_rest(struct wire *w);
/* Since it was taken out of the pool not more than a farewell has come, or it was never there. */
bool wire_unheard(const struct wire *w);

/* wire_pool.c. An idle connection of this origin on which nobody has said anything; NULL: none. */
struct wire *wire_pool_take(struct wire_origin *origin, const struct wire_ops *ops, void *owner);
/* One whose answer is complete. Closed at once if there is no room, else when the other side says
 * something or hangs up. */
void wire_pool_give(struct wire *w);

#endif
