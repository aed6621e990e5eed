/*
 * supervise.h - the master process: makes the shared things, forks, reaps, restarts, watches,
 * drains, reloads. It never parses a client's byte, opens TLS or reads shared cells other than the
 * scoreboard and whether there are keys.
 *
 *   TERM, INT   after SHUTDOWN_DELAY drain: workers finish what they have (SHUTDOWN_TIMEOUT), then
 *               exit 0; again: now. A drain that has begun before, for another reason, goes on
 *   HUP         reload: a second set of workers with the new settings, then the first one drains
 *   USR2        the program on disk takes over (upgrade.h)
 *               HUP and USR2 that come too early are done once, after what is under way
 *   CHLD        reap; a process that ended unasked is started again (throttle.h)
 *   USR1        ignored
 *
 * The segment has slots for two sets of workers, used in turn, so that a reload never has fewer
 * workers than before and a bad configuration is found out while the old set still serves.
 */
#ifndef MASTER_SUPERVISE_SUPERVISE_H
#define MASTER_SUPERVISE_SUPERVISE_H

#include "server/config/config.h"

enum {
    SUPERVISE_OK = 0,
    SUPERVISE_AGAIN = 1,
    SUPERVISE_HOPELESS = 2
}; /* exit codes of the program */

struct reload_source;

/* Runs until it is told to stop; returns the exit code. Takes *config over; source: how it was
 * loaded. */
int supervise_run(struct config *config, const struct reload_source *source);

#endif
