/*
 * dynamo.h - a DynamoDB client for code that may block: the refresher and the subcommands, never a
 * worker.
 *
 * A call runs a private loop with its own transfers and its own credentials until the answer is
 * there or DYNAMODB_TIMEOUT is over, all attempts and pauses included. So the caller's loop stands
 * still meanwhile; the wait function lets it show that it lives, and lets it give up. Nothing of
 * this object runs between two calls: credentials are looked up inside a call, when they are
 * missing or near their end. One thread. Made after fork.
 */
#ifndef SERVER_DYNAMO_DYNAMO_H
#define SERVER_DYNAMO_DYNAMO_H

#include "server/config/config.h"
#include "server/dynamo/dynamo_error.h"
#include "server/dynamo/dynamo_wait.h"
#include "server/base/err.h"
#include "server/json/json.h"

struct dynamo;

/* Asks nothing of the network. INVALID: DYNAMODB_ENDPOINT_URL or the region is unusable. c is not
 * kept. */
MUST_CHECK enum status dynamo_new(const struct config *c, struct dynamo **out, struct err *err);
void dynamo_drop(struct dynamo *d);

/* fn: at the start of every call and twice a second while it waits. false: give up. It must not
 * call d. */
void dynamo_on_wait(struct dynamo *d, dynamo_wait_fn *fn, void *ctx);

/* operation: "GetItem". body: JSON. DYNAMO_OK: *answer_out is the answer's object, to be given to
 * json_free; else NULL and err says what the service or the network said (NO_TABLE, CONDITION and
 * IN_USE too: the caller knows better words). An attempt that failed is repeated where that can
 * help, up to 3 times. */
MUST_CHECK enum dynamo_result dynamo_call(struct dynamo *d, const char *operation, struct str body,
                                          struct cJSON **answer_out, struct err *err);
/* Up to DYNAMO_MANY calls of one operation at the same time, whose answers are not wanted: what
 * became of each, and of one that failed the error. Each is repeated by itself where that can help,
 * all of it within one DYNAMODB_TIMEOUT. */
#define DYNAMO_MANY 16u
void dynamo_call_many(struct dynamo *d, const char *operation, const struct str *bodies, size_t n,
                      enum dynamo_result *results_out, struct err *errs_out);
/* An attempt of the last call may have been carried out without our hearing of it: a condition that
 * failed afterwards may be our own doing. */
bool dynamo_uncertain(const struct dynamo *d);
/* false: given up. */
bool dynamo_pause(struct dynamo *d, uint32_t ms);

const char *dynamo_region(const struct dynamo *d);
const char *dynamo_where(const struct dynamo *d); /* "https://dynamodb.eu-west-1.amazonaws.com" */

#endif
