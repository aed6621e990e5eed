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

/* What Bedrock reported; of an answer that broke off, what was seen: each delta is a token at
 * least, and input that nobody told is taken from the size of the request. */
static struct usage seen_so_far(const struct exchange *x)
{
    struct usage u = {0};
    if (!x->attempt.reply) {
        return u;
    }
    u = x->attempt.reply->usage;
    if (x->attempt.reply->started && !x->attempt.reply->stopped) {
        struct tokens *t = &u.tokens;
        t->output = t->output > x->attempt.reply->deltas ? t->output : x->attempt.reply->deltas;
        t->input = u.seen ? t->input : x->asked.body.n / BYTES_A_TOKEN;
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

static void fill_end(const struct exchange *x, struct journal_record *r,
                     const struct tokens *tokens, enum tier tier)
{
    uint64_t ms = (clock_now_ns() - x->began_ns) / 1000000u;
    r->tokens = *tokens;
    r->tier = (uint8_t)tier;
    r->cost_micro = x->outcome.cost_micro;
    if (x->outcome
            .followed) { /* a bill can be made again from the row: it names whose price it has */
        journal_rename_model(r, region_id(text_from(x->attempt.reply->served)));
    }
    r->status = (uint16_t)x->outcome.status;
    r->duration_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    if (succeeded(x)) {
        r->flags |= JOURNAL_SUCCESS;
    } else {
        const char *name =
            x->outcome.err.code != STATUS_OK ? err_row(x->outcome.err.code)->name : "UPSTREAM";
        text_copy(text_from(name), r->error, sizeof r->error);
    }
}

/* The file may be cut at this very moment, but hardly so twice. */
static void close_record(struct exchange *x, const struct tokens *tokens, enum tier tier)
{
    bool closed = false;
    for (int i = 0; !closed && i < CLOSE_ATTEMPTS && keep_record(x); i++) {
        fill_end(x, x->outcome.record, tokens, tier);
        closed = journal_close_record(x->worker->segment->journal, x->outcome.record);
    }
    if (!closed) {
        counters_add(COUNTER_USAGE_DROPPED, 1);
        log_line(LOG_ERROR, "usage", "the record of request %.*s is lost: cost_micro %llu",
                 STR_ARG(x->asked.id), (unsigned long long)x->outcome.cost_micro);
    }
    x->outcome.record = NULL;
    x->outcome.record_number = 0;
}

void usage_end(struct exchange *x)
{
    if (!x->outcome.billed) {
        return;
    }
    x->outcome.billed = false;
    x->outcome.usage = seen_so_far(x);
    money_follow(x);
    enum tier tier = limits_tier(x);
    const struct tokens *t = &x->outcome.usage.tokens;
    struct rates rates = prices_rates(&x->outcome.tariff, tier);
    x->outcome.cost_micro = prices_cost(&rates, t);
    count(t, x->outcome.cost_micro);
    limits_settle(x, t->input + t->output + tokens_written(t), x->outcome.cost_micro);
    if (x->outcome.record_number) {
        close_record(x, t, tier);
    }
}
