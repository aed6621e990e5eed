#include "worker/turn/limits.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/region.h"
#include "shm/memory/counters.h"
#include "shm/store/keystore.h"
#include "worker/turn/route.h"
#include "worker/turn/wait.h"

#define MINUTE_NS 60000000000ull

/* --- small things -------------------------------------------------------------------------- */

bool limits_billed(const struct exchange *x)
{
    return x->route && !x->route->serve && x->route->limit == ROUTE_REQUESTS && !x->asked.counting;
}

/* NULL: no key (slot 0 is nobody's), or its slot has gone to another. */
static struct bucket *bucket(const struct exchange *x)
{
    return x->caller.key.slot ? bucket_of(x->worker->segment, x->caller.key.slot, x->caller.key.tag)
                              : NULL;
}

struct str limits_tier_word(enum tier tier)
{
    return tier == TIER_DEFAULT ? (struct str){NULL, 0} : tier_word(tier);
}

enum tier limits_tier(const struct exchange *x)
{
    enum tier tier = TIER_DEFAULT;
    bool passed = x->asked.dialect == DIALECT_BEDROCK;
    const struct wish *wish = asked_wish(&x->asked);
    if (attempt_leaves_out(&x->attempt, PLAN_TIER)) {
        return TIER_DEFAULT;
    }
    if (passed ? x->asked.passed.named_tier : wish->tier.given) {
        return passed ? x->asked.passed.tier : wish->tier.value;
    }
    if (x->caller.who == CALLER_KEY && x->caller.key.tier != TIER_DEFAULT) {
        return (enum tier)x->caller.key.tier;
    }
    (void)tier_find(text_from(x->worker->config->default_service_tier), &tier);
    return tier;
}

static enum verdict refuse_rate(struct exchange *x, enum counter reason, uint64_t wait_s,
                                const char *what, uint32_t limit)
{
    x->outcome.refused = reason;
    err_set(&x->outcome.err, STATUS_RATE, "this API key is limited to %u %s", limit, what);
    wait_say(&x->outcome.err, "try again", wait_s);
    return VERDICT_FAIL;
}

/* --- the month ----------------------------------------------------------------------------- */

/* First millisecond of a month, counted in months since year 0; now_ms where there is no such time. */
static int64_t begin_ms(uint32_t months, int64_t now_ms)
{
    char text[40];
    int64_t at_ms = now_ms;
    snprintf(text, sizeof text, "%04u-%02u-01T00:00:00Z", months / 12, months % 12 + 1);
    return clock_parse_rfc3339(text_from(text), &at_ms) ? at_ms : now_ms;
}

/* bucket_month is year * 12 + 1..12, so it is the next month where months count from 0. */
static int64_t next_month_ms(int64_t now_ms)
{
    return begin_ms(bucket_month(now_ms), now_ms);
}

static int64_t month_ms(int64_t now_ms)
{
    return begin_ms(bucket_month(now_ms) - 1, now_ms);
}

enum status limits_refuse_budget(struct err *err, const char *text)
{
    int64_t now = clock_real_ms();
    err_set(err, STATUS_BUDGET, "%s", text);
    wait_say(err, "a new month begins", (uint64_t)((next_month_ms(now) - now + 999) / 1000));
    return err->code;
}

bool limits_over_budget(const struct exchange *x)
{
    const struct directory_key *k = &x->caller.key;
    bool switched_off = k->flags & DIRECTORY_BUDGET_EXCEEDED;
    const struct bucket *b = bucket(x);
    if (!b || (!switched_off && !k->budget_micro)) {
        return switched_off;
    }
    uint32_t now = bucket_month(clock_real_ms()), known = bucket_spent_month(b);
    bool room = k->budget_micro && bucket_spent(b, now) < k->budget_micro;
    return switched_off ? known == 0 || (known >= now && !room) : !room;
}

/* --- before the body is parsed ------------------------------------------------------------- */

static bool enter_concurrency(struct exchange *x)
{
    struct worker *w = x->worker;
    if (!x->caller.key.max_concurrency) {
        return true;
    }
    struct holds one = {.count = 1};
    if (!holds_take(w->segment, w->slot, x->caller.key.slot, one, x->caller.key.max_concurrency)) {
        return false;
    }
    x->caller.held.count = 1;
    return true;
}

enum verdict limits_enter(struct exchange *x)
{
    struct bucket *b = bucket(x);
    if (!b || !limits_billed(x)) {
        return VERDICT_NEXT;
    }
    if (!enter_concurrency(x)) {
        return refuse_rate(x, COUNTER_REFUSED_CONCURRENCY, 1, "requests at the same time",
                           x->caller.key.max_concurrency);
    }
    if (limits_over_budget(x)) {
        limits_refuse_budget(&x->outcome.err, LIMITS_USED_UP);
        return VERDICT_FAIL;
    }
    if (x->caller.key.tpm_limit) {
        x->caller.tokens =
            bucket_charge(&b->tokens, clock_now_ns(), x->caller.key.tpm_limit, MINUTE_NS, 0);
        if (!x->caller.tokens.allowed) {
            return refuse_rate(x, COUNTER_REFUSED_TOKENS,
                               clock_seconds_up(x->caller.tokens.retry_ns), "tokens a minute",
                               x->caller.key.tpm_limit);
        }
    }
    return VERDICT_NEXT;
}

/* --- with the model known ------------------------------------------------------------------ */

static bool fits(struct str pattern, struct str name)
{
    if (text_ends(pattern, STR("*"))) {
        return text_starts(name, text_sub(pattern, 0, pattern.n - 1));
    }
    return text_eq(pattern, name);
}

/* What the makers call it: "claude-haiku-4-5-..." of "us.anthropic.claude-haiku-4-5-...". */
static struct str without_vendor(struct str base)
{
    size_t dot;
    return text_find(base, STR("."), &dot) ? text_sub(base, dot + 1, base.n) : base;
}

/* "a,b*": by the name the client used, by the one that it was taken for, or by the Bedrock id with or
 * without its region and its vendor. */
bool limits_may_use(const struct exchange *x, struct str name, const struct models_choice *m)
{
    struct str list = {x->caller.key.models, x->caller.key.models_len}, pattern;
    struct str base = region_base(m->id);
    if (x->caller.who != CALLER_KEY || !list.n) {
        return true;
    }
    while (text_split(&list, ',', &pattern)) {
        if (pattern.n && (fits(pattern, name) || fits(pattern, m->name) || fits(pattern, m->id) ||
                          fits(pattern, base) || fits(pattern, without_vendor(base)))) {
            return true;
        }
    }
    return false;
}

enum verdict limits_admit(struct exchange *x)
{
    if (!limits_may_use(x, x->asked.client_model, &x->asked.model)) {
        x->outcome.refused = COUNTER_REFUSED_MODEL;
        err_set(&x->outcome.err, STATUS_PERMISSION, "this API key may not use the model %.*s",
                (int)(x->asked.client_model.n < 100 ? x->asked.client_model.n : 100),
                x->asked.client_model.p);
        return VERDICT_FAIL;
    }
    return VERDICT_NEXT;
}

/* --- the end ------------------------------------------------------------------------------- */

void limits_settle(struct exchange *x, uint64_t tokens, uint64_t cost_micro)
{
    struct bucket *b = bucket(x);
    if (!b) {
        return;
    }
    if (x->caller.key.tpm_limit && tokens) {
        bucket_charge(&b->tokens, clock_now_ns(), x->caller.key.tpm_limit, MINUTE_NS, tokens);
    }
    if ((x->caller.key.budget_micro || x->caller.key.flags & DIRECTORY_BUDGET_EXCEEDED) &&
        cost_micro) {
        bucket_spend(b, bucket_month(x->outcome.started_ms), cost_micro);
    }
}

void limits_leave(struct exchange *x)
{
    struct worker *w = x->worker;
    if (x->caller.held.count || x->caller.held.micro) {
        holds_give(w->segment, w->slot, x->caller.key.slot, x->caller.held);
        x->caller.held = (struct holds){0, 0};
    }
}

/* --- headers ------------------------------------------------------------------------------- */

static void put_tokens(struct exchange *x)
{
    char reset[25];
    clock_rfc3339(clock_real_ms() + (int64_t)(x->caller.tokens.full_ns / 1000000u), reset);
    http_out_header_u64(x->conn, STR("anthropic-ratelimit-tokens-limit"), x->caller.tokens.limit);
    http_out_header_u64(x->conn, STR("anthropic-ratelimit-tokens-remaining"),
                        x->caller.tokens.remaining);
    http_out_header(x->conn, STR("anthropic-ratelimit-tokens-reset"), text_from(reset));
}

/* As Codex shows them: percent of the budget, the length of its window, unix seconds. */
static void put_codex(struct exchange *x, const struct bucket *b)
{
    struct http_conn *c = x->conn;
    int64_t now = clock_real_ms(), end = next_month_ms(now);
    uint64_t spent = bucket_spent(b, bucket_month(now)), budget = x->caller.key.budget_micro;
    uint64_t per_mille = spent >= budget || x->outcome.err.code == STATUS_BUDGET
                             ? 1000
                             : (uint64_t)((double)spent * 1000 / (double)budget);
    char percent[8];
    snprintf(percent, sizeof percent, "%u.%u", (unsigned)(per_mille / 10),
             (unsigned)(per_mille % 10));
    http_out_header(c, STR("x-codex-primary-used-percent"), text_from(percent));
    http_out_header_u64(c, STR("x-codex-primary-window-minutes"),
                        (uint64_t)(end - month_ms(now)) / 60000u);
    http_out_header_u64(c, STR("x-codex-primary-reset-at"), (uint64_t)end / 1000);
}

/* As Claude Code shows them: a share of the budget, the thresholds it warns at, unix seconds. On a
 * refusal it prints the error's message, if no claim and no overage status come with it. */
static void put_budget(struct exchange *x, const struct bucket *b)
{
    struct http_conn *c = x->conn;
    int64_t now = clock_real_ms();
    uint64_t spent = bucket_spent(b, bucket_month(now)), budget = x->caller.key.budget_micro;
    uint64_t reset = (uint64_t)next_month_ms(now) / 1000;
    if (x->outcome.err.code == STATUS_BUDGET) {
        http_out_header(c, STR("anthropic-ratelimit-unified-status"), STR("rejected"));
        http_out_header_u64(c, STR("anthropic-ratelimit-unified-reset"), reset);
        return;
    }
    uint64_t percent = spent >= budget ? 100 : spent * 100 / budget;
    char share[8];
    snprintf(share, sizeof share, "%u.%02u", (unsigned)(percent / 100), (unsigned)(percent % 100));
    http_out_header(c, STR("anthropic-ratelimit-unified-status"), STR("allowed"));
    http_out_header(c, STR("anthropic-ratelimit-unified-representative-claim"), STR("overage"));
    http_out_header(c, STR("anthropic-ratelimit-unified-overage-status"), STR("allowed"));
    http_out_header(c, STR("anthropic-ratelimit-unified-overage-utilization"), text_from(share));
    if (percent >= 75) {
        http_out_header(c, STR("anthropic-ratelimit-unified-overage-surpassed-threshold"),
                        percent >= 95 ? STR("0.95") : STR("0.75"));
    }
    http_out_header_u64(c, STR("anthropic-ratelimit-unified-reset"), reset);
    http_out_header_u64(c, STR("anthropic-ratelimit-unified-overage-reset"), reset);
}

void limits_headers(struct exchange *x)
{
    const struct bucket *b = bucket(x);
    if (x->caller.tokens.limit) {
        put_tokens(x);
    }
    bool known = x->caller.who == CALLER_KEY || x->outcome.err.code == STATUS_BUDGET;
    if (b && known && x->caller.key.budget_micro && limits_billed(x)) {
        (x->asked.dialect == DIALECT_RESPONSES ? put_codex : put_budget)(x, b);
    }
}
