#include "server/aws/creds_sources.h"

#include "server/aws/creds_http.h"
#include "server/aws/creds_local.h"
#include "server/aws/creds_profile.h"
#include "server/aws/creds_sts.h"
#include "server/base/clock.h"

/* ---- environment ---------------------------------------------------------------------- */

static bool environment_likely(void)
{
    return creds_local_env("AWS_ACCESS_KEY_ID") || creds_local_env("AWS_SECRET_ACCESS_KEY");
}

/* X(variable, field of struct creds_value) */
#define ENVIRONMENT_KEYS(X)               \
    X("AWS_ACCESS_KEY_ID", access_key_id) \
    X("AWS_SECRET_ACCESS_KEY", secret)    \
    X("AWS_SESSION_TOKEN", token)

static enum creds_verdict environment_look(struct creds_look *l)
{
    if (!environment_likely()) {
        return CREDS_NONE;
    }
#define TAKE_KEY(variable, field)                                                            \
    if (creds_local_env(variable) && !creds_local_copy(text_from(creds_local_env(variable)), \
                                                       l->next.field, sizeof l->next.field)) \
        return creds_look_fail(l, variable " is too long or holds a blank or control character");
    ENVIRONMENT_KEYS(TAKE_KEY)
#undef TAKE_KEY
    /* Half a pair is a mistake to show, not a reason to use another account's keys. */
    if (!l->next.secret[0]) {
        return creds_look_fail(l, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not");
    }
    if (!l->next.access_key_id[0]) {
        return creds_look_fail(l, "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not");
    }
    const char *expires = creds_local_env("AWS_CREDENTIAL_EXPIRATION");
    if (expires && !clock_parse_rfc3339(text_from(expires), &l->next.expires_ms)) {
        return creds_look_fail(l,
                               "AWS_CREDENTIAL_EXPIRATION is not a time like 2026-01-15T12:00:00Z");
    }
    return CREDS_FOUND;
}

/* ---- profile -------------------------------------------------------------------------- */

static bool profile_uses_keys(const struct creds_profile *p)
{
    return p->access_key_id[0] || p->secret[0];
}

/* Files that are there and cannot be read speak for AWS, too: the look-up says what is wrong with
 * them. */
static bool profile_likely(void)
{
    struct creds_profile p;
    bool likely =
        creds_profile_load(&p, NULL, NULL) != STATUS_OK || profile_uses_keys(&p) || p.role_arn[0];
    creds_profile_wipe(&p);
    return likely;
}

static enum creds_verdict profile_keys(struct creds_look *l, const struct creds_profile *p)
{
    if (!p->secret[0] || !p->access_key_id[0]) {
        return creds_look_fail(l, "%s has only one of aws_access_key_id and aws_secret_access_key",
                               p->name);
    }
    if (!creds_local_copy(text_from(p->access_key_id), l->next.access_key_id,
                          sizeof l->next.access_key_id) ||
        !creds_local_copy(text_from(p->secret), l->next.secret, sizeof l->next.secret) ||
        (p->token[0] &&
         !creds_local_copy(text_from(p->token), l->next.token, sizeof l->next.token))) {
        return creds_look_fail(l, "%s has a key with a blank or control character", p->name);
    }
    return CREDS_FOUND;
}

static enum creds_verdict profile_use(struct creds_look *l, const struct creds_profile *p)
{
    if (!p->found && p->named) {
        return creds_look_fail(l, "%s is not in the AWS files (AWS_PROFILE names it)", p->name);
    }
    if (p->role_arn[0]) {
        return creds_sts_profile(l, p);
    }
    if (profile_uses_keys(p)) {
        return profile_keys(l, p);
    }
    if (p->credential_process[0]) {
        return creds_look_fail(l, "%s has credential_process, which is not supported", p->name);
    }
    if (p->sso_session[0] || p->sso_account_id[0]) {
        return creds_look_fail(
            l, "%s uses SSO, which is not supported: aws configure export-credentials", p->name);
    }
    return CREDS_NONE;
}

static enum creds_verdict profile_look(struct creds_look *l)
{
    struct creds_profile p;
    struct err err = {.code = STATUS_OK};
    enum creds_verdict verdict = creds_profile_load(&p, NULL, &err) == STATUS_OK
                                     ? profile_use(l, &p)
                                     : creds_look_fail(l, "%s", err.text);
    creds_profile_wipe(&p);
    return verdict;
}

/* ---- the table ---------------------------------------------------------------------------- */

/* In this order, as most AWS SDKs do. IMDS hands out expired keys when its own source is down, and
 * expects them to be tried on ("static stability", as botocore's InstanceMetadataFetcher does). No
 * other source does. */
const struct creds_source creds_sources[CREDS_SOURCES] = {
    {"environment", environment_likely, environment_look, false},
    {"profile", profile_likely, profile_look, false},
    {"web identity", creds_sts_web_identity_likely, creds_sts_web_identity_look, false},
    {"container", creds_http_container_likely, creds_http_container_look, false},
    {"instance", creds_http_instance_likely, creds_http_instance_look, true},
};
