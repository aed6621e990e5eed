/*
 * fault.h - everything the mock can be told to do wrong, in one table; README.md prints it
 * (`mock-bedrock --faults`).
 *
 * A request gets its faults from three places, joined: the model id ("mock.throttle",
 * "anthropic.claude-x--tokens-100--pace-20"), the header x-mock ("tokens-100,pace-20"), and rules
 * set by POST /__script. A name may end in -N (its number) or -once (only the first request of that
 * model).
 */
#ifndef MOCK_FAULT_H
#define MOCK_FAULT_H

#include "server/base/text.h"

/*
 * Kinds: REFUSE: an AWS error before anything else. MANTLE, NATIVE: one of theirs (mantle.h, native.h). PAGE: an HTML page. CLOCK: signature time.
 * SHAPE: changes a good answer. EVENT: an exception frame in the stream after N deltas (2).
 * WIRE: bytes or connection broken.
 * X(NAME, "name", kind, HTTP status, exception type, message, number when none is given, "what it
 * does") Names, status codes and which are modelled: the Bedrock runtime API reference; texts as
 * seen in practice.
 */
#define FAULT_TABLE(X)                                                                             \
    X(THROTTLE, "throttle", REFUSE, 429, "ThrottlingException",                                    \
      "Too many requests, please wait before trying again.", 0, "429 throttling")                  \
    X(THROTTLE_SHARE, "throttle-share", REFUSE, 429, "ThrottlingException",                        \
      "Too many tokens, please wait before trying again.", 80, "429 to N % of the requests")       \
    X(BUCKET, "bucket", REFUSE, 429, "ThrottlingException",                                        \
      "Too many requests, please wait before trying again.", 10,                                   \
      "429 to what is more than N requests a second, all models together")                         \
    X(THROTTLE_LARGE, "throttle-large", REFUSE, 429, "ThrottlingException",                        \
      "Too many tokens, please wait before trying again.", 20000,                                  \
      "429 to a body of more than N bytes")                                                        \
    X(THROTTLE_FOR, "throttle-for", REFUSE, 429, "ThrottlingException",                            \
      "Too many requests, please wait before trying again.", 10, "429 with Retry-After: N")        \
    X(DAY_QUOTA, "day-quota", REFUSE, 429, "ThrottlingException",                                  \
      "Too many tokens per day, please wait before trying again.", 0, "429: a day's quota")        \
    X(BROWNOUT, "brownout", REFUSE, 503, "ServiceUnavailableException",                            \
      "Bedrock is unable to process your request.", 50, "503 to N % of the requests")              \
    X(ABSENT, "absent", REFUSE, 400, "ValidationException",                                        \
      "The provided model identifier is invalid.", 0, "400: a model that is not in this region")   \
    X(QUOTA, "quota", REFUSE, 400, "ServiceQuotaExceededException",                                \
      "Your request exceeds the service quota for your account.", 0,                               \
      "400: a quota, with the status of a validation error")                                       \
    X(VALIDATION, "validation", REFUSE, 400, "ValidationException",                                \
      "The provided request is not valid", 0, "400 validation")                                    \
    X(TOO_LONG, "too-long", REFUSE, 400, "ValidationException",                                    \
      "Input is too long for requested model.", 0, "400 with the text clients compact on")         \
    X(TOO_MANY, "too-many", REFUSE, 400, "ValidationException",                                    \
      "Too many input tokens. Max input tokens: 200000, request input token count: 240000", 0,     \
      "400 with words for the same that clients do not know")                                      \
    X(NO_TIER, "no-tier", REFUSE, 400, "ValidationException",                                      \
      "The provided service tier is not supported for this model.", 0,                             \
      "400: this model has no such service tier")                                                  \
    X(NO_COUNTING, "no-counting", REFUSE, 400, "ValidationException",                              \
      "The provided model doesn't support counting tokens.", 0,                                    \
      "400: CountTokens does not have this model")                                                 \
    X(DENIED, "denied", REFUSE, 403, "AccessDeniedException",                                      \
      "User: arn:aws:sts::123456789012:assumed-role/gateway/session is not authorized to "         \
      "perform: bedrock:InvokeModel on resource: "                                                 \
      "arn:aws:bedrock:us-west-2::foundation-model/secret-model",                                  \
      0, "403 whose text holds an ARN and account 123456789012 (must not reach clients)")          \
    X(NOTFOUND, "notfound", REFUSE, 404, "ResourceNotFoundException",                              \
      "Could not resolve the foundation model from the provided model identifier.", 0, "404")      \
    X(NOT_READY, "not-ready", REFUSE, 429, "ModelNotReadyException",                               \
      "The model is not ready for inference. Wait and try your request again.", 0,                 \
      "429 that is no throttling")                                                                 \
    X(MODEL_TIMEOUT, "model-timeout", REFUSE, 408, "ModelTimeoutException",                        \
      "The request took too long to process. Processing time exceeded the model timeout length.",  \
      0, "408")                                                                                    \
    X(MODEL_ERROR, "model-error", REFUSE, 424, "ModelErrorException",                              \
      "The request failed due to an error while processing the model.", 0,                         \
      "424 with originalStatusCode 500")                                                           \
    X(INTERNAL, "internal", REFUSE, 500, "InternalServerException",                                \
      "The system encountered an unexpected error during processing. Try your request again.", 0,  \
      "500")                                                                                       \
    X(UNAVAILABLE, "unavailable", REFUSE, 503, "ServiceUnavailableException",                      \
      "Bedrock is unable to process your request.", 0, "503")                                      \
    X(EXPIRED_TOKEN, "expired-token", REFUSE, 403, "ExpiredTokenException",                        \
      "The security token included in the request is expired", 0,                                  \
      "403: the gateway's credentials ran out")                                                    \
    X(MANTLE_DENIED, "mantle-denied", MANTLE, 403, "", "", 0,                                      \
      "the other host alone: no permission to count there")                                        \
    X(NATIVE_ABSENT, "native-absent", NATIVE, 404, "", "", 0,                                      \
      "the model is not among Bedrock's own Chat Completions, or Responses")                       \
    X(NATIVE_INVALID, "native-invalid", NATIVE, 400, "", "", 0,                                    \
      "Bedrock's own Chat Completions and Responses refuse the request")                           \
    X(HTML_500, "html-500", PAGE, 500, "", "Internal Server Error", 0, "500 with an HTML page")    \
    X(HTML_200, "html-200", PAGE, 200, "", "Welcome", 0, "200 with an HTML page")                  \
    X(HTML_403, "html-403", PAGE, 403, "", "Forbidden by arn:aws:waf::123456789012:acl", 0,        \
      "403 with an HTML page that holds an ARN")                                                   \
    X(SIGNATURE_SKEW, "signature-skew", CLOCK, 403, "InvalidSignatureException", "", 600,          \
      "the service's clock is N s ahead: InvalidSignatureException with such a Date header until " \
      "x-amz-date follows it")                                                                     \
    X(SLOW_FIRST, "slow-first", SHAPE, 0, "", "", 1000,                                            \
      "N ms before the first byte of the answer")                                                  \
    X(SILENCE, "silence", SHAPE, 0, "", "", 1000, "N ms before every event but the first")         \
    X(STALL, "stall", SHAPE, 0, "", "", 5000, "one silence of N ms before the third delta")        \
    X(PACE, "pace", SHAPE, 0, "", "", 20, "N ms before every delta")                               \
    X(TOKENS, "tokens", SHAPE, 0, "", "", 100, "the answer is N deltas of one token each")         \
    X(SIZE, "size", SHAPE, 0, "", "", 1000000, "the answer is N bytes of text")                    \
    X(STAMP, "stamp", SHAPE, 0, "", "", 0,                                                         \
      "each text delta is \"@<CLOCK_MONOTONIC ns> \" as of the moment it was made")                \
    X(BYTEWISE, "bytewise", SHAPE, 0, "", "", 0,                                                   \
      "every byte of the stream is an HTTP chunk of its own")                                      \
    X(UNKNOWN_EVENT, "unknown-event", SHAPE, 0, "futureEvent", "", 0,                              \
      "one event of a type nobody knows before the third delta; the rest is good")                 \
    X(HANG_UP, "hang-up", SHAPE, 0, "", "", 5,                                                     \
      "nothing is heard after the answer, and N ms later the connection is closed")                \
    X(STREAM_THROTTLE, "stream-throttle", EVENT, 200, "throttlingException",                       \
      "Too many tokens, please wait before trying again.", 2,                                      \
      "exception frame after N deltas (0: as the first frame), then the end")                      \
    X(STREAM_INTERNAL, "stream-internal", EVENT, 200, "internalServerException",                   \
      "The system encountered an unexpected error during processing. Try your request again.", 2,  \
      "the same")                                                                                  \
    X(STREAM_MODEL_ERROR, "stream-model-error", EVENT, 200, "modelStreamErrorException",           \
      "The system encountered an unexpected error during processing. Try your request again.", 2,  \
      "the same, with originalStatusCode 500")                                                     \
    X(STREAM_VALIDATION, "stream-validation", EVENT, 200, "validationException",                   \
      "The provided request is not valid", 2, "the same")                                          \
    X(STREAM_UNAVAILABLE, "stream-unavailable", EVENT, 200, "serviceUnavailableException",         \
      "Bedrock is unable to process your request.", 2, "the same")                                 \
    X(STREAM_TIMEOUT, "stream-timeout", EVENT, 200, "modelTimeoutException",                       \
      "The request took too long to process.", 2, "the same (InvokeModel only)")                   \
    X(STREAM_ERROR_FRAME, "stream-error-frame", EVENT, 200, "InternalFailure",                     \
      "An internal server error occurred", 2,                                                      \
      "frame with :message-type error after N deltas, then the end")                               \
    X(BAD_CRC, "bad-crc", WIRE, 200, "", "", 2,                                                    \
      "wrong message checksum in the frame after N deltas")                                        \
    X(BAD_PRELUDE, "bad-prelude", WIRE, 200, "", "", 2,                                            \
      "wrong prelude checksum in the frame after N deltas")                                        \
    X(GIANT_FRAME, "giant-frame", WIRE, 200, "", "", 2,                                            \
      "after N deltas a frame that announces 512 MiB, then silence")                               \
    X(TRUNCATED_FRAME, "truncated-frame", WIRE, 200, "", "", 2,                                    \
      "half a frame after N deltas, then a clean end of the chunked body")                         \
    X(MISSING_END, "missing-end", WIRE, 200, "", "", 0,                                            \
      "all deltas, no closing events, clean end of the chunked body")                              \
    X(CUT, "cut", WIRE, 200, "", "", 1000, "TCP reset after N bytes of stream or body")            \
    X(CLOSE, "close", WIRE, 200, "", "", 1000,                                                     \
      "clean end of the chunked body after N bytes of stream")                                     \
    X(CUTBODY, "cutbody", WIRE, 200, "", "", 10,                                                   \
      "not streamed: Content-Length is N more than what comes, then FIN")

enum fault_id {
#define FAULT_ENUM(id, name, kind, status, type, text, number, doc) FAULT_##id,
    FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};
_Static_assert(FAULT_COUNT <= 64, "struct faults keeps one bit each");

enum fault_kind {
    FAULT_REFUSE,
    FAULT_MANTLE,
    FAULT_NATIVE,
    FAULT_PAGE,
    FAULT_CLOCK,
    FAULT_SHAPE,
    FAULT_EVENT,
    FAULT_WIRE
};

struct fault_row {
    const char *name;
    enum fault_kind kind;
    int http;
    const char *type, *text;
    uint32_t number;
    const char *doc;
};
const struct fault_row *fault_row(enum fault_id id);

struct faults {
    uint64_t on, once; /* bits by enum fault_id */
    uint32_t n[FAULT_COUNT];
};

bool fault_on(const struct faults *f, enum fault_id id);
/* First one of that kind that is on, or FAULT_COUNT. */
enum fault_id fault_of_kind(const struct faults *f, enum fault_kind kind);
/* Adds the names of spec (separated by "--", "," or blanks). False: *bad_out is no fault. */
bool fault_parse(struct str spec, struct faults *f, struct str *bad_out);
/* The part of a model id that names faults; empty when it is an ordinary id. */
struct str fault_spec_of_model(struct str model);

/* --- memory between requests: scripts and -once --- */

struct fault_memory;
struct fault_memory *fault_memory_new(void);
void fault_memory_drop(struct fault_memory *m);
void fault_memory_clear(struct fault_memory *m);
/* A rule for models that contain this text, count times (0: until cleared). False: full or bad
 * spec. */
bool fault_script(struct fault_memory *m, struct str model, struct str spec, uint32_t count);
/* All that hits this request; header may be empty. False: *bad_out is no fault. */
bool fault_collect(struct fault_memory *m, struct str model, struct str header, struct faults *out,
                   struct str *bad_out);

void fault_print_table(void); /* markdown, for README.md */

#endif
