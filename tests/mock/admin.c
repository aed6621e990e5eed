/*
 * admin.c - the routes that are not Bedrock's: what tests ask and set, and the container
 * credentials.
 */
#include "tests/mock/mock.h"

#include <stdio.h>

#include "server/base/clock.h"

#define CONTAINER 1 /* index in mock->key */
#define PREVIOUS  2

void admin_rotate_credentials(struct mock *mock)
{
    struct key_text *key = &mock->key[CONTAINER];
    mock->key[PREVIOUS] = *key;
    unsigned n = ++mock->rotation;
    snprintf(key->access_key, sizeof key->access_key, "ASIAMOCK%012u", n);
    snprintf(key->secret, sizeof key->secret, "mock-container-secret-%u", n);
    snprintf(key->token, sizeof key->token, "mock-container-session-token-%u", n);
}

static void give_json(struct mock *mock, struct answer *out, int status)
{
    answer_body(out, status, STR("application/json"), STR(""), &mock->body);
}

static void give_done(struct mock *mock, struct answer *out, bool done)
{
    buf_clear(&mock->body);
    if (done)
        BUF_LIT(&mock->body, "{\"ok\":true}");
    else
        BUF_LIT(&mock->body, "{\"ok\":false,\"message\":\"see tests/mock/README.md\"}");
    give_json(mock, out, done ? 200 : 400);
}

static uint64_t query_number(struct str query, struct str name, uint64_t otherwise)
{
    struct str pair;
    uint64_t value;
    while (text_split(&query, '&', &pair))
        if (text_starts(pair, name) && pair.n > name.n && pair.p[name.n] == '=' &&
            text_u64(text_sub(pair, name.n + 1, pair.n), &value))
            return value;
    return otherwise;
}

/* --- routes --- */

static void give_health(struct mock *mock, const struct request *r, struct answer *out)
{
    (void)r;
    buf_clear(&mock->body);
    BUF_LIT(&mock->body, "{\"status\":\"healthy\",\"service\":\"mock-bedrock\"}");
    give_json(mock, out, 200);
}

static void give_ledger(struct mock *mock, const struct request *r, struct answer *out)
{
    (void)r;
    buf_clear(&mock->body);
    ledger_print(&mock->ledger, &mock->body);
    give_json(mock, out, 200);
}

static void give_kept_body(struct mock *mock, const struct request *r, struct answer *out)
{
    const struct ledger_entry *e = ledger_back(&mock->ledger, query_number(r->query, STR("n"), 0));
    if (e)
        answer_body(out, 200, STR("application/octet-stream"), STR(""), &e->body);
    else
        answer_error(mock, out, 404, "ResourceNotFoundException", "mock: no such request is kept");
}

static void give_said(struct mock *mock, const struct request *r, struct answer *out)
{
    (void)r;
    if (buf_ok(&mock->said))
        answer_body(out, 200, STR("application/octet-stream"), STR(""), &mock->said);
    else
        answer_error(mock, out, 404, "ResourceNotFoundException", "mock: it was too much to keep");
}

static void reset(struct mock *mock, const struct request *r, struct answer *out)
{
    (void)r;
    ledger_reset(&mock->ledger);
    fault_memory_clear(mock->faults);
    mock->credentials_expire_s = 3600;
    mock->credentials_status = 0;
    mock->credentials_delay_ms = 0;
    give_done(mock, out, true);
}

static void set_credentials(struct mock *mock, const struct cJSON *c)
{
    int64_t number;
    bool rotate = false;
    if (json_get_i64(c, "expires_s", &number))
        mock->credentials_expire_s = number;
    if (json_get_i64(c, "status", &number))
        mock->credentials_status = (uint32_t)number;
    if (json_get_i64(c, "delay_ms", &number))
        mock->credentials_delay_ms = (uint32_t)number;
    if (json_get_bool(c, "rotate", &rotate) && rotate)
        admin_rotate_credentials(mock);
}

/* {"model":"part of an id","fault":"throttle","count":2} or {"credentials":{...}} */
static void script(struct mock *mock, const struct request *r, struct answer *out)
{
    struct err err;
    struct cJSON *doc = json_parse(r->body, &err);
    const struct cJSON *credentials = json_get(doc, "credentials");
    struct str fault = json_get_text(doc, "fault");
    int64_t count = 1;
    json_get_i64(doc, "count", &count);
    bool done = credentials != NULL;
    if (credentials)
        set_credentials(mock, credentials);
    if (fault.n)
        done = fault_script(mock->faults, json_get_text(doc, "model"), fault, (uint32_t)count);
    json_free(doc);
    give_done(mock, out, done);
}

/* Shape: the container credentials provider of the AWS SDKs. ?expires=N overrides the life. */
static void give_credentials(struct mock *mock, const struct request *r, struct answer *out)
{
    const struct key_text *key = &mock->key[CONTAINER];
    char expiration[25];
    uint64_t life = query_number(r->query, STR("expires"), (uint64_t)mock->credentials_expire_s);
    clock_rfc3339(clock_real_ms() + (int64_t)life * 1000, expiration);
    ledger_enter(&mock->ledger, OPERATION_CREDENTIALS, STR(""), r);
    out->delay_ms = mock->credentials_delay_ms;
    if (mock->credentials_status) {
        answer_error(mock, out, (int)mock->credentials_status, "InternalServerError",
                     "mock: no credentials");
        return;
    }
    struct json_out w;
    buf_clear(&mock->body);
    json_begin(&w, &mock->body);
    json_object(&w);
    speaker_put(&w, STR("RoleArn"), STR("arn:aws:iam::123456789012:role/mock"));
    speaker_put(&w, STR("AccessKeyId"), text_from(key->access_key));
    speaker_put(&w, STR("SecretAccessKey"), text_from(key->secret));
    speaker_put(&w, STR("Token"), text_from(key->token));
    speaker_put(&w, STR("Expiration"), text_from(expiration));
    json_object_end(&w);
    give_json(mock, out, 200);
}

static const struct {
    struct str method, path;
    bool whole; /* else a prefix */
    void (*run)(struct mock *mock, const struct request *r, struct answer *out);
} ROUTE[] = {
    {STR("GET"), STR("/health"), true, give_health},
    {STR("GET"), STR("/__ledger"), true, give_ledger},
    {STR("GET"), STR("/__body"), true, give_kept_body},
    {STR("GET"), STR("/__said"), true, give_said},
    {STR("POST"), STR("/__reset"), true, reset},
    {STR("POST"), STR("/__script"), true, script},
    {STR("GET"), STR("/credentials"), false, give_credentials},
    {STR("POST"), STR("/"), true, roles_assume},
};

bool admin_request(struct mock *mock, const struct request *r, struct answer *out)
{
    for (size_t i = 0; i < sizeof ROUTE / sizeof ROUTE[0]; i++) {
        bool path =
            ROUTE[i].whole ? text_eq(r->path, ROUTE[i].path) : text_starts(r->path, ROUTE[i].path);
        if (!path || !text_eq(r->method, ROUTE[i].method))
            continue;
        ROUTE[i].run(mock, r, out);
        return true;
    }
    return false;
}
