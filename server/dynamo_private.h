/*
 * dynamo_private.h - struct dynamo, for dynamo.c and dynamo_creds.c only.
 */
#ifndef SERVER_DYNAMO_PRIVATE_H
#define SERVER_DYNAMO_PRIVATE_H

#include "server/dynamo.h"
#include "server/dynamo_sign.h"
#include "server/loop.h"

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

    /* the attempt that is running */
    int http;
    struct err end;
    struct buf reply;
    bool has_crc, has_date, sent;
    uint32_t crc, hint_ms;
    int64_t date_ms;
    char type[128];

    bool uncertain;
};

/* --- dynamo.c --- */

/* Turns the loop until dynamo_arrive, end_ms (monotonic), or giving up. True: arrived. Set arrived
 * to false before what leads to it starts. */
bool dynamo_run(struct dynamo *d, uint64_t end_ms);
void dynamo_arrive(struct dynamo *d);

/* --- dynamo_creds.c --- */

/* Looks up what is missing or near its end. UNAVAILABLE: there are none. */
MUST_CHECK enum status dynamo_need_credentials(struct dynamo *d, struct err *err);
/* After the service called them expired. False: nothing new, or asked for less than a minute ago.
 */
bool dynamo_renew(struct dynamo *d);

#endif
