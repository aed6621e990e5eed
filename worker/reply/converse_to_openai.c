#include "worker/reply/converse_to_openai.h"

#include "worker/reply/converse_reply.h"
#include "worker/reply/openai_custom.h"

#define MODEL_MAX 65536 /* of the client's model name, escaped */
/* A comment: there is no event that every client knows to ignore. */
#define PING ": keepalive\n\n"

struct openai_reply {
    struct converse_reply base;
    struct str head; /* of every chunk, up to its choices */
    struct openai_wants wants;
    struct openai_customs customs; /* calls of custom tools that are open */
};

static const struct openai_reply *own(const struct converse_reply *r)
{
    return (const struct openai_reply *)r;
}

/* --- pieces of JSON --- */

/* OpenAI's prompt_tokens count the cached ones too. */
static void put_usage(struct json_out *w, const struct reply *r)
{
    const struct tokens *u = &r->usage.tokens;
    uint64_t prompt = u->input + u->cache_read + tokens_written(u);
    JSON_KEY(w, "usage");
    json_object(w);
    converse_reply_count(w, STR("prompt_tokens"), prompt);
    converse_reply_count(w, STR("completion_tokens"), u->output);
    converse_reply_count(w, STR("total_tokens"), prompt + u->output);
    JSON_KEY(w, "prompt_tokens_details");
    json_object(w);
    converse_reply_count(w, STR("cached_tokens"), u->cache_read);
    converse_reply_count(w, STR("cache_write_tokens"), tokens_written(u));
    json_object_end(w);
    JSON_KEY(w, "completion_tokens_details");
    json_object(w);
    converse_reply_count(w, STR("reasoning_tokens"), r->thinking);
    json_object_end(w);
    json_object_end(w);
}

/* id, object, created and model, without braces */
static void put_head(struct json_out *w, const struct openai_reply *r, struct str object)
{
    converse_reply_str(w, STR("id"), r->base.id);
    converse_reply_str(w, STR("object"), object);
    JSON_KEY(w, "created");
    json_i64(w, r->wants.created_s);
    converse_reply_str(w, STR("model"), r->base.reply.client_model);
}

/* --- the stream --- */

static void open_chunk(const struct converse_reply *r, struct buf *out)
{
    buf_put_str(out, own(r)->head);
    BUF_LIT(out, "\"choices\":[{\"index\":0,\"delta\":{");
}

static void close_chunk(struct buf *out)
{
    BUF_LIT(out, "},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
}

static void begin(struct converse_reply *r, struct buf *out)
{
    open_chunk(r, out);
    BUF_LIT(out, "\"role\":\"assistant\",\"content\":\"\"");
    close_chunk(out);
}

/* --- calls in the stream --- */

/* An answer of the old kind has room for one call; the model makes the others again. */
static bool is_told(const struct converse_reply *r, const struct converse_block *b)
{
    return !own(r)->wants.legacy || b->tool == 0;
}

static void open_calls(const struct converse_reply *r, const struct converse_block *b,
                       struct buf *out)
{
    open_chunk(r, out);
    BUF_LIT(out, "\"tool_calls\":[{\"index\":");
    buf_put_u64(out, b->tool);
}

static void open_custom(struct converse_reply *r, const struct converse_block *b,
                        const struct converse_part *p, struct str name, struct buf *out)
{
    out->failed |= !openai_custom_begin(&((struct openai_reply *)r)->customs, b->ours);
    open_calls(r, b, out);
    BUF_LIT(out, ",\"id\":\"");
    buf_put_str(out, p->tool_id);
    BUF_LIT(out, "\",\"type\":\"custom\",\"custom\":{\"name\":\"");
    json_escape(out, name);
    BUF_LIT(out, "\",\"input\":\"\"}}]");
    close_chunk(out);
}

/* Only tool calls have a beginning of their own. */
/* The members of a call's function, in the shape in which it was asked for; id empty: more of a call
 * that has begun. */
static void open_function(struct converse_reply *r, const struct converse_block *b, struct str id,
                          struct buf *out)
{
    if (own(r)->wants.legacy) {
        open_chunk(r, out);
        BUF_LIT(out, "\"function_call\":{");
        return;
    }
    open_calls(r, b, out);
    if (id.n > 0) {
        BUF_LIT(out, ",\"id\":\"");
        buf_put_str(out, id);
        BUF_LIT(out, "\",\"type\":\"function\"");
    }
    BUF_LIT(out, ",\"function\":{");
}

static void close_function(const struct converse_reply *r, struct buf *out)
{
    buf_put_str(out, own(r)->wants.legacy ? STR("}") : STR("}}]"));
    close_chunk(out);
}

static void open_block(struct converse_reply *r, const struct converse_block *b,
                       const struct converse_part *p, struct buf *out)
{
    if (p->kind != CONVERSE_PART_TOOL || !is_told(r, b)) {
        return;
    }
    struct str name = converse_name_back(r->names, p->tool_name);
    if (converse_names_kind(r->names, name) == CONVERSE_CALL_CUSTOM) {
        open_custom(r, b, p, name, out);
        return;
    }
    open_function(r, b, p->tool_id, out);
    BUF_LIT(out, "\"name\":\"");
    json_escape(out, name);
    BUF_LIT(out, "\",\"arguments\":\"\"");
    close_function(r, out);
}

/* member: up to the text's first quote */
static void put_text(struct converse_reply *r, struct str member, struct str escaped,
                     struct buf *out)
{
    open_chunk(r, out);
    buf_put_str(out, member);
    buf_put_str(out, escaped);
    buf_put_char(out, '"');
    close_chunk(out);
}

static void put_arguments(struct converse_reply *r, const struct converse_block *b,
                          struct str escaped, struct buf *out)
{
    struct openai_customs *customs = &((struct openai_reply *)r)->customs;
    if (openai_custom_is_open(customs, b->ours)) {
        out->failed |= !openai_custom_add(customs, b->ours, escaped);
        return;
    }
    open_function(r, b, STR(""), out);
    BUF_LIT(out, "\"arguments\":\"");
    buf_put_str(out, escaped);
    BUF_LIT(out, "\"");
    close_function(r, out);
}

/* Signatures, redacted thinking and citations have no place in this dialect. */
static void put_piece(struct converse_reply *r, const struct converse_block *b,
                      const struct converse_part *p, struct buf *out)
{
    if (p->kind == CONVERSE_PART_TEXT) {
        put_text(r, STR("\"content\":\""), p->text, out);
    } else if (p->kind == CONVERSE_PART_TOOL && is_told(r, b)) {
        put_arguments(r, b, p->text, out);
    } else if (p->kind == CONVERSE_PART_THINKING && p->text.n) {
        put_text(r, STR("\"reasoning_content\":\""), p->text, out);
    }
}

/* A custom call's text is told when it is whole. */
static void close_block(struct converse_reply *r, const struct converse_block *b, struct buf *out)
{
    struct openai_customs *customs = &((struct openai_reply *)r)->customs;
    if (!openai_custom_is_open(customs, b->ours)) {
        return;
    }
    open_calls(r, b, out);
    BUF_LIT(out, ",\"custom\":{\"input\":\"");
    out->failed |= !openai_custom_end(customs, b->ours, out);
    BUF_LIT(out, "\"}}]");
    close_chunk(out);
}

static struct str finish_reason(const struct converse_reply *r)
{
    struct str reason = text_from(r->stop->openai);
    return own(r)->wants.legacy && text_eq(reason, STR("tool_calls")) ? STR("function_call")
                                                                      : reason;
}

static void finish(struct converse_reply *r, struct buf *out)
{
    struct json_out w;
    buf_put_str(out, own(r)->head);
    BUF_LIT(out, "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"");
    buf_put_str(out, finish_reason(r));
    BUF_LIT(out, "\"}]}\n\n");
    if (own(r)->wants.include_usage) {
        buf_put_str(out, own(r)->head);
        BUF_LIT(out, "\"choices\":[],");
        json_begin(&w, out);
        put_usage(&w, &r->reply);
        BUF_LIT(out, "}\n\n");
    }
    BUF_LIT(out, "data: [DONE]\n\n");
}

/* --- whole answers --- */

static bool any(const struct converse_part *parts, size_t n, enum converse_part_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        if (parts[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* The texts of one kind, joined without a separator, as the stream's deltas are. */
static void put_joined(struct json_out *w, struct str key, const struct converse_part *parts,
                       size_t n, enum converse_part_kind kind)
{
    json_key(w, key);
    json_raw(w, STR("\"")); /* opens the string; what is escaped needs no look */
    for (size_t i = 0; i < n; i++) {
        if (parts[i].kind == kind) {
            buf_put_str(w->b, parts[i].text);
        }
    }
    buf_put_char(w->b, '"');
}

static void put_function(struct json_out *w, struct str key, struct str name, struct str arguments)
{
    json_key(w, key);
    json_object(w);
    converse_reply_str(w, STR("name"), name);
    converse_reply_str(w, STR("arguments"), arguments);
    json_object_end(w);
}

static void put_custom(struct json_out *w, const struct converse_reply *r, struct str name,
                       struct str input)
{
    JSON_KEY(w, "custom");
    json_object(w);
    converse_reply_str(w, STR("name"), name);
    JSON_KEY(w, "input");
    json_raw(w, STR("\"")); /* opens the string */
    w->b->failed |= !openai_custom_text(r->arena, input, w->b);
    buf_put_char(w->b, '"');
    json_object_end(w);
}

static void put_tool_call(struct json_out *w, const struct converse_reply *r,
                          const struct converse_part *p)
{
    struct str name = converse_name_back(r->names, p->tool_name);
    bool custom = converse_names_kind(r->names, name) == CONVERSE_CALL_CUSTOM;
    json_object(w);
    converse_reply_quoted(w, STR("id"), p->tool_id);
    converse_reply_str(w, STR("type"), custom ? STR("custom") : STR("function"));
    if (custom) {
        put_custom(w, r, name, p->input);
    } else {
        put_function(w, STR("function"), name, p->input);
    }
    json_object_end(w);
}

static void put_calls(struct json_out *w, const struct converse_reply *r,
                      const struct converse_part *parts, size_t n)
{
    size_t i = 0;
    if (own(r)->wants.legacy) {
        while (parts[i].kind != CONVERSE_PART_TOOL) { /* there is one */
            i++;
        }
        put_function(w, STR("function_call"), converse_name_back(r->names, parts[i].tool_name),
                     parts[i].input);
        return;
    }
    JSON_KEY(w, "tool_calls");
    json_array(w);
    for (; i < n; i++) {
        if (parts[i].kind == CONVERSE_PART_TOOL) {
            put_tool_call(w, r, &parts[i]);
        }
    }
    json_array_end(w);
}

/* What was said instead of an answer. It stays in content too, for clients that show only that; in
 * a stream it is only there, because it is out when the reason comes. */
static void put_refusal(struct json_out *w, const struct converse_reply *r,
                        const struct converse_part *parts, size_t n)
{
    if (!text_eq(text_from(r->stop->openai), STR("content_filter"))) {
        converse_reply_null(w, STR("refusal"));
    } else if (any(parts, n, CONVERSE_PART_TEXT)) {
        put_joined(w, STR("refusal"), parts, n, CONVERSE_PART_TEXT);
    } else {
        converse_reply_str(w, STR("refusal"), STR("The model refused to answer."));
    }
}

static void put_message(struct json_out *w, const struct converse_reply *r,
                        const struct converse_part *parts, size_t n)
{
    json_object(w);
    converse_reply_str(w, STR("role"), STR("assistant"));
    if (any(parts, n, CONVERSE_PART_TEXT) || !r->tools) {
        put_joined(w, STR("content"), parts, n, CONVERSE_PART_TEXT);
    } else {
        converse_reply_null(w, STR("content"));
    }
    put_refusal(w, r, parts, n);
    if (any(parts, n, CONVERSE_PART_THINKING)) {
        put_joined(w, STR("reasoning_content"), parts, n, CONVERSE_PART_THINKING);
    }
    if (r->tools) {
        put_calls(w, r, parts, n);
    }
    json_object_end(w);
}

static void put_whole(struct converse_reply *r, const struct converse_part *parts, size_t n,
                      struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    json_object(&w);
    put_head(&w, own(r), STR("chat.completion"));
    JSON_KEY(&w, "choices");
    json_array(&w);
    json_object(&w);
    converse_reply_count(&w, STR("index"), 0);
    JSON_KEY(&w, "message");
    put_message(&w, r, parts, n);
    converse_reply_null(&w, STR("logprobs"));
    converse_reply_str(&w, STR("finish_reason"), finish_reason(r));
    json_object_end(&w);
    json_array_end(&w);
    put_usage(&w, &r->reply);
    json_object_end(&w);
}

/* --- the row --- */

static const struct converse_dialect openai = {
    .malformed_fails = false, /* what came of it is told, with "stop"; the log has Bedrock's word */
    .begin = begin,
    .open = open_block,
    .piece = put_piece,
    .close = close_block,
    .finish = finish,
    .whole = put_whole,
};

/* Made once: it is most of the bytes of a stream. */
static bool make_head(struct openai_reply *r, struct arena *arena)
{
    struct json_out w;
    struct buf b;
    buf_init(&b, MODEL_MAX);
    BUF_LIT(&b, "data: ");
    json_begin(&w, &b);
    json_object(&w);
    put_head(&w, r, STR("chat.completion.chunk"));
    buf_put_char(&b, ',');
    if (buf_ok(&b)) {
        r->head = arena_dup(arena, buf_str(&b));
    }
    buf_free(&b);
    return r->head.p != NULL;
}

struct reply *converse_to_openai_new(struct arena *arena, struct str client_model,
                                     struct str completion_id, struct openai_wants wants,
                                     const struct converse_names *names)
{
    struct openai_reply *r = arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    converse_reply_init(&r->base, &openai, arena, client_model, completion_id, names);
    r->wants = wants;
    r->customs.arena = arena;
    return make_head(r, arena) ? &r->base.reply : NULL;
}

const struct relay converse_to_openai_relay = {
    .name = "Converse to OpenAI",
    .event = converse_reply_event,
    .end = converse_reply_end,
    .whole = converse_reply_answer,
    .ping = {PING, sizeof PING - 1},
};
