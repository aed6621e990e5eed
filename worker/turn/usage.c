#include "worker/turn/usage.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/net/loop.h"
#include "shm/memory/counters.h"
#include "shm/memory/journal.h"
#include "worker/exchange/exchange.h"
#include "worker/turn/limits.h"

#define BYTES_A_TOKEN 4u /* of a request body, on average: only for input that nobody reported */

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

bool usage_begin(struct exchange *x)
{
    struct segment *s = x->worker->segment;
    x->started_ms = clock_real_ms();
    x->billed = true;
    if (!s->journal) {
        return true;
    }
    x->record = journal_begin_record(s->journal);
    if (!x->record) {
        x->refused = COUNTER_REFUSED_JOURNAL_FULL;
        loop_eventfd_ring(s->wake_refresher);
        return false;
    }
    fill(x, x->record);
    journal_open_record(s->journal, x->record);
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
        u.output = u.output > x->reply->deltas ? u.output : x->reply->deltas;
        u.input = u.seen ? u.input : x->body.n / BYTES_A_TOKEN;
    }
    return u;
}

static struct prices_tokens tokens_of(const struct usage *u)
{
    uint64_t hour = u->cache_write_1h < u->cache_write ? u->cache_write_1h : u->cache_write;
    return (struct prices_tokens){.input = u->input,
                                  .output = u->output,
                                  .cache_read = u->cache_read,
                                  .cache_write = u->cache_write - hour,
                                  .cache_write_1h = hour};
}

void usage_progress(struct exchange *x)
{
    if (x->record) {
        struct usage u = seen_so_far(x);
        x->record->tokens = tokens_of(&u);
    }
}

static void count(const struct usage *u, uint64_t cost_micro)
{
    counters_add(COUNTER_TOKENS_IN, u->input);
    counters_add(COUNTER_TOKENS_OUT, u->output);
    counters_add(COUNTER_TOKENS_CACHE_READ, u->cache_read);
    counters_add(COUNTER_TOKENS_CACHE_WRITE, u->cache_write);
    counters_add(COUNTER_COST_MICRO, cost_micro);
}

static bool succeeded(const struct exchange *x)
{
    return x->err.code == STATUS_OK && x->status >= 200 && x->status < 300 &&
           !(x->reply && x->reply->failed);
}

static void close_record(struct exchange *x, const struct prices_tokens *tokens,
                         enum directory_tier tier)
{
    struct journal_record *r = x->record;
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
    journal_close_record(x->worker->segment->journal, r);
    x->record = NULL;
}

void usage_end(struct exchange *x)
{
    if (!x->billed) {
        return;
    }
    x->billed = false;
    x->usage = seen_so_far(x);
    enum directory_tier tier = limits_tier(x);
    struct prices_tokens tokens = tokens_of(&x->usage);
    x->cost_micro = prices_cost(&x->price, &tokens, tier);
    count(&x->usage, x->cost_micro);
    limits_settle(x, tokens.input + tokens.output + x->usage.cache_write, x->cost_micro);
    if (x->record) {
        close_record(x, &tokens, tier);
    }
}
