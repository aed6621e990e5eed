/*
 * creds.c - which source, when again, and for how long. Cast: creds_private.h.
 *
 *   tick --> look --> next_source --> a source --> conclude --> fn
 *    ^                                  | WAIT       |
 *    +------- timer <-------------------|------------+
 *                                       +--> creds_look_call --> libcurl --> ended --> conclude
 */
#include "server/aws/creds.h"

#include "server/aws/creds_local.h"
#include "server/aws/creds_private.h"
#include "server/aws/creds_sources.h"
#include "server/aws/creds_sts.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"

enum {
    RENEW_BEFORE_MS = 15 * 60 * 1000, /* botocore's advisory window */
    STALE_GRACE_MS = 15 * 60 * 1000,  /* see adopt */
    LONGEST_NAP_S = 1,                /* the calendar may jump: a laptop wakes up */
    BACKOFF_MAX_S = 60,
    HURRY_S = 60
};

static void tick(struct loop *loop, void *owner);
static void ended(void *owner, enum creds_verdict verdict);

/* ---- public --------------------------------------------------------------------------- */

struct creds *creds_new(struct loop *loop, struct fetch_client *fetch,
                        const struct creds_options *options, creds_fn *fn, void *owner)
{
    struct creds *c = heap_new(sizeof *c);
    if (!c) {
        return NULL;
    }
    c->loop = loop;
    c->options = *options;
    if (!c->options.second_ms) {
        c->options.second_ms = 1000;
    }
    c->fn = fn;
    c->owner = owner;
    creds_look_init(&c->at, fetch, &c->options, ended, c);
    return c;
}

void creds_drop(struct creds *c)
{
    if (!c) {
        return;
    }
    creds_look_free(&c->at);
    loop_timer_cancel(c->loop, &c->timer);
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
        (c->hurried_mono_ms && now_ms - c->hurried_mono_ms < HURRY_S * c->options.second_ms)) {
        return;
    }
    c->hurried_mono_ms = now_ms;
    creds_start(c);
}

bool creds_likely(const char **source_out)
{
    for (size_t i = 0; i < CREDS_SOURCES; i++) {
        if (!creds_sources[i].likely()) {
            continue;
        }
        if (source_out) {
            *source_out = creds_sources[i].name;
        }
        return true;
    }
    return false;
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
    if (c->retry_mono_ms && !c->looking && c->retry_mono_ms < mono_ms + nap_ms) {
        nap_ms = c->retry_mono_ms > mono_ms ? c->retry_mono_ms - mono_ms : 0;
    }
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        /* A renewal that is due now is under way. */
        if (dates[i] > real_ms && (uint64_t)(dates[i] - real_ms) < nap_ms) {
            nap_ms = (uint64_t)(dates[i] - real_ms);
        }
    }
    loop_timer_in(c->loop, &c->timer, nap_ms, tick, c);
}

/* At expiry - 15 min; half of the life where that would be later. */
static void plan_renewal(struct creds *c)
{
    c->failures = 0;
    c->retry_mono_ms = 0;
    c->renew_real_ms = 0;
    if (!c->now.expires_ms) {
        return;
    }
    int64_t life_ms = c->now.expires_ms - clock_real_ms();
    int64_t delay_ms =
        life_ms - RENEW_BEFORE_MS > life_ms / 2 ? life_ms - RENEW_BEFORE_MS : life_ms / 2;
    delay_ms -= (int64_t)jitter((uint64_t)delay_ms / 10 < 60000 ? (uint64_t)delay_ms / 10 : 60000);
    if (delay_ms < (int64_t)c->options.second_ms) {
        delay_ms = (int64_t)c->options.second_ms;
    }
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

static bool value_ok(const struct creds *c)
{
    const struct creds_value *v = &c->at.next;
    return creds_local_clean(text_from(v->access_key_id), sizeof v->access_key_id) &&
           creds_local_clean(text_from(v->secret), sizeof v->secret) &&
           (!v->token[0] || creds_local_clean(text_from(v->token), sizeof v->token));
}

/* Takes what was found over. False, with err, if it is of no use. */
static bool adopt(struct creds *c)
{
    struct creds_value *v = &c->at.next;
    v->source = c->at.source;
    if (!value_ok(c)) {
        creds_look_fail(&c->at, "a key is malformed");
        return false;
    }
    if (v->expires_ms && v->expires_ms <= clock_real_ms()) {
        if (!creds_sources[c->source].gives_expired) {
            creds_look_fail(&c->at, "the credentials have expired");
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
    creds_look_wipe(&c->at);
    if (found) {
        plan_renewal(c);
    } else {
        plan_retry(c);
    }
    arm(c);
    if (found) {
        c->fn(c->owner, &c->now, NULL);
    } else if (have(c)) {
        log_line(LOG_WARN, "credentials", "not renewed yet: %s", c->at.err.text);
    } else {
        c->fn(c->owner, NULL, &c->at.err);
    }
}

static void ended(void *owner, enum creds_verdict verdict)
{
    conclude(owner, verdict);
}

static void look_role(struct creds *c)
{
    c->source = 0;
    c->at.source = "role";
    enum creds_verdict verdict = creds_sts_role_look(&c->at);
    if (verdict != CREDS_WAIT) {
        conclude(c, verdict);
    }
}

static void look(struct creds *c)
{
    c->looking = true;
    c->retry_mono_ms = 0;
    c->renew_real_ms = 0;
    if (c->options.role_arn) {
        look_role(c);
        return;
    }
    for (c->source = 0; c->source < CREDS_SOURCES; c->source++) {
        text_wipe(&c->at.next, sizeof c->at.next);
        c->at.source = creds_sources[c->source].name;
        enum creds_verdict verdict = creds_sources[c->source].look(&c->at);
        if (verdict == CREDS_NONE) {
            continue;
        }
        if (verdict != CREDS_WAIT) {
            conclude(c, verdict);
        }
        return;
    }
    c->source = CREDS_SOURCES - 1;
    err_set(&c->at.err, STATUS_UNAVAILABLE,
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
    if (expired) {
        text_wipe(&c->now, sizeof c->now);
    }
    arm(c);
    if (due && !c->looking) {
        look(c); /* tells the owner what came of it */
    } else if (expired) {
        if (c->at.err.code == STATUS_OK) {
            err_set(&c->at.err, STATUS_UNAVAILABLE, "the AWS credentials have expired");
        }
        c->fn(c->owner, NULL, &c->at.err);
    }
}
