/*
 * caller.h - who asks, and what the limits of its key say. Written by auth.c and limits.c, read by
 * all. Worker only.
 */
#ifndef WORKER_TURN_CALLER_H
#define WORKER_TURN_CALLER_H

#include "shm/memory/bucket.h"
#include "shm/memory/directory.h"
#include "shm/memory/holds.h"

enum caller_who {
    CALLER_NOBODY,
    CALLER_ANONYMOUS,
    CALLER_SCRAPER, /* METRICS_TOKEN: /metrics alone */
    CALLER_MASTER,
    CALLER_KEY
};

struct caller {
    enum caller_who who;
    uint8_t digest[32];
    struct directory_key key; /* who == CALLER_KEY */
    uint64_t ticket;          /* question to the refresher, 0: none */
    uint64_t ticket_due_ms;   /* it is not waited for any longer */
    bool limited;             /* requests holds figures for the rate headers */
    struct bucket_answer requests;
    struct bucket_answer tokens; /* limit 0: the key has no tpm_limit */
    struct holds held;           /* of the key, by this request; limits_leave gives it back */
};

/* peer: address and port of the connection. Whose body this request's is, for http_bodies.h: the key's; without keys the source address's; 0
 * as long as the refresher is asked. */
uint64_t caller_holder(const struct caller *c, struct str peer);
/* Whose bucket and whose turn: the key's. Without keys there is one a source address: in a common
 * one, one client would use up everybody's. */
uint32_t caller_slot(const struct caller *c, struct str peer);

#endif
