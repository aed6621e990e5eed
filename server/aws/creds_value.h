/*
 * creds_value.h - AWS credentials as they are handed about, and what the look-ups for them are told.
 * The holder of a creds_value wipes it. Only the refresher and the subcommands ever have one.
 */
#ifndef SERVER_AWS_CREDS_VALUE_H
#define SERVER_AWS_CREDS_VALUE_H

#include <stdint.h>

#define CREDS_TOKEN_MAX 4096

struct creds_value {
    char access_key_id[129];
    char secret[257];
    char token[CREDS_TOKEN_MAX]; /* session token; "" for long-term keys */
    int64_t expires_ms;          /* 0: never */
    const char *source; /* "environment", "profile", "web identity", "container", "instance" */
};

struct creds_options {        /* what it points to must outlive the struct creds */
    const char *region;       /* for STS; NULL: creds_region, else us-east-1 */
    const char *sts_endpoint; /* overrides for the tests, else NULL: "http://127.0.0.1:1234" */
    const char *container_endpoint; /* in front of AWS_CONTAINER_CREDENTIALS_RELATIVE_URI */
    const char *role_arn;           /* not NULL: nobody else is asked, AWS STS gives the role's */
    const struct creds_value *base; /* to whom: signs that call; as of the call */
    const char *imds_endpoint;      /* else AWS_EC2_METADATA_SERVICE_ENDPOINT */
    uint32_t second_ms;             /* how long a second of waiting lasts; 0: 1000 */
};

#endif
