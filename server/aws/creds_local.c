/*
 * creds_local.c - credentials that need no network: the environment and the shared files; and the
 * small tools by which every source reads variables and files.
 */
#include "server/aws/creds_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/aws/creds_profile.h"

/* ---- environment ---------------------------------------------------------------------- */

bool creds_environment_likely(void)
{
    return creds_env("AWS_ACCESS_KEY_ID") || creds_env("AWS_SECRET_ACCESS_KEY");
}

/* X(variable, field of struct creds_value) */
#define ENVIRONMENT_KEYS(X)               \
    X("AWS_ACCESS_KEY_ID", access_key_id) \
    X("AWS_SECRET_ACCESS_KEY", secret)    \
    X("AWS_SESSION_TOKEN", token)

enum creds_verdict creds_environment_look(struct creds *c)
{
    if (!creds_environment_likely())
        return CREDS_NONE;
#define TAKE_KEY(variable, field)                                                         \
    if (creds_env(variable) &&                                                            \
        !creds_copy(text_from(creds_env(variable)), c->next.field, sizeof c->next.field)) \
        return creds_fail(c, variable " is too long or holds a blank or control character");
    ENVIRONMENT_KEYS(TAKE_KEY)
#undef TAKE_KEY
    /* Half a pair is a mistake to show, not a reason to use another account's keys. */
    if (!c->next.secret[0])
        return creds_fail(c, "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not");
    if (!c->next.access_key_id[0])
        return creds_fail(c, "AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not");
    const char *expires = creds_env("AWS_CREDENTIAL_EXPIRATION");
    if (expires && !clock_parse_rfc3339(text_from(expires), &c->next.expires_ms))
        return creds_fail(c, "AWS_CREDENTIAL_EXPIRATION is not a time like 2026-01-15T12:00:00Z");
    return CREDS_FOUND;
}

/* ---- profile -------------------------------------------------------------------------- */

static bool profile_uses_keys(const struct creds_profile *p)
{
    return p->access_key_id[0] || p->secret[0];
}

/* Files that are there and cannot be read speak for AWS, too: the look-up says what is wrong with
 * them. */
bool creds_profile_likely(void)
{
    struct creds_profile p;
    bool likely =
        creds_profile_load(&p, NULL, NULL) != STATUS_OK || profile_uses_keys(&p) || p.role_arn[0];
    creds_profile_wipe(&p);
    return likely;
}

static enum creds_verdict profile_keys(struct creds *c, const struct creds_profile *p)
{
    if (!p->secret[0] || !p->access_key_id[0])
        return creds_fail(c, "%s has only one of aws_access_key_id and aws_secret_access_key",
                          p->name);
    if (!creds_copy(text_from(p->access_key_id), c->next.access_key_id,
                    sizeof c->next.access_key_id) ||
        !creds_copy(text_from(p->secret), c->next.secret, sizeof c->next.secret) ||
        (p->token[0] && !creds_copy(text_from(p->token), c->next.token, sizeof c->next.token)))
        return creds_fail(c, "%s has a key with a blank or control character", p->name);
    return CREDS_FOUND;
}

static enum creds_verdict profile_use(struct creds *c, const struct creds_profile *p)
{
    if (!p->found && p->named)
        return creds_fail(c, "%s is not in the AWS files (AWS_PROFILE names it)", p->name);
    if (p->role_arn[0])
        return creds_sts_profile(c, p);
    if (profile_uses_keys(p))
        return profile_keys(c, p);
    if (p->credential_process[0])
        return creds_fail(c, "%s has credential_process, which is not supported", p->name);
    if (p->sso_session[0] || p->sso_account_id[0])
        return creds_fail(
            c, "%s uses SSO, which is not supported: aws configure export-credentials", p->name);
    return CREDS_NONE;
}

enum creds_verdict creds_profile_look(struct creds *c)
{
    struct creds_profile p;
    struct err err = {.code = STATUS_OK};
    enum creds_verdict verdict = creds_profile_load(&p, NULL, &err) == STATUS_OK
                                     ? profile_use(c, &p)
                                     : creds_fail(c, "%s", err.text);
    creds_profile_wipe(&p);
    return verdict;
}

/* ---- small things --------------------------------------------------------------------- */

const char *creds_env(const char *name)
{
    const char *value = getenv(name);
    return value && text_trim(text_from(value)).n > 0 ? value : NULL;
}

bool creds_clean(struct str s, size_t max)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0 && s.n <= max;
}

bool creds_copy(struct str s, char *out, size_t size)
{
    if (!creds_clean(s, size - 1))
        return false;
    text_copy(s, out, size);
    return true;
}

void creds_wipe_buf(struct buf *b)
{
    if (b->mem)
        text_wipe(b->mem, b->cap);
    buf_free(b);
}

enum creds_file_result creds_file_read(const char *path, size_t max, struct buf *out)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == EACCES && stat(path, &info) != 0)
        return CREDS_FILE_CLOSED;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? CREDS_FILE_MISSING : CREDS_FILE_BAD;
    enum creds_file_result result = CREDS_FILE_BAD;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size <= max) {
        size_t size = (size_t)info.st_size;
        char *room = buf_reserve(out, size);
        ssize_t n = room ? read(fd, room, size) : -1;
        if (n >= 0) {
            buf_commit(out, (size_t)n);
            result = CREDS_FILE_READ;
        }
    }
    close(fd);
    return result;
}

bool creds_file_token(const char *path, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->max);
    bool ok = creds_file_read(path, out->max, &text) == CREDS_FILE_READ;
    struct str token = buf_str(&text);
    while (token.n > 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r'))
        token.n--;
    ok = ok && creds_clean(text_trim(token), out->max);
    if (ok)
        buf_put_str(out, text_trim(token));
    creds_wipe_buf(&text);
    return ok && buf_ok(out);
}
