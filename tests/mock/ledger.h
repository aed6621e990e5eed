/*
 * ledger.h - what the mock has seen: counts since the last reset and the last 64 requests, byte for
 * byte. Admin requests (/__..., /health) are not entered. Owned by struct mock.
 */
#ifndef MOCK_LEDGER_H
#define MOCK_LEDGER_H

#include "tests/mock/reader.h"

#define LEDGER_KEPT 64

/* X(NAME, "name", last path segment, streamed) */
#define OPERATION_TABLE(X)                                                                 \
    X(INVOKE, "InvokeModel", "invoke", false)                                              \
    X(INVOKE_STREAM, "InvokeModelWithResponseStream", "invoke-with-response-stream", true) \
    X(CONVERSE, "Converse", "converse", false)                                             \
    X(CONVERSE_STREAM, "ConverseStream", "converse-stream", true)                          \
    X(COUNT_TOKENS, "CountTokens", "count-tokens", false)                                  \
    X(MANTLE_COUNT, "MantleCountTokens", "", false)                                        \
    X(NATIVE_CHAT, "NativeChatCompletions", "", false)                                     \
    X(NATIVE_RESPONSES, "NativeResponses", "", false)                                      \
    X(CREDENTIALS, "Credentials", "", false)                                               \
    X(PROFILE, "GetInferenceProfile", "", false)                                           \
    X(UNKNOWN, "Unknown", "", false)

enum operation {
#define OPERATION_ENUM(id, name, segment, streamed) OPERATION_##id,
    OPERATION_TABLE(OPERATION_ENUM)
#undef OPERATION_ENUM
        OPERATION_COUNT
};

struct ledger_entry {
    struct buf head, body;
    enum operation operation;
    char model[2049]; /* Bedrock's limit and NUL */
};

/* X(member, what it counts): shown under the member's name */
#define LEDGER_COUNTERS(X)                                        \
    X(requests, "all but admin requests")                         \
    X(bytes_in, "received")                                       \
    X(bytes_out, "sent")                                          \
    X(connections_open, "now")                                    \
    X(streams_open, "now")                                        \
    X(aborts, "clients that left before the end of their answer") \
    X(signature_failures, "callers refused")                      \
    X(refused, "AWS errors given")                                \
    X(input_tokens, "billed")                                     \
    X(output_tokens, "billed: of a stream, what was said until its end")

struct ledger {
#define LEDGER_MEMBER(name, what) uint64_t name;
    LEDGER_COUNTERS(LEDGER_MEMBER)
#undef LEDGER_MEMBER
    uint64_t by_operation[OPERATION_COUNT];
    struct ledger_entry kept[LEDGER_KEPT];
    uint64_t kept_n; /* entered since the reset; entry i is in kept[i % LEDGER_KEPT] */
};

void ledger_init(struct ledger *l);
void ledger_free(struct ledger *l);
void ledger_reset(struct ledger *l); /* open connections and streams stay counted */
void ledger_enter(struct ledger *l, enum operation operation, struct str model,
                  const struct request *r);
/* back 0 is the newest; NULL when there is none. */
const struct ledger_entry *ledger_back(const struct ledger *l, uint64_t back);
void ledger_print(const struct ledger *l, struct buf *out); /* JSON */

#endif
