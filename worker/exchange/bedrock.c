#include "worker/exchange/bedrock.h"

#include <assert.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/aws/creds.h"
#include "server/aws/endpoint.h"
#include "server/base/log.h"
#include "server/aws/sigv4.h"
#include "shm/catalogue/region.h"
#include "shm/memory/counters.h"
#include "shm/memory/signing.h"
#include "worker/exchange/cure.h"
#include "worker/moves/lane.h"
#include "worker/exchange/native.h"
#include "worker/moves/queue.h"
#include "worker/moves/retries.h"
#include "worker/turn/money.h"
#include "worker/turn/usage.h"

#define URL_MAX            8192
#define HEADERS_MAX        16
#define OUTGOING_MAX       131072 /* of its headers and its address */
#define COUNT_MS           10000 /* CountTokens answers fast or not at all: the estimate is as good then */
#define RETRY_TRANSIENT_MS 50
#define RETRY_THROTTLED_MS 1000
#define KEYS_WAIT_MS       2000 /* for the keys of another day: the refresher makes them in a moment */
#define KEYS_LOOK_MS       10
#define KEYS_MISS_MS       100
#define SKEW_LEARN_MS      (4 * 60000) /* AWS accepts 5 minutes; below 4 the clock is not the reason */

struct bedrock {
    struct endpoint endpoint[LANES_MAX], mantle[LANES_MAX]; /* base[0] == 0: there is none */
    struct retries retries, proofs;                         /* lane_refused */
    struct buf scratch, authorization, path;
};

/* --- endpoint ------------------------------------------------------------------------------ */

/* What is known of it are its names in AWS's usual regions: none with FIPS, none in China. */
static void find_mantle(const struct config *c, const char *region, struct endpoint *out)
{
    char url[100];
    struct err ignored;
    snprintf(url, sizeof url, "https://bedrock-mantle.%s.api.aws", region);
    if (c->use_fips || text_starts(text_from(region), STR("cn-")) ||
        endpoint_given(text_from(url), "", out, &ignored) != STATUS_OK) {
        *out = (struct endpoint){.base = ""};
    }
}

/* What is given for a lane is both of its hosts. */
static enum status find(struct bedrock *b, unsigned lane, const struct config *c,
                        const char *region, struct str url, const char *setting, struct err *err)
{
    if (url.n == 0) {
        endpoint_aws("bedrock-runtime", region, c->use_fips, c->use_dualstack, &b->endpoint[lane]);
        find_mantle(c, region, &b->mantle[lane]);
        return STATUS_OK;
    }
    enum status st = endpoint_given(url, setting, &b->endpoint[lane], err);
    b->mantle[lane] = b->endpoint[lane];
    return st;
}

static enum status find_home(struct bedrock *b, const struct config *c, struct err *err)
{
    char region[40];
    text_copy(text_from(c->aws_region), region, sizeof region);
    if (!region[0] && !creds_region(region, sizeof region)) {
        text_copy(STR("us-east-1"), region, sizeof region);
    }
    return find(b, LANES_HOME, c, region, text_from(c->bedrock_endpoint_url),
                "BEDROCK_ENDPOINT_URL", err);
}

static enum status find_lanes(struct bedrock *b, const struct config *c, struct err *err)
{
    enum status st = STATUS_OK;
    for (unsigned i = 0; i < c->lanes.n && st == STATUS_OK; i++) {
        const struct config_lane *l = &c->lanes.lane[i];
        st = find(b, i, c, l->region, l->url, "BEDROCK_LANES", err);
    }
    return st;
}

bool bedrock_has_mantle(const struct worker *w)
{
    return w->bedrock->mantle[LANES_HOME].base[0] != '\0';
}

/* Of the lane on which it is sent. */
static const struct endpoint *endpoint(const struct exchange *x)
{
    const struct bedrock *b = x->worker->bedrock;
    unsigned lane = x->attempt.lane.now;
    return x->attempt.mantle.here ? &b->mantle[lane] : &b->endpoint[lane];
}

struct bedrock *bedrock_new(struct worker *w, struct err *err)
{
    const struct config *c = w->config;
    struct bedrock *b = heap_new(sizeof *b);
    if (!b) {
        err_set(err, STATUS_INTERNAL, "out of memory");
        return NULL;
    }
    uint32_t slots = w->segment->header->workers; /* half of them are the next generation's */
    retries_init(&b->retries, slots > 1 ? slots / 2 : 1);
    b->proofs = b->retries;
    buf_init(&b->scratch, 65536);
    buf_init(&b->authorization, 1024);
    buf_init(&b->path, URL_MAX);
    enum status st = c->lanes.n ? find_lanes(b, c, err) : find_home(b, c, err);
    if (st != STATUS_OK) {
        bedrock_drop(b);
        return NULL;
    }
    return b;
}

void bedrock_drop(struct bedrock *b)
{
    if (b) {
        buf_free(&b->scratch);
        buf_free(&b->authorization);
        buf_free(&b->path);
        heap_drop(b);
    }
}

/* --- signing keys -------------------------------------------------------------------------- */

static void look_again(struct loop *loop, void *owner)
{
    (void)loop;
    turn_wake(owner);
}

/* True: the refresher was told that it is another day, and the exchange looks again in a moment. */
static bool wait_for_keys(struct exchange *x)
{
    struct worker *w = x->worker;
    unsigned lane = x->attempt.lane.now;
    uint64_t now_ms = clock_mono_ms();
    if (w->config->bedrock_api_key[0] ||
        keyring_now(&w->keyring, w->segment, w->config, lane) != KEYRING_STALE) {
        return false;
    }
    x->attempt.keys_until_ms =
        x->attempt.keys_until_ms ? x->attempt.keys_until_ms : now_ms + KEYS_WAIT_MS;
    if (now_ms >= x->attempt.keys_until_ms) {
        return false;
    }
    if (now_ms >=
        w->keyring.lane[lane].miss_ms) { /* of this worker, not of each of its exchanges */
        w->keyring.lane[lane].miss_ms = now_ms + KEYS_MISS_MS;
        signing_miss(w->segment);
        loop_eventfd_ring(w->segment->wake_refresher);
    }
    loop_timer_in(w->loop, &x->timer_pause, KEYS_LOOK_MS, look_again, x);
    return true;
}

/* --- the request --------------------------------------------------------------------------- */

struct outgoing {
    struct arena *arena; /* its own: a stream keeps what is in the exchange's */
    struct sigv4_header pairs[HEADERS_MAX];
    struct fetch_header lines[HEADERS_MAX];
    size_t n;
};

static bool put_pair(struct outgoing *o, struct str name, struct str value)
{
    assert(o->n < HEADERS_MAX);
    o->pairs[o->n] = (struct sigv4_header){name, value};
    char *line = arena_alloc(o->arena, name.n + value.n + 3);
    if (!line) {
        return false;
    }
    memcpy(line, name.p, name.n);
    memcpy(line + name.n, ": ", 2);
    memcpy(line + name.n + 2, value.p, value.n);
    o->lines[o->n++].line = line;
    return true;
}

bool bedrock_asks_stream(const struct exchange *x)
{
    return x->asked.stream && !x->attempt.reply->whole_upstream;
}

/* Names: InvokeModelRequest of service-2.json. Converse has them in its body. */
static bool put_terms(struct exchange *x, struct outgoing *o)
{
    const struct plan_terms *t = &x->attempt.terms;
    const struct {
        struct str name, value;
    } rows[] = {
        {STR("x-amzn-bedrock-guardrailidentifier"), t->guardrail.id},
        {STR("x-amzn-bedrock-guardrailversion"), t->guardrail.version},
        {STR("x-amzn-bedrock-projectidentifier"), t->project},
        {STR("x-amzn-bedrock-request-metadata"), t->metadata},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].value.n > 0 && !put_pair(o, rows[i].name, rows[i].value)) {
            return false;
        }
    }
    return true;
}

static bool put_passed(struct exchange *x, struct outgoing *o, enum asked_passed which)
{
    struct str value = x->asked.passed.head[which];
    return value.n == 0 || put_pair(o, text_from(asked_passed_header(which)), value);
}

static bool put_mantle(struct exchange *x, struct outgoing *o)
{
    struct str betas = x->attempt.mantle.betas;
    return put_pair(o, STR("host"), text_from(endpoint(x)->host)) &&
           put_pair(o, STR("content-type"), STR("application/json")) &&
           put_pair(o, STR("accept"), STR("application/json")) &&
           put_pair(o, STR("anthropic-version"), STR("2023-06-01")) &&
           (betas.n == 0 || put_pair(o, STR("anthropic-beta"), betas));
}

static bool put_common(struct exchange *x, struct outgoing *o)
{
    bool stream = bedrock_asks_stream(x);
    if (x->attempt.mantle.here) {
        return put_mantle(x, o);
    }
    bool ok = put_pair(o, STR("host"), text_from(endpoint(x)->host)) &&
              put_pair(o, STR("content-type"), STR("application/json")) &&
              put_pair(o, STR("accept"),
                       !stream                  ? STR("application/json")
                       : x->attempt.native.here ? STR("text/event-stream")
                                                : STR("application/vnd.amazon.eventstream"));
    if (ok && stream && x->asked.model.transport == MODELS_INVOKE) {
        ok = put_pair(o, STR("x-amzn-bedrock-accept"), STR("application/json"));
    }
    if (ok && x->attempt.tier.n) {
        ok = put_pair(o, STR("x-amzn-bedrock-service-tier"), x->attempt.tier);
    }
    if (ok && x->asked.model.transport == MODELS_INVOKE) {
        ok = put_terms(x, o) && put_passed(x, o, ASKED_PASSED_TRACE) &&
             put_passed(x, o, ASKED_PASSED_LATENCY);
    }
    return ok;
}

static enum status put_bearer(struct exchange *x, struct outgoing *o)
{
    char *value = arena_printf(o->arena, "Bearer %s", x->worker->config->bedrock_api_key);
    if (!value || !put_pair(o, STR("authorization"), text_from(value))) {
        return err_no_memory(&x->outcome.err);
    }
    return STATUS_OK;
}

static enum status sign(struct exchange *x, struct outgoing *o, const struct signing_keys *keys,
                        int day, struct str amz)
{
    struct bedrock *b = x->worker->bedrock;
    if (!x->attempt.sha256.known) { /* once, also when a second attempt is made */
        sha256_hex(buf_data(&x->attempt.body), buf_len(&x->attempt.body), x->attempt.sha256.hex);
        x->attempt.sha256.known = true;
    }
    struct sigv4_request r = {.method = STR("POST"),
                              .path = buf_str(&b->path),
                              .headers = o->pairs,
                              .header_count = o->n};
    memcpy(r.body_sha256, x->attempt.sha256.hex, sizeof r.body_sha256);
    enum signing_service service = x->attempt.mantle.here ? SIGNING_MANTLE : SIGNING_BEDROCK;
    struct sigv4_scope scope = {.region = text_from(keys->region),
                                .service = text_from(signing_service_name(service))};
    memcpy(scope.date, amz.p, 8);
    buf_clear(&b->authorization);
    enum status st = sigv4_sign(&r, &scope, keys->key[service][day], text_from(keys->access_key_id),
                                amz, &b->scratch, &b->authorization, &x->outcome.err);
    if (st == STATUS_OK && !put_pair(o, STR("authorization"), buf_str(&b->authorization))) {
        st = err_no_memory(&x->outcome.err);
    }
    return st;
}

static enum status authorize(struct exchange *x, struct outgoing *o)
{
    struct transfer *t = &x->attempt.transfer;
    struct worker *w = x->worker;
    if (w->config->bedrock_api_key[0]) {
        return put_bearer(x, o);
    }
    int day;
    char *amz = arena_alloc(o->arena, 17);
    if (!amz) {
        return err_no_memory(&x->outcome.err);
    }
    t->skew_ms = signing_skew(w->segment);
    clock_amz(clock_real_ms() + t->skew_ms, amz);
    unsigned lane = x->attempt.lane.now;
    if (keyring_look(&w->keyring, w->segment, w->config, lane, amz, &day) != KEYRING_GOOD) {
        log_line(LOG_ERROR, "credentials", "cannot sign: %s",
                 keyring_trouble(&w->keyring, w->segment, lane, w->config));
        err_set(&x->outcome.err, STATUS_UNAVAILABLE,
                "the gateway has no valid AWS credentials at the moment");
        x->outcome.err.retry_after_s = 5;
        x->outcome.refused = COUNTER_REFUSED_CREDENTIALS;
        return x->outcome.err.code;
    }
    const struct signing_keys *keys = &w->keyring.lane[lane].keys;
    if (!put_pair(o, STR("x-amz-date"), text_from(amz)) ||
        (keys->token[0] && !put_pair(o, STR("x-amz-security-token"), text_from(keys->token)))) {
        return err_no_memory(&x->outcome.err);
    }
    return sign(x, o, keys, day, text_from(amz));
}

static struct str operation(const struct exchange *x)
{
    bool stream = bedrock_asks_stream(x);
    if (x->asked.counting) {
        return STR("/count-tokens");
    }
    if (x->asked.model.transport == MODELS_INVOKE) {
        return stream ? STR("/invoke-with-response-stream") : STR("/invoke");
    }
    return stream ? STR("/converse-stream") : STR("/converse");
}

static enum status make_path(struct exchange *x)
{
    struct bedrock *b = x->worker->bedrock;
    buf_clear(&b->path);
    buf_put_str(&b->path, text_from(endpoint(x)->path));
    if (x->attempt.mantle.here) {
        BUF_LIT(&b->path, "/anthropic/v1/messages/count_tokens");
        return STATUS_OK;
    }
    if (x->attempt.native.here) {
        buf_put_str(&b->path, native_path(x));
        return STATUS_OK;
    }
    struct str id = x->asked.counting ? region_base(models_behind(&x->asked.model))
                                      : x->asked.model.id; /* CountTokens refuses profile ids */
    return sigv4_model_path(id, operation(x), &b->path, &x->outcome.err);
}

static const char *make_url(struct exchange *x, struct outgoing *o)
{
    struct str base = text_from(endpoint(x)->base), path = buf_str(&x->worker->bedrock->path);
    char *url = o->arena ? arena_alloc(o->arena, base.n + path.n + 1) : NULL;
    if (url) {
        memcpy(mempcpy(url, base.p, base.n), path.p, path.n);
    }
    return url;
}

static struct fetch_request transfer(struct exchange *x, const struct outgoing *o, const char *url)
{
    const struct config *c = x->worker->config;
    uint32_t whole_ms = x->asked.counting ? COUNT_MS : (uint32_t)c->bedrock_timeout * 1000u;
    uint32_t idle_ms = (uint32_t)c->upstream_idle_timeout * 1000u;
    bool stream = bedrock_asks_stream(x);
    return (struct fetch_request){
        .method = "POST",
        .url = url,
        .headers = o->lines,
        .header_count = o->n,
        .body = buf_str(&x->attempt.body),
        .allow_http = endpoint(x)->plain_http,
        .connect_ms = c->bounds.connect_ms,
        .first_byte_ms = stream ? idle_ms : whole_ms,
        .idle_ms = stream ? idle_ms : 0,
        .total_ms = stream ? 0 : whole_ms,
    };
}

static enum verdict send_out(struct exchange *x, struct outgoing *o)
{
    struct transfer *t = &x->attempt.transfer;
    if (make_path(x) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    const char *url = make_url(x, o);
    if (!url || !put_common(x, o)) {
        err_no_memory(&x->outcome.err);
        return VERDICT_FAIL;
    }
    if (authorize(x, o) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    struct fetch_request request = transfer(x, o, url);
    x->attempt.number++;
    t->sent_ns = clock_now_ns();
    if (x->attempt.number == 1) {
        retries_earn(&x->worker->bedrock->retries);
        retries_earn(&x->worker->bedrock->proofs);
    }
    counters_add(COUNTER_UPSTREAM_REQUESTS, 1);
    lane_sent(x);
    t->fetch = fetch_start(x->worker->fetch, &request, x->worker->transfer, x, &x->outcome.err);
    if (!t->fetch) {
        x->outcome.refused = COUNTER_REFUSED_BUSY;
        return VERDICT_FAIL;
    }
    return VERDICT_NEXT;
}

enum verdict bedrock_send(struct exchange *x)
{
    lane_pick(x);
    if (money_moves(x)) {
        usage_move(x);
    }
    if (wait_for_keys(x)) {
        return VERDICT_WAIT;
    }
    attempt_begin_transfer(&x->attempt);
    x->outcome.err = (struct err){.code = STATUS_OK};
    struct outgoing o = {.arena = arena_new(OUTGOING_MAX)};
    enum verdict v = send_out(x, &o);
    arena_drop(o.arena);
    return v;
}

/* --- a second attempt ---------------------------------------------------------------------- */

/* The signature's time was refused, and the Date header differs from it: learn the offset, try
 * once more at no cost. (Another worker may have learnt it while this request was on its way.) */
static bool learn_skew(struct exchange *x)
{
    struct transfer *t = &x->attempt.transfer;
    struct str date;
    int64_t theirs_ms;
    if (t->complaint != COMPLAINT_CLOCK || x->attempt.clock_learnt || !t->fetch ||
        !fetch_header(t->fetch, STR("date"), &date) || !clock_parse_http(date, &theirs_ms)) {
        return false;
    }
    int64_t offset = theirs_ms - clock_real_ms(), change = offset - t->skew_ms;
    if (change < SKEW_LEARN_MS && change > -SKEW_LEARN_MS) {
        return false;
    }
    signing_set_skew(x->worker->segment, offset);
    log_line(LOG_WARN, "clock", "AWS is %lld s away from this clock; signing with its time",
             (long long)(offset / 1000));
    x->attempt.clock_learnt = true;
    x->attempt.pause_ms = 0;
    return true;
}

static bool worth_retrying(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    int status = t->refusal;
    if (t->complaint == COMPLAINT_DAY) {
        return false;
    }
    if (status == 0) { /* no answer: only if nothing of the request can have been billed */
        return x->outcome.err.code == STATUS_UPSTREAM && !(t->fetch && fetch_sent(t->fetch));
    }
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static bool drop_tier(struct exchange *x)
{
    struct attempt *a = &x->attempt;
    if (a->transfer.complaint != COMPLAINT_TIER || !a->tier_named ||
        attempt_leaves_out(a, PLAN_TIER)) {
        return false;
    }
    attempt_leave_out(a, PLAN_TIER);
    a->pause_ms = 0;
    return true;
}

bool bedrock_retry(struct exchange *x)
{
    if (learn_skew(x) || native_refused(x) || drop_tier(x) || cure_try(x)) {
        return true;
    }
    struct bedrock *b = x->worker->bedrock;
    if (!x->attempt.mantle.here && lane_refused(x, &b->retries, &b->proofs)) {
        return true;
    }
    unsigned allowed = x->worker->config->bounds.attempts + attempt_granted(&x->attempt);
    if (x->attempt.number >= allowed || !worth_retrying(x) || queue_takes_no(x) ||
        !retries_take(&b->retries)) {
        return false;
    }
    bool throttled = x->attempt.transfer.refusal == 429;
    uint32_t random; /* full jitter */
    text_random(&random, sizeof random);
    x->attempt.pause_ms = random % (throttled ? RETRY_THROTTLED_MS : RETRY_TRANSIENT_MS) + 1;
    return true;
}
