#include "worker/exchange/passing.h"

#include <string.h>

#include "server/json/json.h"
#include "server/json/surrogates.h"
#include "worker/dialect/edits.h"
#include "worker/dialect/s3_address.h"
#include "worker/exchange/bedrock.h"
#include "worker/reply/passed_reply.h"
#include "worker/splice/splice.h"
#include "worker/turn/answer.h"
#include "worker/turn/limits.h"
#include "worker/turn/route.h"
#include "worker/turn/terms.h"

#define ADDED_MAX 8192 /* bytes of the members that are put into a body */

/* --- reading ------------------------------------------------------------------------------- */

enum status passing_read(struct exchange *x)
{
    struct str pattern = text_from(x->route->path), mark = STR("{id}"), path = x->asked.path;
    size_t at = 0, n = 0;
    (void)text_find(pattern, mark, &at); /* it is there: routes.c */
    struct str raw = text_sub(path, at, path.n - (pattern.n - mark.n));
    char *name = arena_alloc(x->arena, raw.n + 1);
    if (!name) {
        return err_no_memory(&x->outcome.err);
    }
    if (!text_unpercent(raw, name, &n)) {
        return err_set(&x->outcome.err, STATUS_NO_MODEL, "model: not a legal name");
    }
    x->asked.client_model = (struct str){name, n};
    x->asked.stream = x->route->stream;
    return STATUS_OK;
}

static bool reserves(const struct exchange *x)
{
    return x->caller.who == CALLER_KEY && x->caller.key.budget_micro &&
           x->caller.key.flags & DIRECTORY_BUDGET_RESERVE;
}

/* Of the model alone of which it is known that it heeds it; one that stands twice says nothing, nor
 * does one beside which the model's own fields are given: they may have another. */
static int64_t most_tokens(const struct exchange *x, const struct scan *s)
{
    bool converse = x->route->passing == ROUTE_CONVERSE;
    scan_ref holder = converse ? SCAN_GET(s, 0, "inferenceConfig") : 0;
    struct str name = converse ? STR("maxTokens") : STR("max_tokens");
    scan_ref own = SCAN_GET(s, 0, "additionalModelRequestFields");
    int64_t most = 0;
    if ((!converse && !(x->asked.model.caps->flags & MODELS_CLAUDE)) ||
        scan_has_duplicate(s, 0, STR("inferenceConfig")) || scan_has_duplicate(s, holder, name) ||
        scan_has_duplicate(s, 0, STR("additionalModelRequestFields")) ||
        SCAN_GET(s, own, "max_tokens") != SCAN_ABSENT ||
        !scan_i64(s, scan_get(s, holder, name), &most) || most < 0) {
        return 0;
    }
    return most;
}

static void name_tier(struct asked *a, struct str word)
{
    a->passed.named_tier = word.n > 0;
    a->passed.tier = TIER_DEFAULT;
    (void)tier_find(word, &a->passed.tier); /* "reserved" has the usual price */
}

/* A letter that is written "\u0054", or a 0 as of UTF-16: then a name may be there that cannot be seen. */
static bool is_disguised(struct str body)
{
    struct str rest = body;
    size_t at;
    while (text_find(rest, STR("\\u00"), &at)) {
        rest = text_sub(rest, at + 4, rest.n);
        if (rest.n > 0 && rest.p[0] >= '4' && rest.p[0] <= '7') {
            return true;
        }
    }
    return body.n > 0 && memchr(body.p, 0, body.n);
}

static bool may_name_tier(struct str body)
{
    size_t at;
    return text_find(body, STR("serviceTier"), &at) || is_disguised(body);
}

/* It decides the price, so nobody may leave in the dark which one it is. */
static enum status read_tier(struct asked *a, struct err *err)
{
    const struct scan *s = &a->scan;
    scan_ref tier = SCAN_GET(s, 0, "serviceTier");
    if (scan_has_duplicate(s, 0, STR("serviceTier")) || scan_has_duplicate(s, tier, STR("type"))) {
        return err_set(err, STATUS_INVALID, "serviceTier: said more than once");
    }
    name_tier(a, scan_text(s, SCAN_GET(s, tier, "type")));
    return STATUS_OK;
}

enum status passing_check_s3(struct exchange *x)
{
    struct str buckets = text_from(x->worker->config->s3_buckets);
    enum status st = s3_address_check(&x->asked.scan, buckets, &x->outcome.err);
    x->outcome.refused = st == STATUS_PERMISSION ? COUNTER_REFUSED_INVALID : x->outcome.refused;
    return st;
}

enum status passing_choose(struct exchange *x)
{
    struct asked *a = &x->asked;
    bool converse = x->route->passing == ROUTE_CONVERSE;
    a->model.transport = converse ? MODELS_CONVERSE : MODELS_INVOKE;
    if (!converse) {
        name_tier(a, a->passed.head[ASKED_PASSED_TIER]);
    }
    bool tier = converse && may_name_tier(a->body), marked = s3_address_may_be(a->body);
    bool counts = x->route->passing == ROUTE_COUNT; /* a body in base64 */
    if (!tier && !marked && !counts && !reserves(x)) {
        return STATUS_OK;
    }
    struct err *err = &x->outcome.err, ignored; /* what is no JSON Bedrock will say */
    struct str text =
        surrogates_mended(x->arena, a->body); /* to read: what goes on is as it came */
    if (!text.p && a->body.n > 0) {
        return err_no_memory(err);
    }
    enum status st = scan_parse(&a->scan, x->arena, text, &x->worker->scan_limits,
                                tier || marked ? err : &ignored);
    if (st != STATUS_OK) {
        return tier || marked ? st : STATUS_OK;
    }
    a->passed.max_tokens = most_tokens(x, &a->scan);
    if (tier && read_tier(a, err) != STATUS_OK) {
        return err->code;
    }
    return marked || counts ? passing_check_s3(x) : STATUS_OK;
}

/* --- what InvokeModel has in its head ------------------------------------------------------ */

/* The client's own words, where nobody has set others for it. */
static void merge_head(struct exchange *x)
{
    struct plan_terms *t = &x->attempt.terms;
    struct str *head = x->asked.passed.head;
    if (t->guardrail.id.n > 0) { /* whose trace has its words and its ARN: the operator's */
        head[ASKED_PASSED_TRACE] = (struct str){NULL, 0};
    } else {
        t->guardrail.id = head[ASKED_PASSED_GUARDRAIL];
        t->guardrail.version = head[ASKED_PASSED_GUARDRAIL_VERSION];
    }
    t->project = t->project.n > 0 ? t->project : head[ASKED_PASSED_PROJECT];
    t->metadata = t->metadata.n > 0 ? t->metadata : head[ASKED_PASSED_METADATA];
    x->attempt.tier =
        x->asked.passed.named_tier ? head[ASKED_PASSED_TIER] : limits_tier_word(limits_tier(x));
}

/* --- what Converse has in its body --------------------------------------------------------- */

enum member { GUARDRAIL, PROJECT, METADATA, TIER, MEMBERS };

static const char *const member_names[MEMBERS] = {"guardrailConfig", "projectIdentifier",
                                                  "requestMetadata", "serviceTier"};

struct ours { /* the members that are put there, in place of the client's */
    bool has[MEMBERS];
    const struct scan *scan;
};

static void look_what(const struct exchange *x, struct ours *o)
{
    const struct plan_terms *t = &x->attempt.terms;
    o->has[GUARDRAIL] = t->guardrail.id.n > 0;
    o->has[PROJECT] = t->project.n > 0;
    o->has[METADATA] = t->metadata.n > 0;
    o->has[TIER] = !x->asked.passed.named_tier && limits_tier(x) != TIER_DEFAULT;
}

static bool is_replaced(void *ctx, scan_ref key, scan_ref value)
{
    const struct ours *o = ctx;
    struct str name = scan_text(o->scan, key);
    (void)value;
    for (unsigned i = 0; i < MEMBERS; i++) {
        if (o->has[i] && text_eq(name, text_from(member_names[i]))) {
            return true;
        }
    }
    return false;
}

static void put_guardrail(struct json_out *w, const struct exchange *x)
{
    const struct bedrock_terms_guardrail *g = &x->attempt.terms.guardrail;
    json_object(w);
    JSON_KEY(w, "guardrailIdentifier");
    json_str(w, g->id);
    JSON_KEY(w, "guardrailVersion");
    json_str(w, g->version);
    if (g->async && x->asked.stream) {
        JSON_KEY(w, "streamProcessingMode");
        json_str(w, STR("async"));
    }
    json_object_end(w);
}

static void put_member(struct json_out *w, const struct exchange *x, enum member which)
{
    json_key(w, text_from(member_names[which]));
    switch (which) {
    case GUARDRAIL:
        put_guardrail(w, x);
        break;
    case PROJECT:
        json_str(w, x->attempt.terms.project);
        break;
    case METADATA:
        json_raw(w, x->attempt.terms.metadata);
        break;
    case TIER:
        json_object(w);
        JSON_KEY(w, "type");
        json_str(w, limits_tier_word(limits_tier(x)));
        json_object_end(w);
        break;
    case MEMBERS:
        break;
    }
}

/* Without its braces; p is NULL when memory is out. */
static struct str members(struct exchange *x, const struct ours *o, bool more)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, ADDED_MAX);
    json_begin(&w, &b);
    json_object(&w);
    for (unsigned i = 0; i < MEMBERS; i++) {
        if (o->has[i]) {
            put_member(&w, x, i);
        }
    }
    json_object_end(&w);
    struct str all = buf_str(&b), inside = text_sub(all, 1, all.n - 2);
    char *text =
        buf_ok(&b) ? arena_printf(x->arena, "%.*s%s", STR_ARG(inside), more ? "," : "") : NULL;
    buf_free(&b);
    return text ? text_from(text) : (struct str){NULL, 0};
}

static enum status scan_body(const struct exchange *x, struct scan *s, struct err *err)
{
    enum status st = scan_parse(s, x->arena, x->asked.body, &x->worker->scan_limits, err);
    return st == STATUS_OK && scan_type(s, 0) != SCAN_OBJECT
               ? err_set(err, STATUS_INVALID, "the body is no JSON object")
               : st;
}

static bool has_guard_content(const struct scan *s, scan_ref blocks)
{
    for (scan_ref b = scan_type(s, blocks) == SCAN_ARRAY ? scan_first(s, blocks) : SCAN_ABSENT;
         b != SCAN_ABSENT; b = scan_next(s, blocks, b)) {
        if (SCAN_GET(s, b, "guardContent") != SCAN_ABSENT) {
            return true;
        }
    }
    return false;
}

/* "If you include guardContent blocks, the guardrail operates only on those" (service-2.json): whose
 * guardrail it is says what it looks at. Of a name that stands twice either may be read. */
static enum status refuse_guard_content(const struct scan *s, struct err *err)
{
    scan_ref messages = SCAN_GET(s, 0, "messages");
    bool found = has_guard_content(s, SCAN_GET(s, 0, "system")) ||
                 scan_has_duplicate(s, 0, STR("messages")) ||
                 scan_has_duplicate(s, 0, STR("system"));
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        found = found || has_guard_content(s, SCAN_GET(s, m, "content")) ||
                scan_has_duplicate(s, m, STR("content"));
    }
    return found ? err_set(err, STATUS_INVALID,
                           "guardContent: a guardrail of this gateway's looks at all of a request")
                 : STATUS_OK;
}

static enum status put_ours(struct exchange *x, struct ours *o)
{
    struct scan s;
    struct edits e;
    struct err *err = &x->outcome.err;
    if (scan_body(x, &s, err) != STATUS_OK ||
        (o->has[GUARDRAIL] && refuse_guard_content(&s, err) != STATUS_OK)) {
        return err->code;
    }
    o->scan = &s;
    edits_init(&e, &s);
    bool more = edits_filter(&e, 0, is_replaced, o) > 0;
    struct str text = members(x, o, more);
    if (!text.p) {
        return err_no_memory(err);
    }
    edits_inside(&e, 0, text);
    return edits_apply(&e, &x->attempt.body, err);
}

/* A tagSuffix would say what our guardrail looks at. */
static enum status put_invoke(struct exchange *x)
{
    struct scan s;
    struct edits e;
    if (scan_body(x, &s, &x->outcome.err) != STATUS_OK) {
        return x->outcome.err.code;
    }
    edits_init(&e, &s);
    bool more = edits_filter(&e, 0, splice_is_aws_own, &s) > 0;
    if (x->attempt.terms.guardrail.async && x->asked.stream) {
        edits_inside(&e, 0,
                     STR("\"" SPLICE_AWS_OWN
                         "guardrailConfig\":{\"streamProcessingMode\":\"ASYNCHRONOUS\"}"));
        edits_inside(&e, 0, more ? STR(",") : STR(""));
    }
    return edits_apply(&e, &x->attempt.body, &x->outcome.err);
}

static enum status make_body(struct exchange *x)
{
    struct ours ours = {.scan = NULL};
    bool guarded = x->attempt.terms.guardrail.id.n > 0; /* by us */
    if (x->route->passing == ROUTE_INVOKE) {
        merge_head(x);
        if (guarded) {
            return put_invoke(x);
        }
    } else if (x->route->passing == ROUTE_CONVERSE) {
        look_what(x, &ours);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        if (ours.has[i]) {
            return put_ours(x, &ours);
        }
    }
    buf_put_str(&x->attempt.body, x->asked.body);
    return STATUS_OK;
}

enum verdict passing_convert(struct exchange *x)
{
    static const struct relay *const relays[] = {
        [ROUTE_INVOKE] = &passed_invoke_relay,
        [ROUTE_CONVERSE] = &passed_converse_relay,
        [ROUTE_COUNT] = &passed_count_relay,
    };
    struct attempt *a = &x->attempt;
    buf_init(&a->body, x->asked.body.n + ADDED_MAX);
    if (terms_find(x) != STATUS_OK || make_body(x) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    a->relay = relays[x->route->passing];
    a->reply = passed_reply_new(x->arena, x->asked.client_model);
    if (!a->reply || !buf_ok(&a->body)) {
        err_no_memory(&x->outcome.err);
        return VERDICT_FAIL;
    }
    a->reply->input_whole = x->asked.model.caps->flags & MODELS_INPUT_WHOLE;
    return VERDICT_NEXT;
}

/* --- the answer's head --------------------------------------------------------------------- */

/* Outputs of InvokeModel, Converse and CountTokens (service-2.json) that have a location, and what
 * Bedrock sends beside them. */
static const char *const passed[ATTEMPT_PASSED] = {
    "content-type",
    "x-amzn-bedrock-content-type",
    "x-amzn-bedrock-invocation-latency",
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-bedrock-cache-read-input-token-count",
    "x-amzn-bedrock-cache-write-input-token-count",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
};

enum { FIRST_COUNT = 3, LAST_COUNT = 6 }; /* rows of tokens */

static size_t row_of(struct str name)
{
    size_t i = 0;
    while (i < ATTEMPT_PASSED && passed[i] && !text_ieq(name, text_from(passed[i]))) {
        i++;
    }
    return i < ATTEMPT_PASSED && passed[i] ? i : ATTEMPT_PASSED;
}

void passing_keep(struct exchange *x, const struct fetch *f)
{
    struct str rest = fetch_head(f), line, name;
    memset(x->attempt.passed, 0, sizeof x->attempt.passed); /* of an attempt before */
    while (text_split(&rest, '\n', &line)) {
        char letter = line.n > 0 ? line.p[0] | 0x20 : '\0';
        bool ours = letter == 'c'   ? text_istarts(line, STR("content-type"))
                    : letter == 'x' ? text_istarts(line, STR("x-amzn-bedrock-"))
                                    : false;
        if (!ours) {
            continue;
        }
        size_t row = text_split(&line, ':', &name) ? row_of(name) : ATTEMPT_PASSED;
        if (row < ATTEMPT_PASSED) {
            x->attempt.passed[row] = arena_dup(x->arena, text_trim(line));
            if (row >= FIRST_COUNT && row <= LAST_COUNT) {
                passed_reply_header(x->attempt.reply, name, x->attempt.passed[row]);
            }
        }
    }
}

void passing_put(struct exchange *x)
{
    for (size_t i = 1; i < ATTEMPT_PASSED && passed[i]; i++) {
        if (x->attempt.passed[i].n > 0) {
            http_out_header(x->conn, text_from(passed[i]), x->attempt.passed[i]);
        }
    }
}

/* Bedrock's own word, which the client knows; whose account it is it need not know. */
void passing_put_exception(struct exchange *x, const struct eventstream_frame *frame)
{
    if (!bedrock_tells_account(frame->raw)) {
        http_out_write(x->conn, frame->raw);
        return;
    }
    struct buf body, *out = http_out_chunk_begin(x->conn);
    buf_init(&body, ADDED_MAX);
    answer_error_body(DIALECT_BEDROCK, &x->outcome.err, x->asked.id, &body);
    bool error = frame->kind == EVENTSTREAM_ERROR;
    eventstream_encode(out, frame->kind, frame->type,
                       error ? text_from(x->outcome.err.text) : buf_str(&body));
    http_out_chunk_end(x->conn);
    buf_free(&body);
}

void passing_answer(struct exchange *x, struct str body)
{
    struct str type = x->attempt.passed[0];
    answer_begin(x, 200);
    passing_put(x);
    http_out_body(x->conn, type.n ? type : STR("application/json"), body);
}
