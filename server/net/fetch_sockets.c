/*
 * fetch_sockets.c - libcurl's descriptors and its one timer on our loop.
 *
 * Traps (curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html, CURLMOPT_TIMERFUNCTION.html):
 *   - a non-zero return from watch_socket or set_timer aborts every transfer of the process;
 *   - CURL_POLL_REMOVE may come after the descriptor was closed and its number reused (curl issue
 * 14976), or while curl_multi_cleanup runs: loop.h's handles carry a generation, so a stale one
 * does nothing;
 *   - a delay of 0 means soon, but never from inside the callback.
 *
 * libcurl stops watching a connection between two requests on it. To take it out of epoll and put
 * it back would be two system calls a request, so the watch of a connection stays, idle, until
 * libcurl closes the descriptor or something happens to it that nobody waits for. Other descriptors
 * (the resolver's) are closed without a word, and are never kept.
 */
#include "server/net/fetch_private.h"

#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/log.h"

enum { CONNECTIONS_FIRST = 256 };

static void unwatch(struct fetch_watch *w)
{
    loop_remove(w->client->loop, w->handle);
    w->handle = 0;
}

static void on_ready(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    struct fetch_watch *w = owner;
    int bits = 0;
    if (w->idle) { /* libcurl will see it when it looks at the connection before using it again */
        unwatch(w);
        return;
    }
    if (events & (LOOP_READ | LOOP_ERROR)) {
        bits |= CURL_CSELECT_IN;
    }
    /* An error alone is passed as "try both": recv and send then tell which error it is. */
    if (events & (LOOP_WRITE | LOOP_ERROR)) {
        bits |= CURL_CSELECT_OUT;
    }
    fetch_act(w->client, w->fd, bits);
}

static struct fetch_watch *watch_new(struct fetch_client *client, int fd)
{
    struct fetch_watch *w = LIST_FIRST(&client->spare_watches);
    if (w) {
        LIST_REMOVE(w, in_watches);
    } else {
        w = heap_new(sizeof *w);
    }
    if (!w) {
        return NULL;
    }
    *w = (struct fetch_watch){.client = client, .fd = fd, .received = FETCH_UNKNOWN};
    LIST_INSERT_HEAD(&client->watches, w, in_watches);
    return w;
}

static void watch_drop(struct fetch_watch *w)
{
    unwatch(w);
    LIST_REMOVE(w, in_watches);
    LIST_INSERT_HEAD(&w->client->spare_watches, w, in_watches);
}

static bool watch(struct fetch_watch *w, unsigned events)
{
    w->idle = false;
    if (w->handle) {
        loop_change(w->client->loop, w->handle, events);
    } else {
        w->handle = loop_add(w->client->loop, w->fd, events, on_ready, w, NULL);
    }
    return w->handle != 0;
}

/* ---- connections ---------------------------------------------------------------------- */

static bool room_for(struct fetch_client *client, int fd)
{
    size_t size = client->connections_size ? client->connections_size : CONNECTIONS_FIRST;
    while ((size_t)fd >= size) {
        size *= 2;
    }
    if (size == client->connections_size) {
        return true;
    }
    struct fetch_watch **bigger = heap_grow(client->connections, size * sizeof(void *));
    if (!bigger) {
        return false;
    }
    for (size_t i = client->connections_size; i < size; i++) {
        bigger[i] = NULL;
    }
    client->connections = bigger;
    client->connections_size = size;
    return true;
}

static struct fetch_watch *connection_at(const struct fetch_client *client, int fd)
{
    return (size_t)fd < client->connections_size ? client->connections[fd] : NULL;
}

static void forget(struct fetch_client *client, int fd)
{
    struct fetch_watch *w = connection_at(client, fd);
    if (!w) {
        return;
    }
    client->connections[fd] = NULL;
    watch_drop(w);
}

/* Without memory it is watched like any other descriptor. */
static int on_open(void *owner, curl_socket_t fd, curlsocktype purpose)
{
    struct fetch_client *client = owner;
    (void)purpose;
    forget(client, fd); /* a number that was closed without on_close */
    struct fetch_watch *w = room_for(client, fd) ? watch_new(client, fd) : NULL;
    if (w) {
        w->connection = true;
        client->connections[fd] = w;
    }
    return CURL_SOCKOPT_OK;
}

static int on_close(void *owner, curl_socket_t fd)
{
    const struct fetch_watch *w = connection_at(owner, fd);
    if (w) {
        fetch_repeat_closing(w);
    }
    forget(owner, fd);
    return close(fd);
}

bool fetch_sockets_options(struct fetch *f)
{
    return curl_easy_setopt(f->easy, CURLOPT_SOCKOPTFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(f->easy, CURLOPT_SOCKOPTDATA, (void *)f->client) == CURLE_OK &&
           curl_easy_setopt(f->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(f->easy, CURLOPT_CLOSESOCKETDATA, (void *)f->client) == CURLE_OK;
}

/* ---- what libcurl asks for ------------------------------------------------------------ */

/* Nothing is wanted any more. */
static void rest(struct fetch_watch *w)
{
    if (w->connection) {
        w->idle = true;
    } else {
        watch_drop(w);
    }
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
    struct fetch_client *client = owner;
    struct fetch_watch *w = socket ? socket : connection_at(client, fd);
    struct fetch *f = NULL; /* easy may be one that libcurl made for itself */
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&f);
    if (f && w && w->connection) {
        f->connection.fd = fd;
    }
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            rest(w);
        }
        return 0;
    }
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    if (!w) {
        w = watch_new(client, fd);
    }
    if (!w || !watch(w, events)) {
        log_line(LOG_ERROR, "fetch", "cannot watch a connection; its deadline will end it");
    }
    if (!socket) {
        curl_multi_assign(client->multi, fd, w);
    }
    return 0;
}

void fetch_sockets_answered(const struct fetch *f)
{
    struct fetch_watch *w =
        f->connection.fd >= 0 ? connection_at(f->client, f->connection.fd) : NULL;
    if (w) {
        fetch_repeat_answered(f, w);
    }
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
    if (delay_ms == 0) {
        fetch_act_soon(client);
    }
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
    while ((w = LIST_FIRST(&client->watches))) {
        watch_drop(w);
    }
    while ((w = LIST_FIRST(&client->spare_watches))) {
        LIST_REMOVE(w, in_watches);
        heap_drop(w);
    }
    heap_drop(client->connections);
}
