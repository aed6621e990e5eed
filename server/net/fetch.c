/*
 * fetch.c - the life of a transfer. Cast: fetch_private.h.
 *
 *   fetch_start --> wire_pool_take ----------------+-> RUNNING: fetch_request.c sends,
 *               --> wire_open, CONNECTING, opened -+            fetch_answer.c reads -> ops
 *                        ^                                         |            |
 *                        +--- repeat: died unheard <- fetch_lost <-+            v
 *                                                          |          fetch_finish -> ops->done
 *                                                          +----------^
 *
 * A connection out of the pool that dies under a request, before any byte of an answer: the other
 * side hung up at that very moment (idle for too long, a restart), and the request goes out once
 * more, on a fresh connection. Some time after its last byte it may have been heard. RFC 9112 9.3.1
 * wants that for idempotent requests only; but who hangs up does not read, and to lose a request is
 * the worse of the two.
 */
#include "server/net/fetch.h"

#include <assert.h>
#include <curl/curl.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/url.h"
#include "server/net/fetch_private.h"

static void do_work(struct loop *loop, void *owner);
static void expire(struct loop *loop, void *owner);

static void defer_work(struct fetch_client *client)
{
    if (client->work_due) {
        return;
    }
    client->work_due = true;
    loop_defer(client->loop, do_work, client);
}

/* ---- one transfer: clocks -------------------------------------------------- */

void fetch_arm(struct fetch *f)
{
    uint64_t due_ms = UINT64_MAX;
    if (f->clock.total_ms) {
        due_ms = f->clock.start_ms + f->clock.total_ms;
    }
    if (!f->answer.begun && f->clock.first_byte_ms &&
        f->clock.start_ms + f->clock.first_byte_ms < due_ms) {
        due_ms = f->clock.start_ms + f->clock.first_byte_ms;
    }
    if (f->answer.begun && !f->pause.on && f->clock.idle_ms &&
        f->clock.last_ms + f->clock.idle_ms < due_ms) {
        due_ms = f->clock.last_ms + f->clock.idle_ms;
    }
    if (due_ms == UINT64_MAX) {
        loop_timer_cancel(f->client->loop, &f->clock.deadline);
    } else {
        loop_timer_set(f->client->loop, &f->clock.deadline, due_ms, expire, f);
    }
}

/* A byte came. The timer is moved only where the deadline may come nearer; expire() moves it
 * otherwise. */
void fetch_touch(struct fetch *f)
{
    f->clock.last_ms = clock_mono_ms();
    if (f->answer.begun) {
        return;
    }
    f->answer.begun = true;
    fetch_arm(f);
}

/* ---- what waits for the end of the turn ------------------------------------------------ */

static void pend(struct fetch *f)
{
    struct fetch_client *client = f->client;
    if (f->work.due) {
        return;
    }
    f->work.due = true;
    TAILQ_INSERT_TAIL(&client->pending, f, work.in_pending);
    client->pending_count++;
    defer_work(client);
}

static void unpend(struct fetch *f)
{
    if (!f->work.due) {
        return;
    }
    f->work.due = f->work.look = f->work.resume = false;
    TAILQ_REMOVE(&f->client->pending, f, work.in_pending);
    f->client->pending_count--;
}

void fetch_look_later(struct fetch *f)
{
    f->work.look = true;
    pend(f);
}

/* ---- one transfer: its end ------------------------------------------------------------- */

static void end(struct fetch *f, bool keep)
{
    f->state = FETCH_ENDED;
    loop_timer_cancel(f->client->loop, &f->clock.deadline);
    unpend(f);
    LIST_REMOVE(f, in_running);
    if (f->connection.wire && keep && fetch_request_is_out(f)) {
        wire_pool_give(f->connection.wire);
    } else if (f->connection.wire) {
        wire_close(f->connection.wire);
    }
    f->connection.wire = NULL;
    fetch_request_forget(f);
}

static void release(struct fetch *f)
{
    struct fetch_client *client = f->client;
    fetch_request_forget(f);
    buf_free(&f->pause.held);
    if (client->free_count >= client->pool) {
        response_parse_drop(f->answer.parse);
        heap_drop(f);
        return;
    }
    response_parse_reset(f->answer.parse);
    f->state = FETCH_POOLED;
    SLIST_INSERT_HEAD(&client->free, f, in_pool);
    client->free_count++;
}

void fetch_finish(struct fetch *f, bool keep)
{
    assert(!f->busy);
    end(f, keep);
    f->ops.done(f->owner, f, f->err.code, &f->err);
    release(f);
}

bool fetch_is_over(struct fetch *f)
{
    if (f->state != FETCH_ENDED) {
        return false;
    }
    release(f);
    return true;
}

static void expire(struct loop *loop, void *owner)
{
    struct fetch *f = owner;
    uint64_t now_ms = clock_mono_ms();
    fetch_arm(f);
    if (!f->clock.deadline.index || f->clock.deadline.at_ms > now_ms) {
        return;
    }
    loop_timer_cancel(loop, &f->clock.deadline);
    f->trouble = FETCH_TROUBLE_TIMEOUT;
    if (f->clock.total_ms && f->clock.start_ms + f->clock.total_ms <= now_ms) {
        err_set(&f->err, STATUS_TIMEOUT, "the answer of %s was not complete in %u s", f->peer,
                (f->clock.total_ms + 999) / 1000);
    } else if (!f->answer.begun) {
        err_set(&f->err, STATUS_TIMEOUT, "no answer from %s in %u s", f->peer,
                (f->clock.first_byte_ms + 999) / 1000);
    } else {
        err_set(&f->err, STATUS_TIMEOUT, "%s fell silent for %u s", f->peer,
                (f->clock.idle_ms + 999) / 1000);
    }
    fetch_finish(f, false);
}

/* ---- its connection ---------------------------------------------------------------------- */

static void opened(void *owner, int code)
{
    struct fetch *f = owner;
    if (code != WIRE_OK) {
        f->connection.wire = NULL;
        fetch_error_explain(f, code);
        fetch_finish(f, false);
        return;
    }
    f->state = FETCH_RUNNING;
    f->client->stats.connects++;
    fetch_request_send(f);
}

/* TLS may want to read before it writes. */
static void ready(void *owner, unsigned events)
{
    struct fetch *f = owner;
    if (events & (LOOP_WRITE | LOOP_ERROR) || wire_origin_secure(f->connection.origin)) {
        fetch_request_send(f);
    }
    if (events & (LOOP_READ | LOOP_ERROR) && !f->pause.on) {
        fetch_answer_read(f);
    }
}

static const struct wire_ops wire_ops = {opened, ready};

static bool connect_anew(struct fetch *f)
{
    f->state = FETCH_CONNECTING;
    f->connection.wire = wire_open(f->connection.origin, f->connection.connect_ms, &wire_ops, f);
    if (f->connection.wire) {
        return true;
    }
    f->state = FETCH_FAILED;
    err_set(&f->err, STATUS_BUSY, "no memory to call %s", f->peer);
    return false;
}

/* The deadlines run on: they are of the request. */
static void repeat(struct fetch *f)
{
    f->client->stats.repeats++;
    f->connection.repeated = true;
    f->connection.reused = f->connection.sent = f->request.mute = false;
    f->request.send_code = WIRE_OK;
    f->request.written = 0;
    f->request.out_ms = 0;
    unpend(f);
    if (!connect_anew(f)) {
        pend(f);
    }
}

void fetch_lost(struct fetch *f, int code)
{
    bool again = f->connection.reused && !f->answer.begun && !f->connection.repeated &&
                 fetch_request_is_fresh(f) && wire_unheard(f->connection.wire);
    wire_close(f->connection.wire);
    f->connection.wire = NULL;
    if (again) {
        repeat(f);
        return;
    }
    fetch_error_explain(f, code);
    fetch_finish(f, false);
}

static void go_on(struct fetch *f)
{
    bool look = f->work.look, resume = f->work.resume;
    unpend(f);
    if (f->state == FETCH_FAILED) {
        fetch_finish(f, false);
    } else if (f->pause.on && resume) {
        fetch_answer_resume(f);
    } else if (f->state == FETCH_RUNNING && !f->pause.on && look) {
        fetch_answer_read(f);
    }
}

static void do_work(struct loop *loop, void *owner)
{
    (void)loop;
    struct fetch_client *client = owner;
    client->work_due = false;
    if (client->dropped) {
        heap_drop(client);
        return;
    }
    /* What is asked for meanwhile waits for its own turn, so that one transfer cannot keep
     * us here. */
    for (size_t n = client->pending_count; n > 0 && client->pending_count > 0; n--) {
        go_on(TAILQ_FIRST(&client->pending));
    }
    if (client->pending_count > 0) {
        defer_work(client);
    }
}

/* ---- public --------------------------------------------------------------------------- */

const char *fetch_ca_file(void)
{
    return wire_ca_file();
}

struct fetch_client *fetch_client_new(struct loop *loop, const struct fetch_options *options,
                                      struct err *err)
{
    struct fetch_client *client = heap_new(sizeof *client);
    char *read = client ? heap_grow(NULL, FETCH_READ_BYTES) : NULL;
    struct wire_options o = {options->ca_file, options->pool, options->use_proxy, options->verbose};
    struct wire_net *net = read ? wire_net_new(loop, &o) : NULL;
    if (!net) {
        heap_drop(read);
        heap_drop(client);
        err_set(err, STATUS_INTERNAL, "no memory for outgoing calls");
        return NULL;
    }
    *client = (struct fetch_client){.loop = loop, .net = net, .read = read, .pool = options->pool};
    TAILQ_INIT(&client->pending);
    return client;
}

void fetch_client_drop(struct fetch_client *client)
{
    struct fetch *f;
    if (!client) {
        return;
    }
    while ((f = LIST_FIRST(&client->running))) {
        end(f, false);
        release(f);
    }
    while ((f = SLIST_FIRST(&client->free))) {
        SLIST_REMOVE_HEAD(&client->free, in_pool);
        response_parse_drop(f->answer.parse);
        heap_drop(f);
    }
    while (client->heads_count > 0) {
        buf_free(&client->heads[--client->heads_count]);
    }
    wire_net_drop(client->net);
    heap_drop(client->read);
    client->dropped = true;
    if (!client->work_due) {
        heap_drop(client);
    }
}

static struct fetch *take(struct fetch_client *client)
{
    struct fetch *f = SLIST_FIRST(&client->free);
    if (f) {
        SLIST_REMOVE_HEAD(&client->free, in_pool);
        client->free_count--;
        return f;
    }
    struct response_parse *parse = response_parse_new();
    f = parse ? heap_new(sizeof *f) : NULL;
    if (!f) {
        response_parse_drop(parse);
        return NULL;
    }
    f->answer.parse = parse;
    f->client = client;
    return f;
}

static void prepare(struct fetch *f, const struct fetch_request *r, const struct fetch_ops *ops,
                    void *owner)
{
    uint64_t now_ms = clock_mono_ms();
    *f = (struct fetch){
        .client = f->client,
        .ops = *ops,
        .owner = owner,
        .peer = r->peer ? r->peer : "the model service",
        .clock = {.first_byte_ms = r->first_byte_ms,
                  .idle_ms = r->idle_ms,
                  .total_ms = r->total_ms,
                  .start_ms = now_ms,
                  .last_ms = now_ms},
        .connection = {.connect_ms = r->connect_ms},
        .answer = {.parse = f->answer.parse, .body_max = r->body_max},
    };
    buf_init(&f->pause.held, FETCH_READ_BYTES);
}

/* The path is signed as it is, and goes out as it is. */
static bool form(struct fetch *f, const struct fetch_request *r, bool *plain_http_out)
{
    struct url u;
    struct str url = text_from(r->url);
    if (!url_cut(url, &u) || (u.path.n > 0 && u.path.p[0] != '/')) {
        return false;
    }
    *plain_http_out = u.plain_http;
    f->connection.origin = wire_origin_find(f->client->net, text_sub(url, 0, url.n - u.path.n));
    return f->connection.origin && fetch_request_put(f, r, u.path);
}

/* False: no memory. */
static bool set_out(struct fetch *f, bool allowed)
{
    if (!allowed) {
        f->state = FETCH_FAILED;
        fetch_error_explain(f, CURLE_UNSUPPORTED_PROTOCOL);
        pend(f);
        return true;
    }
    f->connection.wire = wire_pool_take(f->connection.origin, &wire_ops, f);
    if (!f->connection.wire) {
        return connect_anew(f);
    }
    f->state = FETCH_RUNNING;
    f->connection.reused = true;
    fetch_request_send(f);
    return true;
}

struct fetch *fetch_start(struct fetch_client *client, const struct fetch_request *request,
                          const struct fetch_ops *ops, void *owner, struct err *err)
{
    bool plain_http;
    struct fetch *f = take(client);
    if (!f) {
        err_set(err, STATUS_BUSY, "no memory for an outgoing call");
        return NULL;
    }
    prepare(f, request, ops, owner);
    if (!form(f, request, &plain_http)) {
        err_set(err, STATUS_INTERNAL, "cannot form the request to %s", f->peer);
        release(f);
        return NULL;
    }
    LIST_INSERT_HEAD(&client->running, f, in_running);
    if (!set_out(f, request->allow_http || !plain_http)) {
        if (err) {
            *err = f->err;
        }
        end(f, false);
        release(f);
        return NULL;
    }
    client->stats.started++;
    fetch_arm(f);
    return f;
}

/* Inside headers or data f is still needed: fetch_is_over. */
void fetch_cancel(struct fetch *f)
{
    if (f->state == FETCH_ENDED) {
        return;
    }
    assert(f->state != FETCH_POOLED);
    end(f, false);
    if (!f->busy) {
        release(f);
    }
}

void fetch_resume(struct fetch *f)
{
    if (f->state == FETCH_RUNNING && (f->pause.on || f->busy)) {
        f->work.resume = true;
        pend(f);
    }
}

enum fetch_trouble fetch_trouble(const struct fetch *f)
{
    return f->trouble;
}

int fetch_status(const struct fetch *f)
{
    return response_parse_status(f->answer.parse);
}

bool fetch_needs_body(const struct fetch *f)
{
    return !f->answer.begun || f->request.body.n > 0;
}

bool fetch_sent(const struct fetch *f)
{
    return f->connection.sent;
}

bool fetch_repeated(const struct fetch *f)
{
    return f->connection.repeated;
}

struct str fetch_head(const struct fetch *f)
{
    return response_parse_head(f->answer.parse);
}

bool fetch_header(const struct fetch *f, struct str name, struct str *value_out)
{
    struct str rest = fetch_head(f), line;
    while (text_split(&rest, '\n', &line)) {
        if (line.n <= name.n || line.p[name.n] != ':' || !text_istarts(line, name)) {
            continue;
        }
        *value_out = text_trim(text_sub(line, name.n + 1, line.n));
        return true;
    }
    return false;
}

void fetch_stats(const struct fetch_client *client, struct fetch_stats *out)
{
    *out = client->stats;
}
