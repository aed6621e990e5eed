#include "worker/bedrock.h"

#include <assert.h>
#include <string.h>

#include "server/clock.h"
#include "server/creds.h"
#include "server/json.h"
#include "server/log.h"
#include "server/sigv4.h"
#include "shm/counters.h"
#include "shm/signing.h"
#include "worker/stream.h"

#define URL_MAX            8192
#define LINE_MAX           6144 /* one header line: the session token is the longest */
#define HEADERS_MAX        12
#define COUNT_MS           10000 /* CountTokens answers fast or not at all: the estimate is as good then */
#define RETRY_TRANSIENT_MS 50
#define RETRY_THROTTLED_MS 1000
#define RETRY_SHARE        10          /* at most one request in ten is a retry, per process */
#define SKEW_LEARN_MS      (4 * 60000) /* AWS accepts 5 minutes; below 4 the clock is not the reason */

struct bedrock {
    char base[600]; /* "https://host[:port][/path]" */
    char host[300]; /* as it stands in the Host header */
    char base_path[200];
    char region[40];
    bool plain_http;
    struct signing_keys keys;   /* this process's copy */
    uint64_t requests, retries; /* the retry budget */
    struct buf scratch, authorization, path;
};

/* --- endpoint ------------------------------------------------------------------------------------
 */

static const char *domain_of(const char *region, bool dualstack)
{
    /* botocore partitions: China and the EU sovereign cloud have domains of their own */
    if (text_starts(text_from(region), STR("cn-"))) {
        return dualstack ? "api.amazonwebservices.com.cn" : "amazonaws.com.cn";
    }
    if (text_starts(text_from(region), STR("eusc-"))) {
        return "amazonaws.eu";
    }
    return dualstack ? "api.aws" : "amazonaws.com";
}

static void aws_endpoint(struct bedrock *b, const struct config *c)
{
    snprintf(b->host, sizeof b->host, "bedrock-runtime%s.%s.%s", c->use_fips ? "-fips" : "",
             b->region, domain_of(b->region, c->use_dualstack));
    snprintf(b->base, sizeof b->base, "https://%s", b->host);
}

/* Host header and signature must agree byte for byte: lower case, the default port left out. */
static enum status given_endpoint(struct bedrock *b, struct str url, struct err *err)
{
    size_t slash;
    b->plain_http = text_starts(url, STR("http://"));
    struct str rest = text_sub(url, b->plain_http ? 7 : 8, url.n);
    struct str host = text_find(rest, STR("/"), &slash) ? text_sub(rest, 0, slash) : rest;
    struct str path = text_sub(rest, host.n, rest.n);
    struct str port = b->plain_http ? STR(":80") : STR(":443");
    if (text_ends(host, port)) {
        host.n -= port.n;
    }
    if (!host.n || host.n >= sizeof b->host || path.n >= sizeof b->base_path ||
        url.n >= sizeof b->base) {
        return err_set(err, STATUS_INVALID, "BEDROCK_ENDPOINT_URL: no usable host in it");
    }
    text_copy(host, b->host, sizeof b->host);
    for (char *p = b->host; *p; p++) {
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    }
    text_copy(path, b->base_path, sizeof b->base_path);
    snprintf(b->base, sizeof b->base, "%s://%s", b->plain_http ? "http" : "https", b->host);
    return STATUS_OK;
}

struct bedrock *bedrock_new(struct worker *w, struct err *err)
{
    const struct config *c = w->config;
    struct bedrock *b = heap_new(sizeof *b);
    if (!b) {
        err_set(err, STATUS_INTERNAL, "out of memory");
        return NULL;
    }
    text_copy(text_from(c->aws_region), b->region, sizeof b->region);
    if (!b->region[0] && !creds_region(b->region, sizeof b->region)) {
        text_copy(STR("us-east-1"), b->region, sizeof b->region);
    }
    buf_init(&b->scratch, 65536);
    buf_init(&b->authorization, 1024);
    buf_init(&b->path, URL_MAX);
    struct str url = text_from(c->bedrock_endpoint_url);
    if (url.n && given_endpoint(b, url, err) != STATUS_OK) {
        bedrock_drop(b);
        return NULL;
    }
    if (!url.n) {
        aws_endpoint(b, c);
    }
    return b;
}

void bedrock_drop(struct bedrock *b)
{
    if (b) {
        text_wipe(&b->keys, sizeof b->keys);
        buf_free(&b->scratch);
        buf_free(&b->authorization);
        buf_free(&b->path);
        heap_drop(b);
    }
}

/* --- signing keys
 * ---------------------------------------------------------------------------------- */

static int64_t aws_now_ms(const struct worker *w)
{
    return clock_real_ms() + signing_skew(w->segment);
}

/* NULL when there is no usable key; *day_out says which of the two days applies. */
static const struct signing_keys *current_keys(struct worker *w, const char amz_date[17],
                                               int *day_out)
{
    struct signing_keys *k = &w->bedrock->keys;
    signing_read(w->segment, k->generation, k);
    if (!k->generation || !k->access_key_id[0] ||
        (k->expires_ms && k->expires_ms <= clock_real_ms())) {
        return NULL;
    }
    for (*day_out = 0; *day_out < 2; (*day_out)++) {
        if (memcmp(k->date[*day_out], amz_date, 8) == 0) {
            return k;
        }
    }
    return NULL;
}

const char *bedrock_trouble(struct worker *w)
{
    char amz[17];
    int day;
    clock_amz(aws_now_ms(w), amz);
    if (w->config->bedrock_api_key[0] || current_keys(w, amz, &day)) {
        return NULL;
    }
    const char *why = w->bedrock->keys.trouble;
    return why[0] ? why : "no AWS credentials yet";
}

/* --- the request
 * ----------------------------------------------------------------------------------- */

struct outgoing {
    struct sigv4_header pairs[HEADERS_MAX];
    struct fetch_header lines[HEADERS_MAX];
    size_t n;
};

static bool put_pair(struct exchange *x, struct outgoing *o, struct str name, struct str value)
{
    assert(o->n < HEADERS_MAX);
    o->pairs[o->n] = (struct sigv4_header){name, value};
    char *line = arena_alloc(x->arena, name.n + value.n + 3);
    if (!line) {
        return false;
    }
    memcpy(line, name.p, name.n);
    memcpy(line + name.n, ": ", 2);
    memcpy(line + name.n + 2, value.p, value.n);
    o->lines[o->n++].line = line;
    return true;
}

static bool put_common(struct exchange *x, struct outgoing *o)
{
    bool stream = x->stream;
    bool ok =
        put_pair(x, o, STR("host"), text_from(x->worker->bedrock->host)) &&
        put_pair(x, o, STR("content-type"), STR("application/json")) &&
        put_pair(x, o, STR("accept"),
                 stream ? STR("application/vnd.amazon.eventstream") : STR("application/json"));
    if (ok && stream && x->model.transport == MODELS_INVOKE) {
        ok = put_pair(x, o, STR("x-amzn-bedrock-accept"), STR("application/json"));
    }
    if (ok && x->tier.n) {
        ok = put_pair(x, o, STR("x-amzn-bedrock-service-tier"), x->tier);
    }
    return ok;
}

static enum status no_memory(struct err *err)
{
    return err_set(err, STATUS_BUSY, "out of memory for this request; try again");
}

static enum status put_bearer(struct exchange *x, struct outgoing *o)
{
    char *value = arena_printf(x->arena, "Bearer %s", x->worker->config->bedrock_api_key);
    if (!value || !put_pair(x, o, STR("authorization"), text_from(value))) {
        return no_memory(&x->err);
    }
    return STATUS_OK;
}

static enum status sign(struct exchange *x, struct outgoing *o, const struct signing_keys *keys,
                        int day, struct str amz)
{
    struct bedrock *b = x->worker->bedrock;
    if (!x->upstream_hashed) { /* once, also when a second attempt is made */
        sha256_hex(buf_data(&x->upstream), buf_len(&x->upstream), x->upstream_sha256);
        x->upstream_hashed = true;
    }
    struct sigv4_request r = {.method = STR("POST"),
                              .path = buf_str(&b->path),
                              .headers = o->pairs,
                              .header_count = o->n};
    memcpy(r.body_sha256, x->upstream_sha256, sizeof r.body_sha256);
    struct sigv4_scope scope = {.region = text_from(keys->region), .service = STR("bedrock")};
    memcpy(scope.date, amz.p, 8);
    buf_clear(&b->authorization);
    enum status st = sigv4_sign(&r, &scope, keys->key[day], text_from(keys->access_key_id), amz,
                                &b->scratch, &b->authorization, &x->err);
    if (st == STATUS_OK && !put_pair(x, o, STR("authorization"), buf_str(&b->authorization))) {
        st = no_memory(&x->err);
    }
    return st;
}

static enum status authorize(struct exchange *x, struct outgoing *o)
{
    struct worker *w = x->worker;
    if (w->config->bedrock_api_key[0]) {
        return put_bearer(x, o);
    }
    int day;
    char *amz = arena_alloc(x->arena, 17);
    if (!amz) {
        return no_memory(&x->err);
    }
    x->skew_ms = signing_skew(w->segment);
    clock_amz(clock_real_ms() + x->skew_ms, amz);
    const struct signing_keys *keys = current_keys(w, amz, &day);
    if (!keys) {
        log_line(LOG_ERROR, "credentials", "cannot sign: %s", bedrock_trouble(w));
        err_set(&x->err, STATUS_UNAVAILABLE,
                "the gateway has no valid AWS credentials at the moment");
        x->err.retry_after_s = 5;
        return x->err.code;
    }
    if (!put_pair(x, o, STR("x-amz-date"), text_from(amz)) ||
        (keys->token[0] && !put_pair(x, o, STR("x-amz-security-token"), text_from(keys->token)))) {
        return no_memory(&x->err);
    }
    return sign(x, o, keys, day, text_from(amz));
}

static struct str operation(const struct exchange *x)
{
    bool stream = x->stream;
    if (x->counting) {
        return STR("/count-tokens");
    }
    if (x->model.transport == MODELS_INVOKE) {
        return stream ? STR("/invoke-with-response-stream") : STR("/invoke");
    }
    return stream ? STR("/converse-stream") : STR("/converse");
}

static enum status make_path(struct exchange *x)
{
    struct bedrock *b = x->worker->bedrock;
    buf_clear(&b->path);
    buf_put_str(&b->path, text_from(b->base_path));
    struct str id =
        x->counting ? models_base(x->model.id) : x->model.id; /* CountTokens refuses profile ids */
    return sigv4_model_path(id, operation(x), &b->path, &x->err);
}

static struct fetch_request transfer(struct exchange *x, const struct outgoing *o, const char *url)
{
    const struct config *c = x->worker->config;
    uint32_t whole_ms = x->counting ? COUNT_MS : (uint32_t)c->bedrock_timeout * 1000u;
    bool stream = x->stream;
    return (struct fetch_request){
        .method = "POST",
        .url = url,
        .headers = o->lines,
        .header_count = o->n,
        .body = buf_str(&x->upstream),
        .allow_http = x->worker->bedrock->plain_http,
        .connect_ms = (uint32_t)c->upstream_connect_timeout * 1000u,
        .first_byte_ms = stream ? (uint32_t)c->upstream_first_byte_timeout * 1000u : whole_ms,
        .idle_ms = stream ? (uint32_t)c->upstream_idle_timeout * 1000u : 0,
        .total_ms = stream ? 0 : whole_ms,
    };
}

enum verdict bedrock_send(struct exchange *x)
{
    struct worker *w = x->worker;
    struct outgoing o = {.n = 0};
    if (make_path(x) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    if (!put_common(x, &o)) {
        no_memory(&x->err);
        return VERDICT_FAIL;
    }
    if (authorize(x, &o) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    struct str path = buf_str(&w->bedrock->path);
    const char *url = arena_printf(x->arena, "%s%.*s", w->bedrock->base, STR_ARG(path));
    if (!url) {
        no_memory(&x->err);
        return VERDICT_FAIL;
    }
    struct fetch_request request = transfer(x, &o, url);
    x->attempts++;
    x->sent_ns = clock_now_ns();
    x->upstream_done = false;
    x->err = (struct err){.code = STATUS_OK};
    w->bedrock->requests++;
    counters_add(COUNTER_UPSTREAM_REQUESTS, 1);
    x->fetch = fetch_start(w->fetch, &request, &stream_ops, x, &x->err);
    return x->fetch ? VERDICT_NEXT : VERDICT_FAIL;
}

/* --- what its errors mean
 * ---------------------------------------------------------------------------- */

enum text_from_whom {
    OURS,
    THEIRS
}; /* THEIRS: AWS's own sentence, cleaned, since clients act on it */

/* AWS name (compared without case, exceptions in streams start lower-case), status, whose text, our
 * text. Mapping: Anthropic's statuses for the same meaning. */
static const struct {
    const char *name;
    enum status status;
    enum text_from_whom whose;
    const char *text;
} errors[] = {
    {"ValidationException", STATUS_INVALID, THEIRS, "Bedrock refused the request as invalid"},
    {"ThrottlingException", STATUS_RATE, OURS,
     "the model is throttled by Bedrock; wait before trying again"},
    {"TooManyRequestsException", STATUS_RATE, OURS,
     "the model is throttled by Bedrock; wait before trying again"},
    {"ServiceQuotaExceededException", STATUS_RATE, OURS,
     "the Bedrock quota for this model is used up; wait before trying again"},
    {"ModelNotReadyException", STATUS_OVERLOADED, OURS, "the model is not ready; try again"},
    {"ServiceUnavailableException", STATUS_OVERLOADED, OURS, "Overloaded"},
    {"ModelTimeoutException", STATUS_TIMEOUT, OURS, "the model took too long to answer"},
    {"ModelErrorException", STATUS_INTERNAL, OURS, "the model failed while processing the request"},
    {"ModelStreamErrorException", STATUS_INTERNAL, OURS,
     "the model failed while streaming its answer"},
    {"InternalServerException", STATUS_INTERNAL, OURS, "Bedrock had an internal error"},
    {"ResourceNotFoundException", STATUS_NOT_FOUND, OURS,
     "Bedrock does not know this model in this region, or its access is not enabled"},
    {"AccessDeniedException", STATUS_PERMISSION, OURS,
     "the gateway has no access to this model in Bedrock"},
    /* The gateway's own credentials: never the client's fault. */
    {"UnrecognizedClientException", STATUS_INTERNAL, OURS,
     "the gateway's AWS credentials were refused"},
    {"InvalidSignatureException", STATUS_INTERNAL, OURS, "the gateway's AWS signature was refused"},
    {"SignatureDoesNotMatch", STATUS_INTERNAL, OURS, "the gateway's AWS signature was refused"},
    {"RequestTimeTooSkewed", STATUS_INTERNAL, OURS, "the gateway's clock is wrong"},
    {"RequestExpired", STATUS_INTERNAL, OURS, "the gateway's clock is wrong"},
    {"ExpiredTokenException", STATUS_INTERNAL, OURS, "the gateway's AWS credentials have expired"},
    {"ExpiredToken", STATUS_INTERNAL, OURS, "the gateway's AWS credentials have expired"},
    {"IncompleteSignatureException", STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
    {"MissingAuthenticationTokenException", STATUS_INTERNAL, OURS,
     "the gateway's AWS signature was refused"},
};
#define ERRORS (sizeof errors / sizeof errors[0])

static size_t find_error(struct str name)
{
    size_t i = 0;
    while (i < ERRORS && !text_ieq(name, text_from(errors[i].name))) {
        i++;
    }
    return i;
}

/* "ns#ThrottlingException:http://..." -> "ThrottlingException" (rest-json error names). */
static struct str bare_name(struct str s)
{
    size_t at;
    if (text_find(s, STR(":"), &at)) {
        s = text_sub(s, 0, at);
    }
    if (text_find(s, STR("#"), &at)) {
        s = text_sub(s, at + 1, s.n);
    }
    return text_trim(s);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies AWS's sentence without ARNs and 12-digit account numbers: those are the operator's, not
 * the client's. */
static void clean_text(struct str in, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n && n + 12 < size;) {
        size_t run = 0;
        if (text_istarts(text_sub(in, i, 4), STR("arn:"))) {
            while (i + run < in.n && in.p[i + run] != ' ' && in.p[i + run] != '"' &&
                   in.p[i + run] != ',') {
                run++;
            }
            n += (size_t)snprintf(out + n, size - n, "[arn]");
        } else if (digit(in.p[i])) {
            while (i + run < in.n && digit(in.p[i + run])) {
                run++;
            }
            n += (size_t)snprintf(out + n, size - n, "%.*s", run == 12 ? 9 : (int)run,
                                  run == 12 ? "[account]" : in.p + i);
        } else {
            out[n++] = in.p[i];
            run = 1;
        }
        i += run;
    }
    out[n < size ? n : size - 1] = '\0';
}

static void set_error(struct exchange *x, size_t row, struct str their_text)
{
    char text[200];
    clean_text(their_text, text, sizeof text);
    bool theirs = errors[row].whose == THEIRS && text[0];
    err_set(&x->err, errors[row].status, "%s", theirs ? text : errors[row].text);
    if (errors[row].status == STATUS_RATE) {
        x->err.retry_after_s = 2;
        counters_add(COUNTER_UPSTREAM_THROTTLED, 1);
    }
}

/* Error bodies name themselves in three ways; newer Claude models answer in Anthropic's own form.
 */
static struct str error_text(const struct cJSON *doc, struct str *name)
{
    struct str text = json_get_text(doc, "message");
    if (!text.n) {
        text = json_get_text(doc, "Message");
    }
    if (!name->n) {
        *name = bare_name(json_get_text(doc, "code"));
    }
    if (!name->n) {
        *name = bare_name(json_get_text(doc, "__type"));
    }
    const struct cJSON *inner = json_get(doc, "error");
    return text.n ? text : json_get_text(inner, "message");
}

static enum status status_for(int http)
{
    switch (http) {
    case 400:
        return STATUS_INVALID;
    case 403:
        return STATUS_PERMISSION;
    case 404:
        return STATUS_NOT_FOUND;
    case 413:
        return STATUS_TOO_LARGE;
    case 429:
        return STATUS_RATE;
    case 503:
    case 529:
        return STATUS_OVERLOADED;
    default:
        return STATUS_UPSTREAM;
    }
}

static void complain_if_expired(struct exchange *x, struct str name)
{
    if (text_istarts(name, STR("ExpiredToken")) ||
        text_ieq(name, STR("UnrecognizedClientException"))) {
        signing_complain(x->worker->segment);
    }
}

void bedrock_error(struct exchange *x, int status, struct str type_header, struct str body)
{
    struct err ignored;
    struct cJSON *doc =
        json_parse(body, &ignored); /* HTML or cut JSON: no document, the status decides */
    struct str name = bare_name(type_header);
    struct str text = error_text(doc, &name);
    size_t row = find_error(name);
    counters_add(COUNTER_UPSTREAM_ERRORS, 1);
    if (row < ERRORS) {
        set_error(x, row, text);
    } else if (status == 400 && text.n) { /* no AWS name: Anthropic's own validation text */
        set_error(x, 0, text);
    } else {
        err_set(&x->err, status_for(status), "Bedrock answered %d", status);
    }
    complain_if_expired(x, name);
    log_line(LOG_WARN, "upstream", "%.*s: Bedrock %d %.*s (attempt %d): %.*s", STR_ARG(x->id),
             status, STR_ARG(name), x->attempts, (int)(text.n < 300 ? text.n : 300),
             text.n ? text.p : "");
    json_free(doc);
}

void bedrock_exception(struct exchange *x, const struct eventstream_frame *frame)
{
    struct err ignored;
    struct cJSON *doc = frame->payload.n ? json_parse(frame->payload, &ignored) : NULL;
    struct str text = frame->message.n ? frame->message : json_get_text(doc, "message");
    size_t row = find_error(frame->type);
    counters_add(COUNTER_UPSTREAM_ERRORS, 1);
    if (row < ERRORS) {
        set_error(x, row, text);
    } else {
        err_set(&x->err, STATUS_INTERNAL, "the model's stream ended with an error");
    }
    log_line(LOG_WARN, "upstream", "%.*s: in-stream %.*s: %.*s", STR_ARG(x->id),
             STR_ARG(frame->type), (int)(text.n < 300 ? text.n : 300), text.n ? text.p : "");
    json_free(doc);
}

/* --- a second attempt
 * ---------------------------------------------------------------------------------- */

/* A skew error whose Date header differs from the time it was signed with: learn the offset, try
 * once more at no cost. (Another worker may have learnt it while this request was on its way.) */
static bool learn_skew(struct exchange *x, int status)
{
    struct str date;
    int64_t theirs_ms;
    if (status != 403 || x->skew_tried || x->err.code != STATUS_INTERNAL || !x->fetch ||
        !fetch_header(x->fetch, STR("date"), &date) || !clock_parse_http(date, &theirs_ms)) {
        return false;
    }
    int64_t offset = theirs_ms - clock_real_ms(), change = offset - x->skew_ms;
    if (change < SKEW_LEARN_MS && change > -SKEW_LEARN_MS) {
        return false;
    }
    signing_set_skew(x->worker->segment, offset);
    log_line(LOG_WARN, "clock", "AWS is %lld s away from this clock; signing with its time",
             (long long)(offset / 1000));
    x->skew_tried = true;
    x->pause_ms = 0;
    return true;
}

static bool worth_retrying(const struct exchange *x, int status)
{
    if (status == 0) { /* no answer: only if nothing of the request can have been billed */
        return x->err.code == STATUS_UPSTREAM && !(x->fetch && fetch_sent(x->fetch));
    }
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

bool bedrock_retry(struct exchange *x, int status)
{
    struct bedrock *b = x->worker->bedrock;
    if (learn_skew(x, status)) {
        return true;
    }
    int allowed = 1 + (int)x->worker->config->upstream_retries + (x->skew_tried ? 1 : 0);
    if (x->attempts >= allowed || !worth_retrying(x, status) ||
        (b->retries + 1) * RETRY_SHARE > b->requests + 100) {
        return false;
    }
    b->retries++;
    uint32_t random;
    text_random(&random, sizeof random);
    x->pause_ms =
        random % (status == 429 ? RETRY_THROTTLED_MS : RETRY_TRANSIENT_MS) + 1; /* full jitter */
    return true;
}
