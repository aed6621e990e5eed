/*
 * err.h - the one table of failures that are weather (network, client, AWS, disk) and not bugs.
 *
 * A struct err is filled once, at the lowest place that knows, and passed on unchanged. Its text is
 * for people and may reach a client: never a secret, a body, an ARN or an AWS account. Any process.
 */
#ifndef SERVER_BASE_ERR_H
#define SERVER_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * X(name, HTTP status on Anthropic routes, Anthropic error type,
 *         HTTP status on OpenAI routes, OpenAI error type, OpenAI code or NULL,
 *         x-should-retry: 1 true, 0 false, -1 header not sent)
 * Types: platform.claude.com/docs/en/api/errors, platform.openai.com/docs/guides/error-codes.
 */
#define ERR_TABLE(X)                                                                         \
    X(OK, 200, "", 200, "", NULL, -1)                                                        \
    X(INVALID, 400, "invalid_request_error", 400, "invalid_request_error", NULL, -1)         \
    X(CONTEXT, 400, "invalid_request_error", 400, "invalid_request_error",                   \
      "context_length_exceeded", -1)                                                         \
    X(BODY_CODED, 400, "invalid_request_error", 400, "invalid_request_error",                \
      "request_body_encoding_unsupported", -1)                                               \
    X(THREAD, 400, "invalid_request_error", 400, "invalid_request_error",                    \
      "thread_unsupported_request", -1)                                                      \
    X(AUTH, 401, "authentication_error", 401, "invalid_request_error", "invalid_api_key", 0) \
    X(BUDGET, 429, "billing_error", 429, "insufficient_quota", "insufficient_quota", 0)      \
    X(PERMISSION, 403, "permission_error", 403, "permission_error", NULL, -1)                \
    X(NO_ROUTE, 404, "not_found_error", 404, "invalid_request_error", "unknown_url", -1)     \
    X(NOT_FOUND, 404, "not_found_error", 404, "invalid_request_error", NULL, -1)             \
    X(NO_MODEL, 404, "not_found_error", 404, "invalid_request_error", "model_not_found", -1) \
    X(METHOD, 405, "invalid_request_error", 405, "invalid_request_error", NULL, -1)          \
    X(CLIENT_SLOW, 408, "timeout_error", 408, "timeout", NULL, -1)                           \
    X(LENGTH_REQUIRED, 411, "invalid_request_error", 411, "invalid_request_error", NULL, -1) \
    X(TOO_LARGE, 413, "request_too_large", 413, "invalid_request_error", NULL, -1)           \
    X(URI_LONG, 414, "invalid_request_error", 414, "invalid_request_error", NULL, -1)        \
    X(MEDIA_TYPE, 415, "invalid_request_error", 415, "invalid_request_error", NULL, -1)      \
    X(EXPECTATION, 417, "invalid_request_error", 417, "invalid_request_error", NULL, -1)     \
    X(UPGRADE, 426, "invalid_request_error", 426, "invalid_request_error", NULL, -1)         \
    X(RATE, 429, "rate_limit_error", 429, "requests", "rate_limit_exceeded", -1)             \
    X(HEADERS_LARGE, 431, "invalid_request_error", 431, "invalid_request_error", NULL, -1)   \
    X(CLIENT_GONE, 499, "api_error", 499, "server_error", NULL, -1)                          \
    X(INTERNAL, 500, "api_error", 500, "server_error", NULL, -1)                             \
    X(NOT_SUPPORTED, 501, "not_supported", 501, "invalid_request_error", "not_supported", 0) \
    X(NO_METHOD, 501, "invalid_request_error", 501, "invalid_request_error", NULL, 0)        \
    X(CODING, 501, "invalid_request_error", 501, "invalid_request_error", NULL, 0)           \
    X(UPSTREAM, 502, "api_error", 502, "server_error", NULL, -1)                             \
    X(UNAVAILABLE, 503, "api_error", 503, "server_error", NULL, -1)                          \
    X(BUSY, 503, "overloaded_error", 503, "server_error", "overloaded", -1)                  \
    X(TIMEOUT, 504, "timeout_error", 504, "server_error", "timeout", -1)                     \
    X(HTTP_VERSION, 505, "invalid_request_error", 505, "invalid_request_error", NULL, -1)    \
    X(OVERLOADED, 529, "overloaded_error", 503, "server_error", "overloaded", -1)

/* X(name, HTTP status, type, code): where /v1/responses differs from OpenAI's other routes. Codex takes
 * 400 alone for final and asks six times at any other status, but for a 429 of that type. */
#define ERR_RESPONSES(X)                                           \
    X(BUDGET, 429, "usage_limit_reached", "insufficient_quota")    \
    X(PERMISSION, 400, "invalid_request_error", "model_not_found") \
    X(NOT_FOUND, 400, "invalid_request_error", "model_not_found")  \
    X(NO_MODEL, 400, "invalid_request_error", "model_not_found")

/* X(name, HTTP status, exception): on Bedrock's own routes. AWS's SDKs repeat 429 and 5xx, and nothing
 * else; of a quota that is used up Bedrock says 400. What is not here is a ValidationException with
 * Anthropic's status below 500, and an InternalServerException above.
 * Source: botocore 1.44.8, bedrock-runtime/2023-09-30/service-2.json, shapes *Exception; UnknownOperation:
 * docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html */
#define ERR_BEDROCK(X)                                 \
    X(AUTH, 403, "AccessDeniedException")              \
    X(PERMISSION, 403, "AccessDeniedException")        \
    X(BUDGET, 400, "ServiceQuotaExceededException")    \
    X(NO_ROUTE, 404, "UnknownOperationException")      \
    X(METHOD, 405, "UnknownOperationException")        \
    X(NOT_FOUND, 404, "ResourceNotFoundException")     \
    X(NO_MODEL, 404, "ResourceNotFoundException")      \
    X(RATE, 429, "ThrottlingException")                \
    X(UPSTREAM, 500, "InternalServerException")        \
    X(UNAVAILABLE, 503, "ServiceUnavailableException") \
    X(BUSY, 503, "ServiceUnavailableException")        \
    X(OVERLOADED, 503, "ServiceUnavailableException")  \
    X(TIMEOUT, 408, "ModelTimeoutException")

enum status {
#define ERR_ENUM(name, h1, t1, h2, t2, c2, r) STATUS_##name,
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
        STATUS_COUNT
};

/* X(name, OpenAI's code): what is wrong with the parameter that an error names. */
#define ERR_FAULTS(X)                        \
    X(NONE, NULL)                            \
    X(VALUE, "invalid_value")                \
    X(TYPE, "invalid_type")                  \
    X(MISSING, "missing_required_parameter") \
    X(EMPTY, "empty_array")                  \
    X(UNSUPPORTED, "unsupported_parameter")

enum err_fault {
#define ERR_ENUM(name, code) ERR_FAULT_##name,
    ERR_FAULTS(ERR_ENUM)
#undef ERR_ENUM
};

struct err {
    enum status code;
    int retry_after_s; /* 0: no retry-after header; -1: no wait cures it (worker/turn/wait.h) */
    char text[240];
    enum err_fault fault;
    char param[64]; /* the parameter of the request that is at fault: "tools[3].type"; or "" */
};

/* RESPONSES: /v1/responses; errors there are OpenAI's, but for ERR_RESPONSES. BEDROCK: Bedrock's own
 * routes, /model/...; errors there are ERR_BEDROCK. */
enum dialect {
    DIALECT_ANTHROPIC,
    DIALECT_OPENAI,
    DIALECT_RESPONSES,
    DIALECT_BEDROCK,
    DIALECT_COUNT
};

struct err_row {
    const char *name;
    int http[2];         /* Anthropic's, OpenAI's: read by err_http */
    const char *type[2]; /* the same: read by err_type */
    const char *code;    /* OpenAI code or NULL */
    int should_retry;
};

const struct err_row *err_row(enum status code);
int err_http(enum status code, enum dialect dialect);
const char *err_type(enum status code, enum dialect dialect); /* "" for STATUS_OK */

/* OpenAI's code for it: the status's own, else the fault's; NULL: none. */
const char *err_code(const struct err *err, enum dialect dialect);

/* Fills *err (if not NULL; text cut to fit) and returns code, so: return err_set(err, STATUS_X,
 * "..."); It names no parameter. */
enum status err_set(struct err *err, enum status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* BUSY: what a request needs cannot be had; a later one may be luckier. */
enum status err_no_memory(struct err *err);

/* As err_set, of a parameter that is at fault: always STATUS_INVALID. The text names it, too, for
 * people; whatever steers by it reads param. */
enum status err_set_param(struct err *err, enum err_fault fault, const char *param, const char *fmt,
                          ...) __attribute__((format(printf, 4, 5)));

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
