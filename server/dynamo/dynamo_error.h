/*
 * dynamo_error.h - what a DynamoDB answer that is no success means, and how long to wait before the
 * next attempt. Pure.
 * Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
 */
#ifndef SERVER_DYNAMO_DYNAMO_ERROR_H
#define SERVER_DYNAMO_DYNAMO_ERROR_H

#include "server/base/text.h"

/* X(name, a further attempt may help) */
#define DYNAMO_RESULTS(X)                                                     \
    X(OK, false)                                                              \
    X(CONDITION, false) /* the write's condition does not hold */             \
    X(NO_TABLE, false)                                                        \
    X(IN_USE, false)     /* the table exists, or is being changed */          \
    X(UNKNOWN_OP, false) /* an emulator that lacks the operation */           \
    X(INVALID, false)    /* the request itself: ValidationException */        \
    X(REFUSED, false)    /* no permission, no credentials, others */          \
    X(THROTTLED, true)                                                        \
    X(TRANSIENT, true) /* server trouble, network, time-out, broken answer */ \
    X(SKEW, true)      /* our clock is off: once, with the service's */       \
    X(EXPIRED, true)   /* old credentials: once, with new ones */             \
    X(GIVEN_UP, false) /* the caller's wait function said so */

enum dynamo_result {
#define DYNAMO_ENUM(name, again) DYNAMO_##name,
    DYNAMO_RESULTS(DYNAMO_ENUM)
#undef DYNAMO_ENUM
};

bool dynamo_error_again(enum dynamo_result result);

#define DYNAMO_ERROR_TEXT 200

/* http: the status, not 200. type_header: x-amzn-errortype or empty. text_out: "Code: message" in
 * printable ASCII, ARNs taken out (they name the account). */
enum dynamo_result dynamo_error_read(int http, struct str type_header, struct str body,
                                     char text_out[DYNAMO_ERROR_TEXT]);

/* Milliseconds before attempt number retry + 1 (retry from 1): full jitter over 25 ms (throttled:
 * 1 s) doubled each time, at most 20 s. dice: random. hint_ms: x-amz-retry-after, 0: none; it
 * counts between that time and 5 s more. Source: the AWS SDKs' standard mode. */
uint32_t dynamo_error_pause(enum dynamo_result result, unsigned retry, uint32_t dice,
                            uint32_t hint_ms);

#endif
