#include "tests/fuzz/connection/kernel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { FILES = 512, CLOCK_FIRST_MS = 1000000 };

bool (*kernel_on_wait)(unsigned ready, bool expired);
void (*kernel_on_log)(const char *line, size_t n);
enum kernel_dial kernel_dial;
uint32_t kernel_order;
unsigned kernel_no_fd;
uint64_t kernel_moves;

static struct kernel_file files[FILES];
static struct kernel_file *table[KERNEL_FD_COUNT]; /* by descriptor */
static unsigned files_high;                        /* those behind were never used */
static uint64_t now_ms = CLOCK_FIRST_MS, until_ms = UINT64_MAX, last_stamp, random_state;

/* ---- life --------------------------------------------------------------------------------- */

static void clear(struct kernel_file *f)
{
    free(f->in.p);
    free(f->out.p);
    *f = (struct kernel_file){.fd = -1, .room = SIZE_MAX};
}

void kernel_begin(void)
{
    for (unsigned i = 0; i < files_high; i++) {
        struct kernel_file *f = &files[i];
        if (f->kept) {
            f->count = 0;
            f->watched = false;
            continue;
        }
        if (f->fd >= 0)
            table[f->fd - KERNEL_FD_FIRST] = NULL;
        clear(f);
    }
    kernel_dial = KERNEL_DIAL_OK;
    kernel_order = 0;
    kernel_no_fd = 0;
    random_state = 1;
    now_ms += 3600 * 1000; /* what the program remembers of an earlier run is over */
}

void kernel_keep(void)
{
    for (unsigned i = 0; i < files_high; i++)
        files[i].kept = files[i].used;
}

static struct kernel_file *take_file(enum kernel_kind kind)
{
    unsigned i = 0;
    while (i < FILES && files[i].used)
        i++;
    assert(i < FILES);
    struct kernel_file *f = &files[i];
    files_high = i >= files_high ? i + 1 : files_high;
    clear(f);
    f->used = true;
    f->kind = kind;
    f->stamp = ++last_stamp;
    return f;
}

static bool give_fd(struct kernel_file *f)
{
    for (int i = 0; i < KERNEL_FD_COUNT; i++)
        if (!table[i]) {
            table[i] = f;
            f->fd = KERNEL_FD_FIRST + i;
            return true;
        }
    errno = EMFILE;
    return false;
}

struct kernel_file *kernel_new(enum kernel_kind kind)
{
    struct kernel_file *f = take_file(kind);
    bool given = give_fd(f);
    assert(given);
    return f;
}

struct kernel_file *kernel_of(int fd)
{
    bool ours = fd >= KERNEL_FD_FIRST && fd < KERNEL_FD_FIRST + KERNEL_FD_COUNT;
    return ours ? table[fd - KERNEL_FD_FIRST] : NULL;
}

struct kernel_file *kernel_each(struct kernel_file *after)
{
    struct kernel_file *f = after ? after + 1 : files;
    while (f < files + files_high && (!f->used || f->kept))
        f++;
    return f < files + files_high ? f : NULL;
}

int kernel_close(struct kernel_file *f)
{
    table[f->fd - KERNEL_FD_FIRST] = NULL;
    f->fd = -1;
    f->watched = false;
    f->abrupt = f->lingering;
    kernel_moves++;
    struct kernel_file *waits = f->kind == KERNEL_LISTENER ? f->backlog : NULL;
    f->backlog = NULL;
    for (struct kernel_file *next; waits; waits = next) {
        next = waits->backlog;
        waits->backlog = NULL;
        waits->abrupt = true; /* never accepted */
    }
    return 0;
}

/* ---- the clock ---------------------------------------------------------------------------- */

void kernel_clock_add(uint64_t ms)
{
    now_ms += ms;
}

uint64_t kernel_clock_ms(void)
{
    return now_ms;
}

uint64_t kernel_deadline_ms(void)
{
    return until_ms;
}

void kernel_random(uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(random_state >> 56);
    }
}

/* ---- the other side ----------------------------------------------------------------------- */

void kernel_stir(struct kernel_file *f)
{
    f->stamp = ++last_stamp;
}

static void pile_add(struct kernel_pile *pile, const void *p, size_t n)
{
    if (pile->n + n > pile->cap) {
        pile->cap = 2 * (pile->n + n) + 1024;
        pile->p = realloc(pile->p, pile->cap);
        assert(pile->p);
    }
    if (n > 0)
        memcpy(pile->p + pile->n, p, n);
    pile->n += n;
}

struct kernel_file *kernel_dial_in(struct kernel_file *listener)
{
    if (listener->fd < 0)
        return NULL;
    struct kernel_file *f = take_file(KERNEL_STREAM), **last = &listener->backlog;
    while (*last)
        last = &(*last)->backlog;
    *last = f;
    kernel_stir(listener);
    return f;
}

void kernel_add(struct kernel_file *f, const void *p, size_t n)
{
    pile_add(&f->in, p, n);
}

void kernel_show(struct kernel_file *f, size_t n)
{
    size_t left = f->in.n - f->visible;
    if (f->fin || f->reset)
        return;
    f->visible += n > 0 && n < left ? n : left;
    kernel_stir(f);
}

void kernel_fin(struct kernel_file *f)
{
    f->fin = true;
    kernel_stir(f);
}

void kernel_reset(struct kernel_file *f)
{
    f->reset = true;
    kernel_stir(f);
}

void kernel_ring(struct kernel_file *f, unsigned signal)
{
    f->count = signal ? f->count | 1ull << signal : f->count + 1;
    kernel_stir(f);
}

/* ---- the worker's side -------------------------------------------------------------------- */

static long fail(int error)
{
    errno = error;
    return -1;
}

int kernel_take_error(struct kernel_file *f)
{
    if (f->refused) {
        f->refused = false;
        f->reset = f->reset_told = true;
        return ECONNREFUSED;
    }
    if (f->reset && !f->reset_told) {
        f->reset_told = true;
        return ECONNRESET;
    }
    return 0;
}

long kernel_recv(struct kernel_file *f, void *p, size_t n, bool peek)
{
    size_t left = f->visible - f->taken;
    if (f->kind != KERNEL_STREAM)
        return fail(ENOTSOCK);
    if (left > 0) {
        n = n < left ? n : left;
        n = f->sip > 0 && n > f->sip ? f->sip : n;
        memcpy(p, f->in.p + f->taken, n);
        f->taken += peek ? 0 : n;
        kernel_moves++;
        return (long)n;
    }
    int error = kernel_take_error(f);
    if (error)
        return fail(error);
    return f->fin || f->reset ? 0 : fail(EAGAIN);
}

long kernel_send(struct kernel_file *f, const void *p, size_t n)
{
    if (f->kind != KERNEL_STREAM)
        return fail(ENOTSOCK);
    if (f->waiting)
        return fail(EAGAIN);
    int error = kernel_take_error(f);
    if (error || f->reset || f->shut)
        return fail(error ? error : EPIPE);
    n = n < f->room ? n : f->room;
    if (n == 0)
        return fail(EAGAIN);
    pile_add(&f->out, p, n);
    f->room -= f->room == SIZE_MAX ? 0 : n;
    kernel_moves++;
    if (f->vanished)
        kernel_reset(f);
    return (long)n;
}

long kernel_read(struct kernel_file *f, void *p, size_t n)
{
    if (f->kind == KERNEL_PLAIN)
        return f->end_of_file ? 0 : fail(EAGAIN);
    if (f->kind == KERNEL_STREAM)
        return kernel_recv(f, p, n, false);
    if (f->kind != KERNEL_COUNTER || f->count == 0)
        return fail(EAGAIN);
    kernel_moves++;
    if (!f->signals) {
        assert(n == sizeof f->count);
        memcpy(p, &f->count, n);
        f->count = 0;
        return (long)n;
    }
    struct signalfd_siginfo info = {.ssi_signo = (uint32_t)__builtin_ctzll(f->count)};
    assert(n == sizeof info);
    f->count &= f->count - 1;
    memcpy(p, &info, n);
    return (long)n;
}

long kernel_write(struct kernel_file *f, const void *p, size_t n)
{
    if (f->kind == KERNEL_COUNTER) {
        kernel_ring(f, 0);
    } else if (f->kind == KERNEL_STREAM) {
        return kernel_send(f, p, n);
    } else if (f->is_log && kernel_on_log) {
        kernel_on_log(p, n);
    }
    return (long)n;
}

int kernel_connect(struct kernel_file *f)
{
    f->dialled = true;
    f->waiting = kernel_dial == KERNEL_DIAL_SILENT;
    f->refused = kernel_dial == KERNEL_DIAL_REFUSED;
    kernel_stir(f);
    return (int)fail(EINPROGRESS);
}

int kernel_accept(struct kernel_file *f)
{
    if (f->kind != KERNEL_LISTENER)
        return (int)fail(EINVAL);
    struct kernel_file *client = f->backlog;
    if (!client)
        return (int)fail(EAGAIN);
    if (kernel_no_fd > 0) {
        kernel_no_fd--;
        return (int)fail(EMFILE);
    }
    if (!give_fd(client))
        return -1;
    f->backlog = client->backlog;
    client->backlog = NULL;
    kernel_moves++;
    return client->fd;
}

/* ---- epoll -------------------------------------------------------------------------------- */

/* tcp_poll() in net/ipv4/tcp.c */
static uint32_t stream_ready(const struct kernel_file *f)
{
    uint32_t events = 0;
    if (f->waiting || (!f->dialled && f->fd < 0))
        return 0;
    bool end = f->fin || f->reset || f->refused;
    if (f->visible > f->taken || end)
        events |= EPOLLIN;
    if (end)
        events |= EPOLLRDHUP;
    if (f->reset || f->refused || (f->fin && f->shut))
        events |= EPOLLHUP;
    if (f->refused || (f->reset && !f->reset_told))
        events |= EPOLLERR;
    if (f->room > 0 || f->reset || f->refused || f->shut)
        events |= EPOLLOUT;
    return events;
}

uint32_t kernel_ready(const struct kernel_file *f)
{
    switch (f->kind) {
    case KERNEL_STREAM:
        return stream_ready(f);
    case KERNEL_LISTENER:
        return f->backlog ? EPOLLIN : 0;
    case KERNEL_COUNTER:
        return f->count > 0 ? EPOLLIN : 0;
    case KERNEL_PLAIN:
        break;
    }
    return f->end_of_file ? EPOLLIN | EPOLLHUP : 0;
}

int kernel_epoll_ctl(int op, struct kernel_file *f, const struct epoll_event *event)
{
    if (!f)
        return (int)fail(EBADF);
    if (f->watched == (op == EPOLL_CTL_ADD))
        return (int)fail(f->watched ? EEXIST : ENOENT);
    f->watched = op != EPOLL_CTL_DEL;
    if (f->watched) {
        f->events = event->events;
        f->data = event->data.u64;
    }
    return 0;
}

static void shuffle(struct kernel_file **ready, unsigned n)
{
    for (uint32_t seed = kernel_order; n > 1; n--) {
        seed = seed * 1664525 + 1013904223;
        unsigned i = (seed >> 16) % n;
        struct kernel_file *last = ready[n - 1];
        ready[n - 1] = ready[i];
        ready[i] = last;
    }
}

/* In the order in which they became so, unless kernel_order wants another. */
static unsigned collect(struct kernel_file **ready)
{
    unsigned n = 0;
    for (int fd = 0; fd < KERNEL_FD_COUNT; fd++) {
        struct kernel_file *f = table[fd];
        if (!f || !f->watched || !(kernel_ready(f) & (f->events | EPOLLERR | EPOLLHUP)))
            continue;
        unsigned at = n++;
        for (; at > 0 && ready[at - 1]->stamp > f->stamp; at--)
            ready[at] = ready[at - 1];
        ready[at] = f;
    }
    if (kernel_order)
        shuffle(ready, n);
    return n;
}

int kernel_epoll_wait(struct epoll_event *events, int max, int timeout_ms)
{
    struct kernel_file *ready[KERNEL_FD_COUNT];
    unsigned n;
    until_ms = timeout_ms < 0 ? UINT64_MAX : now_ms + (uint64_t)timeout_ms;
    do {
        n = collect(ready);
    } while (!kernel_on_wait(n, now_ms >= until_ms));
    n = n < (unsigned)max ? n : (unsigned)max;
    for (unsigned i = 0; i < n; i++) {
        uint32_t wanted = ready[i]->events | EPOLLERR | EPOLLHUP;
        events[i].events = kernel_ready(ready[i]) & wanted;
        events[i].data.u64 = ready[i]->data;
    }
    return (int)n;
}
