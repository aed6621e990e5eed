#include "worker/door/count.h"

#include "server/base/base64.h"
#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "worker/model/mantle.h"
#include "worker/turn/answer.h"

#define REMEMBER_MS         600000 /* after a refusal: do not ask AWS again for this model */
#define IMAGE_TOKENS        1600 /* the most that one image costs (width * height / 750, downsized) */
#define KEY_ROOM            128 /* as in the worker's memory */
#define BETAS_MAX           4096
#define PDF_BYTES_PER_TOKEN 30 /* of base64: a page of 50 KB holds some 1,600 tokens */

#define HOST "mantle/" /* remembered alone: it cannot be reached at all */

/* What is remembered: "opus" of the one, "mantle/opus" of the other. */
static struct str place_key(const struct exchange *x, bool mantle, char room[KEY_ROOM])
{
    struct str base = region_base(models_behind(&x->asked.model));
    int n = snprintf(room, KEY_ROOM, "%s%.*s", mantle ? HOST : "", STR_ARG(base));
    return (struct str){room, (size_t)n < KEY_ROOM ? (size_t)n : KEY_ROOM - 1};
}

static bool is_remembered(const struct worker *w, struct str key)
{
    for (size_t i = 0; i < WORKER_UNCOUNTED; i++) {
        if (w->learnt.uncounted[i].until_ms > clock_mono_ms() &&
            text_eq(text_from(w->learnt.uncounted[i].model), key)) {
            return true;
        }
    }
    return false;
}

static bool is_refused(const struct exchange *x, bool mantle)
{
    char room[KEY_ROOM];
    return is_remembered(x->worker, place_key(x, mantle, room)) ||
           (mantle && is_remembered(x->worker, STR(HOST)));
}

enum count_at count_where(struct exchange *x, bool has_mantle)
{
    char room[MANTLE_ROOM];
    if (!(x->asked.model.caps->flags & MODELS_CLAUDE)) {
        return COUNT_NOWHERE; /* no other family is counted */
    }
    if (!is_refused(x, false)) {
        return COUNT_RUNTIME;
    }
    return has_mantle && !is_refused(x, true) &&
                   mantle_id(models_behind(&x->asked.model), room).n > 0
               ? COUNT_MANTLE
               : COUNT_NOWHERE;
}

void count_refused(struct exchange *x)
{
    char room[KEY_ROOM];
    struct worker *w = x->worker;
    size_t oldest = 0;
    for (size_t i = 0; i < WORKER_UNCOUNTED; i++) {
        oldest =
            w->learnt.uncounted[i].until_ms < w->learnt.uncounted[oldest].until_ms ? i : oldest;
    }
    bool unreachable = x->attempt.mantle.here && x->attempt.transfer.first_ns == 0;
    struct str key = unreachable ? STR(HOST) : place_key(x, x->attempt.mantle.here, room);
    text_copy(key, w->learnt.uncounted[oldest].model, sizeof w->learnt.uncounted[oldest].model);
    w->learnt.uncounted[oldest].until_ms = clock_mono_ms() + REMEMBER_MS;
}

/* {"input":{"invokeModel":{"body":"<base64>"}}} */
static void wrap_for_runtime(struct str body, struct buf *out)
{
    buf_init(out, base64_size(body.n) + 128);
    BUF_LIT(out, "{\"input\":{\"invokeModel\":{\"body\":\"");
    char *room = buf_reserve(out, base64_size(body.n));
    if (room) {
        buf_commit(out, base64_encode((const uint8_t *)body.p, body.n, room));
    }
    BUF_LIT(out, "\"}}}");
}

/* Its betas are a header there. */
static void read_betas(struct exchange *x, const struct scan *s)
{
    struct buf list;
    buf_init(&list, BETAS_MAX);
    scan_ref betas = SCAN_GET(s, 0, "anthropic_beta");
    for (scan_ref b = scan_first(s, betas); b != SCAN_ABSENT; b = scan_next(s, betas, b)) {
        struct str word = scan_text(s, b);
        if (word.n > 0 && text_span(word, "-._") == word.n) {
            buf_printf(&list, "%s%.*s", buf_len(&list) ? "," : "", STR_ARG(word));
        }
    }
    x->attempt.mantle.betas =
        buf_ok(&list) ? arena_dup(x->arena, buf_str(&list)) : (struct str){NULL, 0};
    buf_free(&list);
}

/* Anthropic's own body: what InvokeModel has of it that a count takes, and the model.
 * platform.claude.com/docs/en/api/messages-count-tokens */
static bool wrap_for_mantle(struct exchange *x, struct str body, struct buf *out)
{
    static const char *const members[] = {"messages",    "system",   "tools",
                                          "tool_choice", "thinking", "output_config"};
    char room[MANTLE_ROOM];
    struct scan s;
    struct err ignored;
    struct json_out w;
    if (scan_parse(&s, x->arena, body, &x->worker->scan_limits, &ignored) != STATUS_OK) {
        return false;
    }
    buf_init(out, body.n + MANTLE_ROOM + 64);
    json_begin(&w, out);
    json_object(&w);
    JSON_KEY(&w, "model");
    json_str(&w, mantle_id(models_behind(&x->asked.model), room));
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        scan_ref v = scan_get(&s, 0, text_from(members[i]));
        if (v != SCAN_ABSENT) {
            json_key(&w, text_from(members[i]));
            json_raw(&w, scan_raw(&s, v));
        }
    }
    json_object_end(&w);
    read_betas(x, &s);
    return true;
}

bool count_wrap(struct exchange *x)
{
    struct buf out = {0};
    struct str body = buf_str(&x->attempt.body);
    if (!x->attempt.mantle.here) {
        wrap_for_runtime(body, &out);
    } else if (!wrap_for_mantle(x, body, &out)) {
        return false;
    }
    buf_free(&x->attempt.body);
    x->attempt.body = out;
    return buf_ok(&out);
}

/* --- the answer ---------------------------------------------------------------------------- */

static enum status read_answer(struct reply *r, struct arena *arena, struct str body,
                               struct buf *out, struct err *err)
{
    (void)arena;
    struct cJSON *doc = json_parse(body, err);
    int64_t n = 0;
    bool ok =
        (json_get_i64(doc, "inputTokens", &n) || json_get_i64(doc, "input_tokens", &n)) && n >= 0;
    json_free(doc);
    if (!ok) {
        return err_set(err, STATUS_UPSTREAM, "Bedrock's token count cannot be read");
    }
    r->stopped = true;
    buf_printf(out, "{\"input_tokens\":%lld}", (long long)n);
    return STATUS_OK;
}

static enum status no_event(struct reply *r, struct str type, struct str payload, struct buf *out,
                            struct err *err)
{
    (void)r;
    (void)type;
    (void)payload;
    (void)out;
    return err_set(err, STATUS_UPSTREAM, "Bedrock streamed a token count");
}

static enum status no_end(struct reply *r, struct buf *out, struct err *err)
{
    return no_event(r, (struct str){NULL, 0}, (struct str){NULL, 0}, out, err);
}

const struct relay count_relay = {
    .name = "count", .event = no_event, .end = no_end, .whole = read_answer, .ping = {"", 0}};

/* --- the estimate -------------------------------------------------------------------------- */

/* Lead bytes of the blocks of Chinese, Japanese and Korean (U+2E80..U+9FFF, U+AC00..U+D7AF,
 * U+F900.., U+20000..). */
static bool is_cjk_lead(unsigned char c)
{
    return (c >= 0xe3 && c <= 0xed) || c == 0xef || c == 0xf0;
}

struct weights {
    uint64_t bytes, cjk, fixed;
};

static void add_text(struct weights *w, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool lead = is_cjk_lead((unsigned char)text.p[i]);
        w->cjk += lead;
        w->bytes += !lead && ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
}

static void add_value(struct weights *w, const struct scan *s, scan_ref v);

/* Media count by what they cost, not by their base64. */
static bool add_media(struct weights *w, const struct scan *s, scan_ref v)
{
    scan_ref type = SCAN_GET(s, v, "type"), source = SCAN_GET(s, v, "source");
    bool encoded = SCAN_IS(s, SCAN_GET(s, source, "type"), "base64");
    if (SCAN_IS(s, type, "image")) {
        w->fixed += IMAGE_TOKENS;
        return true;
    }
    if (SCAN_IS(s, type, "document") && encoded) {
        w->fixed += scan_raw(s, SCAN_GET(s, source, "data")).n / PDF_BYTES_PER_TOKEN + 1;
        return true;
    }
    return false;
}

static void add_members(struct weights *w, const struct scan *s, scan_ref v)
{
    for (scan_ref m = scan_first(s, v); m != SCAN_ABSENT; m = scan_next(s, v, m)) {
        if (scan_type(s, v) == SCAN_OBJECT) {
            w->bytes += scan_raw(s, scan_key(s, m)).n;
        }
        add_value(w, s, m);
    }
}

static void add_value(struct weights *w, const struct scan *s, scan_ref v)
{
    switch (scan_type(s, v)) {
    case SCAN_OBJECT:
        if (!add_media(w, s, v)) {
            add_members(w, s, v);
        }
        break;
    case SCAN_ARRAY:
        add_members(w, s, v);
        break;
    default:
        add_text(w, scan_raw(s, v));
    }
}

/* "About 30 % more tokens for the same text" (Anthropic, overview of Haiku 5.5). */
#define MORE_OF_TEN 13u

uint64_t count_guess(const struct messages_request *r, bool more_tokens)
{
    struct weights w = {0, 0, 0};
    add_value(&w, r->scan, r->messages);
    if (r->system != SCAN_ABSENT) {
        add_value(&w, r->scan, r->system);
    }
    if (r->tools != SCAN_ABSENT) {
        add_value(&w, r->scan, r->tools);
    }
    uint64_t text = (w.bytes + 3) / 4 + w.cjk;
    uint64_t tokens = (more_tokens ? (text * MORE_OF_TEN + 9) / 10 : text) + w.fixed;
    return tokens + tokens / 20 + 1;
}

enum verdict count_estimate(struct exchange *x)
{
    if (text_eq(text_from(x->worker->config->count_tokens_fallback), STR("refuse"))) {
        err_set(&x->outcome.err, STATUS_NOT_SUPPORTED, "this model's tokens cannot be counted");
        return VERDICT_FAIL;
    }
    char body[64];
    int n = snprintf(body, sizeof body, "{\"input_tokens\":%llu}",
                     (unsigned long long)count_guess(
                         &x->asked.messages, x->asked.model.caps->flags & MODELS_MORE_TOKENS));
    answer_begin(x, 200);
    http_out_header(x->conn, STR("x-token-count"), STR("estimate"));
    http_out_body(x->conn, STR("application/json"), (struct str){body, (size_t)n});
    return VERDICT_DONE;
}

/* It would be the same next time. A body that Bedrock calls invalid says nothing about the model
 * (or any client could switch the counting off), and most outages pass. */
bool count_is_refused(const struct exchange *x)
{
    int said = x->attempt.transfer.refusal;
    if (x->attempt.mantle.here && (said == 0 || said == 401)) {
        return true; /* not every region has it, not every account may */
    }
    switch (x->outcome.err.code) {
    case STATUS_PERMISSION:
    case STATUS_NOT_FOUND:
    case STATUS_NO_MODEL:
    case STATUS_TIMEOUT: /* nobody shall wait that long each time */
        return true;
    default:
        return x->attempt.transfer.complaint == COMPLAINT_NO_COUNTING;
    }
}
