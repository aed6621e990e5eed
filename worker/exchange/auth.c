#include "worker/exchange/auth.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/keymiss.h"
#include "shm/store/keystore.h"
#include "worker/turn/limits.h"
#include "worker/turn/route.h"
#include "worker/turn/wait.h"

/* The official wording for a key that is not known (or no longer valid): the same for all cases, so
 * that a guesser learns nothing. */
#define REFUSED "invalid x-api-key"

static enum status refuse(struct exchange *x, enum counter reason, struct err *err)
{
    x->outcome.refused = reason;
    return err_set(err, STATUS_AUTH, REFUSED);
}

static enum status unavailable(struct err *err)
{
    err_set(err, STATUS_UNAVAILABLE,
            "the key store cannot be reached, and this key is not known yet");
    wait_say(err, "try again", 5);
    return err->code;
}

/* x-api-key decides when both are present, as at api.anthropic.com; an empty header counts as
 * absent. */
struct str auth_sent_key(const struct config *c, const struct http_request *r)
{
    struct str value;
    if (http_request_header(r, text_from(c->api_key_header), &value) && value.n) {
        return value;
    }
    if (http_request_header(r, STR("authorization"), &value) &&
        text_istarts(value, STR("bearer "))) {
        return text_trim(text_sub(value, 7, value.n));
    }
    return (struct str){NULL, 0};
}

static bool is_master(const struct exchange *x)
{
    const struct worker *w = x->worker;
    return w->has_master &&
           text_secret_eq(x->caller.digest, w->master_digest, sizeof x->caller.digest);
}

/* Opens /metrics; at another route it is a key that nobody has, and no question to the store. */
static bool is_metrics_token(const struct exchange *x)
{
    const struct config *c = x->worker->config;
    return c->has_metrics_token &&
           text_secret_eq(x->caller.digest, c->metrics_digest, sizeof x->caller.digest);
}

static enum status let_scrape(struct exchange *x, struct err *err)
{
    if (x->route->need != ROUTE_MASTER) {
        return refuse(x, COUNTER_REFUSED_BAD_KEY, err);
    }
    x->caller.who = CALLER_SCRAPER;
    return STATUS_OK;
}

/* What the row says about this very moment. */
static enum status check_row(struct exchange *x, struct err *err)
{
    const struct directory_key *k = &x->caller.key;
    if (k->expires_ms && k->expires_ms <= clock_real_ms()) {
        return refuse(x, COUNTER_REFUSED_EXPIRED_KEY, err);
    }
    if (!(k->flags & (DIRECTORY_ACTIVE | DIRECTORY_BUDGET_EXCEEDED))) {
        return refuse(x, COUNTER_REFUSED_REVOKED_KEY, err);
    }
    if ((k->flags & DIRECTORY_BUDGET_EXCEEDED) && limits_over_budget(x)) {
        return limits_refuse_budget(err, LIMITS_USED_UP);
    }
    x->caller.who = CALLER_KEY;
    return STATUS_OK;
}

/* A store that hangs holds the refresher up for several calls in a row, each as long as it may
 * take; who asks for an unknown key waits for one. */
static void stop_waiting(struct loop *loop, void *owner)
{
    struct exchange *x = owner;
    (void)loop;
    if (x->caller.ticket) {
        turn_wake(x);
    }
}

static void wait_for_answer(struct exchange *x)
{
    uint64_t wait_ms = (uint64_t)x->worker->config->dynamodb_timeout * 1000u;
    x->caller.ticket_due_ms = clock_mono_ms() + wait_ms;
    loop_timer_in(x->worker->loop, &x->timer_pause, wait_ms, stop_waiting, x);
}

static enum status ask(struct exchange *x, struct str key, struct err *err)
{
    if (!keystore_key_plausible(key) || key.n > KEYMISS_KEY_MAX) {
        return refuse(x, COUNTER_REFUSED_BAD_KEY, err);
    }
    x->caller.ticket = keymiss_ask(x->worker->segment, x->worker->slot, x->caller.digest, key);
    counters_add(COUNTER_KEY_QUESTIONS, 1);
    if (!x->caller.ticket) {
        return unavailable(err);
    }
    LIST_INSERT_HEAD(&x->worker->waiters.asking, x, asking);
    wait_for_answer(x);
    return STATUS_OK;
}

static enum status look_up(struct exchange *x, struct str key, struct err *err)
{
    switch (directory_find(x->worker->segment, x->caller.digest, &x->caller.key)) {
    case DIRECTORY_HIT:
        return check_row(x, err);
    case DIRECTORY_MISS:
    case DIRECTORY_EMPTY:
        return ask(x, key, err);
    case DIRECTORY_STALE:
        break;
    }
    return unavailable(err);
}

bool auth_is_needed(const struct exchange *x)
{
    switch (x->route->need) {
    case ROUTE_ANYBODY:
        return false;
    case ROUTE_KEY:
        return true;
    case ROUTE_MASTER:
        break;
    }
    return x->worker->config->metrics_auth;
}

static bool is_signed(const struct http_request *r)
{
    struct str value;
    return http_request_header(r, STR("authorization"), &value) &&
           text_istarts(value, STR("AWS4-"));
}

enum status auth_refuse_no_key(struct exchange *x, const struct http_request *r, struct err *err)
{
    x->outcome.refused = COUNTER_REFUSED_NO_KEY;
    if (x->asked.dialect == DIALECT_BEDROCK || is_signed(r)) {
        return err_set(err, STATUS_AUTH,
                       "no API key of this gateway, which takes no AWS signature: set "
                       "AWS_BEARER_TOKEN_BEDROCK to the key, or send it as x-api-key");
    }
    return err_set(err, STATUS_AUTH,
                   "no API key: send it as x-api-key or as Authorization: Bearer");
}

enum status auth_identify(struct exchange *x, const struct http_request *r, struct err *err)
{
    const struct config *c = x->worker->config;
    struct str key = auth_sent_key(c, r);
    if (!key.n) {
        if (!c->require_api_key) {
            x->caller.who = CALLER_ANONYMOUS;
            return STATUS_OK;
        }
        return auth_refuse_no_key(x, r, err);
    }
    sha256(key.p, key.n, x->caller.digest);
    if (is_master(x)) {
        x->caller.who = CALLER_MASTER;
        return STATUS_OK;
    }
    if (is_metrics_token(x)) {
        return let_scrape(x, err);
    }
    if (!c->require_api_key) {
        x->caller.who = CALLER_ANONYMOUS;
        return STATUS_OK;
    }
    return look_up(x, key, err);
}

enum verdict auth_await(struct exchange *x)
{
    switch (keymiss_poll(x->worker->segment, x->worker->slot, x->caller.ticket)) {
    case KEYMISS_PENDING:
        if (clock_mono_ms() < x->caller.ticket_due_ms) {
            return VERDICT_WAIT;
        }
        unavailable(&x->outcome.err);
        return VERDICT_FAIL;
    case KEYMISS_ABSENT:
        refuse(x, COUNTER_REFUSED_BAD_KEY, &x->outcome.err);
        return VERDICT_FAIL;
    case KEYMISS_UNAVAILABLE:
        unavailable(&x->outcome.err);
        return VERDICT_FAIL;
    case KEYMISS_FOUND:
        break;
    }
    LIST_REMOVE(x, asking);
    x->caller.ticket = 0;
    loop_timer_cancel(x->worker->loop, &x->timer_pause);
    if (directory_find(x->worker->segment, x->caller.digest, &x->caller.key) != DIRECTORY_HIT) {
        unavailable(&x->outcome.err);
        return VERDICT_FAIL;
    }
    return check_row(x, &x->outcome.err) == STATUS_OK ? VERDICT_NEXT : VERDICT_FAIL;
}

static struct bucket *find_bucket(struct exchange *x, uint32_t *limit_out)
{
    const struct config *c = x->worker->config;
    struct bucket *all = x->worker->segment->buckets;
    *limit_out = (uint32_t)c->rate_limit_requests;
    switch (x->caller.who) {
    case CALLER_MASTER:
        *limit_out = (uint32_t)c->master_key_rate_limit;
        return *limit_out ? &all[BUCKET_MASTER] : NULL;
    case CALLER_KEY:
        if (x->caller.key.rate_limit) {
            *limit_out = x->caller.key.rate_limit;
        }
        return bucket_of(x->worker->segment, x->caller.key.slot, x->caller.key.tag);
    case CALLER_SCRAPER: /* its one route has no limit */
    case CALLER_ANONYMOUS:
    case CALLER_NOBODY:
        break;
    }
    return &all[caller_slot(&x->caller, http_conn_peer(x->conn))];
}

/* Counting costs little and comes in bursts: Claude Code's /context sends 25 at once. So it has a
 * word of its own, and room for ten of these whatever the key's limit is. */
#define COUNTS_A_REQUEST 10u
#define COUNTS_LEAST     250u

static uint32_t counting_limit(uint32_t requests)
{
    uint32_t most =
        requests < UINT32_MAX / COUNTS_A_REQUEST ? requests * COUNTS_A_REQUEST : requests;
    return most > COUNTS_LEAST ? most : COUNTS_LEAST;
}

static enum verdict take(struct exchange *x)
{
    const struct config *c = x->worker->config;
    if (c->rate_limit_requests == 0 || x->route->limit == ROUTE_UNLIMITED) {
        return VERDICT_NEXT;
    }
    uint32_t limit;
    struct bucket *b = find_bucket(x, &limit);
    if (!b &&
        x->caller.who == CALLER_KEY) { /* its slot has gone to another key while the body arrived */
        if (directory_find(x->worker->segment, x->caller.digest, &x->caller.key) != DIRECTORY_HIT ||
            !(b = find_bucket(x, &limit))) {
            unavailable(&x->outcome.err);
            return VERDICT_FAIL;
        }
    }
    if (!b) { /* the master key without a limit */
        return VERDICT_NEXT;
    }
    bool counting = x->route->limit == ROUTE_COUNTING;
    _Atomic uint64_t *word = counting ? &b->counting : &b->requests;
    limit = counting ? counting_limit(limit) : limit;
    x->caller.requests =
        bucket_take(word, clock_now_ns(), limit, (uint64_t)c->rate_limit_window * 1000000000u);
    x->caller.limited = true;
    if (x->caller.requests.allowed) {
        return VERDICT_NEXT;
    }
    err_set(&x->outcome.err, STATUS_RATE, "this API key is limited to %u %s in %lld seconds", limit,
            counting ? "token counts" : "requests", (long long)c->rate_limit_window);
    wait_say(&x->outcome.err, "try again", clock_seconds_up(x->caller.requests.retry_ns));
    return VERDICT_FAIL;
}

enum verdict auth_step(struct exchange *x)
{
    if (!auth_is_needed(x)) {
        return VERDICT_NEXT;
    }
    if (x->caller.ticket) {
        enum verdict v = auth_await(x);
        if (v != VERDICT_NEXT) {
            return v;
        }
    }
    return limits_enter(x) == VERDICT_NEXT ? take(x) : VERDICT_FAIL;
}
