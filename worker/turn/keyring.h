/*
 * keyring.h - a worker's copy of the signing keys, and whether they can sign now. One a worker
 * process; published by the refresher (shm/memory/signing.h), never the secret itself.
 */
#ifndef WORKER_TURN_KEYRING_H
#define WORKER_TURN_KEYRING_H

#include "server/config/config.h"
#include "shm/memory/signing.h"

struct keyring { /* zero is empty */
    struct signing_keys keys;
    uint64_t miss_ms; /* before then no further complaint about them */
    uint64_t refused; /* generation of those that AWS refused; 0: none */
    uint64_t refused_ms;
};

/* STALE: there are keys, but they have expired or are of other days, so by this process's clock the
 * refresher has not seen what time it is. */
enum keyring_state { KEYRING_NONE, KEYRING_STALE, KEYRING_GOOD };

/* Reads what is published. *day_out: which of the days applies, when GOOD. */
enum keyring_state keyring_look(struct keyring *k, const struct segment *s, const char amz_date[17],
                                int *day_out);
enum keyring_state keyring_now(struct keyring *k, const struct segment *s);
/* AWS has refused what they signed. True: it has for a while, and the refresher, which was told, has
 * nothing newer. */
bool keyring_refused(struct keyring *k);
/* Why requests cannot be signed now, or NULL. A key of Bedrock's own needs no signature. */
const char *keyring_trouble(struct keyring *k, const struct segment *s, const struct config *c);

#endif
