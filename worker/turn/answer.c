#include "worker/turn/answer.h"

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/memory/counters.h"
#include "worker/turn/limits.h"
#include "worker/turn/wait.h"
#include "worker/turn/route.h"

#define JSON_TYPE STR("application/json")

#define EXPOSED                                                                            \
    STR("request-id, x-request-id, x-trace-id, x-ratelimit-limit, x-ratelimit-remaining, " \
        "x-ratelimit-reset, retry-after, x-converter-changes, x-converter-model, "         \
        "x-converter-waited-ms")

/* What a client may call its request: no surprise for logs or headers. */
#define ID_MAX 64

struct str answer_origin(const struct config *c, struct str origin)
{
    struct str rest = text_from(c->cors_origins), one;
    while (origin.n && text_split(&rest, ',', &one)) {
        if (text_eq(text_trim(one), origin)) {
            return origin;
        }
    }
    return (struct str){NULL, 0};
}

static bool legal_id(struct str s)
{
    return s.n <= ID_MAX && text_only_of(s, "_-");
}

void answer_id(const struct http_request *r, char out[ANSWER_ID_SIZE])
{
    static const struct str names[] = {{"x-request-id", 12}, {"x-trace-id", 10}};
    struct str value;
    for (size_t i = 0; r && i < 2; i++) {
        if (http_request_header(r, names[i], &value) && legal_id(value)) {
            text_copy(value, out, ANSWER_ID_SIZE);
            return;
        }
    }
    text_id(STR("req_"), out, ANSWER_ID_SIZE);
}

static void count_status(int status)
{
    counters_add(status < 400   ? COUNTER_REQUESTS_2XX
                 : status < 500 ? COUNTER_REQUESTS_4XX
                                : COUNTER_REQUESTS_5XX,
                 1);
}

/* One id under three names: the Anthropic SDKs read the first, the OpenAI SDKs the second, and
 * tracing in front of a gateway the third. */
static void put_ids(struct http_conn *c, struct str id)
{
    http_out_header(c, STR("request-id"), id);
    http_out_header(c, STR("x-request-id"), id);
    http_out_header(c, STR("x-trace-id"), id);
}

/* The AWS SDKs know one id, by which AWS can be asked; ours where AWS was not. */
static void put_aws_id(const struct exchange *x)
{
    struct str theirs = text_from(x->attempt.transfer.id);
    if (x->asked.dialect == DIALECT_BEDROCK) {
        http_out_header(x->conn, STR("x-amzn-requestid"), theirs.n ? theirs : x->asked.id);
    }
}

static void put_cors(struct http_conn *c, struct str origin)
{
    if (!origin.n) {
        return;
    }
    http_out_header(c, STR("access-control-allow-origin"), origin);
    http_out_header(c, STR("access-control-expose-headers"), EXPOSED);
    http_out_header(c, STR("vary"), STR("origin"));
}

/* x-ratelimit-* with the reset in seconds from now, as clients and proxies commonly read them;
 * anthropic-ratelimit-requests-* as Anthropic's own service (reset is RFC 3339). */
static void put_limits(struct exchange *x)
{
    if (!x->caller.limited) {
        return;
    }
    char reset[25];
    uint64_t full_ms = x->caller.requests.full_ns / 1000000u;
    clock_rfc3339(clock_real_ms() + (int64_t)full_ms, reset);
    struct http_conn *c = x->conn;
    http_out_header_u64(c, STR("x-ratelimit-limit"), x->caller.requests.limit);
    http_out_header_u64(c, STR("x-ratelimit-remaining"), x->caller.requests.remaining);
    http_out_header_u64(c, STR("x-ratelimit-reset"),
                        clock_seconds_up(x->caller.requests.allowed ? x->caller.requests.full_ns
                                                                    : x->caller.requests.retry_ns));
    http_out_header_u64(c, STR("anthropic-ratelimit-requests-limit"), x->caller.requests.limit);
    http_out_header_u64(c, STR("anthropic-ratelimit-requests-remaining"),
                        x->caller.requests.remaining);
    http_out_header(c, STR("anthropic-ratelimit-requests-reset"), text_from(reset));
}

/* A stream that begins for want of an answer does not know yet who gives it, and when. */
static bool is_decided(const struct exchange *x, int status)
{
    return x->outcome.told || !x->asked.stream || status != 200;
}

/* Of a chain, which model it was that answered, or refused last. An ARN tells an account. */
static void put_model(const struct exchange *x)
{
    const struct models_choice *m = &x->asked.model;
    if (x->attempt.number > 0 && (m->link > 0 || m->rest.n > 0)) {
        struct str id = models_behind(m);
        http_out_header(x->conn, STR("x-converter-model"),
                        text_starts(id, STR("arn:")) ? STR("arn") : id);
    }
}

static void put_moves(const struct exchange *x)
{
    put_model(x);
    if (x->waiting.waited_ms) {
        http_out_header_u64(x->conn, STR("x-converter-waited-ms"), x->waiting.waited_ms);
    }
}

void answer_begin(struct exchange *x, int status)
{
    x->outcome.begun = true;
    x->outcome.status = status;
    count_status(status);
    http_out_begin(x->conn, status);
    put_ids(x->conn, x->asked.id);
    put_aws_id(x);
    put_cors(x->conn, x->asked.origin);
    put_limits(x);
    limits_headers(x);
    if (is_decided(x, status)) {
        put_moves(x);
    }
    if (buf_len(&x->attempt.changes)) {
        http_out_header(x->conn, STR("x-converter-changes"), buf_str(&x->attempt.changes));
    }
}

void answer_json(struct exchange *x, int status, struct str body)
{
    answer_begin(x, status);
    http_out_body(x->conn, JSON_TYPE, body);
}

enum status answer_whole(struct exchange *x, const struct buf *body)
{
    return buf_ok(body)
               ? STATUS_OK
               : err_set(&x->outcome.err, STATUS_BUSY, "out of memory for this answer; try again");
}

enum verdict answer_built(struct exchange *x, int status, struct buf *body)
{
    bool whole = answer_whole(x, body) == STATUS_OK;
    if (whole) {
        answer_json(x, status, buf_str(body));
    }
    buf_free(body);
    return whole ? VERDICT_DONE : VERDICT_FAIL;
}

/* The official service's codes, by which its SDKs choose their next step. */
static void put_details(enum status code, struct json_out *w)
{
    if (code != STATUS_BODY_CODED && code != STATUS_THREAD) {
        return;
    }
    JSON_KEY(w, "details");
    json_object(w);
    JSON_KEY(w, "error_code");
    json_str(w, text_from(err_row(code)->code));
    if (code == STATUS_THREAD) {
        JSON_KEY(w, "unsupported");
        json_raw(w, STR("[\"thread\"]"));
    }
    json_object_end(w);
}

static void anthropic_body(const struct err *err, struct str id, struct json_out *w)
{
    JSON_KEY(w, "type");
    json_str(w, STR("error"));
    JSON_KEY(w, "error");
    json_object(w);
    JSON_KEY(w, "type");
    json_str(w, text_from(err_type(err->code, DIALECT_ANTHROPIC)));
    JSON_KEY(w, "message");
    json_str(w, text_from(err->text));
    put_details(err->code, w);
    json_object_end(w);
    JSON_KEY(w, "request_id");
    json_str(w, id);
}

static void bedrock_body(const struct err *err, struct json_out *w)
{
    JSON_KEY(w, "message");
    json_str(w, text_from(err->text));
}

static void str_or_null(struct json_out *w, struct str s)
{
    if (s.n) {
        json_str(w, s);
    } else {
        json_null(w);
    }
}

static void openai_body(enum dialect dialect, const struct err *err, struct json_out *w)
{
    const char *code = err_code(err, dialect);
    JSON_KEY(w, "error");
    json_object(w);
    JSON_KEY(w, "message");
    json_str(w, text_from(err->text));
    JSON_KEY(w, "type");
    json_str(w, text_from(err_type(err->code, dialect)));
    JSON_KEY(w, "param");
    str_or_null(w, text_from(err->param));
    JSON_KEY(w, "code");
    str_or_null(w, text_from(code ? code : ""));
    if (dialect == DIALECT_RESPONSES && err->code == STATUS_BUDGET && err->retry_after_s > 0) {
        JSON_KEY(w, "resets_at"); /* Codex tells its user when; the message it does not show */
        json_i64(w, clock_real_ms() / 1000 + err->retry_after_s);
    }
    json_object_end(w);
}

void answer_error_body(enum dialect dialect, const struct err *err, struct str request_id,
                       struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    json_object(&w);
    if (dialect == DIALECT_ANTHROPIC) {
        anthropic_body(err, request_id, &w);
    } else if (dialect == DIALECT_BEDROCK) {
        bedrock_body(err, &w);
    } else {
        openai_body(dialect, err, &w);
    }
    json_object_end(&w);
}

static void put_error_headers(struct http_conn *c, const struct err *err)
{
    uint64_t wait_s = wait_retry_after(err);
    int retry = wait_should_retry(err);
    if (wait_s) {
        http_out_header_u64(c, STR("retry-after"), wait_s);
    }
    if (retry >= 0) {
        http_out_header(c, STR("x-should-retry"), retry ? STR("true") : STR("false"));
    }
}

/* RFC 9110 15.5.6: a 405 names the methods of its path. */
static void put_allow(const struct exchange *x, const struct err *err)
{
    static const char *const names[] = {"GET", "HEAD", "POST"}; /* by enum http_method */
    char list[48];
    size_t n = 0;
    if (err->code != STATUS_METHOD) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        if (x->asked.allowed & 1u << i) {
            n += (size_t)snprintf(list + n, sizeof list - n, "%s, ", names[i]);
        }
    }
    snprintf(list + n, sizeof list - n, "OPTIONS");
    http_out_header(x->conn, STR("allow"), text_from(list));
}

/* When there is no memory to say what is wrong: the status and the headers still do. */
static struct str body_without_memory(enum dialect dialect)
{
    if (dialect == DIALECT_BEDROCK) {
        return STR("{\"message\":\"out of memory\"}");
    }
    return dialect == DIALECT_ANTHROPIC
               ? STR("{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                     "\"message\":\"out of memory\"}}")
               : STR("{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\","
                     "\"param\":null,\"code\":null}}");
}

/* What Bedrock itself refused is told as it told it. */
static const char *exception_of(const struct exchange *x, const struct err *err, int *http_out)
{
    const struct transfer *t = &x->attempt.transfer;
    bool theirs = t->end == ATTEMPT_REFUSED && t->theirs && t->refusal >= 400;
    *http_out = theirs ? t->refusal : err_http(err->code, DIALECT_BEDROCK);
    return theirs ? t->theirs : err_type(err->code, DIALECT_BEDROCK);
}

static void begin_error(struct exchange *x, const struct err *err)
{
    int http = err_http(err->code, x->asked.dialect);
    if (x->asked.dialect != DIALECT_BEDROCK) {
        answer_begin(x, http);
        return;
    }
    const char *exception = exception_of(x, err, &http);
    answer_begin(x, http);
    http_out_header(x->conn, STR("x-amzn-errortype"), text_from(exception));
}

void answer_error(struct exchange *x, const struct err *err)
{
    struct buf body;
    buf_init(&body, 4096);
    answer_error_body(x->asked.dialect, err, x->asked.id, &body);
    begin_error(x, err);
    put_error_headers(x->conn, err);
    put_allow(x, err);
    if (err->code == STATUS_UPGRADE) { /* RFC 9110 15.5.22: it names what is spoken here */
        http_out_header(x->conn, STR("upgrade"), STR("HTTP/1.1"));
    }
    http_out_body(x->conn, JSON_TYPE,
                  buf_ok(&body) ? buf_str(&body) : body_without_memory(x->asked.dialect));
    buf_free(&body);
}
