#include "server/aws/creds_sts.h"

#include <stdio.h>
#include <string.h>

#include "server/aws/creds_local.h"
#include "server/aws/creds_region.h"
#include "server/aws/sigv4.h"
#include "server/aws/xml.h"
#include "server/base/clock.h"
#include "server/base/url.h"

#define STS_VERSION     "2011-06-15"
#define SESSION_DEFAULT "llm-api-converter"
#define FORM_TYPE       "content-type: application/x-www-form-urlencoded"

enum {
    STS_SECONDS = 10,
    ROLE_ARN_MAX = 2048,
    TOKEN_MAX = 20000,     /* WebIdentityToken's own limit */
    SIGNED_MAX = 16 * 1024 /* canonical request and authorization */
};

struct assume { /* what both calls need */
    const char *role_arn, *session;
    const char *token_file;             /* web identity */
    const char *external_id;            /* AssumeRole */
    const struct creds_profile *source; /* AssumeRole: whose keys sign */
};

/* ---- the XML answer ------------------------------------------------------------------- */

static enum creds_verdict refused(struct creds_look *l, int http, struct str body)
{
    struct str code;
    char word[65];
    if (!xml_element(body, "Error", "Code", &code) || !creds_local_copy(code, word, sizeof word)) {
        return creds_look_fail(l, "AWS STS answered HTTP %d", http);
    }
    return creds_look_fail(l, "AWS STS answered HTTP %d, %s", http, word);
}

static bool take(struct str body, const char *name, char *out, size_t size)
{
    struct str value;
    return xml_element(body, "Credentials", name, &value) && creds_local_copy(value, out, size);
}

static enum creds_verdict take_answer(struct creds_look *l, int http, struct str body)
{
    struct str expires;
    if (http != 200) {
        return refused(l, http, body);
    }
    if (!take(body, "AccessKeyId", l->next.access_key_id, sizeof l->next.access_key_id) ||
        !take(body, "SecretAccessKey", l->next.secret, sizeof l->next.secret) ||
        !take(body, "SessionToken", l->next.token, sizeof l->next.token) ||
        !xml_element(body, "Credentials", "Expiration", &expires) ||
        !clock_parse_rfc3339(expires, &l->next.expires_ms)) {
        return creds_look_fail(l, "the answer of AWS STS lacks a key, or one of them is malformed");
    }
    return CREDS_FOUND;
}

/* ---- the form ------------------------------------------------------------------------- */

static void put_field(struct buf *form, const char *name, struct str value)
{
    buf_printf(form, "&%s=", name);
    char *room = buf_reserve(form, value.n * 3);
    if (room) {
        buf_commit(form, text_percent(value, room, value.n * 3));
    }
}

static enum creds_verdict put_form(struct creds_look *l, const struct assume *a)
{
    struct str arn = text_from(a->role_arn),
               session = text_from(a->session ? a->session : SESSION_DEFAULT);
    if (!text_starts(arn, STR("arn:")) || !creds_local_clean(arn, ROLE_ARN_MAX)) {
        return creds_look_fail(l, "the role ARN is malformed");
    }
    if (!creds_local_clean(session, 64) || session.n < 2) {
        return creds_look_fail(l, "the role session name is malformed");
    }
    buf_clear(&l->request);
    buf_printf(&l->request, "Action=%s&Version=" STS_VERSION,
               a->token_file ? "AssumeRoleWithWebIdentity" : "AssumeRole");
    put_field(&l->request, "RoleArn", arn);
    put_field(&l->request, "RoleSessionName", session);
    if (a->external_id && a->external_id[0]) {
        put_field(&l->request, "ExternalId", text_from(a->external_id));
    }
    return CREDS_FOUND;
}

/* The file is read at every call: Kubernetes renews it. */
static enum creds_verdict put_token(struct creds_look *l, const struct assume *a)
{
    struct buf token;
    buf_init(&token, TOKEN_MAX);
    enum creds_verdict verdict = CREDS_FOUND;
    if (creds_local_token(a->token_file, &token)) {
        put_field(&l->request, "WebIdentityToken", buf_str(&token));
    } else {
        verdict = creds_look_fail(l, "the web identity token file has no usable token");
    }
    creds_local_wipe(&token);
    return verdict;
}

/* ---- the call ------------------------------------------------------------------------- */

struct place {
    char region[64];
    char url[128];
    struct str host; /* in url */
};

static enum creds_verdict find_place(struct creds_look *l, struct place *p)
{
    if (l->options->region && l->options->region[0]) {
        text_copy(text_from(l->options->region), p->region, sizeof p->region);
    } else if (!creds_region(p->region, sizeof p->region)) {
        text_copy(STR("us-east-1"), p->region, sizeof p->region);
    }
    const char *china = text_starts(text_from(p->region), STR("cn-")) ? ".cn" : "";
    const char *given = creds_local_env("AWS_ENDPOINT_URL_STS"); /* as AWS's SDKs read it */
    if (l->options->sts_endpoint || given) {
        snprintf(p->url, sizeof p->url, "%s/",
                 l->options->sts_endpoint ? l->options->sts_endpoint : given);
    } else {
        snprintf(p->url, sizeof p->url, "https://sts.%s.amazonaws.com%s/", p->region, china);
    }
    struct url u;
    if (!creds_local_clean(text_from(p->url), sizeof p->url - 1) ||
        !url_cut(text_from(p->url), &u)) {
        return creds_look_fail(l, "the address of AWS STS is malformed");
    }
    p->host = u.authority;
    return CREDS_FOUND;
}

static enum creds_verdict send(struct creds_look *l, const struct place *p,
                               const struct fetch_header *headers, size_t n)
{
    if (!buf_ok(&l->request)) {
        return creds_look_fail(l, "no memory");
    }
    struct creds_look_call call = {.method = "POST",
                                   .url = p->url,
                                   .peer = "AWS STS",
                                   .headers = headers,
                                   .header_count = n,
                                   .post_request = true,
                                   .seconds = STS_SECONDS};
    return creds_look_call(l, &call, take_answer);
}

static bool sign(const struct creds_look *l, const struct place *p,
                 const struct creds_profile *source, const char amz_date[17], struct buf *line)
{
    struct sigv4_header headers[] = {{STR("host"), p->host},
                                     {STR("x-amz-date"), {amz_date, 16}},
                                     {STR("x-amz-security-token"), text_from(source->token)}};
    struct sigv4_request r = {.method = STR("POST"),
                              .path = STR("/"),
                              .headers = headers,
                              .header_count = source->token[0] ? 3 : 2};
    struct sigv4_scope scope = {.region = text_from(p->region), .service = STR("sts")};
    text_copy((struct str){amz_date, 8}, scope.date, sizeof scope.date);
    sha256_hex(buf_data(&l->request), buf_len(&l->request), r.body_sha256);
    uint8_t key[SHA256_SIZE];
    struct buf scratch;
    buf_init(&scratch, SIGNED_MAX);
    sigv4_key(text_from(source->secret), &scope, key);
    BUF_LIT(line, "authorization: ");
    bool ok = sigv4_sign(&r, &scope, key, text_from(source->access_key_id),
                         (struct str){amz_date, 16}, &scratch, line, NULL) == STATUS_OK;
    buf_put_char(line, '\0');
    text_wipe(key, sizeof key);
    creds_local_wipe(&scratch);
    return ok && buf_ok(line);
}

static enum creds_verdict send_signed(struct creds_look *l, const struct place *p,
                                      const struct creds_profile *source)
{
    char amz_date[17], date_line[40], token_line[CREDS_TOKEN_MAX + 32];
    struct buf line;
    buf_init(&line, SIGNED_MAX);
    clock_amz(clock_real_ms(), amz_date);
    snprintf(date_line, sizeof date_line, "x-amz-date: %s", amz_date);
    snprintf(token_line, sizeof token_line, "x-amz-security-token: %s", source->token);
    enum creds_verdict verdict;
    if (sign(l, p, source, amz_date, &line)) {
        struct fetch_header headers[] = {{FORM_TYPE}, {buf_data(&line)}, {date_line}, {token_line}};
        verdict = send(l, p, headers, source->token[0] ? 4 : 3);
    } else {
        verdict = creds_look_fail(l, "the call to AWS STS could not be signed");
    }
    text_wipe(token_line, sizeof token_line);
    creds_local_wipe(&line);
    return verdict;
}

static enum creds_verdict assume(struct creds_look *l, const struct assume *a)
{
    struct place place;
    enum creds_verdict verdict = put_form(l, a);
    if (verdict == CREDS_FOUND && a->token_file) {
        verdict = put_token(l, a);
    }
    if (verdict == CREDS_FOUND) {
        verdict = find_place(l, &place);
    }
    if (verdict != CREDS_FOUND) {
        return verdict;
    }
    return a->source ? send_signed(l, &place, a->source)
                     : send(l, &place, &(struct fetch_header){FORM_TYPE}, 1);
}

/* ---- sources -------------------------------------------------------------------------- */

bool creds_sts_web_identity_likely(void)
{
    return creds_local_env("AWS_WEB_IDENTITY_TOKEN_FILE") && creds_local_env("AWS_ROLE_ARN");
}

enum creds_verdict creds_sts_web_identity_look(struct creds_look *l)
{
    struct assume a = {.token_file = creds_local_env("AWS_WEB_IDENTITY_TOKEN_FILE"),
                       .role_arn = creds_local_env("AWS_ROLE_ARN"),
                       .session = creds_local_env("AWS_ROLE_SESSION_NAME")};
    if (!a.token_file) {
        return CREDS_NONE; /* AWS_ROLE_ARN alone means something to other tools */
    }
    if (!a.role_arn) {
        return creds_look_fail(l, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
    }
    return assume(l, &a);
}

static enum creds_verdict assume_from_source(struct creds_look *l, struct assume *a,
                                             const char *name)
{
    struct creds_profile source;
    struct err err;
    if (creds_profile_load(&source, name, &err) != STATUS_OK) {
        return creds_look_fail(l, "source_profile cannot be read");
    }
    enum creds_verdict verdict;
    a->source = &source;
    if (!creds_local_clean(text_from(source.access_key_id), sizeof source.access_key_id) ||
        !creds_local_clean(text_from(source.secret), sizeof source.secret) ||
        (source.token[0] && !creds_local_clean(text_from(source.token), sizeof source.token))) {
        verdict =
            creds_look_fail(l, "source_profile %s has no usable keys of its own", source.name);
    } else {
        verdict = assume(l, a);
    }
    creds_profile_wipe(&source);
    return verdict;
}

enum creds_verdict creds_sts_profile(struct creds_look *l, const struct creds_profile *p)
{
    struct assume a = {.role_arn = p->role_arn,
                       .external_id = p->external_id,
                       .session = p->role_session_name[0] ? p->role_session_name : NULL};
    if (p->web_identity_token_file[0]) {
        a.token_file = p->web_identity_token_file;
        a.external_id = NULL;
        return assume(l, &a);
    }
    if (p->source_profile[0]) {
        return assume_from_source(l, &a, p->source_profile);
    }
    return creds_look_fail(l, "role_arn without source_profile is not supported");
}

enum creds_verdict creds_sts_role_look(struct creds_look *l)
{
    const struct creds_value *base = l->options->base;
    struct creds_profile source = {.found = true};
    struct assume a = {.role_arn = l->options->role_arn, .source = &source};
    if (!base || !base->access_key_id[0]) {
        return creds_look_fail(l, "the gateway has no credentials of its own to ask AWS STS with");
    }
    text_copy(text_from(base->access_key_id), source.access_key_id, sizeof source.access_key_id);
    text_copy(text_from(base->secret), source.secret, sizeof source.secret);
    text_copy(text_from(base->token), source.token, sizeof source.token);
    enum creds_verdict verdict = assume(l, &a);
    creds_profile_wipe(&source);
    return verdict;
}
