#include "worker/moves/queue.h"

#include <assert.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "worker/moves/chain.h"
#include "worker/moves/lane.h"
#include "worker/moves/line.h"
#include "worker/moves/places.h"
#include "worker/turn/limits.h"
#include "worker/turn/usage.h"
#include "worker/turn/wait.h"

#define TICK_MS        5     /* how often a worker in which somebody waits looks whose turn it is */
#define RETRY_AFTER_MS 60000 /* more is a guess */
#define NO_GATE        "too many models have a queue"
#define CLIENT_MS      1000 /* its answer is with the client before its time is over */

static uint64_t owner_of(const struct exchange *x)
{
    return turns_owner(x->asked.model.id);
}

/* After how long all who wait now have had their turn, as it goes now: at the first of its models. */
static void say(struct exchange *x, const char *why)
{
    const struct segment *s = x->worker->segment;
    uint64_t now_ms = clock_mono_ms(), ms = turns_wait_ms(s, owner_of(x), now_ms);
    for (struct waiting_place *p = places_next(x, NULL); p; p = places_next(x, p)) {
        uint64_t other = turns_wait_ms(s, turns_owner(p->model->id), now_ms);
        ms = other < ms ? other : ms;
    }
    bool loading = x->waiting.not_ready;
    x->outcome.refused = COUNTER_REFUSED_QUEUE;
    err_set(&x->outcome.err, loading ? STATUS_OVERLOADED : STATUS_RATE, "the model is %s, and %s",
            loading ? "not ready at Bedrock" : "throttled by Bedrock", why);
    wait_say(&x->outcome.err, "try again",
             ((ms < RETRY_AFTER_MS ? ms : RETRY_AFTER_MS) + 999) / 1000);
}

static const char *say_late(const struct exchange *x)
{
    return x->waiting.until_ms <= clock_mono_ms()
               ? "no turn came in QUEUE_SECONDS"
               : "no turn came as long as this client waits (x-stainless-timeout)";
}

/* --- in and out of the lines --------------------------------------------------------------- */

/* Of all lines, into what comes of it. */
static void end_wait(struct exchange *x, enum waiting_state state)
{
    struct worker *w = x->worker;
    assert(x->waiting.state == WAITING_QUEUE);
    for (struct waiting_place *p = places_next(x, NULL); p; p = places_next(x, p)) {
        if (p->in_line) {
            line_out(w, p);
            line_show(w, p->ticket.gate);
        }
    }
    x->waiting.state = state;
    x->waiting.waited_ms += clock_mono_ms() - x->waiting.since_ms;
    w->waiters.n--;
    turns_tell(w->segment, w->slot, w->waiters.n, clock_mono_ms());
}

static void give_up(struct exchange *x, const char *why)
{
    end_wait(x, WAITING_OVER);
    say(x, why);
    turn_wake(x);
}

static bool join(struct exchange *x, struct waiting_place *p)
{
    uint32_t slot = caller_slot(&x->caller, http_conn_peer(x->conn));
    p->joined = turns_join(x->worker->segment, turns_owner(p->model->id), slot, clock_mono_ms(),
                           &p->ticket);
    return p->joined;
}

/* Into the line of each model that it waits for. False: none has room in shared memory. */
static bool line_up(struct exchange *x)
{
    bool any = false;
    for (struct waiting_place *p = places_next(x, NULL); p; p = places_next(x, p)) {
        if (p->joined && !turns_valid(x->worker->segment, &p->ticket)) {
            p->joined = false;
        }
        if (!p->joined && !join(x, p)) {
            places_leave(x, p);
            continue;
        }
        line_in(x->worker, p);
        line_show(x->worker, p->ticket.gate);
        any = true;
    }
    return any;
}

/* --- turns --------------------------------------------------------------------------------- */

static void tick(struct loop *loop, void *owner);

static void watch(struct worker *w)
{
    loop_timer_in(w->loop, &w->waiters.timer, TICK_MS, tick, w);
}

/* The worker was stopped for so long that another model has their gate. */
static void find_new_gates(struct worker *w, uint32_t gate)
{
    struct waiting_place *p;
    while ((p = line_lost(w, gate))) {
        line_out(w, p);
        if (join(p->x, p)) {
            line_in(w, p);
            continue;
        }
        places_leave(p->x, p);
        if (!places_next(p->x, NULL)) {
            give_up(p->x, NO_GATE);
        }
    }
}

/* Where its budget does not pay for that model any more, it waits for the others. */
static void give_turn(struct waiting_place *p)
{
    struct exchange *x = p->x;
    struct err waited_for = x->outcome.err;
    if (!chain_back(x, p->model)) {
        places_leave(x, p);
        if (places_next(x, NULL)) {
            x->outcome.err = waited_for;
            return;
        }
        end_wait(x, WAITING_OVER);
    } else {
        end_wait(x, WAITING_TURN);
        x->waiting.turn = p;
    }
    turn_wake(x);
}

static void serve(struct worker *w, uint32_t gate)
{
    struct waiting_place *p;
    find_new_gates(w, gate);
    while ((p = line_late(w, gate))) {
        give_up(p->x, say_late(p->x));
    }
    line_show(w, gate);
    while ((p = line_first(w, gate)) &&
           turns_take(w->segment, w->slot, &p->ticket, clock_now_ns() / 1000u)) {
        give_turn(p);
    }
}

static void tick(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    (void)loop;
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        if (w->waiters.line[gate].n > 0) {
            serve(w, gate);
        }
    }
    turns_tell(w->segment, w->slot, w->waiters.n, clock_mono_ms());
    if (w->waiters.n > 0) {
        watch(w);
    }
}

/* --- room ---------------------------------------------------------------------------------- */

static uint32_t room(const struct worker *w)
{
    uint32_t slots = w->segment->header->workers; /* half of them are the next generation's */
    uint32_t most = (uint32_t)w->config->queue_max / (slots > 1 ? slots / 2 : 1);
    return most > 0 ? most : 1;
}

/* How far it is where it is nearest; one without a ticket would be next. */
static uint64_t ahead_of(const struct exchange *x)
{
    uint64_t least = UINT64_MAX;
    for (struct waiting_place *p = places_next(x, NULL); p; p = places_next(x, p)) {
        uint64_t ahead = p->joined ? turns_ahead(x->worker->segment, &p->ticket) : 0;
        least = ahead < least ? ahead : least;
    }
    return least;
}

/* False: x itself is the one with the most before it. */
static bool make_room(struct exchange *x)
{
    struct worker *w = x->worker;
    uint64_t ahead = 0;
    if (w->waiters.n <= room(w)) {
        return true;
    }
    struct exchange *other = line_greedy(w, &ahead);
    if (!other || other == x || ahead <= ahead_of(x)) {
        return false;
    }
    give_up(other, "too many wait (QUEUE_MAX)");
    return true;
}

/* --- what is asked by the steps ------------------------------------------------------------ */

bool queue_holds_back(struct exchange *x)
{
    if (!places_allowed(x) || places_turn(x) ||
        !turns_busy(x->worker->segment, owner_of(x), clock_mono_ms())) {
        return false;
    }
    say(x, "others wait for it");
    return true;
}

/* Whatever this model said, another one may answer yet; but for a failure of the gateway's own. */
static bool is_worth_it(const struct exchange *x)
{
    enum status code = x->outcome.err.code;
    return places_next(x, NULL) && !x->outcome.told && x->waiting.state != WAITING_OVER &&
           (places_throttled(x) || x->attempt.transfer.refusal > 0 ||
            (x->outcome.moves > 0 &&
             (code == STATUS_INVALID || code == STATUS_CONTEXT || code == STATUS_NOT_SUPPORTED)));
}

static void begin(struct exchange *x, uint64_t now_ms)
{
    struct waiting *q = &x->waiting;
    uint64_t patience_ms = (uint64_t)x->asked.client.patience_s * 1000u;
    if (q->until_ms > 0) {
        return;
    }
    q->until_ms = now_ms + (uint64_t)x->worker->config->queue_seconds * 1000u;
    q->client_until_ms = UINT64_MAX;
    if (patience_ms > 0) {
        uint64_t margin_ms = patience_ms > 2 * CLIENT_MS ? CLIENT_MS : patience_ms / 2;
        q->client_until_ms = x->asked.here_ms + patience_ms - margin_ms;
    }
}

static bool is_late(const struct exchange *x, uint64_t now_ms)
{
    return now_ms >= x->waiting.until_ms ||
           (!x->outcome.begun && now_ms >= x->waiting.client_until_ms);
}

bool queue_enter(struct exchange *x)
{
    struct worker *w = x->worker;
    uint64_t now_ms = clock_mono_ms();
    if (!places_allowed(x) || !is_worth_it(x)) {
        return false;
    }
    begin(x, now_ms);
    if (is_late(x, now_ms)) {
        say(x, say_late(x));
        return false;
    }
    w->waiters.n++;
    x->waiting.state = WAITING_QUEUE;
    x->waiting.since_ms = now_ms;
    bool lined_up = line_up(x);
    if (!lined_up || !make_room(x)) {
        end_wait(x, WAITING_NOT);
        say(x, lined_up ? "too many wait (QUEUE_MAX)" : NO_GATE);
        return false;
    }
    counters_add(COUNTER_QUEUED, !x->waiting.waits);
    x->waiting.waits = true;
    lane_anew(x);
    usage_keep(x);
    attempt_drop(&x->attempt);
    x->outcome.refused = 0;
    turns_tell(w->segment, w->slot, w->waiters.n, now_ms);
    if (w->waiters.n == 1) {
        watch(w);
    }
    return true;
}

enum verdict queue_step(struct exchange *x)
{
    return x->waiting.state == WAITING_QUEUE  ? VERDICT_WAIT
           : x->waiting.state == WAITING_TURN ? VERDICT_NEXT
                                              : VERDICT_FAIL;
}

bool queue_takes_no(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    return places_turn(x) && t->refusal == 429 && t->complaint != COMPLAINT_DAY;
}

static void leave_all(struct exchange *x)
{
    for (struct waiting_place *p = places_next(x, NULL); p; p = places_next(x, p)) {
        places_leave(x, p);
    }
}

void queue_answered(struct exchange *x)
{
    struct waiting_place *p = places_turn(x) ? x->waiting.turn : NULL;
    if (p) {
        turns_good(x->worker->segment, &p->ticket);
        p->joined = false; /* that turn is used */
    }
    leave_all(x);
    x->waiting.turn = NULL;
    x->waiting.state = WAITING_NOT;
}

void queue_leave(struct exchange *x)
{
    if (x->waiting.state == WAITING_QUEUE) {
        end_wait(x, WAITING_OVER);
    }
    leave_all(x);
    if (x->waiting.waits && !x->waiting.counted) {
        counters_wait(x->waiting.waited_ms * 1000u);
        x->waiting.counted = true;
    }
}

void queue_drain(struct worker *w)
{
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        while (w->waiters.line[gate].first) {
            give_up(w->waiters.line[gate].first->x, "the gateway is restarting");
        }
    }
}
