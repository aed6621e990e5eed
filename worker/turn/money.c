#include "worker/turn/money.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/region.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/tariff.h"
#include "shm/store/keystore.h"
#include "worker/model/model_id.h"
#include "worker/turn/limits.h"
#include "worker/turn/wait.h"

#define BYTES_A_TOKEN    2u     /* of a request body; real texts have 3 to 4: never too little */
#define OUTPUT_UNKNOWN   32000u /* tokens, where neither the request nor the model says a maximum */
#define OUTPUT_LEAST     512u   /* an answer that the budget cuts shorter helps nobody */
#define RESERVE_ATTEMPTS 16u
#define FITTING_ATTEMPTS 4u

/* --- the price ----------------------------------------------------------------------------- */

static bool is_word(const struct config *c, const char *word)
{
    return text_ieq(text_from(c->unpriced), text_from(word));
}

enum status money_init(const struct config *c, struct err *err)
{
    uint32_t micro;
    if (is_word(c, "refuse") || is_word(c, "allow") ||
        catalogue_cell_money(text_from(c->unpriced), &micro)) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID,
                   "UNPRICED=%.60s: refuse, allow, or dollars for a million tokens", c->unpriced);
}

/* Once a model and worker: a gap in the price list must be seen, not repeated with each request. */
static void warn_price(struct worker *w, struct str id)
{
    uint64_t hash = text_hash(id);
    for (uint32_t i = 0; i < w->learnt.unpriced_count; i++) {
        if (w->learnt.unpriced[i] == hash) {
            return;
        }
    }
    if (w->learnt.unpriced_count < WORKER_UNPRICED) {
        w->learnt.unpriced[w->learnt.unpriced_count++] = hash;
        log_line(LOG_WARN, "price",
                 "%.*s has no price (set-price): its requests cost nothing, and keys with a budget "
                 "may not use it, unless UNPRICED says more",
                 (int)(id.n < 200 ? id.n : 200), id.p);
    }
}

/* UNPRICED=number: the same for whatever is counted. */
static bool assume(const struct config *c, struct prices_tariff *out)
{
    uint32_t v;
    if (!catalogue_cell_money(text_from(c->unpriced), &v)) {
        return false;
    }
    out->rates =
        (struct rates){.input = v, .output = v, .cache_read = v, .write_5m = v, .write_1h = v};
    return true;
}

/* Where Bedrock is asked: what tells no geography costs what it does there. */
static struct str region_of(const struct exchange *x, unsigned lane)
{
    const struct config *c = x->worker->config;
    return text_from(c->lanes.n ? c->lanes.lane[lane].region : c->aws_region);
}

static enum prices_source look_up(struct exchange *x, unsigned lane, struct prices_tariff *out)
{
    struct tariffs *t = &x->worker->tariffs;
    struct str region = region_of(x, lane);
    enum prices_source source = tariffs_find(t, x->worker->segment, x->asked.model.id, region, out);
    if (source != PRICES_STORE && x->asked.model.behind.n) { /* an ARN's own price wins */
        source = tariffs_find(t, x->worker->segment, x->asked.model.behind, region, out);
    }
    return source == PRICES_UNKNOWN && assume(x->worker->config, out) ? PRICES_ASSUMED : source;
}

static enum prices_source find_price(struct exchange *x)
{
    x->outcome.priced = x->attempt.lane.now;
    enum prices_source source = look_up(x, x->outcome.priced, &x->outcome.tariff);
    if (source == PRICES_FAMILY || source == PRICES_ASSUMED) {
        counters_add(COUNTER_PRICE_ESTIMATED, 1);
    } else if (source == PRICES_UNKNOWN) {
        counters_add(COUNTER_PRICE_UNKNOWN, 1);
        warn_price(x->worker, x->asked.model.id);
    }
    return source;
}

bool money_moves(struct exchange *x)
{
    unsigned lane = x->attempt.lane.now;
    if (x->outcome.priced == lane || text_eq(region_of(x, x->outcome.priced), region_of(x, lane))) {
        return false;
    }
    x->outcome.priced = (uint8_t)lane;
    (void)look_up(x, lane, &x->outcome.tariff);
    return true;
}

void money_follow(struct exchange *x)
{
    const struct segment *s = x->worker->segment;
    struct str region = region_of(x, x->attempt.lane.now);
    struct prices_tariff own, served;
    if (!x->attempt.reply || !x->attempt.reply->served[0] ||
        !model_id_is_router(x->asked.model.id) ||
        tariff_find(s, x->asked.model.id, region, &own) == PRICES_STORE) {
        return;
    }
    if (tariff_find(s, text_from(x->attempt.reply->served), region, &served) != PRICES_UNKNOWN) {
        x->outcome.tariff = served;
        x->outcome.followed = true;
    }
}

/* By the name the client used: an ARN tells an account. */
static enum verdict refuse_unpriced(struct exchange *x)
{
    struct str name = x->asked.client_model;
    x->outcome.refused = COUNTER_REFUSED_UNPRICED;
    err_set(&x->outcome.err, STATUS_PERMISSION,
            "nobody knows what the model %.*s costs, and this API key has a budget: its operator "
            "can set a price (set-price)",
            (int)(name.n < 60 ? name.n : 60), name.p);
    wait_is_vain(&x->outcome.err);
    return VERDICT_FAIL;
}

/* --- the worst case ------------------------------------------------------------------------ */

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void raise(struct rates *r, const struct rates *to)
{
    r->input = larger(r->input, to->input);
    r->output = larger(r->output, to->output);
    r->cache_read = larger(r->cache_read, to->cache_read);
    r->write_5m = larger(r->write_5m, to->write_5m);
    r->write_1h = larger(r->write_1h, to->write_1h);
}

/* Of the lanes that it may go to: what names its geography costs the same on each. */
static void raise_to_dearest_lane(struct exchange *x)
{
    struct prices_tariff there;
    for (unsigned i = 0; i < x->worker->config->lanes.n; i++) {
        if (region_prefix(x->asked.model.id).n == 0 && look_up(x, i, &there) != PRICES_UNKNOWN) {
            raise(&x->outcome.tariff.rates, &there.rates);
        }
    }
}

/* Of the tiers that this request can be served by. One that it names may be any, and one that
 * Bedrock refuses becomes the default. */
static struct rates dearest_rates(const struct exchange *x)
{
    bool names = x->asked.dialect != DIALECT_BEDROCK && /* whose word is what it is */
                 SCAN_GET(&x->asked.scan, 0, "service_tier") != SCAN_ABSENT;
    struct rates a = prices_rates(&x->outcome.tariff, TIER_DEFAULT);
    struct rates b = prices_rates(&x->outcome.tariff, limits_tier(x));
    struct rates c = prices_rates(&x->outcome.tariff, names ? TIER_PRIORITY : TIER_DEFAULT);
    a.output = larger(a.output, larger(b.output, c.output));
    a.input = larger(a.input, larger(b.input, c.input));
    a.write_5m = larger(a.write_5m, larger(b.write_5m, c.write_5m));
    a.write_1h = larger(a.write_1h, larger(b.write_1h, c.write_1h));
    return a;
}

/* The dearest way this request can end: all input written to a cache, all output used. */
static uint64_t worst_case(const struct exchange *x, uint64_t output)
{
    struct rates r = dearest_rates(x);
    bool hour = x->asked.model.caps->flags & MODELS_CACHE_1H;
    r.input = larger(r.input, r.write_5m); /* some cache without being asked */
    r.input = larger(r.input, hour ? r.write_1h : 0);
    struct tokens t = {.input = x->asked.body.n / BYTES_A_TOKEN + 1, .output = output};
    return prices_cost(&r, &t);
}

uint64_t money_most_output(const struct exchange *x)
{
    int64_t asked = asked_max_tokens(&x->asked);
    return asked > 0                         ? (uint64_t)asked
           : x->asked.model.caps->output_max ? x->asked.model.caps->output_max
                                             : OUTPUT_UNKNOWN;
}

/* --- setting aside ------------------------------------------------------------------------- */

/* What is held is summed before what is spent is read: a request that settles in between has added
 * its cost before it gave back its hold (limits_settle, limits_leave), so it counts at least once.
 */
static uint64_t room_of(const struct exchange *x, const struct bucket *b)
{
    uint64_t used = holds_sum(x->worker->segment, x->caller.key.slot).micro;
    uint64_t spent = bucket_spent(b, bucket_month(clock_real_ms()));
    uint64_t budget = x->caller.key.budget_micro;
    return used > budget || spent > budget - used ? 0 : budget - used - spent;
}

/* Nothing is left to hold, and nothing has been overdrawn. */
static bool is_within(const struct exchange *x, const struct bucket *b)
{
    uint64_t held = holds_sum(x->worker->segment, x->caller.key.slot).micro;
    uint64_t spent = bucket_spent(b, bucket_month(clock_real_ms()));
    return held <= x->caller.key.budget_micro && spent <= x->caller.key.budget_micro - held;
}

/* In place of what the request holds for the model before, if there was one: less of it always fits, and
 * of more the rest is taken beside it, so that nobody finds the room empty in between. */
static bool reserve(struct exchange *x, const struct bucket *b, uint64_t worst)
{
    struct worker *w = x->worker;
    uint32_t slot = x->caller.key.slot;
    uint64_t want = worst < HOLDS_MICRO_MAX ? worst : HOLDS_MICRO_MAX, had = x->caller.held.micro;
    if (had > 0 && want <= had) {
        holds_give(w->segment, w->slot, slot, (struct holds){.micro = had - want});
        x->caller.held.micro = want;
        return true;
    }
    struct holds more = {.micro = want - had};
    for (uint32_t i = 0; i < RESERVE_ATTEMPTS && is_within(x, b) && room_of(x, b) >= more.micro;
         i++) {
        if (!holds_take(w->segment, w->slot, slot, more, 0)) {
            return false;
        }
        if (is_within(x, b)) {
            x->caller.held.micro = want;
            return true;
        }
        holds_give(w->segment, w->slot, slot, more); /* another took at the same time */
    }
    return false;
}

/* The client named no maximum, and the model's own is more than the budget pays for: one that it
 * does pay for. The cost grows with the output, so halving the interval finds the most. */
static uint64_t fitting_output(const struct exchange *x, uint64_t room, uint64_t most)
{
    uint64_t least = 0;
    if (worst_case(x, OUTPUT_LEAST) > room) {
        return 0;
    }
    for (least = OUTPUT_LEAST; least + 1 < most;) {
        uint64_t middle = least + (most - least) / 2;
        *(worst_case(x, middle) > room ? &most : &least) = middle;
    }
    return least;
}

static bool reserve_less(struct exchange *x, const struct bucket *b)
{
    uint64_t most = money_most_output(x);
    bool ours = x->asked.dialect != DIALECT_BEDROCK; /* whose body is not changed for that */
    for (uint32_t i = 0; ours && asked_max_tokens(&x->asked) <= 0 && i < FITTING_ATTEMPTS; i++) {
        uint64_t output = fitting_output(x, room_of(x, b) + x->caller.held.micro, most);
        if (output == 0) {
            return false;
        }
        if (reserve(x, b, worst_case(x, output))) {
            x->outcome.output_most = (int64_t)output;
            return true;
        }
    }
    return false;
}

static int64_t whole_money(uint64_t micro)
{
    return micro < INT64_MAX ? (int64_t)micro : INT64_MAX;
}

/* What the whole budget does not pay for no month will. */
static enum verdict refuse_reserve(struct exchange *x, uint64_t worst)
{
    char most[32], all[32];
    if (worst <= x->caller.key.budget_micro) {
        limits_refuse_budget(
            &x->outcome.err,
            "the rest of this API key's monthly budget is less than this may cost");
        return VERDICT_FAIL;
    }
    keystore_money_text(whole_money(worst), most);
    keystore_money_text(whole_money(x->caller.key.budget_micro), all);
    err_set(
        &x->outcome.err, STATUS_BUDGET,
        "this may cost %s dollars, and the whole monthly budget of this API key is %s: send less, "
        "or a smaller max_tokens",
        most, all);
    wait_is_vain(&x->outcome.err);
    return VERDICT_FAIL;
}

/* Where the client named no maximum, what it asked for is the least useful answer. */
static uint64_t least_worst(const struct exchange *x)
{
    bool whole = asked_max_tokens(&x->asked) > 0 || x->asked.dialect == DIALECT_BEDROCK;
    return worst_case(x, whole ? money_most_output(x) : OUTPUT_LEAST);
}

static enum verdict set_aside(struct exchange *x, const struct bucket *b)
{
    struct prices_tariff here = x->outcome.tariff;
    enum verdict v = VERDICT_NEXT;
    raise_to_dearest_lane(x);
    if (!reserve(x, b, worst_case(x, money_most_output(x))) && !reserve_less(x, b)) {
        v = refuse_reserve(x, least_worst(x));
    }
    x->outcome.tariff = here;
    return v;
}

enum verdict money_admit(struct exchange *x)
{
    const struct directory_key *k = &x->caller.key;
    const struct bucket *b = k->slot ? bucket_of(x->worker->segment, k->slot, k->tag) : NULL;
    bool budget = b && k->budget_micro;
    if (find_price(x) == PRICES_UNKNOWN && budget && is_word(x->worker->config, "refuse")) {
        return refuse_unpriced(x);
    }
    return budget && k->flags & DIRECTORY_BUDGET_RESERVE ? set_aside(x, b) : VERDICT_NEXT;
}

bool money_remake(struct exchange *x)
{
    const struct prices_tariff tariff = x->outcome.tariff;
    const int64_t most = x->outcome.output_most;
    const uint8_t priced = x->outcome.priced;
    x->outcome.output_most = 0;
    if (money_admit(x) == VERDICT_NEXT) {
        return true;
    }
    x->outcome.tariff = tariff;
    x->outcome.priced = priced;
    x->outcome.output_most = most;
    return false;
}

/* After it was counted as spent: it is counted twice for a moment rather than not at all. */
void money_pay(struct exchange *x, uint64_t micro)
{
    struct holds *held = &x->caller.held;
    struct holds part = {.micro = micro < held->micro ? micro : held->micro};
    if (part.micro > 0) {
        holds_give(x->worker->segment, x->worker->slot, x->caller.key.slot, part);
        held->micro -= part.micro;
        x->outcome.paid = true;
    }
}

bool money_goes_on(struct exchange *x)
{
    if (x->outcome.paid && !money_remake(x)) {
        return false;
    }
    x->outcome.paid = false;
    return true;
}
