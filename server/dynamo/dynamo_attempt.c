#include "server/dynamo/dynamo_attempt.h"

#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/crc32.h"

#define CONNECT_MS 2000u
#define SIGN_MAX   (64u << 10) /* URL and headers of one request */

/* --- the transfer -------------------------------------------------------------------------- */

static bool header_u32(const struct fetch *f, struct str name, uint32_t *out)
{
    struct str text;
    uint64_t value;
    bool ok =
        fetch_header(f, name, &text) && text_u64(text_trim(text), &value) && value <= UINT32_MAX;
    *out = ok ? (uint32_t)value : 0;
    return ok;
}

static void on_headers(void *owner, struct fetch *f, int status)
{
    struct dynamo_attempt *a = owner;
    struct str text = {NULL, 0}, age;
    a->http = status;
    a->has_crc = header_u32(f, STR("x-amz-crc32"), &a->crc);
    header_u32(f, STR("x-amz-retry-after"), &a->hint_ms);
    /* a cache's Date is old: it says so with Age */
    a->has_date = !fetch_header(f, STR("age"), &age) && fetch_header(f, STR("date"), &text) &&
                  clock_parse_http(text, &a->date_ms);
    a->type[0] = '\0';
    if (fetch_header(f, STR("x-amzn-errortype"), &text)) {
        text_copy(text, a->type, sizeof a->type);
    }
}

static bool on_data(void *owner, struct fetch *f, struct str bytes)
{
    (void)f;
    struct dynamo_attempt *a = owner;
    buf_put_str(&a->reply, bytes);
    return true;
}

static void on_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct dynamo_attempt *a = owner;
    a->end = (struct err){.code = status};
    if (status != STATUS_OK) {
        a->end = *err;
    }
    a->sent = fetch_sent(f);
    a->link->uncertain = a->link->uncertain || fetch_repeated(f);
    a->fetch = NULL;
    if (--a->link->flying == 0) {
        dynamo_wait_arrive(&a->link->wait);
    }
}

static const struct fetch_ops ops = {on_headers, on_data, on_done};

/* Half of the time for the first byte, so that a lost request leaves time for a second one. */
static enum status transfer(struct dynamo_attempt *a, const struct dynamo_sign_request *made,
                            struct str body, struct err *err)
{
    struct dynamo_link *l = a->link;
    uint32_t left_ms = (uint32_t)(l->wait.until_ms - clock_mono_ms());
    uint32_t half_ms = l->timeout_ms / 2 < left_ms ? l->timeout_ms / 2 : left_ms;
    struct fetch_request r = {.method = "POST",
                              .url = made->url,
                              .headers = made->headers,
                              .header_count = made->header_count,
                              .body = body,
                              .allow_http = l->sign.endpoint.plain_http,
                              .connect_ms = half_ms < CONNECT_MS ? half_ms : CONNECT_MS,
                              .first_byte_ms = half_ms,
                              .total_ms = left_ms,
                              .body_max = DYNAMO_ANSWER_MAX,
                              .peer = "DynamoDB"};
    a->fetch = fetch_start(l->fetch, &r, &ops, a, err);
    l->flying += a->fetch != NULL;
    return a->fetch ? STATUS_OK : err->code;
}

static enum dynamo_result send_it(struct dynamo_attempt *a, const char *operation, struct str body,
                                  struct err *err)
{
    struct dynamo_link *l = a->link;
    struct dynamo_sign_request made;
    if (dynamo_creds_need(&l->creds, err) != STATUS_OK) {
        return DYNAMO_REFUSED;
    }
    if (clock_mono_ms() >= l->wait.until_ms) {
        err_set(err, STATUS_TIMEOUT, "no answer from DynamoDB in time");
        return DYNAMO_TRANSIENT;
    }
    if (dynamo_sign_make(&l->sign, text_from(operation), body, clock_real_ms(), a->arena, &made,
                         err) != STATUS_OK) {
        return DYNAMO_REFUSED;
    }
    return transfer(a, &made, body, err) == STATUS_OK ? DYNAMO_OK : DYNAMO_TRANSIENT;
}

/* --- the answer ---------------------------------------------------------------------------- */

/* The answer may hold clear keys. */
static void forget(struct dynamo_attempt *a)
{
    if (buf_len(&a->reply)) {
        text_wipe(buf_data(&a->reply), buf_len(&a->reply));
    }
    buf_clear(&a->reply);
    arena_drop(a->arena);
    a->arena = NULL;
}

static enum dynamo_result judge_good(struct dynamo_attempt *a, struct cJSON **answer_out,
                                     struct err *err)
{
    struct str body = buf_str(&a->reply);
    struct err why;
    if (a->has_crc && crc32_add(0, body.p, body.n) != a->crc) {
        err_set(err, STATUS_UNAVAILABLE, "the answer's checksum (x-amz-crc32) is wrong");
        return DYNAMO_TRANSIENT;
    }
    struct cJSON *answer = buf_ok(&a->reply) ? json_parse(body, &why) : NULL;
    bool good = json_is_object(answer);
    if (good && answer_out) {
        *answer_out = answer;
    } else {
        json_free(answer);
    }
    if (!good) {
        err_set(err, STATUS_UNAVAILABLE, "the answer is not DynamoDB's");
    }
    return good ? DYNAMO_OK : DYNAMO_TRANSIENT;
}

static enum dynamo_result judge_error(const struct dynamo_attempt *a, struct err *err)
{
    char text[DYNAMO_ERROR_TEXT];
    enum dynamo_result result =
        dynamo_error_read(a->http, text_from(a->type), buf_str(&a->reply), text);
    err_set(err, STATUS_UNAVAILABLE, "%s", text);
    return result;
}

static enum dynamo_result judge(struct dynamo_attempt *a, struct cJSON **answer_out,
                                struct err *err)
{
    if (a->end.code != STATUS_OK) {
        *err = a->end;
        a->link->uncertain = a->link->uncertain || a->sent;
        return DYNAMO_TRANSIENT;
    }
    enum dynamo_result result =
        a->http == 200 ? judge_good(a, answer_out, err) : judge_error(a, err);
    a->link->uncertain = a->link->uncertain || result == DYNAMO_TRANSIENT;
    return result;
}

/* fetch keeps the deadline itself; this is for a loop that was given up. */
static void break_off(struct dynamo_attempt *a)
{
    a->sent = fetch_sent(a->fetch);
    fetch_cancel(a->fetch);
    a->fetch = NULL;
    a->link->flying--;
    err_set(&a->end, STATUS_TIMEOUT, "no answer from DynamoDB in time");
}

/* --- from outside -------------------------------------------------------------------------- */

enum dynamo_result dynamo_attempt_start(struct dynamo_attempt *a, const char *operation,
                                        struct str body, struct err *err)
{
    a->sent = a->has_crc = a->has_date = false;
    a->http = 0;
    a->hint_ms = 0;
    a->end = (struct err){.code = STATUS_OK};
    a->arena = arena_new(SIGN_MAX);
    enum dynamo_result result = DYNAMO_REFUSED;
    if (a->arena) {
        result = send_it(a, operation, body, err);
    } else {
        err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    if (result != DYNAMO_OK) {
        forget(a);
    }
    return result;
}

enum dynamo_result dynamo_attempt_end(struct dynamo_attempt *a, struct cJSON **answer_out,
                                      struct err *err)
{
    if (a->fetch) {
        break_off(a);
    }
    enum dynamo_result result = judge(a, answer_out, err);
    forget(a);
    return result;
}

void dynamo_attempt_init(struct dynamo_attempt *a, struct dynamo_link *link)
{
    a->link = link;
    buf_init(&a->reply, DYNAMO_ANSWER_MAX);
}

void dynamo_attempt_free(struct dynamo_attempt *a)
{
    forget(a);
    buf_free(&a->reply);
}
