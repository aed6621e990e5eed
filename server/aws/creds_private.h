/*
 * creds_private.h - what creds.c keeps, for itself and for its test, which looks whether secrets are
 * wiped. Nobody else includes it.
 */
#ifndef SERVER_AWS_CREDS_PRIVATE_H
#define SERVER_AWS_CREDS_PRIVATE_H

#include "server/aws/creds.h"
#include "server/aws/creds_look.h"

struct creds {
    struct loop *loop;
    struct creds_options options;
    creds_fn *fn;
    void *owner;

    struct creds_value now; /* access_key_id "": none */
    struct loop_timer timer;
    int64_t renew_real_ms;    /* 0: never */
    uint64_t retry_mono_ms;   /* 0: not after a failure */
    uint64_t hurried_mono_ms; /* last creds_hurry that was followed; 0: none */
    unsigned failures;        /* in a row */

    bool looking;
    size_t source; /* row of creds_sources that is being asked */
    struct creds_look at;
};

#endif
