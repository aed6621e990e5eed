#include "worker/reply/native_reply.h"

#include "worker/reply/native_edit.h"
#include "worker/reply/native_tags.h"

struct native_reply { /* begins as all of them */
    struct reply reply;
    bool wants_usage;
    bool has_tags;
    struct native_tags tags;
    struct native_edit_ids ids; /* by index of the call */
};

struct reply *native_chat_new(struct arena *arena, struct str client_model, bool wants_usage,
                              bool tags)
{
    struct native_reply *r = arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    r->reply = (struct reply){.client_model = client_model};
    r->wants_usage = wants_usage;
    r->has_tags = tags;
    return &r->reply;
}

/* --- what is read -------------------------------------------------------------------------- */

/* The input has what the cache had, and what went into it. */
static void read_usage(struct reply *r, const struct scan *s)
{
    scan_ref u = SCAN_GET(s, 0, "usage"), in = SCAN_GET(s, u, "prompt_tokens_details"),
             out = SCAN_GET(s, u, "completion_tokens_details");
    if (scan_type(s, u) != SCAN_OBJECT) {
        return;
    }
    uint64_t all = native_edit_count(s, u, "prompt_tokens"),
             read = native_edit_count(s, in, "cached_tokens"),
             written = native_edit_count(s, in, "cache_write_tokens");
    r->usage.seen = SCAN_GET(s, u, "prompt_tokens") != SCAN_ABSENT ||
                    SCAN_GET(s, u, "completion_tokens") != SCAN_ABSENT;
    r->usage.tokens = (struct tokens){
        .input = read + written <= all ? all - read - written : all,
        .output = native_edit_count(s, u, "completion_tokens"),
        .cache_read = read,
        .write_5m = written,
    };
    r->thinking = native_edit_count(s, out, "reasoning_tokens");
}

static void read_end(struct reply *r, const struct scan *s, scan_ref choice)
{
    static const struct {
        const char *theirs, *ours;
    } rows[] = {{"stop", "end_turn"},
                {"length", "max_tokens"},
                {"tool_calls", "tool_use"},
                {"content_filter", "refusal"}};
    struct str reason = scan_text(s, SCAN_GET(s, choice, "finish_reason"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_eq(reason, text_from(rows[i].theirs))) {
            text_copy(text_from(rows[i].ours), r->stop_reason, sizeof r->stop_reason);
        }
    }
}

/* --- what is mended ------------------------------------------------------------------------ */

static void mend_call(struct native_reply *r, struct edits *e, scan_ref call, uint64_t index)
{
    const struct scan *s = e->scan;
    scan_ref id = SCAN_GET(s, call, "id");
    if (native_edit_only_counts(scan_text(s, id)) && index < NATIVE_EDIT_CALLS) {
        edits_value(e, id, native_edit_id(&r->ids, index));
    }
}

static void mend_calls(struct native_reply *r, struct edits *e, scan_ref message)
{
    const struct scan *s = e->scan;
    scan_ref calls = SCAN_GET(s, message, "tool_calls");
    uint64_t place = 0;
    if (scan_type(s, calls) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref c = scan_first(s, calls); c != SCAN_ABSENT; c = scan_next(s, calls, c)) {
        int64_t index;
        bool told = scan_i64(s, SCAN_GET(s, c, "index"), &index) && index >= 0;
        mend_call(r, e, c, told ? (uint64_t)index : place++);
    }
}

/* In place of the member, or beside the others. */
static void put_member(struct edits *e, scan_ref object, struct str name, struct str text)
{
    scan_ref there = scan_get(e->scan, object, name);
    if (there != SCAN_ABSENT) {
        native_edit_put(e, there, text);
        return;
    }
    struct str json = native_edit_json(e->scan->arena, text);
    char *member = json.p ? arena_printf(e->scan->arena, "\"%.*s\":%.*s%s", STR_ARG(name),
                                         STR_ARG(json), scan_size(e->scan, object) > 0 ? "," : "")
                          : NULL;
    e->failed |= !member;
    edits_inside(e, object, text_from(member));
}

/* What is thought and what is said each in its own member, as clients read them. */
static void mend_text(struct native_reply *r, struct edits *e, scan_ref message, bool ends)
{
    const struct scan *s = e->scan;
    scan_ref content = SCAN_GET(s, message, "content");
    struct str text = scan_text(s, content);
    struct buf thought, said;
    if (!r->has_tags || scan_type(s, message) != SCAN_OBJECT ||
        SCAN_GET(s, message, "reasoning_content") != SCAN_ABSENT) {
        return;
    }
    buf_init(&thought, text.n + NATIVE_TAGS_HELD);
    buf_init(&said, text.n + NATIVE_TAGS_HELD);
    native_tags_feed(&r->tags, text, &thought, &said);
    if (ends) {
        native_tags_end(&r->tags, &thought, &said);
    }
    e->failed |= !buf_ok(&thought) || !buf_ok(&said);
    if (buf_len(&thought) > 0) {
        put_member(e, message, STR("reasoning_content"), buf_str(&thought));
    }
    if (!text_eq(buf_str(&said), text)) {
        put_member(e, message, STR("content"), buf_str(&said));
    }
    buf_free(&thought);
    buf_free(&said);
}

/* Of a chunk or of a whole answer. */
static void mend(struct native_reply *r, struct edits *e)
{
    const struct scan *s = e->scan;
    scan_ref choices = SCAN_GET(s, 0, "choices");
    native_edit_put(e, SCAN_GET(s, 0, "model"), r->reply.client_model);
    read_usage(&r->reply, s);
    if (scan_type(s, choices) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref c = scan_first(s, choices); c != SCAN_ABSENT; c = scan_next(s, choices, c)) {
        read_end(&r->reply, s, c);
        mend_calls(r, e, SCAN_GET(s, c, "delta"));
        mend_calls(r, e, SCAN_GET(s, c, "message"));
        bool ends = scan_type(s, SCAN_GET(s, c, "finish_reason")) == SCAN_STRING;
        mend_text(r, e, SCAN_GET(s, c, "delta"), ends);
        mend_text(r, e, SCAN_GET(s, c, "message"), true);
    }
}

/* --- events -------------------------------------------------------------------------------- */

/* The one that tells the counts alone, as the client has it with include_usage. */
static bool is_counts(const struct scan *s)
{
    scan_ref choices = SCAN_GET(s, 0, "choices");
    return scan_type(s, SCAN_GET(s, 0, "usage")) == SCAN_OBJECT &&
           scan_type(s, choices) == SCAN_ARRAY && scan_size(s, choices) == 0;
}

/* fails: it is an error, whatever is in it. */
static enum status put_chunk(struct native_reply *r, struct arena *arena, bool fails,
                             struct str payload, struct buf *out, struct err *err)
{
    struct scan s;
    struct edits e;
    if (native_edit_read(&s, arena, payload, err) != STATUS_OK || scan_type(&s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_UPSTREAM, "an event of the model's stream cannot be read");
    }
    scan_ref error = SCAN_GET(&s, 0, "error");
    if (fails || error != SCAN_ABSENT) {
        read_usage(&r->reply, &s);
        error = error == SCAN_ABSENT ? 0 : error;
        (void)native_edit_error(&r->reply, &s, error);
        return err_set(err, native_edit_fault(&r->reply, &s, error),
                       "the model's stream ended with an error");
    }
    edits_init(&e, &s);
    mend(r, &e);
    r->reply.started = true;
    if (is_counts(&s)) {
        if (!r->wants_usage) {
            return STATUS_OK;
        }
    } else {
        r->reply.deltas++;
    }
    BUF_LIT(out, "data: ");
    size_t from = buf_len(out);
    enum status st = edits_apply(&e, out, err);
    relay_join_lines(buf_data(out) + from, buf_len(out) - from);
    BUF_LIT(out, "\n\n");
    return st;
}

static enum status on_event(struct reply *reply, struct str type, struct str payload,
                            struct buf *out, struct err *err)
{
    if (text_eq(payload, STR("[DONE]"))) {
        reply->stopped = true;
        BUF_LIT(out, "data: [DONE]\n\n");
        return STATUS_OK;
    }
    bool fails = text_eq(type, STR("error"));
    struct arena *arena = arena_new(RELAY_EVENT_MAX);
    if (!arena) {
        return err_no_memory(err);
    }
    enum status st = put_chunk((struct native_reply *)reply, arena, fails, payload, out, err);
    arena_drop(arena);
    return st;
}

static enum status whole(struct reply *reply, struct arena *arena, struct str body, struct buf *out,
                         struct err *err)
{
    struct scan s;
    struct edits e;
    if (native_edit_read(&s, arena, body, err) != STATUS_OK) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock's answer cannot be read");
    }
    if (scan_type(&s, SCAN_GET(&s, 0, "choices")) != SCAN_ARRAY) {
        scan_ref error = SCAN_GET(&s, 0, "error");
        (void)native_edit_error(reply, &s, error);
        return err_set(err, native_edit_fault(reply, &s, error), "Bedrock's answer has no choices");
    }
    edits_init(&e, &s);
    mend((struct native_reply *)reply, &e);
    reply->stopped = true;
    return edits_apply(&e, out, err);
}

const struct relay native_chat_relay = {
    .name = "native chat",
    .event = on_event,
    .end = relay_end,
    .whole = whole,
    .ping = STR(": keepalive\n\n"),
};
