#include "server/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"

enum {
    EVENTS_A_TURN = 128,
    SLOW_TURN_NS = 20 * 1000 * 1000,
    SLOTS_FIRST = 256,
    /* Timers and deferred calls have no way to fail, so their arrays start larger than a worker
     * with 4096 connections fills; the pages are not touched before they are used. */
    QUEUE_FIRST = 16384
};

/* The slot of a descriptor is its number. generation counts how often the number was watched. */
struct slot {
    uint32_t generation;
    unsigned events; /* LOOP_* asked for */
    unsigned armed;  /* what epoll was told: events, and LOOP_READ perhaps */
    loop_fd_fn *fn;  /* NULL: not watched */
    void *owner;
};

struct deferred {
    loop_fn *fn;
    void *owner;
};

struct loop {
    int epoll_fd;
    struct slot *slots;
    size_t slot_count;
    struct loop_timer **heap; /* binary heap, earliest first */
    size_t timer_count;
    size_t timer_cap;
    struct deferred *deferred;
    size_t deferred_count;
    size_t deferred_cap;
    struct deferred each_turn;
    uint64_t turns;
    bool stop;
};

struct loop *loop_new(struct err *err)
{
    struct loop *loop = heap_new(sizeof *loop);
    if (!loop) {
        err_set(err, STATUS_INTERNAL, "no memory for an event loop");
        return NULL;
    }
    loop->slots = heap_new(SLOTS_FIRST * sizeof *loop->slots);
    loop->slot_count = SLOTS_FIRST;
    loop->heap = heap_grow(NULL, QUEUE_FIRST * sizeof(struct loop_timer *)); /* not cleared */
    loop->timer_cap = QUEUE_FIRST;
    loop->deferred = heap_grow(NULL, QUEUE_FIRST * sizeof *loop->deferred);
    loop->deferred_cap = QUEUE_FIRST;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!loop->slots || !loop->heap || !loop->deferred || loop->epoll_fd < 0) {
        err_set(err, STATUS_INTERNAL, "cannot make an event loop: %m");
        loop_drop(loop);
        return NULL;
    }
    clock_tick();
    return loop;
}

static void run_deferred(struct loop *loop)
{
    size_t n = loop->deferred_count;
    for (size_t i = 0; i < n; i++) {
        struct deferred d = loop->deferred[i]; /* the array may move while fn runs */
        d.fn(loop, d.owner);
    }
    loop->deferred_count -= n;
    memmove(loop->deferred, loop->deferred + n, loop->deferred_count * sizeof *loop->deferred);
}

void loop_drop(struct loop *loop)
{
    if (!loop) {
        return;
    }
    while (loop->deferred_count > 0) {
        run_deferred(loop);
    }
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    heap_drop(loop->slots);
    heap_drop(loop->heap);
    heap_drop(loop->deferred);
    heap_drop(loop);
}

/* ---- descriptors -------------------------------------------------------------------------- */

static loop_handle handle_of(int fd, uint32_t generation)
{
    return (uint64_t)generation << 32 | (uint32_t)(fd + 1);
}

static int handle_fd(loop_handle h)
{
    return (int)(uint32_t)h - 1;
}

/* NULL for handle 0, for one that was removed and for one whose number is somebody else's
 * by now. */
static struct slot *live_slot(struct loop *loop, loop_handle h)
{
    int fd = handle_fd(h);
    if (fd < 0 || (size_t)fd >= loop->slot_count) {
        return NULL;
    }
    struct slot *slot = &loop->slots[fd];
    return slot->fn && slot->generation == h >> 32 ? slot : NULL;
}

static bool room_for_fd(struct loop *loop, int fd)
{
    if ((size_t)fd < loop->slot_count) {
        return true;
    }
    size_t count = loop->slot_count;
    while ((size_t)fd >= count) {
        count *= 2;
    }
    struct slot *slots = heap_grow(loop->slots, count * sizeof *slots);
    if (!slots) {
        return false;
    }
    memset(slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof *slots);
    loop->slots = slots;
    loop->slot_count = count;
    return true;
}

static struct epoll_event epoll_event_of(unsigned events, loop_handle h)
{
    struct epoll_event event = {.data.u64 = h};
    if (events & LOOP_READ) {
        event.events |= EPOLLIN;
    }
    if (events & LOOP_WRITE) {
        event.events |= EPOLLOUT;
    }
    if (events & LOOP_RDHUP) {
        event.events |= EPOLLRDHUP;
    }
    if (events & LOOP_EXCLUSIVE) {
        event.events |= EPOLLEXCLUSIVE;
    }
    return event;
}

static unsigned events_of_epoll(uint32_t events)
{
    unsigned out = 0;
    if (events & EPOLLIN) {
        out |= LOOP_READ;
    }
    if (events & EPOLLOUT) {
        out |= LOOP_WRITE;
    }
    if (events & EPOLLRDHUP) {
        out |= LOOP_RDHUP;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        out |= LOOP_ERROR;
    }
    return out;
}

/* A descriptor that was closed without loop_remove left the epoll set by itself, and its number may
 * have come back since: so MOD falls back to ADD and the reverse (curl issue 14976). */
static int control(const struct loop *loop, int op, int fd, unsigned events, loop_handle h)
{
    struct epoll_event event = epoll_event_of(events, h);
    if (epoll_ctl(loop->epoll_fd, op, fd, &event) == 0) {
        return 0;
    }
    if (op == EPOLL_CTL_ADD && errno == EEXIST) {
        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    }
    if (op == EPOLL_CTL_MOD && errno == ENOENT) {
        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    return -1;
}

loop_handle loop_add(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *owner,
                     struct err *err)
{
    assert(fd >= 0 && fn);
    if (!room_for_fd(loop, fd)) {
        err_set(err, STATUS_BUSY, "no memory to watch a descriptor");
        return 0;
    }
    struct slot *slot = &loop->slots[fd];
    loop_handle h = handle_of(fd, slot->generation + 1);
    if (control(loop, EPOLL_CTL_ADD, fd, events, h) != 0) {
        err_set(err, STATUS_INTERNAL, "cannot watch a descriptor: %m");
        return 0;
    }
    *slot = (struct slot){slot->generation + 1, events, events, fn, owner};
    return h;
}

/* A reader that rests during an answer mostly reads on before a byte has come, so epoll is told
 * that LOOP_READ is not wanted only when there is something to read: see dispatch. */
void loop_change(struct loop *loop, loop_handle h, unsigned events)
{
    struct slot *slot = live_slot(loop, h);
    if (!slot || slot->events == events) {
        return;
    }
    assert(!(slot->events & LOOP_EXCLUSIVE) && !(events & LOOP_EXCLUSIVE));
    slot->events = events;
    if (slot->armed == events || slot->armed == (events | LOOP_READ)) {
        return;
    }
    slot->armed = events;
    control(loop, EPOLL_CTL_MOD, handle_fd(h), events, h);
}

void loop_remove(struct loop *loop, loop_handle h)
{
    struct slot *slot = live_slot(loop, h);
    if (!slot) {
        return;
    }
    slot->fn = NULL;
    /* EBADF and ENOENT are fine: libcurl may have closed it first. */
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, handle_fd(h), NULL);
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
    struct slot *slot = live_slot(loop, event->data.u64);
    if (!slot) {
        return;
    }
    unsigned events = events_of_epoll(event->events);
    if (events & slot->armed & ~slot->events) {
        slot->armed = slot->events;
        control(loop, EPOLL_CTL_MOD, handle_fd(event->data.u64), slot->events, event->data.u64);
    }
    /* Interest may have been dropped by an earlier event of this turn. */
    events &= slot->events | LOOP_ERROR;
    if (events) {
        slot->fn(loop, slot->owner, events);
    }
}

/* ---- timers ------------------------------------------------------------------------------- */

static void timer_place(struct loop *loop, size_t at, struct loop_timer *t)
{
    loop->heap[at] = t;
    t->index = (uint32_t)at + 1;
}

static void timer_up(struct loop *loop, size_t at)
{
    struct loop_timer *t = loop->heap[at];
    while (at > 0 && t->at_ms < loop->heap[(at - 1) / 2]->at_ms) {
        timer_place(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    timer_place(loop, at, t);
}

static void timer_down(struct loop *loop, size_t at)
{
    struct loop_timer *t = loop->heap[at];
    for (size_t child = at * 2 + 1; child < loop->timer_count; child = at * 2 + 1) {
        if (child + 1 < loop->timer_count &&
            loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms) {
            child++;
        }
        if (loop->heap[child]->at_ms >= t->at_ms) {
            break;
        }
        timer_place(loop, at, loop->heap[child]);
        at = child;
    }
    timer_place(loop, at, t);
}

void loop_timer_set(struct loop *loop, struct loop_timer *t, uint64_t at_ms, loop_fn *fn,
                    void *owner)
{
    t->fn = fn;
    t->owner = owner;
    t->at_ms = at_ms;
    if (t->index == 0) {
        if (loop->timer_count == loop->timer_cap) {
            loop->timer_cap *= 2;
            loop->heap = heap_grow(loop->heap, loop->timer_cap * sizeof(struct loop_timer *));
            assert(loop->heap); /* small and not a client's doing: die and be restarted */
        }
        timer_place(loop, loop->timer_count++, t);
    }
    timer_up(loop, t->index - 1);
    timer_down(loop, t->index - 1);
}

void loop_timer_in(struct loop *loop, struct loop_timer *t, uint64_t delay_ms, loop_fn *fn,
                   void *owner)
{
    loop_timer_set(loop, t, clock_mono_ms() + delay_ms, fn, owner);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *t)
{
    if (t->index == 0) {
        return;
    }
    size_t at = t->index - 1;
    assert(loop->heap[at] == t);
    t->index = 0;
    struct loop_timer *last = loop->heap[--loop->timer_count];
    if (last == t) {
        return;
    }
    timer_place(loop, at, last);
    timer_up(loop, at);
    timer_down(loop, last->index - 1);
}

static void run_timers(struct loop *loop)
{
    /* A timer that sets itself to "now" fires once a turn and does not keep the loop here. */
    size_t most = loop->timer_count;
    uint64_t now_ms = clock_mono_ms();
    while (most-- > 0 && loop->timer_count > 0 && loop->heap[0]->at_ms <= now_ms) {
        struct loop_timer *t = loop->heap[0];
        loop_timer_cancel(loop, t);
        t->fn(loop, t->owner);
    }
}

/* ---- turns -------------------------------------------------------------------------------- */

void loop_defer(struct loop *loop, loop_fn *fn, void *owner)
{
    if (loop->deferred_count == loop->deferred_cap) {
        loop->deferred_cap *= 2;
        loop->deferred = heap_grow(loop->deferred, loop->deferred_cap * sizeof *loop->deferred);
        assert(loop->deferred); /* as for timers */
    }
    loop->deferred[loop->deferred_count++] = (struct deferred){fn, owner};
}

void loop_each_turn(struct loop *loop, loop_fn *fn, void *owner)
{
    loop->each_turn = (struct deferred){fn, owner};
}

static int wait_ms(const struct loop *loop)
{
    if (loop->deferred_count > 0) {
        return 0;
    }
    if (loop->timer_count == 0) {
        return -1;
    }
    uint64_t now_ms = clock_now_ns() / 1000000;
    uint64_t at_ms = loop->heap[0]->at_ms;
    if (at_ms <= now_ms) {
        return 0;
    }
    return at_ms - now_ms < 1000000 ? (int)(at_ms - now_ms) : 1000000;
}

static void turn(struct loop *loop)
{
    struct epoll_event events[EVENTS_A_TURN];
    int n = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, wait_ms(loop));
    assert(n >= 0 || errno == EINTR);
    clock_tick();
    loop->turns++;
    if (loop->each_turn.fn) {
        loop->each_turn.fn(loop, loop->each_turn.owner);
    }
    run_timers(loop);
    for (int i = 0; i < n; i++) {
        dispatch(loop, &events[i]);
    }
    run_deferred(loop);
    uint64_t took_ns = clock_now_ns() - clock_mono_ns();
    if (took_ns > SLOW_TURN_NS && loop->each_turn.fn) {
        log_line(LOG_WARN, "loop", "a turn with %d events took %u ms", n,
                 (unsigned)(took_ns / 1000000));
    }
}

void loop_run(struct loop *loop)
{
    loop->stop = false;
    while (!loop->stop) {
        turn(loop);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}

uint64_t loop_turns(const struct loop *loop)
{
    return loop->turns;
}

/* ---- wake-ups and signals ---------------------------------------------------------------- */

int loop_eventfd(struct err *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        err_set(err, STATUS_INTERNAL, "cannot make an eventfd: %m");
    }
    return fd;
}

void loop_eventfd_ring(int fd)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is at its end, so the reader is woken anyway. */
    ssize_t n = write(fd, &one, sizeof one);
    (void)n;
}

void loop_eventfd_clear(int fd)
{
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n; /* EAGAIN: somebody cleared it before */
}

int loop_signalfd(const int *signals, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (; *signals; signals++) {
        sigaddset(&set, *signals);
    }
    int fd = -1;
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0) {
        fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }
    if (fd < 0) {
        err_set(err, STATUS_INTERNAL, "cannot make a signalfd: %m");
    }
    return fd;
}

int loop_signalfd_read(int fd, int *pid_out)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return 0;
    }
    if (pid_out) {
        *pid_out = (int)info.ssi_pid;
    }
    return (int)info.ssi_signo;
}
