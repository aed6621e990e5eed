/*
 * backend.h - which key store it is, and opens it. The refresher and the subcommands: they own what
 * they get and close it (keystore_close).
 */
#ifndef SHM_REFRESHER_BACKEND_H
#define SHM_REFRESHER_BACKEND_H

#include "server/base/config.h"
#include "shm/store/keystore.h"

/* Chooses by STORAGE_BACKEND (see config.h) and opens. why_out (120 bytes) says which store and
 * why, for the start line. A file or directory that is missing is made. */
MUST_CHECK enum status backend_open(const struct config *c, struct keystore **out, char *why_out,
                                    size_t why_size, struct err *err);
/* The same where the store has been read before: one that is missing now is an outage (UNAVAILABLE)
 * and not an empty store, in which every key would be revoked. */
MUST_CHECK enum status backend_open_again(const struct config *c, struct keystore **out,
                                          char *why_out, size_t why_size, struct err *err);

#endif
