/*
 * sse_grammar.h - is this what an SDK accepts? Reads the SSE bytes of a stream by the rules of
 * clients.md 2.2 and 5.4 and gives NULL, or what is wrong. complete: the stream must have come to
 * its end; else it may stop after any event (an error event would follow).
 */
#ifndef TESTS_UNIT_SSE_GRAMMAR_H
#define TESTS_UNIT_SSE_GRAMMAR_H

#include <string.h>

#include "server/json/scan.h"

#define SSE_BLOCKS 64

enum sse_block { SSE_NONE, SSE_TEXT, SSE_TOOL, SSE_THINKING, SSE_SIGNED, SSE_REDACTED, SSE_CLOSED };

struct sse_state {
    struct arena *arena;
    struct scan scan; /* of the event */
    bool started, delta, ended;
    uint32_t blocks; /* Anthropic: blocks; OpenAI: tool calls */
    enum sse_block block[SSE_BLOCKS];
    struct str input[SSE_BLOCKS]; /* of tool calls, joined */
    uint32_t tools;
    bool usage;
    bool custom[SSE_BLOCKS]; /* a custom tool is called, its text may be empty */
};

#define SSE_WANT(what, complaint) \
    do {                          \
        if (!(what))              \
            return complaint;     \
    } while (0)

static const struct scan_limits sse_limits = {
    .depth = 600, .values = 1000000, .keys = 100000, .number_len = 512};

static bool sse_is_count(const struct scan *s, scan_ref object, const char *key)
{
    int64_t v;
    return scan_i64(s, scan_get(s, object, text_from(key)), &v) && v >= 0;
}

static void sse_join(struct sse_state *t, uint32_t i, struct str piece)
{
    char *p = arena_alloc(t->arena, t->input[i].n + piece.n + 1);
    if (!p)
        return;
    if (t->input[i].n)
        memcpy(p, t->input[i].p, t->input[i].n);
    if (piece.n)
        memcpy(p + t->input[i].n, piece.p, piece.n);
    t->input[i] = (struct str){p, t->input[i].n + piece.n};
}

/* --- Anthropic --- */

static const char *sse_anthropic_usage(const struct scan *s, scan_ref usage)
{
    scan_ref creation = SCAN_GET(s, usage, "cache_creation");
    bool all = sse_is_count(s, usage, "input_tokens") && sse_is_count(s, usage, "output_tokens") &&
               sse_is_count(s, usage, "cache_creation_input_tokens") &&
               sse_is_count(s, usage, "cache_read_input_tokens") &&
               sse_is_count(s, creation, "ephemeral_5m_input_tokens") &&
               sse_is_count(s, creation, "ephemeral_1h_input_tokens");
    return all ? NULL : "usage lacks a member";
}

static const char *sse_anthropic_open(struct sse_state *t)
{
    const struct scan *s = &t->scan;
    scan_ref block = SCAN_GET(s, 0, "content_block"), type = SCAN_GET(s, block, "type");
    int64_t index;
    SSE_WANT(scan_i64(s, SCAN_GET(s, 0, "index"), &index), "a start without index");
    SSE_WANT(index == (int64_t)t->blocks, "block numbers are not contiguous");
    SSE_WANT(t->blocks == 0 || t->block[t->blocks - 1] == SSE_CLOSED, "a block inside a block");
    SSE_WANT(t->blocks < SSE_BLOCKS, "more blocks than the checker holds");
    enum sse_block kind = SCAN_IS(s, type, "text")                ? SSE_TEXT
                          : SCAN_IS(s, type, "tool_use")          ? SSE_TOOL
                          : SCAN_IS(s, type, "thinking")          ? SSE_THINKING
                          : SCAN_IS(s, type, "redacted_thinking") ? SSE_REDACTED
                                                                  : SSE_NONE;
    SSE_WANT(kind != SSE_NONE, "unknown kind of block");
    if (kind == SSE_TOOL) {
        SSE_WANT(scan_text(s, SCAN_GET(s, block, "id")).n, "a tool call without id");
        SSE_WANT(scan_text(s, SCAN_GET(s, block, "name")).n, "a tool call without name");
        SSE_WANT(text_eq(scan_raw(s, SCAN_GET(s, block, "input")), STR("{}")), "input not {}");
        t->tools++;
    } else if (kind == SSE_REDACTED) {
        SSE_WANT(scan_text(s, SCAN_GET(s, block, "data")).n, "redacted thinking without data");
    } else {
        struct str key = kind == SSE_TEXT ? STR("text") : STR("thinking");
        SSE_WANT(scan_text_is(s, scan_get(s, block, key), STR("")), "a block that starts filled");
    }
    t->block[t->blocks++] = kind;
    return NULL;
}

static const char *sse_anthropic_piece(struct sse_state *t)
{
    static const struct {
        const char *type, *member;
        enum sse_block in;
    } rows[] = {{"text_delta", "text", SSE_TEXT},
                {"input_json_delta", "partial_json", SSE_TOOL},
                {"thinking_delta", "thinking", SSE_THINKING},
                {"signature_delta", "signature", SSE_THINKING},
                {"citations_delta", "citation", SSE_TEXT}};
    const struct scan *s = &t->scan;
    scan_ref delta = SCAN_GET(s, 0, "delta"), type = SCAN_GET(s, delta, "type");
    int64_t index;
    SSE_WANT(scan_i64(s, SCAN_GET(s, 0, "index"), &index), "a delta without index");
    SSE_WANT(index >= 0 && index < (int64_t)t->blocks, "a delta of no block");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!scan_text_is(s, type, text_from(rows[i].type)))
            continue;
        scan_ref v = scan_get(s, delta, text_from(rows[i].member));
        SSE_WANT(t->block[index] == rows[i].in,
                 "a delta in a block of another kind, or a closed one");
        SSE_WANT(scan_type(s, v) == (i == 4 ? SCAN_OBJECT : SCAN_STRING),
                 "a delta without its member");
        if (i == 1)
            sse_join(t, (uint32_t)index, scan_text(s, v));
        if (i == 3)
            t->block[index] = SSE_SIGNED;
        return NULL;
    }
    return "unknown kind of delta";
}

static const char *sse_anthropic_close(struct sse_state *t)
{
    int64_t index;
    SSE_WANT(scan_i64(&t->scan, SCAN_GET(&t->scan, 0, "index"), &index), "a stop without index");
    SSE_WANT(index >= 0 && index < (int64_t)t->blocks, "a stop of no block");
    SSE_WANT(t->block[index] != SSE_CLOSED, "a block closed twice");
    SSE_WANT(t->block[index] != SSE_TOOL || t->input[index].n, "a tool call without any input");
    t->block[index] = SSE_CLOSED;
    return NULL;
}

static const char *sse_anthropic_delta(struct sse_state *t)
{
    static const char *const reasons[] = {"end_turn",
                                          "max_tokens",
                                          "stop_sequence",
                                          "tool_use",
                                          "pause_turn",
                                          "refusal",
                                          "model_context_window_exceeded"};
    const struct scan *s = &t->scan;
    scan_ref delta = SCAN_GET(s, 0, "delta"), reason = SCAN_GET(s, delta, "stop_reason");
    scan_ref sequence = SCAN_GET(s, delta, "stop_sequence"),
             details = SCAN_GET(s, delta, "stop_details");
    bool known = false, refusal = SCAN_IS(s, reason, "refusal");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        known |= scan_text_is(s, reason, text_from(reasons[i]));
    SSE_WANT(known, "unknown stop reason");
    SSE_WANT(!t->tools || !SCAN_IS(s, reason, "end_turn"), "end_turn in spite of tool calls");
    for (uint32_t i = 0; i < t->blocks; i++)
        SSE_WANT(t->block[i] == SSE_CLOSED, "a block is still open at the end");
    SSE_WANT(scan_type(s, sequence) == SCAN_STRING || scan_type(s, sequence) == SCAN_NULL,
             "no stop_sequence");
    SSE_WANT(scan_type(s, details) == (refusal ? SCAN_OBJECT : SCAN_NULL), "wrong stop_details");
    t->delta = true;
    return sse_anthropic_usage(s, SCAN_GET(s, 0, "usage"));
}

static const char *sse_anthropic_start(struct sse_state *t)
{
    const struct scan *s = &t->scan;
    scan_ref message = SCAN_GET(s, 0, "message"), usage = SCAN_GET(s, message, "usage");
    t->started = true;
    SSE_WANT(scan_type(s, SCAN_GET(s, message, "content")) == SCAN_ARRAY, "no content");
    SSE_WANT(scan_text(s, SCAN_GET(s, message, "id")).n, "no id");
    SSE_WANT(SCAN_IS(s, SCAN_GET(s, message, "role"), "assistant"), "no role");
    SSE_WANT(scan_text(s, SCAN_GET(s, message, "model")).p, "no model");
    SSE_WANT(scan_type(s, SCAN_GET(s, message, "stop_reason")) == SCAN_NULL,
             "stop_reason at the start");
    SSE_WANT(SCAN_GET(s, usage, "service_tier") != SCAN_ABSENT, "no service_tier");
    return sse_anthropic_usage(s, usage);
}

static const char *sse_anthropic_event(struct sse_state *t, struct str type)
{
    SSE_WANT(scan_text_is(&t->scan, SCAN_GET(&t->scan, 0, "type"), type),
             "type is not the event's");
    SSE_WANT(!t->ended, "an event after message_stop");
    if (text_eq(type, STR("message_start"))) {
        SSE_WANT(!t->started, "message_start twice");
        return sse_anthropic_start(t);
    }
    SSE_WANT(t->started, "an event before message_start");
    if (text_eq(type, STR("message_stop"))) {
        SSE_WANT(t->delta, "message_stop without message_delta");
        t->ended = true;
        return NULL;
    }
    SSE_WANT(!t->delta, "an event after message_delta");
    if (text_eq(type, STR("content_block_start")))
        return sse_anthropic_open(t);
    if (text_eq(type, STR("content_block_delta")))
        return sse_anthropic_piece(t);
    if (text_eq(type, STR("content_block_stop")))
        return sse_anthropic_close(t);
    if (text_eq(type, STR("message_delta")))
        return sse_anthropic_delta(t);
    return "unknown event";
}

/* --- OpenAI --- */

static const char *sse_openai_call(struct sse_state *t, scan_ref call)
{
    const struct scan *s = &t->scan;
    bool custom = SCAN_GET(s, call, "custom") != SCAN_ABSENT;
    scan_ref function = custom ? SCAN_GET(s, call, "custom") : SCAN_GET(s, call, "function");
    scan_ref arguments =
        custom ? SCAN_GET(s, function, "input") : SCAN_GET(s, function, "arguments");
    int64_t index;
    SSE_WANT(scan_i64(s, SCAN_GET(s, call, "index"), &index), "a tool call without index");
    SSE_WANT(scan_type(s, arguments) == SCAN_STRING, "a tool call without arguments");
    SSE_WANT(index >= 0 && index <= (int64_t)t->blocks && index < SSE_BLOCKS,
             "index not contiguous");
    if (index < (int64_t)t->blocks) {
        SSE_WANT(SCAN_GET(s, call, "id") == SCAN_ABSENT, "a tool call that begins twice");
        sse_join(t, (uint32_t)index, scan_text(s, arguments));
        return NULL;
    }
    SSE_WANT(scan_text(s, SCAN_GET(s, call, "id")).n, "a tool call without id");
    SSE_WANT(scan_text_is(s, SCAN_GET(s, call, "type"), custom ? STR("custom") : STR("function")),
             "a tool call without type");
    SSE_WANT(scan_text(s, SCAN_GET(s, function, "name")).n, "a tool call without name");
    SSE_WANT(SCAN_IS(s, arguments, ""), "arguments in the first fragment");
    t->custom[t->blocks] = custom;
    t->blocks++;
    return NULL;
}

static const char *sse_openai_finish(struct sse_state *t, scan_ref delta, scan_ref reason)
{
    static const char *const reasons[] = {"stop", "length", "tool_calls", "content_filter",
                                          "function_call"};
    bool known = false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        known |= scan_text_is(&t->scan, reason, text_from(reasons[i]));
    SSE_WANT(known, "unknown finish_reason");
    SSE_WANT(scan_size(&t->scan, delta) == 0, "the last delta is not empty");
    for (uint32_t i = 0; i < t->blocks; i++)
        SSE_WANT(t->input[i].n || t->custom[i], "a tool call without arguments");
    t->delta = true;
    return NULL;
}

static const char *sse_openai_choice(struct sse_state *t, scan_ref choice)
{
    const struct scan *s = &t->scan;
    scan_ref delta = SCAN_GET(s, choice, "delta"), reason = SCAN_GET(s, choice, "finish_reason");
    SSE_WANT(!t->delta, "a chunk after the finish");
    SSE_WANT(scan_type(s, delta) == SCAN_OBJECT && sse_is_count(s, choice, "index"), "no delta");
    SSE_WANT(scan_type(s, SCAN_GET(s, choice, "logprobs")) == SCAN_NULL, "no logprobs");
    if (!t->started)
        SSE_WANT(SCAN_IS(s, SCAN_GET(s, delta, "role"), "assistant"),
                 "the first delta has no role");
    else
        SSE_WANT(SCAN_GET(s, delta, "role") == SCAN_ABSENT, "role twice");
    t->started = true;
    if (scan_type(s, reason) != SCAN_NULL)
        return sse_openai_finish(t, delta, reason);
    SSE_WANT(scan_size(s, delta) > 0, "an empty delta before the end");
    scan_ref calls = SCAN_GET(s, delta, "tool_calls");
    return calls == SCAN_ABSENT ? NULL : sse_openai_call(t, scan_first(s, calls));
}

static const char *sse_openai_event(struct sse_state *t)
{
    const struct scan *s = &t->scan;
    scan_ref choices = SCAN_GET(s, 0, "choices");
    SSE_WANT(SCAN_IS(s, SCAN_GET(s, 0, "object"), "chat.completion.chunk"), "wrong object");
    SSE_WANT(scan_text(s, SCAN_GET(s, 0, "id")).n && sse_is_count(s, 0, "created"),
             "no id or created");
    SSE_WANT(scan_text(s, SCAN_GET(s, 0, "model")).p, "no model");
    SSE_WANT(scan_type(s, choices) == SCAN_ARRAY, "no choices");
    if (scan_size(s, choices))
        return sse_openai_choice(t, scan_first(s, choices));
    SSE_WANT(t->delta && !t->usage, "usage before the finish, or twice");
    SSE_WANT(sse_is_count(s, SCAN_GET(s, 0, "usage"), "total_tokens"), "no usage");
    t->usage = true;
    return NULL;
}

/* --- both --- */

static const char *sse_event(struct sse_state *t, struct str block, bool anthropic)
{
    struct str type = {NULL, 0}, done = STR("data: [DONE]");
    if (anthropic) {
        SSE_WANT(text_starts(block, STR("event: ")), "an event without event line");
        block = text_sub(block, 7, block.n);
        SSE_WANT(text_split(&block, '\n', &type), "no line end");
    }
    SSE_WANT(text_starts(block, STR("data: ")), "no data line");
    SSE_WANT(!memchr(block.p, '\n', block.n) && !memchr(block.p, '\r', block.n),
             "a broken data line");
    if (!anthropic && text_eq(block, done)) {
        SSE_WANT(t->delta && !t->ended, "[DONE] too early or twice");
        t->ended = true;
        return NULL;
    }
    SSE_WANT(!t->ended, "something after the end");
    SSE_WANT(scan_parse(&t->scan, t->arena, text_sub(block, 6, block.n), &sse_limits, NULL) ==
                 STATUS_OK,
             "an event that is no JSON");
    return anthropic ? sse_anthropic_event(t, type) : sse_openai_event(t);
}

static const char *sse_grammar(struct str out, bool anthropic, bool complete)
{
    struct sse_state *t = heap_new(sizeof *t);
    const char *wrong = NULL;
    size_t at;
    t->arena = arena_new((size_t)256 << 20);
    while (!wrong && out.n) {
        if (!text_find(out, STR("\n\n"), &at)) {
            wrong = "an event without its end";
            break;
        }
        wrong = sse_event(t, text_sub(out, 0, at), anthropic);
        out = text_sub(out, at + 2, out.n);
    }
    if (!wrong && complete && !t->ended)
        wrong = "the stream has no end";
    arena_drop(t->arena);
    heap_drop(t);
    return wrong;
}

#endif
