#include "worker/exchange/native.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/learned.h"
#include "worker/dialect/changes.h"
#include "worker/openai/native_chat.h"
#include "worker/openai/native_responses.h"
#include "worker/reply/converse_to_responses.h"
#include "worker/reply/native_output.h"
#include "worker/reply/native_reply.h"
#include "worker/turn/limits.h"

/* One row a dialect that Bedrock has an endpoint of its own for. */
static const struct way {
    const char *path, *change, *name;
    enum learned learned;
} chat = {"/openai/v1/chat/completions", "native_chat", "Chat Completions", LEARNED_NATIVE},
  responses = {"/openai/v1/responses", "native_responses", "Responses", LEARNED_NATIVE_RESPONSES};

static const struct way *way_of(const struct exchange *x)
{
    return x->asked.dialect == DIALECT_RESPONSES ? &responses : &chat;
}

struct str native_path(const struct exchange *x)
{
    return text_from(way_of(x)->path);
}

static struct learned_key key_of(const struct exchange *x)
{
    return learned_key(x->worker->segment, (struct learned_key){0, 0}, x->asked.model.id);
}

static bool is_known_refused(const struct exchange *x)
{
    uint32_t value;
    uint64_t now_s = clock_mono_ms() / 1000u;
    const struct segment *s = x->worker->segment;
    return learned_any(s, now_s) &&
           learned_look(s, key_of(x), way_of(x)->learned, (struct str){NULL, 0}, now_s, &value);
}

static bool fits(const struct exchange *x)
{
    const struct asked *a = &x->asked;
    return a->dialect == DIALECT_RESPONSES ? native_responses_fits(&a->responses, &a->model)
                                           : a->dialect == DIALECT_OPENAI && !a->by_input &&
                                                 native_chat_fits(&a->chat, &a->model);
}

/* Guardrails, projects, metadata and tiers are Converse's, and what is left of a budget is put into its
 * body. Who is strict about fields is told by Converse's plan what the model does not take. */
static bool goes_native(const struct exchange *x)
{
    const struct plan_terms *t = &x->attempt.terms;
    return !x->attempt.native.refused && fits(x) && t->guardrail.id.n == 0 && t->project.n == 0 &&
           t->metadata.n == 0 && limits_tier(x) == TIER_DEFAULT && x->outcome.output_most == 0 &&
           !x->worker->config->strict_fields && !is_known_refused(x);
}

static enum status write_body(struct exchange *x, struct err *err)
{
    const struct asked *a = &x->asked;
    struct buf *body = &x->attempt.body, *changes = &x->attempt.changes;
    return a->dialect == DIALECT_RESPONSES
               ? native_responses_write(&a->responses, &a->model, body, changes, err)
               : native_chat_write(&a->chat, &a->model, body, changes, err);
}

static struct reply *new_reply(struct exchange *x)
{
    const struct asked *a = &x->asked;
    if (a->dialect == DIALECT_RESPONSES) {
        struct responses_echo echo = converse_to_responses_echo(&a->scan);
        return native_output_new(x->arena, a->client_model, &echo);
    }
    return native_chat_new(x->arena, a->client_model, a->chat.include_usage,
                           a->model.caps->flags & MODELS_REASONING_TAGS);
}

bool native_convert(struct exchange *x, struct err *err)
{
    struct attempt *a = &x->attempt;
    if (!goes_native(x)) {
        return false;
    }
    if (write_body(x, err) != STATUS_OK) {
        return false;
    }
    changes_note(&a->changes, "map:", text_from(way_of(x)->change));
    a->native.here = true;
    a->relay = x->asked.dialect == DIALECT_RESPONSES ? &native_output_relay : &native_chat_relay;
    a->reply = new_reply(x);
    if (!a->reply) {
        err_no_memory(err);
        return false;
    }
    return true;
}

/* Not its time (429, 5xx), not the caller's rights: those it would hear of Converse, too. */
bool native_refused(struct exchange *x)
{
    /* What Bedrock says before any work: a 408 or a 424 comes when the model has run. */
    static const int before[] = {400, 403, 404, 405, 413, 415, 422, 501};
    int status = x->attempt.transfer.refusal;
    size_t i = 0;
    if (!x->attempt.native.here) {
        if (x->attempt.native.refused && (status == 401 || status == 403 || status == 404)) {
            x->attempt.native.refused = 1; /* Converse says the same: it is not about the route */
        }
        return false;
    }
    while (i < COUNT_OF(before) && status != before[i]) {
        i++;
    }
    if (i == COUNT_OF(before)) {
        return false;
    }
    x->attempt.native.refused = status;
    x->attempt.pause_ms = 0;
    return true;
}

/* A 400 is about this request, and would poison the model for others. */
void native_prove(struct exchange *x)
{
    uint32_t ttl_s = x->worker->config->bounds.learned_s;
    int status = x->attempt.native.refused;
    if (x->attempt.native.here ||
        (status != 403 && status != 404 && status != 405 && status != 501) || ttl_s == 0) {
        return;
    }
    x->attempt.native.refused = 1; /* once a request */
    learned_keep(x->worker->segment, key_of(x), way_of(x)->learned, (struct str){NULL, 0}, 0,
                 clock_mono_ms() / 1000u, ttl_s);
    counters_add(COUNTER_LEARNED, 1);
    log_line(LOG_WARN, "learned", "%.*s: %.*s has no %s in Bedrock (%d); by Converse for %u s",
             STR_ARG(x->asked.id), STR_ARG(x->asked.model.id), way_of(x)->name, status, ttl_s);
}
