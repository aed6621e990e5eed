/*
 * reload.h - SIGHUP: the settings are read anew, a second set of workers starts with them, and when
 * all of it serves the first set drains. Bad settings, or workers that do not come up, change
 * nothing. One that is asked for while another is under way, or while the set before still drains
 * in the slots that are needed, is done once, after it. Master only.
 */
#ifndef MASTER_SUPERVISE_RELOAD_H
#define MASTER_SUPERVISE_RELOAD_H

#include "master/supervise/roster.h"

#define RELOAD_POLL_MS 10    /* how often to look whether the new ones serve */
#define RELOAD_MAX_MS  30000 /* for them to become ready */

struct reload_source {    /* how the configuration was loaded: each reload does it the same way */
    const char *env_file; /* NULL: .env */
    const struct config_override *overrides;
    size_t override_count;
};

struct reload { /* zeroed but for the first two, which it is lent */
    const struct reload_source *source;
    struct roster *roster;
    bool starting; /* the other set */
    bool wanted;   /* once more, when that is possible */
    uint64_t until_ms;
};

void reload_ask(struct reload *l);
/* Each turn of the master. hold: what is wanted stays so. */
void reload_progress(struct reload *l, bool hold);
/* This slot's process is one of those that are starting. */
bool reload_is_starting(const struct reload *l, uint32_t slot);
/* What is starting goes again. */
void reload_abort(struct reload *l, const char *why);

#endif
