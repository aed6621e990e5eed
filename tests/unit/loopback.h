/*
 * loopback.h - a small HTTP/1.1 server on 127.0.0.1, port 0, on the test's own loop. The test's
 * answer function gets each complete request and puts what it likes into the connection's output.
 */
#ifndef TESTS_UNIT_LOOPBACK_H
#define TESTS_UNIT_LOOPBACK_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/net/loop.h"

struct loopback;

struct loopback_conn {
    struct loopback *server;
    int fd;
    loop_handle handle;
    struct buf in, out;
    bool close_after; /* close when out is written */
    bool reset_after; /* the same with RST */
    struct loopback_conn *next;
};

/* request: head and body. */
typedef void loopback_fn(struct loopback_conn *c, struct str request);

struct loopback {
    struct loop *loop;
    int fd;
    unsigned port;
    loop_handle handle;
    loopback_fn *fn;
    void *ctx;
    unsigned accepted, requests, gone; /* gone: connections that the client closed */
    uint64_t written;
    struct loopback_conn *conns;
};

static void loopback_close(struct loopback_conn *c)
{
    struct loopback_conn **at = &c->server->conns;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    loop_remove(c->server->loop, c->handle);
    if (c->reset_after)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    heap_drop(c);
}

/* False when the connection was closed. */
static bool loopback_flush(struct loopback_conn *c)
{
    while (buf_len(&c->out) > 0) {
        ssize_t n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
            break;
        c->server->written += (uint64_t)n;
        buf_consume(&c->out, (size_t)n);
    }
    bool more = buf_len(&c->out) > 0;
    if (!more && (c->close_after || c->reset_after)) {
        loopback_close(c);
        return false;
    }
    loop_change(c->server->loop, c->handle, LOOP_READ | (more ? LOOP_WRITE : 0));
    return true;
}

/* Length of the first complete request in in, or 0. A TLS hello counts as one. */
static size_t loopback_complete(const struct loopback_conn *c)
{
    size_t head, at;
    struct str in = buf_str(&c->in);
    if (in.n > 0 && in.p[0] == 0x16)
        return in.n;
    if (!text_find(in, STR("\r\n\r\n"), &head))
        return 0;
    uint64_t length = 0;
    if (text_find(in, STR("Content-Length: "), &at) && at < head)
        for (const char *p = in.p + at + 16; *p >= '0' && *p <= '9'; p++)
            length = length * 10 + (uint64_t)(*p - '0');
    size_t n = head + 4 + (size_t)length;
    return n <= in.n ? n : 0;
}

static void loopback_ready(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    struct loopback_conn *c = owner;
    if (events & (LOOP_READ | LOOP_ERROR)) {
        char piece[16384];
        ssize_t n = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && events & LOOP_ERROR)) {
            c->server->gone++;
            loopback_close(c);
            return;
        }
        if (n > 0)
            buf_put(&c->in, piece, (size_t)n);
    }
    for (size_t n; (n = loopback_complete(c)) > 0; buf_consume(&c->in, n)) {
        c->server->requests++;
        c->server->fn(c, (struct str){buf_data(&c->in), n});
    }
    loopback_flush(c);
}

static void loopback_accept(struct loop *loop, void *owner, unsigned events)
{
    (void)events;
    struct loopback *s = owner;
    struct loopback_conn *c = heap_new(sizeof *c);
    assert(c);
    c->server = s;
    c->fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    assert(c->fd >= 0);
    buf_init(&c->in, 1 << 24);
    buf_init(&c->out, 1 << 26);
    c->next = s->conns;
    s->conns = c;
    s->accepted++;
    c->handle = loop_add(loop, c->fd, LOOP_READ, loopback_ready, c, NULL);
    assert(c->handle);
}

static void loopback_open(struct loopback *s, struct loop *loop, loopback_fn *fn, void *ctx)
{
    *s = (struct loopback){.loop = loop, .fn = fn, .ctx = ctx};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, size) == 0 && listen(s->fd, 64) == 0);
    getsockname(s->fd, (struct sockaddr *)&a, &size);
    s->port = ntohs(a.sin_port);
    s->handle = loop_add(loop, s->fd, LOOP_READ, loopback_accept, s, NULL);
    assert(s->handle);
}

static void loopback_shut(struct loopback *s)
{
    while (s->conns)
        loopback_close(s->conns);
    loop_remove(s->loop, s->handle);
    close(s->fd);
}

static inline void loopback_reply(struct loopback_conn *c, const char *status, struct str body)
{
    buf_printf(&c->out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status, body.n);
    buf_put_str(&c->out, body);
}

/* "/path" of "GET /path HTTP/1.1" */
static inline struct str loopback_path(struct str request)
{
    struct str method, path = {NULL, 0};
    if (text_split(&request, ' ', &method))
        text_split(&request, ' ', &path);
    return path;
}

#endif
