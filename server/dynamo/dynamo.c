/*
 * dynamo.c - one call, or several at once: attempts and pauses.
 *
 *   dynamo_call --> dynamo_attempt_start --> dynamo_creds_need --> creds.h
 *        ^             |               \---> fetch.h
 *        |             +-- dynamo_wait_run: the private loop turns
 *        |             +-> dynamo_attempt_end: checksum, JSON, error codes
 *        +-- pause <---+
 */
#include "server/dynamo/dynamo.h"

#include <assert.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/dynamo/dynamo_private.h"

#define ATTEMPTS      4
#define SKEW_LEARN_MS (4 * 60 * 1000) /* AWS accepts 5 minutes; below 4 the clock is not it */

bool dynamo_pause(struct dynamo *d, uint32_t ms)
{
    struct dynamo_wait *w = &d->link.wait;
    clock_tick();
    w->given_up = false;
    dynamo_wait_run(w, clock_mono_ms() + ms);
    return !w->given_up;
}

/* --- attempts ------------------------------------------------------------------------------ */

static void wait_for_all(struct dynamo *d)
{
    struct dynamo_wait *w = &d->link.wait;
    if (d->link.flying) { /* fetch keeps the deadline itself */
        dynamo_wait_run(w, w->until_ms + DYNAMO_WAIT_EVERY_MS);
    }
}

static enum dynamo_result attempt(struct dynamo *d, const char *operation, struct str body,
                                  struct cJSON **answer_out, struct err *err)
{
    struct dynamo_attempt *a = &d->attempts[0];
    enum dynamo_result result = dynamo_attempt_start(a, operation, body, err);
    if (result == DYNAMO_OK) {
        wait_for_all(d);
        result = dynamo_attempt_end(a, answer_out, err);
    }
    return d->link.wait.given_up ? DYNAMO_GIVEN_UP : result;
}

/* --- the call ------------------------------------------------------------------------------ */

/* Our clock is off when the service's differs by more than its window; else the signature was wrong
 * for another reason and a further attempt is no use. */
static bool learn_skew(struct dynamo *d)
{
    const struct dynamo_attempt *a = &d->attempts[0];
    int64_t skew_ms = a->date_ms - clock_real_ms(), news_ms = skew_ms - d->link.sign.skew_ms;
    if (!a->has_date || (news_ms < SKEW_LEARN_MS && news_ms > -SKEW_LEARN_MS)) {
        return false;
    }
    log_line(LOG_WARN, "dynamodb", "this machine's clock is off by %lld s: signing by DynamoDB's",
             (long long)(-skew_ms / 1000));
    d->link.sign.skew_ms = skew_ms;
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
        return dynamo_creds_renew(&d->link.creds);
    }
    text_random(&dice, sizeof dice);
    uint32_t pause_ms = dynamo_error_pause(result, retry, dice, d->attempts[0].hint_ms);
    clock_tick();
    return clock_mono_ms() + pause_ms < d->link.wait.until_ms && dynamo_pause(d, pause_ms);
}

static void begin(struct dynamo *d)
{
    clock_tick();
    d->link.wait.until_ms = clock_mono_ms() + d->link.timeout_ms;
    d->link.wait.given_up = d->link.uncertain = false;
}

/* A call within the time that is left. */
static enum dynamo_result call_on(struct dynamo *d, const char *operation, struct str body,
                                  struct cJSON **answer_out, struct err *err)
{
    struct err why = {.code = STATUS_OK};
    enum dynamo_result result = DYNAMO_GIVEN_UP;
    *answer_out = NULL;
    if (dynamo_wait_goes_on(&d->link.wait)) {
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

enum dynamo_result dynamo_call(struct dynamo *d, const char *operation, struct str body,
                               struct cJSON **answer_out, struct err *err)
{
    begin(d);
    return call_on(d, operation, body, answer_out, err);
}

static void start_all(struct dynamo *d, const char *operation, const struct str *bodies, size_t n,
                      enum dynamo_result *results_out, struct err *errs_out)
{
    for (size_t i = 0; i < n; i++) {
        results_out[i] =
            dynamo_wait_goes_on(&d->link.wait)
                ? dynamo_attempt_start(&d->attempts[i], operation, bodies[i], &errs_out[i])
                : DYNAMO_GIVEN_UP;
    }
}

static void end_all(struct dynamo *d, const char *operation, size_t n,
                    enum dynamo_result *results_out, struct err *errs_out)
{
    for (size_t i = 0; i < n; i++) {
        if (results_out[i] == DYNAMO_OK) {
            results_out[i] = dynamo_attempt_end(&d->attempts[i], NULL, &errs_out[i]);
        }
        if (d->link.wait.given_up) {
            results_out[i] = DYNAMO_GIVEN_UP;
            err_set(&errs_out[i], STATUS_UNAVAILABLE, "DynamoDB %s: given up", operation);
        } else if (results_out[i] != DYNAMO_OK) {
            struct err why = errs_out[i];
            err_set(&errs_out[i], STATUS_UNAVAILABLE, "DynamoDB %s: %s", operation, why.text);
        }
    }
}

void dynamo_call_many(struct dynamo *d, const char *operation, const struct str *bodies, size_t n,
                      enum dynamo_result *results_out, struct err *errs_out)
{
    assert(n <= DYNAMO_MANY);
    begin(d);
    start_all(d, operation, bodies, n, results_out, errs_out);
    wait_for_all(d);
    end_all(d, operation, n, results_out, errs_out);
    for (size_t i = 0; i < n && clock_mono_ms() < d->link.wait.until_ms; i++) {
        struct cJSON *answer = NULL;
        if (dynamo_error_again(results_out[i])) {
            results_out[i] = call_on(d, operation, bodies[i], &answer, &errs_out[i]);
        }
        json_free(answer);
    }
}

bool dynamo_uncertain(const struct dynamo *d)
{
    return d->link.uncertain;
}

/* --- life ---------------------------------------------------------------------------------- */

enum status dynamo_new(const struct config *c, struct dynamo **out, struct err *err)
{
    struct dynamo *d = heap_new(sizeof *d);
    if (!d) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    for (size_t i = 0; i < DYNAMO_MANY; i++) {
        dynamo_attempt_init(&d->attempts[i], &d->link);
    }
    d->link.timeout_ms = (uint32_t)c->dynamodb_timeout * 1000;
    struct fetch_options options = {
        .ca_file = c->ca_file && c->ca_file[0] ? c->ca_file : NULL,
        .pool = DYNAMO_MANY,
        .use_proxy = c->use_proxy,
    };
    enum status status = dynamo_sign_init(&d->link.sign, c, err);
    if (status == STATUS_OK) {
        d->link.wait.loop = loop_new(err);
        d->link.fetch =
            d->link.wait.loop ? fetch_client_new(d->link.wait.loop, &options, err) : NULL;
        status = d->link.fetch ? STATUS_OK : STATUS_UNAVAILABLE;
    }
    d->link.creds =
        (struct dynamo_creds){.wait = &d->link.wait, .fetch = d->link.fetch, .sign = &d->link.sign};
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
        fetch_client_drop(d->link.fetch);
        if (d->link.wait.loop) {
            loop_drop(d->link.wait.loop);
        }
        dynamo_sign_free(&d->link.sign);
        for (size_t i = 0; i < DYNAMO_MANY; i++) {
            dynamo_attempt_free(&d->attempts[i]);
        }
        heap_drop(d);
    }
}

void dynamo_on_wait(struct dynamo *d, dynamo_wait_fn *fn, void *ctx)
{
    d->link.wait.fn = fn;
    d->link.wait.ctx = ctx;
}

const char *dynamo_region(const struct dynamo *d)
{
    return d->link.sign.region;
}

const char *dynamo_where(const struct dynamo *d)
{
    return d->link.sign.endpoint.base;
}
