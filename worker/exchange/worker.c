#include "worker/exchange/worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/holds.h"
#include "shm/journal/journal.h"
#include "shm/memory/scoreboard.h"
#include "worker/exchange/accept.h"
#include "worker/exchange/bedrock.h"
#include "worker/turn/context.h"
#include "worker/exchange/exchange.h"
#include "worker/exchange/refusal.h"
#include "worker/moves/queue.h"
#include "worker/exchange/routes.h"
#include "worker/exchange/stream.h"

#define BEAT_MS     1000
#define QUIET_BEATS 3    /* without a byte from any client: the heap goes back */
#define FLUSH_MS    2000 /* after the drain time: for the last error events to leave */
#define SHUT_MS     20   /* from the end of listening to the first "Connection: close" */
#define ARENA_MAX   (64u << 20)

/* --- the connection's callbacks ------------------------------------------------------------ */

static enum status conn_headers(void *ctx, struct http_conn *c, const struct http_request *r,
                                size_t *body_max_out, struct err *err)
{
    return exchange_open(ctx, c, r, body_max_out, err);
}

static void conn_request(void *ctx, struct http_conn *c, const struct http_request *r,
                         struct str body)
{
    (void)ctx;
    (void)r;
    exchange_request(http_conn_user(c), body);
}

static void conn_refuse(void *ctx, struct http_conn *c, const struct http_request *r,
                        const struct err *err)
{
    struct exchange *x = http_conn_user(c);
    if (x) { /* refused at its headers, or its body is too large, too slow or malformed */
        x->outcome.err = *err;
        exchange_fail(x);
        return;
    }
    refusal_answer(ctx, c, r, err);
}

static void conn_drained(void *ctx, struct http_conn *c)
{
    (void)ctx;
    if (http_conn_user(c)) {
        exchange_drained(http_conn_user(c));
    }
}

static void conn_gone(void *ctx, struct http_conn *c)
{
    (void)ctx;
    if (http_conn_user(c)) {
        exchange_gone(http_conn_user(c));
    }
}

static void stop_if_empty(struct worker *w)
{
    if (w->draining && w->conns.open == 0) {
        loop_stop(w->loop);
    }
}

/* gone was called before, unless we aborted the connection ourselves. */
static void conn_closed(void *ctx, struct http_conn *c)
{
    conn_gone(ctx, c);
    accept_publish(ctx);
    stop_if_empty(ctx);
}

const struct http_conn_ops worker_conn_ops = {
    .headers = conn_headers,
    .request = conn_request,
    .refuse = conn_refuse,
    .drained = conn_drained,
    .gone = conn_gone,
    .closed = conn_closed,
};

/* --- draining ------------------------------------------------------------------------------ */

static void give_up(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

/* SHUTDOWN_TIMEOUT is over: what still runs is told so, in its own dialect. */
static void drain_over(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    log_line(LOG_WARN, "drain", "%u requests did not finish in time", w->exchange_count);
    for (struct exchange *x = w->exchanges, *next; x; x = next) {
        next = x->next;
        err_set(&x->outcome.err, STATUS_OVERLOADED,
                "the gateway is restarting; send the request again");
        x->outcome.refused = COUNTER_REFUSED_DRAINING;
        http_conn_last(x->conn);
        if (x->state == EXCHANGE_OPEN) { /* its body is still arriving */
            http_conn_refuse(x->conn, &x->outcome.err);
        } else {
            exchange_fail(x);
        }
    }
    loop_timer_in(loop, &w->process.timer_drain, FLUSH_MS, give_up, w);
}

static void drain_connections(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    for (struct http_conn *c = http_conn_each(&w->conns, NULL), *next; c; c = next) {
        next = http_conn_each(&w->conns, c);
        http_conn_drain(c);
    }
    loop_timer_in(loop, &w->process.timer_drain, (uint64_t)w->config->shutdown_timeout * 1000u,
                  drain_over, w);
    stop_if_empty(w);
}

/* The door first, and a moment later the clients: those who are told to close come back at once,
 * and shall find the port as the other workers leave it, not one that is about to be closed with
 * them in its queue. */
static void drain(struct worker *w)
{
    if (w->draining) {
        return;
    }
    accept_end(w);
    w->draining = true;
    queue_drain(w);
    close(w->process.listen_fd);
    w->process.listen_fd = -1;
    scoreboard_state(w->segment, w->slot, SCOREBOARD_DRAINING);
    log_line(LOG_INFO, "drain", "%u connections, %u requests open", w->conns.open,
             w->exchange_count);
    loop_timer_in(w->loop, &w->process.timer_drain, SHUT_MS, drain_connections, w);
    stop_if_empty(w);
}

/* --- wake-ups ------------------------------------------------------------------------------ */

/* SIGTERM may come more than once, from the master and from whoever stops a whole group of
 * processes: a drain that has begun goes on. At once is SIGINT. */
static void on_signal(struct loop *loop, void *owner, unsigned events)
{
    (void)events;
    struct worker *w = owner;
    for (int sig; (sig = loop_signalfd_read(w->process.signal_fd, NULL)) != 0;) {
        if (sig == SIGTERM) {
            drain(w);
        } else if (sig == SIGINT) {
            loop_stop(loop);
        }
    }
}

static void on_master_gone(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    (void)events;
    struct worker *w = owner;
    log_line(LOG_WARN, "drain", "the master is gone");
    loop_remove(w->loop, w->process.dead); /* EOF stays readable */
    w->process.dead = 0;
    drain(w);
}

void worker_wake(struct worker *w)
{
    for (struct exchange *x = LIST_FIRST(&w->waiters.asking), *next; x; x = next) {
        next = LIST_NEXT(x, asking);
        exchange_wake(x);
    }
}

/* The refresher has answered questions about keys, or a busier worker wants this one to listen. */
static void on_wake(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    (void)events;
    struct worker *w = owner;
    loop_eventfd_clear(w->segment->wake_worker[w->slot - 1]);
    accept_asked(w);
    worker_wake(w);
}

/* Adds what has grown since the last time: a successor in the slot goes on from the same block. */
static void add_growth(struct worker *w, enum counter c, uint64_t now)
{
    counters_add(c, now - w->process.published[c]);
    w->process.published[c] = now;
}

static void publish_counters(struct worker *w)
{
    struct fetch_stats f;
    fetch_stats(w->fetch, &f);
    add_growth(w, COUNTER_UPSTREAM_CONNECTS, f.connects);
    add_growth(w, COUNTER_UPSTREAM_REPEATS, f.repeats);
    add_growth(w, COUNTER_BYTES_IN, w->conns.bytes_in);
    add_growth(w, COUNTER_BYTES_OUT, w->conns.bytes_out);
    add_growth(w, COUNTER_TURNS, loop_turns(w->loop));
}

/* The heap stays while requests come: to give 300 KB back after each of them and to get them again
 * costs a tenth of it. Answers that go on need none of what their requests have left. */
static void give_back(struct worker *w)
{
    bool busy = w->conns.bytes_in != w->process.bytes_in;
    w->process.bytes_in = w->conns.bytes_in;
    w->process.quiet_beats = busy ? 0 : w->process.quiet_beats + 1;
    if (w->process.quiet_beats == QUIET_BEATS) {
        malloc_trim(0);
    }
}

static void beat(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    publish_counters(w);
    give_back(w);
    loop_timer_in(loop, &w->process.timer_beat, BEAT_MS, beat, w);
}

static void each_turn(struct loop *loop, void *owner)
{
    (void)loop;
    struct worker *w = owner;
    scoreboard_beat(w->segment, w->slot, clock_mono_ms());
    accept_publish(w);
}

/* --- starting ------------------------------------------------------------------------------ */

void worker_configure(struct worker *w)
{
    const struct config *c = w->config;
    const struct config_bounds *b = &c->bounds;
    w->conn_limits = (struct http_conn_limits){
        .parse = {.line = b->head_line,
                  .headers = b->head_bytes,
                  .header_count = b->head_fields,
                  .chunk_extras = 1024,
                  .key_name = text_from(c->api_key_header)},
        .body_max = b->body_bytes,
        .bodies_max = b->bodies,
        .output_high = b->output_high,
        .header_ms = (uint32_t)c->header_timeout * 1000u,
        .body_ms = b->body_ms,
        .body_rate = b->body_rate,
        .idle_ms = (uint32_t)c->keepalive_timeout * 1000u,
        .write_stall_ms = b->write_stall_ms,
        .requests_max = b->conn_requests,
        .conns_max = b->connections,
    };
    w->scan_limits = (struct scan_limits){.depth = b->json_depth,
                                          .values = b->json_values,
                                          .keys = b->json_keys,
                                          .number_len = b->json_number};
    w->models.config = c;
    w->arena_max = ARENA_MAX;
    w->route_row = routes_row;
    w->wake = exchange_wake;
    w->transfer = &stream_ops;
    w->has_master = c->has_master;
    memcpy(w->master_digest, c->master_digest, sizeof w->master_digest);
}

static loop_handle watch(struct worker *w, int fd, loop_fd_fn *fn, struct err *err)
{
    return loop_add(w->loop, fd, LOOP_READ, fn, w, err);
}

static bool start(struct worker *w, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    const struct config *c = w->config;
    struct fetch_options options = {.ca_file = c->ca_file[0] ? c->ca_file : NULL,
                                    .pool = c->bounds.pool,
                                    .use_proxy = c->use_proxy};
    if (models_init(&w->models, c, err) != STATUS_OK ||
        segment_enter_worker(w->segment, err) != STATUS_OK || !(w->loop = loop_new(err)) ||
        !(w->fetch = fetch_client_new(w->loop, &options, err)) ||
        !(w->bedrock = bedrock_new(w, err))) {
        return false;
    }
    w->process.signal_fd = loop_signalfd(signals, err);
    w->process.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    w->process.dead = watch(w, w->process.dead_fd, on_master_gone, err);
    return w->process.dead && w->process.signal_fd >= 0 &&
           watch(w, w->process.signal_fd, on_signal, err) &&
           watch(w, w->segment->wake_worker[w->slot - 1], on_wake, err);
}

static void stop(struct worker *w)
{
    while (w->exchanges) {
        exchange_gone(w->exchanges);
    }
    for (struct http_conn *c = http_conn_each(&w->conns, NULL), *next; c; c = next) {
        next = http_conn_each(&w->conns, c);
        http_conn_abort(c);
    }
    publish_counters(w);
    fetch_client_drop(w->fetch);
    loop_drop(w->loop); /* runs what is deferred: exchanges and connections are freed */
    bedrock_drop(w->bedrock);
    models_free(&w->models);
    text_wipe(&w->keyring, sizeof w->keyring);
}

int worker_run(const struct config *c, struct segment *s, uint32_t slot, int listen_fd, int dead_fd)
{
    /* Bodies of 100 KB come and go with every request: their pages are kept. */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20); /* give_back does it */
    /* Every large allocation would empty the fast bins first; small pieces stay in the tcache. */
    mallopt(M_MXFAST, 0);
    static struct worker worker; /* zero, and most of its pages stay untouched */
    struct worker *w = &worker;
    struct err err = {.code = STATUS_OK};
    assert(!w->segment); /* one at a time */
    w->config = c;
    w->segment = s;
    w->slot = slot;
    w->process.listen_fd = listen_fd;
    w->process.dead_fd = dead_fd;
    w->process.ops = &worker_conn_ops;
    counters_enter(s, slot);
    holds_enter(s, slot);
    turns_enter(s, slot);
    if (s->journal) {
        journal_enter(s->journal, slot);
        journal_guard(s->journal);
    }
    worker_configure(w);
    if (!start(w, &err)) {
        log_line(LOG_ERROR, "start", "%s", err.text);
        return err.code == STATUS_INVALID ? 2 : 1;
    }
    loop_each_turn(w->loop, each_turn, w);
    loop_timer_in(w->loop, &w->process.timer_beat, BEAT_MS, beat, w);
    scoreboard_state(s, slot, SCOREBOARD_READY);
    accept_join(w);
    loop_run(w->loop);
    stop(w);
    int code = w->process.exit_code;
    *w = (struct worker){0};
    return code;
}
