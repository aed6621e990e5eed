/*
 * wire.c - the life of a connection. Cast: wire_private.h.
 *
 *   wire_open -> wire_multi.c: libcurl connects -> wire_opened -> ops->opened, then ops->ready
 *             -> wire_close | wire_pool_give
 *
 * libcurl takes a connection that no handle has for its own idle one, and prunes it when it looks
 * dead or has something to read. The first curl_easy_send gives it to its handle for good, hence
 * attach().
 */
#include "server/net/wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "server/base/arena.h"
#include "server/base/url.h"
#include "server/net/wire_private.h"

static_assert((int)WIRE_AGAIN == (int)CURLE_AGAIN && (int)WIRE_OK == (int)CURLE_OK,
              "codes are libcurl's");

enum { URL_BYTES = 1024 };

/* ---- net and origins ---------------------------------------------------------------------- */

struct wire_net *wire_net_new(struct loop *loop, const struct wire_options *options)
{
    struct wire_net *net = heap_new(sizeof *net);
    if (!net || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        heap_drop(net);
        return NULL;
    }
    wire_rest_begin();
    net->loop = loop;
    net->options = *options;
    TAILQ_INIT(&net->idle);
    if (!wire_multi_begin(net)) {
        curl_global_cleanup();
        heap_drop(net);
        return NULL;
    }
    return net;
}

static void origin_free(struct wire_origin *o)
{
    wire_session_drop(o);
    buf_free(&o->url);
    buf_free(&o->host);
    heap_drop(o);
}

void wire_net_drop(struct wire_net *net)
{
    struct wire *w;
    struct wire_origin *o;
    if (!net) {
        return;
    }
    while ((w = TAILQ_FIRST(&net->idle))) {
        wire_close(w);
    }
    wire_multi_end(net);
    wire_share_drop_all(net);
    wire_ca_drop(net->ca);
    while ((o = LIST_FIRST(&net->origins))) {
        LIST_REMOVE(o, in_net);
        origin_free(o);
    }
    curl_global_cleanup();
    net->dropped = true;
    if (!net->work_due) {
        heap_drop(net);
    }
}

/* The port only where it is not the scheme's own, as it was signed. */
static void put_host(struct buf *b, const struct url *u)
{
    uint64_t port = 0;
    bool ipv6 = u->authority.n > 0 && u->authority.p[0] == '[';
    BUF_LIT(b, "Host: ");
    buf_put(b, "[", ipv6);
    buf_put_str(b, u->host);
    buf_put(b, "]", ipv6);
    if (text_u64(u->port, &port) && port != (u->plain_http ? 80 : 443)) {
        buf_put_char(b, ':');
        buf_put_u64(b, port);
    }
    BUF_LIT(b, "\r\n");
}

static struct wire_origin *origin_new(struct wire_net *net, struct str url)
{
    struct url u;
    struct wire_origin *o = url_cut(url, &u) ? heap_new(sizeof *o) : NULL;
    if (!o) {
        return NULL;
    }
    *o = (struct wire_origin){.net = net, .secure = !u.plain_http};
    TAILQ_INIT(&o->idle);
    buf_init(&o->url, URL_BYTES);
    buf_init(&o->host, URL_BYTES);
    buf_put_str(&o->url, url);
    buf_put_char(&o->url, '\0');
    put_host(&o->host, &u);
    if (!buf_ok(&o->url) || !buf_ok(&o->host)) {
        origin_free(o);
        return NULL;
    }
    LIST_INSERT_HEAD(&net->origins, o, in_net);
    return o;
}

/* They are as many as the settings name, and mostly it is the one of the last time. */
struct wire_origin *wire_origin_find(struct wire_net *net, struct str url)
{
    struct wire_origin *o;
    LIST_FOREACH(o, &net->origins, in_net)
    {
        if (text_eq(text_sub(buf_str(&o->url), 0, buf_len(&o->url) - 1), url)) {
            break;
        }
    }
    if (!o) {
        return origin_new(net, url);
    }
    if (o != LIST_FIRST(&net->origins)) {
        LIST_REMOVE(o, in_net);
        LIST_INSERT_HEAD(&net->origins, o, in_net);
    }
    return o;
}

bool wire_origin_secure(const struct wire_origin *o)
{
    return o->secure;
}

struct str wire_origin_host(const struct wire_origin *o)
{
    return buf_str(&o->host);
}

/* ---- watching ------------------------------------------------------------------------------ */

static void unwatch(struct wire *w)
{
    loop_remove(w->origin->net->loop, w->watch);
    w->watch = 0;
}

/* A connection that rests and was reset would be reported for ever: out of the loop, until its
 * owner wants to read or write again. */
static void on_ready(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    struct wire *w = owner;
    if (w->state == WIRE_IDLE) {
        wire_pool_heard(w);
    } else if (!w->events) {
        unwatch(w);
    } else {
        w->ops.ready(w->owner, events);
    }
}

void wire_watch(struct wire *w, unsigned events)
{
    struct loop *loop = w->origin->net->loop;
    if (w->events == events && w->watch) {
        return;
    }
    w->events = events;
    if (w->watch) {
        loop_change(loop, w->watch, events);
    } else if (events && w->fd >= 0) { /* no memory: its deadline ends it */
        w->watch = loop_add(loop, w->fd, events, on_ready, w, NULL);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The handle before its share. */
static void wire_free(struct wire *w)
{
    if (w->easy) {
        curl_easy_cleanup(w->easy);
    }
    if (w->share) {
        wire_share_leave(w);
    }
    wire_ca_drop(w->ca);
    heap_drop(w);
}

struct wire *wire_open(struct wire_origin *origin, uint32_t connect_ms, const struct wire_ops *ops,
                       void *owner)
{
    struct wire *w = heap_new(sizeof *w);
    if (!w) {
        return NULL;
    }
    *w = (struct wire){
        .origin = origin, .fd = -1, .secure = origin->secure, .ops = *ops, .owner = owner};
    w->easy = curl_easy_init();
    if (!w->easy || !wire_options_set(w, connect_ms) || !wire_share_join(w) ||
        curl_multi_add_handle(origin->net->multi, w->easy) != CURLM_OK) {
        wire_free(w);
        return NULL;
    }
    return w;
}

/* libcurl closes a connection when its handle leaves the multi. */
void wire_close(struct wire *w)
{
    struct wire_net *net = w->origin->net;
    assert(!net->inside);
    if (w->state == WIRE_IDLE) {
        wire_pool_forget(w);
    }
    unwatch(w);
    curl_multi_remove_handle(net->multi, w->easy);
    wire_free(w);
}

static void attach(struct wire *w)
{
    size_t n;
    if (!w->secure) {
        curl_easy_send(w->easy, "", 0, &n);
    }
}

/* With the time to connect once more from its beginning. */
static bool connect_again(struct wire *w)
{
    CURLM *multi = w->origin->net->multi;
    w->again = true;
    curl_multi_remove_handle(multi, w->easy);
    return curl_multi_add_handle(multi, w->easy) == CURLM_OK;
}

void wire_opened(struct wire *w, CURLcode code)
{
    struct wire_ops ops = w->ops;
    void *owner = w->owner;
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (code == CURLE_OK) {
        curl_easy_getinfo(w->easy, CURLINFO_ACTIVESOCKET, &fd);
        code = fd == CURL_SOCKET_BAD ? CURLE_COULDNT_CONNECT : CURLE_OK;
    }
    if (code != CURLE_OK) {
        wire_session_drop(w->origin);
        if (wire_session_blamed(w, code) && connect_again(w)) {
            return;
        }
        wire_close(w);
        ops.opened(owner, (int)code);
        return;
    }
    w->fd = fd;
    w->state = WIRE_OPEN;
    attach(w);
    wire_watch(w, LOOP_READ);
    ops.opened(owner, WIRE_OK);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static int send_plain(const struct wire *w, struct str first, struct str second, size_t *n_out)
{
    struct iovec pieces[2] = {{(void *)(uintptr_t)first.p, first.n},
                              {(void *)(uintptr_t)second.p, second.n}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = second.n > 0 ? 2 : 1};
    ssize_t n = w->fd < 0 ? -1 : sendmsg(w->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    *n_out = n > 0 ? (size_t)n : 0;
    if (n >= 0) {
        return WIRE_OK;
    }
    return w->fd >= 0 && (errno == EAGAIN || errno == EINTR) ? WIRE_AGAIN : CURLE_SEND_ERROR;
}

int wire_send(struct wire *w, struct str first, struct str second, size_t *n_out)
{
    if (!w->secure) {
        return send_plain(w, first, second, n_out);
    }
    struct str bytes = first.n > 0 ? first : second;
    *n_out = 0;
    return (int)curl_easy_send(w->easy, bytes.p, bytes.n, n_out);
}

static int recv_plain(const struct wire *w, char *out, size_t size, size_t *n_out)
{
    ssize_t n = w->fd < 0 ? -1 : recv(w->fd, out, size, MSG_DONTWAIT);
    *n_out = n > 0 ? (size_t)n : 0;
    if (n >= 0) {
        return WIRE_OK;
    }
    return w->fd >= 0 && (errno == EAGAIN || errno == EINTR) ? WIRE_AGAIN : CURLE_RECV_ERROR;
}

int wire_recv(struct wire *w, char *out, size_t size, size_t *n_out)
{
    if (!w->secure) {
        return recv_plain(w, out, size, n_out);
    }
    *n_out = 0;
    CURLcode code = curl_easy_recv(w->easy, out, size, n_out);
    /* libcurl says nothing of a ticket; they come before the first answer, if ever. */
    if (!w->heard && (code == CURLE_OK || code == CURLE_AGAIN)) {
        w->heard = code == CURLE_OK;
        wire_session_look(w);
    }
    /* A read ends with a record, and a short one took all of it. What WIRE_AGAIN leaves may be half of one. */
    w->drained = code == CURLE_OK && *n_out > 0 && *n_out < size;
    return code == CURLE_UNSUPPORTED_PROTOCOL ? CURLE_RECV_ERROR : (int)code; /* closed behind us */
}
