/*
 * dynamo_creds.h - the credentials of a DynamoDB client, looked up inside a call and put into its
 * signer. What it points to is the client's, and outlives it.
 */
#ifndef SERVER_DYNAMO_DYNAMO_CREDS_H
#define SERVER_DYNAMO_DYNAMO_CREDS_H

#include "server/dynamo/dynamo_sign.h"
#include "server/dynamo/dynamo_wait.h"
#include "server/net/fetch.h"

struct dynamo_creds {
    struct dynamo_wait *wait;
    struct fetch_client *fetch;
    struct dynamo_sign *sign;
    uint64_t renewed_ms; /* last look-up; 0: none yet */
    struct err err;
};

/* Looks up what is missing or near its end. UNAVAILABLE: there are none. */
MUST_CHECK enum status dynamo_creds_need(struct dynamo_creds *c, struct err *err);
/* After the service called them expired. False: nothing new, or asked for less than a
 * minute ago. */
bool dynamo_creds_renew(struct dynamo_creds *c);

#endif
