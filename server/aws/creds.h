/*
 * creds.h - where AWS credentials come from, tried in this order: environment, shared files
 * (profile), web identity (STS), container (ECS, App Runner, EKS), EC2 instance metadata v2.
 * Source: docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 *
 * Asynchronous on the loop; only the refresher (and the CLI) has one. The secret never leaves the
 * process: workers get derived signing keys. Renews 15 minutes before expiry with jitter; on
 * failure keeps the old ones until they expire and tries again with back-off.
 */
#ifndef SERVER_AWS_CREDS_H
#define SERVER_AWS_CREDS_H

#include "server/aws/creds_region.h"
#include "server/aws/creds_value.h"
#include "server/base/err.h"
#include "server/net/fetch.h"
#include "server/net/loop.h"

struct creds;

/* now == NULL with err: what went wrong at every source; it will try again by itself. */
typedef void creds_fn(void *owner, const struct creds_value *now, const struct err *err);

struct creds *creds_new(struct loop *loop, struct fetch_client *fetch,
                        const struct creds_options *options, creds_fn *fn, void *owner);
void creds_drop(struct creds *c);  /* wipes */
void creds_start(struct creds *c); /* first look-up; fn is called from the loop */
/* A request was refused as expired: renew now (at most once a minute). */
void creds_hurry(struct creds *c);

/* True when some source is configured without asking the network (IMDS not counted): env keys,
 * profile files with keys, web identity or container variables. source_out may be NULL. For
 * STORAGE_BACKEND=auto and make run. */
bool creds_likely(const char **source_out);

#endif
