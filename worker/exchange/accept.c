#include "worker/exchange/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"

#define FULL_TELL_MS   60000
#define SHED_MS        5   /* how long a busier worker leaves the listener to the others */
#define RUNG_MS        1   /* the same for one that has to be woken first */
#define RUNG_MARGIN    4   /* connections above it, until then */
#define SHED_MARGIN    1   /* connections above the least busy worker */
#define NO_FD_PAUSE_MS 100 /* descriptors are used up: accept again later, no spinning */

static void on_listener(struct loop *loop, void *owner, unsigned events);

static void leave(struct worker *w)
{
    scoreboard_listening(w->segment, w->slot, false);
    loop_remove(w->loop, w->process.listener);
    w->process.listener = 0;
}

/* EPOLLEXCLUSIVE cannot be changed, only added and deleted (EINVAL on MOD, measured). */
void accept_join(struct worker *w)
{
    struct err err;
    if (!w->process.listener && !w->draining) {
        w->process.listener = loop_add(w->loop, w->process.listen_fd, LOOP_READ | LOOP_EXCLUSIVE,
                                       on_listener, w, &err);
        scoreboard_listening(w->segment, w->slot, w->process.listener != 0);
    }
}

static bool is_full(struct worker *w)
{
    bool full = w->conns.open >= w->config->bounds.connections;
    if (full && clock_mono_ms() >= w->process.full_told_ms) {
        w->process.full_told_ms = clock_mono_ms() + FULL_TELL_MS;
        log_line(LOG_WARN, "accept", "all %u connections of clients are in use; others wait%s",
                 w->config->bounds.connections, " (raise ulimit -n, or WORKERS)");
    }
    return full;
}

/* The worker that should take the next connection instead of this one, which has more than margin
 * above it; 0: this one may. */
static uint32_t better_slot(const struct worker *w, uint32_t margin)
{
    uint32_t connections, slot = scoreboard_least_busy(w->segment, &connections);
    return slot && slot != w->slot && w->conns.open > connections + margin ? slot : 0;
}

static void come_back(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    uint32_t better = better_slot(w, SHED_MARGIN);
    if (is_full(w) || (better && scoreboard_is_listening(w->segment, better))) {
        loop_timer_in(loop, &w->process.timer_shed, SHED_MS, come_back, w);
        return;
    }
    accept_join(w);
}

static void stand_back(struct worker *w, uint64_t ms)
{
    leave(w);
    loop_timer_in(w->loop, &w->process.timer_shed, ms, come_back, w);
}

/*
 * Woken last-in-first-out, one worker would get every connection. So a busier worker leaves the
 * listener to the least busy one - if that one listens. If not (it stood back a moment ago), it is
 * rung, and this worker goes on, but not far: else it has the whole burst before the other one's
 * wake-up is through (18 of 20 connections on a busy machine).
 */
static void share_listener(struct worker *w)
{
    uint32_t better = better_slot(w, SHED_MARGIN);
    if (is_full(w) || (better && scoreboard_is_listening(w->segment, better))) {
        stand_back(w, SHED_MS);
    } else if (better) {
        loop_eventfd_ring(w->segment->wake_worker[better - 1]);
        if (better_slot(w, RUNG_MARGIN)) {
            stand_back(w, RUNG_MS);
        }
    }
}

/* Out of descriptors: the reserved one is spent on one victim, so that a client is told by a close
 * instead of waiting in the backlog for ever. */
static void shed_victim(struct worker *w)
{
    close(w->process.spare_fd);
    int fd = accept4(w->process.listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    w->process.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    log_line(LOG_ERROR, "accept", "out of file descriptors; raise the limit (ulimit -n)");
    stand_back(w, NO_FD_PAUSE_MS);
}

/* False when there may be none left. */
static bool accept_one(struct worker *w)
{
    int fd = accept4(w->process.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        bool again = errno == ECONNABORTED || errno == EINTR; /* that one left in the queue */
        if (errno == EMFILE || errno == ENFILE) {
            shed_victim(w);
        }
        return again;
    }
    counters_add(COUNTER_CONNECTIONS, 1);
    (void)http_conn_new(w->loop, fd, &w->conn_limits, w->process.ops, w, &w->conns);
    return true;
}

void accept_publish(struct worker *w)
{
    scoreboard_load(w->segment, w->slot, w->conns.open, w->exchange_count);
}

/* One a wake: the other workers are asked for the next. */
static void on_listener(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    (void)events;
    struct worker *w = owner;
    accept_one(w);
    accept_publish(w);
    if (w->process.listener) {
        share_listener(w);
    }
}

void accept_asked(struct worker *w)
{
    if (!w->process.listener) {
        come_back(w->loop, w);
    }
}

void accept_end(struct worker *w)
{
    leave(w);
    while (accept_one(w)) { /* what the kernel has queued for us is served, not reset */
    }
}
