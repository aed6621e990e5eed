#include "worker/exchange/convert.h"

#include "server/base/clock.h"
#include "worker/converse/anthropic_to_converse.h"
#include "worker/dialect/changes.h"
#include "worker/reply/converse_to_anthropic.h"
#include "worker/reply/converse_to_openai.h"
#include "worker/converse/openai_to_converse.h"
#include "worker/door/count.h"
#include "worker/splice/splice.h"
#include "worker/turn/limits.h"

#define CONVERT_EXTRA 65536 /* what a conversion may add to twice the body */

static struct cache_policy cache_policy(const struct exchange *x)
{
    return cache_policy_of(x->worker->config, x->caller.who == CALLER_KEY ? &x->caller.key : NULL,
                           x->asked.messages.short_marks);
}

static struct betas_rules beta_rules(const struct exchange *x)
{
    return (struct betas_rules){text_from(x->worker->config->beta_allow), x->worker->segment};
}

static bool leaves_out_tier(const struct exchange *x)
{
    return attempt_leaves_out(&x->attempt, ATTEMPT_WITHOUT_TIER);
}

static enum status convert_by_splice(struct exchange *x)
{
    const struct config *c = x->worker->config;
    struct splice_options options = {
        .model = &x->asked.model,
        .betas = x->asked.betas,
        .beta_rules = beta_rules(x),
        .strict_fields = c->strict_fields,
        .cache = cache_policy(x),
    };
    x->attempt.relay = &splice_relay;
    x->attempt.reply = splice_reply_new(x->arena, x->asked.client_model);
    enum status st = splice_request(&x->asked.messages, &options, &x->attempt.body,
                                    &x->attempt.changes, &x->attempt.tier, &x->outcome.err);
    if (!x->attempt.tier.n || leaves_out_tier(x)) {
        x->attempt.tier = limits_tier_word(limits_tier(x));
    }
    return st;
}

static enum status convert_to_converse(struct exchange *x, const struct converse_options *o)
{
    char id[48];
    bool retold = false;
    struct converse_names *names = converse_names_new(x->arena);
    if (!names) {
        return err_no_memory(&x->outcome.err);
    }
    enum status st;
    if (x->asked.dialect == DIALECT_OPENAI) {
        text_id(STR("chatcmpl-"), id, sizeof id);
        x->attempt.relay = &converse_to_openai_relay;
        x->attempt.reply = converse_to_openai_new(
            x->arena, x->asked.client_model, arena_dup(x->arena, text_from(id)),
            clock_real_ms() / 1000, x->asked.chat.include_usage, names);
        st = openai_to_converse(&x->asked.chat, o, names, &x->attempt.body, &x->attempt.changes,
                                &retold, &x->outcome.err);
    } else {
        text_id(STR("msg_"), id, sizeof id);
        x->attempt.relay = &converse_to_anthropic_relay;
        x->attempt.reply = converse_to_anthropic_new(x->arena, x->asked.client_model,
                                                     arena_dup(x->arena, text_from(id)), names);
        st = anthropic_to_converse(&x->asked.messages, o, names, &x->attempt.body,
                                   &x->attempt.changes, &retold, &x->outcome.err);
    }
    if (x->attempt.reply) {
        x->attempt.reply->retold = retold;
    }
    return st;
}

/* count_tokens: the converted body is counted instead of answered. */
static enum verdict ask_for_count(struct exchange *x)
{
    x->attempt.relay = &count_relay;
    if (count_wrap(x)) {
        return VERDICT_NEXT;
    }
    err_no_memory(&x->outcome.err);
    return VERDICT_FAIL;
}

static void note_left_out(struct attempt *a)
{
    for (unsigned i = 0; i < ATTEMPT_OMISSION_COUNT; i++) {
        if (attempt_leaves_out(a, i)) {
            changes_note(&a->changes, attempt_note(i), (struct str){NULL, 0});
        }
    }
}

enum verdict convert_step(struct exchange *x)
{
    const struct config *c = x->worker->config;
    attempt_begin(&x->attempt);
    note_left_out(&x->attempt);
    struct converse_options options = {.model = &x->asked.model,
                                       .betas = x->asked.betas,
                                       .beta_rules = beta_rules(x),
                                       .service_tier = limits_tier_word(limits_tier(x)),
                                       .tier_refused = leaves_out_tier(x),
                                       .cache = cache_policy(x),
                                       .strict_fields = c->strict_fields};
    if (x->asked.counting && !count_may_ask(x)) {
        return count_estimate(x);
    }
    buf_init(&x->attempt.body, 2 * x->asked.body.n + CONVERT_EXTRA);
    enum status st = x->asked.model.transport == MODELS_INVOKE ? convert_by_splice(x)
                                                               : convert_to_converse(x, &options);
    x->attempt.tier_named = limits_tier(x) != TIER_DEFAULT;
    if (st == STATUS_OK && x->attempt.reply) {
        return x->asked.counting ? ask_for_count(x) : VERDICT_NEXT;
    }
    if (!x->attempt.reply) {
        err_no_memory(&x->outcome.err);
    }
    return VERDICT_FAIL;
}
