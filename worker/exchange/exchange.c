#include "worker/exchange/exchange.h"

#include <assert.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"
#include "worker/exchange/access_log.h"
#include "worker/turn/answer.h"
#include "worker/exchange/auth.h"
#include "worker/exchange/bedrock.h"
#include "worker/moves/chain.h"
#include "worker/exchange/convert.h"
#include "worker/door/count.h"
#include "worker/exchange/head.h"
#include "worker/moves/lane.h"
#include "worker/exchange/passing.h"
#include "worker/moves/places.h"
#include "worker/moves/queue.h"
#include "worker/turn/limits.h"
#include "worker/turn/money.h"
#include "worker/turn/usage.h"
#include "worker/door/metrics.h"
#include "worker/exchange/refusal.h"
#include "worker/exchange/routes.h"
#include "worker/exchange/stream.h"
#include "worker/model/behind.h"
#include "worker/model/endings.h"
#include "worker/model/mantle.h"

static enum verdict open_step(struct exchange *x);
static enum verdict route_step(struct exchange *x);
static enum verdict read_step(struct exchange *x);
static enum verdict admit_step(struct exchange *x);
static enum verdict send_step(struct exchange *x);

#define BEHIND_WAIT_MS 2000
#define BEHIND_LOOK_MS 20

#define TO(state) (1u << EXCHANGE_##state)

static const struct {
    const char *name;
    enum verdict (*step)(struct exchange *x);
    enum exchange_state next;
    unsigned may_enter;
} states[] = {
#define EXCHANGE_ROW(name, step, next, retry, meaning) \
    {#name, step, EXCHANGE_##next, TO(next) | (retry) | TO(DONE)},
    EXCHANGE_STATES(EXCHANGE_ROW)
#undef EXCHANGE_ROW
};
_Static_assert(EXCHANGE_NONE < 32, "a bit each");

const char *exchange_state_name(enum exchange_state state)
{
    return states[state].name;
}

/* --- moving -------------------------------------------------------------------------------- */

bool exchange_may_enter(enum exchange_state from, enum exchange_state to)
{
    return from != EXCHANGE_DONE && to != EXCHANGE_NONE && states[from].may_enter & 1u << to;
}

/* What the master tells about this process, should it die now. */
static void leave_word(const struct exchange *x)
{
    scoreboard_exchange(x->worker->segment, x->worker->slot, 1 + x->state);
}

static void x_enter(struct exchange *x, enum exchange_state state)
{
    assert(exchange_may_enter(x->state, state));
    if (log_on(LOG_DEBUG)) {
        log_line(LOG_DEBUG, "exchange", "%.*s %s -> %s", STR_ARG(x->asked.id),
                 states[x->state].name, states[state].name);
    }
    x->state = state;
    leave_word(x);
}

static void exchange_close(struct exchange *x);
static void finish(struct exchange *x);

static void resume_after_pause(struct loop *loop, void *owner)
{
    (void)loop;
    struct exchange *x = owner;
    x_enter(x, attempt_is_made(&x->attempt) ? EXCHANGE_SEND : EXCHANGE_CONVERT);
    exchange_wake(x);
}

static void start_pause(struct exchange *x)
{
    x_enter(x, EXCHANGE_PAUSE);
    loop_timer_in(x->worker->loop, &x->timer_pause, x->attempt.pause_ms, resume_after_pause, x);
}

/* Bedrock would not count: no permission, a model without CountTokens, an outage. Its other host may.
 * Never a silent guess: the answer says that it is an estimate. */
static void count_otherwise(struct exchange *x)
{
    if (count_is_refused(x)) {
        count_refused(x);
        if (!x->attempt.mantle.here &&
            count_where(x, bedrock_has_mantle(x->worker)) == COUNT_MANTLE) {
            x->outcome.err = (struct err){.code = STATUS_OK};
            attempt_drop(&x->attempt);
            x->attempt.pause_ms = 0;
            start_pause(x);
            return;
        }
    }
    if (count_estimate(x) == VERDICT_DONE) {
        x->outcome.err.code = STATUS_OK; /* answered after all; the text stays, for the log */
        finish(x);
    } else {
        exchange_fail(x);
    }
}

/* A step has failed: another model may answer in place of this one, or this one a little later. */
static void fail_or_move(struct exchange *x)
{
    places_note(x);
    if (x->asked.counting && x->state == EXCHANGE_RELAY && x->asked.dialect != DIALECT_BEDROCK) {
        count_otherwise(x);
    } else if (chain_try(x)) {
        start_pause(x);
    } else if (queue_enter(x)) {
        x_enter(x, EXCHANGE_QUEUE);
        stream_watch(x);
    } else {
        chain_end(x);
        exchange_fail(x);
    }
}

/* The driver: runs steps until one waits or the exchange ends. */
void exchange_wake(struct exchange *x)
{
    leave_word(x);
    while (x->state != EXCHANGE_DONE) {
        enum verdict (*step)(struct exchange *) = states[x->state].step;
        enum verdict v = step ? step(x) : VERDICT_WAIT;
        switch (v) {
        case VERDICT_WAIT:
            return;
        case VERDICT_NEXT:
            x_enter(x, states[x->state].next);
            break;
        case VERDICT_RETRY:
            counters_add(COUNTER_UPSTREAM_RETRIES, x->state == EXCHANGE_RELAY);
            start_pause(x);
            return;
        case VERDICT_FAIL:
            fail_or_move(x);
            return;
        case VERDICT_DONE:
            finish(x);
            return;
        }
    }
}

void exchange_fail(struct exchange *x)
{
    if (x->state == EXCHANGE_DONE) {
        return;
    }
    assert(x->outcome.err.code != STATUS_OK);
    queue_leave(x);
    if (x->outcome.begun) {
        stream_break(x);
    } else {
        answer_error(x, &x->outcome.err);
    }
    finish(x);
}

/* --- opening ------------------------------------------------------------------------------- */

/* Codex opens one for /v1/responses where its configuration says that the provider has them, and goes
 * on without one at this status alone. */
static bool asks_for_socket(const struct exchange *x, const struct http_request *r)
{
    struct str protocol;
    return x->asked.dialect == DIALECT_RESPONSES && r->method == HTTP_GET &&
           http_request_header(r, STR("upgrade"), &protocol) &&
           text_ieq(protocol, STR("websocket"));
}

/* Nothing is said of what there is to a caller without a key. */
static enum status no_route(struct exchange *x, const struct http_request *r, struct err *err)
{
    const struct config *c = x->worker->config;
    if (x->asked.allowed && asks_for_socket(x, r)) {
        return err_set(err, STATUS_UPGRADE, "no WebSocket here: send it by POST");
    }
    if (x->asked.allowed) {
        return err_set(err, STATUS_METHOD, "method %.*s is not allowed here",
                       (int)(r->method_text.n < 20 ? r->method_text.n : 20), r->method_text.p);
    }
    if (c->require_api_key && !auth_sent_key(c, r).n) {
        return auth_refuse_no_key(x, r, err);
    }
    return routes_absent(c, r->method_text, x->asked.path, err);
}

static enum status pick_route(struct exchange *x, const struct http_request *r, struct err *err)
{
    const struct config *c = x->worker->config;
    struct str path = x->asked.path;
    x->route = routes_find(c, path, r->method, &x->asked.allowed);
    if (!x->route) {
        const struct route *meant = routes_meant(path);
        x->asked.dialect = meant ? routes_dialect(meant, r) : routes_dialect_near(c, path);
        return no_route(x, r, err);
    }
    x->asked.dialect = routes_dialect(x->route, r);
    x->asked.counting = x->route->limit == ROUTE_COUNTING;
    return STATUS_OK;
}

static struct exchange *new_exchange(struct worker *w, struct http_conn *c)
{
    struct arena *arena = arena_new(w->arena_max);
    struct exchange *x = arena ? arena_alloc(arena, sizeof *x) : NULL;
    if (!x) {
        arena_drop(arena);
        return NULL;
    }
    x->worker = w;
    x->conn = c;
    x->arena = arena;
    x->began_ns = clock_now_ns();
    leave_word(x);
    turn_link(x);
    return x;
}

static enum status admit(struct exchange *x, const struct http_request *r, struct err *err)
{
    enum status st = pick_route(x, r, err);
    if (st == STATUS_OK && auth_is_needed(x)) {
        st = auth_identify(x, r, err);
    }
    return st == STATUS_OK ? head_check_coding(r, err) : st;
}

enum status exchange_open(struct worker *w, struct http_conn *c, const struct http_request *r,
                          size_t *body_max_out, struct err *err)
{
    struct exchange *x = new_exchange(w, c);
    enum status st = x ? head_keep(x, r, err) : err_no_memory(err);
    if (st != STATUS_OK) { /* nothing is known of it: answered by refusal.c */
        http_conn_wipe_headers(c);
        if (x) {
            exchange_close(x);
        }
        return st;
    }
    counters_add(COUNTER_REQUESTS, 1);
    st = admit(x, r, err);
    http_conn_wipe_headers(c);
    http_conn_set_user(c, x);
    http_conn_set_holder(c, caller_holder(&x->caller, http_conn_peer(x->conn)));
    if (st != STATUS_OK && (r->chunked || r->content_length > 0)) {
        return st; /* worker.c fails it now: the connection closes */
    }
    if (st != STATUS_OK) { /* nothing to read: answered in its turn, the connection goes on */
        x->outcome.err = *err;
    } else if (x->route->body_max && x->route->body_max < *body_max_out) {
        *body_max_out = x->route->body_max;
    }
    if (x->caller.ticket) {
        http_conn_hold(c);
    }
    return STATUS_OK;
}

/* --- steps that are a few lines ------------------------------------------------------------ */

static void out_of_time(struct loop *loop, void *owner)
{
    (void)loop;
    struct exchange *x = owner;
    err_set(&x->outcome.err, STATUS_TIMEOUT,
            "the request was ended after %lld seconds (MAX_REQUEST_SECONDS)",
            (long long)x->worker->config->max_request_seconds);
    x->outcome.refused = COUNTER_REFUSED_DEADLINE;
    exchange_fail(x);
}

void exchange_request(struct exchange *x, struct str body)
{
    if (x->outcome.err.code != STATUS_OK) {
        if (x->outcome.err.code == STATUS_METHOD || x->outcome.err.code == STATUS_UPGRADE) {
            http_out_close(x->conn);
        }
        exchange_fail(x);
        return;
    }
    x->asked.body = body;
    x->asked.here_ms = clock_mono_ms();
    if (x->worker->config->max_request_seconds) {
        loop_timer_in(x->worker->loop, &x->timer_deadline,
                      (uint64_t)x->worker->config->max_request_seconds * 1000, out_of_time, x);
    }
    x_enter(x, EXCHANGE_AUTH);
    exchange_wake(x);
}

/* A client that waits for 100 Continue gets it when its key is known; one whose key is refused need
 * not send its body. */
static enum verdict open_step(struct exchange *x)
{
    enum verdict v = x->caller.ticket ? auth_await(x) : VERDICT_WAIT;
    if (v == VERDICT_NEXT) {
        http_conn_set_holder(x->conn, caller_holder(&x->caller, http_conn_peer(x->conn)));
        http_conn_continue(x->conn);
    } else if (v == VERDICT_FAIL) {
        http_conn_refuse(x->conn, &x->outcome.err); /* ends x */
    }
    return VERDICT_WAIT;
}

static enum verdict route_step(struct exchange *x)
{
    if (x->caller.who == CALLER_KEY) { /* it may have been looked up till now */
        http_conn_set_holder(x->conn, caller_holder(&x->caller, http_conn_peer(x->conn)));
    }
    return x->route->serve ? x->route->serve(x) : VERDICT_NEXT;
}

static void look_again(struct loop *loop, void *owner)
{
    (void)loop;
    turn_wake(owner);
}

/* AWS may be telling the refresher which model an ARN has: this waits for it, but not for long. */
static bool wait_for_behind(struct exchange *x)
{
    uint64_t now_ms = clock_mono_ms();
    if (x->asked.model.behind_by != BEHIND_ASKED) {
        return false;
    }
    x->asked.behind_due_ms =
        x->asked.behind_due_ms ? x->asked.behind_due_ms : now_ms + BEHIND_WAIT_MS;
    if (now_ms >= x->asked.behind_due_ms) {
        return false;
    }
    loop_timer_in(x->worker->loop, &x->timer_pause, BEHIND_LOOK_MS, look_again, x);
    return true;
}

/* Claude's newest API has none; its SDKs send that version to models of other vendors, too, which take
 * what they did. */
static enum status check_sampling(struct exchange *x)
{
    bool claude = text_starts(text_from(x->asked.model.caps->family), STR("claude"));
    return x->asked.no_sampling && claude && x->asked.dialect == DIALECT_ANTHROPIC
               ? messages_refuse_sampling(&x->asked.scan, &x->outcome.err)
               : STATUS_OK;
}

static bool speaks_openai(const struct exchange *x)
{
    return x->asked.dialect == DIALECT_OPENAI || x->asked.dialect == DIALECT_RESPONSES;
}

static enum status read_body(struct exchange *x)
{
    struct worker *w = x->worker;
    if (x->asked.dialect == DIALECT_BEDROCK) {
        return passing_read(x);
    }
    enum status st =
        scan_parse(&x->asked.scan, x->arena, x->asked.body, &w->scan_limits, &x->outcome.err);
    return st == STATUS_OK ? asked_read(&x->asked, &x->outcome.err) : st;
}

static enum verdict read_step(struct exchange *x)
{
    struct worker *w = x->worker;
    struct str name;
    bool first = x->asked.behind_due_ms == 0;
    if (first && read_body(x) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    name = x->asked.mantle ? mantle_name(w->segment, x->asked.client_model) : x->asked.client_model;
    if (choices_find(&w->choices, &w->models, w->segment, x->arena, name, !speaks_openai(x),
                     &x->asked.model, &x->outcome.err) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    if (first) {
        chain_ask(x);
    }
    if (wait_for_behind(x)) {
        return VERDICT_WAIT;
    }
    if (x->asked.dialect == DIALECT_BEDROCK) {
        return passing_choose(x) == STATUS_OK ? VERDICT_NEXT : VERDICT_FAIL;
    }
    return check_sampling(x) == STATUS_OK ? VERDICT_NEXT : VERDICT_FAIL;
}

static enum verdict admit_step(struct exchange *x)
{
    chain_begin(x);
    if (!limits_billed(x)) {
        return x->asked.counting ? limits_admit(x) : VERDICT_NEXT;
    }
    if (limits_admit(x) == VERDICT_NEXT && money_admit(x) == VERDICT_NEXT) {
        if (usage_begin(x)) {
            const struct models_choice *m = &x->asked.model;
            endings_note(models_behind(m), m->ends_ms, x->outcome.started_ms);
            return VERDICT_NEXT;
        }
        err_set(&x->outcome.err, STATUS_BUSY, "no room to record another request; try again");
    }
    return VERDICT_FAIL;
}

static enum verdict send_step(struct exchange *x)
{
    return places_turn(x)         ? bedrock_send(x)
           : chain_passes_over(x) ? VERDICT_RETRY
           : queue_holds_back(x)  ? VERDICT_FAIL
                                  : bedrock_send(x);
}

/* --- the end ------------------------------------------------------------------------------- */

static void settle(struct exchange *x)
{
    metrics_count(x);
    refusal_count(x);
    usage_end(x);
    lane_end(x);
    access_log_put(x);
}

static void free_exchange(struct loop *loop, void *owner)
{
    (void)loop;
    struct exchange *x = owner;
    arena_drop(x->arena); /* x itself is in it */
}

/* The memory goes at the end of the turn: a wake that is already on the deferred list
 * finds DONE. */
static void exchange_close(struct exchange *x)
{
    x_enter(x, EXCHANGE_DONE);
    limits_leave(x);
    struct loop *loop = x->worker->loop;
    loop_timer_cancel(loop, &x->timer_ping);
    loop_timer_cancel(loop, &x->timer_deadline);
    loop_timer_cancel(loop, &x->timer_pause);
    attempt_drop(&x->attempt);
    if (http_conn_user(x->conn) == x) {
        http_conn_set_user(x->conn, NULL);
    }
    turn_unlink(x);
    loop_defer(loop, free_exchange, x);
}

static void finish(struct exchange *x)
{
    queue_leave(x);
    settle(x);
    exchange_close(x);
}

void exchange_gone(struct exchange *x)
{
    if (x->state == EXCHANGE_DONE) {
        return;
    }
    counters_add(COUNTER_CLIENT_GONE, 1);
    x->outcome.status = 499; /* nginx's "client closed request": never sent, only logged */
    if (x->outcome.err.code == STATUS_OK) {
        err_set(&x->outcome.err, STATUS_CLIENT_GONE, "the client left");
    }
    finish(x);
}

void exchange_drained(struct exchange *x)
{
    if (x->state == EXCHANGE_RELAY) {
        stream_drained(x);
    }
}
