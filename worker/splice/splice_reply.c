/* The reply side of splice.h: Bedrock's frames and answers on their way to an Anthropic client. */
#include "worker/splice/splice.h"

#include <string.h>

#include "server/json/json.h"
#include "server/json/surrogates.h"
#include "worker/dialect/edits.h"
#include "server/base/base64.h"
#include "worker/splice/splice_error.h"

#define TYPE_MAX 48
void splice_reply_init(struct splice_reply *r, struct str client_model)
{
    *r = (struct splice_reply){.reply.client_model = client_model, .first = {-1, -1, -1, -1, -1}};
}

struct reply *splice_reply_new(struct arena *arena, struct str client_model)
{
    struct splice_reply *r = arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    splice_reply_init(r, client_model);
    return &r->reply;
}

/* May the event stand here? */
static enum status take_order(struct reply *r, struct str type, int64_t index, struct err *err)
{
    return splice_order_take(&((struct splice_reply *)r)->order, type, index, err);
}

/* --- usage and the other figures ----------------------------------------------------------- */

/* Bedrock's own figures: the latency, and what the model has not told of the tokens. */
static void read_metrics(struct reply *r, const struct scan *s, scan_ref metrics)
{
    int64_t ms;
    if (scan_i64(s, SCAN_GET(s, metrics, "firstByteLatency"), &ms) && ms >= 0) {
        r->first_latency_ms = (uint64_t)ms;
    }
    splice_usage_metrics(&r->usage, s, metrics);
}

/* --- edits --------------------------------------------------------------------------------- */

bool splice_is_aws_own(void *scan, scan_ref key, scan_ref value)
{
    (void)value;
    return text_starts(scan_text(scan, key), STR(SPLICE_AWS_OWN));
}

static struct str quoted(struct arena *arena, struct str text, const char *before,
                         const char *after)
{
    struct buf b;
    buf_init(&b, 6 * text.n + 64);
    buf_put_str(&b, text_from(before));
    buf_put_char(&b, '"');
    json_escape(&b, text);
    buf_put_char(&b, '"');
    buf_put_str(&b, text_from(after));
    struct str copy = buf_ok(&b) ? arena_dup(arena, buf_str(&b)) : (struct str){NULL, 0};
    buf_free(&b);
    return copy;
}

/* The name the client asked for, in place of Bedrock's. */
static void put_model_back(const struct reply *r, struct edits *e, scan_ref message)
{
    const struct scan *s = e->scan;
    scan_ref model = SCAN_GET(s, message, "model");
    bool absent = scan_type(s, model) == SCAN_NONE;
    struct str text =
        quoted(s->arena, r->client_model, absent ? "\"model\":" : "", absent ? "," : "");
    if (!text.p) {
        e->failed = true;
    } else if (!absent) {
        edits_value(e, model, text);
    } else if (scan_size(s, message) > 0) {
        edits_inside(e, message, text);
    }
}

/* --- events that are read ------------------------------------------------------------------ */

static void on_message_start(struct reply *r, const struct scan *s, struct edits *e)
{
    scan_ref message = SCAN_GET(s, 0, "message");
    scan_ref usage = SCAN_GET(s, message, "usage");
    ((struct splice_reply *)r)->first = splice_usage_counts(s, usage);
    splice_usage_read(&r->usage, s, usage);
    put_model_back(r, e, message);
    r->started = true;
}

static struct splice_stop *stop_of(struct reply *r)
{
    return &((struct splice_reply *)r)->stop;
}

static void read_stop(struct reply *r, struct edits *e, scan_ref holder)
{
    struct str reason = splice_stop_read(stop_of(r), e, holder);
    if (reason.p) {
        text_copy(reason, r->stop_reason, sizeof r->stop_reason);
    }
}

static void on_block_start(struct reply *r, const struct scan *s, struct edits *e)
{
    (void)e;
    splice_stop_block(stop_of(r), s, SCAN_GET(s, 0, "content_block"));
}

static void on_message_delta(struct reply *r, const struct scan *s, struct edits *e)
{
    scan_ref usage = SCAN_GET(s, 0, "usage");
    splice_usage_fill(&((const struct splice_reply *)r)->first, e, usage);
    splice_usage_read(&r->usage, s, usage);
    read_stop(r, e, SCAN_GET(s, 0, "delta"));
}

static void on_message_stop(struct reply *r, const struct scan *s, struct edits *e)
{
    (void)e;
    splice_usage_read(&r->usage, s, SCAN_GET(s, 0, "usage"));
    r->stopped = true;
}

static void on_error(struct reply *r, const struct scan *s, struct edits *e)
{
    (void)s;
    (void)e;
    r->failed = true;
}

static const struct {
    const char *type;
    void (*on)(struct reply *r, const struct scan *s, struct edits *e);
} read_events[] = {
    {"message_start", on_message_start},
    {"content_block_start", on_block_start},
    {"message_delta", on_message_delta},
    {"message_stop", on_message_stop},
    {"error", on_error},
};

/* It stands on a line of its own in the event stream. */
static bool is_type(struct str type)
{
    for (size_t i = 0; i < type.n; i++) {
        if (!((type.p[i] >= 'a' && type.p[i] <= 'z') || type.p[i] == '_')) {
            return false;
        }
    }
    return type.n > 0 && type.n < TYPE_MAX;
}

static void put_head(struct buf *out, struct str type)
{
    BUF_LIT(out, "event: ");
    buf_put_str(out, type);
    BUF_LIT(out, "\ndata: ");
}

static enum status no_room(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "no room for an event of the model");
}

static enum status put_event(struct edits *e, struct str type, struct buf *out, struct err *err)
{
    size_t before = buf_len(out);
    put_head(out, type);
    size_t from = buf_len(out);
    if (!buf_ok(out) || edits_apply(e, out, NULL) != STATUS_OK) {
        buf_truncate(out, before);
        return no_room(err);
    }
    relay_join_lines(buf_data(out) + from, buf_len(out) - from);
    BUF_LIT(out, "\n\n");
    return buf_ok(out) ? STATUS_OK : no_room(err);
}

static enum status read_event(struct reply *r, struct arena *arena, struct str json,
                              struct buf *out, struct err *err)
{
    struct scan s;
    struct edits e;
    if (scan_parse(&s, arena, json, &relay_limits, NULL) != STATUS_OK) {
        return err_set(err, STATUS_UPSTREAM, "the model sent an event that is no JSON");
    }
    struct str type = scan_text(&s, SCAN_GET(&s, 0, "type"));
    int64_t index;
    if (!type.p || !is_type(type)) {
        return STATUS_OK;
    }
    if (!scan_i64(&s, SCAN_GET(&s, 0, "index"), &index)) {
        index = -1;
    }
    if (take_order(r, type, index, err) != STATUS_OK) {
        return err->code;
    }
    if (splice_error_is_first(r, &s)) {
        return splice_error_set(r, &s, err);
    }
    r->deltas += text_eq(type, STR("content_block_delta"));
    splice_stop_look(stop_of(r), &s);
    edits_init(&e, &s);
    edits_filter(&e, 0, splice_is_aws_own, &s);
    for (size_t i = 0; i < sizeof read_events / sizeof *read_events; i++) {
        if (text_eq(type, text_from(read_events[i].type))) {
            read_events[i].on(r, &s, &e);
        }
    }
    read_metrics(r, &s, SCAN_GET(&s, 0, "amazon-bedrock-invocationMetrics"));
    return put_event(&e, type, out, err);
}

static enum status decode_and_read(struct reply *r, struct arena *arena, struct str base64,
                                   struct buf *out, struct err *err)
{
    size_t n;
    char *json = arena_alloc(arena, base64.n / 4 * 3 + 4);
    if (!json) {
        return no_room(err);
    }
    if (!base64_decode(base64, (uint8_t *)json, &n)) {
        return err_set(err, STATUS_UPSTREAM, "the model sent an event that is no base64");
    }
    surrogates_mend(json, n);
    return read_event(r, arena, (struct str){json, n}, out, err);
}

/* --- events that are only forwarded -------------------------------------------------------- */

/* ,"index":12 and what ends a number; -1 where no index is due. */
static bool peek_index(struct str rest, struct str type, int64_t *index_out)
{
    struct str open = STR(",\"index\":");
    size_t digits = open.n;
    *index_out = -1;
    if (text_eq(type, STR("ping"))) {
        return true;
    }
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9') {
        digits++;
    }
    bool ends = digits < rest.n && (rest.p[digits] == ',' || rest.p[digits] == '}');
    return ends && text_starts(rest, open) &&
           text_i64(text_sub(rest, open.n, digits - open.n), index_out);
}

/*
 * Type and index out of the first bytes of the base64, when they have the usual form
 * {"type":"...","index":N and only for the events that need no look inside, which are nearly all of
 * a stream.
 */
static bool peek_plain_type(struct str base64, char buffer[TYPE_MAX], struct str *type_out,
                            int64_t *index_out)
{
    static const char *const plain[] = {"content_block_delta", "content_block_stop", "ping"};
    struct str open = STR("{\"type\":\"");
    size_t n;
    if (!base64_decode(text_sub(base64, 0, TYPE_MAX / 3 * 4), (uint8_t *)buffer, &n)) {
        return false;
    }
    struct str head = {buffer, n};
    if (!text_starts(head, open)) {
        return false;
    }
    head = text_sub(head, open.n, n);
    if (!text_split(&head, '"', type_out)) {
        return false;
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (text_eq(*type_out, text_from(plain[i]))) {
            return peek_index(head, *type_out, index_out);
        }
    }
    return false;
}

/* False: not an object in base64, not only the model's, or no room (then out has failed); nothing was
 * added. */
static bool forward(struct str base64, struct str type, struct buf *out)
{
    size_t before = buf_len(out), n, at;
    put_head(out, type);
    char *room = buf_reserve(out, base64.n / 4 * 3 + 2);
    if (!room || !base64_decode(base64, (uint8_t *)room, &n) || n == 0 || room[n - 1] != '}') {
        buf_truncate(out, before);
        return false;
    }
    if (text_find((struct str){room, n}, STR("\"" SPLICE_AWS_OWN),
                  &at)) { /* perhaps only in a text */
        buf_truncate(out, before);
        return false;
    }
    surrogates_mend(room, n);
    relay_join_lines(room, n);
    memcpy(room + n, "\n\n", 2);
    buf_commit(out, n + 2);
    return true;
}

/* --- frames -------------------------------------------------------------------------------- */

/* {"bytes":"...","p":"..."} as Bedrock writes it: found without an index. Anything else: false. */
static bool cut_plain_frame(struct str payload, struct str *base64_out)
{
    struct str open = STR("{\"bytes\":\""), pad = STR("\",\"p\":\""), close = STR("\"}");
    if (!text_starts(payload, open) || !text_ends(payload, close)) {
        return false;
    }
    struct str rest = text_sub(payload, open.n, payload.n);
    const char *quote = memchr(rest.p, '"', rest.n);
    size_t n = (size_t)(quote - rest.p);
    *base64_out = text_sub(rest, 0, n);
    if (n + close.n == rest.n) {
        return true;
    }
    struct str tail = text_sub(rest, n, rest.n);
    if (!text_starts(tail, pad) || tail.n < pad.n + close.n) {
        return false;
    }
    tail = text_sub(tail, pad.n, tail.n - pad.n - close.n);
    return tail.n == 0 || (!memchr(tail.p, '"', tail.n) && !memchr(tail.p, '\\', tail.n));
}

static enum status find_bytes(struct arena *arena, struct str payload, struct str *base64_out,
                              struct err *err)
{
    struct scan s;
    if (scan_parse(&s, arena, payload, &relay_limits, NULL) == STATUS_OK) {
        *base64_out = scan_text(&s, SCAN_GET(&s, 0, "bytes"));
        if (base64_out->p) {
            return STATUS_OK;
        }
    }
    return err_set(err, STATUS_UPSTREAM, "Bedrock sent a frame without bytes");
}

/* The arena lives for this event only: a stream may have millions of them. */
static enum status slow_event(struct reply *r, struct str payload, struct str base64,
                              struct buf *out, struct err *err)
{
    struct arena *arena = arena_new(RELAY_EVENT_MAX);
    enum status st = STATUS_OK;
    if (!arena) {
        return no_room(err);
    }
    if (!base64.p) {
        st = find_bytes(arena, payload, &base64, err);
    }
    if (st == STATUS_OK) {
        st = decode_and_read(r, arena, base64, out, err);
    }
    arena_drop(arena);
    return st;
}

enum status splice_event(struct reply *r, struct str payload, struct buf *out, struct err *err)
{
    struct str base64 = {NULL, 0}, type;
    char head[TYPE_MAX];
    int64_t index;
    size_t before = buf_len(out);
    if (r->stopped || r->failed) { /* the answer is over: what comes behind would spoil it */
        return STATUS_OK;
    }
    if (!cut_plain_frame(payload, &base64)) {
        base64.p = NULL;
    } else if (peek_plain_type(base64, head, &type, &index) && forward(base64, type, out)) {
        enum status st = take_order(r, type, index, err);
        if (st != STATUS_OK) {
            buf_truncate(out, before);
        } else {
            r->deltas += text_eq(type, STR("content_block_delta"));
        }
        return st;
    }
    if (!buf_ok(out)) {
        return no_room(err);
    }
    return slow_event(r, payload, base64, out, err);
}

/* --- whole answers ------------------------------------------------------------------------- */

enum status splice_answer(struct reply *r, struct arena *arena, struct str body, struct buf *out,
                          struct err *err)
{
    struct scan s;
    struct edits e;
    struct str text = surrogates_mended(arena, body);
    if (body.p && !text.p) {
        return no_room(err);
    }
    if (scan_parse(&s, arena, text, &relay_limits, NULL) != STATUS_OK) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock's answer is no JSON");
    }
    scan_ref content = SCAN_GET(&s, 0, "content");
    if (splice_error_is_first(r, &s)) {
        return splice_error_set(r, &s, err);
    }
    if (!SCAN_IS(&s, SCAN_GET(&s, 0, "type"), "message") || scan_type(&s, content) != SCAN_ARRAY) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock's answer is no message");
    }
    edits_init(&e, &s);
    edits_filter(&e, 0, splice_is_aws_own, &s);
    put_model_back(r, &e, 0);
    splice_usage_read(&r->usage, &s, SCAN_GET(&s, 0, "usage"));
    for (scan_ref v = scan_first(&s, content); v != SCAN_ABSENT; v = scan_next(&s, content, v)) {
        splice_stop_block(stop_of(r), &s, v);
    }
    splice_stop_look(stop_of(r), &s);
    read_stop(r, &e, 0);
    read_metrics(r, &s, SCAN_GET(&s, 0, "amazon-bedrock-invocationMetrics"));
    enum status st = edits_apply(&e, out, err);
    r->stopped = st == STATUS_OK;
    return st == STATUS_TOO_LARGE ? err_set(err, STATUS_UPSTREAM, "Bedrock's answer is too large")
                                  : st;
}

/* --- the relay ----------------------------------------------------------------------------- */

static enum status relay_event(struct reply *r, struct str type, struct str payload,
                               struct buf *out, struct err *err)
{
    if (!text_eq(type, STR("chunk"))) { /* a kind of event that is newer than this program */
        return STATUS_OK;
    }
    return splice_event(r, payload, out, err);
}

const struct relay splice_relay = {
    .name = "splice",
    .event = relay_event,
    .end = relay_end,
    .whole = splice_answer,
    .ping = {"event: ping\ndata: {\"type\": \"ping\"}\n\n", 36},
};
