/*
 * keyring.h - a worker's copy of the signing keys, and whether they can sign now. One a worker
 * process; published by the refresher (shm/memory/signing.h), never the secret itself.
 */
#ifndef WORKER_TURN_KEYRING_H
#define WORKER_TURN_KEYRING_H

#include "server/config/config.h"
#include "shm/memory/signing.h"

struct keyring_lane {
    struct signing_keys keys;
    uint64_t miss_ms; /* before then no further complaint about them */
    uint64_t refused; /* generation of those that AWS refused; 0: none */
    uint64_t refused_ms;
};

struct keyring { /* zero is empty */
    struct keyring_lane lane[LANES_MAX];
};

/* STALE: there are keys, but they have expired or are of other days, so by this process's clock the
 * refresher has not seen what time it is. */
enum keyring_state { KEYRING_NONE, KEYRING_STALE, KEYRING_GOOD };

/* Reads what is published of the lane of c. NONE also where what stands there is another lane's: after a
 * reload, until its own keys are there. *day_out: which of the days applies, when GOOD. */
enum keyring_state keyring_look(struct keyring *k, const struct segment *s, const struct config *c,
                                unsigned lane, const char amz_date[17], int *day_out);
enum keyring_state keyring_now(struct keyring *k, const struct segment *s, const struct config *c,
                               unsigned lane);
/* Has the lane keys of its own, without a look at them? */
bool keyring_has(const struct segment *s, const struct config *c, unsigned lane);
/* AWS said that they have expired: the refresher renews them. */
void keyring_complain(struct segment *s, const struct config *c, unsigned lane);
/* AWS has refused what they signed. True: it has for a while, and the refresher, which was told, has
 * nothing newer. */
bool keyring_refused(struct keyring *k, unsigned lane);
/* Why requests of the lane cannot be signed now, or NULL. A key of Bedrock's own needs no signature. */
const char *keyring_trouble(struct keyring *k, const struct segment *s, unsigned lane,
                            const struct config *c);
/* The same of all lanes together: NULL where one of them can be signed for, else home's. */
const char *keyring_trouble_anywhere(struct keyring *k, const struct segment *s,
                                     const struct config *c);

#endif
