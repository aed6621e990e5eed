/*
 * refresher.h - the one process that talks to the key store and to credential endpoints.
 *
 * Loads keys and mappings, publishes the directory, polls the version each second, reloads all
 * every REFRESH_SECONDS, answers key questions (bounded a second, absent keys remembered), derives
 * and publishes signing keys. Its death costs nothing: the master starts the next, which builds a
 * new bank.
 */
#ifndef SHM_REFRESHER_REFRESHER_H
#define SHM_REFRESHER_REFRESHER_H

#include "server/config/config.h"
#include "shm/memory/segment.h"

/* Body of the process after fork; returns the exit code (0 asked to stop, 1 again, 2 hopeless).
 * dead_fd: read end of the master's pipe; EOF means leave. */
int refresher_run(const struct config *c, struct segment *s, int dead_fd);

#endif
