/*
 * creds_sts.c - credentials from AWS STS: AssumeRoleWithWebIdentity (unsigned; EKS service
 * accounts, CI) and AssumeRole for a profile with role_arn and source_profile (signed with the
 * source's keys). Source:
 * docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
#include "server/aws/creds_private.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/url.h"
#include "server/aws/creds_profile.h"
#include "server/aws/sigv4.h"
#include "server/aws/xml.h"

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

static enum creds_verdict refused(struct creds *c, int http, struct str body)
{
    struct str code;
    char word[65];
    if (!xml_element(body, "Error", "Code", &code) || !creds_copy(code, word, sizeof word))
        return creds_fail(c, "AWS STS answered HTTP %d", http);
    return creds_fail(c, "AWS STS answered HTTP %d, %s", http, word);
}

static bool take(struct str body, const char *name, char *out, size_t size)
{
    struct str value;
    return xml_element(body, "Credentials", name, &value) && creds_copy(value, out, size);
}

static enum creds_verdict take_answer(struct creds *c, int http, struct str body)
{
    struct str expires;
    if (http != 200)
        return refused(c, http, body);
    if (!take(body, "AccessKeyId", c->next.access_key_id, sizeof c->next.access_key_id) ||
        !take(body, "SecretAccessKey", c->next.secret, sizeof c->next.secret) ||
        !take(body, "SessionToken", c->next.token, sizeof c->next.token) ||
        !xml_element(body, "Credentials", "Expiration", &expires) ||
        !clock_parse_rfc3339(expires, &c->next.expires_ms))
        return creds_fail(c, "the answer of AWS STS lacks a key, or one of them is malformed");
    return CREDS_FOUND;
}

/* ---- the form ------------------------------------------------------------------------- */

static void put_field(struct buf *form, const char *name, struct str value)
{
    buf_printf(form, "&%s=", name);
    char *room = buf_reserve(form, value.n * 3);
    if (room)
        buf_commit(form, text_percent(value, room, value.n * 3));
}

static enum creds_verdict put_form(struct creds *c, const struct assume *a)
{
    struct str arn = text_from(a->role_arn),
               session = text_from(a->session ? a->session : SESSION_DEFAULT);
    if (!text_starts(arn, STR("arn:")) || !creds_clean(arn, ROLE_ARN_MAX))
        return creds_fail(c, "the role ARN is malformed");
    if (!creds_clean(session, 64) || session.n < 2)
        return creds_fail(c, "the role session name is malformed");
    buf_clear(&c->request);
    buf_printf(&c->request, "Action=%s&Version=" STS_VERSION,
               a->token_file ? "AssumeRoleWithWebIdentity" : "AssumeRole");
    put_field(&c->request, "RoleArn", arn);
    put_field(&c->request, "RoleSessionName", session);
    if (a->external_id && a->external_id[0])
        put_field(&c->request, "ExternalId", text_from(a->external_id));
    return CREDS_FOUND;
}

/* The file is read at every call: Kubernetes renews it. */
static enum creds_verdict put_token(struct creds *c, const struct assume *a)
{
    struct buf token;
    buf_init(&token, TOKEN_MAX);
    enum creds_verdict verdict = CREDS_FOUND;
    if (creds_file_token(a->token_file, &token))
        put_field(&c->request, "WebIdentityToken", buf_str(&token));
    else
        verdict = creds_fail(c, "the web identity token file has no usable token");
    creds_wipe_buf(&token);
    return verdict;
}

/* ---- the call ------------------------------------------------------------------------- */

struct place {
    char region[64];
    char url[128];
    struct str host; /* in url */
};

static enum creds_verdict find_place(struct creds *c, struct place *p)
{
    if (c->options.region && c->options.region[0])
        text_copy(text_from(c->options.region), p->region, sizeof p->region);
    else if (!creds_region(p->region, sizeof p->region))
        text_copy(STR("us-east-1"), p->region, sizeof p->region);
    const char *china = text_starts(text_from(p->region), STR("cn-")) ? ".cn" : "";
    if (c->options.sts_endpoint)
        snprintf(p->url, sizeof p->url, "%s/", c->options.sts_endpoint);
    else
        snprintf(p->url, sizeof p->url, "https://sts.%s.amazonaws.com%s/", p->region, china);
    struct url u;
    if (!creds_clean(text_from(p->url), sizeof p->url - 1) || !url_cut(text_from(p->url), &u))
        return creds_fail(c, "the address of AWS STS is malformed");
    p->host = u.authority;
    return CREDS_FOUND;
}

static enum creds_verdict send(struct creds *c, const struct place *p,
                               const struct fetch_header *headers, size_t n)
{
    if (!buf_ok(&c->request))
        return creds_fail(c, "no memory");
    struct creds_call call = {.method = "POST",
                              .url = p->url,
                              .peer = "AWS STS",
                              .headers = headers,
                              .header_count = n,
                              .post_request = true,
                              .seconds = STS_SECONDS};
    return creds_call(c, &call, take_answer);
}

static bool sign(const struct creds *c, const struct place *p, const struct creds_profile *source,
                 const char amz_date[17], struct buf *line)
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
    sha256_hex(buf_data(&c->request), buf_len(&c->request), r.body_sha256);
    uint8_t key[SHA256_SIZE];
    struct buf scratch;
    buf_init(&scratch, SIGNED_MAX);
    sigv4_key(text_from(source->secret), &scope, key);
    BUF_LIT(line, "authorization: ");
    bool ok = sigv4_sign(&r, &scope, key, text_from(source->access_key_id),
                         (struct str){amz_date, 16}, &scratch, line, NULL) == STATUS_OK;
    buf_put_char(line, '\0');
    text_wipe(key, sizeof key);
    creds_wipe_buf(&scratch);
    return ok && buf_ok(line);
}

static enum creds_verdict send_signed(struct creds *c, const struct place *p,
                                      const struct creds_profile *source)
{
    char amz_date[17], date_line[40], token_line[CREDS_TOKEN_MAX + 32];
    struct buf line;
    buf_init(&line, SIGNED_MAX);
    clock_amz(clock_real_ms(), amz_date);
    snprintf(date_line, sizeof date_line, "x-amz-date: %s", amz_date);
    snprintf(token_line, sizeof token_line, "x-amz-security-token: %s", source->token);
    enum creds_verdict verdict;
    if (sign(c, p, source, amz_date, &line)) {
        struct fetch_header headers[] = {{FORM_TYPE}, {buf_data(&line)}, {date_line}, {token_line}};
        verdict = send(c, p, headers, source->token[0] ? 4 : 3);
    } else {
        verdict = creds_fail(c, "the call to AWS STS could not be signed");
    }
    text_wipe(token_line, sizeof token_line);
    creds_wipe_buf(&line);
    return verdict;
}

static enum creds_verdict assume(struct creds *c, const struct assume *a)
{
    struct place place;
    enum creds_verdict verdict = put_form(c, a);
    if (verdict == CREDS_FOUND && a->token_file)
        verdict = put_token(c, a);
    if (verdict == CREDS_FOUND)
        verdict = find_place(c, &place);
    if (verdict != CREDS_FOUND)
        return verdict;
    return a->source ? send_signed(c, &place, a->source)
                     : send(c, &place, &(struct fetch_header){FORM_TYPE}, 1);
}

/* ---- sources -------------------------------------------------------------------------- */

bool creds_web_identity_likely(void)
{
    return creds_env("AWS_WEB_IDENTITY_TOKEN_FILE") && creds_env("AWS_ROLE_ARN");
}

enum creds_verdict creds_web_identity_look(struct creds *c)
{
    struct assume a = {.token_file = creds_env("AWS_WEB_IDENTITY_TOKEN_FILE"),
                       .role_arn = creds_env("AWS_ROLE_ARN"),
                       .session = creds_env("AWS_ROLE_SESSION_NAME")};
    if (!a.token_file)
        return CREDS_NONE; /* AWS_ROLE_ARN alone means something to other tools */
    if (!a.role_arn)
        return creds_fail(c, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
    return assume(c, &a);
}

static enum creds_verdict assume_from_source(struct creds *c, struct assume *a, const char *name)
{
    struct creds_profile source;
    struct err err;
    if (creds_profile_load(&source, name, &err) != STATUS_OK)
        return creds_fail(c, "source_profile cannot be read");
    enum creds_verdict verdict;
    a->source = &source;
    if (!creds_clean(text_from(source.access_key_id), sizeof source.access_key_id) ||
        !creds_clean(text_from(source.secret), sizeof source.secret) ||
        (source.token[0] && !creds_clean(text_from(source.token), sizeof source.token)))
        verdict = creds_fail(c, "source_profile %s has no usable keys of its own", source.name);
    else
        verdict = assume(c, a);
    creds_profile_wipe(&source);
    return verdict;
}

enum creds_verdict creds_sts_profile(struct creds *c, const struct creds_profile *p)
{
    struct assume a = {.role_arn = p->role_arn,
                       .external_id = p->external_id,
                       .session = p->role_session_name[0] ? p->role_session_name : NULL};
    if (p->web_identity_token_file[0]) {
        a.token_file = p->web_identity_token_file;
        a.external_id = NULL;
        return assume(c, &a);
    }
    if (p->source_profile[0])
        return assume_from_source(c, &a, p->source_profile);
    return creds_fail(c, "role_arn without source_profile is not supported");
}
