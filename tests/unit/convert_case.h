/*
 * convert_case.h - for the tests of the request converters to Converse: request text in, Converse
 * body, changes and error out. One case at a time; convert_case_free drops its memory.
 */
#ifndef TESTS_UNIT_CONVERT_CASE_H
#define TESTS_UNIT_CONVERT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/converse_rules.h"
#include "tests/unit/converse_shape.h"
#include "tests/unit/err_param.h"
#include "worker/converse/anthropic_to_converse.h"
#include "worker/converse/openai_to_converse.h"
#include "worker/converse/responses_to_converse.h"
#include "worker/plan/plan_make.h"

#define CASE_MAX ((size_t)4 << 20)

#define SONNET35 "anthropic.claude-3-5-sonnet-20241022-v2:0"
#define SONNET45 "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define OPUS46   "global.anthropic.claude-opus-4-6-v1"
#define OPUS47   "global.anthropic.claude-opus-4-7"
#define OPUS55   "global.anthropic.claude-opus-5-5"
#define NOVA     "us.amazon.nova-pro-v1:0"
#define NOVA2    "us.amazon.nova-2-lite-v1:0"
#define QWEN     "qwen.qwen3-coder-480b-a35b-v1:0"
#define QWEN_VL  "qwen.qwen3-vl-235b-a22b"
#define LLAMA    "us.meta.llama3-3-70b-instruct-v1:0"
#define GPT_OSS  "openai.gpt-oss-120b-1:0"
#define KIMI     "moonshotai.kimi-k2.5"
#define DEEPSEEK "deepseek.v3.2"
#define GPT5     "us.openai.gpt-5.6-sol"
#define GEMMA    "google.gemma-3-27b-it"
#define MISTRAL7 "mistral.mistral-7b-instruct-v0:2"

struct convert_options {
    struct str model; /* Bedrock id, "[1m]" at its end understood */
    struct str betas;
    enum tier tier;
    struct plan_terms terms;
    bool strict;
};

struct convert_case {
    struct arena *arena;
    struct scan scan;
    struct buf body;
    struct buf changes;
    bool whole_upstream;
    enum status status;
    struct err err;
};

static const struct scan_limits case_limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

/* What is sealed in goldens is sealed with this key, of nulls, for the model. */
static struct sealer convert_case_sealer(struct str model)
{
    return (struct sealer){.bound = model};
}

union convert_request {
    struct messages_request messages;
    struct chat_request chat;
    struct responses_request responses;
};

/* The wish of what was read; NULL: it could not be. */
static const struct wish *convert_case_read(struct convert_case *c, enum dialect dialect,
                                            union convert_request *r)
{
    switch (dialect) {
    case DIALECT_ANTHROPIC:
        c->status = messages_read(&c->scan, false, &r->messages, &c->err);
        return c->status == STATUS_OK ? &r->messages.wish : NULL;
    case DIALECT_OPENAI:
        c->status = chat_read(&c->scan, &r->chat, &c->err);
        return c->status == STATUS_OK ? &r->chat.wish : NULL;
    default:
        c->status = responses_read(&c->scan, &r->responses, &c->err);
        return c->status == STATUS_OK ? &r->responses.wish : NULL;
    }
}

static void convert_case_convert(struct convert_case *c, enum dialect dialect,
                                 const struct plan_options *o)
{
    struct converse_names *names = converse_names_new(c->arena);
    struct sealer sealer = convert_case_sealer(o->model->id);
    union convert_request r;
    struct plan plan = {0};
    if (!names) {
        c->status = err_set(&c->err, STATUS_BUSY, "no memory for the names");
        return;
    }
    const struct wish *wish = convert_case_read(c, dialect, &r);
    if (!wish)
        return;
    c->status = plan_make(&plan, wish, o, c->arena, &c->changes, &c->err);
    if (c->status != STATUS_OK)
        return;
    if (dialect == DIALECT_ANTHROPIC)
        c->status = anthropic_to_converse(&r.messages, &plan, names, &c->body, &c->err);
    else if (dialect == DIALECT_OPENAI)
        c->status = openai_to_converse(&r.chat, &plan, names, &c->body, &c->err);
    else
        c->status = responses_to_converse(&r.responses, &plan, names, &sealer, &c->body, &c->err);
    c->whole_upstream = plan.whole_upstream;
}

static void convert_case_run(struct convert_case *c, enum dialect dialect, struct convert_options o,
                             struct str request)
{
    memset(c, 0, sizeof *c);
    c->arena = arena_new((size_t)64 << 20);
    buf_init(&c->body, CASE_MAX);
    buf_init(&c->changes, CASE_MAX);
    bool million = text_ends(o.model, STR("[1m]"));
    if (million)
        o.model.n -= 4;
    struct models_choice choice = {.id = o.model,
                                   .caps = models_caps(o.model, &(struct models_caps){0}),
                                   .transport = MODELS_CONVERSE,
                                   .one_million = million};
    struct plan_options options = {.model = &choice,
                                   .betas = o.betas,
                                   .tier = o.tier,
                                   .terms = o.terms,
                                   .strict_fields = o.strict,
                                   .capability_tokens = dialect == DIALECT_ANTHROPIC};
    c->status = scan_parse(&c->scan, c->arena, request, &case_limits, &c->err);
    if (c->status == STATUS_OK)
        convert_case_convert(c, dialect, &options);
}

static void convert_case_free(struct convert_case *c)
{
    buf_free(&c->body);
    buf_free(&c->changes);
    arena_drop(c->arena);
}

/* Is the body what Bedrock's model describes? why: what is wrong. */
static bool convert_case_is_legal(struct convert_case *c, char *why, size_t size)
{
    static const struct scan_limits wider = {
        .depth = 160, .values = 500000, .keys = 20000, .number_len = 64};
    struct scan body;
    const char *rule = NULL;
    if (scan_parse(&body, c->arena, buf_str(&c->body), &wider, &c->err) != STATUS_OK) {
        snprintf(why, size, "no JSON: %s", c->err.text);
        return false;
    }
    if (!converse_shape_check(&body, why, size))
        return false;
    if (!converse_rules_check(&body, &rule)) {
        snprintf(why, size, "%s", rule);
        return false;
    }
    return true;
}

struct convert_row {
    const char *name;
    const char *model; /* "!" before it: STRICT_FIELDS */
    const char *in;
    const char *out;     /* the body, or the error's text */
    const char *changes; /* NULL: an error is expected */
};

__attribute__((unused)) static void convert_case_check(enum dialect dialect,
                                                       const struct convert_row *row)
{
    struct convert_case c;
    char why[400];
    bool strict = row->model[0] == '!';
    convert_case_run(
        &c, dialect,
        (struct convert_options){.model = text_from(row->model + strict), .strict = strict},
        text_from(row->in));
    struct str body = buf_str(&c.body), changes = buf_str(&c.changes);
    if (!row->changes) {
        if (c.status != STATUS_INVALID || strcmp(c.err.text, row->out) != 0)
            fail_msg("%s: status %d, text '%s'", row->name, c.status, c.err.text);
        if (!err_param_fits(&c.err))
            fail_msg("%s: parameter '%s' of '%s'", row->name, c.err.param, c.err.text);
        convert_case_free(&c);
        return;
    }
    if (c.status != STATUS_OK)
        fail_msg("%s: status %d, text '%s'", row->name, c.status, c.err.text);
    if (!text_eq(body, text_from(row->out)))
        fail_msg("%s: got\n%.*s\nwant\n%s", row->name, STR_ARG(body), row->out);
    if (!convert_case_is_legal(&c, why, sizeof why))
        fail_msg("%s: %s in\n%.*s", row->name, why, STR_ARG(body));
    if (!text_eq(changes, text_from(row->changes)))
        fail_msg("%s: changes '%.*s', want '%s'", row->name, STR_ARG(changes), row->changes);
    convert_case_free(&c);
}

__attribute__((unused)) static void convert_case_check_all(enum dialect dialect,
                                                           const struct convert_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        convert_case_check(dialect, &rows[i]);
}

#endif
