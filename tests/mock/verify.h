/*
 * verify.h - checks a request's AWS Signature Version 4, written from the specification
 * (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html) and sharing
 * nothing with server/aws/sigv4.c but SHA-256, so that a misreading there is found here. Pure.
 */
#ifndef MOCK_VERIFY_H
#define MOCK_VERIFY_H

#include "tests/mock/reader.h"

/* X(name, exception type): all are answered 403 */
#define VERIFY_TABLE(X)                               \
    X(OK, "")                                         \
    X(MISSING, "MissingAuthenticationTokenException") \
    X(INCOMPLETE, "IncompleteSignatureException")     \
    X(UNKNOWN_KEY, "UnrecognizedClientException")     \
    X(BAD_TOKEN, "UnrecognizedClientException")       \
    X(BAD_SCOPE, "InvalidSignatureException")         \
    X(STALE, "InvalidSignatureException")             \
    X(UNSIGNED_HEADER, "InvalidSignatureException")   \
    X(MISMATCH, "InvalidSignatureException")

enum verify_status {
#define VERIFY_ENUM(name, exception) VERIFY_##name,
    VERIFY_TABLE(VERIFY_ENUM)
#undef VERIFY_ENUM
};

struct verify_key {
    struct str access_key, secret, token; /* token empty: none may be sent */
};

struct verify_result {
    enum verify_status status;
    const char *exception;
    char message[512];
};

#define VERIFY_WINDOW_S 300 /* AWS accepts dates within five minutes of its own clock */

/* now_ms: the service's clock, since 1970. scratch: reused between calls. */
enum verify_status verify_request(const struct request *r, const struct verify_key *keys,
                                  size_t key_n, struct str service, int64_t now_ms,
                                  struct buf *scratch, struct verify_result *out);
/* Only the date rule, for the clock-skew fault: VERIFY_OK, VERIFY_INCOMPLETE or VERIFY_STALE. */
enum verify_status verify_date(const struct request *r, int64_t now_ms, struct verify_result *out);

#endif
