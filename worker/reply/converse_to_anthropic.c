#include "worker/reply/converse_to_anthropic.h"

#include "worker/converse/converse_citation.h"
#include "worker/reply/converse_reply.h"

#define PING "event: ping\ndata: {\"type\": \"ping\"}\n\n"

/* --- pieces of JSON --- */

/* "text" of a span that is escaped already; "" when there is none. */
static void put_quoted(struct buf *out, struct str escaped)
{
    buf_put_char(out, '"');
    buf_put_str(out, escaped);
    buf_put_char(out, '"');
}

/* The tokens, without braces. All members in each place: some clients fail without. */
static void put_counts(struct json_out *w, const struct tokens *u)
{
    converse_reply_count(w, STR("input_tokens"), u->input);
    converse_reply_count(w, STR("cache_creation_input_tokens"), tokens_written(u));
    converse_reply_count(w, STR("cache_read_input_tokens"), u->cache_read);
    JSON_KEY(w, "cache_creation");
    json_object(w);
    converse_reply_count(w, STR("ephemeral_5m_input_tokens"), u->write_5m);
    converse_reply_count(w, STR("ephemeral_1h_input_tokens"), u->write_1h);
    json_object_end(w);
    converse_reply_count(w, STR("output_tokens"), u->output);
}

/* Bedrock's tiers (serviceTier.type: default, flex, priority, reserved) by Anthropic's names. */
static void put_tier(struct json_out *w, struct str tier)
{
    bool priority = text_eq(tier, STR("priority")) || text_eq(tier, STR("reserved"));
    converse_reply_str(w, STR("service_tier"), priority ? STR("priority") : STR("standard"));
}

/* stop_reason, stop_sequence and stop_details, without braces. */
static void put_stop(struct json_out *w, const struct converse_reply *r)
{
    struct str reason = text_from(r->stop->anthropic);
    converse_reply_str(w, STR("stop_reason"), reason);
    if (text_eq(reason, STR("stop_sequence")) && r->stop_sequence.p) {
        converse_reply_quoted(w, STR("stop_sequence"), r->stop_sequence);
    } else {
        converse_reply_null(w, STR("stop_sequence"));
    }
    JSON_KEY(w, "stop_details");
    if (text_eq(reason, STR("refusal"))) {
        json_raw(w, STR("{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"));
    } else {
        json_null(w);
    }
}

static void put_message_head(struct json_out *w, const struct converse_reply *r)
{
    converse_reply_str(w, STR("id"), r->id);
    converse_reply_str(w, STR("type"), STR("message"));
    converse_reply_str(w, STR("role"), STR("assistant"));
    converse_reply_str(w, STR("model"), r->reply.client_model);
    JSON_KEY(w, "content");
}

static void put_tool_head(struct json_out *w, const struct converse_reply *r,
                          const struct converse_part *p)
{
    converse_reply_str(w, STR("type"), STR("tool_use"));
    converse_reply_quoted(w, STR("id"), p->tool_id);
    converse_reply_str(w, STR("name"), converse_name_back(r->names, p->tool_name));
    JSON_KEY(w, "input");
}

/* --- the stream --- */

/* Converse tells the usage last; zeros now, and the whole of it in message_delta. */
static void begin(struct converse_reply *r, struct buf *out)
{
    struct json_out w;
    BUF_LIT(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    json_begin(&w, out);
    json_object(&w);
    put_message_head(&w, r);
    json_raw(&w, STR("[]"));
    converse_reply_null(&w, STR("stop_reason"));
    converse_reply_null(&w, STR("stop_sequence"));
    converse_reply_null(&w, STR("stop_details"));
    JSON_KEY(&w, "usage");
    json_object(&w);
    put_counts(&w, &(struct tokens){0});
    converse_reply_null(&w, STR("service_tier"));
    json_object_end(&w);
    json_object_end(&w);
    BUF_LIT(out, "}\n\n");
}

static void put_opening(struct converse_reply *r, const struct converse_part *p, struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    switch (p->kind) {
    case CONVERSE_PART_TOOL:
        json_object(&w);
        put_tool_head(&w, r, p);
        json_raw(&w, STR("{}"));
        json_object_end(&w);
        break;
    case CONVERSE_PART_THINKING:
        BUF_LIT(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
        break;
    case CONVERSE_PART_REDACTED:
        BUF_LIT(out, "{\"type\":\"redacted_thinking\",\"data\":");
        put_quoted(out, p->text);
        buf_put_char(out, '}');
        break;
    case CONVERSE_PART_TEXT:
    case CONVERSE_PART_CITATION:
    case CONVERSE_PART_NONE:
        BUF_LIT(out, "{\"type\":\"text\",\"text\":\"\"}");
        break;
    }
}

static void open_block(struct converse_reply *r, const struct converse_block *b,
                       const struct converse_part *p, struct buf *out)
{
    BUF_LIT(out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    buf_put_u64(out, b->ours);
    BUF_LIT(out, ",\"content_block\":");
    put_opening(r, p, out);
    BUF_LIT(out, "}\n\n");
}

/* delta: up to the colon before the text, e.g. {"type":"text_delta","text": */
static void put_delta(struct buf *out, const struct converse_block *b, struct str delta,
                      struct str escaped)
{
    BUF_LIT(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    buf_put_u64(out, b->ours);
    BUF_LIT(out, ",\"delta\":");
    buf_put_str(out, delta);
    put_quoted(out, escaped);
    BUF_LIT(out, "}}\n\n");
}

static void put_citation(struct buf *out, const struct converse_block *b,
                         const struct converse_part *p)
{
    struct json_out w;
    BUF_LIT(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    buf_put_u64(out, b->ours);
    BUF_LIT(out, ",\"delta\":{\"type\":\"citations_delta\",\"citation\":");
    json_begin(&w, out);
    converse_citation_put(&w, p->scan, p->citations);
    BUF_LIT(out, "}}\n\n");
}

static void put_piece(struct converse_reply *r, const struct converse_block *b,
                      const struct converse_part *p, struct buf *out)
{
    (void)r;
    switch (p->kind) {
    case CONVERSE_PART_TEXT:
        put_delta(out, b, STR("{\"type\":\"text_delta\",\"text\":"), p->text);
        break;
    case CONVERSE_PART_TOOL:
        put_delta(out, b, STR("{\"type\":\"input_json_delta\",\"partial_json\":"), p->text);
        break;
    case CONVERSE_PART_THINKING:
        if (p->text.n) {
            put_delta(out, b, STR("{\"type\":\"thinking_delta\",\"thinking\":"), p->text);
        }
        if (p->signature.n) {
            put_delta(out, b, STR("{\"type\":\"signature_delta\",\"signature\":"), p->signature);
        }
        break;
    case CONVERSE_PART_CITATION:
        put_citation(out, b, p);
        break;
    case CONVERSE_PART_REDACTED:
    case CONVERSE_PART_NONE:
        break;
    }
}

static void close_block(struct converse_reply *r, const struct converse_block *b, struct buf *out)
{
    (void)r;
    BUF_LIT(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    buf_put_u64(out, b->ours);
    BUF_LIT(out, "}\n\n");
}

static void finish(struct converse_reply *r, struct buf *out)
{
    struct json_out w;
    BUF_LIT(out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":");
    json_begin(&w, out);
    json_object(&w);
    put_stop(&w, r);
    json_object_end(&w);
    BUF_LIT(out, ",\"usage\":");
    json_begin(&w, out);
    json_object(&w);
    put_counts(&w, &r->reply.usage.tokens);
    json_object_end(&w);
    BUF_LIT(out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

/* --- whole answers --- */

static void put_citations(struct json_out *w, const struct converse_part *p)
{
    if (scan_size(p->scan, p->citations) == 0) {
        return; /* not null: AI SDK refuses an answer with a null there */
    }
    JSON_KEY(w, "citations");
    json_array(w);
    for (scan_ref v = scan_first(p->scan, p->citations); v != SCAN_ABSENT;
         v = scan_next(p->scan, p->citations, v)) {
        if (converse_citation_known(p->scan, v)) {
            converse_citation_put(w, p->scan, v);
        }
    }
    json_array_end(w);
}

static void put_block(struct json_out *w, const struct converse_reply *r,
                      const struct converse_part *p)
{
    json_object(w);
    switch (p->kind) {
    case CONVERSE_PART_TOOL:
        put_tool_head(w, r, p);
        json_raw(w, p->input);
        break;
    case CONVERSE_PART_THINKING:
        converse_reply_str(w, STR("type"), STR("thinking"));
        converse_reply_quoted(w, STR("thinking"), p->text);
        converse_reply_quoted(w, STR("signature"), p->signature);
        break;
    case CONVERSE_PART_REDACTED:
        converse_reply_str(w, STR("type"), STR("redacted_thinking"));
        converse_reply_quoted(w, STR("data"), p->text);
        break;
    case CONVERSE_PART_TEXT:
    case CONVERSE_PART_CITATION:
    case CONVERSE_PART_NONE:
        converse_reply_str(w, STR("type"), STR("text"));
        converse_reply_quoted(w, STR("text"), p->text);
        put_citations(w, p);
        break;
    }
    json_object_end(w);
}

static void put_whole(struct converse_reply *r, const struct converse_part *parts, size_t n,
                      struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    json_object(&w);
    put_message_head(&w, r);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        put_block(&w, r, &parts[i]);
    }
    json_array_end(&w);
    put_stop(&w, r);
    JSON_KEY(&w, "usage");
    json_object(&w);
    put_counts(&w, &r->reply.usage.tokens);
    put_tier(&w, r->service_tier);
    json_object_end(&w);
    json_object_end(&w);
}

/* --- the row --- */

static const struct converse_dialect anthropic = {
    .malformed_fails = true,
    .one_at_a_time = true,
    .begin = begin,
    .open = open_block,
    .piece = put_piece,
    .close = close_block,
    .finish = finish,
    .whole = put_whole,
};

struct reply *converse_to_anthropic_new(struct arena *arena, struct str client_model,
                                        struct str message_id, const struct converse_names *names)
{
    struct converse_reply *r = arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    converse_reply_init(r, &anthropic, arena, client_model, message_id, names);
    return &r->reply;
}

const struct relay converse_to_anthropic_relay = {
    .name = "Converse to Anthropic",
    .event = converse_reply_event,
    .end = converse_reply_end,
    .whole = converse_reply_answer,
    .ping = {PING, sizeof PING - 1},
};
