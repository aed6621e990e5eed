/*
 * creds.c - which source, when again, and for how long. Cast: creds_private.h.
 *
 *   tick --> look --> next_source --> a source --> conclude --> fn
 *    ^                                  | WAIT       |
 *    +------- timer <-------------------|------------+
 *                                       +--> creds_call --> libcurl --> call_done --> conclude
 */
#include "server/aws/creds.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/aws/creds_private.h"
#include "server/aws/creds_profile.h"
#include "server/base/log.h"
#include "server/base/url.h"

enum {
    REQUEST_MAX = 64 * 1024, /* a web identity token of 20 000 characters, escaped */
    REPLY_MAX = 16 * 1024,
    CONNECT_MS = 2000,
    RENEW_BEFORE_MS = 15 * 60 * 1000, /* botocore's advisory window */
    STALE_GRACE_MS = 15 * 60 * 1000,  /* see adopt */
    LONGEST_NAP_S = 1,                /* the calendar may jump: a laptop wakes up */
    BACKOFF_MAX_S = 60,
    HURRY_S = 60
};

static void tick(struct loop *loop, void *owner);

struct source {
    const char *name;
    bool (*likely)(void);
    enum creds_verdict (*look)(struct creds *c);
};

/* In this order, as most AWS SDKs do. */
static const struct source sources[] = {
    {"environment", creds_environment_likely, creds_environment_look},
    {"profile", creds_profile_likely, creds_profile_look},
    {"web identity", creds_web_identity_likely, creds_web_identity_look},
    {"container", creds_container_likely, creds_container_look},
    {"instance", creds_instance_likely, creds_instance_look},
};
enum { SOURCES = sizeof sources / sizeof *sources };

/* ---- public --------------------------------------------------------------------------- */

struct creds *creds_new(struct loop *loop, struct fetch_client *fetch,
                        const struct creds_options *options, creds_fn *fn, void *owner)
{
    struct creds *c = heap_new(sizeof *c);
    if (!c)
        return NULL;
    c->loop = loop;
    c->fetch = fetch;
    c->options = *options;
    if (!c->options.second_ms)
        c->options.second_ms = 1000;
    c->fn = fn;
    c->owner = owner;
    buf_init(&c->request, REQUEST_MAX);
    buf_init(&c->reply, REPLY_MAX);
    return c;
}

void creds_drop(struct creds *c)
{
    if (!c)
        return;
    if (c->call)
        fetch_cancel(c->call);
    loop_timer_cancel(c->loop, &c->timer);
    creds_wipe_buf(&c->request);
    creds_wipe_buf(&c->reply);
    text_wipe(c, sizeof *c);
    heap_drop(c);
}

void creds_start(struct creds *c)
{
    c->retry_mono_ms = clock_mono_ms();
    loop_timer_in(c->loop, &c->timer, 0, tick, c);
}

void creds_hurry(struct creds *c)
{
    uint64_t now_ms = clock_mono_ms();
    if (c->looking ||
        (c->hurried_mono_ms && now_ms - c->hurried_mono_ms < HURRY_S * c->options.second_ms))
        return;
    c->hurried_mono_ms = now_ms;
    creds_start(c);
}

bool creds_likely(const char **source_out)
{
    for (size_t i = 0; i < SOURCES; i++) {
        if (!sources[i].likely())
            continue;
        if (source_out)
            *source_out = sources[i].name;
        return true;
    }
    return false;
}

/* A region becomes part of host names and of signatures. */
static bool host_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        bool inner = i > 0 && i + 1 < s.n;
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && !(ch == '-' && inner))
            return false;
    }
    return s.n > 0 && s.n <= 63;
}

bool creds_region(char *out, size_t size)
{
    struct creds_profile p = {.name = ""};
    const char *region = creds_env("AWS_REGION");
    if (!region)
        region = creds_env("AWS_DEFAULT_REGION");
    if (!region && creds_profile_load(&p, NULL, NULL) == STATUS_OK)
        region = p.region;
    struct str s = text_from(region);
    bool ok = host_label(s) && s.n < size;
    if (ok)
        text_copy(s, out, size);
    creds_profile_wipe(&p);
    return ok;
}

/* ---- when ----------------------------------------------------------------------------- */

static bool have(const struct creds *c)
{
    return c->now.access_key_id[0] != '\0';
}

/* 0 to most, spread so that many gateways do not call at once. */
static uint64_t jitter(uint64_t most)
{
    uint32_t r;
    text_random(&r, sizeof r);
    return r % (most + 1);
}

/* Sleeps until the next thing is due, but never for long. */
static void arm(struct creds *c)
{
    uint64_t nap_ms = (uint64_t)LONGEST_NAP_S * c->options.second_ms;
    uint64_t mono_ms = clock_mono_ms();
    int64_t real_ms = clock_real_ms();
    const int64_t dates[] = {c->renew_real_ms, have(c) ? c->now.expires_ms : 0};
    if (c->retry_mono_ms && !c->looking && c->retry_mono_ms < mono_ms + nap_ms)
        nap_ms = c->retry_mono_ms > mono_ms ? c->retry_mono_ms - mono_ms : 0;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        /* A renewal that is due now is under way. */
        if (dates[i] > real_ms && (uint64_t)(dates[i] - real_ms) < nap_ms)
            nap_ms = (uint64_t)(dates[i] - real_ms);
    }
    loop_timer_in(c->loop, &c->timer, nap_ms, tick, c);
}

/* At expiry - 15 min; half of the life where that would be later. */
static void plan_renewal(struct creds *c)
{
    c->failures = 0;
    c->retry_mono_ms = 0;
    c->renew_real_ms = 0;
    if (!c->now.expires_ms)
        return;
    int64_t life_ms = c->now.expires_ms - clock_real_ms();
    int64_t delay_ms =
        life_ms - RENEW_BEFORE_MS > life_ms / 2 ? life_ms - RENEW_BEFORE_MS : life_ms / 2;
    delay_ms -= (int64_t)jitter((uint64_t)delay_ms / 10 < 60000 ? (uint64_t)delay_ms / 10 : 60000);
    if (delay_ms < (int64_t)c->options.second_ms)
        delay_ms = (int64_t)c->options.second_ms;
    c->renew_real_ms = clock_real_ms() + delay_ms;
}

static void plan_retry(struct creds *c)
{
    uint64_t seconds = c->failures < 6 ? 1ULL << c->failures : BACKOFF_MAX_S;
    uint64_t delay_ms = seconds * c->options.second_ms;
    c->failures++;
    c->renew_real_ms = 0;
    c->retry_mono_ms = clock_mono_ms() + delay_ms - jitter(delay_ms / 4);
}

/* ---- the look-up ---------------------------------------------------------------------- */

static bool value_ok(struct creds *c)
{
    const struct creds_value *v = &c->next;
    return creds_clean(text_from(v->access_key_id), sizeof v->access_key_id) &&
           creds_clean(text_from(v->secret), sizeof v->secret) &&
           (!v->token[0] || creds_clean(text_from(v->token), sizeof v->token));
}

/* Takes c->next over. False, with err, if it is of no use. */
static bool adopt(struct creds *c)
{
    struct creds_value *v = &c->next;
    v->source = sources[c->source].name;
    if (!value_ok(c)) {
        creds_fail(c, "a key is malformed");
        return false;
    }
    if (v->expires_ms && v->expires_ms <= clock_real_ms()) {
        /* IMDS hands out expired keys when its own source is down, and expects them to be tried on
         * ("static stability", as botocore's InstanceMetadataFetcher does). No other source does.
         */
        if (sources[c->source].look != creds_instance_look) {
            creds_fail(c, "the credentials have expired");
            return false;
        }
        log_line(LOG_WARN, "credentials", "instance: expired keys, used on for 15 minutes");
        v->expires_ms = clock_real_ms() + STALE_GRACE_MS;
    }
    c->now = *v;
    return true;
}

/* fn comes last: it may drop c. */
static void conclude(struct creds *c, enum creds_verdict verdict)
{
    c->looking = false;
    bool found = verdict == CREDS_FOUND && adopt(c);
    text_wipe(&c->next, sizeof c->next);
    text_wipe(c->session, sizeof c->session);
    creds_wipe_buf(&c->request);
    creds_wipe_buf(&c->reply);
    if (found)
        plan_renewal(c);
    else
        plan_retry(c);
    arm(c);
    if (found)
        c->fn(c->owner, &c->now, NULL);
    else if (have(c))
        log_line(LOG_WARN, "credentials", "not renewed yet: %s", c->err.text);
    else
        c->fn(c->owner, NULL, &c->err);
}

static void look(struct creds *c)
{
    c->looking = true;
    c->retry_mono_ms = 0;
    c->renew_real_ms = 0;
    for (c->source = 0; c->source < SOURCES; c->source++) {
        text_wipe(&c->next, sizeof c->next);
        enum creds_verdict verdict = sources[c->source].look(c);
        if (verdict == CREDS_NONE)
            continue;
        if (verdict != CREDS_WAIT)
            conclude(c, verdict);
        return;
    }
    c->source = SOURCES - 1;
    err_set(&c->err, STATUS_UNAVAILABLE,
            "no AWS credentials: none in the environment and profile files, no web identity or "
            "container "
            "variables, instance metadata switched off");
    conclude(c, CREDS_FAILED);
}

static void tick(struct loop *loop, void *owner)
{
    (void)loop;
    struct creds *c = owner;
    bool due = (c->retry_mono_ms && c->retry_mono_ms <= clock_mono_ms()) ||
               (c->renew_real_ms && c->renew_real_ms <= clock_real_ms());
    bool expired = have(c) && c->now.expires_ms && c->now.expires_ms <= clock_real_ms();
    if (expired)
        text_wipe(&c->now, sizeof c->now);
    arm(c);
    if (due && !c->looking) {
        look(c); /* tells the owner what came of it */
    } else if (expired) {
        if (c->err.code == STATUS_OK)
            err_set(&c->err, STATUS_UNAVAILABLE, "the AWS credentials have expired");
        c->fn(c->owner, NULL, &c->err);
    }
}

/* ---- calls
 * -------------------------------------------------------------------------------------------------
 */

static void call_headers(void *owner, struct fetch *f, int status)
{
    (void)owner, (void)f, (void)status;
}

static bool call_data(void *owner, struct fetch *f, struct str bytes)
{
    (void)f;
    struct creds *c = owner;
    buf_put_str(&c->reply, bytes); /* body_max is what it holds */
    return true;
}

static void call_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct creds *c = owner;
    int http = fetch_status(f);
    c->call = NULL;
    enum creds_verdict verdict;
    if (status != STATUS_OK)
        verdict = creds_fail(c, "%s", err->text);
    else if (!buf_ok(&c->reply))
        verdict = creds_fail(c, "no memory for the answer");
    else
        verdict = c->answer(c, http, buf_str(&c->reply));
    if (verdict != CREDS_WAIT)
        conclude(c, verdict);
}

static const struct fetch_ops call_ops = {call_headers, call_data, call_done};

enum creds_verdict creds_call(struct creds *c, const struct creds_call *call,
                              creds_answer_fn *answer)
{
    uint32_t total_ms = call->seconds * c->options.second_ms;
    struct url url;
    struct fetch_request r = {
        .method = call->method,
        .url = call->url,
        .headers = call->headers,
        .header_count = call->header_count,
        .body = call->post_request ? buf_str(&c->request) : STR(""),
        .allow_http = url_cut(text_from(call->url), &url) && url.plain_http,
        .connect_ms = CONNECT_MS,
        .first_byte_ms = total_ms,
        .total_ms = total_ms,
        .body_max = REPLY_MAX,
        .peer = call->peer,
    };
    struct err err = {.code = STATUS_OK};
    c->answer = answer;
    c->url_of = call->peer;
    /* The whole room at once: growing would leave copies of secrets behind. */
    buf_clear(&c->reply);
    if (!buf_reserve(&c->reply, REPLY_MAX))
        return creds_fail(c, "no memory for the answer");
    c->call = fetch_start(c->fetch, &r, &call_ops, c, &err);
    return c->call ? CREDS_WAIT : creds_fail(c, "%s", err.text);
}

enum creds_verdict creds_fail(struct creds *c, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_set(&c->err, STATUS_UNAVAILABLE, "AWS credentials, %s: %s", sources[c->source].name, text);
    return CREDS_FAILED;
}
