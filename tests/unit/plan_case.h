/*
 * plan_case.h - for the tests of worker/plan: the wish of a request text, the plan for a model. One
 * case at a time; plan_case_free drops its memory.
 */
#ifndef TESTS_UNIT_PLAN_CASE_H
#define TESTS_UNIT_PLAN_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/openai/chat.h"
#include "worker/dialect/messages.h"
#include "worker/openai/responses.h"
#include "worker/plan/plan_make.h"

#define SONNET35 "anthropic.claude-3-5-sonnet-20241022-v2:0"
#define OPUS4    "us.anthropic.claude-opus-4-20250514-v1:0"
#define SONNET45 "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define OPUS46   "global.anthropic.claude-opus-4-6-v1"
#define OPUS47   "global.anthropic.claude-opus-4-7"
#define OPUS5    "us.anthropic.claude-opus-5"
#define SONNET55 "us.anthropic.claude-sonnet-5-5"
#define HAIKU55  "global.anthropic.claude-haiku-5-5"
#define FABLE51  "global.anthropic.claude-fable-5-1"
#define OPUS55   "global.anthropic.claude-opus-5-5"
#define NOVA     "us.amazon.nova-pro-v1:0"
#define NOVA2    "us.amazon.nova-2-lite-v1:0"
#define QWEN     "qwen.qwen3-coder-480b-a35b-v1:0"
#define LLAMA    "us.meta.llama3-3-70b-instruct-v1:0"
#define MISTRAL  "mistral.mistral-large-2407-v1:0"
#define GPT_OSS  "openai.gpt-oss-120b-1:0"
#define KIMI     "moonshotai.kimi-k2.5"
#define DEEPSEEK "deepseek.v3.2"
#define GPT5     "us.openai.gpt-5.6-sol"

struct plan_case {
    struct arena *arena;
    struct scan scan;
    struct messages_request messages;
    struct chat_request chat;
    struct responses_request responses;
    struct models_choice model;
    struct plan_options o; /* set between plan_case_read and plan_case_make */
    struct buf changes;
    struct plan plan;
    enum dialect dialect;
    enum status status;
    struct err err;
};

/* more: members behind model and messages. The model goes by InvokeModel where it is a Claude asked
 * for in the Messages dialect. */
static void plan_case_read(struct plan_case *c, enum dialect dialect, const char *model,
                           const char *more)
{
    static const struct scan_limits limits = {
        .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};
    struct str id = text_from(model);
    memset(c, 0, sizeof *c);
    c->arena = arena_new((size_t)4 << 20);
    assert_non_null(c->arena);
    buf_init(&c->changes, 1 << 20);
    c->dialect = dialect;
    c->model = (struct models_choice){.id = id, .caps = models_keep(c->arena, id)};
    bool invoke = dialect == DIALECT_ANTHROPIC && (c->model.caps->flags & MODELS_CLAUDE);
    c->model.transport = invoke ? MODELS_INVOKE : MODELS_CONVERSE;
    c->o.model = &c->model;
    const char *said = dialect == DIALECT_RESPONSES   ? ",\"input\":\"u\""
                       : strstr(more, "\"messages\"") ? ""
                                                      : ",\"messages\":[{\"role\":\"user\","
                                                        "\"content\":\"u\"}]";
    char *text = arena_printf(c->arena, "{\"model\":\"m\"%s%s}", said, more);
    c->status = scan_parse(&c->scan, c->arena, text_from(text), &limits, &c->err);
    if (c->status == STATUS_OK)
        c->status = dialect == DIALECT_OPENAI ? chat_read(&c->scan, &c->chat, &c->err)
                    : dialect == DIALECT_RESPONSES
                        ? responses_read(&c->scan, &c->responses, &c->err)
                        : messages_read(&c->scan, false, &c->messages, &c->err);
    if (c->status != STATUS_OK)
        fail_msg("%s: %s", more, c->err.text);
}

static void plan_case_make(struct plan_case *c)
{
    const struct wish *w = c->dialect == DIALECT_OPENAI      ? &c->chat.wish
                           : c->dialect == DIALECT_RESPONSES ? &c->responses.wish
                                                             : &c->messages.wish;
    c->status = plan_make(&c->plan, w, &c->o, c->arena, &c->changes, &c->err);
    if (c->status == STATUS_OK)
        c->status = plan_refuse_loss(&c->plan, &c->err);
}

static void plan_case_free(struct plan_case *c)
{
    buf_free(&c->changes);
    arena_drop(c->arena);
}

#endif
