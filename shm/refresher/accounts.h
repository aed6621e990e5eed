/*
 * accounts.h - whose credentials sign for which lane: the gateway's own, or those of a role that AWS STS
 * gives for them. They become signing keys of their lanes alone (signer.h). Refresher only; all secrets
 * are wiped when they are replaced or dropped.
 */
#ifndef SHM_REFRESHER_ACCOUNTS_H
#define SHM_REFRESHER_ACCOUNTS_H

#include "server/config/config.h"
#include "shm/refresher/signer.h"

struct accounts;

/* region: of home. loop and fetch NULL: nobody signs, as a Bedrock key is used. c, s and fetch must
 * outlive it. NULL: no memory. */
struct accounts *accounts_new(const struct config *c, struct segment *s, const char *region,
                              struct loop *loop, struct fetch_client *fetch);
void accounts_drop(struct accounts *a);
void accounts_start(struct accounts *a); /* the first look-up */
/* Each second: a worker's complaints that credentials have expired; the date of the keys. */
void accounts_tick(struct accounts *a);
void accounts_look_at_date(struct accounts *a); /* the calendar may have jumped */
/* Home's: for calls to the control plane. */
const struct signer *accounts_home(const struct accounts *a);

#endif
