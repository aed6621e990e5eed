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

#include "server/base/err.h"
#include "server/net/fetch.h"
#include "server/net/loop.h"

#define CREDS_TOKEN_MAX 4096

struct creds_value {
    char access_key_id[129];
    char secret[257];
    char token[CREDS_TOKEN_MAX]; /* session token; "" for long-term keys */
    int64_t expires_ms;          /* 0: never */
    const char *source; /* "environment", "profile", "web identity", "container", "instance" */
};

struct creds;

/* now == NULL with err: what went wrong at every source; it will try again by itself. */
typedef void creds_fn(void *owner, const struct creds_value *now, const struct err *err);

struct creds_options {        /* what it points to must outlive the struct creds */
    const char *region;       /* for STS; NULL: creds_region, else us-east-1 */
    const char *sts_endpoint; /* overrides for the tests, else NULL: "http://127.0.0.1:1234" */
    const char *container_endpoint; /* in front of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI */
    const char *imds_endpoint;      /* else AWS_EC2_METADATA_SERVICE_ENDPOINT */
    uint32_t second_ms;             /* how long a second of waiting lasts; 0: 1000 */
};

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
/* Region by AWS_REGION, AWS_DEFAULT_REGION, profile; false if none. Validated as a host label. */
bool creds_region(char *out, size_t size);

#endif
