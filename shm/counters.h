/*
 * counters.h - metrics: one padded block a process, each word written by its own process only
 * (relaxed add), summed by the reader. A respawned process goes on with its slot's block, so sums
 * never fall.
 */
#ifndef SHM_COUNTERS_H
#define SHM_COUNTERS_H

#include <stdatomic.h>
#include "shm/segment.h"
#include "shm/traffic.h"

/* X(NAME, "prometheus_name", "help") */
#define COUNTERS_TABLE(X)                                                                         \
    X(CONNECTIONS, "connections_total", "Client connections accepted")                            \
    X(REQUESTS, "requests_total", "Requests whose headers were read")                             \
    X(REQUESTS_2XX, "responses_2xx_total", "Answers with a 2xx status")                           \
    X(REQUESTS_4XX, "responses_4xx_total", "Answers with a 4xx status")                           \
    X(REQUESTS_5XX, "responses_5xx_total", "Answers with a 5xx status")                           \
    X(HTTP_BAD, "http_bad_total", "Requests refused by the HTTP rules")                           \
    X(AUTH_REFUSED, "auth_refused_total", "Requests without a valid key")                         \
    X(RATE_REFUSED, "rate_refused_total", "Requests over a key's limit")                          \
    X(KEY_QUESTIONS, "key_questions_total", "Unknown keys asked of the store")                    \
    X(UPSTREAM_REQUESTS, "upstream_requests_total", "Requests sent to Bedrock, retries included") \
    X(UPSTREAM_CONNECTS, "upstream_connects_total", "New connections to Bedrock")                 \
    X(UPSTREAM_RETRIES, "upstream_retries_total", "Second attempts")                              \
    X(UPSTREAM_ERRORS, "upstream_errors_total", "Requests that Bedrock or the network failed")    \
    X(UPSTREAM_THROTTLED, "upstream_throttled_total", "429 answers of Bedrock")                   \
    X(STREAMS, "streams_total", "Streamed answers begun")                                         \
    X(STREAMS_BROKEN, "streams_broken_total", "Streams that ended with an error event")           \
    X(FRAMES_BAD, "eventstream_bad_total", "Event-stream frames refused")                         \
    X(CLIENT_GONE, "client_gone_total", "Clients that left before their answer ended")            \
    X(TOKENS_IN, "tokens_input_total", "Input tokens reported by Bedrock")                        \
    X(TOKENS_OUT, "tokens_output_total", "Output tokens reported by Bedrock")                     \
    X(TOKENS_CACHE_READ, "tokens_cache_read_total", "Cache-read tokens")                          \
    X(TOKENS_CACHE_WRITE, "tokens_cache_write_total", "Cache-write tokens")                       \
    X(BYTES_IN, "bytes_in_total", "Bytes read from clients")                                      \
    X(BYTES_OUT, "bytes_out_total", "Bytes written to clients")                                   \
    X(STORE_READS, "store_reads_total", "Reads of the key store")                                 \
    X(STORE_ERRORS, "store_errors_total", "Reads of the key store that failed")                   \
    X(ROWS_SKIPPED, "rows_skipped_total", "Key rows refused as invalid")                          \
    X(CONCURRENCY_REFUSED, "concurrency_refused_total", "Requests over a key's max_concurrency")  \
    X(TOKENS_REFUSED, "tokens_refused_total", "Requests over a key's tokens a minute")            \
    X(BUDGET_REFUSED, "budget_refused_total", "Requests over a key's monthly budget")             \
    X(MODEL_REFUSED, "model_refused_total", "Requests for a model that the key may not use")      \
    X(COST_MICRO, "cost_microdollars_total", "Cost of all requests, in millionths of a dollar")   \
    X(PRICE_ESTIMATED, "price_estimated_total", "Requests priced as another model of the family") \
    X(PRICE_UNKNOWN, "price_unknown_total", "Requests of a model without any price: cost 0")      \
    X(USAGE_ROWS, "usage_rows_total", "Usage rows that the store has taken")                      \
    X(USAGE_ERRORS, "usage_errors_total", "Attempts to store usage rows that failed")             \
    X(USAGE_DROPPED, "usage_dropped_total", "Usage rows that no store would take; logged")        \
    X(USAGE_BURIED, "usage_buried_total", "Usage records closed for workers that died")           \
    X(USAGE_FULL, "usage_full_total", "Requests refused because the usage journal was full")      \
    X(TURNS, "loop_turns_total", "Turns of the event loop")

enum counter {
#define COUNTERS_ENUM(name, prom, help) COUNTER_##name,
    COUNTERS_TABLE(COUNTERS_ENUM)
#undef COUNTERS_ENUM
        COUNTER_COUNT
};

struct counters_block {
    _Alignas(128) _Atomic uint64_t value[(COUNTER_COUNT + 15) / 16 * 16];
    struct traffic_row traffic[TRAFFIC_COUNT];
};
_Static_assert(sizeof(struct counters_block) % 128 == 0, "no false sharing");

void counters_enter(struct segment *s,
                    uint32_t slot); /* once after fork: later adds go to this block */
void counters_add(enum counter c, uint64_t n);
void counters_set(enum counter c, uint64_t n); /* for values kept elsewhere and mirrored */
uint64_t counters_sum(const struct segment *s, enum counter c);
struct traffic_row *counters_traffic(enum traffic t); /* this process's own row */
void counters_traffic_sum(const struct segment *s, enum traffic t, struct traffic_row *sum_out);
size_t counters_area_size(uint32_t workers);
const char *counters_name(enum counter c);
const char *counters_help(enum counter c);

#endif
