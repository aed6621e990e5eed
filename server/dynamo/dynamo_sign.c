#include "server/dynamo/dynamo_sign.h"

#include <assert.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/sha256.h"
#include "server/aws/sigv4.h"

#define REGION_DEFAULT "us-east-1"
#define SCRATCH_MAX    65536
#define TARGET         "DynamoDB_20120810."

enum status dynamo_sign_init(struct dynamo_sign *g, const struct config *c, struct err *err)
{
    struct str url = text_from(c->dynamodb_endpoint_url);
    *g = (struct dynamo_sign){.has_value = false};
    buf_init(&g->scratch, SCRATCH_MAX);
    buf_init(&g->authorization, 1024);
    text_copy(text_from(c->aws_region), g->region, sizeof g->region);
    if (!g->region[0] && !creds_region(g->region, sizeof g->region)) {
        text_copy(STR(REGION_DEFAULT), g->region, sizeof g->region);
    }
    if (url.n) {
        return endpoint_given(url, "DYNAMODB_ENDPOINT_URL", &g->endpoint, err);
    }
    if (text_from(g->region).n != strspn(g->region, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
        return err_set(err, STATUS_INVALID, "AWS_REGION: it is no region");
    }
    /* In GovCloud the ordinary endpoint is the FIPS one (botocore's rules for dynamodb). */
    bool gov = text_starts(text_from(g->region), STR("us-gov-")) && !c->use_dualstack;
    endpoint_aws("dynamodb", g->region, c->use_fips && !gov, c->use_dualstack, &g->endpoint);
    return STATUS_OK;
}

void dynamo_sign_free(struct dynamo_sign *g)
{
    buf_free(&g->scratch);
    buf_free(&g->authorization);
    text_wipe(&g->value, sizeof g->value);
    g->has_value = false;
}

void dynamo_sign_take(struct dynamo_sign *g, const struct creds_value *value)
{
    g->value = *value;
    g->has_value = true;
}

struct making {
    struct arena *arena;
    struct sigv4_header pairs[DYNAMO_SIGN_HEADERS];
    struct dynamo_sign_request *out;
};

static bool put_header(struct making *m, struct str name, struct str value)
{
    size_t n = m->out->header_count;
    assert(n < DYNAMO_SIGN_HEADERS);
    m->pairs[n] = (struct sigv4_header){name, value};
    m->out->headers[n].line = arena_printf(m->arena, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    m->out->header_count++;
    return m->out->headers[n].line != NULL;
}

static bool put_headers(struct making *m, const struct dynamo_sign *g, struct str operation,
                        struct str amz)
{
    struct str target = text_from(arena_printf(m->arena, TARGET "%.*s", STR_ARG(operation)));
    struct str token = text_from(g->value.token);
    return target.n && put_header(m, STR("host"), text_from(g->endpoint.host)) &&
           put_header(m, STR("content-type"), STR("application/x-amz-json-1.0")) &&
           put_header(m, STR("x-amz-date"), amz) && put_header(m, STR("x-amz-target"), target) &&
           (token.n == 0 || put_header(m, STR("x-amz-security-token"), token));
}

static enum status sign(struct dynamo_sign *g, struct making *m, struct str path, struct str body,
                        struct str amz, struct err *err)
{
    struct sigv4_request r = {.method = STR("POST"),
                              .path = path,
                              .query = STR(""),
                              .headers = m->pairs,
                              .header_count = m->out->header_count};
    struct sigv4_scope scope = {.region = text_from(g->region), .service = STR("dynamodb")};
    uint8_t key[SHA256_SIZE];
    sha256_hex(body.p, body.n, r.body_sha256);
    text_copy(text_sub(amz, 0, 8), scope.date, sizeof scope.date);
    sigv4_key(text_from(g->value.secret), &scope, key);
    buf_clear(&g->authorization);
    enum status status = sigv4_sign(&r, &scope, key, text_from(g->value.access_key_id), amz,
                                    &g->scratch, &g->authorization, err);
    text_wipe(key, sizeof key);
    return status;
}

enum status dynamo_sign_make(struct dynamo_sign *g, struct str operation, struct str body,
                             int64_t now_ms, struct arena *arena, struct dynamo_sign_request *out,
                             struct err *err)
{
    struct making m = {.arena = arena, .out = out};
    char amz_text[17];
    *out = (struct dynamo_sign_request){.header_count = 0};
    clock_amz(now_ms + g->skew_ms, amz_text);
    struct str amz = text_from(amz_text);
    struct str path = text_from(arena_printf(arena, "%s/", g->endpoint.path));
    out->url = arena_printf(arena, "%s%s", g->endpoint.base, path.p ? path.p : "");
    if (!path.n || !out->url || !put_headers(&m, g, operation, amz)) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    enum status status = sign(g, &m, path, body, amz, err);
    if (status == STATUS_OK && !put_header(&m, STR("authorization"), buf_str(&g->authorization))) {
        status = err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    return status;
}
