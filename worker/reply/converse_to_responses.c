/*
 * Which item of an answer speaks, and when. Blocks of Bedrock may lie beside one another; items come
 * one after the other: the first is live, what comes of the others is kept until it is their turn. An
 * item is ended when the next one begins, or with the answer: a call that the limit of tokens has cut
 * in two is known as such only then.
 */
#include "worker/reply/converse_to_responses.h"

#include "server/json/scan.h"
#include "worker/reply/output_item.h"
#include "worker/reply/responses_object.h"

#define PING           ": keepalive\n\n"
#define CALLS_MAX      4096u /* each id is compared with all before it */
#define REFUSAL        STR("The model refused to answer.")
#define BLOCK_TEXT     STR("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"")
#define BLOCK_REDACTED STR("{\"reasoningContent\":{\"redactedContent\":\"")

static struct responses_reply *own(struct converse_reply *r)
{
    return (struct responses_reply *)r;
}

/* --- the list of items ----------------------------------------------------------------------- */

static struct output_item *find(const struct responses_reply *r, const struct converse_block *b)
{
    struct output_item *i = r->live;
    while (i && (i->over || i->ours != b->ours)) {
        i = i->next;
    }
    return i;
}

static struct output_item *add(struct responses_reply *r, enum output_kind kind,
                               const struct converse_block *b)
{
    struct output_item *i = arena_alloc(r->base.arena, sizeof *i);
    if (!i) {
        r->base.full = true;
        return NULL;
    }
    *i = (struct output_item){.kind = kind, .ours = b ? b->ours : 0};
    buf_init(&i->said, r->most);
    buf_init(&i->block, r->most);
    if (r->last) {
        r->last->next = i;
    } else {
        r->live = i;
    }
    r->last = i;
    return i;
}

static bool is_call(const struct output_item *i)
{
    return i->kind >= OUTPUT_FUNCTION;
}

/* Calls are announced; of the rest the first text tells. */
static void go_live(struct responses_reply *r, struct output_item *i, struct buf *out)
{
    if (is_call(i)) {
        output_item_tell(r, i, out);
    }
    output_item_catch_up(r, i, out);
}

static void end_live(struct responses_reply *r, bool whole, struct buf *out)
{
    struct output_item *i = r->live;
    output_item_end(r, i, whole, out);
    if (r->base.full) { /* it stays for output_item_cut */
        return;
    }
    output_item_free(r, i);
    r->live = i->next;
    r->last = r->live ? r->last : NULL;
}

/* As far as others wait. */
static void advance(struct responses_reply *r, struct buf *out)
{
    while (!r->base.full && r->live && r->live->over && r->live->next) {
        end_live(r, true, out);
        if (!r->base.full) {
            go_live(r, r->live, out);
        }
    }
}

/* --- blocks ---------------------------------------------------------------------------------- */

static void drop_all(void *ctx)
{
    struct responses_reply *r = ctx;
    for (struct output_item *i = r->live; i; i = i->next) {
        buf_free(&i->said);
        buf_free(&i->block);
    }
    buf_free(&r->output);
    buf_free(&r->delta);
}

static bool seals(const struct responses_reply *r)
{
    return r->wants.wants_encrypted && r->wants.sealer;
}

/* Texts that follow one another are one: some clients show the last part of the last message. */
static void open_text(struct responses_reply *r, const struct converse_block *b)
{
    if (r->last && r->last->kind == OUTPUT_MESSAGE) {
        r->last->ours = b->ours;
        r->last->over = false;
    } else {
        add(r, OUTPUT_MESSAGE, b);
    }
}

static void open_thinking(struct responses_reply *r, const struct converse_block *b,
                          const struct converse_part *p)
{
    bool redacted = p->kind == CONVERSE_PART_REDACTED;
    bool shows = r->wants.shows_summary && !redacted;
    struct output_item *i = shows || seals(r) ? add(r, OUTPUT_REASONING, b) : NULL;
    if (i && seals(r)) {
        output_item_keep(r, &i->block, redacted ? BLOCK_REDACTED : BLOCK_TEXT);
        if (redacted) {
            output_item_keep(r, &i->block, p->text);
        }
    }
}

static bool is_taken(const struct responses_reply *r, struct str id)
{
    const struct output_item *c = r->last_call;
    while (c && !text_eq(c->call_id, id)) {
        c = c->earlier_call;
    }
    return c != NULL;
}

/* Clients find a call by its id: it must be the only one, whatever the model thinks. Behind as many that
 * begin like it, the first try is good: no answer is searched for each number. */
static struct str unique_id(struct responses_reply *r, struct str id)
{
    struct arena *arena = r->base.arena;
    struct str own_id = arena_dup(arena, id);
    uint32_t alike = 0;
    for (const struct output_item *c = r->last_call; c; c = c->earlier_call) {
        alike += text_starts(c->call_id, id);
    }
    while (own_id.p && is_taken(r, own_id)) {
        own_id = text_from(arena_printf(arena, "%.*s_%u", STR_ARG(id), ++alike));
    }
    return own_id;
}

static enum output_kind kind_of(enum converse_call call)
{
    static const enum output_kind kinds[] = {
        [CONVERSE_CALL_FUNCTION] = OUTPUT_FUNCTION,
        [CONVERSE_CALL_CUSTOM] = OUTPUT_CUSTOM,
        [CONVERSE_CALL_SEARCH] = OUTPUT_SEARCH,
        [CONVERSE_CALL_SHELL] = OUTPUT_SHELL,
    };
    return kinds[call];
}

static void open_call(struct responses_reply *r, const struct converse_block *b,
                      const struct converse_part *p)
{
    struct str client = converse_name_back(r->base.names, p->tool_name);
    struct str space = STR(""), name = client;
    converse_names_split(r->base.names, client, &space, &name);
    if (r->calls++ == CALLS_MAX) {
        r->base.full = true;
        return;
    }
    struct output_item *i = add(r, kind_of(converse_names_kind(r->base.names, client)), b);
    if (!i) {
        return;
    }
    i->call_id = unique_id(r, p->tool_id);
    i->space = arena_dup(r->base.arena, space);
    i->name = arena_dup(r->base.arena, name);
    r->base.full |= !i->call_id.p || !i->space.p || !i->name.p;
    i->earlier_call = r->last_call;
    r->last_call = i;
}

static void open_block(struct converse_reply *base, const struct converse_block *b,
                       const struct converse_part *p, struct buf *out)
{
    struct responses_reply *r = own(base);
    const struct output_item *before = r->live;
    if (base->full) {
        return;
    }
    switch (p->kind) {
    case CONVERSE_PART_TEXT:
    case CONVERSE_PART_CITATION:
        open_text(r, b);
        break;
    case CONVERSE_PART_THINKING:
    case CONVERSE_PART_REDACTED:
        open_thinking(r, b, p);
        break;
    case CONVERSE_PART_TOOL:
        open_call(r, b, p);
        break;
    case CONVERSE_PART_NONE:
        break;
    }
    if (!base->full && !before && r->live) {
        go_live(r, r->live, out);
    }
    advance(r, out);
}

/* Into the block that Bedrock will get back as it was. */
static void keep_thinking(struct responses_reply *r, struct output_item *i,
                          const struct converse_part *p)
{
    if (p->text.n) {
        output_item_keep(r, &i->block, p->text);
    }
    if (p->signature.n) {
        output_item_keep(r, &i->block, STR("\",\"signature\":\""));
        output_item_keep(r, &i->block, p->signature);
    }
}

/* Citations have no place here. */
static void put_piece(struct converse_reply *base, const struct converse_block *b,
                      const struct converse_part *p, struct buf *out)
{
    struct responses_reply *r = own(base);
    struct output_item *i = base->full ? NULL : find(r, b);
    if (!i) {
        return;
    }
    if (p->kind == CONVERSE_PART_THINKING) {
        if (seals(r)) {
            keep_thinking(r, i, p);
        }
        if (r->wants.shows_summary && p->text.n) {
            output_item_say(r, i, p->text, out);
        }
    } else if (p->kind == CONVERSE_PART_TOOL || (p->kind == CONVERSE_PART_TEXT && p->text.n)) {
        output_item_say(r, i, p->text, out);
    }
    r->told |= p->kind == CONVERSE_PART_TEXT;
}

static void close_block(struct converse_reply *base, const struct converse_block *b,
                        struct buf *out)
{
    struct responses_reply *r = own(base);
    struct output_item *i = base->full ? NULL : find(r, b);
    if (!i) {
        return;
    }
    i->over = true;
    if (buf_len(&i->block)) {
        output_item_keep(r, &i->block,
                         b->kind == CONVERSE_PART_REDACTED ? STR("\"}}") : STR("\"}}}"));
    }
    advance(r, out);
}

/* --- beginning and end ----------------------------------------------------------------------- */

static void begin(struct converse_reply *base, struct buf *out)
{
    const struct responses_ending none = {.status = "in_progress"};
    responses_object_event(own(base), STR("response.created"), &none, out);
    responses_object_event(own(base), STR("response.in_progress"), &none, out);
}

/* The model, or who guards it, has refused, and there is not a word of it. */
static void put_refusal(struct responses_reply *r, struct buf *out)
{
    struct output_item *i = r->base.full ? NULL : add(r, OUTPUT_REFUSAL, NULL);
    if (i) {
        output_item_say(r, i, REFUSAL, out);
        i->over = true;
        end_live(r, true, out);
    }
}

static struct responses_ending ending_of(const struct converse_reply *r)
{
    struct str word = text_from(r->stop->openai);
    bool cut = text_eq(word, STR("length")), filtered = text_eq(word, STR("content_filter"));
    return (struct responses_ending){.status = cut || filtered ? "incomplete" : "completed",
                                     .incomplete = cut        ? "max_output_tokens"
                                                   : filtered ? "content_filter"
                                                              : NULL,
                                     .last = true};
}

/* All blocks have ended. */
static void end_items(struct responses_reply *r, const struct responses_ending *e, struct buf *out)
{
    while (r->live && !r->base.full) {
        end_live(r, !e->incomplete || r->live->next, out);
        if (r->live && !r->base.full) {
            go_live(r, r->live, out);
        }
    }
    if (!r->told && e->incomplete && text_eq(text_from(e->incomplete), STR("content_filter"))) {
        put_refusal(r, out);
    }
}

static void finish(struct converse_reply *base, struct buf *out)
{
    struct responses_reply *r = own(base);
    const struct responses_ending e = ending_of(base);
    end_items(r, &e, out);
    if (!base->full) {
        responses_object_event(
            r, e.incomplete ? STR("response.incomplete") : STR("response.completed"), &e, out);
    }
}

void converse_to_responses_fail(struct reply *reply, struct str code, struct str message,
                                struct buf *out)
{
    struct responses_reply *r = (struct responses_reply *)reply;
    const struct responses_ending e = {
        .status = "failed", .code = code, .message = message, .last = true};
    struct json_out w;
    if (!reply->started) {
        reply->started = true;
        begin(&r->base, out);
    }
    if (r->live) {
        output_item_cut(r, r->live);
    }
    responses_object_event(r, STR("response.failed"), &e, out);
    output_item_event(r, STR("error"), out);
    json_begin(&w, out);
    w.comma = true;
    converse_reply_str(&w, STR("code"), code);
    converse_reply_str(&w, STR("message"), message);
    converse_reply_null(&w, STR("param"));
    JSON_KEY(&w, "error");
    json_object(&w);
    converse_reply_str(&w, STR("type"), code);
    converse_reply_str(&w, STR("code"), code);
    converse_reply_str(&w, STR("message"), message);
    converse_reply_null(&w, STR("param"));
    json_object_end(&w);
    BUF_LIT(out, "}\n\n");
    reply->failed = true;
}

/* --- whole answers --------------------------------------------------------------------------- */

static void put_whole_part(struct responses_reply *r, uint32_t ours, const struct converse_part *p,
                           struct buf *out)
{
    struct converse_block b = {.ours = ours, .kind = p->kind};
    open_block(&r->base, &b, p, out);
    if (p->kind == CONVERSE_PART_TOOL) {
        struct buf text;
        buf_init(&text, 6 * p->input.n + 1); /* the longest escape is six bytes */
        json_escape(&text, p->input);
        const struct converse_part piece = {.kind = CONVERSE_PART_TOOL, .text = buf_str(&text)};
        r->base.full |= !buf_ok(&text);
        put_piece(&r->base, &b, &piece, out);
        buf_free(&text);
    } else if (p->kind != CONVERSE_PART_REDACTED) {
        put_piece(&r->base, &b, p, out);
    }
    close_block(&r->base, &b, out);
}

static void put_whole(struct converse_reply *base, const struct converse_part *parts, size_t n,
                      struct buf *out)
{
    struct responses_reply *r = own(base);
    const struct responses_ending e = ending_of(base);
    r->quiet = true;
    r->most = 4 * RESPONSES_REPLY_MAX; /* Bedrock's own limit is 25,000,000 */
    for (size_t i = 0; i < n; i++) {
        put_whole_part(r, (uint32_t)i, &parts[i], out);
    }
    end_items(r, &e, out);
    if (!base->full) {
        responses_object_put(r, &e, out);
    }
}

/* --- the row --------------------------------------------------------------------------------- */

static const struct converse_dialect responses = {
    .malformed_fails = true, /* there is an event to say so */
    .gathers = true,
    .begin = begin,
    .open = open_block,
    .piece = put_piece,
    .close = close_block,
    .finish = finish,
    .whole = put_whole,
};

struct responses_echo converse_to_responses_echo(const struct scan *s)
{
    struct responses_echo echo = {.user = {NULL, 0}};
    scan_ref v;
#define TAKE(member, absent)                                \
    v = SCAN_GET(s, 0, #member);                            \
    if (v != SCAN_ABSENT && scan_type(s, v) != SCAN_NULL) { \
        echo.member = scan_raw(s, v);                       \
    }
    RESPONSES_WANTS_ECHOES(TAKE)
#undef TAKE
    return echo;
}

struct reply *converse_to_responses_new(struct arena *arena, struct str client_model, struct str id,
                                        const struct responses_wants *wants,
                                        const struct converse_names *names)
{
    struct responses_reply *r = arena_alloc(arena, sizeof *r);
    if (!r || !arena_on_drop(arena, drop_all, r)) {
        return NULL;
    }
    converse_reply_init(&r->base, &responses, arena, client_model, id, names);
    r->wants = *wants;
    r->most = RESPONSES_REPLY_MAX;
    buf_init(&r->output, 8 * RESPONSES_REPLY_MAX); /* most decides, and then a seal grows */
    buf_init(&r->delta, 4096);
    return responses_object_init(r) ? &r->base.reply : NULL;
}

const struct relay converse_to_responses_relay = {
    .name = "Converse to Responses",
    .event = converse_reply_event,
    .end = converse_reply_end,
    .whole = converse_reply_answer,
    .ping = {PING, sizeof PING - 1},
};
