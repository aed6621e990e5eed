/*
 * dynamo_mock.h - mock-dynamo: a stand-in for Amazon DynamoDB on loopback, and what its files
 * share.
 *
 *   dynamo_main.c    options, owns struct dynamo_mock, connections (on server/net/loop.h)
 *   dynamo_route.c   one request -> one answer: signature, script, operation; the /__ routes
 *   dynamo_ops.c     the operations; dynamo_tables.c: those on tables; dynamo_transact.c: several at
 *                    once
 *   dynamo_store.c   tables and items, found by dynamo_finder.c
 *   dynamo_expr.c    expressions
 *   reader.c, verify.c   borrowed from mock-bedrock
 *
 *   GET  /__ops      what was called: [{"op","table","result"}], newest last
 *   GET  /__items/T  every item of table T, no signature asked
 *   POST /__script   {"op":"GetItem" or "","fault":name,"count":n}; count 0: until the reset
 *   POST /__reset    forgets script and log; the tables stay
 *   POST /__fill     {"table","count"}: that many keys, of nobody's use
 *   GET  /health     200
 */
#ifndef MOCK_DYNAMO_MOCK_H
#define MOCK_DYNAMO_MOCK_H

#include "server/base/buf.h"
#include "tests/mock/dynamo_expr.h"
#include "tests/mock/reader.h"

/* X(NAME, "name", what happens) */
#define DYNAMO_FAULTS(X)                                                                     \
    X(NONE, "", "")                                                                          \
    X(THROTTLE, "throttle", "400 ProvisionedThroughputExceededException")                    \
    X(INTERNAL, "internal", "500 InternalServerError")                                       \
    X(DENIED, "denied", "400 AccessDeniedException whose text holds an ARN and an account")  \
    X(EXPIRED, "expired", "400 ExpiredTokenException")                                       \
    X(SKEW, "skew", "the service's clock is 10 minutes ahead")                               \
    X(TIMEOUT_AFTER, "timeout-after-success", "carried out, but never answered")             \
    X(RESET_AFTER, "reset-after-success", "carried out, then the connection is reset")       \
    X(GARBAGE, "garbage-html", "200 with an HTML page")                                      \
    X(TRUNCATED, "truncated", "half of the body, then the end of the connection")            \
    X(WRONG_CRC, "wrong-crc", "x-amz-crc32 is of other bytes")                               \
    X(REPEAT_KEY, "repeat-last-key", "Scan: every page ends with the same LastEvaluatedKey") \
    X(WRONG_TYPES, "wrong-types", "200 with JSON of another shape")                          \
    X(DOWN, "down", "the connection is reset without an answer")

enum dynamo_fault {
#define FAULT_ENUM(id, name, doc) DYNAMO_FAULT_##id,
    DYNAMO_FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
};

#define DYNAMO_RULES 16
#define DYNAMO_LOG   4096

struct dynamo_rule {
    char op[32]; /* "": any */
    enum dynamo_fault fault;
    uint32_t left; /* 0 with forever false: free */
    bool forever;
};

struct dynamo_entry {
    char op[32], table[64], result[48];
};

struct dynamo_mock {
    const char *access_key, *secret;
    uint32_t create_ms; /* how long a new table is CREATING */
    bool no_ttl;        /* UpdateTimeToLive is unknown, as in dynalite */
    struct store store;
    struct dynamo_rule rule[DYNAMO_RULES];
    struct dynamo_entry log[DYNAMO_LOG]; /* entry i is at i % DYNAMO_LOG */
    uint64_t log_n;
    struct buf scratch;
};

struct dynamo_answer {
    int status;
    struct buf body;
    bool html, hang, reset, cut, wrong_crc;
    int64_t ahead_s; /* of the Date header */
};

void dynamo_route(struct dynamo_mock *m, const struct request *r, struct dynamo_answer *out);

/* --- dynamo_ops.c --- */

struct dynamo_call {
    struct dynamo_mock *mock;
    struct arena *arena;
    struct scan scan;    /* of the body */
    struct table *table; /* NULL: none of that name */
    struct str table_name;
    bool repeat_key;
    bool dry; /* only whether it would succeed: nothing is written */
    struct dynamo_answer *answer;
    char result[48]; /* "" or the exception */
};

/* False: no such operation. */
bool dynamo_operation(struct dynamo_call *c, struct str op);
void dynamo_transact(struct dynamo_call *c); /* TransactWriteItems */
void dynamo_refuse(struct dynamo_call *c, int status, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
