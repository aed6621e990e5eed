#include "server/aws/creds_http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "server/aws/creds_local.h"
#include "server/base/clock.h"
#include "server/base/url.h"
#include "server/json/json.h"

#define CONTAINER_HOST "http://169.254.170.2"
#define IMDS_IPV4      "http://169.254.169.254"
#define IMDS_IPV6      "http://[fd00:ec2::254]"
#define IMDS_ROLES     "/latest/meta-data/iam/security-credentials/"

enum {
    URL_MAX = 2048,
    CONTAINER_SECONDS = 2, /* as botocore */
    IMDS_SECONDS = 1,      /* the same; a hop limit of 1 shows as silence, not as an error */
    LINE_MAX_BYTES = CREDS_TOKEN_MAX + 64
};

/* ---- the document that both give ------------------------------------------------------ */

/* cJSON's copy is wiped before it goes back to the heap. */
static bool take_secret(const struct cJSON *doc, const char *key, char *out, size_t size)
{
    struct str value = json_get_text(doc, key);
    bool ok = creds_local_copy(value, out, size);
    text_wipe((void *)(uintptr_t)value.p, value.n);
    return ok;
}

/* {"AccessKeyId","SecretAccessKey","Token","Expiration"} and from IMDS "Code": "Success" */
static enum creds_verdict read_document(struct creds_look *l, struct str body)
{
    struct cJSON *doc = json_parse(body, NULL);
    struct str code = json_get_text(doc, "Code"), expires = json_get_text(doc, "Expiration");
    bool failed = code.n > 0 && !text_eq(code, STR("Success"));
    bool ok = creds_local_copy(json_get_text(doc, "AccessKeyId"), l->next.access_key_id,
                               sizeof l->next.access_key_id);
    ok = take_secret(doc, "SecretAccessKey", l->next.secret, sizeof l->next.secret) && ok;
    ok = take_secret(doc, "Token", l->next.token, sizeof l->next.token) && ok;
    ok = ok && (expires.n == 0 || clock_parse_rfc3339(expires, &l->next.expires_ms));
    bool understood = json_is_object(doc);
    json_free(doc);
    if (!understood) {
        return creds_look_fail(l, "the answer is not a JSON object");
    }
    if (failed) {
        return creds_look_fail(l, "the answer has a Code other than Success");
    }
    return ok ? CREDS_FOUND
              : creds_look_fail(l, "the answer lacks a key, or one of them is malformed");
}

static enum creds_verdict take_document(struct creds_look *l, int http, struct str body)
{
    if (http != 200) {
        return creds_look_fail(l, "%s answered HTTP %d", l->url_of, http);
    }
    return read_document(l, body);
}

/* ---- container ------------------------------------------------------------------------ */

static bool local_address(struct str host)
{
    static const char *const known[] = {"::1", "fd00:ec2::23", "169.254.170.2", "169.254.170.23"};
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16], other[16];
    if (host.n >= sizeof text) {
        return false;
    }
    text_copy(host, text, sizeof text);
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    size_t size = family == AF_INET6 ? 16 : 4;
    if (inet_pton(family, text, address) != 1) {
        return false;
    }
    if (family == AF_INET && address[0] == 127) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (inet_pton(family, known[i], other) == 1 && memcmp(address, other, size) == 0) {
            return true;
        }
    }
    return false;
}

bool creds_http_container_allowed(struct str url)
{
    struct url u;
    return creds_local_clean(url, URL_MAX - 1) && url_cut(url, &u) &&
           (!u.plain_http || text_ieq(u.host, STR("localhost")) || local_address(u.host));
}

bool creds_http_container_likely(void)
{
    return creds_local_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
           creds_local_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

static enum creds_verdict container_url(struct creds_look *l, struct buf *url)
{
    const char *relative = creds_local_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = creds_local_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative) {
        /* Without the slash it could change the host: "@evil.example/". */
        if (relative[0] != '/' || !creds_local_clean(text_from(relative), URL_MAX / 2)) {
            return creds_look_fail(l, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path");
        }
        const char *host =
            l->options->container_endpoint ? l->options->container_endpoint : CONTAINER_HOST;
        buf_printf(url, "%s%s", host, relative);
        return CREDS_FOUND;
    }
    if (!creds_http_container_allowed(text_from(full))) {
        return creds_look_fail(
            l, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor a local address");
    }
    buf_put_str(url, text_from(full));
    return CREDS_FOUND;
}

/* The file is read at every fetch: EKS renews it. It wins over the variable. */
static enum creds_verdict container_token(struct creds_look *l, struct buf *line)
{
    const char *file = creds_local_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = creds_local_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!file && !token) {
        return CREDS_FOUND;
    }
    BUF_LIT(line, "Authorization: ");
    if (file) {
        if (!creds_local_token(file, line)) {
            return creds_look_fail(l, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE has no usable token");
        }
    } else {
        /* May be "Bearer x" or "Basic x": one value, no line break. */
        if (strpbrk(token, "\r\n")) {
            return creds_look_fail(l, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break");
        }
        buf_put_str(line, text_from(token));
    }
    buf_put_char(line, '\0');
    return buf_ok(line) ? CREDS_FOUND : creds_look_fail(l, "the authorization token is too long");
}

enum creds_verdict creds_http_container_look(struct creds_look *l)
{
    if (!creds_http_container_likely()) {
        return CREDS_NONE;
    }
    struct buf url, line;
    buf_init(&url, URL_MAX);
    buf_init(&line, LINE_MAX_BYTES);
    enum creds_verdict verdict = container_url(l, &url);
    if (verdict == CREDS_FOUND) {
        verdict = container_token(l, &line);
    }
    if (verdict == CREDS_FOUND) {
        buf_put_char(&url, '\0');
        struct fetch_header headers[] = {{"Accept: application/json"}, {buf_data(&line)}};
        struct creds_look_call call = {.method = "GET",
                                       .url = buf_data(&url),
                                       .peer = "the container credential service",
                                       .headers = headers,
                                       .header_count = buf_len(&line) ? 2 : 1,
                                       .seconds = CONTAINER_SECONDS};
        verdict = buf_ok(&url) ? creds_look_call(l, &call, take_document)
                               : creds_look_fail(l, "no memory");
    }
    creds_local_wipe(&line);
    buf_free(&url);
    return verdict;
}

/* ---- instance metadata ---------------------------------------------------------------- */

bool creds_http_instance_likely(void)
{
    return false; /* only the network could tell */
}

static enum creds_verdict imds_call(struct creds_look *l, const char *method, const char *path,
                                    const char *role, const char *header, creds_look_answer *answer)
{
    const char *mode = creds_local_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    const char *base = l->options->imds_endpoint;
    if (!base) {
        base = creds_local_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    }
    if (!base) {
        base = mode && text_ieq(text_from(mode), STR("IPv6")) ? IMDS_IPV6 : IMDS_IPV4;
    }
    struct str host = text_from(base);
    while (text_ends(host, STR("/"))) {
        host.n--;
    }
    struct url u;
    if (!creds_local_clean(host, URL_MAX / 2) || !url_cut(host, &u)) {
        return creds_look_fail(l, "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL");
    }
    char url[URL_MAX];
    struct fetch_header headers[] = {{header}};
    snprintf(url, sizeof url, "%.*s%s%s", STR_ARG(host), path, role);
    struct creds_look_call call = {.method = method,
                                   .url = url,
                                   .peer = "the instance metadata service",
                                   .headers = headers,
                                   .header_count = 1,
                                   .seconds = IMDS_SECONDS};
    return creds_look_call(l, &call, answer);
}

static enum creds_verdict imds_get(struct creds_look *l, const char *role,
                                   creds_look_answer *answer)
{
    char line[CREDS_SESSION_TOKEN_MAX + 64];
    snprintf(line, sizeof line, "x-aws-ec2-metadata-token: %s", l->session);
    enum creds_verdict verdict = imds_call(l, "GET", IMDS_ROLES, role, line, answer);
    text_wipe(line, sizeof line);
    return verdict;
}

/* The list has one line in practice. IAM role names: [\w+=,.@-]{1,64}. */
static enum creds_verdict take_role(struct creds_look *l, int http, struct str body)
{
    struct str line;
    if (http == 404) {
        return creds_look_fail(l, "no role is attached to this instance");
    }
    if (http != 200) {
        return creds_look_fail(l, "%s answered HTTP %d", l->url_of, http);
    }
    if (!text_split(&body, '\n', &line) ||
        !creds_local_copy(text_trim(line), l->role, sizeof l->role) || strpbrk(l->role, "/?#%\\")) {
        return creds_look_fail(l, "the name of the instance's role is malformed");
    }
    return imds_get(l, l->role, take_document);
}

static enum creds_verdict take_session(struct creds_look *l, int http, struct str body)
{
    /* 403, 404, 405: only version 1 is there, which a forged request could reach. Never used. */
    if (http != 200) {
        return creds_look_fail(l, "no IMDSv2 session, HTTP %d", http);
    }
    if (!creds_local_copy(text_trim(body), l->session, sizeof l->session)) {
        return creds_look_fail(l, "the IMDSv2 session token is malformed");
    }
    return imds_get(l, "", take_role);
}

enum creds_verdict creds_http_instance_look(struct creds_look *l)
{
    const char *off = creds_local_env("AWS_EC2_METADATA_DISABLED");
    if (off && text_ieq(text_from(off), STR("true"))) {
        return CREDS_NONE;
    }
    return imds_call(l, "PUT", "/latest/api/token", "",
                     "x-aws-ec2-metadata-token-ttl-seconds: 21600", take_session);
}
