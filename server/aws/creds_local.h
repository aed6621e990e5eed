/*
 * creds_local.h - how every source reads variables and files: small, and suspicious of what it
 * finds, because it goes into headers and signatures. The refresher and the subcommands.
 */
#ifndef SERVER_AWS_CREDS_LOCAL_H
#define SERVER_AWS_CREDS_LOCAL_H

#include "server/base/buf.h"

/* NULL when unset or blank. */
const char *creds_local_env(const char *name);
/* Printable ASCII without blanks, 1 to max bytes: fit for a header and a signature. */
bool creds_local_clean(struct str s, size_t max);
/* Copies if clean and shorter than size. */
bool creds_local_copy(struct str s, char *out, size_t size);
void creds_local_wipe(struct buf *b); /* wipes and frees */

enum creds_local_result {
    CREDS_LOCAL_READ,
    CREDS_LOCAL_MISSING,
    CREDS_LOCAL_CLOSED, /* a directory above it is closed to us: whether it is there cannot be seen */
    CREDS_LOCAL_BAD
};
enum creds_local_result creds_local_read(const char *path, size_t max, struct buf *out);
/* A token from a file, blanks around it cut. False: unreadable, empty, not clean. */
bool creds_local_token(const char *path, struct buf *out);

#endif
