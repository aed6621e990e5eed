/*
 * config_bounds.h - figures that the program keeps to and that are no settings. Part of config.h,
 * where each struct config has its own: so a test can set tighter ones.
 */
#ifndef SERVER_BASE_CONFIG_BOUNDS_H
#define SERVER_BASE_CONFIG_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

/* X(type, field, value, meaning). Sizes are bytes. */
#define CONFIG_BOUNDS(X)                                                                          \
    /* --- facts of this program: server/README.md tells of them --- */                           \
    X(size_t, head_line, 8192, "request line, and each header line; more: 414 or 431")            \
    X(size_t, head_bytes, 32768, "whole header block; more: 431")                                 \
    X(size_t, head_fields, 100, "header fields; more: 431")                                       \
    X(size_t, body_bytes, 25000000, "request body, Bedrock's own limit; more: 413")               \
    X(uint32_t, body_ms, 600000, "for the body to arrive")                                        \
    X(uint32_t, body_rate, 1024, "bytes a second of body after the first 5 seconds")              \
    X(uint32_t, json_depth, 128, "nesting of the body")                                           \
    X(uint32_t, json_values, 100000, "values in the body")                                        \
    X(uint32_t, json_keys, 10000, "keys in one object")                                           \
    X(uint32_t, json_number, 64, "characters of one number")                                      \
    X(uint32_t, conn_requests, 10000, "requests on one connection")                               \
    X(uint32_t, write_stall_ms, 60000, "without progress of a client that does not read")         \
    X(size_t, output_high, 16384, "held for a slow reader before the upstream is paused")         \
    X(uint32_t, connect_ms, 5000, "to connect to Bedrock")                                        \
    X(uint32_t, attempts, 2, "of a request at Bedrock: the second only before the first byte")    \
    X(uint32_t, commit_ms, 25000, "of silence until a stream begins before Bedrock has answered") \
    X(uint32_t, learned_s, 600, "for which it is known what a model has refused")                 \
    X(size_t, frame_bytes, 16777216, "of Bedrock's event stream")                                 \
    /* --- room of a worker on a middling machine; master/supervise/room.h measures it --- */     \
    X(size_t, bodies, 256000000, "request bodies held at once; more: 503")                        \
    X(uint32_t, connections, 4096, "of clients")                                                  \
    X(uint32_t, pool, 256, "idle connections to Bedrock that are kept")                           \
    X(uint32_t, records, 16384, "of the usage journal; when they are used up requests get 503")

struct config_bounds {
#define CONFIG_BOUND(type, field, value, doc) type field;
    CONFIG_BOUNDS(CONFIG_BOUND)
#undef CONFIG_BOUND
};

#endif
