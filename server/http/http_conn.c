#include "server/http/http_conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/http/http_in.h"
#include "server/http/http_out.h"

/*
 *                        +--------- next request on the same connection ----------+
 *                        v                                                        |
 *   http_conn_new --> IDLE --> HEAD --> BODY --> OWNER --> FLUSH -----------------+
 *                       |        \        \     answers      |
 *                       |         \________\__ refused ____> |  last answer
 *                       |                                    v
 *                       +---- idle too long ---> CLOSED <-- LINGER
 */
enum {
    UNSENT_MAX = 128 * 1024,
    OUT_MAX = 64 * 1024 * 1024, /* above the largest answer that is not streamed */
    RATE_GRACE_MS = 5000,
    DRAIN_GRACE_MS = 2000,
    /* RFC 9112 9.6: closing with unread bytes resets the connection; the answer may be lost. */
    LINGER_QUIET_MS = 1000,
    LINGER_MAX_MS = 5000
};

static void on_event(struct loop *loop, void *owner, unsigned events);
static void end_of_turn(struct loop *loop, void *owner);
static void settle(struct http_conn *c);

/* ---- life -------------------------------------------------------------------------------- */

static void peer_name(int fd, char *out, size_t size)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN] = "unknown";
    text_copy(STR("unknown"), out, size);
    if (getpeername(fd, (struct sockaddr *)&a, &n) != 0) {
        return;
    }
    if (a.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(in->sin_port));
    } else if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

static void free_conn(struct loop *loop, void *owner)
{
    struct http_conn *c = owner;
    (void)loop;
    c->owner.ops->closed(c->owner.ctx, c);
    http_in_drop_body(c);
    buf_free(&c->input);
    buf_free(&c->out);
    http_parse_drop(c->parse);
    heap_drop(c);
}

struct http_conn *http_conn_new(struct loop *loop, int fd, const struct http_conn_limits *limits,
                                const struct http_conn_ops *ops, void *ctx,
                                struct http_conn_set *set)
{
    static uint64_t last_id;
    struct http_conn *c = heap_new(sizeof *c);
    struct http_parse *parse = http_parse_new(&limits->parse);
    loop_handle handle =
        c && parse ? loop_add(loop, fd, LOOP_READ | LOOP_RDHUP, on_event, c, NULL) : 0;
    if (!handle) {
        http_parse_drop(parse);
        heap_drop(c);
        close(fd);
        return NULL;
    }
    *c = (struct http_conn){.loop = loop,
                            .socket.fd = fd,
                            .socket.handle = handle,
                            .limits = limits,
                            .owner.ops = ops,
                            .owner.ctx = ctx,
                            .list.set = set,
                            .parse = parse,
                            .end_of_turn = end_of_turn,
                            .free = free_conn,
                            .id = ++last_id,
                            .clock.since_ms = clock_mono_ms()};
    buf_init(&c->input, HTTP_IN_BYTES);
    buf_init(&c->out, OUT_MAX);
    buf_init(&c->body.bytes, 0);
    peer_name(fd, c->peer, sizeof c->peer);
    int on = 1; /* events are put together by us; with Nagle the peer's late ACK costs 40 ms each */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* What the peer's window has no room for: else the kernel keeps megabytes (tcp_wmem) for each
     * client that does not read, and counts them as the container's. */
    int unsent = UNSENT_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    http_state_link(c);
    set->open++;
    set->idle++;
    settle(c);
    return c;
}

void http_conn_abort(struct http_conn *c)
{
    if (c->state == CONN_CLOSED) {
        return;
    }
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    http_state_close(c);
}

/* ---- after the answer -------------------------------------------------------------------- */

/* A request that arrived meanwhile is answered, not lost. */
static void close_idle(struct http_conn *c)
{
    http_in_read(c);
    if (c->state == CONN_IDLE) {
        http_state_close(c);
    }
}

static void next_request(struct http_conn *c)
{
    c->requests++;
    http_parse_reset(c->parse);
    c->answer = (struct http_answer){0};
    http_state_enter(c, CONN_IDLE);
    size_t had = buf_len(&c->input);
    if (had > 0) {
        struct str in = buf_str(&c->input);
        http_in_feed(c, &in);
        if (buf_len(&c->input) == had) { /* else a refusal threw it away */
            buf_consume(&c->input, had - in.n);
        }
    }
    if (buf_len(&c->input) == 0) {
        buf_free(&c->input);
    }
}

static void answer_sent(struct http_conn *c)
{
    if (!c->answer.close && !c->close_after) {
        next_request(c);
        return;
    }
    http_state_enter(c, CONN_LINGER);
    c->clock.progress_ms = clock_mono_ms();
    shutdown(c->socket.fd, SHUT_WR);
}

/* Everything that follows from output or from the end of an answer. */
static void advance(struct http_conn *c)
{
    http_out_send(c);
    if (c->socket.broken) {
        http_state_lose(c);
        return;
    }
    if (c->state == CONN_OWNER && c->answer.done) {
        http_in_drop_body(c);
        http_state_enter(c, CONN_FLUSH);
    }
    bool low = buf_len(&c->out) < c->limits->output_high / 4;
    if (c->state == CONN_FLUSH && buf_len(&c->out) == 0) {
        answer_sent(c);
    } else if (c->drained_wanted && low) {
        c->drained_wanted = false;
        if (c->state == CONN_OWNER) {
            c->owner.ops->drained(c->owner.ctx, c);
        }
    }
    settle(c);
}

static void end_of_turn(struct loop *loop, void *owner)
{
    struct http_conn *c = owner;
    (void)loop;
    c->scheduled = false;
    if (c->state != CONN_CLOSED) {
        advance(c);
    }
}

/* ---- deadlines --------------------------------------------------------------------------- */

static uint64_t body_due_ms(const struct http_conn *c)
{
    uint64_t due_ms = c->limits->body_ms;
    if (c->limits->body_rate > 0) {
        /* The moment when the average falls below the rate, if nothing more comes. */
        uint64_t rate_ms = (uint64_t)buf_len(&c->body.bytes) * 1000 / c->limits->body_rate;
        uint64_t grace_ms = c->limits->body_grace_ms ? c->limits->body_grace_ms : RATE_GRACE_MS;
        rate_ms = rate_ms > grace_ms ? rate_ms : grace_ms;
        due_ms = rate_ms < due_ms ? rate_ms : due_ms;
    }
    return c->clock.since_ms + due_ms;
}

/* Who has not asked anything yet gets no more time than for a header block. */
static uint64_t idle_due_ms(const struct http_conn *c)
{
    uint64_t idle_ms = c->requests > 0 ? c->limits->idle_ms : c->limits->header_ms;
    uint64_t grace_ms = c->limits->drain_grace_ms ? c->limits->drain_grace_ms : DRAIN_GRACE_MS;
    return c->clock.since_ms + (c->draining && idle_ms > grace_ms ? grace_ms : idle_ms);
}

static uint64_t linger_due_ms(const struct http_conn *c)
{
    uint64_t quiet_ms =
        c->clock.progress_ms + (c->limits->linger_ms ? c->limits->linger_ms : LINGER_QUIET_MS);
    uint64_t most_ms = c->clock.since_ms + LINGER_MAX_MS;
    return quiet_ms < most_ms ? quiet_ms : most_ms;
}

/* The next moment at which something is too late; 0: none. */
static uint64_t due_ms(const struct http_conn *c)
{
    if (c->socket.full) {
        return c->clock.progress_ms + c->limits->write_stall_ms;
    }
    switch (c->state) {
    case CONN_IDLE:
        return idle_due_ms(c);
    case CONN_HEAD:
        return c->clock.since_ms + c->limits->header_ms;
    case CONN_BODY:
        return body_due_ms(c);
    case CONN_LINGER:
        return linger_due_ms(c);
    case CONN_OWNER:
    case CONN_FLUSH:
    case CONN_CLOSED:
        break;
    }
    return 0;
}

static void expire(struct http_conn *c)
{
    if (c->socket.full) {
        http_state_lose(c);
    } else if (c->state == CONN_IDLE) {
        close_idle(c);
    } else if (c->state == CONN_LINGER) {
        http_state_close(c);
    } else {
        struct err err;
        err_set(&err, STATUS_CLIENT_SLOW, "the request did not arrive in time");
        http_in_refuse(c, &err);
    }
}

static void on_timer(struct loop *loop, void *owner)
{
    struct http_conn *c = owner;
    (void)loop;
    uint64_t at_ms = due_ms(c);
    if (at_ms > 0 && at_ms <= clock_mono_ms()) {
        expire(c);
    }
    settle(c);
}

/* A timer that is set too early fires, sees that nothing is due and is set again: cheaper than
 * moving it with every request. */
static void set_timer(struct http_conn *c)
{
    uint64_t at_ms = due_ms(c);
    if (at_ms > 0 && (c->clock.timer.index == 0 || at_ms < c->clock.timer.at_ms)) {
        loop_timer_set(c->loop, &c->clock.timer, at_ms, on_timer, c);
    }
}

/* ---- the socket -------------------------------------------------------------------------- */

/* After every change of state: what to watch and until when. */
static void settle(struct http_conn *c)
{
    if (c->state == CONN_CLOSED) {
        return;
    }
    unsigned events = 0;
    if (http_state_is_reading(c) || c->state == CONN_LINGER) {
        events |= LOOP_READ;
    }
    if (!c->socket.fin) {
        events |= LOOP_RDHUP;
    }
    if (c->socket.full) {
        events |= LOOP_WRITE;
    }
    loop_change(c->loop, c->socket.handle, events);
    set_timer(c);
}

static void on_event(struct loop *loop, void *owner, unsigned events)
{
    struct http_conn *c = owner;
    (void)loop;
    c->socket.fin |= (events & LOOP_RDHUP) != 0; /* before reading: see "half-closed clients" */
    bool left = (events & LOOP_RDHUP) && c->state == CONN_OWNER && !c->answer.done;
    if (left || (events & LOOP_ERROR)) {
        http_state_lose(c);
        return;
    }
    if (events & LOOP_READ) {
        if (http_state_is_reading(c)) {
            http_in_read(c);
        } else if (c->state == CONN_LINGER) {
            http_in_forget(c);
        }
    }
    if ((events & LOOP_WRITE) && c->state != CONN_CLOSED) {
        c->socket.full = false;
        advance(c);
    }
    settle(c);
}

/* ---- for the owner ----------------------------------------------------------------------- */

void http_conn_drain(struct http_conn *c)
{
    if (c->state == CONN_CLOSED) {
        return;
    }
    c->draining = true;
    if (c->state == CONN_IDLE) {
        c->clock.since_ms = clock_mono_ms(); /* the grace begins now */
    }
    settle(c);
}

void http_conn_last(struct http_conn *c)
{
    c->close_after = true;
}

void http_conn_hold(struct http_conn *c)
{
    c->body.held = true;
}

void http_conn_continue(struct http_conn *c)
{
    if (c->body.held && c->state == CONN_BODY && buf_len(&c->body.bytes) == 0) {
        c->clock.since_ms = clock_mono_ms(); /* the client's time begins now */
        http_in_send_continue(c);
    }
    c->body.held = false;
}

void http_conn_refuse(struct http_conn *c, const struct err *err)
{
    assert(c->state == CONN_BODY);
    http_in_refuse(c, err);
}

void http_conn_set_user(struct http_conn *c, void *user)
{
    c->owner.user = user;
}

void *http_conn_user(const struct http_conn *c)
{
    return c->owner.user;
}

uint64_t http_conn_id(const struct http_conn *c)
{
    return c->id;
}

struct str http_conn_peer(const struct http_conn *c)
{
    return text_from(c->peer);
}

void http_conn_set_holder(struct http_conn *c, uint64_t holder)
{
    http_bodies_move(&c->list.set->bodies, &c->body.hold, holder);
}

void http_conn_wipe_headers(struct http_conn *c)
{
    http_parse_wipe_secrets(c->parse);
}

struct http_conn *http_conn_each(const struct http_conn_set *set, struct http_conn *after)
{
    return after ? after->list.next : set->first;
}
