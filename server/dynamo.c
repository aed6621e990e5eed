/*
 * dynamo.c - one call: credentials, attempts, pauses, the answer.
 *
 *   dynamo_call -> attempt -> dynamo_need_credentials -> creds.h
 *        ^            |-----> transfer -> fetch.h
 *        |            +-----> judge: checksum, JSON, error codes
 *        +-- pause <--+
 *
 * Both arrows to the right wait in dynamo_run: the private loop turns until `arrived`, the
 * deadline, or the wait function's false.
 */
#include "server/dynamo.h"

#include <string.h>

#include "server/arena.h"
#include "server/clock.h"
#include "server/crc32.h"
#include "server/dynamo_private.h"
#include "server/log.h"

#define ATTEMPTS      4
#define WAIT_EVERY_MS 500u
#define CONNECT_MS    2000u
#define ANSWER_MAX    (8u << 20)      /* a page holds 1 MB of items; JSON and escapes add to it */
#define SIGN_MAX      (64u << 10)     /* URL and headers of one request */
#define SKEW_LEARN_MS (4 * 60 * 1000) /* AWS accepts 5 minutes; below 4 the clock is not it */

/* --- waiting --------------------------------------------------------------------------------- */

static bool go_on(struct dynamo *d)
{
    d->given_up = d->given_up || (d->wait && !d->wait(d->wait_ctx));
    return !d->given_up;
}

static void on_alarm(struct loop *loop, void *owner)
{
    struct dynamo *d = owner;
    uint64_t now_ms = clock_mono_ms();
    if (!go_on(d) || now_ms >= d->alarm_end_ms) {
        loop_stop(loop);
        return;
    }
    uint64_t left_ms = d->alarm_end_ms - now_ms;
    loop_timer_in(loop, &d->alarm, left_ms < WAIT_EVERY_MS ? left_ms : WAIT_EVERY_MS, on_alarm, d);
}

void dynamo_arrive(struct dynamo *d)
{
    d->arrived = true;
    loop_stop(d->loop);
}

bool dynamo_run(struct dynamo *d, uint64_t end_ms)
{
    d->alarm_end_ms = end_ms;
    clock_tick();
    loop_timer_in(d->loop, &d->alarm, 0, on_alarm, d);
    loop_run(d->loop);
    loop_timer_cancel(d->loop, &d->alarm);
    return d->arrived;
}

bool dynamo_pause(struct dynamo *d, uint32_t ms)
{
    clock_tick();
    d->arrived = false;
    d->given_up = false;
    dynamo_run(d, clock_mono_ms() + ms);
    return !d->given_up;
}

/* --- one transfer ---------------------------------------------------------------------------- */

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
    struct dynamo *d = owner;
    struct str text = {NULL, 0}, age;
    d->http = status;
    d->has_crc = header_u32(f, STR("x-amz-crc32"), &d->crc);
    header_u32(f, STR("x-amz-retry-after"), &d->hint_ms);
    /* a cache's Date is old: it says so with Age */
    d->has_date = !fetch_header(f, STR("age"), &age) && fetch_header(f, STR("date"), &text) &&
                  clock_parse_http(text, &d->date_ms);
    d->type[0] = '\0';
    if (fetch_header(f, STR("x-amzn-errortype"), &text)) {
        text_copy(text, d->type, sizeof d->type);
    }
}

static bool on_data(void *owner, struct fetch *f, struct str bytes)
{
    (void)f;
    struct dynamo *d = owner;
    buf_put_str(&d->reply, bytes);
    return true;
}

static void on_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct dynamo *d = owner;
    d->end = (struct err){.code = status};
    if (status != STATUS_OK) {
        d->end = *err;
    }
    d->sent = fetch_sent(f);
    dynamo_arrive(d);
}

static const struct fetch_ops ops = {on_headers, on_data, on_done};

/* The answer may hold clear keys. */
static void forget_reply(struct dynamo *d)
{
    if (buf_len(&d->reply)) {
        text_wipe(buf_data(&d->reply), buf_len(&d->reply));
    }
    buf_clear(&d->reply);
}

/* Half of the time for the first byte, so that a lost request leaves time for a second one. */
static enum status transfer(struct dynamo *d, const struct dynamo_sign_request *made,
                            struct str body, struct err *err)
{
    uint32_t left_ms = (uint32_t)(d->until_ms - clock_mono_ms());
    uint32_t half_ms = d->timeout_ms / 2 < left_ms ? d->timeout_ms / 2 : left_ms;
    struct fetch_request r = {.method = "POST",
                              .url = made->url,
                              .headers = made->headers,
                              .header_count = made->header_count,
                              .body = body,
                              .allow_http = d->sign.endpoint.plain_http,
                              .connect_ms = half_ms < CONNECT_MS ? half_ms : CONNECT_MS,
                              .first_byte_ms = half_ms,
                              .total_ms = left_ms,
                              .body_max = ANSWER_MAX,
                              .peer = "DynamoDB"};
    d->arrived = d->sent = d->has_crc = d->has_date = false;
    d->http = 0;
    d->hint_ms = 0;
    struct fetch *f = fetch_start(d->fetch, &r, &ops, d, err);
    if (!f) {
        return err->code;
    }
    if (!dynamo_run(d, d->until_ms + WAIT_EVERY_MS)) { /* fetch keeps the deadline itself */
        d->sent = fetch_sent(f);
        fetch_cancel(f);
        return err_set(err, STATUS_TIMEOUT, "no answer from DynamoDB in time");
    }
    if (d->end.code != STATUS_OK) {
        *err = d->end;
    }
    return d->end.code;
}

/* --- one attempt ----------------------------------------------------------------------------- */

static enum dynamo_result judge_good(struct dynamo *d, struct cJSON **answer_out, struct err *err)
{
    struct str body = buf_str(&d->reply);
    struct err why;
    if (d->has_crc && crc32_add(0, body.p, body.n) != d->crc) {
        err_set(err, STATUS_UNAVAILABLE, "the answer's checksum (x-amz-crc32) is wrong");
        return DYNAMO_TRANSIENT;
    }
    *answer_out = buf_ok(&d->reply) ? json_parse(body, &why) : NULL;
    if (!json_is_object(*answer_out)) {
        json_free(*answer_out);
        *answer_out = NULL;
        err_set(err, STATUS_UNAVAILABLE, "the answer is not DynamoDB's");
        return DYNAMO_TRANSIENT;
    }
    return DYNAMO_OK;
}

static enum dynamo_result judge_error(struct dynamo *d, struct err *err)
{
    char text[DYNAMO_ERROR_TEXT];
    enum dynamo_result result =
        dynamo_error_read(d->http, text_from(d->type), buf_str(&d->reply), text);
    err_set(err, STATUS_UNAVAILABLE, "%s", text);
    return result;
}

static enum dynamo_result exchange(struct dynamo *d, const char *operation, struct str body,
                                   struct arena *arena, struct cJSON **answer_out, struct err *err)
{
    struct dynamo_sign_request made;
    if (dynamo_need_credentials(d, err) != STATUS_OK) {
        return DYNAMO_REFUSED;
    }
    if (clock_mono_ms() >= d->until_ms) {
        err_set(err, STATUS_TIMEOUT, "no answer from DynamoDB in time");
        return DYNAMO_TRANSIENT;
    }
    if (dynamo_sign_make(&d->sign, text_from(operation), body, clock_real_ms(), arena, &made,
                         err) != STATUS_OK) {
        return DYNAMO_REFUSED;
    }
    if (transfer(d, &made, body, err) != STATUS_OK) {
        d->uncertain = d->uncertain || d->sent;
        return DYNAMO_TRANSIENT;
    }
    enum dynamo_result result =
        d->http == 200 ? judge_good(d, answer_out, err) : judge_error(d, err);
    d->uncertain = d->uncertain || result == DYNAMO_TRANSIENT;
    return result;
}

static enum dynamo_result attempt(struct dynamo *d, const char *operation, struct str body,
                                  struct cJSON **answer_out, struct err *err)
{
    struct arena *arena = arena_new(SIGN_MAX);
    enum dynamo_result result = DYNAMO_REFUSED;
    if (arena) {
        result = exchange(d, operation, body, arena, answer_out, err);
    } else {
        err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    arena_drop(arena);
    forget_reply(d);
    return d->given_up ? DYNAMO_GIVEN_UP : result;
}

/* --- the call -------------------------------------------------------------------------------- */

/* Our clock is off when the service's differs by more than its window; else the signature was wrong
 * for another reason and a further attempt is no use. */
static bool learn_skew(struct dynamo *d)
{
    int64_t skew_ms = d->date_ms - clock_real_ms(), news_ms = skew_ms - d->sign.skew_ms;
    if (!d->has_date || (news_ms < SKEW_LEARN_MS && news_ms > -SKEW_LEARN_MS)) {
        return false;
    }
    log_line(LOG_WARN, "dynamodb", "this machine's clock is off by %lld s: signing by DynamoDB's",
             (long long)(-skew_ms / 1000));
    d->sign.skew_ms = skew_ms;
    return true;
}

/* Pauses; false: no further attempt. */
static bool again(struct dynamo *d, enum dynamo_result result, unsigned retry)
{
    uint32_t dice;
    if (result == DYNAMO_SKEW) {
        return learn_skew(d);
    }
    if (result == DYNAMO_EXPIRED) {
        return dynamo_renew(d);
    }
    text_random(&dice, sizeof dice);
    uint32_t pause_ms = dynamo_error_pause(result, retry, dice, d->hint_ms);
    clock_tick();
    return clock_mono_ms() + pause_ms < d->until_ms && dynamo_pause(d, pause_ms);
}

enum dynamo_result dynamo_call(struct dynamo *d, const char *operation, struct str body,
                               struct cJSON **answer_out, struct err *err)
{
    struct err why = {.code = STATUS_OK};
    enum dynamo_result result = DYNAMO_GIVEN_UP;
    *answer_out = NULL;
    clock_tick();
    d->until_ms = clock_mono_ms() + d->timeout_ms;
    d->given_up = d->uncertain = false;
    if (go_on(d)) {
        result = attempt(d, operation, body, answer_out, &why);
    }
    for (unsigned retry = 1; retry < ATTEMPTS && dynamo_error_again(result); retry++) {
        if (!again(d, result, retry)) {
            break;
        }
        result = attempt(d, operation, body, answer_out, &why);
    }
    if (result == DYNAMO_GIVEN_UP) {
        json_free(*answer_out);
        *answer_out = NULL;
        err_set(err, STATUS_UNAVAILABLE, "DynamoDB %s: given up", operation);
    } else if (result != DYNAMO_OK) {
        err_set(err, STATUS_UNAVAILABLE, "DynamoDB %s: %s", operation, why.text);
    }
    return result;
}

bool dynamo_uncertain(const struct dynamo *d)
{
    return d->uncertain;
}

/* --- life ------------------------------------------------------------------------------------ */

enum status dynamo_new(const struct config *c, struct dynamo **out, struct err *err)
{
    struct dynamo *d = heap_new(sizeof *d);
    if (!d) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    buf_init(&d->reply, ANSWER_MAX);
    d->timeout_ms = (uint32_t)c->dynamodb_timeout * 1000;
    struct fetch_options options = {
        .ca_file = c->ca_file && c->ca_file[0] ? c->ca_file : NULL,
        .pool = 2,
        .use_proxy = c->use_proxy,
    };
    enum status status = dynamo_sign_init(&d->sign, c, err);
    if (status == STATUS_OK) {
        d->loop = loop_new(err);
        d->fetch = d->loop ? fetch_client_new(d->loop, &options, err) : NULL;
        status = d->fetch ? STATUS_OK : STATUS_UNAVAILABLE;
    }
    if (status != STATUS_OK) {
        dynamo_drop(d);
        return status;
    }
    *out = d;
    return STATUS_OK;
}

void dynamo_drop(struct dynamo *d)
{
    if (d) {
        fetch_client_drop(d->fetch);
        if (d->loop) {
            loop_drop(d->loop);
        }
        dynamo_sign_free(&d->sign);
        forget_reply(d);
        buf_free(&d->reply);
        heap_drop(d);
    }
}

void dynamo_on_wait(struct dynamo *d, dynamo_wait_fn *fn, void *ctx)
{
    d->wait = fn;
    d->wait_ctx = ctx;
}

const char *dynamo_region(const struct dynamo *d)
{
    return d->sign.region;
}

const char *dynamo_where(const struct dynamo *d)
{
    return d->sign.endpoint.base;
}
