/*
 * fetch.h - outgoing HTTP/1.1, on connections that libcurl makes (wire.h).
 *
 *   fetch_client   one a process; owns the connections and a pool of transfers
 *   fetch          one transfer; lives from fetch_start to ops->done, or to fetch_cancel
 *
 * TLS verification is always on; plain http only where allow_http says so; no redirects, proxies
 * (unless the environment names one and use_proxy is set), cookies or automatic decoding. What is
 * accepted as an answer: response_parse.h. Made after fork. Drawing: see fetch.c.
 */
#ifndef SERVER_NET_FETCH_H
#define SERVER_NET_FETCH_H

#include "server/base/err.h"
#include "server/net/loop.h"

struct fetch_client;
struct fetch;

struct fetch_options {
    const char *ca_file; /* NULL: the built-in bundle */
    uint32_t pool;       /* idle connections kept */
    bool use_proxy;      /* honour HTTPS_PROXY and NO_PROXY; never for plain http */
    bool verbose;        /* logs libcurl's own notes at debug level; never headers or bodies */
};

struct fetch_header {
    const char *line; /* "name: value", NUL-terminated */
};

enum { FETCH_HEADERS_MAX = 40 };

/* The bundle that is used where ca_file is NULL. */
const char *fetch_ca_file(void);

struct fetch_request {
    const char *method;                 /* "GET", "POST", "PUT" */
    const char *url;                    /* with the path exactly as it goes on the wire */
    const struct fetch_header *headers; /* copied; at most FETCH_HEADERS_MAX, without CR or LF. One
                                         * with an empty value is not sent; "host:" replaces ours */
    size_t header_count;
    struct str body; /* must live until done or cancel, or fetch_needs_body says no; never copied */
    bool allow_http;
    uint32_t connect_ms;
    uint32_t first_byte_ms; /* from start to the first byte of the answer; 0: none */
    uint32_t idle_ms; /* longest gap between bytes afterwards; 0: none. Stands still while paused */
    uint32_t total_ms; /* 0: none */
    size_t body_max;   /* more answer bytes than this: STATUS_UPSTREAM; 0: none */
    const char *peer;  /* literal, names the other side in error texts; NULL: "the model service" */
};

/* What went wrong, for those that count it. X(name, meaning) */
#define FETCH_TROUBLES(X)                                     \
    X(OTHER, "an unusable address, no memory, anything else") \
    X(CONNECT, "no address, no connection, or not in time")   \
    X(TLS, "handshake, verification, CA bundle")              \
    X(TIMEOUT, "one of the deadlines of the request")         \
    X(CUT, "the connection ended before the answer did")      \
    X(ANSWER, "no HTTP answer, or one over a limit")

enum fetch_trouble {
#define FETCH_TROUBLE_ENUM(name, meaning) FETCH_TROUBLE_##name,
    FETCH_TROUBLES(FETCH_TROUBLE_ENUM)
#undef FETCH_TROUBLE_ENUM
};

struct fetch_ops {
    /* Status line and headers are in (called once, before data). */
    void (*headers)(void *owner, struct fetch *f, int status);
    /* A piece of the body, valid during the call. Return false to be paused: the same bytes come
     * again after fetch_resume. */
    bool (*data)(void *owner, struct fetch *f, struct str bytes);
    /* The end, exactly once unless cancelled. STATUS_OK: the body ended as announced (whatever the
     * HTTP status). Else UPSTREAM (connect, TLS, reset, cut short) or TIMEOUT with a text free of
     * secrets. f is gone after this call. */
    void (*done)(void *owner, struct fetch *f, enum status status, const struct err *err);
};

struct fetch_client *fetch_client_new(struct loop *loop, const struct fetch_options *options,
                                      struct err *err);
void fetch_client_drop(struct fetch_client *client); /* cancels what runs */

/* Never calls ops before it returns. */
struct fetch *fetch_start(struct fetch_client *client, const struct fetch_request *request,
                          const struct fetch_ops *ops, void *owner, struct err *err);
void fetch_cancel(struct fetch *f); /* the connection is closed at once; no ops call follows */
/* After data returned false; delivers from the loop, not inside. */
void fetch_resume(struct fetch *f);
enum fetch_trouble fetch_trouble(const struct fetch *f); /* in done, when it did not go well */
int fetch_status(const struct fetch *f);                 /* HTTP status, 0 before headers */
/* False once an answer has begun and all of the request is out: nothing sends it again. */
bool fetch_needs_body(const struct fetch *f);
/* Some request byte reached the wire: a retry may double the cost. */
bool fetch_sent(const struct fetch *f);
/* It went out twice, because a kept connection died under it: the first may have been carried out. */
bool fetch_repeated(const struct fetch *f);
/* A response header by name (case-insensitive), valid until done returns. */
bool fetch_header(const struct fetch *f, struct str name, struct str *value_out);
/* All of its lines, as long: for who looks for several. */
struct str fetch_head(const struct fetch *f);

struct fetch_stats {
    uint64_t started, connects; /* connects: new connections, i.e. started - connects were reused */
    uint64_t repeats;           /* a reused connection died unheard: sent again on a fresh one */
};
void fetch_stats(const struct fetch_client *client, struct fetch_stats *out);

#endif
