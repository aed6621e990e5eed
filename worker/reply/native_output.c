#include "worker/reply/native_output.h"

#include "server/json/json.h"
#include "worker/reply/native_edit.h"

#define EVENT_ARENA_MAX ((size_t)64 << 20)
#define HELD_MAX        ((size_t)32 << 20) /* created and in_progress repeat the request's tools */
#define ITEMS_MAX       512
#define KEPT_MAX        ((size_t)8 << 20) /* of items, for response.failed: more is left out there */

struct item { /* in kept */
    size_t at, n;
};

struct native_output { /* begins as all of them */
    struct reply reply;
    struct responses_echo echo;
    struct arena *arena;
    struct native_edit_ids ids; /* by the number in the id of the call */
    struct buf held;            /* events that wait for the first output */
    bool told;                  /* it has come */
    uint64_t next;              /* sequence_number of the next event */
    struct str created;         /* the response object, as the client knows it */
    struct buf kept;
    struct item item[ITEMS_MAX]; /* by output_index; n 0: none */
    size_t items;
    int64_t speaks;  /* output_index of the item that is not done; -1: none */
    struct buf said; /* of its text, escaped */
};

static void drop_all(void *ctx)
{
    struct native_output *r = ctx;
    buf_free(&r->held);
    buf_free(&r->kept);
    buf_free(&r->said);
}

struct reply *native_output_new(struct arena *arena, struct str client_model,
                                const struct responses_echo *echo)
{
    struct native_output *r = arena_alloc(arena, sizeof *r);
    if (!r || !arena_on_drop(arena, drop_all, r)) {
        return NULL;
    }
    r->reply = (struct reply){.client_model = client_model};
    r->echo = *echo;
    r->arena = arena;
    buf_init(&r->held, HELD_MAX);
    buf_init(&r->kept, KEPT_MAX);
    buf_init(&r->said, KEPT_MAX);
    r->speaks = -1;
    return &r->reply;
}

/* --- what is read -------------------------------------------------------------------------- */

/* The input has what the cache had, and what went into it. */
static void read_usage(struct reply *r, const struct scan *s, scan_ref response)
{
    scan_ref u = SCAN_GET(s, response, "usage"), in = SCAN_GET(s, u, "input_tokens_details"),
             out = SCAN_GET(s, u, "output_tokens_details");
    if (scan_type(s, u) != SCAN_OBJECT) {
        return;
    }
    uint64_t all = native_edit_count(s, u, "input_tokens");
    uint64_t read = native_edit_count(s, in, "cached_tokens");
    uint64_t written = native_edit_count(s, in, "cache_write_tokens");
    r->usage.seen = SCAN_GET(s, u, "input_tokens") != SCAN_ABSENT ||
                    SCAN_GET(s, u, "output_tokens") != SCAN_ABSENT;
    r->usage.tokens = (struct tokens){
        .input = read <= all && written <= all - read ? all - read - written : all,
        .output = native_edit_count(s, u, "output_tokens"),
        .cache_read = read,
        .write_5m = written,
    };
    r->thinking = native_edit_count(s, out, "reasoning_tokens");
}

static bool calls_something(const struct scan *s, scan_ref response)
{
    static const struct str others[] = {STR("message"), STR("reasoning")};
    scan_ref output = SCAN_GET(s, response, "output");
    for (scan_ref i = scan_type(s, output) == SCAN_ARRAY ? scan_first(s, output) : SCAN_ABSENT;
         i != SCAN_ABSENT; i = scan_next(s, output, i)) {
        struct str type = scan_text(s, SCAN_GET(s, i, "type"));
        if (!text_eq(type, others[0]) && !text_eq(type, others[1])) {
            return true;
        }
    }
    return false;
}

static void read_end(struct reply *r, const struct scan *s, scan_ref response)
{
    scan_ref reason = SCAN_GET(s, SCAN_GET(s, response, "incomplete_details"), "reason");
    const char *word = SCAN_IS(s, reason, "max_output_tokens") ? "max_tokens"
                       : SCAN_IS(s, reason, "content_filter")  ? "refusal"
                       : calls_something(s, response)          ? "tool_use"
                                                               : "end_turn";
    text_copy(text_from(word), r->stop_reason, sizeof r->stop_reason);
    r->stopped = true;
}

/* Its words may tell whose account it is. */
static enum status refuse(struct reply *r, const struct scan *s, scan_ref error, struct err *err)
{
    struct str code = native_edit_error(r, s, error);
    enum status st =
        text_eq(code, STR("rate_limit_exceeded")) ? STATUS_RATE : native_edit_fault(r, s, error);
    return err_set(err, st, "the model's stream ended with an error");
}

/* --- what is mended ------------------------------------------------------------------------ */

static void mend_call(struct native_output *r, struct edits *e, scan_ref item)
{
    scan_ref id = SCAN_GET(e->scan, item, "call_id");
    struct str text = scan_text(e->scan, id);
    uint64_t at;
    if (native_edit_only_counts(text) && text_u64(text_sub(text, 5, text.n), &at) &&
        at < NATIVE_EDIT_CALLS) {
        edits_value(e, id, native_edit_id(&r->ids, at));
    }
}

static void mend_echo(struct edits *e, scan_ref response, const char *name, struct str ours)
{
    scan_ref there = scan_get(e->scan, response, text_from(name));
    if (there != SCAN_ABSENT && ours.p) {
        edits_value(e, there, ours);
    }
}

static void mend_response(struct native_output *r, struct edits *e, scan_ref response)
{
    const struct scan *s = e->scan;
    scan_ref output = SCAN_GET(s, response, "output");
    native_edit_put(e, SCAN_GET(s, response, "model"), r->reply.client_model);
    mend_echo(e, response, "metadata", r->echo.metadata);
    mend_echo(e, response, "user", r->echo.user);
    mend_echo(e, response, "safety_identifier", r->echo.safety_identifier);
    for (scan_ref i = scan_type(s, output) == SCAN_ARRAY ? scan_first(s, output) : SCAN_ABSENT;
         i != SCAN_ABSENT; i = scan_next(s, output, i)) {
        mend_call(r, e, i);
    }
}

/* --- events -------------------------------------------------------------------------------- */

enum kind { BEGINS, ADDED, SAYS, DONE, ENDS, FAILS, OTHER };

static enum kind kind_of(struct str type)
{
    static const struct {
        const char *type;
        enum kind kind;
    } rows[] = {
        {"response.created", BEGINS},         {"response.in_progress", BEGINS},
        {"response.queued", BEGINS},          {"response.output_item.added", ADDED},
        {"response.output_text.delta", SAYS}, {"response.output_item.done", DONE},
        {"response.completed", ENDS},         {"response.incomplete", ENDS},
        {"response.failed", FAILS},           {"error", FAILS},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_eq(type, text_from(rows[i].type))) {
            return rows[i].kind;
        }
    }
    return OTHER;
}

static void keep_item(struct native_output *r, enum kind kind, int64_t at, struct str raw)
{
    if (kind == ADDED) {
        r->speaks = at;
        buf_clear(&r->said);
    } else if (at == r->speaks) {
        r->speaks = -1;
    }
    if (at >= 0 && at < ITEMS_MAX && raw.n > 0 && buf_len(&r->kept) + raw.n <= KEPT_MAX) {
        r->item[at] = (struct item){buf_len(&r->kept), raw.n};
        r->items = (size_t)at + 1 > r->items ? (size_t)at + 1 : r->items;
        buf_put_str(&r->kept, raw);
    }
}

/* For response.failed: what has come of the answer, and how it began, which further events repeat. text is
 * the event as the client gets it. */
static void keep(struct native_output *r, struct arena *arena, enum kind kind, struct str text)
{
    struct scan s;
    struct err ignored;
    int64_t at = -1;
    bool begins = kind == BEGINS && r->created.n == 0;
    if ((!begins && kind != ADDED && kind != DONE) ||
        scan_parse(&s, arena, text, &relay_limits, &ignored) != STATUS_OK) {
        return;
    }
    if (begins) {
        r->created = arena_dup(r->arena, scan_raw(&s, SCAN_GET(&s, 0, "response")));
        return;
    }
    (void)scan_i64(&s, SCAN_GET(&s, 0, "output_index"), &at);
    keep_item(r, kind, at, scan_raw(&s, SCAN_GET(&s, 0, "item")));
}

static void keep_text(struct native_output *r, const struct scan *s)
{
    scan_ref delta = SCAN_GET(s, 0, "delta");
    struct str raw = scan_raw(s, delta);
    int64_t at;
    if (scan_type(s, delta) == SCAN_STRING && scan_i64(s, SCAN_GET(s, 0, "output_index"), &at) &&
        at == r->speaks && buf_len(&r->said) + raw.n <= KEPT_MAX) {
        buf_put_str(&r->said, text_sub(raw, 1, raw.n - 2));
    }
}

static enum status put(struct native_output *r, struct edits *e, struct str type, enum kind kind,
                       struct buf *out, struct err *err)
{
    if (type.n > 0) {
        BUF_LIT(out, "event: ");
        buf_put_str(out, type);
        BUF_LIT(out, "\n");
    }
    BUF_LIT(out, "data: ");
    size_t from = buf_len(out);
    enum status st = edits_apply(e, out, err);
    relay_join_lines(buf_data(out) + from, buf_len(out) - from);
    if (st == STATUS_OK && buf_ok(out)) {
        keep(r, e->scan->arena, kind, text_sub(buf_str(out), from, buf_len(out)));
    }
    BUF_LIT(out, "\n\n");
    return st;
}

static void mend(struct native_output *r, struct edits *e, enum kind kind, struct str name)
{
    const struct scan *s = e->scan;
    scan_ref response = SCAN_GET(s, 0, "response");
    int64_t number;
    if (scan_i64(s, SCAN_GET(s, 0, "sequence_number"), &number) && number >= 0) {
        r->next = (uint64_t)number + 1;
    }
    mend_response(r, e, response);
    read_usage(&r->reply, s, response);
    mend_call(r, e, SCAN_GET(s, 0, "item"));
    r->reply.deltas += text_ends(name, STR(".delta"));
    if (kind == SAYS) {
        keep_text(r, s);
    }
    if (kind == ENDS) {
        read_end(&r->reply, s, response);
    }
}

static enum status take(struct native_output *r, struct arena *arena, struct str type,
                        struct str payload, struct buf *out, struct err *err)
{
    struct scan s;
    struct edits e;
    if (native_edit_read(&s, arena, payload, err) != STATUS_OK || scan_type(&s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_UPSTREAM, "an event of the model's stream cannot be read");
    }
    struct str name = scan_text(&s, SCAN_GET(&s, 0, "type"));
    enum kind kind = kind_of(name.n > 0 ? name : type);
    scan_ref response = SCAN_GET(&s, 0, "response"), error = SCAN_GET(&s, response, "error");
    if (kind == FAILS) {
        read_usage(&r->reply, &s, response);
        r->reply.started = r->told; /* of no output nothing is counted */
        error = error == SCAN_ABSENT ? SCAN_GET(&s, 0, "error") : error;
        return refuse(&r->reply, &s, error == SCAN_ABSENT ? 0 : error, err);
    }
    edits_init(&e, &s);
    mend(r, &e, kind, name);
    r->reply.started = true; /* the model runs, and reads what it will be paid for */
    if (kind == BEGINS && !r->told) {
        return put(r, &e, type, kind, &r->held, err);
    }
    if (!r->told) {
        buf_put_str(out, buf_str(&r->held));
        out->failed |= !buf_ok(&r->held);
        buf_free(&r->held);
        r->told = true;
    }
    return put(r, &e, type, kind, out, err);
}

static enum status on_event(struct reply *reply, struct str type, struct str payload,
                            struct buf *out, struct err *err)
{
    if (reply->stopped || text_eq(payload, STR("[DONE]"))) { /* no event of this API */
        return STATUS_OK;
    }
    struct arena *arena = arena_new(EVENT_ARENA_MAX);
    if (!arena) {
        return err_no_memory(err);
    }
    enum status st = take((struct native_output *)reply, arena, type, payload, out, err);
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
    if (scan_type(&s, SCAN_GET(&s, 0, "output")) != SCAN_ARRAY) {
        scan_ref error = SCAN_GET(&s, 0, "error");
        (void)native_edit_error(reply, &s, error);
        return err_set(err, native_edit_fault(reply, &s, error), "Bedrock's answer has no output");
    }
    read_usage(reply, &s, 0);
    if (SCAN_IS(&s, SCAN_GET(&s, 0, "status"), "failed")) {
        return refuse(reply, &s, SCAN_GET(&s, 0, "error"), err);
    }
    edits_init(&e, &s);
    mend_response((struct native_output *)reply, &e, 0);
    read_end(reply, &s, 0);
    return edits_apply(&e, out, err);
}

/* --- a stream that breaks ------------------------------------------------------------------ */

static bool is_told_anew(void *ctx, scan_ref key, scan_ref value)
{
    struct str name = scan_text(ctx, key);
    (void)value;
    return text_eq(name, STR("status")) || text_eq(name, STR("content"));
}

/* The message that was speaking, with what it has said. */
static void put_speaker(const struct native_output *r, struct arena *arena, struct str item,
                        struct buf *out)
{
    struct scan s;
    struct edits e;
    struct err ignored;
    if (scan_parse(&s, arena, item, &relay_limits, &ignored) != STATUS_OK ||
        scan_type(&s, 0) != SCAN_OBJECT) {
        buf_put_str(out, item);
        return;
    }
    edits_init(&e, &s);
    bool more = edits_filter(&e, 0, is_told_anew, &s) > 0;
    char *told = arena_printf(arena,
                              "\"status\":\"incomplete\",\"content\":[{\"type\":\"output_text\","
                              "\"text\":\"%.*s\",\"annotations\":[],\"logprobs\":[]}]%s",
                              STR_ARG(buf_str(&r->said)), more ? "," : "");
    e.failed |= !told;
    edits_inside(&e, 0, text_from(told));
    out->failed |= edits_apply(&e, out, &ignored) != STATUS_OK;
}

static void put_items(const struct native_output *r, struct arena *arena, struct buf *out)
{
    bool any = false;
    BUF_LIT(out, "[");
    for (size_t i = 0; i < r->items; i++) {
        struct str item = text_sub(buf_str(&r->kept), r->item[i].at, r->item[i].n);
        if (item.n == 0) {
            continue;
        }
        buf_put_str(out, any ? STR(",") : STR(""));
        any = true;
        if ((int64_t)i == r->speaks && buf_len(&r->said) > 0) {
            put_speaker(r, arena, item, out);
        } else {
            buf_put_str(out, item);
        }
    }
    BUF_LIT(out, "]");
}

static void put_error(struct buf *out, struct str type, struct str code, struct str message)
{
    struct json_out w;
    json_begin(&w, out);
    json_object(&w);
    if (type.n > 0) {
        JSON_KEY(&w, "type");
        json_str(&w, type);
    }
    JSON_KEY(&w, "code");
    json_str(&w, code);
    JSON_KEY(&w, "message");
    json_str(&w, message);
    if (type.n > 0) {
        JSON_KEY(&w, "param");
        json_null(&w);
    }
    json_object_end(&w);
}

static bool is_ours(void *ctx, scan_ref key, scan_ref value)
{
    struct str name = scan_text(ctx, key);
    (void)value;
    return text_eq(name, STR("status")) || text_eq(name, STR("error")) ||
           text_eq(name, STR("output"));
}

/* The response object as it was at the beginning, but for what it has become. */
static void put_response(const struct native_output *r, struct arena *arena, struct str code,
                         struct str message, struct buf *out)
{
    struct scan s;
    struct edits e;
    struct err ignored;
    struct buf ours;
    bool began = scan_parse(&s, arena, r->created, &relay_limits, &ignored) == STATUS_OK &&
                 scan_type(&s, 0) == SCAN_OBJECT;
    if (!began && /* nobody has told how it began */
        scan_parse(&s, arena, STR("{}"), &relay_limits, &ignored) != STATUS_OK) {
        out->failed = true;
        return;
    }
    buf_init(&ours, 2 * KEPT_MAX);
    edits_init(&e, &s);
    bool more = edits_filter(&e, 0, is_ours, &s) > 0;
    BUF_LIT(&ours, "\"status\":\"failed\",\"error\":");
    put_error(&ours, STR(""), code, message);
    BUF_LIT(&ours, ",\"output\":");
    put_items(r, arena, &ours);
    buf_put_str(&ours, more ? STR(",") : STR(""));
    edits_inside(&e, 0, buf_str(&ours));
    out->failed |= !buf_ok(&ours) || edits_apply(&e, out, &ignored) != STATUS_OK;
    buf_free(&ours);
}

void native_output_fail(struct reply *reply, struct str code, struct str message, struct buf *out)
{
    struct native_output *r = (struct native_output *)reply;
    struct arena *arena = arena_new(EVENT_ARENA_MAX);
    if (!arena) {
        return;
    }
    buf_printf(
        out,
        "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":%llu"
        ",\"response\":",
        (unsigned long long)r->next++);
    put_response(r, arena, code, message, out);
    buf_printf(out, "}\n\nevent: error\ndata: {\"type\":\"error\",\"sequence_number\":%llu,",
               (unsigned long long)r->next++);
    BUF_LIT(out, "\"code\":\"");
    json_escape(out, code);
    BUF_LIT(out, "\",\"message\":\"");
    json_escape(out, message);
    BUF_LIT(out, "\",\"param\":null,\"error\":");
    put_error(out, code, code, message);
    BUF_LIT(out, "}\n\n");
    reply->failed = true;
    arena_drop(arena);
}

const struct relay native_output_relay = {
    .name = "native responses",
    .event = on_event,
    .end = relay_end,
    .whole = whole,
    .ping = STR(": keepalive\n\n"),
};
