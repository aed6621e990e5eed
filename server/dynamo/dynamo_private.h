/*
 * dynamo_private.h - struct dynamo, for dynamo.c, dynamo_attempt.c and dynamo_creds.c only.
 */
#ifndef SERVER_DYNAMO_DYNAMO_PRIVATE_H
#define SERVER_DYNAMO_DYNAMO_PRIVATE_H

#include "server/dynamo/dynamo.h"
#include "server/dynamo/dynamo_sign.h"
#include "server/net/loop.h"

/* One request on its way, and its answer. */
struct dynamo_attempt {
    struct dynamo *dynamo;
    struct fetch *fetch; /* NULL: it has ended, or never began */
    struct arena *arena; /* of the signed request */
    int http;
    struct err end;
    struct buf reply;
    bool has_crc, has_date, sent;
    uint32_t crc, hint_ms;
    int64_t date_ms;
    char type[128];
};

struct dynamo {
    struct loop *loop;
    struct fetch_client *fetch;
    struct dynamo_sign sign;
    uint32_t timeout_ms;
    dynamo_wait_fn *wait;
    void *wait_ctx;

    /* waiting */
    uint64_t until_ms; /* of the call that is running; monotonic */
    struct loop_timer alarm;
    uint64_t alarm_end_ms;
    bool arrived, given_up;

    /* credentials */
    uint64_t renewed_ms; /* last look-up; 0: none yet */
    struct err creds_err;

    struct dynamo_attempt attempts[DYNAMO_MANY]; /* a single call uses the first */
    unsigned flying;                             /* of them have not ended */

    bool uncertain;
};

/* --- dynamo.c --- */

/* Turns the loop until dynamo_arrive, end_ms (monotonic), or giving up. True: arrived. Set arrived
 * to false before what leads to it starts. */
bool dynamo_run(struct dynamo *d, uint64_t end_ms);
void dynamo_arrive(struct dynamo *d);

/* --- dynamo_attempt.c --- */

/* Signs and sends. DYNAMO_OK: it flies; else it has ended as this. */
MUST_CHECK enum dynamo_result dynamo_attempt_start(struct dynamo_attempt *a, const char *operation,
                                                   struct str body, struct err *err);
/* What became of it: its answer is read and forgotten. answer_out NULL: nothing of it is wanted.
 * Still flying: it is broken off. */
MUST_CHECK enum dynamo_result dynamo_attempt_end(struct dynamo_attempt *a,
                                                 struct cJSON **answer_out, struct err *err);
void dynamo_attempt_free(struct dynamo_attempt *a);

/* --- dynamo_creds.c --- */

/* Looks up what is missing or near its end. UNAVAILABLE: there are none. */
MUST_CHECK enum status dynamo_need_credentials(struct dynamo *d, struct err *err);
/* After the service called them expired. False: nothing new, or asked for less than a
 * minute ago. */
bool dynamo_renew(struct dynamo *d);

#endif
