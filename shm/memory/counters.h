/*
 * counters.h - metrics: one padded block a process, each word written by its own process only
 * (relaxed add), summed by the reader. A respawned process goes on with its slot's block, so sums
 * never fall.
 */
#ifndef SHM_MEMORY_COUNTERS_H
#define SHM_MEMORY_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include "shm/memory/learned.h"
#include "shm/memory/segment_layout.h"
#include "shm/memory/traffic.h"

/* X(NAME, "prometheus_name", "help") */
#define COUNTERS_TABLE(X)                                                                          \
    X(CONNECTIONS, "connections_total", "Client connections accepted")                             \
    X(REQUESTS, "requests_total", "Requests begun: headers read, or refused before that")          \
    X(REQUESTS_2XX, "responses_2xx_total", "Answers with a 2xx status")                            \
    X(REQUESTS_4XX, "responses_4xx_total", "Answers with a 4xx status")                            \
    X(REQUESTS_5XX, "responses_5xx_total", "Answers with a 5xx status")                            \
    X(KEY_QUESTIONS, "key_questions_total", "Unknown keys asked of the store")                     \
    X(UPSTREAM_REQUESTS, "upstream_requests_total", "Requests sent to Bedrock, retries included")  \
    X(UPSTREAM_CONNECTS, "upstream_connects_total", "New connections to Bedrock")                  \
    X(UPSTREAM_RETRIES, "upstream_retries_total", "Second attempts")                               \
    X(MODEL_MOVES, "model_moves_total",                                                            \
      "Requests that went on with the next model of their chain")                                  \
    X(QUEUED, "requests_queued_total", "Requests that waited for their turn at a throttled model") \
    X(LEARNED, "refusals_learned_total",                                                           \
      "Things that a model has been found not to take: remembered for ten minutes")                \
    X(LEARNED_USED, "refusals_avoided_total", "Requests made right at once by what was learned")   \
    X(UPSTREAM_REPEATS, "upstream_repeats_total",                                                  \
      "Sent again because a kept connection to Bedrock died before any answer")                    \
    X(STREAMS, "streams_total", "Streamed answers begun")                                          \
    X(STREAMS_BROKEN, "streams_broken_total", "Streams that ended with an error event")            \
    X(CLIENT_GONE, "client_gone_total", "Clients that left before their answer ended")             \
    X(TOKENS_IN, "tokens_input_total", "Input tokens reported by Bedrock")                         \
    X(TOKENS_OUT, "tokens_output_total", "Output tokens reported by Bedrock")                      \
    X(TOKENS_CACHE_READ, "tokens_cache_read_total", "Cache-read tokens")                           \
    X(TOKENS_CACHE_WRITE, "tokens_cache_write_total", "Cache-write tokens")                        \
    X(BYTES_IN, "bytes_in_total", "Bytes read from clients")                                       \
    X(BYTES_OUT, "bytes_out_total", "Bytes written to clients")                                    \
    X(STORE_READS, "store_reads_total", "Reads of the key store")                                  \
    X(STORE_ERRORS, "store_errors_total", "Reads of the key store that failed")                    \
    X(ROWS_SKIPPED, "rows_skipped_total", "Key rows refused as invalid")                           \
    X(COST_MICRO, "cost_microdollars_total", "Cost of all requests, in millionths of a dollar")    \
    X(PRICE_ESTIMATED, "price_estimated_total", "Requests priced as another model of the family")  \
    X(PRICE_UNKNOWN, "price_unknown_total", "Requests of a model without any price: cost 0")       \
    X(USAGE_ROWS, "usage_rows_total", "Usage rows that the store has taken")                       \
    X(USAGE_ERRORS, "usage_errors_total", "Attempts to store usage rows that failed")              \
    X(USAGE_DROPPED, "usage_dropped_total", "Usage rows that no store would take; logged")         \
    X(USAGE_BURIED, "usage_buried_total", "Usage records closed for workers that died")            \
    X(USAGE_DAMAGED, "usage_damaged_total", "Usage records found damaged: kept aside, no rows")    \
    X(TURNS, "loop_turns_total", "Turns of the event loop")

/* X(NAME, "reason", "meaning"): refusals_total, what the gateway itself said no to. Counted by
 * worker/exchange/refusal.c. */
#define COUNTERS_REFUSALS(X)                                                                  \
    X(HTTP, "http", "against the HTTP rules, or cut off")                                     \
    X(SLOW, "slow", "headers or body did not come in time")                                   \
    X(TOO_LARGE, "too_large", "body over MAX_BODY_BYTES, or over its route's limit")          \
    X(NO_ROUTE, "no_route", "no such path or method, or a part of the API that is not here")  \
    X(NO_KEY, "no_key", "no API key was sent")                                                \
    X(BAD_KEY, "bad_key", "the key is unknown, or no key at all")                             \
    X(REVOKED_KEY, "revoked_key", "the key is switched off")                                  \
    X(EXPIRED_KEY, "expired_key", "the key's time is over")                                   \
    X(MASTER_ONLY, "master_only", "/metrics with a key that may not read it")                 \
    X(KEY_STORE, "key_store", "the key is not known here and the store is away")              \
    X(RATE, "rate", "over the requests of a window")                                          \
    X(TOKENS, "tokens", "over the key's tokens a minute")                                     \
    X(CONCURRENCY, "concurrency", "over the key's requests at the same time")                 \
    X(BUDGET, "budget", "over the key's monthly budget")                                      \
    X(MODEL, "model", "a model that the key, or an account that the gateway may not use")     \
    X(UNPRICED, "unpriced", "a model without a price, and a key with a budget")               \
    X(NO_MODEL, "no_model", "a model name that stands for nothing")                           \
    X(INVALID, "invalid", "a body that is no valid request, or not one for this model")       \
    X(UNSUPPORTED, "unsupported", "what Amazon Bedrock cannot do")                            \
    X(BUSY, "busy", "no memory left, or no room for the body")                                \
    X(JOURNAL_FULL, "journal_full", "no room to record the usage of another request")         \
    X(CREDENTIALS, "credentials", "no valid AWS credentials to sign with")                    \
    X(DEADLINE, "deadline", "ended after MAX_REQUEST_SECONDS")                                \
    X(QUEUE, "queue", "throttled by Bedrock, and no turn in QUEUE_SECONDS, or too many wait") \
    X(DRAINING, "draining", "not finished when SHUTDOWN_TIMEOUT was over")                    \
    X(INTERNAL, "internal", "a failure of the gateway")

/* X(NAME, "type", "meaning"): upstream_errors_total, one for each attempt that failed. Names in
 * CamelCase are Bedrock's own, in an answer or in a stream; the others are ours. */
#define COUNTERS_UPSTREAM(X)                                                        \
    X(VALIDATION, "ValidationException", "refused as invalid")                      \
    X(THROTTLING, "ThrottlingException", "throttled; TooManyRequestsException too") \
    X(QUOTA, "ServiceQuotaExceededException", "a quota of the account is used up")  \
    X(NOT_READY, "ModelNotReadyException", "the model is being loaded")             \
    X(UNAVAILABLE, "ServiceUnavailableException", "Bedrock is overloaded or away")  \
    X(MODEL_TIMEOUT, "ModelTimeoutException", "the model took too long")            \
    X(MODEL_ERROR, "ModelErrorException", "the model failed")                       \
    X(MODEL_STREAM, "ModelStreamErrorException", "the model failed in its stream")  \
    X(INTERNAL_SERVER, "InternalServerException", "Bedrock failed")                 \
    X(NOT_FOUND, "ResourceNotFoundException", "no such model in the region")        \
    X(ACCESS_DENIED, "AccessDeniedException", "no access to the model")             \
    X(AWS_KEYS, "credentials", "our AWS credentials have expired or are unknown")   \
    X(SIGNATURE, "signature", "our signature was refused")                          \
    X(CLOCK, "clock", "our clock is wrong")                                         \
    X(ERROR_EVENT, "error_event", "the model's own error event in its stream")      \
    X(OTHER_4XX, "http_4xx", "another answer with a 4xx status")                    \
    X(OTHER_5XX, "http_5xx", "another answer that is neither 200 nor 4xx")          \
    X(OTHER_EXCEPTION, "exception", "another exception in a stream")                \
    X(CONNECT, "connect", "no address, or no connection in 5 seconds")              \
    X(TLS, "tls", "TLS handshake or verification")                                  \
    X(TIMEOUT, "timeout", "no answer in time, or silent for too long")              \
    X(CUT, "cut", "the connection or the stream ended before the answer did")       \
    X(FRAME, "frame", "a damaged frame in the event stream")                        \
    X(ANSWER, "answer", "an answer that cannot be understood")                      \
    X(OTHER, "other", "any other failure of the transfer")

enum counter {
#define COUNTERS_ENUM(name, prom, help) COUNTER_##name,
    COUNTERS_TABLE(COUNTERS_ENUM)
#undef COUNTERS_ENUM
#define COUNTERS_ENUM(name, word, meaning) COUNTER_CURED_##name,
        LEARNED_TABLE(COUNTERS_ENUM) /* in the order of enum learned */
#undef COUNTERS_ENUM
#define COUNTERS_ENUM(name, reason, meaning) COUNTER_REFUSED_##name,
    COUNTERS_REFUSALS(COUNTERS_ENUM)
#undef COUNTERS_ENUM
#define COUNTERS_ENUM(name, type, meaning) COUNTER_FAILED_##name,
        COUNTERS_UPSTREAM(COUNTERS_ENUM)
#undef COUNTERS_ENUM
            COUNTER_COUNT
};

/* The rows of a labelled family stand together. */
struct counters_row {
    const char *family, *help; /* of the family; llm_api_converter_ is put in front */
    const char *label, *value; /* NULL: the family has one row without a label */
    const char *meaning;       /* of the value */
};

#define COUNTERS_ENDING 16 /* models: more are not told apart from none */

struct counters_block {
    _Alignas(128) _Atomic uint64_t value[(COUNTER_COUNT + 15) / 16 * 16];
    _Atomic uint64_t ending[COUNTERS_ENDING]; /* hashes of ids: asked for, though they end soon */
    struct traffic_row traffic[TRAFFIC_COUNT];
    struct traffic_times waits; /* in the queue of a throttled model */
};
_Static_assert(sizeof(struct counters_block) % 128 == 0, "no false sharing");

/* Once after fork: later adds go to this block. */
void counters_enter(struct segment *s, uint32_t slot);
void counters_add(enum counter c, uint64_t n);
void counters_set(enum counter c, uint64_t n); /* for values kept elsewhere and mirrored */
uint64_t counters_sum(const struct segment *s, enum counter c);
struct traffic_row *counters_traffic(enum traffic t); /* this process's own row */
void counters_traffic_sum(const struct segment *s, enum traffic t, struct traffic_row *sum_out);
void counters_wait(uint64_t us); /* a request has waited so long in the queue */
void counters_waits_sum(const struct segment *s, struct traffic_times *sum_out);
/* A model that is soon to end was asked for; hash: text_hash of its id. For `top`. */
void counters_note_ending(uint64_t hash);
bool counters_noted_ending(const struct segment *s, uint64_t hash);
size_t counters_area_size(uint32_t workers);
const struct counters_row *counters_row(enum counter c);
bool counters_is_first(enum counter c); /* of its family */

#endif
