#include "worker/turn/usage.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/net/loop.h"
#include "shm/catalogue/region.h"
#include "shm/memory/counters.h"
#include "shm/journal/journal.h"
#include "worker/turn/turn.h"
#include "worker/turn/limits.h"
#include "worker/turn/money.h"

#define CLOSE_ATTEMPTS 2
#define BYTES_A_TOKEN  4u /* of a request body, on average: only for input that nobody reported */

static enum journal_who who(const struct exchange *x)
{
    return x->caller.who == CALLER_KEY      ? JOURNAL_KEY
           : x->caller.who == CALLER_MASTER ? JOURNAL_MASTER
                                            : JOURNAL_ANONYMOUS;
}

static void fill(const struct exchange *x, struct journal_record *r)
{
    r->who = (uint8_t)who(x);
    r->tier = (uint8_t)limits_tier(x);
    r->started_ms = x->outcome.started_ms;
    r->flags = x->asked.stream ? JOURNAL_STREAM : 0;
    r->rates = prices_rates(&x->outcome.tariff, limits_tier(x));
    if (x->caller.who == CALLER_KEY) {
        memcpy(r->digest, x->caller.digest, sizeof r->digest);
    }
    text_copy(x->asked.id, r->request_id, sizeof r->request_id);
    text_copy(x->asked.client_model, r->model, sizeof r->model);
    text_copy(x->asked.model.id, r->bedrock_model, sizeof r->bedrock_model);
}

static bool open_record(struct exchange *x)
{
    struct journal *j = x->worker->segment->journal;
    x->outcome.record = journal_begin_record(j);
    if (!x->outcome.record) {
        return false;
    }
    x->outcome.record_number = x->outcome.record->number;
    fill(x, x->outcome.record);
    journal_open_record(j, x->outcome.record);
    return true;
}

/* Others may have cut the journal's file, or written into it: then the request is recorded anew.
 * False: it has no record, or there is no room for another. */
static bool keep_record(struct exchange *x)
{
    const struct journal *j = x->worker->segment->journal;
    return x->outcome.record_number &&
           ((x->outcome.record && journal_holds(j, x->outcome.record, x->outcome.record_number)) ||
            open_record(x));
}

bool usage_begin(struct exchange *x)
{
    struct segment *s = x->worker->segment;
    x->outcome.started_ms = clock_real_ms();
    x->outcome.billed = true;
    if (!s->journal) {
        return true;
    }
    if (!open_record(x)) {
        x->outcome.refused = COUNTER_REFUSED_JOURNAL_FULL;
        loop_eventfd_ring(s->wake_refresher);
        return false;
    }
    return true;
}

void usage_move(struct exchange *x)
{
    struct rates rates = prices_rates(&x->outcome.tariff, limits_tier(x));
    if (x->outcome.billed && keep_record(x)) {
        x->outcome.record->tokens = (struct tokens){.input = 0};
        journal_move_model(x->outcome.record, x->asked.model.id, &rates);
    }
}

uint64_t usage_guess(size_t bytes)
{
    return bytes / BYTES_A_TOKEN;
}

static uint64_t least(uint64_t n, uint64_t most)
{
    return most > 0 && n > most ? most : n;
}

/* A complete answer of which Bedrock has told no counts. What has no price is not counted in tokens:
 * pictures, say. */
static bool is_untold(const struct exchange *x)
{
    const struct reply *r = x->attempt.reply;
    const struct rates *p = &x->outcome.tariff.rates;
    return r && r->stopped && !r->usage.seen && (p->input > 0 || p->output > 0);
}

/* What Bedrock reported; of an answer that broke off, or of which it has told nothing, what was seen: each
 * delta is a token at least, and input that nobody told is taken from the size of the request; no more
 * than the model can. */
static struct usage seen_so_far(const struct exchange *x)
{
    const struct reply *r = x->attempt.reply;
    const struct models_caps *caps = x->asked.model.caps;
    struct usage u = {0};
    if (!r) {
        return u;
    }
    u = r->usage;
    if ((r->started && !r->stopped) || is_untold(x)) {
        struct tokens *t = &u.tokens;
        uint64_t deltas = least(r->deltas, money_most_output(x));
        t->output = t->output > deltas ? t->output : deltas;
        t->input = u.seen ? t->input : least(usage_guess(x->asked.body.n), caps->context_max);
    }
    return u;
}

void usage_progress(struct exchange *x)
{
    if (keep_record(x)) {
        x->outcome.record->tokens = seen_so_far(x).tokens;
    }
}

static void count(const struct tokens *t, uint64_t cost_micro)
{
    counters_add(COUNTER_TOKENS_IN, t->input);
    counters_add(COUNTER_TOKENS_OUT, t->output);
    counters_add(COUNTER_TOKENS_CACHE_READ, t->cache_read);
    counters_add(COUNTER_TOKENS_CACHE_WRITE, tokens_written(t));
    counters_add(COUNTER_COST_MICRO, cost_micro);
}

static bool succeeded(const struct exchange *x)
{
    return x->outcome.err.code == STATUS_OK && x->outcome.status >= 200 &&
           x->outcome.status < 300 && !(x->attempt.reply && x->attempt.reply->failed);
}

struct bill { /* of one model's work */
    struct tokens tokens;
    enum tier tier;
    uint64_t cost_micro;
    int status;
};

static void fill_end(const struct exchange *x, struct journal_record *r, const struct bill *b)
{
    uint64_t ms = (clock_now_ns() - x->began_ns) / 1000000u;
    r->tokens = b->tokens;
    r->tier = (uint8_t)b->tier;
    r->cost_micro = b->cost_micro;
    if (x->outcome
            .followed) { /* a bill can be made again from the row: it names whose price it has */
        journal_rename_model(r, region_id(text_from(x->attempt.reply->served)));
    }
    r->status = (uint16_t)b->status;
    r->duration_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    if (succeeded(x)) {
        r->flags |= JOURNAL_SUCCESS;
        text_copy(is_untold(x) ? STR("ESTIMATED") : STR(""), r->error, sizeof r->error);
    } else {
        const char *name =
            x->outcome.err.code != STATUS_OK ? err_row(x->outcome.err.code)->name : "UPSTREAM";
        text_copy(text_from(name), r->error, sizeof r->error);
    }
}

/* The file may be cut at this very moment, but hardly so twice. */
static void close_record(struct exchange *x, const struct bill *b)
{
    bool closed = false;
    for (int i = 0; !closed && i < CLOSE_ATTEMPTS && keep_record(x); i++) {
        fill_end(x, x->outcome.record, b);
        closed = journal_close_record(x->worker->segment->journal, x->outcome.record);
    }
    if (!closed) {
        counters_add(COUNTER_USAGE_DROPPED, 1);
        log_line(LOG_ERROR, "usage", "the record of request %.*s is lost: cost_micro %llu",
                 STR_ARG(x->asked.id), (unsigned long long)b->cost_micro);
    }
    x->outcome.record = NULL;
}

static void settle(struct exchange *x, const struct bill *b)
{
    const struct tokens *t = &b->tokens;
    count(t, b->cost_micro);
    limits_settle(x, t->input + t->output + tokens_written(t), b->cost_micro);
    if (x->outcome.record_number) {
        close_record(x, b);
    }
}

/* In a row of its own, since it may be another model's, at another price: those of the record, which has
 * not moved yet. Where there is no room for the next one, its end tries again (keep_record). */
void usage_keep(struct exchange *x)
{
    struct bill b = {seen_so_far(x).tokens, limits_tier(x), 0,
                     err_http(x->outcome.err.code, x->asked.dialect)};
    const struct tokens *t = &b.tokens;
    if (!x->outcome.billed || t->input + t->output + t->cache_read + tokens_written(t) == 0) {
        return;
    }
    struct rates rates =
        keep_record(x) ? x->outcome.record->rates : prices_rates(&x->outcome.tariff, b.tier);
    b.cost_micro = prices_cost(&rates, t);
    x->outcome.kept_micro += b.cost_micro;
    settle(x, &b);
    money_pay(x, b.cost_micro);
    if (x->outcome.record_number) {
        (void)open_record(x);
    }
}

void usage_end(struct exchange *x)
{
    if (!x->outcome.billed) {
        return;
    }
    x->outcome.billed = false;
    x->outcome.usage = seen_so_far(x);
    money_follow(x);
    struct bill b = {x->outcome.usage.tokens, limits_tier(x), 0, x->outcome.status};
    struct rates rates = prices_rates(&x->outcome.tariff, b.tier);
    b.cost_micro = prices_cost(&rates, &b.tokens);
    settle(x, &b);
    x->outcome.record_number = 0;
    x->outcome.cost_micro = b.cost_micro + x->outcome.kept_micro;
}
