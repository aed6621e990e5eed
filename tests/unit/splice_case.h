/*
 * splice_case.h - for the tests of the request splice: body text in, InvokeModel body, changes,
 * tier and error out. One case at a time; splice_case_free drops its memory.
 */
#ifndef TESTS_UNIT_SPLICE_CASE_H
#define TESTS_UNIT_SPLICE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/plan/plan_make.h"
#include "worker/splice/splice.h"

#define CASE_MAX ((size_t)1 << 20)

struct splice_case {
    struct arena *arena;
    struct scan scan;
    struct messages_request request;
    struct buf body;
    struct buf changes;
    struct plan plan;
    enum status status;
    struct err err;
};

static const struct scan_limits case_limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void splice_case_read(struct splice_case *c, struct str body, bool count_tokens)
{
    memset(c, 0, sizeof *c);
    c->arena = arena_new((size_t)64 << 20);
    buf_init(&c->body, CASE_MAX);
    buf_init(&c->changes, CASE_MAX);
    c->status = scan_parse(&c->scan, c->arena, body, &case_limits, &c->err);
    if (c->status == STATUS_OK)
        c->status = messages_read(&c->scan, count_tokens, &c->request, &c->err);
}

/* After splice_case_read: the plan and its body. o is to outlive the case. */
static void splice_case_convert(struct splice_case *c, const struct plan_options *o,
                                struct buf *body)
{
    if (c->status == STATUS_OK)
        c->status = plan_make(&c->plan, &c->request.wish, o, c->arena, &c->changes, &c->err);
    if (c->status == STATUS_OK)
        c->status = splice_request(&c->request, &c->plan, body, &c->err);
}

/* id: a Bedrock id, "[1m]" at its end understood. betas: the header. */
static void splice_case_run_with(struct splice_case *c, struct cache_policy cache, struct str id,
                                 struct str betas, struct str body)
{
    bool million = text_ends(id, STR("[1m]"));
    if (million)
        id.n -= 4;
    struct models_choice choice = {.id = id,
                                   .caps = models_caps(id, &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE,
                                   .one_million = million};
    struct plan_options o = {
        .model = &choice, .betas = betas, .cache = cache, .capability_tokens = true};
    splice_case_read(c, body, false);
    splice_case_convert(c, &o, &c->body);
}

__attribute__((unused)) static void splice_case_run(struct splice_case *c, struct str id,
                                                    struct str betas, struct str body)
{
    splice_case_run_with(c, (struct cache_policy){0}, id, betas, body);
}

static void splice_case_free(struct splice_case *c)
{
    buf_free(&c->body);
    buf_free(&c->changes);
    arena_drop(c->arena);
}

/* The text is JSON again. */
__attribute__((unused)) static bool splice_case_is_json(struct splice_case *c, struct str text)
{
    struct scan s;
    return scan_parse(&s, c->arena, text, &case_limits, NULL) == STATUS_OK;
}

struct splice_row {
    const char *name;
    const char *id;
    const char *betas;
    const char *in;
    const char *out;     /* body, or the error's text */
    const char *changes; /* NULL: an error is expected */
};

static void splice_case_check_with(const struct splice_row *row, struct cache_policy cache)
{
    struct splice_case c;
    splice_case_run_with(&c, cache, text_from(row->id), text_from(row->betas), text_from(row->in));
    struct str body = buf_str(&c.body), changes = buf_str(&c.changes);
    if (!row->changes) {
        if (c.status != STATUS_INVALID || strcmp(c.err.text, row->out) != 0)
            fail_msg("%s: status %d, text '%s'", row->name, c.status, c.err.text);
    } else {
        if (c.status != STATUS_OK)
            fail_msg("%s: status %d, text '%s'", row->name, c.status, c.err.text);
        if (!text_eq(body, text_from(row->out)))
            fail_msg("%s: got\n%.*s\nwant\n%s", row->name, STR_ARG(body), row->out);
        if (!splice_case_is_json(&c, body))
            fail_msg("%s: no JSON any more", row->name);
        if (!text_eq(changes, text_from(row->changes)))
            fail_msg("%s: changes '%.*s', want '%s'", row->name, STR_ARG(changes), row->changes);
    }
    splice_case_free(&c);
}

__attribute__((unused)) static void splice_case_check(const struct splice_row *row)
{
    splice_case_check_with(row, (struct cache_policy){0});
}

#endif
