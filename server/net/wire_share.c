/*
 * wire_share.c - which connections libcurl searches together.
 *
 * curl_easy_send, curl_easy_recv and CURLINFO_ACTIVESOCKET search all connections of the handle's
 * cache: 0.6 us among 100, 54 us among 5,000 (libcurl 7.88). A cache is the multi's, or the share's.
 * More multis would do, but each reads the CA bundle for itself: 1.5 MB and 20 ms. So there is one
 * multi, and as many shares as connections want.
 */
#include "server/net/wire_private.h"

#include <assert.h>
#include <unistd.h>

#include "server/base/arena.h"

static struct wire_share *share_new(struct wire_net *net)
{
    struct wire_share *s = heap_new(sizeof *s);
    if (!s) {
        return NULL;
    }
    s->net = net;
    s->curl = curl_share_init();
    if (!s->curl ||
        curl_share_setopt(s->curl, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) != CURLSHE_OK ||
        curl_share_setopt(s->curl, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        curl_share_cleanup(s->curl);
        heap_drop(s);
        return NULL;
    }
    LIST_INSERT_HEAD(&net->roomy, s, in_net);
    return s;
}

static void share_drop(struct wire_share *s)
{
    LIST_REMOVE(s, in_net);
    heap_drop(s);
}

/* Mostly wire_close's doing. Should libcurl close a connection by itself, nothing may be written to
 * that number again. */
static int on_close(void *owner, curl_socket_t fd)
{
    const struct wire_share *s = owner;
    struct wire *w;
    LIST_FOREACH(w, &s->wires, in_share)
    {
        if (w->fd == fd) {
            loop_remove(s->net->loop, w->watch);
            w->watch = 0;
            w->fd = -1;
        }
    }
    return close(fd);
}

bool wire_share_join(struct wire *w)
{
    struct wire_net *net = w->origin->net;
    struct wire_share *s = LIST_FIRST(&net->roomy);
    s = s ? s : share_new(net);
    if (!s) {
        return false;
    }
    w->share = s;
    LIST_INSERT_HEAD(&s->wires, w, in_share);
    if (++s->count == WIRES_A_SHARE) {
        LIST_REMOVE(s, in_net);
        LIST_INSERT_HEAD(&net->full, s, in_net);
    }
    return curl_easy_setopt(w->easy, CURLOPT_SHARE, s->curl) == CURLE_OK &&
           curl_easy_setopt(w->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(w->easy, CURLOPT_CLOSESOCKETDATA, (void *)s) == CURLE_OK;
}

/* One is kept, with the TLS sessions in it; and one that libcurl still needs. */
void wire_share_leave(struct wire *w)
{
    struct wire_share *s = w->share;
    struct wire_net *net = s->net;
    LIST_REMOVE(w, in_share);
    if (s->count-- == WIRES_A_SHARE) {
        LIST_REMOVE(s, in_net);
        LIST_INSERT_HEAD(&net->roomy, s, in_net);
    }
    bool alone = s == LIST_FIRST(&net->roomy) && !LIST_NEXT(s, in_net);
    if (s->count == 0 && !alone && curl_share_cleanup(s->curl) == CURLSHE_OK) {
        share_drop(s);
    }
}

void wire_share_drop_all(struct wire_net *net)
{
    while (LIST_FIRST(&net->roomy)) {
        struct wire_share *s = LIST_FIRST(&net->roomy);
        assert(s->count == 0);
        curl_share_cleanup(s->curl);
        share_drop(s);
    }
}
