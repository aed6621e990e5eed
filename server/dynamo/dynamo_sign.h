/*
 * dynamo_sign.h - one DynamoDB request as it goes on the wire: URL, headers, signature. Holds the
 * credentials that dynamo.c fetched, wiped when they are replaced.
 */
#ifndef SERVER_DYNAMO_DYNAMO_SIGN_H
#define SERVER_DYNAMO_DYNAMO_SIGN_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/config/config.h"
#include "server/aws/creds.h"
#include "server/aws/endpoint.h"
#include "server/net/fetch.h"

#define DYNAMO_SIGN_HEADERS 8

struct dynamo_sign { /* dynamo_sign_init, then the rest; dynamo_sign_free at the end */
    struct endpoint endpoint;
    char region[40];
    bool has_value;
    struct creds_value value;
    int64_t skew_ms; /* AWS's clock minus ours */
    struct buf scratch, authorization;
};

struct dynamo_sign_request { /* in the arena that was given */
    const char *url;
    struct fetch_header headers[DYNAMO_SIGN_HEADERS];
    size_t header_count;
};

/* INVALID: DYNAMODB_ENDPOINT_URL or the region is unusable. */
MUST_CHECK enum status dynamo_sign_init(struct dynamo_sign *g, const struct config *c,
                                        struct err *err);
void dynamo_sign_free(struct dynamo_sign *g);
void dynamo_sign_take(struct dynamo_sign *g, const struct creds_value *value);

/* operation: "GetItem". now_ms: our clock. */
MUST_CHECK enum status dynamo_sign_make(struct dynamo_sign *g, struct str operation,
                                        struct str body, int64_t now_ms, struct arena *arena,
                                        struct dynamo_sign_request *out, struct err *err);

#endif
