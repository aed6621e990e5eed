#include "master/supervise/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/supervise/announce.h"
#include "master/supervise/child.h"
#include "master/supervise/cpus.h"
#include "master/supervise/listener.h"
#include "master/supervise/pidfile.h"
#include "master/supervise/roster.h"
#include "master/supervise/sandbox.h"
#include "master/supervise/upgrade.h"
#include "master/supervise/window.h"
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/net/loop.h"
#include "shm/memory/directory.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/signing.h"
#include "worker/model/models.h"

#define TICK_MS        1000
#define FLUSH_MS       2500 /* over SHUTDOWN_TIMEOUT: a worker takes 2 s for its last error events */
#define REFRESHER_MS   2000 /* from SIGTERM to SIGKILL, at least */
#define HURRY_MS       500  /* the same when asked to stop at once */
#define LISTEN_MS      2000 /* for the workers of a killed master to leave the port */
#define RELOAD_POLL_MS 10
#define RELOAD_MAX_MS  30000 /* for the new set to become ready, or the new program */

struct master {
    struct supervise_options options;
    struct roster roster;
    uint64_t tick_ms;
    bool reloading;     /* the other set is starting */
    bool reload_wanted; /* SIGHUP came while the other set was still in use */
    uint64_t reload_until_ms;
    pid_t successor; /* SIGUSR2: the new program, which shall relieve us; 0: none */
    bool relieving;  /* we are it, and not ready yet */
    uint64_t relieve_until_ms;
    bool stopping, hurry;
    uint64_t stopping_ms; /* since when */
    int exit_code;
};

static const struct config *active_config(struct master *m)
{
    return roster_active(&m->roster)->config;
}

/* --- stopping
 * ------------------------------------------------------------------------------------------ */

static uint64_t drain_ms(struct master *m)
{
    return (uint64_t)active_config(m)->shutdown_timeout * 1000u + FLUSH_MS;
}

static void retire_all(struct master *m, int sig, uint64_t grace_ms)
{
    roster_retire(&m->roster, &m->roster.sets[0], sig, grace_ms);
    roster_retire(&m->roster, &m->roster.sets[1], sig, grace_ms);
}

/* The refresher goes last, see stopped(): workers that drain may still ask it about keys. */
static void stop(struct master *m, int exit_code)
{
    if (m->stopping) {
        return;
    }
    m->stopping = true;
    m->stopping_ms = clock_mono_ms();
    m->reloading = false;
    m->exit_code = exit_code;
    close(m->roster.listen_fd); /* ours first: the last worker that drains then ends the queue */
    m->roster.listen_fd = -1;
    m->roster.children[0].wanted = false;
    retire_all(m, SIGTERM, drain_ms(m));
}

static void stop_at_once(struct master *m)
{
    log_line(LOG_WARN, "stop", "asked again: stopping at once");
    m->hurry = true;
    retire_all(m, SIGINT, HURRY_MS);
}

/* It may have usage rows to store: what the workers have left of SHUTDOWN_TIMEOUT is its time. */
static uint64_t refresher_ms(struct master *m)
{
    uint64_t all = (uint64_t)active_config(m)->shutdown_timeout * 1000u;
    uint64_t gone = clock_mono_ms() - m->stopping_ms;
    return m->hurry ? HURRY_MS : gone + REFRESHER_MS < all ? all - gone : REFRESHER_MS;
}

/* True when nobody is left to wait for. */
static bool stopped(struct master *m)
{
    struct roster *r = &m->roster;
    if (!m->stopping || roster_running(r, &r->sets[0]) || roster_running(r, &r->sets[1])) {
        return false;
    }
    if (!r->children[0].asked) {
        roster_ask(r, 0, SIGTERM, refresher_ms(m));
    }
    return !r->children[0].pid;
}

/* --- reload
 * ---------------------------------------------------------------------------------------------- */

static void drop_config(struct roster_set *s)
{
    if (s->config) {
        config_free(s->config);
        heap_drop(s->config);
    }
    s->config = NULL;
    s->count = 0;
}

static enum status load_config(const struct master *m, struct config *c, struct err *err)
{
    const struct supervise_options *o = &m->options;
    sandbox_before_load();
    enum status status = config_load(c, o->env_file, o->overrides, o->override_count, err);
    bool loaded = status == STATUS_OK;
    if (loaded) {
        status = models_init(c, err); /* only a check: each worker does it for itself */
    }
    if (loaded && status != STATUS_OK) {
        config_free(c);
    }
    sandbox_after_load(status == STATUS_OK ? c : NULL);
    return status;
}

static void warn_fixed(const struct config *old, const struct config *fresh)
{
    bool same = strcmp(old->host, fresh->host) == 0 && old->port == fresh->port &&
                strcmp(old->state_dir, fresh->state_dir) == 0 && old->max_keys == fresh->max_keys &&
                strcmp(old->usage_journal, fresh->usage_journal) == 0 &&
                old->usage_journal_records == fresh->usage_journal_records;
    if (!same) {
        log_line(LOG_WARN, "reload",
                 "HOST, PORT, STATE_DIR, MAX_KEYS and USAGE_JOURNAL* change only by a restart");
    }
}

static void reload(struct master *m)
{
    struct roster *r = &m->roster;
    struct err err = {.text = "out of memory"};
    m->reload_wanted = m->reloading || m->relieving || roster_running(r, roster_other(r));
    if (m->reload_wanted) { /* the set before still drains, its slots are needed; or the first waits
                             */
        return;
    }
    struct config *c = heap_new(sizeof *c);
    if (!c || load_config(m, c, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "reload", "refused, the old configuration stays: %s", err.text);
        heap_drop(c);
        return;
    }
    warn_fixed(active_config(m), c);
    roster_want_set(r, roster_other(r), c);
    m->reloading = true;
    m->reload_until_ms = clock_mono_ms() + RELOAD_MAX_MS;
}

static void reload_abort(struct master *m, const char *why)
{
    log_line(LOG_ERROR, "reload", "refused, the old workers stay: %s", why);
    roster_retire(&m->roster, roster_other(&m->roster), SIGTERM, drain_ms(m));
    drop_config(roster_other(&m->roster));
    m->reloading = false;
}

static void reload_commit(struct master *m)
{
    struct roster *r = &m->roster;
    uint64_t grace = drain_ms(m);
    r->active = !r->active;
    roster_retire(r, roster_other(r), SIGTERM, grace);
    drop_config(roster_other(r)); /* its workers have a copy of their own since the fork */
    roster_ask(r, 0, SIGTERM,
               REFRESHER_MS); /* still wanted: comes back with the new configuration */
    m->reloading = false;
    log_line(LOG_INFO, "reload", "done: %u workers with the new configuration, the old ones drain",
             roster_active(r)->count);
}

static void reload_progress(struct master *m)
{
    if (m->reloading && roster_ready(&m->roster, roster_other(&m->roster))) {
        reload_commit(m);
    } else if (m->reloading && clock_mono_ms() >= m->reload_until_ms) {
        reload_abort(m, "the new ones did not become ready");
    } else if (m->reload_wanted && !m->stopping) {
        reload(m);
    }
}

/* --- another program takes over
 * ---------------------------------------------------------------------------------------------- */

static void upgrade(struct master *m)
{
    struct err err;
    if (m->successor) {
        log_line(LOG_WARN, "upgrade", "the new program, process %d, is starting already",
                 (int)m->successor);
    } else if (upgrade_start(m->roster.listen_fd, sandbox_state_fd(), &m->successor, &err) !=
               STATUS_OK) {
        m->successor = 0;
        log_line(LOG_ERROR, "upgrade", "refused, this program stays: %s", err.text);
    } else {
        log_line(LOG_INFO, "upgrade", "the new program starts as process %d", (int)m->successor);
    }
}

/* What /ready asks of the refresher. */
static bool can_serve(struct master *m)
{
    const struct config *c = active_config(m);
    const struct segment *s = &m->roster.segment;
    return (!c->require_api_key || directory_generation(s) > 0) &&
           (c->bedrock_api_key[0] || signing_usable(s));
}

/* How the master is found: its pid, and the window through which `top` sees what it has. */
static void write_pidfile(struct roster *r, const struct config *c)
{
    struct err err;
    if (pidfile_write(c->state_dir, getpid(), &err) != STATUS_OK) {
        log_line(LOG_WARN, "start", "%s", err.text);
    } else if (window_open(c->state_dir, &r->window_fd, &err) != STATUS_OK) {
        log_line(LOG_WARN, "start", "%s; top needs root", err.text);
    }
}

/* First the refresher has to have what it needs: until then the old workers alone take connections.
 * When ours do, the old program drains. */
static void relieve(struct master *m)
{
    struct roster *r = &m->roster;
    struct roster_set *set = roster_active(r);
    if (set->count == 0 && can_serve(m)) {
        roster_want_set(r, set, set->config);
    } else if (roster_ready(r, set)) {
        m->relieving = false;
        write_pidfile(r, set->config);
        log_line(LOG_INFO, "upgrade", "ready: process %d may go", (int)upgrade_parent());
        if (getppid() == upgrade_parent()) {
            kill(upgrade_parent(), SIGTERM);
        }
    } else if (clock_mono_ms() >= m->relieve_until_ms) {
        log_line(LOG_ERROR, "upgrade", "not ready in time: the old program stays");
        m->relieving = false;
        stop(m, SUPERVISE_AGAIN);
    }
}

/* --- reaping
 * --------------------------------------------------------------------------------------------- */

static void describe_end(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(out, size, "was killed by SIG%s%s", sigabbrev_np(WTERMSIG(status)),
                 sandbox_explain(WTERMSIG(status)));
    } else {
        snprintf(out, size, "ended with code %d", WEXITSTATUS(status));
    }
}

static void start_again(struct master *m, uint32_t slot, const char *name, const char *end)
{
    struct roster_child *c = &m->roster.children[slot];
    uint32_t wait = throttle_ended(&c->throttle, clock_mono_ms() - c->started_ms);
    c->due_ms = clock_mono_ms() + wait;
    log_line(LOG_ERROR, "exit", "%s %s; starting it again in %u ms", name, end, wait);
    /* A slot that fails for ever takes the program down only when nobody serves any more: then
     * whoever supervises us (App Runner, ECS, systemd) shall make a new one. */
    if (slot > 0 && throttle_hopeless(&c->throttle) &&
        scoreboard_ready_workers(&m->roster.segment) == 0) {
        log_line(LOG_ERROR, "exit", "no worker stays up: giving up");
        stop(m, SUPERVISE_AGAIN);
    }
}

static void ended_unasked(struct master *m, uint32_t slot, int status)
{
    char name[CHILD_NAME_MAX], end[160];
    child_name(slot, name);
    describe_end(status, end, sizeof end);
    bool hopeless = WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISE_HOPELESS;
    if (m->reloading && roster_in_set(roster_other(&m->roster), slot)) {
        log_line(LOG_ERROR, "exit", "%s %s", name, end);
        reload_abort(m, "a new one ended while starting");
    } else if (hopeless && m->roster.children[slot].runs == 1) {
        log_line(LOG_ERROR, "exit", "%s cannot work with this configuration: stopping", name);
        stop(m, SUPERVISE_HOPELESS);
    } else {
        start_again(m, slot, name, end);
    }
}

static void successor_ended(struct master *m, int status)
{
    char end[160];
    describe_end(status, end, sizeof end);
    m->successor = 0;
    log_line(LOG_ERROR, "upgrade", "the new program %s%s", end,
             m->stopping ? "" : ": this one stays");
}

/* As process 1 of a container strangers' orphans come here too: waited for, no more. */
static void reap(struct master *m)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        uint32_t slot = roster_slot_of(&m->roster, pid);
        if (pid == m->successor) {
            successor_ended(m, status);
        }
        if (slot == roster_slots(&m->roster)) {
            continue;
        }
        roster_reaped(&m->roster, slot);
        if (m->roster.children[slot].wanted && !m->roster.children[slot].asked) {
            ended_unasked(m, slot, status);
        }
    }
}

/* --- the loop
 * ---------------------------------------------------------------------------------------------- */

static void on_signal(struct master *m, int sig)
{
    switch (sig) {
    case SIGTERM:
    case SIGINT:
        if (m->stopping) {
            stop_at_once(m);
            break;
        }
        log_line(LOG_INFO, "stop", "SIG%s: open requests have %lld s to finish", sigabbrev_np(sig),
                 (long long)active_config(m)->shutdown_timeout);
        stop(m, SUPERVISE_OK);
        break;
    case SIGHUP:
        if (!m->stopping) {
            reload(m);
        }
        break;
    case SIGUSR2:
        if (!m->stopping) {
            upgrade(m);
        }
        break;
    default: /* CHLD: every turn reaps. USR1: nothing to reopen. */
        break;
    }
}

static int wait_ms(const struct master *m)
{
    uint64_t now = clock_mono_ms();
    uint64_t at = roster_next_ms(&m->roster, m->tick_ms);
    if ((m->reloading || m->relieving) && now + RELOAD_POLL_MS < at) {
        at = now + RELOAD_POLL_MS;
    }
    return at > now ? (int)(at - now) : 0;
}

static void turn(struct master *m)
{
    struct pollfd p[] = {{.fd = m->roster.signal_fd, .events = POLLIN},
                         {.fd = m->roster.window_fd, .events = POLLIN}};
    poll(p, 2, wait_ms(m));
    clock_tick();
    if (p[1].revents) {
        window_serve(m->roster.window_fd, m->roster.segment.read_fd);
    }
    for (int sig; (sig = loop_signalfd_read(m->roster.signal_fd, NULL)) != 0;) {
        on_signal(m, sig);
    }
    reap(m);
    if (clock_mono_ms() >= m->tick_ms) {
        m->tick_ms = clock_mono_ms() + TICK_MS;
        roster_look_after(&m->roster);
        m->reload_wanted |= sandbox_files_moved(active_config(m));
    }
    roster_kill_late(&m->roster);
    reload_progress(m);
    if (m->relieving && !m->stopping) {
        relieve(m);
    }
    roster_start_due(&m->roster);
}

/* --- life
 * --------------------------------------------------------------------------------------------------
 */

static void prepare_process(const struct config *c)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
    child_forbid_cores(c);
    child_oom_prepare();
    clock_tick();
}

static enum status open_signals(struct roster *r, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, 0};
    int ends[2];
    r->signal_fd = loop_signalfd(signals, err);
    if (r->signal_fd < 0) {
        return err->code;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return err_set(err, STATUS_INTERNAL, "pipe: %s", strerrordesc_np(errno));
    }
    r->dead_fd = ends[0];
    r->alive_fd = ends[1];
    return STATUS_OK;
}

/* Requests are served without the file too; only a crash of everything would then cost records. */
static enum status open_journal(struct roster *r, const struct config *c, struct err *err)
{
    char path[512];
    journal_path(c, path, sizeof path);
    enum status status =
        journal_open(&r->journal, path, 2 * r->set_size, (uint32_t)c->usage_journal_records, err);
    if (status == STATUS_UNAVAILABLE) {
        log_line(LOG_ERROR, "usage", "records are kept in memory only: %s", err->text);
        status = STATUS_OK;
    }
    r->segment.journal = &r->journal;
    return status;
}

/* A master that was killed has left its file, and workers that are about to notice. */
static unsigned listen_ms(const struct config *c)
{
    pid_t pid;
    struct err err;
    bool killed = pidfile_read(c->state_dir, &pid, &err) != STATUS_OK && pid > 0;
    return killed ? LISTEN_MS : 0;
}

static enum status open_listener(struct roster *r, const struct config *c,
                                 char name_out[LISTENER_NAME_MAX], struct err *err)
{
    r->listen_fd = upgrade_socket(c->host, (uint16_t)c->port, name_out);
    return r->listen_fd >= 0 ? STATUS_OK
                             : listener_open(c->host, (uint16_t)c->port, listen_ms(c),
                                             &r->listen_fd, name_out, err);
}

static enum status open_all(struct roster *r, struct config *c, char name_out[LISTENER_NAME_MAX],
                            struct err *err)
{
    enum status status = models_init(c, err);
    if (status == STATUS_OK) {
        status = open_listener(r, c, name_out, err);
    }
    if (status == STATUS_OK) { /* the last thing that may need root was the port */
        status = sandbox_begin(c, upgrade_state_fd(), err);
    }
    if (status == STATUS_OK) {
        roster_init(r, cpus_workers_here(c->workers, SUPERVISE_WORKERS_MAX));
        status = segment_create(&r->segment, 2 * r->set_size, (uint32_t)c->max_keys, err);
    }
    if (status == STATUS_OK) {
        status = open_journal(r, c, err);
    }
    return status == STATUS_OK ? open_signals(r, err) : status;
}

static void close_all(struct roster *r)
{
    pidfile_remove(roster_active(r)->config->state_dir, getpid());
    window_close(roster_active(r)->config->state_dir, r->window_fd);
    close(r->signal_fd);
    close(r->dead_fd);
    close(r->alive_fd);
    journal_drop(&r->journal);
    segment_drop(&r->segment);
    drop_config(&r->sets[0]);
    drop_config(&r->sets[1]);
}

/* The first answer is what people wait for: processes first, files and words later. */
static void begin(struct master *m, struct config *c, const char *address)
{
    struct roster *r = &m->roster;
    m->relieving = upgrade_parent() != 0;
    m->relieve_until_ms = clock_mono_ms() + RELOAD_MAX_MS;
    r->sets[0].config = c;
    roster_want(r, 0);
    if (!m->relieving) {
        roster_want_set(r, &r->sets[0], c);
    }
    roster_start_due(r);
    announce_start(c, address, r->set_size);
    if (!m->relieving) {
        write_pidfile(r, c);
    }
}

int supervise_run(struct config *config, const struct supervise_options *options)
{
    static struct master master; /* big: not on the stack */
    struct master *m = &master;
    struct err err;
    char address[LISTENER_NAME_MAX];
    *m = (struct master){.options = *options, .roster.window_fd = -1};
    prepare_process(config);
    if (open_all(&m->roster, config, address, &err) != STATUS_OK) {
        fprintf(stderr, "llm-api-converter: %s\n", err.text);
        config_free(config);
        heap_drop(config);
        return err.code == STATUS_INVALID ? SUPERVISE_HOPELESS : SUPERVISE_AGAIN;
    }
    begin(m, config, address);
    while (!stopped(m)) {
        turn(m);
    }
    log_line(LOG_INFO, "stop", "stopped");
    close_all(&m->roster);
    return m->exit_code;
}
