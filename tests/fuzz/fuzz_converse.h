/*
 * fuzz_converse.h - what the harnesses of the request converters to Converse share. The first byte
 * picks the model, the second the options, the rest is a request. Checked besides memory safety: a
 * body is JSON that fits the modelled shapes and is not much larger than the request; a refusal has
 * a text; the notes can go into a header.
 */
#ifndef TESTS_FUZZ_FUZZ_CONVERSE_H
#define TESTS_FUZZ_FUZZ_CONVERSE_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/converse_shape.h"
#include "worker/converse/anthropic_to_converse.h"
#include "worker/converse/openai_to_converse.h"
#include "worker/plan/plan_make.h"

#define OUT_MAX ((size_t)16 << 20)

static const struct scan_limits fuzz_limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};
static const struct scan_limits fuzz_wider = {
    .depth = 160, .values = 500000, .keys = 20000, .number_len = 64};

static const char *const fuzz_models[] = {
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "global.anthropic.claude-opus-4-6-v1",
    "global.anthropic.claude-opus-4-7",
    "global.anthropic.claude-opus-5-5",
    "us.amazon.nova-pro-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "qwen.qwen3-coder-480b-a35b-v1:0",
    "us.meta.llama3-3-70b-instruct-v1:0",
    "openai.gpt-oss-120b-1:0",
    "moonshotai.kimi-k2.5",
    "mistral.mistral-7b-instruct-v0:2",
};

struct fuzz_case {
    struct scan scan;
    struct models_choice model;
    struct plan_options options;
    struct converse_names *names;
    struct buf body, changes;
    struct err err;
};

typedef enum status fuzz_convert(struct fuzz_case *c);

static void fuzz_check(struct fuzz_case *c, enum status st, size_t n)
{
    struct scan body;
    char why[400];
    if (st != STATUS_OK) {
        if (!c->err.text[0] || (st != STATUS_INVALID && st != STATUS_TOO_LARGE &&
                                st != STATUS_BUSY && st != STATUS_THREAD))
            abort();
        return;
    }
    if (scan_parse(&body, c->scan.arena, buf_str(&c->body), &fuzz_wider, &c->err) != STATUS_OK ||
        !converse_shape_check(&body, why, sizeof why))
        abort();
    if (buf_len(&c->body) > 60 * n + 4096) /* [{},{},...] as tool results grows most */
        abort();
    for (size_t i = 0; i < buf_len(&c->changes); i++)
        if (buf_data(&c->changes)[i] <= 0x20 || buf_data(&c->changes)[i] > 0x7e)
            abort();
}

static int fuzz_one(const uint8_t *data, size_t n, fuzz_convert *convert)
{
    struct fuzz_case c = {0};
    if (n < 2)
        return 0;
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str id = text_from(fuzz_models[data[0] % (sizeof fuzz_models / sizeof *fuzz_models)]);
    struct str request = {(const char *)data + 2, n - 2};
    if (!arena)
        abort();
    c.model = (struct models_choice){.id = id,
                                     .caps = models_caps(id, &(struct models_caps){0}),
                                     .transport = MODELS_CONVERSE,
                                     .one_million = data[1] & 1};
    c.options =
        (struct plan_options){.model = &c.model,
                              .betas = data[1] & 2 ? STR("a, context-1m-2025-08-07") : STR(""),
                              .tier = data[1] & 4 ? TIER_FLEX : TIER_DEFAULT,
                              .strict_fields = data[1] & 8};
    c.names = converse_names_new(arena);
    buf_init(&c.body, OUT_MAX);
    buf_init(&c.changes, OUT_MAX);
    if (scan_parse(&c.scan, arena, request, &fuzz_limits, &c.err) == STATUS_OK)
        fuzz_check(&c, convert(&c), n);
    buf_free(&c.body);
    buf_free(&c.changes);
    arena_drop(arena);
    return 0;
}

#endif
