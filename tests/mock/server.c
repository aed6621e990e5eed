/*
 * server.c - one epoll loop. A connection is in one of these states:
 *
 *   READING  -> HOLDING   the answer waits for its time (slow-first)
 *            -> SENDING   out is being written; then READING again, or closed
 *            -> STREAMING the stream makes frames, paced by the timer heap
 *   LINGERING             all is sent; waits for the reset's time, or for the client to leave
 *   HANGING_UP            all is sent; deaf until it is closed
 *
 * A connection is freed only while its own event or timer is handled, and epoll_wait gives at most
 * one event per descriptor, so no event of the same turn can point to freed memory.
 */
#include "tests/mock/mock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "tests/mock/timer.h"

#define EVENTS     256
#define READ_SIZE  ((size_t)256 * 1024)
#define INPUT_MAX  ((size_t)80 * 1024 * 1024)
#define OUTPUT_MAX ((size_t)256 * 1024 * 1024)
#define HIGH_MARK  ((size_t)64 * 1024) /* a stream makes no more frames above it */
#define RESET_MS   30                  /* lets what was sent before reach the client */

enum state { READING, HOLDING, SENDING, STREAMING, LINGERING, HANGING_UP };

struct conn {
    struct timer timer;           /* first member: the heap gives it back */
    struct conn *next, *previous; /* list of all, for the end */
    int fd;
    enum state state;
    bool wants_write; /* what epoll was told */
    bool continued;   /* 100 Continue was sent for this request */
    struct buf in, out;
    struct answer answer;
    bool keep_alive;
    bool waits;      /* for due_ns */
    uint64_t due_ns; /* of the last paced event: a schedule, so that lateness does not add up */
};

struct server {
    struct mock *mock;
    struct conn *conns;
    int epoll, listener, signals;
    struct timer_heap timers;
    struct buf decoded, frames;
    char *input; /* READ_SIZE, shared */
};

static void advance(struct server *s, struct conn *c);

/* --- life of a connection --- */

static void end_stream(struct server *s, struct conn *c)
{
    if (!c->answer.stream)
        return;
    s->mock->ledger.output_tokens += stream_output_tokens(c->answer.stream);
    s->mock->ledger.streams_open--;
    stream_drop(c->answer.stream);
    c->answer.stream = NULL;
}

static void close_conn(struct server *s, struct conn *c)
{
    timer_cancel(&s->timers, &c->timer);
    end_stream(s, c);
    *(c->previous ? &c->previous->next : &s->conns) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    heap_drop(c);
    s->mock->ledger.connections_open--;
}

static void reset_conn(struct server *s, struct conn *c)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0}; /* close(2) then sends RST */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close_conn(s, c);
}

static void client_left(struct server *s, struct conn *c)
{
    bool unfinished = c->state == HOLDING || c->state == SENDING || c->state == STREAMING ||
                      (c->state == LINGERING && !c->answer.reset);
    s->mock->ledger.aborts += unfinished;
    close_conn(s, c);
}

static void watch(struct server *s, struct conn *c, bool write)
{
    if (c->wants_write == write)
        return;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (write ? EPOLLOUT : 0u),
                            .data.ptr = c};
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e);
    c->wants_write = write;
}

static void accept_one(struct server *s, int fd)
{
    const int on = 1;
    struct conn *c = heap_new(sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    c->next = s->conns;
    if (s->conns)
        s->conns->previous = c;
    s->conns = c;
    buf_init(&c->in, INPUT_MAX);
    buf_init(&c->out, OUTPUT_MAX);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
    s->mock->ledger.connections_open++;
}

static void accept_all(struct server *s)
{
    int fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        accept_one(s, fd);
}

/* --- writing --- */

/* False: the client is gone and c with it. */
static bool flush(struct server *s, struct conn *c)
{
    while (buf_len(&c->out) > 0) {
        ssize_t n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL);
        if (n > 0) {
            s->mock->ledger.bytes_out += (uint64_t)n;
            buf_consume(&c->out, (size_t)n);
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            client_left(s, c);
            return false;
        }
    }
    /* A stream that fills its buffer goes on in the next turn, so that the others get theirs. */
    bool goes_on = c->state == STREAMING && !c->waits;
    watch(s, c, buf_len(&c->out) > 0 || goes_on);
    return true;
}

static void wait_until(struct server *s, struct conn *c, uint64_t due_ns)
{
    timer_set(&s->timers, &c->timer, due_ns);
}

static void put_chunk(struct conn *c, struct str bytes)
{
    buf_printf(&c->out, "%zx\r\n", bytes.n);
    buf_put_str(&c->out, bytes);
    BUF_LIT(&c->out, "\r\n");
}

static void put_frames(struct conn *c, struct str frames)
{
    if (frames.n == 0)
        return;
    if (!stream_bytewise(c->answer.stream)) {
        put_chunk(c, frames);
        return;
    }
    for (size_t i = 0; i < frames.n; i++)
        put_chunk(c, text_sub(frames, i, 1));
}

/* What follows the last step of a stream. */
static void finish_stream(struct server *s, struct conn *c, enum stream_step step)
{
    end_stream(s, c);
    c->answer.reset = step == STREAM_RESET;
    c->state = step == STREAM_HANG ? LINGERING : SENDING;
    if (step == STREAM_END)
        BUF_LIT(&c->out, "0\r\n\r\n");
}

/* The time of the next step: one delay after the last one's, unless that is long past. */
static void plan_step(struct conn *c, uint32_t delay_ms)
{
    uint64_t delay = (uint64_t)delay_ms * 1000000, now = clock_mono_ns();
    c->due_ns = c->due_ns + delay > now ? c->due_ns + delay : now + delay;
    c->waits = true;
}

/* Whether the next step is due now; sets the timer when it is not. */
static bool is_due(struct server *s, struct conn *c)
{
    uint32_t delay = c->waits ? 0 : stream_delay_ms(c->answer.stream);
    if (delay)
        plan_step(c, delay);
    c->waits = c->waits && clock_mono_ns() < c->due_ns;
    if (c->waits)
        wait_until(s, c, c->due_ns);
    return !c->waits;
}

static void run_stream(struct server *s, struct conn *c)
{
    while (c->state == STREAMING && buf_len(&c->out) < HIGH_MARK && is_due(s, c)) {
        buf_clear(&s->frames);
        enum stream_step step = stream_next(c->answer.stream, &s->frames);
        put_frames(c, buf_str(&s->frames));
        buf_put_str(&s->mock->said, buf_str(&s->frames));
        if (step != STREAM_GO)
            finish_stream(s, c, step);
    }
}

/* Deaf from now on, closed soon: whatever comes meanwhile is never read, and is answered by RST. */
static void hang_up(struct server *s, struct conn *c)
{
    struct epoll_event none = {.events = 0, .data.ptr = c};
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &none);
    c->state = HANGING_UP;
    wait_until(s, c, clock_mono_ns() + (uint64_t)c->answer.hang_up_ms * 1000000);
}

static void finish_answer(struct server *s, struct conn *c)
{
    if (c->answer.reset) {
        c->state = LINGERING;
        wait_until(s, c, clock_mono_ns() + (uint64_t)RESET_MS * 1000000);
    } else if (c->answer.hang_up_ms) {
        hang_up(s, c);
    } else if (c->answer.close || !c->keep_alive) {
        close_conn(s, c);
    } else {
        c->state = READING;
        advance(s, c);
    }
}

/* --- reading --- */

static void start_answer(struct server *s, struct conn *c, const struct request *r)
{
    c->answer = (struct answer){.out = &c->out};
    c->keep_alive = r->keep_alive;
    c->continued = false;
    c->due_ns = 0;
    c->waits = false;
    route_request(s->mock, r, &c->answer);
    s->mock->ledger.streams_open += c->answer.stream != NULL;
    c->state = c->answer.stream ? STREAMING : SENDING;
    if (c->answer.delay_ms) {
        c->state = HOLDING;
        wait_until(s, c, clock_mono_ns() + (uint64_t)c->answer.delay_ms * 1000000);
    }
}

static void refuse_bytes(struct conn *c)
{
    c->answer = (struct answer){.out = &c->out, .close = true};
    buf_clear(&c->in);
    BUF_LIT(&c->out, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    c->state = SENDING;
}

static bool read_request(struct server *s, struct conn *c)
{
    static struct request r; /* 3 KB, and there is one thread */
    size_t used = 0;
    switch (reader_parse(buf_str(&c->in), &s->decoded, &r, &used)) {
    case READER_HEAD:
        return false;
    case READER_BODY:
        if (r.expects_continue && !c->continued) {
            BUF_LIT(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
            c->continued = true;
        }
        return false;
    case READER_BAD:
        refuse_bytes(c);
        return true;
    case READER_DONE:
        start_answer(s, c, &r);
        buf_consume(&c->in, used);
        return true;
    }
    return false;
}

/* Moves c as far as it goes now. May free it. */
static void advance(struct server *s, struct conn *c)
{
    if (c->state == READING && buf_len(&c->in) > 0)
        read_request(s, c);
    if (c->state == STREAMING)
        run_stream(s, c);
    bool may_send = c->state != HOLDING;
    if (may_send && !flush(s, c))
        return;
    if (c->state == SENDING && buf_len(&c->out) == 0)
        finish_answer(s, c);
}

static void on_readable(struct server *s, struct conn *c)
{
    ssize_t n = recv(c->fd, s->input, READ_SIZE, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_left(s, c);
        return;
    }
    s->mock->ledger.bytes_in += (uint64_t)n;
    buf_put(&c->in, s->input, (size_t)n);
    if (!buf_ok(&c->in))
        client_left(s, c);
    else
        advance(s, c);
}

static void on_event(struct server *s, struct conn *c, uint32_t events)
{
    if (events & EPOLLIN)
        on_readable(s, c);
    else if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
        client_left(s, c);
    else
        advance(s, c);
}

static void on_timer(struct server *s, struct conn *c)
{
    if (c->state == LINGERING) {
        reset_conn(s, c);
        return;
    }
    if (c->state == HANGING_UP) {
        close_conn(s, c);
        return;
    }
    if (c->state == HOLDING)
        c->state = c->answer.stream ? STREAMING : SENDING;
    advance(s, c);
}

/* --- the loop --- */

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool open_listener(struct server *s)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->mock->port)};
    socklen_t size = sizeof at;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (inet_pton(AF_INET, s->mock->host, &at.sin_addr) != 1 ||
        bind(s->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(s->listener, 4096) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) {
        fprintf(stderr, "mock-bedrock: cannot listen on %s:%d: %s\n", s->mock->host, s->mock->port,
                strerrordesc_np(errno));
        return false;
    }
    printf("mock-bedrock listening on %s:%d\n", s->mock->host, ntohs(at.sin_port));
    fflush(stdout);
    return true;
}

static bool open_all(struct server *s)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    raise_limit();
    s->signals = signalfd(-1, &stop, SFD_CLOEXEC);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->input = heap_new(READ_SIZE);
    buf_init(&s->decoded, INPUT_MAX);
    buf_init(&s->frames, OUTPUT_MAX);
    if (!s->input || s->epoll < 0 || !open_listener(s))
        return false;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &s->listener};
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e);
    e.data.ptr = &s->signals;
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &e);
    return true;
}

static int patience_ms(struct server *s)
{
    uint64_t due, now = clock_now_ns();
    if (!timer_first(&s->timers, &due))
        return -1;
    return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

static void run_timers(struct server *s)
{
    struct timer *t;
    while ((t = timer_take(&s->timers, clock_mono_ns())) != NULL)
        on_timer(s, (struct conn *)t);
}

static void loop(struct server *s)
{
    static struct epoll_event event[EVENTS];
    for (bool stop = false; !stop;) {
        int n = epoll_wait(s->epoll, event, EVENTS, patience_ms(s));
        clock_tick();
        for (int i = 0; i < n; i++) {
            if (event[i].data.ptr == &s->listener)
                accept_all(s);
            else if (event[i].data.ptr == &s->signals)
                stop = true;
            else
                on_event(s, event[i].data.ptr, event[i].events);
        }
        run_timers(s);
    }
}

int server_run(struct mock *mock)
{
    struct server s = {.mock = mock, .listener = -1};
    bool opened = open_all(&s);
    if (opened)
        loop(&s);
    while (s.conns)
        close_conn(&s, s.conns);
    timer_free(&s.timers);
    buf_free(&s.decoded);
    buf_free(&s.frames);
    heap_drop(s.input);
    return opened ? 0 : 1;
}
