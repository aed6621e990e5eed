#include "master/supervise/reload.h"

#include <signal.h>

#include "server/platform/cpus.h"
#include "master/supervise/room.h"
#include "master/supervise/commons.h"
#include "master/supervise/sandbox.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/lane_names.h"

static enum status load_config(const struct reload_source *o, struct config *c, struct err *err)
{
    sandbox_before_load();
    enum status status = config_load(c, o->env_file, o->overrides, o->override_count, err);
    bool loaded = status == STATUS_OK;
    if (loaded) {
        status = commons_check(c, err); /* only a check: each worker does it for itself */
    }
    if (loaded && status != STATUS_OK) {
        config_free(c);
    }
    sandbox_after_load(status == STATUS_OK ? c : NULL);
    return status;
}

static void warn_fixed(const struct config *old, const struct config *fresh)
{
    char names[256];
    config_fixed(old, fresh, names, sizeof names);
    if (names[0]) {
        log_line(LOG_WARN, "reload", "%s: changes only by a restart", names);
    }
}

static void begin(struct reload *l)
{
    struct roster *r = l->roster;
    struct err err = {.text = "out of memory"};
    struct config *c = heap_new(sizeof *c);
    l->wanted = false;
    if (!c || load_config(l->source, c, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "reload", "refused, the old configuration stays: %s", err.text);
        heap_drop(c);
        return;
    }
    warn_fixed(roster_active(r)->config, c);
    lane_names_enter(&r->segment, &c->lanes, &roster_active(r)->config->lanes);
    room_here(cpus_workers_here(c->workers, r->set_size), &c->bounds);
    roster_want_set(r, roster_other(r), c);
    l->starting = true;
    l->until_ms = clock_mono_ms() + RELOAD_MAX_MS;
}

void reload_ask(struct reload *l)
{
    l->wanted = true;
}

bool reload_is_starting(const struct reload *l, uint32_t slot)
{
    return l->starting && roster_in_set(roster_other(l->roster), slot);
}

void reload_abort(struct reload *l, const char *why)
{
    struct roster *r = l->roster;
    log_line(LOG_ERROR, "reload", "refused, the old workers stay: %s", why);
    roster_retire(r, roster_other(r), SIGTERM, roster_drain_ms(r));
    roster_drop_config(roster_other(r));
    l->starting = false;
}

static void commit(struct reload *l)
{
    struct roster *r = l->roster;
    uint64_t grace_ms = roster_drain_ms(r); /* by the settings that they have */
    r->active = !r->active;
    roster_retire(r, roster_other(r), SIGTERM, grace_ms);
    roster_drop_config(roster_other(r)); /* its workers have a copy of their own since the fork */
    /* Still wanted: it comes back with the new configuration. */
    roster_ask(r, 0, SIGTERM, ROSTER_REFRESHER_MS);
    l->starting = false;
    log_line(LOG_INFO, "reload", "done: %u workers with the new configuration, the old ones drain",
             roster_active(r)->count);
}

void reload_progress(struct reload *l, bool hold)
{
    struct roster *r = l->roster;
    if (l->starting && roster_ready(r, roster_other(r))) {
        commit(l);
    } else if (l->starting && clock_mono_ms() >= l->until_ms) {
        reload_abort(l, "the new ones did not become ready");
    } else if (l->wanted && !l->starting && !hold && !roster_running(r, roster_other(r))) {
        begin(l);
    }
}
