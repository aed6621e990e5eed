/*
 * backend.h - which key store it is, and opens it. The refresher and the subcommands: they own what
 * they get and close it (keystore_close).
 */
#ifndef SHM_REFRESHER_BACKEND_H
#define SHM_REFRESHER_BACKEND_H

#include "server/config/config.h"
#include "shm/store/keystore.h"

#define BACKEND_WHY_SIZE 160
/* Chooses by STORAGE_BACKEND (see config.h) and opens. why_out (BACKEND_WHY_SIZE) says which store
 * and why, for the start line. A file or directory that is missing is made.
 * last: "", or the name of the store that this run of the server has read before. One that is
 * missing now is then an outage (UNAVAILABLE) and not an empty store, in which every key would be
 * revoked; and a choice that the network made is not made again. May ask instance metadata, for a
 * second. */
MUST_CHECK enum status backend_open(const struct config *c, const char *last, struct keystore **out,
                                    char *why_out, size_t why_size, struct err *err);
/* The same at the first start of a server, but nothing is made: UNAVAILABLE where the store is a file
 * that is not there yet. */
MUST_CHECK enum status backend_look(const struct config *c, struct keystore **out, char *why_out,
                                    size_t why_size, struct err *err);

#endif
