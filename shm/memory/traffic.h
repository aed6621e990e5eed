/*
 * traffic.h - requests and their times by route, dialect and transport: rows of one process inside
 * its counters block. Each word is written by its own process only; the reader sums.
 */
#ifndef SHM_MEMORY_TRAFFIC_H
#define SHM_MEMORY_TRAFFIC_H

#include <stdatomic.h>
#include <stdint.h>

/* X(NAME, "route", "dialect", "transport"): every label set there is. "none": Bedrock was not
 * asked. */
#define TRAFFIC_TABLE(X)                                          \
    X(MESSAGES_INVOKE, "messages", "anthropic", "invoke")         \
    X(MESSAGES_CONVERSE, "messages", "anthropic", "converse")     \
    X(MESSAGES_NONE, "messages", "anthropic", "none")             \
    X(CHAT_CONVERSE, "chat_completions", "openai", "converse")    \
    X(CHAT_NATIVE, "chat_completions", "openai", "native")        \
    X(CHAT_NONE, "chat_completions", "openai", "none")            \
    X(RESPONSES_CONVERSE, "responses", "openai", "converse")      \
    X(RESPONSES_NATIVE, "responses", "openai", "native")          \
    X(RESPONSES_NONE, "responses", "openai", "none")              \
    X(BEDROCK_INVOKE, "bedrock", "bedrock", "invoke")             \
    X(BEDROCK_CONVERSE, "bedrock", "bedrock", "converse")         \
    X(BEDROCK_NONE, "bedrock", "bedrock", "none")                 \
    X(COUNT_TOKENS, "count_tokens", "anthropic", "any")           \
    X(PUBLIC, "public", "any", "none") /* health, version, ... */ \
    X(OTHER, "other", "any", "none")

enum traffic {
#define TRAFFIC_ENUM(name, route, dialect, transport) TRAFFIC_##name,
    TRAFFIC_TABLE(TRAFFIC_ENUM)
#undef TRAFFIC_ENUM
        TRAFFIC_COUNT
};

/* ABORTED: the client left, or the answer broke after its status line was sent. */
enum traffic_class { TRAFFIC_2XX, TRAFFIC_4XX, TRAFFIC_5XX, TRAFFIC_ABORTED, TRAFFIC_CLASSES };

#define TRAFFIC_BOUNDS 16 /* and one more bucket for what is above the last */

/* There is no count beside the buckets: a process killed between two stores leaves a histogram
 * whose +Inf and count still agree. */
struct traffic_times {
    _Atomic uint64_t bucket[TRAFFIC_BOUNDS + 1]; /* not cumulative */
    _Atomic uint64_t sum_us;
};

struct traffic_row {
    _Atomic uint64_t requests[TRAFFIC_CLASSES];
    struct traffic_times first, total; /* time to first byte; whole duration */
};
_Static_assert(sizeof(struct traffic_row) == 8 * (TRAFFIC_CLASSES + 2 * (TRAFFIC_BOUNDS + 2)),
               "no padding");

struct traffic_labels {
    const char *route, *dialect, *transport;
};

/* first_us 0: no byte of an answer has come from Bedrock. */
void traffic_count(struct traffic_row *r, enum traffic_class class, uint64_t first_us,
                   uint64_t total_us);
void traffic_time(struct traffic_times *t, uint64_t us); /* one of so long */
void traffic_merge_times(const struct traffic_times *from, struct traffic_times *into);
void traffic_merge(const struct traffic_row *from, struct traffic_row *into);

struct traffic_labels traffic_labels(enum traffic t);
const char *traffic_class_name(enum traffic_class class);
const char *traffic_bound(unsigned bucket); /* seconds; "+Inf" for the last */

#endif
