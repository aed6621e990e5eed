#include "shm/refresher/inquiry.h"

#include <stdio.h>

#include "server/aws/endpoint.h"
#include "server/aws/sigv4.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "shm/memory/profiles.h"
#include "shm/memory/signing.h"

#define DAY_MS     86400000u
#define HOUR_MS    3600000u /* until a refusal may have changed */
#define LATER_MS   300000u  /* after trouble on the way */
#define CONNECT_MS 3000u
#define TOTAL_MS   10000u
#define BODY_MAX   65536u
#define HEADERS    4u

struct inquiry {
    const struct config *config;
    struct segment *segment;
    struct fetch_client *client;
    const struct signer *signer;
    struct fetch *fetch; /* NULL: nothing runs */
    uint32_t slot;
    int status;
    struct buf body, scratch, authorization;
    bool refusal_said;
};

/* --- the answer ---------------------------------------------------------------------------- */

static struct str region_of(struct str arn)
{
    struct str part = {NULL, 0};
    for (int i = 0; i < 4; i++) {
        if (arn.n == 0 || !text_split(&arn, ':', &part)) {
            return (struct str){NULL, 0};
        }
    }
    return part;
}

/* A profile of one region has one model, one of a geography has it in several regions, and a global
 * one has an ARN without a region, too. docs.aws.amazon.com/bedrock/latest/APIReference/
 * API_GetInferenceProfile.html */
static bool find_id(const struct cJSON *models, char id_out[128])
{
    struct str base = STR(""), region = STR(""), prefix = STR("");
    for (const struct cJSON *m = json_child(models); m; m = json_next(m)) {
        struct str arn = json_get_text(m, "modelArn"), here = region_of(arn);
        struct str id = region_base(arn);
        if (id.n == 0 || (base.n && !text_eq(id, base))) {
            return false;
        }
        bool other = base.n && !text_eq(here, region);
        if (here.n == 0) {
            prefix = STR("global");
        } else if (other && prefix.n == 0) {
            prefix = region_geography(here);
        }
        base = id;
        region = here;
    }
    int n =
        snprintf(id_out, 128, "%.*s%s%.*s", STR_ARG(prefix), prefix.n ? "." : "", STR_ARG(base));
    return base.n > 0 && n > 0 && n < 128;
}

bool inquiry_read(struct str body, char id_out[128])
{
    struct err err;
    struct cJSON *doc = json_parse(body, &err);
    bool found = doc && find_id(json_get(doc, "models"), id_out);
    json_free(doc);
    return found;
}

/* AWS's words name the role and the ARN; both are the operator's, so they are for the log. */
static void say_refusal(struct inquiry *q)
{
    if (!q->refusal_said) {
        log_line(LOG_WARN, "models",
                 "AWS does not tell which model an inference profile has (HTTP %d; "
                 "bedrock:GetInferenceProfile is optional): map-model --as says it",
                 q->status);
    }
    q->refusal_said = true;
}

static void take_answer(struct inquiry *q, enum status status)
{
    uint64_t now_ms = clock_mono_ms();
    char id[128];
    if (status == STATUS_OK && q->status == 200 && inquiry_read(buf_str(&q->body), id)) {
        profiles_answer(q->segment, q->slot, text_from(id), now_ms + DAY_MS);
    } else if (status == STATUS_OK && q->status >= 400 && q->status < 500 && q->status != 429) {
        say_refusal(q);
        profiles_answer(q->segment, q->slot, STR(""), now_ms + HOUR_MS);
    } else {
        profiles_later(q->segment, q->slot, now_ms + LATER_MS);
    }
}

static void on_headers(void *owner, struct fetch *f, int status)
{
    struct inquiry *q = owner;
    (void)f;
    q->status = status;
}

static bool on_data(void *owner, struct fetch *f, struct str bytes)
{
    struct inquiry *q = owner;
    (void)f;
    buf_put(&q->body, bytes.p, bytes.n);
    return true;
}

static void on_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct inquiry *q = owner;
    (void)f, (void)err;
    q->fetch = NULL;
    take_answer(q, status);
    inquiry_tick(q);
}

/* --- the question -------------------------------------------------------------------------- */

struct question {
    struct arena *arena;
    struct endpoint endpoint;
    struct str region, path, amz;
    struct sigv4_header pairs[HEADERS];
    struct fetch_header lines[HEADERS];
    size_t n;
};

static bool put_header(struct question *w, struct str name, struct str value)
{
    w->pairs[w->n] = (struct sigv4_header){name, value};
    w->lines[w->n].line = arena_printf(w->arena, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    return w->lines[w->n++].line != NULL;
}

static bool sign(struct inquiry *q, struct question *w)
{
    const struct creds_value *v = &q->signer->value;
    struct sigv4_scope scope = {.region = w->region, .service = STR("bedrock")};
    uint8_t key[SHA256_SIZE];
    struct err err;
    bool ok = put_header(w, STR("host"), text_from(w->endpoint.host)) &&
              put_header(w, STR("x-amz-date"), w->amz) &&
              (!v->token[0] || put_header(w, STR("x-amz-security-token"), text_from(v->token)));
    struct sigv4_request r = {.method = STR("GET"),
                              .path = w->path,
                              .query = STR(""),
                              .headers = w->pairs,
                              .header_count = w->n};
    if (!ok) {
        return false;
    }
    sha256_hex("", 0, r.body_sha256);
    text_copy(text_sub(w->amz, 0, 8), scope.date, sizeof scope.date);
    sigv4_key(text_from(v->secret), &scope, key);
    buf_clear(&q->authorization);
    ok = sigv4_sign(&r, &scope, key, text_from(v->access_key_id), w->amz, &q->scratch,
                    &q->authorization, &err) == STATUS_OK;
    text_wipe(key, sizeof key);
    return ok && put_header(w, STR("authorization"), buf_str(&q->authorization));
}

static bool find_endpoint(const struct config *c, struct question *w)
{
    char region[40];
    struct err err;
    if (c->bedrock_endpoint_url[0]) {
        return endpoint_given(text_from(c->bedrock_endpoint_url), "BEDROCK_ENDPOINT_URL",
                              &w->endpoint, &err) == STATUS_OK;
    }
    for (unsigned i = 0; i < c->lanes.n; i++) {
        const struct config_lane *lane = &c->lanes.lane[i];
        if (lane->url.n > 0 && text_eq(text_from(lane->region), w->region)) {
            return endpoint_given(lane->url, "BEDROCK_LANES", &w->endpoint, &err) == STATUS_OK;
        }
    }
    if (w->region.n == 0 || w->region.n >= sizeof region || !text_only_of(w->region, "-")) {
        return false;
    }
    endpoint_aws("bedrock", text_copy(w->region, region, sizeof region), c->use_fips,
                 c->use_dualstack, &w->endpoint);
    return true;
}

static bool send(struct inquiry *q, struct question *w, struct str arn)
{
    static const struct fetch_ops ops = {on_headers, on_data, on_done};
    char amz[17], path[3 * PROFILES_ARN_MAX];
    struct err err;
    w->region = region_of(arn);
    if (!find_endpoint(q->config, w) || text_percent(arn, path, sizeof path) == 0) {
        return false;
    }
    clock_amz(clock_real_now_ms() + signing_skew(q->segment), amz);
    w->amz = text_from(amz);
    w->path = text_from(arena_printf(w->arena, "%s/inference-profiles/%.*s", w->endpoint.path,
                                     (int)text_percent(arn, path, sizeof path), path));
    const char *url = arena_printf(w->arena, "%s%.*s", w->endpoint.base, STR_ARG(w->path));
    if (!w->path.n || !url || !sign(q, w)) {
        return false;
    }
    struct fetch_request request = {.method = "GET",
                                    .url = url,
                                    .headers = w->lines,
                                    .header_count = w->n,
                                    .allow_http = w->endpoint.plain_http,
                                    .connect_ms = CONNECT_MS,
                                    .total_ms = TOTAL_MS,
                                    .body_max = BODY_MAX,
                                    .peer = "Bedrock's control plane"};
    buf_clear(&q->body);
    q->status = 0;
    q->fetch = fetch_start(q->client, &request, &ops, q, &err);
    return q->fetch != NULL;
}

void inquiry_tick(struct inquiry *q)
{
    char arn[PROFILES_ARN_MAX];
    if (!q || q->fetch || !q->signer->has_value ||
        !profiles_next(q->segment, clock_mono_ms(), &q->slot, arn)) {
        return;
    }
    struct question w = {.arena = arena_new(65536)};
    if (!w.arena || !send(q, &w, text_from(arn))) {
        profiles_later(q->segment, q->slot, clock_mono_ms() + LATER_MS);
    }
    arena_drop(w.arena);
}

/* --- its life ------------------------------------------------------------------------------ */

struct inquiry *inquiry_new(const struct config *c, struct segment *s, struct fetch_client *fetch,
                            const struct signer *signer)
{
    struct inquiry *q = fetch ? heap_new(sizeof *q) : NULL;
    profiles_serve(s, q != NULL);
    if (q) {
        *q = (struct inquiry){.config = c, .segment = s, .client = fetch, .signer = signer};
        buf_init(&q->body, BODY_MAX);
        buf_init(&q->scratch, BODY_MAX);
        buf_init(&q->authorization, 1024);
    }
    return q;
}

void inquiry_drop(struct inquiry *q)
{
    if (q) {
        if (q->fetch) {
            fetch_cancel(q->fetch);
        }
        buf_free(&q->body);
        buf_free(&q->scratch);
        buf_free(&q->authorization);
        heap_drop(q);
    }
}
