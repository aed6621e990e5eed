#include "worker/moves/chain.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "worker/moves/lane.h"
#include "worker/moves/places.h"
#include "worker/model/endings.h"
#include "worker/model/model_chain.h"
#include "worker/turn/limits.h"
#include "worker/turn/money.h"
#include "worker/turn/route.h"
#include "worker/turn/usage.h"
#include "worker/turn/wait.h"

static bool is_messages_route(const struct exchange *x)
{
    return x->asked.dialect != DIALECT_OPENAI && x->asked.dialect != DIALECT_RESPONSES;
}

static bool follow(struct exchange *x, struct models_choice *choice)
{
    struct worker *w = x->worker;
    struct err last;
    return models_follow(&w->models, w->segment, x->arena, x->asked.client_model,
                         is_messages_route(x), choice, &last) == STATUS_OK;
}

/* A body that passes as it is, is one of its vendor's. */
static bool takes_body(const struct exchange *x, const struct models_choice *from,
                       struct models_choice *to)
{
    if (x->asked.dialect != DIALECT_BEDROCK) {
        return true;
    }
    struct str vendor = text_from(to->caps->vendor);
    to->transport = from->transport;
    return x->route->passing == ROUTE_CONVERSE ||
           (vendor.n > 0 && text_eq(text_from(from->caps->vendor), vendor));
}

void chain_ask(struct exchange *x)
{
    struct models_choice choice = x->asked.model;
    size_t at;
    if (choice.rest.n > 0 && text_find(choice.rest, STR("arn:"), &at)) {
        while (follow(x, &choice)) { /* the look asks */
        }
    }
}

void chain_begin(struct exchange *x)
{
    struct models_choice first = x->asked.model, choice = first;
    bool may = limits_may_use(x, x->asked.client_model, &choice);
    while (!may && follow(x, &choice)) {
        may = takes_body(x, &first, &choice) && limits_may_use(x, x->asked.client_model, &choice);
    }
    x->asked.model = may ? choice : first;
}

/* --- leaving a model ----------------------------------------------------------------------- */

/* It may answer the same request a little later. */
static bool will_pass(const struct exchange *x)
{
    enum status code = x->outcome.err.code;
    return code == STATUS_RATE || code == STATUS_OVERLOADED || x->attempt.transfer.refusal >= 500;
}

static bool is_unable(enum status code)
{
    return code == STATUS_INVALID || code == STATUS_CONTEXT || code == STATUS_NOT_SUPPORTED;
}

static bool is_left(const struct exchange *x)
{
    enum status code = x->outcome.err.code;
    if (x->asked.counting || x->outcome.told) {
        return false;
    }
    switch (x->state) {
    case EXCHANGE_CONVERT:
        return x->outcome.moves > 0 && is_unable(code);
    case EXCHANGE_SEND:
        return will_pass(x);
    case EXCHANGE_RELAY:
        return will_pass(x) || code == STATUS_NO_MODEL || code == STATUS_NOT_FOUND ||
               (x->outcome.moves > 0 && is_unable(code));
    default:
        return false;
    }
}

/* What the key may have, and pays for. */
static bool enter(struct exchange *x, const struct models_choice *choice)
{
    if (!limits_may_use(x, x->asked.client_model, choice)) {
        return false;
    }
    const struct models_choice before = x->asked.model;
    x->asked.model = *choice;
    if (!money_remake(x)) {
        x->asked.model = before;
        return false;
    }
    return true;
}

static void tell_move(const struct exchange *x, const struct models_choice *from,
                      const struct err *why)
{
    log_line(LOG_INFO, "chain", "%.*s: %.*s gives way to %.*s (%s)", STR_ARG(x->asked.id),
             STR_ARG(from->id), STR_ARG(x->asked.model.id), err_row(why->code)->name);
}

static void arrive(struct exchange *x)
{
    const struct models_choice *m = &x->asked.model;
    lane_anew(x);
    x->outcome.moves++;
    usage_keep(x);
    x->outcome.refused = 0;
    x->outcome.err = (struct err){.code = STATUS_OK};
    attempt_move(&x->attempt);
    usage_move(x);
    endings_note(models_behind(m), m->ends_ms, x->outcome.started_ms);
    counters_add(COUNTER_MODEL_MOVES, 1);
}

bool chain_try(struct exchange *x)
{
    struct models_choice from = x->asked.model, choice = from;
    struct err why = x->outcome.err;
    enum counter refused = x->outcome.refused;
    if (!is_left(x)) {
        return false;
    }
    bool vain = wait_should_retry(&why) == 0 && x->outcome.earlier.code != STATUS_OK;
    if (will_pass(x) && !vain) {
        x->outcome.earlier = why;
    }
    while (follow(x, &choice)) {
        if (!takes_body(x, &from, &choice) || places_know(x, choice.link)) {
            continue;
        }
        if (enter(x, &choice)) {
            tell_move(x, &from, &why);
            arrive(x);
            return true;
        }
    }
    x->outcome.err = why;
    x->outcome.refused = refused;
    return false;
}

bool chain_passes_over(struct exchange *x)
{
    uint64_t until_ms, now_ms = clock_mono_ms();
    if (x->attempt.lane.picked) { /* perhaps with a probe, by which it looks closed to all */
        return false;
    }
    if (x->asked.model.rest.n == 0 || x->asked.counting || !lane_all_closed(x, &until_ms)) {
        return false;
    }
    err_set(&x->outcome.err, STATUS_RATE, "the model is throttled by Bedrock");
    wait_say(&x->outcome.err, "try again", until_ms > now_ms ? (until_ms - now_ms) / 1000 + 1 : 1);
    places_note(x);
    if (chain_try(x)) {
        return true;
    }
    x->outcome.err = (struct err){.code = STATUS_OK};
    return false;
}

bool chain_back(struct exchange *x, const struct models_choice *to)
{
    const struct models_choice from = x->asked.model;
    if (to->link != from.link) {
        if (!enter(x, to)) {
            return false;
        }
        log_line(LOG_INFO, "chain", "%.*s: waited for %.*s", STR_ARG(x->asked.id), STR_ARG(to->id));
        arrive(x);
    }
    x->outcome.refused = 0;
    x->outcome.err = (struct err){.code = STATUS_OK};
    return true;
}

/* No later time cures it. */
static bool is_vain(const struct err *err)
{
    return is_unable(err->code) || err->code == STATUS_NO_MODEL || err->code == STATUS_NOT_FOUND ||
           wait_should_retry(err) == 0;
}

void chain_end(struct exchange *x)
{
    if (x->outcome.moves > 0 && x->outcome.earlier.code != STATUS_OK && !x->outcome.told &&
        is_vain(&x->outcome.err)) {
        x->outcome.err = x->outcome.earlier;
        x->attempt.transfer.theirs = NULL;
    }
}
