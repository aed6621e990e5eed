#include "tests/mock/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/sha256.h"

#define SIGNED_MAX 64

struct claim { /* what the Authorization header says */
    struct str access_key, date, region, service, signed_list, signature;
    struct str name[SIGNED_MAX]; /* of signed_list */
    size_t name_n;
};

static const char *const EXCEPTION[] = {
#define VERIFY_EXCEPTION(name, exception) exception,
    VERIFY_TABLE(VERIFY_EXCEPTION)
#undef VERIFY_EXCEPTION
};

__attribute__((format(printf, 3, 4))) static enum verify_status
refuse(struct verify_result *out, enum verify_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(out->message, sizeof out->message, fmt, args);
    va_end(args);
    out->status = status;
    out->exception = EXCEPTION[status];
    return status;
}

/* --- the Authorization header --- */

static bool parse_scope(struct str credential, struct claim *c)
{
    struct str last;
    return text_split(&credential, '/', &c->access_key) && text_split(&credential, '/', &c->date) &&
           text_split(&credential, '/', &c->region) && text_split(&credential, '/', &c->service) &&
           text_split(&credential, '/', &last) && credential.n == 0 &&
           text_eq(last, STR("aws4_request"));
}

static bool parse_signed_list(struct claim *c)
{
    struct str rest = c->signed_list, name;
    while (text_split(&rest, ';', &name)) {
        if (c->name_n == SIGNED_MAX || name.n == 0)
            return false;
        c->name[c->name_n++] = name;
    }
    return c->name_n > 0;
}

static bool cut_prefix(struct str *s, struct str prefix)
{
    if (!text_starts(*s, prefix))
        return false;
    *s = text_sub(*s, prefix.n, s->n);
    return true;
}

static bool parse_authorization(struct str value, struct claim *c)
{
    *c = (struct claim){0};
    if (!cut_prefix(&value, STR("AWS4-HMAC-SHA256 ")))
        return false;
    struct str part, credential = {NULL, 0};
    while (text_split(&value, ',', &part)) {
        part = text_trim(part);
        if (cut_prefix(&part, STR("Credential=")))
            credential = part;
        else if (cut_prefix(&part, STR("SignedHeaders=")))
            c->signed_list = part;
        else if (cut_prefix(&part, STR("Signature=")))
            c->signature = part;
        else
            return false;
    }
    return credential.p && c->signature.n == 2 * SHA256_SIZE && parse_scope(credential, c) &&
           parse_signed_list(c);
}

/* --- the canonical request --- */

static void put_encoded(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        bool plain = (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') ||
                     (ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.' || ch == '~';
        if (plain)
            buf_put_char(b, (char)ch);
        else
            buf_printf(b, "%%%02X", ch);
    }
}

/* Every service but S3 encodes the path of the wire once more: %3A becomes %253A. Empty and "."
 * segments vanish, ".." takes the one before it along. */
static void put_canonical_path(struct buf *b, struct str path)
{
    struct str rest = path, segment;
    size_t began = buf_len(b);
    while (text_split(&rest, '/', &segment)) {
        if (segment.n == 0 || text_eq(segment, STR(".")))
            continue;
        if (text_eq(segment, STR(".."))) {
            while (buf_len(b) > began && buf_data(b)[buf_len(b) - 1] != '/')
                buf_truncate(b, buf_len(b) - 1);
            if (buf_len(b) > began)
                buf_truncate(b, buf_len(b) - 1);
            continue;
        }
        buf_put_char(b, '/');
        put_encoded(b, segment);
    }
    if (buf_len(b) == began || text_ends(path, STR("/")))
        buf_put_char(b, '/');
}

static int by_bytes(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Taken as already encoded, which holds for every client of these services. */
static void put_canonical_query(struct buf *b, struct str query)
{
    struct str pair[32];
    size_t n = 0, at;
    while (n < 32 && query.n > 0 && text_split(&query, '&', &pair[n]))
        n++;
    qsort(pair, n, sizeof pair[0], by_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_put_char(b, '&');
        buf_put_str(b, pair[i]);
        if (!text_find(pair[i], STR("="), &at))
            buf_put_char(b, '=');
    }
}

/* Inner runs of blanks become one blank. */
static void put_folded(struct buf *b, struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != ' ' || i == 0 || value.p[i - 1] != ' ')
            buf_put_char(b, value.p[i]);
}

/* Repeated headers are joined with commas in order of arrival. False: a signed header is not there.
 */
static bool put_header(struct buf *b, const struct request *r, struct str name)
{
    bool found = false;
    buf_put_str(b, name);
    buf_put_char(b, ':');
    for (size_t i = 0; i < r->header_n; i++) {
        if (!text_ieq(r->header[i].name, name))
            continue;
        if (found)
            buf_put_char(b, ',');
        put_folded(b, r->header[i].value);
        found = true;
    }
    buf_put_char(b, '\n');
    return found;
}

static bool put_canonical_request(struct buf *b, const struct request *r, const struct claim *c)
{
    buf_clear(b);
    buf_put_str(b, r->method);
    buf_put_char(b, '\n');
    put_canonical_path(b, r->path);
    buf_put_char(b, '\n');
    put_canonical_query(b, r->query);
    buf_put_char(b, '\n');
    for (size_t i = 0; i < c->name_n; i++) {
        bool sorted = i == 0 || by_bytes(&c->name[i - 1], &c->name[i]) < 0;
        if (!sorted || !put_header(b, r, c->name[i]))
            return false;
    }
    buf_put_char(b, '\n');
    buf_put_str(b, c->signed_list);
    buf_put_char(b, '\n');
    char hash[2 * SHA256_SIZE];
    sha256_hex(r->body.p, r->body.n, hash);
    buf_put(b, hash, sizeof hash);
    return buf_ok(b);
}

static void sign(struct str secret, const struct claim *c, struct str string_to_sign,
                 char out[2 * SHA256_SIZE])
{
    char first[256];
    int n = snprintf(first, sizeof first, "AWS4%.*s", STR_ARG(secret));
    uint8_t key[SHA256_SIZE];
    sha256_hmac(first, (size_t)n, c->date.p, c->date.n, key);
    sha256_hmac(key, sizeof key, c->region.p, c->region.n, key);
    sha256_hmac(key, sizeof key, c->service.p, c->service.n, key);
    sha256_hmac(key, sizeof key, "aws4_request", 12, key);
    sha256_hmac(key, sizeof key, string_to_sign.p, string_to_sign.n, key);
    text_hex(key, sizeof key, out);
}

static bool signature_fits(const struct request *r, const struct claim *c, struct str secret,
                           struct buf *scratch)
{
    if (secret.n > 200 || !put_canonical_request(scratch, r, c))
        return false;
    char hash[2 * SHA256_SIZE], want[2 * SHA256_SIZE];
    sha256_hex(buf_data(scratch), buf_len(scratch), hash);
    buf_clear(scratch);
    struct str date = reader_get(r, STR("x-amz-date"));
    buf_printf(scratch, "AWS4-HMAC-SHA256\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n%.*s", STR_ARG(date),
               STR_ARG(c->date), STR_ARG(c->region), STR_ARG(c->service), (int)sizeof hash, hash);
    sign(secret, c, buf_str(scratch), want);
    return memcmp(want, c->signature.p, sizeof want) == 0;
}

/* --- the rules around the signature --- */

static bool parse_amz_date(struct str s, int64_t *seconds_out)
{
    uint64_t v[6];
    static const struct {
        size_t at, n;
    } FIELD[6] = {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}};
    if (s.n != 16 || s.p[8] != 'T' || s.p[15] != 'Z')
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!text_u64(text_sub(s, FIELD[i].at, FIELD[i].n), &v[i]))
            return false;
    struct tm tm = {.tm_year = (int)v[0] - 1900,
                    .tm_mon = (int)v[1] - 1,
                    .tm_mday = (int)v[2],
                    .tm_hour = (int)v[3],
                    .tm_min = (int)v[4],
                    .tm_sec = (int)v[5]};
    *seconds_out = (int64_t)timegm(&tm);
    return true;
}

enum verify_status verify_date(const struct request *r, int64_t now_ms, struct verify_result *out)
{
    struct str date = reader_get(r, STR("x-amz-date"));
    int64_t then = 0, now = now_ms / 1000;
    if (!parse_amz_date(date, &then))
        return refuse(
            out, VERIFY_INCOMPLETE,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    if (then < now - VERIFY_WINDOW_S)
        return refuse(out, VERIFY_STALE,
                      "Signature expired: %.*s is now earlier than the service's clock - 5 min.",
                      STR_ARG(date));
    if (then > now + VERIFY_WINDOW_S)
        return refuse(
            out, VERIFY_STALE,
            "Signature not yet current: %.*s is still later than the service's clock + 5 min.",
            STR_ARG(date));
    return refuse(out, VERIFY_OK, "%s", "");
}

/* us-west-2, us-gov-east-1, ap-southeast-3: lower-case words and a digit at the end. */
static bool is_region(struct str s)
{
    size_t dashes = 0;
    for (size_t i = 0; i < s.n; i++) {
        dashes += s.p[i] == '-';
        bool last = i + 1 == s.n;
        bool fits = last ? s.p[i] >= '0' && s.p[i] <= '9'
                         : (s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '-';
        if (!fits)
            return false;
    }
    return dashes >= 2 && s.n >= 6;
}

static enum verify_status check_scope(const struct claim *c, const struct request *r,
                                      struct str service, struct verify_result *out)
{
    if (!text_eq(c->service, service))
        return refuse(out, VERIFY_BAD_SCOPE,
                      "Credential should be scoped to correct service: '%.*s'. ", STR_ARG(service));
    if (!is_region(c->region))
        return refuse(out, VERIFY_BAD_SCOPE, "Credential should be scoped to a valid region. ");
    if (!text_starts(reader_get(r, STR("x-amz-date")), c->date) || c->date.n != 8)
        return refuse(out, VERIFY_BAD_SCOPE,
                      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                      "date from HTTP");
    return VERIFY_OK;
}

static bool is_signed(const struct claim *c, struct str name)
{
    for (size_t i = 0; i < c->name_n; i++)
        if (text_ieq(c->name[i], name))
            return true;
    return false;
}

/* host and every x-amz-* header must be signed. */
static enum verify_status check_coverage(const struct claim *c, const struct request *r,
                                         struct verify_result *out)
{
    for (size_t i = 0; i < r->header_n; i++) {
        struct str name = r->header[i].name;
        bool must = text_ieq(name, STR("host")) || text_istarts(name, STR("x-amz-"));
        if (must && !is_signed(c, name))
            return refuse(out, VERIFY_UNSIGNED_HEADER,
                          "'%.*s' must be a 'SignedHeader' in the AWS Authorization.",
                          STR_ARG(name));
    }
    return VERIFY_OK;
}

static enum verify_status check_body_hash(const struct request *r, struct verify_result *out)
{
    struct str said = reader_get(r, STR("x-amz-content-sha256"));
    char hash[2 * SHA256_SIZE];
    sha256_hex(r->body.p, r->body.n, hash);
    if (said.p && !text_eq(said, (struct str){hash, sizeof hash}))
        return refuse(
            out, VERIFY_MISMATCH,
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    return VERIFY_OK;
}

static enum verify_status check_signature(const struct request *r, const struct claim *c,
                                          const struct verify_key *key, struct buf *scratch,
                                          struct verify_result *out)
{
    if (signature_fits(r, c, key->secret, scratch))
        return refuse(out, VERIFY_OK, "%s", "");
    return refuse(
        out, VERIFY_MISMATCH,
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS "
        "Secret Access Key and signing method. Consult the service documentation for details.");
}

static const struct verify_key *find_key(const struct claim *c, const struct verify_key *keys,
                                         size_t key_n)
{
    for (size_t i = 0; i < key_n; i++)
        if (text_eq(keys[i].access_key, c->access_key))
            return &keys[i];
    return NULL;
}

enum verify_status verify_request(const struct request *r, const struct verify_key *keys,
                                  size_t key_n, struct str service, int64_t now_ms,
                                  struct buf *scratch, struct verify_result *out)
{
    struct claim c;
    struct str authorization = reader_get(r, STR("authorization"));
    if (!authorization.p)
        return refuse(out, VERIFY_MISSING, "Missing Authentication Token");
    if (!parse_authorization(authorization, &c))
        return refuse(out, VERIFY_INCOMPLETE,
                      "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' "
                      "parameters.");
    const struct verify_key *key = find_key(&c, keys, key_n);
    if (!key)
        return refuse(out, VERIFY_UNKNOWN_KEY,
                      "The security token included in the request is invalid.");
    if (!text_eq(reader_get(r, STR("x-amz-security-token")), key->token))
        return refuse(out, VERIFY_BAD_TOKEN,
                      "The security token included in the request is invalid.");
    enum verify_status status = verify_date(r, now_ms, out);
    if (status == VERIFY_OK)
        status = check_scope(&c, r, service, out);
    if (status == VERIFY_OK)
        status = check_coverage(&c, r, out);
    if (status == VERIFY_OK)
        status = check_body_hash(r, out);
    return status == VERIFY_OK ? check_signature(r, &c, key, scratch, out) : status;
}
