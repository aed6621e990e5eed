/*
 * models_watch.h - CATALOGUE_FILE while the server runs: read again when it has changed, published to
 * all processes when it is good. A bad one is named once in the log, and what is in force stays.
 * Refresher only.
 */
#ifndef SHM_REFRESHER_MODELS_WATCH_H
#define SHM_REFRESHER_MODELS_WATCH_H

#include <time.h>
#include "server/config/config.h"
#include "shm/memory/segment_layout.h"

struct models_watch {
    const char *path; /* "" : none */
    struct segment *segment;
    bool looked;
    struct timespec changed; /* of the file as it was read last */
    long long size;
    unsigned long long inode;
};

/* Publishes what is there now, where it may differ from what the master had read. */
void models_watch_begin(struct models_watch *w, const struct config *c, struct segment *s);
/* Each second. again: also if it looks unchanged (SIGHUP). */
void models_watch_tick(struct models_watch *w, bool again);

#endif
