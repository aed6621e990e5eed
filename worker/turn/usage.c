#include "worker/turn/usage.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/net/loop.h"
#include "shm/memory/counters.h"
#include "shm/journal/journal.h"
#include "worker/turn/turn.h"
#include "worker/turn/limits.h"

#define CLOSE_ATTEMPTS 2
#define BYTES_A_TOKEN  4u /* of a request body, on average: only for input that nobody reported */

static enum journal_who who(const struct exchange *x)
{
    return x->who == EXCHANGE_KEY      ? JOURNAL_KEY
           : x->who == EXCHANGE_MASTER ? JOURNAL_MASTER
                                       : JOURNAL_ANONYMOUS;
}

static void fill(const struct exchange *x, struct journal_record *r)
{
    r->who = (uint8_t)who(x);
    r->tier = (uint8_t)limits_tier(x);
    r->started_ms = x->started_ms;
    r->flags = x->stream ? JOURNAL_STREAM : 0;
    r->price = x->price;
    if (x->who == EXCHANGE_KEY) {
        memcpy(r->digest, x->digest, sizeof r->digest);
    }
    text_copy(x->id, r->request_id, sizeof r->request_id);
    text_copy(x->client_model, r->model, sizeof r->model);
    text_copy(x->model.id, r->bedrock_model, sizeof r->bedrock_model);
}

static bool open_record(struct exchange *x)
{
    struct journal *j = x->worker->segment->journal;
    x->record = journal_begin_record(j);
    if (!x->record) {
        return false;
    }
    x->record_number = x->record->number;
    fill(x, x->record);
    journal_open_record(j, x->record);
    return true;
}

/* Others may have cut the journal's file, or written into it: then the request is recorded anew.
 * False: it has no record, or there is no room for another. */
static bool keep_record(struct exchange *x)
{
    const struct journal *j = x->worker->segment->journal;
    return x->record_number &&
           ((x->record && journal_holds(j, x->record, x->record_number)) || open_record(x));
}

bool usage_begin(struct exchange *x)
{
    struct segment *s = x->worker->segment;
    x->started_ms = clock_real_ms();
    x->billed = true;
    if (!s->journal) {
        return true;
    }
    if (!open_record(x)) {
        x->refused = COUNTER_REFUSED_JOURNAL_FULL;
        loop_eventfd_ring(s->wake_refresher);
        return false;
    }
    return true;
}

/* What Bedrock reported; of an answer that broke off, what was seen: each delta is a token at
 * least, and input that nobody told is taken from the size of the request. */
static struct usage seen_so_far(const struct exchange *x)
{
    struct usage u = {0};
    if (!x->reply) {
        return u;
    }
    u = x->reply->usage;
    if (x->reply->started && !x->reply->stopped) {
        struct tokens *t = &u.tokens;
        t->output = t->output > x->reply->deltas ? t->output : x->reply->deltas;
        t->input = u.seen ? t->input : x->body.n / BYTES_A_TOKEN;
    }
    return u;
}

void usage_progress(struct exchange *x)
{
    if (keep_record(x)) {
        x->record->tokens = seen_so_far(x).tokens;
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
    return x->err.code == STATUS_OK && x->status >= 200 && x->status < 300 &&
           !(x->reply && x->reply->failed);
}

static void fill_end(const struct exchange *x, struct journal_record *r,
                     const struct tokens *tokens, enum tier tier)
{
    uint64_t ms = (clock_now_ns() - x->began_ns) / 1000000u;
    r->tokens = *tokens;
    r->tier = (uint8_t)tier;
    r->cost_micro = x->cost_micro;
    r->status = (uint16_t)x->status;
    r->duration_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    if (succeeded(x)) {
        r->flags |= JOURNAL_SUCCESS;
    } else {
        const char *name = x->err.code != STATUS_OK ? err_row(x->err.code)->name : "UPSTREAM";
        text_copy(text_from(name), r->error, sizeof r->error);
    }
}

/* The file may be cut at this very moment, but hardly so twice. */
static void close_record(struct exchange *x, const struct tokens *tokens, enum tier tier)
{
    bool closed = false;
    for (int i = 0; !closed && i < CLOSE_ATTEMPTS && keep_record(x); i++) {
        fill_end(x, x->record, tokens, tier);
        closed = journal_close_record(x->worker->segment->journal, x->record);
    }
    if (!closed) {
        counters_add(COUNTER_USAGE_DROPPED, 1);
        log_line(LOG_ERROR, "usage", "the record of request %.*s is lost: cost_micro %llu",
                 STR_ARG(x->id), (unsigned long long)x->cost_micro);
    }
    x->record = NULL;
    x->record_number = 0;
}

void usage_end(struct exchange *x)
{
    if (!x->billed) {
        return;
    }
    x->billed = false;
    x->usage = seen_so_far(x);
    enum tier tier = limits_tier(x);
    const struct tokens *t = &x->usage.tokens;
    x->cost_micro = prices_cost(&x->price, t, tier);
    count(t, x->cost_micro);
    limits_settle(x, t->input + t->output + tokens_written(t), x->cost_micro);
    if (x->record_number) {
        close_record(x, t, tier);
    }
}
