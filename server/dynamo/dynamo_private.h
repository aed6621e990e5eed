/*
 * dynamo_private.h - struct dynamo, for dynamo.c and its tests only.
 */
#ifndef SERVER_DYNAMO_DYNAMO_PRIVATE_H
#define SERVER_DYNAMO_DYNAMO_PRIVATE_H

#include "server/dynamo/dynamo.h"
#include "server/dynamo/dynamo_attempt.h"

struct dynamo {
    struct dynamo_link link;
    struct dynamo_attempt attempts[DYNAMO_MANY]; /* a single call uses the first */
};

#endif
