/*
 * wire_multi.c - libcurl's descriptors and timers on our loop, while it connects.
 *
 * Traps (curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html, CURLMOPT_TIMERFUNCTION.html):
 *   - a non-zero return from watch_socket or set_timer aborts every transfer of the multi;
 *   - CURL_POLL_REMOVE may come after the descriptor was closed and its number reused (curl issue
 *     14976), or while curl_multi_cleanup runs: loop.h's handles carry a generation, so a stale one
 *     does nothing;
 *   - a delay of 0 means soon, but never from inside the callback;
 *   - a handle must not be removed while libcurl is on the stack: what ops->opened does comes after.
 */
#include "server/net/wire_private.h"

#include <assert.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/log.h"

static void do_work(struct loop *loop, void *owner);

static void defer_work(struct wire_multi *m)
{
    if (!m->work_due) {
        m->work_due = true;
        loop_defer(m->net->loop, do_work, m);
    }
}

/* ---- libcurl runs -------------------------------------------------------------------------- */

static void deliver(struct wire_multi *m)
{
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(m->curl, &left))) {
        struct wire *w = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&w);
        if (w->state == WIRE_OPENING) {
            wire_opened(w, code);
        }
    }
}

static void act(struct wire_multi *m, curl_socket_t fd, int bits)
{
    int running;
    m->inside = true;
    curl_multi_socket_action(m->curl, fd, bits, &running);
    m->inside = false;
    deliver(m);
}

static void on_timer(struct loop *loop, void *owner)
{
    (void)loop;
    act(owner, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    const struct wire_watch *watch = owner;
    int bits = 0;
    if (events & (LOOP_READ | LOOP_ERROR)) {
        bits |= CURL_CSELECT_IN;
    }
    /* An error alone is passed as "try both": recv and send then tell which error it is. */
    if (events & (LOOP_WRITE | LOOP_ERROR)) {
        bits |= CURL_CSELECT_OUT;
    }
    act(watch->multi, watch->fd, bits);
}

/* ---- what libcurl asks for ----------------------------------------------------------------- */

static struct wire_watch *watch_new(struct wire_multi *m, int fd)
{
    struct wire_watch *watch = heap_new(sizeof *watch);
    if (watch) {
        watch->multi = m;
        watch->fd = fd;
        LIST_INSERT_HEAD(&m->watches, watch, in_multi);
    }
    return watch;
}

static void watch_drop(struct wire_watch *watch)
{
    loop_remove(watch->multi->net->loop, watch->handle);
    LIST_REMOVE(watch, in_multi);
    heap_drop(watch);
}

static struct wire_watch *watch_of(const struct wire_multi *m, int fd)
{
    struct wire_watch *watch;
    LIST_FOREACH(watch, &m->watches, in_multi)
    {
        if (watch->fd == fd) {
            break;
        }
    }
    return watch;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *unused)
{
    (void)easy, (void)unused;
    struct wire_multi *m = owner;
    struct wire_watch *watch = watch_of(m, fd);
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            watch_drop(watch);
        }
        return 0;
    }
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    watch = watch ? watch : watch_new(m, fd);
    if (watch && watch->handle) {
        loop_change(m->net->loop, watch->handle, events);
    } else if (watch) {
        watch->handle = loop_add(m->net->loop, fd, events, on_ready, watch, NULL);
    }
    if (!watch || !watch->handle) {
        log_line(LOG_ERROR, "wire", "cannot watch a connection; its deadline will end it");
    }
    return 0;
}

/* Mostly wire_multi_leave's doing. Should libcurl close a connection by itself, nothing may be
 * written to that number again. */
static int on_close(void *owner, curl_socket_t fd)
{
    const struct wire_multi *m = owner;
    struct wire *w;
    struct wire_watch *watch = watch_of(m, fd);
    if (watch) {
        watch_drop(watch);
    }
    LIST_FOREACH(w, &m->wires, in_multi)
    {
        if (w->fd == fd) {
            loop_remove(m->net->loop, w->watch);
            w->watch = 0;
            w->fd = -1;
        }
    }
    return close(fd);
}

/* A timer would cost one epoll_wait more than work at the end of this turn. */
static int set_timer(CURLM *curl, long delay_ms, void *owner)
{
    (void)curl;
    struct wire_multi *m = owner;
    if (delay_ms > 0) {
        loop_timer_in(m->net->loop, &m->timer, (uint64_t)delay_ms, on_timer, m);
        return 0;
    }
    loop_timer_cancel(m->net->loop, &m->timer);
    m->kick = delay_ms == 0;
    if (m->kick) {
        defer_work(m);
    }
    return 0;
}

/* ---- multis -------------------------------------------------------------------------------- */

static struct wire_multi *multi_new(struct wire_net *net)
{
    struct wire_multi *m = heap_new(sizeof *m);
    if (!m) {
        return NULL;
    }
    m->net = net;
    m->curl = curl_multi_init();
    if (!m->curl) {
        heap_drop(m);
        return NULL;
    }
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, (long)(2 * WIRES_A_MULTI));
    LIST_INSERT_HEAD(&net->roomy, m, in_net);
    return m;
}

static void multi_drop(struct wire_multi *m)
{
    assert(!m->inside && m->count == 0);
    LIST_REMOVE(m, in_net);
    curl_multi_cleanup(m->curl); /* still calls watch_socket */
    loop_timer_cancel(m->net->loop, &m->timer);
    while (LIST_FIRST(&m->watches)) {
        watch_drop(LIST_FIRST(&m->watches));
    }
    m->dropped = true;
    if (!m->work_due) {
        heap_drop(m);
    }
}

/* One is kept, with the CA bundle that it has read. */
static bool is_spare(const struct wire_multi *m)
{
    return m->count == 0 && LIST_NEXT(LIST_FIRST(&m->net->roomy), in_net);
}

static void do_work(struct loop *loop, void *owner)
{
    (void)loop;
    struct wire_multi *m = owner;
    m->work_due = false;
    if (m->dropped) {
        heap_drop(m);
        return;
    }
    if (m->kick) {
        m->kick = false;
        act(m, CURL_SOCKET_TIMEOUT, 0);
    }
    if (is_spare(m)) {
        multi_drop(m);
    }
}

void wire_multi_drop_all(struct wire_net *net)
{
    struct wire_multi *m;
    while ((m = LIST_FIRST(&net->roomy)) || (m = LIST_FIRST(&net->full))) {
        multi_drop(m);
    }
}

bool wire_multi_join(struct wire *w)
{
    struct wire_net *net = w->origin->net;
    struct wire_multi *m = LIST_FIRST(&net->roomy);
    m = m ? m : multi_new(net);
    if (!m || curl_easy_setopt(w->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) != CURLE_OK ||
        curl_easy_setopt(w->easy, CURLOPT_CLOSESOCKETDATA, (void *)m) != CURLE_OK ||
        curl_multi_add_handle(m->curl, w->easy) != CURLM_OK) {
        return false;
    }
    w->multi = m;
    LIST_INSERT_HEAD(&m->wires, w, in_multi);
    if (++m->count == WIRES_A_MULTI) {
        LIST_REMOVE(m, in_net);
        LIST_INSERT_HEAD(&net->full, m, in_net);
    }
    return true;
}

void wire_multi_leave(struct wire *w)
{
    struct wire_multi *m = w->multi;
    assert(!m->inside);
    LIST_REMOVE(w, in_multi);
    curl_multi_remove_handle(m->curl, w->easy);
    if (m->count-- == WIRES_A_MULTI) {
        LIST_REMOVE(m, in_net);
        LIST_INSERT_HEAD(&m->net->roomy, m, in_net);
    }
    if (is_spare(m)) {
        defer_work(m);
    }
}
