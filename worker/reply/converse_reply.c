#include "worker/reply/converse_reply.h"

#include <string.h>

#include "worker/converse/converse_citation.h"
#include "worker/reply/converse_queue.h"

void converse_reply_init(struct converse_reply *r, const struct converse_dialect *dialect,
                         struct arena *arena, struct str client_model, struct str id,
                         const struct converse_names *names)
{
    *r = (struct converse_reply){.reply = {.client_model = client_model},
                                 .dialect = dialect,
                                 .arena = arena,
                                 .names = names,
                                 .id = id};
}

static enum status no_room(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "no room for the model's answer");
}

static bool has_room(const struct converse_reply *r, const struct buf *out)
{
    return buf_ok(out) && !r->full;
}

/* The event's memory is gone when the rest of the answer comes. */
static bool keep(struct converse_reply *r, struct str from, struct str *to)
{
    *to = from.p ? arena_dup(r->arena, from) : from;
    return !from.p || to->p;
}

static void begin(struct converse_reply *r, struct buf *out)
{
    if (r->reply.started) {
        return;
    }
    r->reply.started = true;
    r->dialect->begin(r, out);
}

/* --- blocks --- */

static void close_index(struct converse_reply *r, int64_t theirs, struct buf *out)
{
    struct converse_block *b = converse_queue_find(r, theirs);
    if (b) {
        converse_queue_close(r, b, out);
    }
}

static enum status too_many(struct err *err)
{
    return err_set(err, STATUS_UPSTREAM, "the model has too many pieces of content open at once");
}

/* --- pieces --- */

/* Whether a piece goes on with the block that is open under its index. Thinking that is signed is
 * complete. */
static bool continues(const struct converse_block *b, const struct converse_part *p)
{
    switch (p->kind) {
    case CONVERSE_PART_TEXT:
    case CONVERSE_PART_CITATION:
        return b->kind == CONVERSE_PART_TEXT;
    case CONVERSE_PART_THINKING:
        return b->kind == CONVERSE_PART_THINKING && !b->filled;
    case CONVERSE_PART_TOOL:
        return b->kind == CONVERSE_PART_TOOL;
    case CONVERSE_PART_REDACTED:
    case CONVERSE_PART_NONE:
        break;
    }
    return false;
}

static bool worth_telling(const struct converse_part *p)
{
    return p->kind == CONVERSE_PART_CITATION || p->text.n || p->signature.n;
}

static enum status on_block_delta(struct converse_reply *r, const struct converse_event *e,
                                  struct buf *out, struct err *err)
{
    const struct converse_part *p = &e->part;
    struct converse_block *b = converse_queue_find(r, e->index);
    if (p->kind == CONVERSE_PART_NONE || !worth_telling(p)) {
        return STATUS_OK;
    }
    if (!b || !continues(b, p)) {
        if (p->kind == CONVERSE_PART_TOOL) {
            return STATUS_OK; /* input of a call that was never announced, or of a server tool */
        }
        close_index(r, e->index, out);
        if (converse_queue_full(r)) {
            return too_many(err);
        }
        begin(r, out);
        b = converse_queue_open(r, e, out);
        if (!b) {
            return no_room(err);
        }
    }
    if (p->kind == CONVERSE_PART_REDACTED) { /* complete in its opening */
        converse_queue_close(r, b, out);
        return STATUS_OK;
    }
    converse_queue_piece(r, b, p, out);
    b->filled = p->kind == CONVERSE_PART_TOOL || p->signature.n > 0;
    return STATUS_OK;
}

/* Only tool calls are announced, and what is told in words; a second announcement of the same call is
 * none. */
static enum status on_block_start(struct converse_reply *r, const struct converse_event *e,
                                  struct buf *out, struct err *err)
{
    struct converse_block *b = converse_queue_find(r, e->index);
    struct str id;
    if (e->part.kind == CONVERSE_PART_TEXT) {
        return on_block_delta(r, e, out, err);
    }
    if (e->part.kind != CONVERSE_PART_TOOL || (b && text_eq(b->tool_id, e->part.tool_id))) {
        return STATUS_OK;
    }
    close_index(r, e->index, out);
    if (converse_queue_full(r)) {
        return too_many(err);
    }
    begin(r, out);
    b = keep(r, e->part.tool_id, &id) ? converse_queue_open(r, e, out) : NULL;
    if (!b) {
        return no_room(err);
    }
    b->tool_id = id;
    return STATUS_OK;
}

/* --- the end --- */

static void take_stop(struct converse_reply *r, struct str reason)
{
    r->stop = converse_event_stop(reason, r->tools > 0);
    const char *word = r->stop->anthropic ? r->stop->anthropic : r->stop->bedrock;
    text_copy(text_from(word), r->reply.stop_reason, sizeof r->reply.stop_reason);
}

/* Half a call must not look like a whole one: what came before is out in a stream, and clients run
 * what they have gathered when a reason to stop comes. */
static enum status check_stop(const struct converse_reply *r, struct err *err)
{
    if (!r->stop->anthropic && (r->dialect->malformed_fails || r->tools > 0)) {
        return err_set(err, STATUS_INTERNAL, "the model's output was malformed (%s)",
                       r->stop->bedrock);
    }
    return STATUS_OK;
}

static enum status finish(struct converse_reply *r, struct buf *out, struct err *err)
{
    enum status st = check_stop(r, err);
    if (st != STATUS_OK) {
        return st;
    }
    r->dialect->finish(r, out);
    r->reply.stopped = has_room(r, out);
    return STATUS_OK;
}

static enum status on_message_stop(struct converse_reply *r, const struct converse_event *e,
                                   struct buf *out, struct err *err)
{
    begin(r, out);
    r->reply.thinking = e->ending.thinking;
    while (r->open_n) {
        converse_queue_close(r, &r->open[0], out);
    }
    take_stop(r, e->ending.stop_reason);
    if (!keep(r, e->ending.stop_sequence, &r->stop_sequence)) {
        return no_room(err);
    }
    return r->metered ? finish(r, out, err) : STATUS_OK;
}

/*
 * The streams of GPT tell what went into the cache (and so, it must be thought, what came out of it)
 * as input, too, where Converse's word is "not cached" and the same model's whole answers keep to
 * it: 4,995 with 4,993 written in a stream, 2 in an answer (maximhq/bifrost pull request 6942).
 */
static void take_usage(struct reply *r, const struct usage *u)
{
    struct tokens *t = &r->usage.tokens;
    if (!u->seen) {
        return;
    }
    r->usage = *u;
    uint64_t cached = t->cache_read + tokens_written(t);
    if (r->input_whole && cached <= t->input) {
        t->input -= cached;
    }
}

static enum status on_metadata(struct converse_reply *r, const struct converse_event *e,
                               struct buf *out, struct err *err)
{
    take_usage(&r->reply, &e->ending.usage);
    text_copy(e->ending.served, r->reply.served, sizeof r->reply.served);
    r->metered = true;
    return r->stop ? finish(r, out, err) : STATUS_OK;
}

/* --- the relay --- */

static enum status take_event(struct converse_reply *r, const struct converse_event *e,
                              struct buf *out, struct err *err)
{
    if (e->kind == CONVERSE_METADATA) {
        return on_metadata(r, e, out, err);
    }
    if (r->stop) { /* nothing but the usage may follow */
        return STATUS_OK;
    }
    switch (e->kind) {
    case CONVERSE_MESSAGE_START:
        begin(r, out);
        break;
    case CONVERSE_BLOCK_START:
        return on_block_start(r, e, out, err);
    case CONVERSE_BLOCK_DELTA:
        r->reply.deltas++;
        return on_block_delta(r, e, out, err);
    case CONVERSE_BLOCK_STOP:
        close_index(r, e->index, out);
        break;
    case CONVERSE_MESSAGE_STOP:
        return on_message_stop(r, e, out, err);
    case CONVERSE_METADATA:
    case CONVERSE_UNKNOWN:
        break;
    }
    return STATUS_OK;
}

enum status converse_reply_event(struct reply *reply, struct str type, struct str payload,
                                 struct buf *out, struct err *err)
{
    struct converse_reply *r = (struct converse_reply *)reply;
    struct converse_event e;
    if (reply->stopped || r->failed) {
        return STATUS_OK;
    }
    struct arena *arena = arena_new(RELAY_EVENT_MAX);
    if (!arena) {
        return no_room(err);
    }
    enum status st = converse_event_read(&e, arena, type, payload, err);
    if (st == STATUS_OK) {
        st = take_event(r, &e, out, err);
    }
    arena_drop(arena);
    if (st == STATUS_OK && !has_room(r, out)) {
        st = no_room(err);
    }
    if (st == STATUS_OK && !converse_queue_ok(r)) {
        st = too_many(err);
    }
    r->failed = st != STATUS_OK;
    return st;
}

enum status converse_reply_end(struct reply *reply, struct buf *out, struct err *err)
{
    struct converse_reply *r = (struct converse_reply *)reply;
    if (reply->stopped) {
        return STATUS_OK;
    }
    if (!r->stop) {
        return err_set(err, STATUS_UPSTREAM, "the model's stream ended before its last event");
    }
    enum status st = finish(r, out, err);
    return st == STATUS_OK && !has_room(r, out) ? no_room(err) : st;
}

/* --- whole answers --- */

static bool has_content(const struct converse_part *p)
{
    return p->kind == CONVERSE_PART_TOOL || (p->kind != CONVERSE_PART_NONE && worth_telling(p));
}

/* The parts of an answer that a client can be told. */
static enum status read_parts(struct converse_reply *r, const struct converse_answer *a,
                              struct converse_part *parts, size_t *n_out, struct err *err)
{
    const struct scan *s = &a->scan;
    size_t n = 0;
    for (scan_ref v = scan_first(s, a->content); v != SCAN_ABSENT;
         v = scan_next(s, a->content, v)) {
        enum status st = converse_event_block(s, v, &parts[n], err);
        if (st != STATUS_OK) {
            return st;
        }
        r->tools += parts[n].kind == CONVERSE_PART_TOOL;
        n += has_content(&parts[n]);
    }
    *n_out = n;
    return STATUS_OK;
}

/* A tool's input is text in an event: the JSON value between quotes. */
static enum status tell_input(struct converse_reply *r, const struct converse_block *b,
                              const struct converse_part *p, struct buf *out, struct err *err)
{
    struct buf text;
    buf_init(&text, 6 * p->input.n + 1); /* the longest escape is six bytes */
    json_escape(&text, p->input);
    struct converse_part piece = {.kind = CONVERSE_PART_TOOL, .text = buf_str(&text)};
    bool ok = buf_ok(&text);
    if (ok) {
        r->dialect->piece(r, b, &piece, out);
    }
    buf_free(&text);
    return ok ? STATUS_OK : no_room(err);
}

static void tell_citations(struct converse_reply *r, const struct converse_block *b,
                           const struct converse_part *p, struct buf *out)
{
    for (scan_ref v = scan_first(p->scan, p->citations); v != SCAN_ABSENT;
         v = scan_next(p->scan, p->citations, v)) {
        struct converse_part piece = {
            .kind = CONVERSE_PART_CITATION, .scan = p->scan, .citations = v};
        if (converse_citation_known(p->scan, v)) {
            r->dialect->piece(r, b, &piece, out);
        }
    }
}

/* A whole block as the events it would have been in a stream. */
static enum status tell_part(struct converse_reply *r, const struct converse_part *p,
                             struct buf *out, struct err *err)
{
    enum status st = STATUS_OK;
    struct converse_block *b =
        converse_queue_open(r, &(struct converse_event){.index = r->blocks, .part = *p}, out);
    if (!b) {
        return no_room(err);
    }
    if (p->kind == CONVERSE_PART_TOOL) {
        st = tell_input(r, b, p, out, err);
    } else {
        r->dialect->piece(r, b, p, out);
    }
    b->filled = true;
    tell_citations(r, b, p, out);
    converse_queue_close(r, b, out);
    return st;
}

static enum status tell(struct converse_reply *r, const struct converse_part *parts, size_t n,
                        struct buf *out, struct err *err)
{
    enum status st = STATUS_OK;
    r->tools = 0; /* counted again, as they open */
    begin(r, out);
    for (size_t i = 0; i < n && st == STATUS_OK; i++) {
        st = tell_part(r, &parts[i], out, err);
    }
    if (st == STATUS_OK) {
        r->dialect->finish(r, out);
    }
    return st;
}

enum status converse_reply_answer(struct reply *reply, struct arena *arena, struct str body,
                                  struct buf *out, struct err *err)
{
    struct converse_reply *r = (struct converse_reply *)reply;
    struct converse_answer a;
    size_t n = 0;
    enum status st = converse_event_answer(&a, arena, body, err);
    if (st != STATUS_OK) {
        return st;
    }
    struct converse_part *parts = arena_alloc(arena, scan_size(&a.scan, a.content) * sizeof *parts);
    st = parts ? read_parts(r, &a, parts, &n, err) : no_room(err);
    if (st != STATUS_OK) {
        return st;
    }
    reply->usage = a.ending.usage;
    reply->thinking = a.ending.thinking;
    text_copy(a.ending.served, reply->served, sizeof reply->served);
    r->stop_sequence = a.ending.stop_sequence;
    r->service_tier = a.ending.service_tier;
    take_stop(r, a.ending.stop_reason);
    st = check_stop(r, err);
    if (st != STATUS_OK) {
        return st;
    }
    if (reply->whole_upstream) {
        st = tell(r, parts, n, out, err);
    } else {
        r->dialect->whole(r, parts, n, out);
    }
    if (st != STATUS_OK) {
        return st;
    }
    reply->started = reply->stopped = has_room(r, out);
    return reply->stopped ? STATUS_OK : no_room(err);
}

/* --- for the dialects --- */

void converse_reply_str(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

void converse_reply_quoted(struct json_out *w, struct str key, struct str escaped)
{
    json_key(w, key);
    json_raw(w, STR("\"")); /* opens the string; what is escaped needs no look */
    buf_put_str(w->b, escaped);
    buf_put_char(w->b, '"');
}

void converse_reply_count(struct json_out *w, struct str key, uint64_t count)
{
    json_key(w, key);
    json_i64(w, (int64_t)count);
}

void converse_reply_null(struct json_out *w, struct str key)
{
    json_key(w, key);
    json_null(w);
}
