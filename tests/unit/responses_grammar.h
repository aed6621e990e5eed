/*
 * responses_grammar.h - is this a stream of /v1/responses that the strictest client takes? Reads the SSE
 * bytes by the rules of openai's ResponseStream (npm 7.59.0) and of Codex, and gives NULL, or what is
 * wrong. complete: the stream must have come to its end; else it may stop after any event.
 */
#ifndef TESTS_UNIT_RESPONSES_GRAMMAR_H
#define TESTS_UNIT_RESPONSES_GRAMMAR_H

#include <string.h>

#include "server/json/scan.h"

#define RG_ITEMS 128

struct rg_state {
    struct arena *arena;
    struct scan s; /* of the event */
    struct str type;
    int64_t sequence;
    struct str id; /* of the response */
    bool ended, failed, errored;
    uint32_t items; /* that were added */
    bool open, part, texted;
    struct str item_id, item_type, text; /* of the open item; text escaped */
    struct str done[RG_ITEMS], ids[RG_ITEMS], calls[RG_ITEMS];
};

#define RG_WANT(what, complaint) \
    do {                         \
        if (!(what))             \
            return complaint;    \
    } while (0)

static const struct scan_limits rg_limits = {
    .depth = 600, .values = 1000000, .keys = 100000, .number_len = 512};

static scan_ref rg_get(const struct rg_state *t, scan_ref r, const char *key)
{
    return scan_get(&t->s, r, text_from(key));
}

static struct str rg_text(const struct rg_state *t, scan_ref r, const char *key)
{
    return scan_text(&t->s, rg_get(t, r, key));
}

/* Between the quotes. */
static struct str rg_raw(const struct rg_state *t, scan_ref r, const char *key)
{
    struct str raw = scan_raw(&t->s, rg_get(t, r, key));
    return raw.n >= 2 && raw.p[0] == '"' ? text_sub(raw, 1, raw.n - 2) : (struct str){NULL, 0};
}

static bool rg_is(const struct rg_state *t, const char *type)
{
    return text_eq(t->type, text_from(type));
}

/* --- the response object --- */

static const char *rg_usage(const struct rg_state *t, scan_ref usage)
{
    static const char *const paths[][2] = {{"input_tokens", NULL},
                                           {"input_tokens_details", "cached_tokens"},
                                           {"input_tokens_details", "cache_write_tokens"},
                                           {"output_tokens", NULL},
                                           {"output_tokens_details", "reasoning_tokens"},
                                           {"total_tokens", NULL}};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        int64_t v;
        scan_ref r = rg_get(t, usage, paths[i][0]);
        r = paths[i][1] ? rg_get(t, r, paths[i][1]) : r;
        RG_WANT(scan_i64(&t->s, r, &v) && v >= 0, "usage lacks a member");
    }
    return NULL;
}

static const char *rg_object(struct rg_state *t, scan_ref response, const char *status)
{
    static const char *const members[] = {"created_at",
                                          "error",
                                          "incomplete_details",
                                          "instructions",
                                          "max_output_tokens",
                                          "metadata",
                                          "model",
                                          "output",
                                          "parallel_tool_calls",
                                          "previous_response_id",
                                          "reasoning",
                                          "store",
                                          "temperature",
                                          "text",
                                          "tool_choice",
                                          "tools",
                                          "top_p",
                                          "truncation",
                                          "usage",
                                          "user"};
    struct str id = rg_text(t, response, "id");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        RG_WANT(rg_get(t, response, members[i]) != SCAN_ABSENT, members[i]);
        RG_WANT(!scan_has_duplicate(&t->s, response, text_from(members[i])), "a member twice");
    }
    RG_WANT(SCAN_IS(&t->s, rg_get(t, response, "object"), "response"), "object is not response");
    RG_WANT(text_eq(rg_text(t, response, "status"), text_from(status)), "status is wrong");
    RG_WANT(id.n && (!t->id.p || text_eq(id, t->id)), "the response's id has changed");
    t->id = id;
    return NULL;
}

static const char *rg_begin(struct rg_state *t)
{
    scan_ref response = rg_get(t, 0, "response");
    RG_WANT(t->sequence == (rg_is(t, "response.created") ? 0 : 1), "a beginning out of order");
    RG_WANT(scan_size(&t->s, rg_get(t, response, "output")) == 0, "an output at the beginning");
    return rg_object(t, response, "in_progress");
}

static const char *rg_outputs(const struct rg_state *t, scan_ref output)
{
    uint32_t n = 0;
    for (scan_ref v = scan_first(&t->s, output); v != SCAN_ABSENT;
         v = scan_next(&t->s, output, v), n++) {
        RG_WANT(n < t->items, "an item in the output that was never added");
        RG_WANT(text_eq(rg_text(t, v, "id"), t->ids[n]), "an item of the output has another id");
        RG_WANT(!t->done[n].p || text_eq(scan_raw(&t->s, v), t->done[n]),
                "an item of the output is not as it was done");
    }
    RG_WANT(n == t->items, "the output lacks an item");
    return NULL;
}

static const char *rg_terminal(struct rg_state *t, const char *status)
{
    scan_ref response = rg_get(t, 0, "response");
    const char *wrong = rg_object(t, response, status);
    bool failed = strcmp(status, "failed") == 0, cut = strcmp(status, "incomplete") == 0;
    RG_WANT(!wrong, wrong);
    RG_WANT(failed || !t->open, "an end inside an item");
    RG_WANT((scan_type(&t->s, rg_get(t, response, "error")) == SCAN_OBJECT) == failed,
            "error is wrong");
    scan_ref details = rg_get(t, response, "incomplete_details");
    RG_WANT((scan_type(&t->s, details) == SCAN_OBJECT) == cut, "incomplete_details is wrong");
    t->ended = true;
    t->failed = failed;
    wrong = rg_usage(t, rg_get(t, response, "usage"));
    return wrong ? wrong : rg_outputs(t, rg_get(t, response, "output"));
}

/* --- items --- */

static const char *rg_place(const struct rg_state *t)
{
    int64_t index;
    RG_WANT(scan_i64(&t->s, rg_get(t, 0, "output_index"), &index), "no output_index");
    RG_WANT(index == (int64_t)t->items - 1 && t->open, "not the output_index of the open item");
    return NULL;
}

static const char *rg_added(struct rg_state *t)
{
    scan_ref item = rg_get(t, 0, "item");
    int64_t index;
    RG_WANT(!t->open, "an item inside an item");
    RG_WANT(t->items < RG_ITEMS, "more items than the checker holds");
    RG_WANT(scan_i64(&t->s, rg_get(t, 0, "output_index"), &index) && index == (int64_t)t->items,
            "output_index has a hole");
    struct str id = rg_text(t, item, "id"), call = rg_text(t, item, "call_id");
    RG_WANT(id.n, "an item without id");
    for (uint32_t i = 0; i < t->items; i++) {
        RG_WANT(!text_eq(t->ids[i], id), "an id twice");
        RG_WANT(!call.n || !text_eq(t->calls[i], call), "a call_id twice");
    }
    t->ids[t->items] = t->item_id = id;
    t->calls[t->items] = call;
    t->item_type = rg_text(t, item, "type");
    t->items++;
    t->open = true;
    t->part = t->texted = false;
    t->text = STR("");
    return NULL;
}

static bool rg_has_parts(const struct rg_state *t)
{
    return text_eq(t->item_type, STR("message")) || text_eq(t->item_type, STR("reasoning"));
}

static struct str rg_inside(const struct rg_state *t, scan_ref item)
{
    scan_ref content = rg_get(t, item, "content");
    content = content == SCAN_ABSENT ? rg_get(t, item, "summary") : content;
    scan_ref part = scan_first(&t->s, content);
    struct str text = rg_raw(t, part, "text");
    return text.p ? text : rg_raw(t, part, "refusal");
}

static const char *rg_done(struct rg_state *t)
{
    scan_ref item = rg_get(t, 0, "item");
    const char *wrong = rg_place(t);
    RG_WANT(!wrong, wrong);
    RG_WANT(!t->part, "an item ends before its part");
    RG_WANT(text_eq(rg_text(t, item, "id"), t->item_id), "an item ends with another id");
    RG_WANT(text_eq(rg_text(t, item, "type"), t->item_type), "an item ends with another type");
    RG_WANT(text_eq(rg_text(t, item, "call_id"), t->calls[t->items - 1]), "another call_id");
    if (rg_has_parts(t)) {
        RG_WANT(text_eq(rg_inside(t, item), t->text), "an item ends with another text");
    } else if (text_eq(t->item_type, STR("function_call"))) {
        RG_WANT(text_eq(rg_raw(t, item, "arguments"), t->text), "other arguments");
    } else if (text_eq(t->item_type, STR("custom_tool_call"))) {
        RG_WANT(text_eq(rg_raw(t, item, "input"), t->text), "another input");
    }
    t->done[t->items - 1] = scan_raw(&t->s, item);
    t->open = false;
    return NULL;
}

/* --- parts and texts --- */

static const char *rg_inner(const struct rg_state *t, const char *item_type, bool part)
{
    const char *wrong = rg_place(t);
    RG_WANT(!wrong, wrong);
    RG_WANT(text_eq(rg_text(t, 0, "item_id"), t->item_id), "another item_id");
    RG_WANT(text_eq(t->item_type, text_from(item_type)), "an event of another kind of item");
    RG_WANT(t->part == part, "a part is open that should not, or the other way about");
    return NULL;
}

static const char *rg_part(struct rg_state *t, bool begins)
{
    scan_ref part = rg_get(t, 0, "part");
    struct str text = rg_raw(t, part, "text");
    text = text.p ? text : rg_raw(t, part, "refusal");
    RG_WANT(text.p, "a part without text");
    RG_WANT(text_eq(text, begins ? STR("") : t->text), "a part has another text");
    RG_WANT(begins || t->texted, "a part ends before its text");
    t->part = begins;
    return NULL;
}

static const char *rg_delta(struct rg_state *t)
{
    struct str piece = rg_raw(t, 0, "delta");
    char *p = arena_alloc(t->arena, t->text.n + piece.n + 1);
    RG_WANT(piece.n && p && !t->texted, "a delta that is empty or too late");
    if (t->text.n)
        memcpy(p, t->text.p, t->text.n);
    memcpy(p + t->text.n, piece.p, piece.n);
    t->text = (struct str){p, t->text.n + piece.n};
    return NULL;
}

static const struct rg_row {
    const char *type, *item, *member; /* member: of the whole text */
    bool part;                        /* one is open */
} rg_rows[] = {
    {"response.output_text.delta", "message", NULL, true},
    {"response.output_text.done", "message", "text", true},
    {"response.refusal.delta", "message", NULL, true},
    {"response.refusal.done", "message", "refusal", true},
    {"response.reasoning_summary_text.delta", "reasoning", NULL, true},
    {"response.reasoning_summary_text.done", "reasoning", "text", true},
    {"response.function_call_arguments.delta", "function_call", NULL, false},
    {"response.function_call_arguments.done", "function_call", "arguments", false},
    {"response.custom_tool_call_input.delta", "custom_tool_call", NULL, false},
    {"response.custom_tool_call_input.done", "custom_tool_call", "input", false},
};

static const char *rg_text_event(struct rg_state *t)
{
    for (size_t i = 0; i < COUNT_OF(rg_rows); i++) {
        const struct rg_row *row = &rg_rows[i];
        if (!rg_is(t, row->type))
            continue;
        const char *wrong = rg_inner(t, row->item, row->part);
        RG_WANT(!wrong, wrong);
        if (!row->member)
            return rg_delta(t);
        t->texted = true;
        RG_WANT(text_eq(rg_raw(t, 0, row->member), t->text), "the whole text is not its pieces");
        return NULL;
    }
    return "an event that no client knows";
}

static const char *rg_item_event(struct rg_state *t)
{
    static const struct {
        const char *type, *item;
        bool begins;
    } parts[] = {{"response.content_part.added", "message", true},
                 {"response.content_part.done", "message", false},
                 {"response.reasoning_summary_part.added", "reasoning", true},
                 {"response.reasoning_summary_part.done", "reasoning", false}};
    if (rg_is(t, "response.output_item.added"))
        return rg_added(t);
    if (rg_is(t, "response.output_item.done"))
        return rg_done(t);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (rg_is(t, parts[i].type)) {
            const char *wrong = rg_inner(t, parts[i].item, !parts[i].begins);
            return wrong ? wrong : rg_part(t, parts[i].begins);
        }
    return rg_text_event(t);
}

/* --- the stream --- */

static const char *rg_error(struct rg_state *t)
{
    RG_WANT(t->failed && !t->errored, "an error that follows no failure");
    RG_WANT(rg_raw(t, 0, "message").n && rg_raw(t, rg_get(t, 0, "error"), "message").n,
            "an error without words");
    t->errored = true;
    return NULL;
}

static const char *rg_judge(struct rg_state *t)
{
    if (rg_is(t, "error"))
        return rg_error(t);
    RG_WANT(!t->ended, "something follows the end");
    if (rg_is(t, "response.created") || rg_is(t, "response.in_progress"))
        return rg_begin(t);
    RG_WANT(t->sequence > 1, "no beginning");
    if (rg_is(t, "response.completed") || rg_is(t, "response.incomplete") ||
        rg_is(t, "response.failed")) {
        char status[16];
        return rg_terminal(t, text_copy(text_sub(t->type, 9, 16), status, sizeof status));
    }
    return rg_item_event(t);
}

static const char *rg_event(struct rg_state *t, struct str lines)
{
    struct str head;
    int64_t sequence;
    RG_WANT(text_split(&lines, '\n', &head) && text_starts(head, STR("event: ")) &&
                text_starts(lines, STR("data: ")),
            "no event and data");
    struct str json = text_sub(lines, 6, lines.n);
    RG_WANT(scan_parse(&t->s, t->arena, json, &rg_limits, NULL) == STATUS_OK, "no JSON");
    t->type = rg_text(t, 0, "type");
    RG_WANT(text_eq(t->type, text_sub(head, 7, head.n)), "two types");
    RG_WANT(scan_i64(&t->s, rg_get(t, 0, "sequence_number"), &sequence) && sequence == t->sequence,
            "sequence_number has a hole");
    const char *wrong = rg_judge(t);
    t->sequence++;
    return wrong;
}

static const char *responses_grammar(struct str out, bool complete)
{
    struct rg_state *t = heap_new(sizeof *t);
    const char *wrong = NULL;
    size_t at;
    t->arena = arena_new((size_t)512 << 20);
    while (!wrong && out.n) {
        if (!text_find(out, STR("\n\n"), &at)) {
            wrong = "an event without its end";
            break;
        }
        wrong = rg_event(t, text_sub(out, 0, at));
        out = text_sub(out, at + 2, out.n);
    }
    if (!wrong && complete && !t->ended)
        wrong = "the stream has no end";
    arena_drop(t->arena);
    heap_drop(t);
    return wrong;
}

#endif
