#include "master/supervise/supervise.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/supervise/announce.h"
#include "master/supervise/child.h"
#include "master/supervise/commons.h"
#include "master/supervise/ending.h"
#include "master/supervise/pidfile.h"
#include "master/supervise/reload.h"
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

#define TICK_MS        1000
#define HURRY_MS       500   /* from SIGINT to SIGKILL when asked to stop at once */
#define RELIEVE_MAX_MS 30000 /* for a new program to become ready */
#define LAST_WORDS_MS  500   /* before SIGKILL: by then the refresher shall have given up */

struct master {
    struct reload_source source;
    struct roster roster;
    struct reload reload;
    uint64_t tick_ms;
    pid_t successor;            /* SIGUSR2: the new program, which shall relieve us; 0: none */
    bool hup_later, usr2_later; /* came while it was starting, and concern it, too */
    bool relieving;             /* we are it, and not ready yet */
    uint64_t relieve_until_ms;
    bool asked;          /* to stop, by somebody: once more means at once */
    uint64_t stop_at_ms; /* SHUTDOWN_DELAY runs until then; 0: it does not */
    bool stopping, hurry;
    bool last_asked;      /* the refresher was told to end for good */
    uint64_t stopping_ms; /* since when */
    int exit_code;
};

static const struct config *active_config(struct master *m)
{
    return roster_active(&m->roster)->config;
}

/* --- stopping ------------------------------------------------------------------------------ */

static void retire_all(struct master *m, int sig, uint64_t grace_ms)
{
    roster_retire(&m->roster, &m->roster.sets[0], sig, grace_ms);
    roster_retire(&m->roster, &m->roster.sets[1], sig, grace_ms);
}

static void stop(struct master *m, int exit_code)
{
    if (m->stopping) {
        return;
    }
    m->stopping = true;
    m->stopping_ms = clock_mono_ms();
    m->stop_at_ms = 0;
    m->reload.starting = false;
    m->exit_code = exit_code;
    if (segment_service(&m->roster.segment) == SEGMENT_SERVES) {
        segment_set_service(&m->roster.segment, SEGMENT_ENDS);
    }
    close(m->roster.listen_fd); /* ours first: the last worker that drains then ends the queue */
    m->roster.listen_fd = -1;
    retire_all(m, SIGTERM, roster_drain_ms(&m->roster));
}

static void stop_at_once(struct master *m)
{
    log_line(LOG_WARN, "stop", "asked again: stopping at once");
    stop(m, SUPERVISE_OK);
    m->hurry = true;
    retire_all(m, SIGINT, HURRY_MS);
    if (m->last_asked) {
        roster_ask(&m->roster, 0, SIGINT, HURRY_MS);
    }
}

/* It may have usage rows to store: what the workers have left of SHUTDOWN_TIMEOUT is its time. */
static uint64_t refresher_ms(struct master *m)
{
    uint64_t all = (uint64_t)active_config(m)->shutdown_timeout * 1000u;
    uint64_t gone = clock_mono_ms() - m->stopping_ms;
    return m->hurry                           ? HURRY_MS
           : gone + ROSTER_REFRESHER_MS < all ? all - gone
                                              : ROSTER_REFRESHER_MS;
}

static void ask_refresher(struct master *m)
{
    uint64_t grace_ms = refresher_ms(m);
    uint64_t spare_ms = grace_ms / 2 < LAST_WORDS_MS ? grace_ms / 2 : LAST_WORDS_MS;
    m->last_asked = true;
    m->roster.children[0].wanted = false;
    scoreboard_leave_by(&m->roster.segment, 0, clock_mono_ms() + grace_ms - spare_ms);
    roster_ask(&m->roster, 0, SIGTERM, grace_ms);
}

/*
 * True when nobody is left to wait for. The refresher goes last: workers that drain may still ask
 * it about keys, and it stores what they have used. Until then it is wanted: one that dies, or that
 * a reload has told to end, comes back for that; one that does not stay up is not waited for.
 */
static bool stopped(struct master *m)
{
    struct roster *r = &m->roster;
    const struct roster_child *c = &r->children[0];
    if (!m->stopping || roster_running(r, &r->sets[0]) || roster_running(r, &r->sets[1])) {
        return false;
    }
    bool away = !c->wanted || c->due_ms > clock_mono_ms();
    if (!m->last_asked && (c->pid ? !c->asked : away)) {
        ask_refresher(m);
    }
    return m->last_asked && !c->pid;
}

/* SHUTDOWN_DELAY: probes hear of it while everybody is still served. */
static void stop_in_a_while(struct master *m, int sig)
{
    const struct config *c = active_config(m);
    uint64_t delay_ms = m->relieving ? 0 : (uint64_t)c->shutdown_delay * 1000u;
    if (delay_ms == 0) {
        log_line(LOG_INFO, "stop", "SIG%s: open requests have %lld s to finish", sigabbrev_np(sig),
                 (long long)c->shutdown_timeout);
        stop(m, SUPERVISE_OK);
        return;
    }
    log_line(LOG_INFO, "stop",
             "SIG%s: /health says 503, in %lld s the port closes, then open requests have %lld s "
             "to finish",
             sigabbrev_np(sig), (long long)c->shutdown_delay, (long long)c->shutdown_timeout);
    segment_set_service(&m->roster.segment, SEGMENT_ENDS);
    m->stop_at_ms = clock_mono_ms() + delay_ms;
}

/* --- another program takes over ------------------------------------------------------------ */

static void upgrade(struct master *m)
{
    struct err err;
    m->usr2_later = m->successor != 0;
    if (m->successor) {
        log_line(LOG_WARN, "upgrade",
                 "the new program, process %d, is starting: once more after it", (int)m->successor);
    } else if (upgrade_start(m->roster.listen_fd, sandbox_state_fd(), &m->successor, &err) !=
               STATUS_OK) {
        m->successor = 0;
        log_line(LOG_ERROR, "upgrade", "refused, this program stays: %s", err.text);
    } else {
        m->hup_later = false;
        log_line(LOG_INFO, "upgrade", "the new program starts as process %d", (int)m->successor);
    }
}

/* What was asked of us while it was starting is asked of it. */
static void hand_over(struct master *m)
{
    segment_set_service(&m->roster.segment, SEGMENT_HANDED_OVER);
    if (m->hup_later) {
        kill(m->successor, SIGHUP);
    }
    if (m->usr2_later) {
        kill(m->successor, SIGUSR2);
    }
    m->hup_later = m->usr2_later = false;
    log_line(LOG_INFO, "stop", "relieved by process %d: open requests have %lld s to finish",
             (int)m->successor, (long long)active_config(m)->shutdown_timeout);
    stop(m, SUPERVISE_OK);
}

static bool handed_over(const struct master *m)
{
    return m->successor && segment_service(&m->roster.segment) == SEGMENT_HANDED_OVER;
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

/* --- reaping ------------------------------------------------------------------------------- */

static void start_again(struct master *m, uint32_t slot, const char *name, const char *end)
{
    uint32_t wait = roster_again(&m->roster, slot);
    log_line(LOG_ERROR, "exit", "%s %s; starting it again in %u ms", name, end, wait);
    if (journal_mend(&m->roster.journal) == JOURNAL_CUT) { /* each successor would die of it */
        log_line(LOG_ERROR, "exit",
                 "the usage journal was cut and cannot be made whole: giving up");
        stop(m, SUPERVISE_AGAIN);
    }
    roster_rescue(&m->roster, slot);
    /* A slot that never comes up takes the program down only when nobody serves any more: then
     * whoever supervises us (App Runner, ECS, systemd) shall make a new one. */
    if (roster_hopeless(&m->roster, slot)) {
        log_line(LOG_ERROR, "exit", "no worker stays up: giving up");
        stop(m, SUPERVISE_AGAIN);
    }
}

static void ended_unasked(struct master *m, uint32_t slot, int status)
{
    char name[CHILD_NAME_MAX], end[ENDING_MAX];
    struct scoreboard_end last;
    child_name(slot, name);
    scoreboard_ended(&m->roster.segment, slot, status);
    scoreboard_last_end(&m->roster.segment, slot, &last);
    ending_describe(&last, end);
    bool hopeless = WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISE_HOPELESS;
    if (reload_is_starting(&m->reload, slot) && !m->roster.children[slot].served) {
        log_line(LOG_ERROR, "exit", "%s %s", name, end);
        reload_abort(&m->reload, "a new one ended while starting");
    } else if (hopeless && m->roster.children[slot].runs == 1) {
        log_line(LOG_ERROR, "exit", "%s cannot work with this configuration: stopping", name);
        m->roster.children[slot].wanted = false;
        stop(m, SUPERVISE_HOPELESS);
    } else {
        start_again(m, slot, name, end);
    }
}

static void successor_ended(struct master *m, int status)
{
    char end[ENDING_MAX];
    bool again = m->usr2_later && !m->asked && !m->stopping;
    ending_describe(&(struct scoreboard_end){.status = status}, end);
    m->successor = 0;
    log_line(LOG_ERROR, "upgrade", "the new program %s%s", end,
             m->stopping ? "" : ": this one stays");
    if (again) {
        upgrade(m);
    }
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

/* --- the loop ------------------------------------------------------------------------------ */

/* The new program says it with SIGTERM, too (so did its elders); it does not count as being asked:
 * only a second wish of somebody else cuts what is open. */
static void on_stop(struct master *m, int sig, pid_t sender)
{
    if (m->successor && sender == m->successor) {
        hand_over(m);
    } else if (m->asked) {
        stop_at_once(m);
    } else {
        m->asked = true;
        if (!m->stopping) {
            stop_in_a_while(m, sig);
        }
    }
}

static void on_signal(struct master *m, int sig, pid_t sender)
{
    bool ends = m->asked || m->stopping;
    switch (sig) {
    case SIGTERM:
    case SIGINT:
        on_stop(m, sig, sender);
        break;
    case SIGHUP:
    case SIGUSR2:
        if (handed_over(m)) { /* the sender does not know yet who is the master */
            kill(m->successor, sig);
        } else if (!ends && sig == SIGHUP) {
            m->hup_later = true;
            reload_ask(&m->reload);
        } else if (!ends) {
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
    if ((m->reload.starting || m->relieving) && now + RELOAD_POLL_MS < at) {
        at = now + RELOAD_POLL_MS;
    }
    if (m->stop_at_ms && m->stop_at_ms < at) {
        at = m->stop_at_ms;
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
    for (int sig, sender; (sig = loop_signalfd_read(m->roster.signal_fd, &sender)) != 0;) {
        on_signal(m, sig, sender);
    }
    reap(m);
    if (clock_mono_ms() >= m->tick_ms) {
        m->tick_ms = clock_mono_ms() + TICK_MS;
        roster_look_after(&m->roster);
        if (sandbox_files_moved(active_config(m))) {
            reload_ask(&m->reload);
        }
    }
    roster_kill_late(&m->roster);
    if (m->stop_at_ms && clock_mono_ms() >= m->stop_at_ms) {
        stop(m, SUPERVISE_OK);
    }
    if (!m->stopping) {
        reload_progress(&m->reload, m->asked || m->relieving);
    }
    if (m->relieving && !m->stopping) {
        relieve(m);
    }
    roster_start_due(&m->roster);
}

/* --- life ---------------------------------------------------------------------------------- */

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

/* The first answer is what people wait for: processes first, files and words later. */
static void begin(struct master *m, struct config *c, const char *address)
{
    struct roster *r = &m->roster;
    m->relieving = upgrade_parent() != 0;
    m->relieve_until_ms = clock_mono_ms() + RELIEVE_MAX_MS;
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

int supervise_run(struct config *config, const struct reload_source *source)
{
    static struct master master; /* big: not on the stack */
    struct master *m = &master;
    struct err err;
    char address[LISTENER_NAME_MAX];
    *m = (struct master){.source = *source, .roster.window_fd = -1};
    m->reload = (struct reload){.source = &m->source, .roster = &m->roster};
    prepare_process(config);
    if (commons_open(&m->roster, config, address, &err) != STATUS_OK) {
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
    pidfile_remove(active_config(m)->state_dir, getpid());
    commons_close(&m->roster);
    return m->exit_code;
}
