/*
 * offers.h - what the caller of a request can ask for: the names that the operator has mapped, then
 * one of each model of the table in force that has not been retired. Only what the caller's key may
 * use. Worker; reads the shared directory, no store.
 */
#ifndef WORKER_DOOR_OFFERS_H
#define WORKER_DOOR_OFFERS_H

#include "worker/turn/turn.h"

struct offer {
    struct str name; /* what the client sends */
    struct str id;   /* Bedrock's, behind it; may be an ARN, which nobody is told */
};

struct offers {
    struct offer *offer;
    size_t n;
};

/* In the exchange's arena, always in the same order while nothing changes: mapped names by the
 * alphabet, then by the table. false: no memory (outcome.err says so). */
MUST_CHECK bool offers_make(struct exchange *x, struct offers *out);
/* One name, mapped or not. False: nothing stands behind it, or not for this key. */
bool offers_find(struct exchange *x, struct str name, struct offer *out);

#endif
