#include "worker/door/count.h"

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "worker/turn/answer.h"
#include "server/base/base64.h"

#define REMEMBER_MS         600000 /* after a refusal: do not ask AWS again for this model */
#define IMAGE_TOKENS        1600 /* the most that one image costs (width * height / 750, downsized) */
#define PDF_BYTES_PER_TOKEN 30   /* of base64: a page of 50 KB holds some 1,600 tokens */

static struct str base_id(const struct exchange *x)
{
    return region_base(models_behind(&x->asked.model));
}

bool count_may_ask(struct exchange *x)
{
    const struct worker *w = x->worker;
    if (!(x->asked.model.caps->flags & MODELS_CLAUDE)) {
        return false; /* no other family has CountTokens */
    }
    for (size_t i = 0; i < WORKER_UNCOUNTED; i++) {
        if (w->learnt.uncounted[i].until_ms > clock_mono_ms() &&
            text_eq(text_from(w->learnt.uncounted[i].model), base_id(x))) {
            return false;
        }
    }
    return true;
}

void count_refused(struct exchange *x)
{
    struct worker *w = x->worker;
    size_t oldest = 0;
    for (size_t i = 0; i < WORKER_UNCOUNTED; i++) {
        oldest =
            w->learnt.uncounted[i].until_ms < w->learnt.uncounted[oldest].until_ms ? i : oldest;
    }
    text_copy(base_id(x), w->learnt.uncounted[oldest].model,
              sizeof w->learnt.uncounted[oldest].model);
    w->learnt.uncounted[oldest].until_ms = clock_mono_ms() + REMEMBER_MS;
}

/* {"input":{"invokeModel":{"body":"<base64>"}}} */
bool count_wrap(struct exchange *x)
{
    struct buf out;
    struct str body = buf_str(&x->attempt.body);
    buf_init(&out, base64_size(body.n) + 128);
    BUF_LIT(&out, "{\"input\":{\"invokeModel\":{\"body\":\"");
    char *room = buf_reserve(&out, base64_size(body.n));
    if (room) {
        buf_commit(&out, base64_encode((const uint8_t *)body.p, body.n, room));
    }
    BUF_LIT(&out, "\"}}}");
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
    bool ok = json_get_i64(doc, "inputTokens", &n) && n >= 0;
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

uint64_t count_guess(const struct messages_request *r)
{
    struct weights w = {0, 0, 0};
    add_value(&w, r->scan, r->messages);
    if (r->system != SCAN_ABSENT) {
        add_value(&w, r->scan, r->system);
    }
    if (r->tools != SCAN_ABSENT) {
        add_value(&w, r->scan, r->tools);
    }
    uint64_t tokens = (w.bytes + 3) / 4 + w.cjk + w.fixed;
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
                     (unsigned long long)count_guess(&x->asked.messages));
    answer_begin(x, 200);
    http_out_header(x->conn, STR("x-token-count"), STR("estimate"));
    http_out_body(x->conn, STR("application/json"), (struct str){body, (size_t)n});
    return VERDICT_DONE;
}
