/*
 * context.h - what belongs to the worker process as a whole, lent to its exchanges. Made by
 * worker.c.
 */
#ifndef WORKER_TURN_CONTEXT_H
#define WORKER_TURN_CONTEXT_H

#include "server/config/config.h"
#include "server/net/fetch.h"
#include "server/http/http_conn.h"
#include "server/json/scan.h"
#include "shm/memory/counters.h"
#include "shm/memory/segment.h"
#include "worker/model/choices.h"
#include "worker/model/models.h"
#include "worker/model/tariffs.h"
#include "worker/turn/keyring.h"
#include "worker/turn/waiting.h"

struct exchange;
struct bedrock;
struct route;

#define WORKER_UNCOUNTED 32 /* models whose tokens Bedrock would not count, at a time */
#define WORKER_UNPRICED  64 /* models without a price that are named in the log */

struct worker {
    const struct config *config;
    struct segment *segment;
    uint32_t slot; /* 1..n */
    struct loop *loop;
    struct fetch_client *fetch;
    struct bedrock *bedrock; /* endpoint and retries, see bedrock.h */
    struct keyring keyring;  /* what signs for it */
    struct models models;
    struct tariffs tariffs; /* likewise */
    struct choices choices; /* of models, lately */
    struct http_conn_set conns;
    struct http_conn_limits conn_limits;
    struct scan_limits scan_limits;
    size_t arena_max;                           /* ceiling of one exchange */
    const struct route *(*route_row)(size_t i); /* routes_row, lent to the door */
    void (*wake)(struct exchange *x);           /* exchange_wake, lent to the steps */
    const struct fetch_ops *transfer;           /* stream_ops, lent to bedrock.c */

    struct exchange *exchanges; /* all that are open */
    uint32_t exchange_count;
    struct waiters waiters;

    struct {
        struct {
            char model[128];
            uint64_t until_ms;
        } uncounted[WORKER_UNCOUNTED];      /* count.c */
        uint64_t unpriced[WORKER_UNPRICED]; /* their hashes; limits.c */
        uint32_t unpriced_count;
    } learnt;

    bool has_master;
    uint8_t master_digest[32];
    bool draining;

    struct { /* worker.c's and accept.c's alone */
        int listen_fd, dead_fd, signal_fd, spare_fd;
        const struct http_conn_ops *ops; /* of its connections */
        loop_handle dead;                /* watch of dead_fd */
        loop_handle listener;            /* 0 while shedding, paused or draining */
        struct loop_timer timer_shed, timer_beat, timer_drain;
        uint64_t published[COUNTER_COUNT]; /* mirrored into the shared counters so far */
        uint64_t bytes_in;                 /* of all clients, at the last beat */
        uint32_t quiet_beats;              /* since then nothing came */
        uint64_t full_told_ms;             /* not again before */
        int exit_code;
    } process;
};

#endif
