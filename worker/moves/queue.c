#include "worker/moves/queue.h"

#include <assert.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "worker/moves/lane.h"
#include "worker/turn/limits.h"
#include "worker/turn/wait.h"

#define TICK_MS        5     /* how often a worker in which somebody waits looks whose turn it is */
#define RETRY_AFTER_MS 60000 /* more is a guess */

static bool is_on(const struct exchange *x)
{
    return x->worker->config->queue_seconds > 0 && limits_billed(x) && !x->worker->draining;
}

/* Where the model waits: the one that the request is for now. */
static uint32_t gate_of(const struct exchange *x)
{
    return turns_gate(x->asked.model.id);
}

/* As long as it takes for all who wait now, as it goes now. */
static void say(struct exchange *x, const char *why)
{
    uint64_t now_ms = clock_mono_ms(), ms = turns_wait_ms(x->worker->segment, gate_of(x), now_ms);
    x->outcome.refused = COUNTER_REFUSED_QUEUE;
    err_set(&x->outcome.err, STATUS_RATE, "the model is throttled by Bedrock, and %s", why);
    wait_say(&x->outcome.err, "try again",
             ((ms < RETRY_AFTER_MS ? ms : RETRY_AFTER_MS) + 999) / 1000);
}

/* --- the list ------------------------------------------------------------------------------ */

static void show(struct worker *w, uint32_t gate)
{
    const struct exchange *first = w->waiters.gate[gate].first;
    turns_show(w->segment, w->slot, gate, first ? first->waiting.ticket.tag : 0,
               w->waiters.gate[gate].n, clock_mono_ms());
}

/* From the end: a newcomer is behind most. */
static void link_in(struct exchange *x)
{
    struct waiters *q = &x->worker->waiters;
    uint32_t gate = x->waiting.ticket.gate;
    struct exchange *before = q->gate[gate].last;
    while (before && before->waiting.ticket.tag > x->waiting.ticket.tag) {
        before = before->waiting.prev;
    }
    struct exchange *after = before ? before->waiting.next : q->gate[gate].first;
    x->waiting.prev = before;
    x->waiting.next = after;
    *(before ? &before->waiting.next : &q->gate[gate].first) = x;
    *(after ? &after->waiting.prev : &q->gate[gate].last) = x;
    q->gate[gate].n++;
    q->n++;
}

static void link_out(struct exchange *x)
{
    struct waiters *q = &x->worker->waiters;
    uint32_t gate = x->waiting.ticket.gate;
    struct exchange *before = x->waiting.prev, *after = x->waiting.next;
    *(before ? &before->waiting.next : &q->gate[gate].first) = after;
    *(after ? &after->waiting.prev : &q->gate[gate].last) = before;
    x->waiting.prev = x->waiting.next = NULL;
    q->gate[gate].n--;
    q->n--;
}

/* Out of the queue, into what comes of it. */
static void end_wait(struct exchange *x, enum waiting_state state)
{
    assert(x->waiting.state == WAITING_QUEUE);
    link_out(x);
    x->waiting.state = state;
    x->waiting.waited_ms += clock_mono_ms() - x->waiting.since_ms;
    show(x->worker, x->waiting.ticket.gate);
}

static void give_up(struct exchange *x, const char *why)
{
    end_wait(x, WAITING_OVER);
    say(x, why);
    turn_wake(x);
}

/* --- turns --------------------------------------------------------------------------------- */

static void tick(struct loop *loop, void *owner);

static void watch(struct worker *w)
{
    loop_timer_in(w->loop, &w->waiters.timer, TICK_MS, tick, w);
}

/* The first of those whose time is over; the list is by turns, so all are asked. */
static struct exchange *find_late(const struct waiters *q, uint32_t gate, uint64_t now_ms)
{
    struct exchange *x = q->gate[gate].first;
    while (x && x->waiting.until_ms > now_ms) {
        x = x->waiting.next;
    }
    return x;
}

static void serve(struct worker *w, uint32_t gate)
{
    struct waiters *q = &w->waiters;
    struct exchange *x;
    while ((x = find_late(q, gate, clock_mono_ms()))) {
        give_up(x, "no turn came in QUEUE_SECONDS");
    }
    show(w, gate);
    while ((x = q->gate[gate].first) &&
           turns_take(w->segment, w->slot, &x->waiting.ticket, clock_now_ns() / 1000u)) {
        end_wait(x, WAITING_TURN);
        turn_wake(x);
    }
}

static void tick(struct loop *loop, void *owner)
{
    struct worker *w = owner;
    (void)loop;
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        if (w->waiters.gate[gate].n > 0) {
            serve(w, gate);
        }
    }
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

/* Of the last of each gate the one that is most turns ahead. */
static struct exchange *find_greedy(const struct worker *w, uint64_t *ahead_out)
{
    struct exchange *most = NULL;
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        struct exchange *x = w->waiters.gate[gate].last;
        uint64_t ahead = x ? turns_ahead(w->segment, &x->waiting.ticket) : 0;
        if (x && (!most || ahead > *ahead_out)) {
            most = x;
            *ahead_out = ahead;
        }
    }
    return most;
}

/* False: x itself is the one with the most before it. */
static bool make_room(struct exchange *x)
{
    struct worker *w = x->worker;
    uint64_t ahead = 0;
    if (w->waiters.n < room(w)) {
        return true;
    }
    struct exchange *other = find_greedy(w, &ahead);
    if (!other || ahead <= turns_ahead(w->segment, &x->waiting.ticket)) {
        return false;
    }
    give_up(other, "too many wait (QUEUE_MAX)");
    return true;
}

/* Not that of a model that it was for before. */
static bool has_turn(const struct exchange *x)
{
    return x->waiting.state == WAITING_TURN && x->waiting.joined &&
           x->waiting.ticket.gate == gate_of(x);
}

/* --- in and out ---------------------------------------------------------------------------- */

bool queue_holds_back(struct exchange *x)
{
    if (!is_on(x) || has_turn(x) || !turns_busy(x->worker->segment, gate_of(x), clock_mono_ms())) {
        return false;
    }
    say(x, "others wait for it");
    return true;
}

/* A day's quota and a model that is overloaded or away are no throttle; a refusal of ours is none
 * of Bedrock's. */
static bool is_throttled(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    return !x->outcome.told &&
           ((x->state == EXCHANGE_SEND && x->outcome.err.code == STATUS_RATE) ||
            (x->state == EXCHANGE_RELAY && t->refusal == 429 && t->complaint != COMPLAINT_DAY));
}

static void join(struct exchange *x, uint64_t now_ms)
{
    struct worker *w = x->worker;
    if (x->waiting.joined) { /* for the model before, in a chain */
        turns_leave(w->segment, &x->waiting.ticket);
    }
    turns_join(w->segment, gate_of(x), caller_slot(&x->caller, http_conn_peer(x->conn)), now_ms,
               &x->waiting.ticket);
    x->waiting.joined = true;
    if (x->waiting.until_ms == 0) {
        x->waiting.until_ms = now_ms + (uint64_t)w->config->queue_seconds * 1000u;
        counters_add(COUNTER_QUEUED, 1);
    }
}

bool queue_enter(struct exchange *x)
{
    struct worker *w = x->worker;
    uint64_t now_ms = clock_mono_ms();
    if (!is_on(x) || !is_throttled(x)) {
        return false;
    }
    if (has_turn(x)) {
        turns_bad(w->segment, x->waiting.ticket.gate);
    } else if (!x->waiting.joined || x->waiting.ticket.gate != gate_of(x)) {
        join(x, now_ms);
    }
    if (now_ms >= x->waiting.until_ms || !make_room(x)) {
        say(x, now_ms >= x->waiting.until_ms ? "no turn came in QUEUE_SECONDS"
                                             : "too many wait (QUEUE_MAX)");
        return false;
    }
    lane_anew(x);
    attempt_drop(&x->attempt);
    x->outcome.refused = 0;
    x->waiting.state = WAITING_QUEUE;
    x->waiting.since_ms = now_ms;
    link_in(x);
    show(w, x->waiting.ticket.gate);
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
    return has_turn(x) && t->refusal == 429 && t->complaint != COMPLAINT_DAY;
}

void queue_answered(struct exchange *x)
{
    if (x->waiting.joined) {
        turns_good(x->worker->segment, x->waiting.ticket.gate);
        x->waiting.joined = false;
    }
}

void queue_leave(struct exchange *x)
{
    if (x->waiting.state == WAITING_QUEUE) {
        end_wait(x, WAITING_OVER);
    }
    if (x->waiting.joined) {
        turns_leave(x->worker->segment, &x->waiting.ticket);
        x->waiting.joined = false;
    }
    if (x->waiting.until_ms && !x->waiting.counted) {
        counters_wait(x->waiting.waited_ms * 1000u);
        x->waiting.counted = true;
    }
}

void queue_drain(struct worker *w)
{
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        while (w->waiters.gate[gate].first) {
            give_up(w->waiters.gate[gate].first, "the gateway is restarting");
        }
    }
}
