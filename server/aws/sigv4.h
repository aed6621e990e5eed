/*
 * sigv4.h - AWS Signature Version 4, header form, by hand over sha256.h. Pure; any process.
 * Source: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * The canonical URI is the wire path with dot segments and double slashes removed and every segment
 * percent-encoded once more ("%3A" on the wire is "%253A" in the canonical request): every service
 * but S3. Debian's libcurl cannot do this, hence our own signer.
 */
#ifndef SERVER_AWS_SIGV4_H
#define SERVER_AWS_SIGV4_H

#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/sha256.h"

#define SIGV4_HEADERS_MAX 32

struct sigv4_header {
    struct str name; /* any case */
    struct str value;
};

struct sigv4_request {
    struct str method;
    struct str path;  /* as on the wire, before '?' */
    struct str query; /* as on the wire, after '?', may be empty */
    const struct sigv4_header
        *headers; /* must hold host and x-amz-date; the skip list is left out by itself */
    size_t header_count;
    char body_sha256[2 * SHA256_SIZE]; /* hex */
};

struct sigv4_scope {
    char date[9]; /* "20260115" */
    struct str region;
    struct str service; /* "bedrock", "dynamodb", "sts" */
};

/* HMAC chain of secret, date, region, service. The caller wipes the key. */
void sigv4_key(struct str secret, const struct sigv4_scope *scope, uint8_t key_out[SHA256_SIZE]);

/* Canonical request text into out (for the tests and debugging). INVALID: a pre-signed header
 * (Authorization, X-Amz-Signature ...), no host, no x-amz-date, too many headers. */
MUST_CHECK enum status sigv4_canonical(const struct sigv4_request *r, struct buf *out,
                                       struct buf *signed_headers_out, struct err *err);
/* Appends the Authorization value. amz_date is the 16 characters of x-amz-date. scratch is cleared
 * and used. */
MUST_CHECK enum status sigv4_sign(const struct sigv4_request *r, const struct sigv4_scope *scope,
                                  const uint8_t key[SHA256_SIZE], struct str access_key_id,
                                  struct str amz_date, struct buf *scratch,
                                  struct buf *authorization_out, struct err *err);

/* "/model/" + id with everything outside the unreserved set encoded + suffix ("/invoke"). INVALID
 * for ids outside [A-Za-z0-9._:/-]{1,2048}, or "." or "..". */
MUST_CHECK enum status sigv4_model_path(struct str model_id, struct str suffix, struct buf *out,
                                        struct err *err);

#endif
