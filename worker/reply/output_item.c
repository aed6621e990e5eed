/*
 * One item of an answer: its JSON, which goes into the output as far as it is known, and its events,
 * which are pieces of that.
 *
 *   {"id":"msg_..","type":"message",.. "content":[ {"type":"output_text","text":" ... ","annotations":..} ],"status":".."}
 *   head                                          opens                          text  closes             ends
 */
#include "worker/reply/output_item.h"

#include "worker/reply/output_unpack.h"

struct kind {
    struct str id;    /* before the "_" */
    struct str type;  /* of the item */
    struct str opens; /* the part up to its text; empty: the text stands in the item itself */
    struct str closes;
    struct str unsaid; /* between head and end, if nothing was said */
    struct str ends;   /* up to the status, if it has one */
    struct str part_added, part_done;
    struct str delta, done; /* events of its text; empty: none */
    struct str member;      /* the text in `done` */
    struct str more;        /* what events of a part or its text have besides */
    bool at_once;           /* pieces go out as they come */
};

#define S(literal)                   \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct kind kinds[] = {
    [OUTPUT_MESSAGE] = {S("msg"), S("message"), S("{\"type\":\"output_text\",\"text\":\""),
                        S("\",\"annotations\":[],\"logprobs\":[]}"), S(""), S("]"),
                        S("response.content_part.added"), S("response.content_part.done"),
                        S("response.output_text.delta"), S("response.output_text.done"), S("text"),
                        S(",\"content_index\":0"), true},
    [OUTPUT_REFUSAL] = {S("msg"), S("message"), S("{\"type\":\"refusal\",\"refusal\":\""), S("\"}"),
                        S(""), S("]"), S("response.content_part.added"),
                        S("response.content_part.done"), S("response.refusal.delta"),
                        S("response.refusal.done"), S("refusal"), S(",\"content_index\":0"), true},
    [OUTPUT_REASONING] = {S("rs"), S("reasoning"), S("{\"type\":\"summary_text\",\"text\":\""),
                          S("\"}"), S(""), S("]"), S("response.reasoning_summary_part.added"),
                          S("response.reasoning_summary_part.done"),
                          S("response.reasoning_summary_text.delta"),
                          S("response.reasoning_summary_text.done"), S("text"),
                          S(",\"summary_index\":0"), true},
    [OUTPUT_FUNCTION] = {S("fc"), S("function_call"), S("\""), S("\""), S("\"\""), S(""), S(""),
                         S(""), S("response.function_call_arguments.delta"),
                         S("response.function_call_arguments.done"), S("arguments"), S(""), true},
    [OUTPUT_CUSTOM] = {S("ctc"), S("custom_tool_call"), S("\""), S("\""), S("\"\""), S(""), S(""),
                       S(""), S("response.custom_tool_call_input.delta"),
                       S("response.custom_tool_call_input.done"), S("input"), S(""), false},
    [OUTPUT_SEARCH] = {S("tsc"), S("tool_search_call"), S(""), S(""), S("{}"), S(""), S(""), S(""),
                       S(""), S(""), S(""), S(""), false},
    [OUTPUT_SHELL] = {S("lsh"), S("local_shell_call"), S(""), S(""),
                      S("{\"type\":\"exec\",\"command\":[],\"env\":{}}"), S(""), S(""), S(""),
                      S(""), S(""), S(""), S(""), false},
};

static const struct kind *kind_of(const struct output_item *i)
{
    return &kinds[i->kind];
}

/* --- events ---------------------------------------------------------------------------------- */

static void event_head(struct str type, struct buf *out)
{
    BUF_LIT(out, "event: ");
    buf_put_str(out, type);
    BUF_LIT(out, "\ndata: {\"type\":\"");
    buf_put_str(out, type);
    BUF_LIT(out, "\"");
}

void output_item_event(struct responses_reply *r, struct str type, struct buf *out)
{
    event_head(type, out);
    BUF_LIT(out, ",\"sequence_number\":");
    buf_put_u64(out, r->sequence++);
}

static void put_id(const struct responses_reply *r, const struct output_item *i, struct buf *out)
{
    buf_put_str(out, kind_of(i)->id);
    buf_put_char(out, '_');
    json_escape(out, r->id_tail);
    buf_put_char(out, '_');
    buf_put_u64(out, r->number);
}

/* Of a part or its text. */
static void put_place(const struct responses_reply *r, const struct output_item *i, struct buf *out)
{
    BUF_LIT(out, ",\"item_id\":\"");
    put_id(r, i, out);
    BUF_LIT(out, "\",\"output_index\":");
    buf_put_u64(out, r->number);
    buf_put_str(out, kind_of(i)->more);
}

static struct str slice(const struct responses_reply *r, size_t from, size_t to)
{
    return text_sub(buf_str(&r->output), from, to - from);
}

static void part_event(struct responses_reply *r, const struct output_item *i, struct str type,
                       struct str part, struct str rest, struct buf *out)
{
    output_item_event(r, type, out);
    put_place(r, i, out);
    BUF_LIT(out, ",\"part\":");
    buf_put_str(out, part);
    buf_put_str(out, rest);
    BUF_LIT(out, "}\n\n");
}

static void put_logprobs(const struct output_item *i, struct buf *out)
{
    if (i->kind == OUTPUT_MESSAGE) {
        BUF_LIT(out, ",\"logprobs\":[]");
    }
}

/* Made once an item: it is most of the bytes of a stream. */
static void make_delta(struct responses_reply *r, const struct output_item *i)
{
    buf_clear(&r->delta);
    event_head(kind_of(i)->delta, &r->delta);
    put_place(r, i, &r->delta);
    put_logprobs(i, &r->delta);
    BUF_LIT(&r->delta, ",\"sequence_number\":");
}

static void delta_event(struct responses_reply *r, struct str text, struct buf *out)
{
    buf_put_str(out, buf_str(&r->delta));
    buf_put_u64(out, r->sequence++);
    BUF_LIT(out, ",\"delta\":\"");
    buf_put_str(out, text);
    BUF_LIT(out, "\"}\n\n");
}

/* --- beginning ------------------------------------------------------------------------------- */

static void put_call(const struct output_item *i, struct json_out *w)
{
    converse_reply_quoted(w, STR("call_id"), i->call_id);
    switch (i->kind) {
    case OUTPUT_FUNCTION:
    case OUTPUT_CUSTOM:
        converse_reply_str(w, STR("name"), i->name);
        if (i->space.n) {
            converse_reply_str(w, STR("namespace"), i->space);
        }
        json_key(w, kind_of(i)->member);
        break;
    case OUTPUT_SEARCH:
        converse_reply_str(w, STR("execution"), STR("client"));
        JSON_KEY(w, "arguments");
        break;
    case OUTPUT_SHELL:
        JSON_KEY(w, "action");
        break;
    case OUTPUT_MESSAGE:
    case OUTPUT_REFUSAL:
    case OUTPUT_REASONING:
        break;
    }
}

static void put_head(struct responses_reply *r, const struct output_item *i)
{
    struct json_out w;
    BUF_LIT(&r->output, "{\"id\":\"");
    put_id(r, i, &r->output);
    BUF_LIT(&r->output, "\",\"type\":\"");
    buf_put_str(&r->output, kind_of(i)->type);
    BUF_LIT(&r->output, "\"");
    json_begin(&w, &r->output);
    w.comma = true; /* behind the type */
    switch (i->kind) {
    case OUTPUT_MESSAGE:
    case OUTPUT_REFUSAL:
        BUF_LIT(&r->output, ",\"role\":\"assistant\",\"content\":[");
        break;
    case OUTPUT_REASONING:
        BUF_LIT(&r->output, ",\"summary\":[");
        break;
    case OUTPUT_FUNCTION:
    case OUTPUT_CUSTOM:
    case OUTPUT_SEARCH:
    case OUTPUT_SHELL:
        put_call(i, &w);
        break;
    }
}

/* The item's JSON behind its parts. A reasoning item has no status. */
static void put_end(const struct responses_reply *r, const struct output_item *i, bool seals,
                    struct str status, struct buf *out)
{
    buf_put_str(out, kind_of(i)->ends);
    if (i->kind != OUTPUT_REASONING) {
        BUF_LIT(out, ",\"status\":\"");
        buf_put_str(out, status);
        buf_put_char(out, '"');
    } else if (seals) {
        BUF_LIT(out, ",\"encrypted_content\":\"");
        seal_put(r->wants.sealer, buf_str(&i->block), out);
        buf_put_char(out, '"');
    }
    buf_put_char(out, '}');
}

static void added_event(struct responses_reply *r, const struct output_item *i, struct buf *out)
{
    output_item_event(r, STR("response.output_item.added"), out);
    BUF_LIT(out, ",\"output_index\":");
    buf_put_u64(out, r->number);
    BUF_LIT(out, ",\"item\":");
    buf_put_str(out, slice(r, r->item_at, buf_len(&r->output)));
    buf_put_str(out, kind_of(i)->unsaid);
    put_end(r, i, false, STR("in_progress"), out);
    BUF_LIT(out, "}\n\n");
}

/* As if there were no such item. */
static void take_back(struct responses_reply *r, struct output_item *i)
{
    buf_truncate(&r->output, r->item_at > 0 ? r->item_at - 1 : 0); /* with its comma */
    i->told = false;
}

void output_item_tell(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    if (buf_len(&r->output)) {
        buf_put_char(&r->output, ',');
    }
    r->item_at = buf_len(&r->output);
    put_head(r, i);
    if (kind_of(i)->delta.n) {
        make_delta(r, i);
    }
    i->told = true;
    if (!buf_ok(&r->output) || !buf_ok(&r->delta)) {
        take_back(r, i);
        r->base.full = true;
    } else if (!r->quiet) {
        added_event(r, i, out);
    }
}

/* --- its text -------------------------------------------------------------------------------- */

/* Of what has come so far and what comes now. */
static bool has_room(struct responses_reply *r, size_t n)
{
    r->base.full |= n > r->most || buf_len(&r->output) + r->aside > r->most - n;
    return !r->base.full;
}

void output_item_keep(struct responses_reply *r, struct buf *to, struct str bytes)
{
    if (has_room(r, bytes.n)) {
        buf_put_str(to, bytes);
        r->aside += bytes.n;
        r->base.full |= !buf_ok(to);
    }
}

static void begin_part(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    const struct kind *k = kind_of(i);
    r->part_at = buf_len(&r->output);
    buf_put_str(&r->output, k->opens);
    r->text_at = buf_len(&r->output);
    i->part = true;
    if (k->part_added.n && !r->quiet) {
        part_event(r, i, k->part_added, k->opens, k->closes, out);
    }
}

/* The item is live and told. */
static void put_text(struct responses_reply *r, struct output_item *i, struct str text,
                     struct buf *out)
{
    if (!has_room(r, text.n)) {
        return;
    }
    if (!i->part) {
        begin_part(r, i, out);
    }
    buf_put_str(&r->output, text);
    r->base.full |= !buf_ok(&r->output);
    if (!r->base.full && !r->quiet && text.n && kind_of(i)->delta.n) {
        delta_event(r, text, out);
    }
}

void output_item_say(struct responses_reply *r, struct output_item *i, struct str text,
                     struct buf *out)
{
    if (i != r->live || !kind_of(i)->at_once) {
        output_item_keep(r, &i->said, text);
        return;
    }
    if (!i->told) {
        output_item_tell(r, i, out);
    }
    if (i->told) {
        put_text(r, i, text, out);
    }
}

static void forget(struct responses_reply *r, struct buf *b)
{
    r->aside -= buf_len(b);
    buf_free(b);
}

void output_item_catch_up(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    struct buf said = i->said;
    if (!kind_of(i)->at_once || !buf_len(&said)) {
        return;
    }
    i->said = (struct buf){.max = said.max};
    r->aside -= buf_len(&said);
    output_item_say(r, i, buf_str(&said), out);
    buf_free(&said);
}

/* --- its end --------------------------------------------------------------------------------- */

static void text_done_event(struct responses_reply *r, const struct output_item *i, struct str text,
                            struct buf *out)
{
    const struct kind *k = kind_of(i);
    output_item_event(r, k->done, out);
    put_place(r, i, out);
    put_logprobs(i, out);
    BUF_LIT(out, ",\"");
    buf_put_str(out, k->member);
    BUF_LIT(out, "\":\"");
    buf_put_str(out, text);
    BUF_LIT(out, "\"}\n\n");
}

static void end_part(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    const struct kind *k = kind_of(i);
    size_t text_end = buf_len(&r->output);
    buf_put_str(&r->output, k->closes);
    if (r->quiet || !buf_ok(&r->output)) {
        return;
    }
    if (k->done.n) {
        text_done_event(r, i, slice(r, r->text_at, text_end), out);
    }
    if (k->part_done.n) {
        part_event(r, i, k->part_done, slice(r, r->part_at, buf_len(&r->output)), STR(""), out);
    }
}

/* What is told when it is whole. */
static void put_unpacked(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    struct buf whole;
    buf_init(&whole, 2 * r->most);
    if (output_unpack(i->kind, buf_str(&i->said), &whole)) {
        forget(r, &i->said);
        put_text(r, i, buf_str(&whole), out);
    } else {
        r->base.full = true;
    }
    buf_free(&whole);
}

void output_item_end(struct responses_reply *r, struct output_item *i, bool whole, struct buf *out)
{
    bool seals = buf_len(&i->block) > 0;
    if (!i->told && seals) {
        output_item_tell(r, i, out);
    }
    if (!i->told) {
        return;
    }
    if (!kind_of(i)->at_once) {
        put_unpacked(r, i, out);
    }
    if (r->base.full) { /* output_item_cut has to come */
        return;
    }
    if (i->part) {
        end_part(r, i, out);
    } else {
        buf_put_str(&r->output, kind_of(i)->unsaid);
    }
    put_end(r, i, seals, whole ? STR("completed") : STR("incomplete"), &r->output);
    if (!buf_ok(&r->output)) {
        take_back(r, i);
        r->base.full = true;
        return;
    }
    if (!r->quiet) {
        output_item_event(r, STR("response.output_item.done"), out);
        BUF_LIT(out, ",\"output_index\":");
        buf_put_u64(out, r->number);
        BUF_LIT(out, ",\"item\":");
        buf_put_str(out, slice(r, r->item_at, buf_len(&r->output)));
        BUF_LIT(out, "}\n\n");
    }
    i->told = false;
    r->number++;
}

void output_item_cut(struct responses_reply *r, struct output_item *i)
{
    if (!i->told) {
        return;
    }
    buf_put_str(&r->output, i->part ? kind_of(i)->closes : kind_of(i)->unsaid);
    put_end(r, i, false, STR("incomplete"), &r->output);
    if (!buf_ok(&r->output)) {
        take_back(r, i);
    }
    i->told = false;
}

void output_item_free(struct responses_reply *r, struct output_item *i)
{
    forget(r, &i->said);
    forget(r, &i->block);
}
