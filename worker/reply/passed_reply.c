#include "worker/reply/passed_reply.h"

#include <string.h>

#include "server/json/scan.h"
#include "worker/reply/converse_event.h"
#include "worker/splice/splice_error.h"
#include "worker/splice/splice_usage.h"
#include "server/base/base64.h"

#define PEEK_BYTES  48 /* of an event: where its type stands */
#define TAIL_BYTES  2048u
#define ERROR_BYTES 4096 /* of an error, which has a sentence */

struct reply *passed_reply_new(struct arena *arena, struct str client_model)
{
    struct passed_reply *r = arena_alloc(arena, sizeof *r);
    if (!r) {
        return NULL;
    }
    *r = (struct passed_reply){.reply.client_model = client_model};
    return &r->reply;
}

void passed_reply_header(struct reply *r, struct str name, struct str value)
{
    struct str begin = STR("x-amzn-bedrock-"), end = STR("-token-count");
    struct tokens *t = &((struct passed_reply *)r)->head.tokens;
    const struct {
        struct str name;
        uint64_t *count;
    } rows[] = {
        {STR("input"), &t->input},
        {STR("output"), &t->output},
        {STR("cache-read-input"), &t->cache_read},
        {STR("cache-write-input"), &t->write_5m},
    };
    if (name.n < begin.n + end.n || !text_ieq(text_sub(name, name.n - end.n, end.n), end) ||
        !text_istarts(name, begin)) {
        return;
    }
    struct str what = text_sub(name, begin.n, name.n - begin.n - end.n);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_ieq(what, rows[i].name) && text_u64(value, rows[i].count)) {
            ((struct passed_reply *)r)->head.seen = true;
        }
    }
}

/* --- InvokeModel --------------------------------------------------------------------------- */

static void keep_stop(struct reply *r, const struct scan *s, scan_ref holder)
{
    struct str reason = scan_text(s, SCAN_GET(s, holder, "stop_reason"));
    if (reason.p) {
        text_copy(reason, r->stop_reason, sizeof r->stop_reason);
    }
}

/* Claude tells its counts by and by; the others leave it to Bedrock, in the last of their events. */
static void read_event(struct reply *r, const struct scan *s)
{
    int64_t ms;
    r->deltas += SCAN_GET(s, 0, "type") == SCAN_ABSENT; /* the others' are all pieces of text */
    scan_ref metrics = SCAN_GET(s, 0, "amazon-bedrock-invocationMetrics");
    splice_usage_read(&r->usage, s, SCAN_GET(s, SCAN_GET(s, 0, "message"), "usage"));
    splice_usage_read(&r->usage, s, SCAN_GET(s, 0, "usage"));
    splice_usage_metrics(&r->usage, s, metrics);
    keep_stop(r, s, 0);
    keep_stop(r, s, SCAN_GET(s, 0, "delta"));
    if (scan_i64(s, SCAN_GET(s, metrics, "firstByteLatency"), &ms) && ms >= 0) {
        r->first_latency_ms = (uint64_t)ms;
    }
    r->stopped |= metrics != SCAN_ABSENT || SCAN_IS(s, SCAN_GET(s, 0, "type"), "message_stop");
    r->failed |= SCAN_IS(s, SCAN_GET(s, 0, "type"), "error");
}

static enum status decode_event(struct reply *r, struct arena *arena, struct str base64,
                                struct err *err)
{
    struct scan s;
    size_t n;
    char *json = arena_alloc(arena, base64.n / 4 * 3 + 4);
    if (!json || !base64_decode(base64, (uint8_t *)json, &n) ||
        scan_parse(&s, arena, (struct str){json, n}, &relay_limits, NULL) != STATUS_OK) {
        return STATUS_OK;
    }
    if (splice_error_is_first(r, &s)) {
        return splice_error_set(r, &s, err);
    }
    read_event(r, &s);
    return STATUS_OK;
}

static struct str find_bytes(struct arena *arena, struct str payload)
{
    struct str open = STR("{\"bytes\":\""), rest = text_sub(payload, open.n, payload.n), bytes;
    struct scan s;
    if (text_starts(payload, open) && text_split(&rest, '"', &bytes)) {
        return bytes;
    }
    return scan_parse(&s, arena, payload, &relay_limits, NULL) == STATUS_OK
               ? scan_text(&s, SCAN_GET(&s, 0, "bytes"))
               : (struct str){NULL, 0};
}

/* Most of a stream are these: they have no counts in them. */
static bool is_delta(struct str payload)
{
    static const struct str delta = STR("{\"type\":\"content_block_delta\"");
    struct str open = STR("{\"bytes\":\"");
    char head[PEEK_BYTES];
    size_t n;
    if (!text_starts(payload, open) ||
        !base64_decode(text_sub(payload, open.n, PEEK_BYTES / 3 * 4), (uint8_t *)head, &n)) {
        return false;
    }
    return text_starts((struct str){head, n}, delta);
}

static enum status on_chunk(struct reply *r, struct str type, struct str payload, struct buf *out,
                            struct err *err)
{
    enum status st = STATUS_OK;
    (void)out;
    if (is_delta(payload)) {
        r->started = true;
        r->deltas++;
        return STATUS_OK;
    }
    struct arena *arena = text_eq(type, STR("chunk")) ? arena_new(RELAY_EVENT_MAX) : NULL;
    if (arena) {
        st = decode_event(r, arena, find_bytes(arena, payload), err);
        arena_drop(arena);
    }
    r->started |= st == STATUS_OK;
    return st;
}

static bool is_json(struct str body)
{
    struct str text = text_trim(body);
    return text.n > 0 && (text.p[0] == '{' || text.p[0] == '[');
}

static enum status pass(struct reply *r, struct str body, struct buf *out)
{
    r->stopped = true;
    buf_put_str(out, body);
    return STATUS_OK;
}

/* Claude's answers end with why they ended and what that cost. Behind a key, which no text in quotes
 * can play, whatever closes as much as one brace opens has stood in that brace: so the rest is not looked
 * at. */
static bool scan_tail(struct scan *s, struct arena *arena, struct str body)
{
    struct str key = STR("\"stop_reason\":"), tail = {NULL, 0};
    struct str rest = text_sub(body, body.n > TAIL_BYTES ? body.n - TAIL_BYTES : 0, body.n);
    for (size_t at; text_find(rest, key, &at); rest = text_sub(tail, key.n, tail.n)) {
        tail = text_sub(rest, at, rest.n);
    }
    char *text = tail.n > 0 ? arena_alloc(arena, tail.n + 1) : NULL;
    if (!text) {
        return false;
    }
    text[0] = '{';
    memcpy(text + 1, tail.p, tail.n);
    return scan_parse(s, arena, (struct str){text, tail.n + 1}, &relay_limits, NULL) == STATUS_OK &&
           SCAN_GET(s, 0, "usage") != SCAN_ABSENT;
}

static void read_whole(struct reply *r, struct arena *arena, struct str body)
{
    struct scan s;
    size_t at;
    if (scan_tail(&s, arena, body) ||
        (text_find(body, STR("\"usage\""), &at) &&
         scan_parse(&s, arena, body, &relay_limits, NULL) == STATUS_OK)) {
        splice_usage_read(&r->usage, &s, SCAN_GET(&s, 0, "usage"));
        keep_stop(r, &s, 0);
    }
}

/* Claude's own error in place of an answer. */
static bool is_error(const struct reply *r, struct scan *s, struct arena *arena, struct str body)
{
    size_t at;
    return body.n <= ERROR_BYTES && text_find(body, STR("\"error\""), &at) &&
           scan_parse(s, arena, body, &relay_limits, NULL) == STATUS_OK &&
           splice_error_is_first(r, s);
}

static enum status whole_invoke(struct reply *r, struct arena *arena, struct str body,
                                struct buf *out, struct err *err)
{
    if (!is_json(body)) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock's answer is no JSON");
    }
    struct scan s;
    if (is_error(r, &s, arena, body)) {
        return splice_error_set(r, &s, err);
    }
    read_whole(r, arena, body);
    if (!r->usage.seen) {
        r->usage = ((struct passed_reply *)r)->head;
    }
    return pass(r, body, out);
}

const struct relay passed_invoke_relay = {
    .name = "passed invoke",
    .event = on_chunk,
    .end = relay_end,
    .whole = whole_invoke,
    .raw = true,
};

/* --- Converse ------------------------------------------------------------------------------ */

/* GPT's streams tell as input what went into the cache, too (converse_reply.c). */
static void take_usage(struct reply *r, const struct usage *u, bool streamed)
{
    struct tokens *t = &r->usage.tokens;
    if (!u->seen) {
        return;
    }
    r->usage = *u;
    uint64_t cached = t->cache_read + tokens_written(t);
    if (streamed && r->input_whole && cached <= t->input) {
        t->input -= cached;
    }
}

static void take_ending(struct reply *r, const struct converse_ending *e, bool streamed)
{
    take_usage(r, &e->usage, streamed);
    if (e->stop_reason.n > 0) {
        text_copy(e->stop_reason, r->stop_reason, sizeof r->stop_reason);
    }
    if (e->served.n > 0) {
        text_copy(e->served, r->served, sizeof r->served);
    }
    r->thinking = e->thinking ? e->thinking : r->thinking;
}

static void read_converse(struct reply *r, struct arena *arena, struct str type, struct str payload)
{
    struct converse_event e;
    struct err ignored;
    if (converse_event_read(&e, arena, type, payload, &ignored) == STATUS_OK) {
        take_ending(r, &e.ending, true);
    }
}

static enum status on_event(struct reply *r, struct str type, struct str payload, struct buf *out,
                            struct err *err)
{
    bool last = text_eq(type, STR("metadata")), stop = text_eq(type, STR("messageStop"));
    (void)out;
    (void)err;
    r->started = true;
    r->stopped |= last;
    r->deltas += text_eq(type, STR("contentBlockDelta"));
    struct arena *arena = last || stop ? arena_new(RELAY_EVENT_MAX) : NULL;
    if (arena) {
        read_converse(r, arena, type, payload);
        arena_drop(arena);
    }
    return STATUS_OK;
}

static enum status whole_converse(struct reply *r, struct arena *arena, struct str body,
                                  struct buf *out, struct err *err)
{
    struct converse_answer a;
    if (converse_event_answer(&a, arena, body, err) != STATUS_OK) {
        return err->code;
    }
    take_ending(r, &a.ending, false);
    return pass(r, body, out);
}

const struct relay passed_converse_relay = {
    .name = "passed converse",
    .event = on_event,
    .end = relay_end,
    .whole = whole_converse,
    .raw = true,
};

/* --- CountTokens --------------------------------------------------------------------------- */

static enum status whole_count(struct reply *r, struct arena *arena, struct str body,
                               struct buf *out, struct err *err)
{
    (void)arena;
    return is_json(body) ? pass(r, body, out)
                         : err_set(err, STATUS_UPSTREAM, "Bedrock's answer is no JSON");
}

/* It has no streams. */
const struct relay passed_count_relay = {
    .name = "passed count",
    .event = on_event,
    .end = relay_end,
    .whole = whole_count,
    .raw = true,
};
