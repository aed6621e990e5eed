#include "worker/exchange/convert.h"

#include "server/base/clock.h"
#include "worker/converse/anthropic_to_converse.h"
#include "worker/reply/converse_to_anthropic.h"
#include "worker/reply/converse_to_openai.h"
#include "worker/converse/openai_to_converse.h"
#include "worker/door/count.h"
#include "worker/splice/splice.h"
#include "worker/turn/limits.h"

#define CONVERT_EXTRA 65536 /* what a conversion may add to twice the body */

static enum status no_memory(struct err *err)
{
    return err_set(err, STATUS_BUSY, "out of memory for this request; try again");
}

static struct cache_policy cache_policy(const struct exchange *x)
{
    return cache_policy_of(x->worker->config, x->who == EXCHANGE_KEY ? &x->key : NULL,
                           x->request.short_marks);
}

static struct betas_rules beta_rules(const struct exchange *x)
{
    return (struct betas_rules){text_from(x->worker->config->beta_allow), x->worker->segment};
}

static enum status convert_by_splice(struct exchange *x)
{
    const struct config *c = x->worker->config;
    struct splice_options options = {
        .model = &x->model,
        .betas = x->betas,
        .beta_rules = beta_rules(x),
        .strict_fields = c->strict_fields,
        .cache = cache_policy(x),
    };
    x->relay = &splice_relay;
    x->reply = splice_reply_new(x->arena, x->client_model);
    enum status st =
        splice_request(&x->request, &options, &x->upstream, &x->changes, &x->tier, &x->err);
    if (!x->tier.n || x->tier_refused) {
        x->tier = limits_tier_word(limits_tier(x));
    }
    return st;
}

static enum status convert_to_converse(struct exchange *x, const struct converse_options *o)
{
    char id[48];
    bool retold = false;
    struct converse_names *names = converse_names_new(x->arena);
    if (!names) {
        return no_memory(&x->err);
    }
    enum status st;
    if (x->dialect == DIALECT_OPENAI) {
        text_id(STR("chatcmpl-"), id, sizeof id);
        x->relay = &converse_to_openai_relay;
        x->reply =
            converse_to_openai_new(x->arena, x->client_model, arena_dup(x->arena, text_from(id)),
                                   clock_real_ms() / 1000, x->chat.include_usage, names);
        st = openai_to_converse(&x->chat, o, names, &x->upstream, &x->changes, &retold, &x->err);
    } else {
        text_id(STR("msg_"), id, sizeof id);
        x->relay = &converse_to_anthropic_relay;
        x->reply = converse_to_anthropic_new(x->arena, x->client_model,
                                             arena_dup(x->arena, text_from(id)), names);
        st = anthropic_to_converse(&x->request, o, names, &x->upstream, &x->changes, &retold,
                                   &x->err);
    }
    if (x->reply) {
        x->reply->retold = retold;
    }
    return st;
}

/* count_tokens: the converted body is counted instead of answered. */
static enum verdict ask_for_count(struct exchange *x)
{
    x->relay = &count_relay;
    if (count_wrap(x)) {
        return VERDICT_NEXT;
    }
    no_memory(&x->err);
    return VERDICT_FAIL;
}

/* A second attempt with another body: nothing of the first one stays. */
static void start_over(struct exchange *x)
{
    x->reconvert = false;
    x->upstream_hashed = false;
    x->tier = (struct str){NULL, 0};
    buf_free(&x->upstream);
    buf_clear(&x->changes);
    if (x->tier_refused) {
        converse_note(&x->changes, "drop:service_tier", x->tier);
    }
}

enum verdict convert_step(struct exchange *x)
{
    const struct config *c = x->worker->config;
    if (x->reconvert) {
        start_over(x);
    }
    struct converse_options options = {.model = &x->model,
                                       .betas = x->betas,
                                       .beta_rules = beta_rules(x),
                                       .service_tier = limits_tier_word(limits_tier(x)),
                                       .tier_refused = x->tier_refused,
                                       .cache = cache_policy(x),
                                       .strict_fields = c->strict_fields};
    if (x->counting && !count_may_ask(x)) {
        return count_estimate(x);
    }
    buf_init(&x->upstream, 2 * x->body.n + CONVERT_EXTRA);
    enum status st = x->model.transport == MODELS_INVOKE ? convert_by_splice(x)
                                                         : convert_to_converse(x, &options);
    x->tier_asked = limits_tier(x) != TIER_DEFAULT;
    if (st == STATUS_OK && x->reply) {
        return x->counting ? ask_for_count(x) : VERDICT_NEXT;
    }
    if (!x->reply) {
        no_memory(&x->err);
    }
    return VERDICT_FAIL;
}
