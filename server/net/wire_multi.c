/*
 * wire_multi.c - libcurl's descriptors and its timer on our loop, while it connects.
 *
 * Traps (curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html, CURLMOPT_TIMERFUNCTION.html):
 *   - a non-zero return from watch_socket or set_timer aborts every transfer;
 *   - CURL_POLL_REMOVE may come after the descriptor was closed and its number reused (curl issue
 *     14976), or while curl_multi_cleanup runs: loop.h's handles carry a generation, so a stale one
 *     does nothing;
 *   - a delay of 0 means soon, but never from inside the callback;
 *   - a handle must not be removed while libcurl is on the stack: what ops->opened does comes after.
 */
#include "server/net/wire_private.h"

#include <assert.h>

#include "server/base/arena.h"
#include "server/base/log.h"

/* ---- libcurl runs -------------------------------------------------------------------------- */

static void deliver(struct wire_net *net)
{
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(net->multi, &left))) {
        struct wire *w = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&w);
        if (w->state == WIRE_OPENING) {
            wire_opened(w, code);
        }
    }
}

static void act(struct wire_net *net, curl_socket_t fd, int bits)
{
    int running;
    net->inside = true;
    curl_multi_socket_action(net->multi, fd, bits, &running);
    net->inside = false;
    deliver(net);
}

static void on_timer(struct loop *loop, void *owner)
{
    (void)loop;
    act(owner, CURL_SOCKET_TIMEOUT, 0);
}

static void do_work(struct loop *loop, void *owner)
{
    (void)loop;
    struct wire_net *net = owner;
    net->work_due = false;
    if (net->dropped) {
        heap_drop(net);
    } else if (net->kick) {
        net->kick = false;
        act(net, CURL_SOCKET_TIMEOUT, 0);
    }
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
    act(watch->net, watch->fd, bits);
}

/* ---- what libcurl asks for ----------------------------------------------------------------- */

static struct wire_watch *watch_new(struct wire_net *net, int fd)
{
    struct wire_watch *watch = heap_new(sizeof *watch);
    if (watch) {
        watch->net = net;
        watch->fd = fd;
        LIST_INSERT_HEAD(&net->watches, watch, in_net);
        curl_multi_assign(net->multi, fd, watch);
    }
    return watch;
}

static void watch_drop(struct wire_watch *watch)
{
    loop_remove(watch->net->loop, watch->handle);
    LIST_REMOVE(watch, in_net);
    heap_drop(watch);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
    (void)easy;
    struct wire_net *net = owner;
    struct wire_watch *watch = socket;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            watch_drop(watch);
        }
        return 0;
    }
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    watch = watch ? watch : watch_new(net, fd);
    if (watch && watch->handle) {
        loop_change(net->loop, watch->handle, events);
    } else if (watch) {
        watch->handle = loop_add(net->loop, fd, events, on_ready, watch, NULL);
    }
    if (!watch || !watch->handle) {
        log_line(LOG_ERROR, "wire", "cannot watch a connection; its deadline will end it");
    }
    return 0;
}

/* A timer would cost one epoll_wait more than work at the end of this turn. */
static int set_timer(CURLM *multi, long delay_ms, void *owner)
{
    (void)multi;
    struct wire_net *net = owner;
    if (delay_ms > 0) {
        loop_timer_in(net->loop, &net->timer, (uint64_t)delay_ms, on_timer, net);
        return 0;
    }
    loop_timer_cancel(net->loop, &net->timer);
    net->kick = delay_ms == 0;
    if (net->kick && !net->work_due) {
        net->work_due = true;
        loop_defer(net->loop, do_work, net);
    }
    return 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

bool wire_multi_begin(struct wire_net *net)
{
    net->multi = curl_multi_init();
    if (!net->multi) {
        return false;
    }
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(net->multi, CURLMOPT_SOCKETDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(net->multi, CURLMOPT_TIMERDATA, net);
    curl_multi_setopt(net->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return true;
}

void wire_multi_end(struct wire_net *net)
{
    assert(!net->inside);
    curl_multi_cleanup(net->multi); /* still calls watch_socket */
    loop_timer_cancel(net->loop, &net->timer);
    while (LIST_FIRST(&net->watches)) {
        watch_drop(LIST_FIRST(&net->watches));
    }
}
