/*
 * fetch_sockets.c - libcurl's descriptors and its one timer on our loop.
 *
 * Traps (curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html, CURLMOPT_TIMERFUNCTION.html):
 *   - a non-zero return from watch_socket or set_timer aborts every transfer of the process;
 *   - CURL_POLL_REMOVE may come after the descriptor was closed and its number reused (curl issue
 * 14976), or while curl_multi_cleanup runs: loop.h's handles carry a generation, so a stale one
 * does nothing;
 *   - a delay of 0 means soon, but never from inside the callback.
 */
#include "server/fetch_private.h"

#include "server/arena.h"
#include "server/log.h"

static void on_ready(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    struct fetch_watch *w = owner;
    int bits = 0;
    if (events & (LOOP_READ | LOOP_ERROR))
        bits |= CURL_CSELECT_IN;
    /* An error alone is passed as "try both": recv and send then tell which error it is. */
    if (events & (LOOP_WRITE | LOOP_ERROR))
        bits |= CURL_CSELECT_OUT;
    fetch_act(w->client, w->fd, bits);
}

static struct fetch_watch *watch_new(struct fetch_client *client, int fd, unsigned events)
{
    struct fetch_watch *w = LIST_FIRST(&client->spare_watches);
    if (w)
        LIST_REMOVE(w, in_watches);
    else
        w = heap_new(sizeof *w);
    if (!w)
        return NULL;
    w->client = client;
    w->fd = fd;
    w->handle = loop_add(client->loop, fd, events, on_ready, w, NULL);
    if (!w->handle) {
        LIST_INSERT_HEAD(&client->spare_watches, w, in_watches);
        return NULL;
    }
    LIST_INSERT_HEAD(&client->watches, w, in_watches);
    return w;
}

static void watch_drop(struct fetch_watch *w)
{
    loop_remove(w->client->loop, w->handle);
    LIST_REMOVE(w, in_watches);
    LIST_INSERT_HEAD(&w->client->spare_watches, w, in_watches);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
    (void)easy; /* may be one that libcurl made for itself */
    struct fetch_client *client = owner;
    struct fetch_watch *w = socket;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            watch_drop(w);
        return 0;
    }
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    if (w) {
        loop_change(client->loop, w->handle, events);
        return 0;
    }
    w = watch_new(client, fd, events);
    if (!w)
        log_line(LOG_ERROR, "fetch", "cannot watch a connection; its deadline will end it");
    curl_multi_assign(client->multi, fd, w);
    return 0;
}

static void on_timer(struct loop *loop, void *owner)
{
    (void)loop;
    fetch_act(owner, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long delay_ms, void *owner)
{
    (void)multi;
    struct fetch_client *client = owner;
    if (delay_ms > 0) {
        loop_timer_in(client->loop, &client->timer, (uint64_t)delay_ms, on_timer, client);
        return 0;
    }
    loop_timer_cancel(client->loop, &client->timer);
    if (delay_ms == 0)
        fetch_act_soon(client);
    return 0;
}

void fetch_sockets_attach(struct fetch_client *client)
{
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
}

void fetch_sockets_detach(struct fetch_client *client)
{
    loop_timer_cancel(client->loop, &client->timer);
    struct fetch_watch *w;
    while ((w = LIST_FIRST(&client->watches)))
        watch_drop(w);
    while ((w = LIST_FIRST(&client->spare_watches))) {
        LIST_REMOVE(w, in_watches);
        heap_drop(w);
    }
}
