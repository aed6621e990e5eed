#include "worker/moves/places.h"

#include "shm/memory/turns.h"
#include "worker/model/model_chain.h"
#include "worker/moves/line.h"
#include "worker/moves/reach.h"
#include "worker/turn/limits.h"

bool places_allowed(const struct exchange *x)
{
    return x->worker->config->queue_seconds > 0 && limits_billed(x) && !x->worker->draining;
}

/* The next one from p on that is taken; NULL: none. p NULL: from the first. */
struct waiting_place *places_next(const struct exchange *x, struct waiting_place *p)
{
    struct waiting_place *end = x->waiting.place ? x->waiting.place + MODEL_CHAIN_MAX : NULL;
    for (p = p ? p + 1 : x->waiting.place; p != end; p++) {
        if (p->model) {
            return p;
        }
    }
    return NULL;
}

static struct waiting_place *find_here(const struct exchange *x)
{
    struct waiting_place *p = x->waiting.place ? &x->waiting.place[x->asked.model.link] : NULL;
    return p && p->model ? p : NULL;
}

/* NULL: no memory, and it cannot wait. */
static struct waiting_place *take(struct exchange *x)
{
    struct waiting *q = &x->waiting;
    if (!q->place) {
        q->place = arena_alloc(x->arena, MODEL_CHAIN_MAX * sizeof *q->place);
    }
    struct models_choice *model = q->place ? arena_alloc(x->arena, sizeof *model) : NULL;
    if (!model) {
        return NULL;
    }
    *model = x->asked.model;
    struct waiting_place *p = &q->place[model->link];
    *p = (struct waiting_place){.x = x, .model = model};
    return p;
}

void places_leave(struct exchange *x, struct waiting_place *p)
{
    if (p->in_line) {
        line_out(x->worker, p);
    }
    if (p->joined) {
        turns_leave(x->worker->segment, &p->ticket);
    }
    p->joined = false;
    p->model = NULL;
}

bool places_turn(const struct exchange *x)
{
    const struct waiting_place *p = x->waiting.turn;
    return x->waiting.state == WAITING_TURN && p && p == find_here(x);
}

/* A day's quota and a model that is overloaded or away are no throttle; a refusal of ours is none
 * of Bedrock's. One that is being loaded will be there (429, too). */
bool places_throttled(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    return !x->outcome.told &&
           ((x->state == EXCHANGE_SEND && x->outcome.err.code == STATUS_RATE) ||
            (x->state == EXCHANGE_RELAY && t->refusal == 429 && t->complaint != COMPLAINT_DAY));
}

void places_note(struct exchange *x)
{
    struct waiting *q = &x->waiting;
    struct waiting_place *p = find_here(x);
    if (!places_allowed(x) || q->state == WAITING_OVER) {
        return;
    }
    bool had_turn = places_turn(x), throttled = places_throttled(x);
    q->turn = NULL;
    q->state = WAITING_NOT;
    if (!throttled) {
        q->over |= 1u << x->asked.model.link;
        if (p) {
            places_leave(x, p);
        }
        return;
    }
    q->not_ready = x->state == EXCHANGE_RELAY && x->outcome.err.code == STATUS_OVERLOADED;
    if (p && had_turn) {
        turns_bad(x->worker->segment, &p->ticket);
    }
    p = p ? p : take(x);
    if (p && x->attempt.lane.able) {
        reach_keep(x, &p->reach);
    }
}

bool places_know(const struct exchange *x, uint32_t link)
{
    const struct waiting *q = &x->waiting;
    return q->until_ms > 0 && (q->over >> link & 1 || q->place[link].model);
}
