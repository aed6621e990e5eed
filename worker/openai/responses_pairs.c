#include "worker/openai/responses_pairs.h"

#include <stdlib.h>
#include <string.h>

struct end { /* a call or an output */
    struct str id;
    uint32_t at;     /* its number among the items */
    uint32_t number; /* a call: among the calls */
    bool output;
};

struct ends {
    struct end *end;
    uint32_t n, calls;
};

/* By id, calls and outputs of one in their order. */
static int end_order(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
    int d = n ? memcmp(x->id.p, y->id.p, n) : 0;
    if (d == 0 && x->id.n != y->id.n) {
        d = x->id.n > y->id.n ? 1 : -1;
    }
    return d ? d : (x->at > y->at) - (x->at < y->at);
}

static enum status collect(const struct scan *s, const struct responses_list *items,
                           struct ends *ends, struct err *err)
{
    ends->end = arena_alloc(s->arena, (items->count + 1) * sizeof *ends->end);
    if (!ends->end) {
        return err_no_memory(err);
    }
    for (uint32_t at = 0; at < items->count; at++) {
        const struct responses_item *item = &items->item[at];
        bool output = item->kind == RESPONSES_OUTPUT;
        if (!output && item->kind != RESPONSES_CALL) {
            continue;
        }
        struct str id = scan_text(s, item->call_id);
        if (!id.p) {
            return err_no_memory(err); /* the reader has seen that it is a string */
        }
        ends->end[ends->n++] = (struct end){id, at, output ? 0 : ends->calls, output};
        ends->calls += !output;
    }
    return STATUS_OK;
}

/* OpenAI's sentences, which clients look for. */
static enum status refuse(const struct end *e, struct err *err)
{
    return err_set_param(err, ERR_FAULT_VALUE, "input", "Invalid 'input': No tool %s %.*s.",
                         e->output ? "call found for function call output with call_id"
                                   : "output found for function call",
                         (int)(e->id.n < 64 ? e->id.n : 64), e->id.p);
}

/* Of one id: each output belongs to the oldest call before it that has none yet. */
static enum status match(struct ends *ends, uint32_t from, uint32_t to, uint32_t *answer,
                         struct responses_pairs *out, struct err *err)
{
    uint32_t open = from; /* no call before it waits */
    bool called = false;
    for (uint32_t i = from; i < to; i++) {
        const struct end *e = &ends->end[i];
        called = called || !e->output;
        if (!e->output) {
            continue;
        }
        while (open < i && ends->end[open].output) {
            open++;
        }
        if (!called) {
            return refuse(e, err);
        }
        if (open == i) {
            out->surplus++;
        } else {
            answer[ends->end[open++].number] = e->at;
        }
    }
    return STATUS_OK;
}

/* The first call without an output, in the order of the input. */
static enum status check_answered(const struct ends *ends, const uint32_t *answer, struct err *err)
{
    const struct end *first = NULL;
    for (uint32_t i = 0; i < ends->n; i++) {
        const struct end *e = &ends->end[i];
        if (!e->output && answer[e->number] == RESPONSES_NONE && (!first || e->at < first->at)) {
            first = e;
        }
    }
    return first ? refuse(first, err) : STATUS_OK;
}

enum status responses_pairs_read(const struct scan *s, const struct responses_list *items,
                                 struct responses_pairs *out, struct err *err)
{
    struct ends ends = {0};
    enum status st = collect(s, items, &ends, err);
    *out = (struct responses_pairs){0};
    if (st != STATUS_OK) {
        return st;
    }
    uint32_t *answer = arena_alloc(s->arena, (ends.calls + 1) * sizeof *answer);
    if (!answer) {
        return err_no_memory(err);
    }
    for (uint32_t i = 0; i < ends.calls; i++) {
        answer[i] = RESPONSES_NONE;
    }
    qsort(ends.end, ends.n, sizeof *ends.end, end_order);
    for (uint32_t from = 0, to; from < ends.n && st == STATUS_OK; from = to) {
        for (to = from + 1; to < ends.n && text_eq(ends.end[to].id, ends.end[from].id); to++) {
        }
        st = match(&ends, from, to, answer, out, err);
    }
    out->answer = answer;
    out->calls = ends.calls;
    return st == STATUS_OK ? check_answered(&ends, answer, err) : st;
}
