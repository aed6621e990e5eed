#include "master/supervise/roster.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "master/supervise/child.h"
#include "server/platform/cpus.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/scoreboard.h"

#define SILENT_LOOKS   10u  /* a second each */
#define START_LOOKS    30u  /* for a process that is not ready yet */
#define ABORT_GRACE_MS 2000 /* from SIGABRT to SIGKILL */
#define KILL_AGAIN_MS  1000
#define FLUSH_MS       2500 /* over SHUTDOWN_TIMEOUT: a worker takes 2 s for its last error events */

/* --- sets and slots ------------------------------------------------------------------------ */

void roster_init(struct roster *r, uint32_t set_size)
{
    assert(set_size > 0 && 2 * set_size <= SEGMENT_WORKERS_MAX);
    r->set_size = set_size;
    r->sets[0] = (struct roster_set){NULL, 1, 0};
    r->sets[1] = (struct roster_set){NULL, 1 + set_size, 0};
    r->active = 0;
    memset(r->children, 0, sizeof r->children);
}

struct roster_set *roster_active(struct roster *r)
{
    return &r->sets[r->active];
}

struct roster_set *roster_other(struct roster *r)
{
    return &r->sets[!r->active];
}

bool roster_in_set(const struct roster_set *s, uint32_t slot)
{
    return slot >= s->first && slot < s->first + s->count;
}

uint32_t roster_slots(const struct roster *r)
{
    return 1 + 2 * r->set_size;
}

uint32_t roster_slot_of(const struct roster *r, pid_t pid)
{
    uint32_t slot = 0;
    while (slot < roster_slots(r) && r->children[slot].pid != pid) {
        slot++;
    }
    return slot;
}

static uint32_t state_of(const struct roster *r, uint32_t slot)
{
    return atomic_load_explicit(&r->segment.scoreboard[slot].state, memory_order_acquire);
}

bool roster_running(const struct roster *r, const struct roster_set *s)
{
    for (uint32_t slot = s->first; slot < s->first + r->set_size; slot++) {
        if (r->children[slot].pid) {
            return true;
        }
    }
    return false;
}

bool roster_ready(const struct roster *r, const struct roster_set *s)
{
    for (uint32_t slot = s->first; slot < s->first + s->count; slot++) {
        if (!r->children[slot].pid || state_of(r, slot) != SCOREBOARD_READY) {
            return false;
        }
    }
    return s->count > 0;
}

/* --- starting ------------------------------------------------------------------------------ */

void roster_want(struct roster *r, uint32_t slot)
{
    assert(!r->children[slot].pid);
    r->children[slot] = (struct roster_child){.wanted = true, .due_ms = clock_mono_ms()};
}

void roster_want_set(struct roster *r, struct roster_set *s, struct config *config)
{
    s->config = config;
    s->count = cpus_workers_here(config->workers, r->set_size);
    for (uint32_t slot = s->first; slot < s->first + s->count; slot++) {
        roster_want(r, slot);
    }
}

void roster_drop_config(struct roster_set *s)
{
    if (s->config) {
        config_free(s->config);
        heap_drop(s->config);
    }
    s->config = NULL;
    s->count = 0;
}

static const struct config *config_of(struct roster *r, uint32_t slot)
{
    const struct roster_set *other = roster_other(r);
    return other->config && roster_in_set(other, slot) ? other->config : roster_active(r)->config;
}

static pid_t fork_slot(struct roster *r, uint32_t slot)
{
    struct child_place place = {
        .config = config_of(r, slot),
        .segment = &r->segment,
        .slot = slot,
        .listen_fd = r->listen_fd,
        .dead_fd = r->dead_fd,
        .alive_fd = r->alive_fd,
        .signal_fd = r->signal_fd,
        .window_fd = r->window_fd,
    };
    return child_fork(&place);
}

static void start(struct roster *r, uint32_t slot)
{
    struct roster_child *c = &r->children[slot];
    pid_t pid = fork_slot(r, slot);
    if (pid < 0) { /* no memory, or too many processes */
        log_line(LOG_ERROR, "fork", "cannot start a process: %s", strerrordesc_np(errno));
        c->served = false;
        c->started_ms = clock_mono_ms();
        roster_again(r, slot);
        roster_rescue(r, slot);
        return;
    }
    scoreboard_forked(&r->segment, slot, (uint32_t)pid);
    c->pid = pid;
    c->asked = false;
    c->runs++;
    c->started_ms = clock_mono_ms();
    c->kill_ms = 0;
    c->silent = 0;
}

void roster_start_due(struct roster *r)
{
    for (uint32_t slot = 0; slot < roster_slots(r); slot++) {
        struct roster_child *c = &r->children[slot];
        if (c->wanted && !c->pid && c->due_ms <= clock_mono_ms()) {
            start(r, slot);
        }
    }
}

/* --- ending -------------------------------------------------------------------------------- */

uint64_t roster_drain_ms(struct roster *r)
{
    return (uint64_t)roster_active(r)->config->shutdown_timeout * 1000u + FLUSH_MS;
}

void roster_ask(struct roster *r, uint32_t slot, int sig, uint64_t grace_ms)
{
    struct roster_child *c = &r->children[slot];
    if (c->pid && !(c->asked && sig == SIGTERM)) {
        c->asked = true;
        c->kill_ms = clock_mono_ms() + grace_ms;
        kill(c->pid, sig);
    }
}

void roster_retire(struct roster *r, const struct roster_set *s, int sig, uint64_t grace_ms)
{
    for (uint32_t slot = s->first; slot < s->first + r->set_size; slot++) {
        r->children[slot].wanted = false;
        roster_ask(r, slot, sig, grace_ms);
    }
}

void roster_kill_late(struct roster *r)
{
    for (uint32_t slot = 0; slot < roster_slots(r); slot++) {
        struct roster_child *c = &r->children[slot];
        if (!c->pid || !c->kill_ms || c->kill_ms > clock_mono_ms()) {
            continue;
        }
        char name[CHILD_NAME_MAX];
        child_name(slot, name);
        log_line(LOG_WARN, "stop", "%s (pid %d) did not end in time: SIGKILL", name, (int)c->pid);
        kill(c->pid, SIGKILL);
        c->kill_ms = clock_mono_ms() + KILL_AGAIN_MS;
    }
}

void roster_reaped(struct roster *r, uint32_t slot)
{
    struct roster_child *c = &r->children[slot];
    uint32_t state = state_of(r, slot);
    c->served = state == SCOREBOARD_READY || state == SCOREBOARD_DRAINING;
    c->pid = 0;
    c->kill_ms = 0;
    c->due_ms = clock_mono_ms();
    scoreboard_load(&r->segment, slot, 0, 0); /* the writer of these words is gone: they are ours */
    scoreboard_state(&r->segment, slot, SCOREBOARD_FREE);
}

/* --- ended unasked ------------------------------------------------------------------------- */

uint32_t roster_again(struct roster *r, uint32_t slot)
{
    struct roster_child *c = &r->children[slot];
    uint64_t now = clock_mono_ms();
    uint32_t wait = throttle_ended(&c->throttle, now - c->started_ms, c->served);
    c->due_ms = now + wait;
    return wait;
}

/* The worker whose turn is next; 0: one runs, or none shall. */
static uint32_t next_of_none(const struct roster *r)
{
    uint32_t next = 0;
    for (uint32_t slot = 1; slot < roster_slots(r); slot++) {
        const struct roster_child *c = &r->children[slot];
        if (c->wanted && c->pid) {
            return 0;
        }
        if (c->wanted && (!next || c->due_ms < r->children[next].due_ms)) {
            next = slot;
        }
    }
    return next;
}

void roster_rescue(struct roster *r, uint32_t slot)
{
    if (slot == 0) {
        return;
    }
    /* One that served is as good as a long run: the next will serve, too. */
    bool served = r->children[slot].served;
    uint64_t at_ms =
        clock_mono_ms() + throttle_ended(&r->rescue, served ? THROTTLE_GOOD_MS : 0, served);
    uint32_t next = next_of_none(r);
    if (next && r->children[next].due_ms > at_ms) {
        r->children[next].due_ms = at_ms;
        log_line(LOG_WARN, "exit", "no worker is left: worker %u is started before its time", next);
    }
}

bool roster_hopeless(const struct roster *r, uint32_t slot)
{
    return slot > 0 && throttle_hopeless(&r->children[slot].throttle) &&
           scoreboard_ready_workers(&r->segment) == 0;
}

/* --- watching ------------------------------------------------------------------------------ */

/* Counted in looks of ours, not in time: when the whole container was frozen for a minute, master
 * and workers wake together and nobody is taken for hung. */
static bool hung(struct roster *r, uint32_t slot)
{
    struct roster_child *c = &r->children[slot];
    uint64_t beat =
        atomic_load_explicit(&r->segment.scoreboard[slot].heartbeat_ms, memory_order_relaxed);
    uint32_t state = state_of(r, slot);
    bool served = state == SCOREBOARD_READY || state == SCOREBOARD_DRAINING;
    c->silent = beat == c->beat ? c->silent + 1 : 0;
    c->beat = beat;
    return c->silent >= (served ? SILENT_LOOKS : START_LOOKS);
}

void roster_look_after(struct roster *r)
{
    for (uint32_t slot = 0; slot < roster_slots(r); slot++) {
        struct roster_child *c = &r->children[slot];
        if (!c->pid || !hung(r, slot)) {
            continue;
        }
        char name[CHILD_NAME_MAX];
        child_name(slot, name);
        log_line(LOG_ERROR, "hung", "%s (pid %d) has shown no sign of life for %u s: SIGABRT", name,
                 (int)c->pid, c->silent);
        kill(c->pid, SIGABRT);
        c->kill_ms = clock_mono_ms() + ABORT_GRACE_MS;
        c->silent = 0;
    }
}

uint64_t roster_next_ms(const struct roster *r, uint64_t at_ms)
{
    for (uint32_t slot = 0; slot < roster_slots(r); slot++) {
        const struct roster_child *c = &r->children[slot];
        uint64_t own = c->pid ? c->kill_ms : c->wanted ? c->due_ms : 0;
        if (own && own < at_ms) {
            at_ms = own;
        }
    }
    return at_ms;
}
