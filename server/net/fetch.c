/*
 * fetch.c - the life of a transfer. Cast: fetch_private.h.
 *
 *   loop: descriptor ready,       fetch_act: libcurl runs -+-> on_header, on_body -> ops
 *         timer, deferred   --->    (inside == true)       +-> fetch_sockets.c
 *                                   then leave(): settle what ops asked for while inside,
 *                                                 and deliver ops->done
 *
 * libcurl's functions may not be called from its callbacks (CURLM_RECURSIVE_API_CALL). So what an
 * ops function asks for while inside == true waits on the pending list until libcurl has returned.
 *
 * Other traps: CURLMOPT_MAXCONNECTS counts busy connections too, so it moves with the number of
 * transfers; curl_easy_pause may deliver data before it returns, and does not end a transfer that
 * fails there.
 */
#include "server/net/fetch.h"

#include <assert.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/net/fetch_private.h"

enum {
    REQUEST_HEADER_BYTES = 64 * 1024, /* a session token alone may have 4 KiB */
    ANSWER_HEADER_BYTES = 32 * 1024,
    ORIGIN_BYTES = 1024
};

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

static void arm(struct fetch *f)
{
    uint64_t due_ms = UINT64_MAX;
    if (f->clock.total_ms) {
        due_ms = f->clock.start_ms + f->clock.total_ms;
    }
    if (!f->answer.begun && f->clock.first_byte_ms &&
        f->clock.start_ms + f->clock.first_byte_ms < due_ms) {
        due_ms = f->clock.start_ms + f->clock.first_byte_ms;
    }
    if (f->answer.begun && !f->paused && f->clock.idle_ms &&
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
    arm(f);
}

/* ---- one transfer: its end ------------------------------------------------------------ */

static void pend(struct fetch *f)
{
    struct fetch_client *client = f->client;
    if (!f->pending) {
        f->pending = true;
        TAILQ_INSERT_TAIL(&client->pending, f, in_pending);
        client->pending_count++;
    }
    if (!client->inside) {
        defer_work(client);
    }
}

static void unpend(struct fetch *f)
{
    if (!f->pending) {
        return;
    }
    f->pending = false;
    TAILQ_REMOVE(&f->client->pending, f, in_pending);
    f->client->pending_count--;
}

/* libcurl compares when a connection becomes idle while its transfer still counts: hence the 1. */
static void follow_count(struct fetch_client *client)
{
    size_t busy = client->running_count > 0 ? client->running_count - 1 : 0;
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)(client->options.pool + busy));
}

/* Takes f away from libcurl, which closes the connection unless the answer was complete. */
static void end(struct fetch *f)
{
    struct fetch_client *client = f->client;
    assert(!client->inside);
    bool added = f->state != FETCH_QUEUED;
    f->state = FETCH_ENDED;
    loop_timer_cancel(client->loop, &f->clock.deadline);
    unpend(f);
    LIST_REMOVE(f, in_running);
    client->running_count--;
    if (!added) {
        return;
    }
    long connects = 0;
    curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &connects);
    client->stats.connects += (uint64_t)connects;
    curl_multi_remove_handle(client->multi, f->easy);
    follow_count(client);
}

static void fetch_free(struct fetch *f)
{
    curl_easy_cleanup(f->easy);
    curl_url_cleanup(f->request.parsed); /* after the handle that reads it */
    buf_free(&f->request.lines);
    buf_free(&f->request.origin);
    buf_free(&f->answer.lines);
    heap_drop(f);
}

static void release(struct fetch *f)
{
    struct fetch_client *client = f->client;
    if (client->pool_count >= client->options.pool) {
        fetch_free(f);
        return;
    }
    /* Authorization and session token. */
    text_wipe(buf_data(&f->request.lines), buf_len(&f->request.lines));
    f->state = FETCH_POOLED;
    SLIST_INSERT_HEAD(&client->pool, f, in_pool);
    client->pool_count++;
}

/* The deadlines run on: they are of the request. */
static void start_anew(struct fetch *f)
{
    curl_multi_remove_handle(f->client->multi, f->easy);
    curl_easy_setopt(f->easy, CURLOPT_FRESH_CONNECT, 1L);
    f->set.fresh_only = true;
    f->connection.sent = false;
    fetch_repeat_note(f);
    f->state = FETCH_QUEUED;
    pend(f);
}

/* code counts only when no callback of ours has said something better. */
static void finish(struct fetch *f, CURLcode code)
{
    if (fetch_repeat_is_right(f, code)) {
        start_anew(f);
        return;
    }
    if (code != CURLE_OK && f->err.code == STATUS_OK) {
        fetch_error_explain(f, code);
    }
    if (f->err.code == STATUS_OK) {
        fetch_sockets_answered(f);
    }
    end(f);
    f->ops.done(f->owner, f, f->err.code, &f->err);
    release(f);
}

static void expire(struct loop *loop, void *owner)
{
    struct fetch *f = owner;
    uint64_t now_ms = clock_mono_ms();
    if (f->state == FETCH_CANCELLED) { /* settle() takes it away, nobody is told */
        return;
    }
    arm(f);
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
    finish(f, CURLE_OK);
}

/* ---- what waits for libcurl to return ------------------------------------------------- */

static bool add(struct fetch *f)
{
    struct fetch_client *client = f->client;
    follow_count(client);
    CURLMcode code = curl_multi_add_handle(client->multi, f->easy);
    if (code != CURLM_OK) {
        err_set(&f->err, STATUS_BUSY, "cannot start a call to %s (curl multi %d)", f->peer,
                (int)code);
        return false;
    }
    f->state = FETCH_RUNNING;
    return true;
}

static void unpause(struct fetch *f)
{
    if (!f->paused) {
        return;
    }
    f->paused = false;
    f->clock.last_ms = clock_mono_ms();
    arm(f);
    f->client->inside = true;
    CURLcode code = curl_easy_pause(f->easy, CURLPAUSE_CONT);
    f->client->inside = false;
    if (code != CURLE_OK && f->state != FETCH_CANCELLED) {
        finish(f, code);
    }
}

static void settle(struct fetch_client *client)
{
    /* What is asked for meanwhile waits for its own turn, so that one transfer cannot keep
     * us here. */
    for (size_t n = client->pending_count; n > 0 && client->pending_count > 0; n--) {
        struct fetch *f = TAILQ_FIRST(&client->pending);
        unpend(f);
        if (f->state == FETCH_CANCELLED) {
            end(f);
            release(f);
        } else if (f->state == FETCH_RUNNING) {
            unpause(f);
        } else if (f->state == FETCH_QUEUED && !add(f)) {
            finish(f, CURLE_OK);
        }
    }
    if (client->pending_count > 0) {
        defer_work(client);
    }
}

static void deliver(struct fetch_client *client)
{
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        struct fetch *f = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        if (f->state != FETCH_CANCELLED) { /* in a callback that settle() itself led to */
            finish(f, message->data.result);
        }
    }
}

/* libcurl has returned. Cancelled transfers go first, so that no message is delivered for them. */
static void leave(struct fetch_client *client)
{
    client->inside = false;
    settle(client);
    deliver(client);
}

void fetch_act(struct fetch_client *client, curl_socket_t fd, int bits)
{
    int running;
    client->inside = true;
    curl_multi_socket_action(client->multi, fd, bits, &running);
    leave(client);
}

/* A timer would cost one epoll_wait more. */
void fetch_act_soon(struct fetch_client *client)
{
    client->kick = true;
    defer_work(client);
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
    settle(client);
    if (client->kick) {
        client->kick = false;
        fetch_act(client, CURL_SOCKET_TIMEOUT, 0);
    }
}

/* ---- public --------------------------------------------------------------------------- */

struct fetch_client *fetch_client_new(struct loop *loop, const struct fetch_options *options,
                                      struct err *err)
{
    struct fetch_client *client = heap_new(sizeof *client);
    if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        heap_drop(client);
        err_set(err, STATUS_INTERNAL, "no memory for outgoing calls");
        return NULL;
    }
    client->loop = loop;
    client->options = *options;
    TAILQ_INIT(&client->pending);
    client->multi = curl_multi_init();
    if (!client->multi) {
        fetch_client_drop(client);
        err_set(err, STATUS_INTERNAL, "no memory for outgoing calls");
        return NULL;
    }
    fetch_sockets_attach(client);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return client;
}

void fetch_client_drop(struct fetch_client *client)
{
    if (!client) {
        return;
    }
    assert(!client->inside);
    struct fetch *f;
    while ((f = LIST_FIRST(&client->running))) {
        end(f);
        release(f);
    }
    while ((f = SLIST_FIRST(&client->pool))) {
        SLIST_REMOVE_HEAD(&client->pool, in_pool);
        fetch_free(f);
    }
    curl_multi_cleanup(client->multi); /* still calls fetch_sockets.c */
    fetch_sockets_detach(client);
    curl_global_cleanup();
    client->dropped = true;
    if (!client->work_due) {
        heap_drop(client);
    }
}

static struct fetch *take(struct fetch_client *client)
{
    struct fetch *f = SLIST_FIRST(&client->pool);
    if (f) {
        SLIST_REMOVE_HEAD(&client->pool, in_pool);
        client->pool_count--;
        return f;
    }
    f = heap_new(sizeof *f);
    if (!f) {
        return NULL;
    }
    f->client = client;
    f->easy = curl_easy_init();
    f->request.parsed = curl_url();
    buf_init(&f->request.lines, REQUEST_HEADER_BYTES);
    buf_init(&f->request.origin, ORIGIN_BYTES);
    buf_init(&f->answer.lines, ANSWER_HEADER_BYTES);
    if (f->easy && f->request.parsed && fetch_options_constant(f)) {
        fetch_answer_options(f);
        return f;
    }
    fetch_free(f);
    return NULL;
}

static void prepare(struct fetch *f, const struct fetch_request *r, const struct fetch_ops *ops,
                    void *owner)
{
    f->ops = *ops;
    f->owner = owner;
    f->peer = r->peer ? r->peer : "the model service";
    f->clock.first_byte_ms = r->first_byte_ms;
    f->clock.idle_ms = r->idle_ms;
    f->clock.total_ms = r->total_ms;
    f->answer.body_max = r->body_max;
    f->answer.status = 0;
    buf_clear(&f->answer.lines);
    f->answer.begun = f->answer.headers_in = f->connection.sent = f->paused = false;
    f->connection.lost = f->connection.repeated = false;
    f->connection.fd = -1;
    f->answer.received = 0;
    f->clock.start_ms = f->clock.last_ms = clock_mono_ms();
    f->err.code = STATUS_OK;
    f->err.text[0] = '\0';
    f->err.retry_after_s = 0;
    f->trouble = FETCH_TROUBLE_OTHER;
    f->state = FETCH_QUEUED;
}

struct fetch *fetch_start(struct fetch_client *client, const struct fetch_request *request,
                          const struct fetch_ops *ops, void *owner, struct err *err)
{
    struct fetch *f = take(client);
    if (!f) {
        err_set(err, STATUS_BUSY, "no memory for an outgoing call");
        return NULL;
    }
    prepare(f, request, ops, owner);
    if (!fetch_options_request(f, request)) {
        err_set(err, STATUS_INTERNAL, "cannot form the request to %s", f->peer);
        release(f);
        return NULL;
    }
    LIST_INSERT_HEAD(&client->running, f, in_running);
    client->running_count++;
    if (client->inside) {
        pend(f);
    } else if (!add(f)) {
        if (err) {
            *err = f->err;
        }
        end(f);
        release(f);
        return NULL;
    }
    client->stats.started++;
    arm(f);
    return f;
}

void fetch_cancel(struct fetch *f)
{
    if (f->state == FETCH_ENDED || f->state == FETCH_CANCELLED) {
        return;
    }
    assert(f->state != FETCH_POOLED);
    if (f->client->inside && f->state != FETCH_QUEUED) {
        f->state = FETCH_CANCELLED;
        pend(f);
        return;
    }
    end(f);
    release(f);
}

void fetch_resume(struct fetch *f)
{
    if (f->state == FETCH_RUNNING) {
        pend(f);
    }
}

enum fetch_trouble fetch_trouble(const struct fetch *f)
{
    return f->trouble;
}

int fetch_status(const struct fetch *f)
{
    return f->answer.status;
}

bool fetch_sent(const struct fetch *f)
{
    return f->connection.sent && !f->connection.lost;
}

bool fetch_header(const struct fetch *f, struct str name, struct str *value_out)
{
    struct str rest = buf_str(&f->answer.lines), line;
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
