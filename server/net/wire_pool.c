/*
 * wire_pool.c - idle connections, the last used first: those that are too many grow old at the
 * other end, and go from there.
 */
#include "server/net/wire.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/net/wire_private.h"

/* Load balancers forget connections without a word, some after 2 minutes; libcurl has the same. */
enum { IDLE_MS = 118 * 1000 };

/* What a dying TLS connection receives that is no answer: an alert of 24 to 31 bytes and the FIN,
 * which the kernel counts as a byte. The shortest record with a letter of an answer in it is about
 * as long. */
enum { FAREWELL_BYTES = 31 + 1 };

uint64_t wire_pool_received(const struct wire *w)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    bool known = w->fd >= 0 && getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
                 size >= offsetof(struct tcp_info, tcpi_bytes_received) + 8;
    return known ? info.tcpi_bytes_received : WIRE_UNKNOWN;
}

/* Half a record is no byte that we see, but the other side has begun to answer. */
bool wire_unheard(const struct wire *w)
{
    if (!w->secure) {
        return true;
    }
    uint64_t now = w->received == WIRE_UNKNOWN ? WIRE_UNKNOWN : wire_pool_received(w);
    return now != WIRE_UNKNOWN && now - w->received <= FAREWELL_BYTES;
}

void wire_pool_forget(struct wire *w)
{
    struct wire_net *net = w->origin->net;
    TAILQ_REMOVE(&net->idle, w, in_idle);
    TAILQ_REMOVE(&w->origin->idle, w, in_origin);
    net->idle_count--;
    w->state = WIRE_OPEN;
}

void wire_pool_heard(struct wire *w)
{
    wire_close(w);
}

/* What came before the request was sent is no answer to it. */
static bool is_quiet(struct wire *w)
{
    char byte;
    size_t n;
    if ((!w->secure || w->drained) && w->fd >= 0 &&
        recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN) {
        return true;
    }
    return w->secure && wire_recv(w, &byte, 1, &n) == WIRE_AGAIN; /* it may be a session ticket */
}

struct wire *wire_pool_take(struct wire_origin *origin, const struct wire_ops *ops, void *owner)
{
    struct wire *w;
    while ((w = TAILQ_FIRST(&origin->idle))) {
        bool young = clock_mono_ms() - w->idle_ms < IDLE_MS;
        if (young && is_quiet(w)) {
            wire_pool_forget(w);
            w->ops = *ops;
            w->owner = owner;
            return w;
        }
        wire_close(w);
    }
    return NULL;
}

void wire_pool_give(struct wire *w)
{
    struct wire_net *net = w->origin->net;
    wire_watch(w, LOOP_READ);
    if (!w->watch || net->options.pool == 0) {
        wire_close(w);
        return;
    }
    if (net->idle_count >= net->options.pool) {
        wire_close(TAILQ_LAST(&net->idle, wire_idle));
    }
    w->received = w->secure ? wire_pool_received(w) : 0;
    w->idle_ms = clock_mono_ms();
    w->state = WIRE_IDLE;
    TAILQ_INSERT_HEAD(&net->idle, w, in_idle);
    TAILQ_INSERT_HEAD(&w->origin->idle, w, in_origin);
    net->idle_count++;
}
