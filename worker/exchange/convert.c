#include "worker/exchange/convert.h"

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "worker/converse/anthropic_to_converse.h"
#include "worker/reply/converse_to_anthropic.h"
#include "worker/reply/converse_to_openai.h"
#include "worker/reply/converse_to_responses.h"
#include "worker/converse/openai_to_converse.h"
#include "worker/converse/responses_to_converse.h"
#include "worker/dialect/changes.h"
#include "worker/door/count.h"
#include "worker/dialect/s3_address.h"
#include "worker/exchange/bedrock.h"
#include "worker/exchange/cure.h"
#include "worker/exchange/native.h"
#include "worker/exchange/passing.h"
#include "worker/exchange/responses_answer.h"
#include "worker/plan/plan_make.h"
#include "worker/splice/splice.h"
#include "worker/turn/limits.h"
#include "worker/turn/money.h"
#include "worker/turn/terms.h"

#define CONVERT_EXTRA 65536 /* what a conversion may add to twice the body */

static struct cache_policy cache_policy(const struct exchange *x)
{
    const struct messages_request *r = asked_messages(&x->asked);
    return cache_policy_of(x->worker->config, x->caller.who == CALLER_KEY ? &x->caller.key : NULL,
                           r && r->short_marks);
}

static struct betas_rules beta_rules(const struct exchange *x)
{
    return (struct betas_rules){.allow = text_from(x->worker->config->beta_allow),
                                .directory = x->worker->segment,
                                .configured = &x->worker->models.betas};
}

/* The client's own blocks go on to Claude, so they may say what the ones of Converse may not. */
static enum status convert_by_splice(struct exchange *x, struct plan *plan)
{
    if (s3_address_may_be(x->asked.body) && passing_check_s3(x) != STATUS_OK) {
        return x->outcome.err.code;
    }
    x->attempt.relay = &splice_relay;
    x->attempt.reply = splice_reply_new(x->arena, x->asked.client_model);
    x->attempt.tier = limits_tier_word(plan->tier); /* a header */
    return splice_request(&x->asked.messages, plan, &x->attempt.body, &x->outcome.err);
}

/* Chat's own answer, also where the body was one of /v1/responses, which tells usage as chat does. */
static struct reply *chat_answer(struct exchange *x, const struct converse_names *names)
{
    char id[48];
    const struct scan *s = &x->asked.scan;
    scan_ref options = SCAN_GET(s, 0, "stream_options");
    const struct chat_request *r = asked_chat(&x->asked);
    bool usage = r && r->include_usage;
    (void)scan_bool(s, SCAN_GET(s, options, "include_usage"), &usage); /* read_chat may not have */
    const struct openai_wants wants = {clock_real_ms() / 1000, usage, r && r->legacy};
    text_id(STR("chatcmpl-"), id, sizeof id);
    return converse_to_openai_new(x->arena, x->asked.client_model,
                                  arena_dup(x->arena, text_from(id)), wants, names);
}

static struct reply *messages_answer(struct exchange *x, const struct converse_names *names)
{
    char id[48];
    text_id(STR("msg_"), id, sizeof id);
    return converse_to_anthropic_new(x->arena, x->asked.client_model,
                                     arena_dup(x->arena, text_from(id)), names);
}

static enum status ask_converse(struct exchange *x, struct plan *plan, struct converse_names *names)
{
    struct buf *body = &x->attempt.body;
    struct err *err = &x->outcome.err;
    if (x->asked.by_input) {
        return responses_to_converse(&x->asked.responses, plan, names, responses_answer_sealer(x),
                                     body, err);
    }
    return x->asked.dialect == DIALECT_OPENAI
               ? openai_to_converse(&x->asked.chat, plan, names, body, err)
               : anthropic_to_converse(&x->asked.messages, plan, names, body, err);
}

static enum status convert_to_converse(struct exchange *x, struct plan *plan)
{
    static const struct {
        const struct relay *relay;
        struct reply *(*answer)(struct exchange *x, const struct converse_names *names);
    } back[DIALECT_COUNT] = {
        [DIALECT_ANTHROPIC] = {&converse_to_anthropic_relay, messages_answer},
        [DIALECT_OPENAI] = {&converse_to_openai_relay, chat_answer},
        [DIALECT_RESPONSES] = {&converse_to_responses_relay, responses_answer_new},
    };
    struct converse_names *names = converse_names_new(x->arena);
    if (!names) {
        return err_no_memory(&x->outcome.err);
    }
    enum status st = ask_converse(x, plan, names);
    x->attempt.relay = back[x->asked.dialect].relay;
    x->attempt.reply = back[x->asked.dialect].answer(x, names);
    if (x->attempt.reply) {
        x->attempt.reply->whole_upstream = plan->whole_upstream;
        x->attempt.reply->input_whole = plan_takes(plan, MODELS_INPUT_WHOLE);
    }
    return st;
}

/* Claude Code of today and before leaves out the block that a token names, and asks again; to people
 * and to other programs a token says nothing. */
static bool acts_on_tokens(const struct exchange *x)
{
    return x->asked.dialect == DIALECT_ANTHROPIC &&
           (text_starts(x->asked.client.agent, STR("claude-cli/")) ||
            text_starts(x->asked.client.agent, STR("claude-code/")));
}

/* What is asked and what the model takes become a plan, the plan a body. */
static enum status convert(struct exchange *x)
{
    const struct config *c = x->worker->config;
    if (terms_find(x) != STATUS_OK) {
        return x->outcome.err.code;
    }
    struct err err = {.code = STATUS_OK};
    if (native_convert(x, &err)) {
        return STATUS_OK;
    }
    if (err.code != STATUS_OK) {
        x->outcome.err = err;
        return err.code;
    }
    const struct plan_options options = {
        .model = &x->asked.model,
        .betas = x->asked.betas,
        .beta_rules = beta_rules(x),
        .tier = limits_tier(x),
        .cache = cache_policy(x),
        .terms = x->attempt.terms,
        .capability_tokens = acts_on_tokens(x),
        .strict_fields = c->strict_fields,
        .left_out = x->attempt.left_out,
        .cure = &x->attempt.cure,
        .memory = c->strict_fields ? NULL : x->worker->segment,
        .now_s = clock_mono_ms() / 1000u,
    };
    struct wish wish = *asked_wish(&x->asked);
    struct plan plan;
    if (x->asked.model.behind_by) {
        changes_note(&x->attempt.changes, "behind:", text_from(x->asked.model.behind_by));
    }
    if (x->outcome.output_most > 0) { /* the client named none: what reserve pays for */
        wish.max_tokens.given = true;
        wish.max_tokens.n = x->outcome.output_most;
        changes_note(&x->attempt.changes, "clamp:", STR("max_tokens.budget"));
    }
    enum status st =
        plan_make(&plan, &wish, &options, x->arena, &x->attempt.changes, &x->outcome.err);
    if (st != STATUS_OK) {
        return st;
    }
    x->attempt.sent = plan.cure.sent;
    x->attempt.shape = plan.cure.shape;
    if (plan.cure.avoided && x->attempt.number == 0) {
        counters_add(COUNTER_LEARNED_USED, 1);
    }
    return plan.invoke ? convert_by_splice(x, &plan) : convert_to_converse(x, &plan);
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

enum verdict convert_step(struct exchange *x)
{
    attempt_begin(&x->attempt);
    if (!money_goes_on(x)) {
        return VERDICT_FAIL;
    }
    if (x->asked.dialect == DIALECT_BEDROCK) {
        return passing_convert(x);
    }
    if (x->asked.counting) {
        enum count_at at = count_where(x, bedrock_has_mantle(x->worker));
        x->attempt.mantle.here = at == COUNT_MANTLE;
        if (at == COUNT_NOWHERE) {
            return count_estimate(x);
        }
    }
    buf_init(&x->attempt.body, 2 * x->asked.body.n + CONVERT_EXTRA);
    enum status st = convert(x);
    x->attempt.tier_named = limits_tier(x) != TIER_DEFAULT;
    if (st == STATUS_OK && cure_still(x)) {
        return VERDICT_FAIL;
    }
    if (st == STATUS_OK && x->attempt.reply) {
        return x->asked.counting ? ask_for_count(x) : VERDICT_NEXT;
    }
    if (st == STATUS_OK) {
        err_no_memory(&x->outcome.err);
    }
    return VERDICT_FAIL;
}
