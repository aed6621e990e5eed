/*
 * What runs here, and what starts it:
 *
 *   each turn       heartbeat
 *   each second     version poll, loads that are due (keysync_tick), complaints about credentials,
 *                   the date of the signing keys (accounts_tick), CATALOGUE_FILE (models_watch_tick),
 *                   the key of sealed reasoning (sealkey_tick); each ten minutes, words of lanes
 *                   that have long been over (lanes_sweep, sticks_sweep)
 *   each 1-200 ms   usage records go to the store, few at a time (drain_tick), and at the end as
 *                   long as there is time (drain_last)
 *   wake_refresher  key questions of the workers (keysync_questions), their complaints that the
 *                   signing keys are of other days, inference profiles they met (inquiry_tick)
 *   accounts        new credentials become signing keys
 *   SIGHUP          everything is loaded anew; SIGTERM, SIGINT or the master's end: leave
 */
#include "shm/refresher/refresher.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/aws/creds_region.h"
#include "server/net/fetch.h"
#include "server/base/log.h"
#include "server/net/loop.h"
#include "shm/memory/counters.h"
#include "shm/refresher/accounts.h"
#include "shm/refresher/backend.h"
#include "shm/refresher/drain.h"
#include "shm/refresher/inquiry.h"
#include "shm/refresher/keysync.h"
#include "shm/refresher/models_watch.h"
#include "shm/refresher/sealkey.h"
#include "shm/memory/lanes.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/signing.h"
#include "shm/memory/sticks.h"

enum { EXIT_ASKED = 0, EXIT_AGAIN = 1, EXIT_HOPELESS = 2 };

#define TICK_MS        1000u
#define TABLE_BYTES    (48 * 1024)
#define SWEEP_MS       600000u
#define REGION_DEFAULT "us-east-1"

struct refresher {
    const struct config *config;
    struct segment *segment;
    int dead_fd; /* the master's pipe */
    struct loop *loop;
    struct keysync *keys;
    struct drain *drain;
    char journal_path[512];
    struct fetch_client *fetch; /* NULL when calls to Bedrock need no signature */
    struct accounts *accounts;
    struct inquiry *inquiry; /* NULL: nobody is asked */
    uint64_t missed;         /* of the workers' complaints, as far as handled */
    uint64_t sweep_ms;       /* the next one is due */
    bool ending;             /* only usage records are still stored, */
    uint64_t until_ms;       /* until then; 0: a successor does the rest */
    struct models_watch models;
    struct sealkey sealkey;
    struct loop_timer tick_timer, question_timer, drain_timer;
    int signal_fd;
    int exit_code;
};

/* --- what the loop calls ------------------------------------------------------------------- */

static void leave(struct refresher *r, int exit_code)
{
    r->exit_code = exit_code;
    loop_stop(r->loop);
}

static void on_turn(struct loop *loop, void *owner)
{
    struct refresher *r = owner;
    scoreboard_beat(r->segment, 0, clock_mono_ms());
    counters_set(COUNTER_TURNS, loop_turns(loop));
}

/* The pipe's other end is only the master's, so whatever happens to it means that the master is
 * gone. */
static void on_master(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    (void)events;
    leave(owner, EXIT_ASKED);
}

static void answer_questions(struct loop *loop, void *owner)
{
    struct refresher *r = owner;
    uint64_t wait_ms = keysync_questions(r->keys);
    if (wait_ms) {
        loop_timer_in(loop, &r->question_timer, wait_ms, answer_questions, r);
    }
}

/* The calendar may have jumped: a machine that slept, a clock that was set. */
static void look_at_date(struct refresher *r)
{
    r->missed = signing_missed(r->segment);
    accounts_look_at_date(r->accounts);
}

static void hear_missed(struct refresher *r)
{
    if (signing_missed(r->segment) != r->missed) {
        look_at_date(r);
    }
}

static void on_wake(struct loop *loop, void *owner, unsigned events)
{
    (void)events;
    struct refresher *r = owner;
    loop_eventfd_clear(r->segment->wake_refresher);
    hear_missed(r);
    drain_tick(r->drain, false); /* a worker may have no room for records */
    inquiry_tick(r->inquiry);
    answer_questions(loop, r);
}

/* false: the configuration can never work. */
static bool sync_keys(struct refresher *r)
{
    struct err err;
    if (keysync_tick(r->keys, &err) == STATUS_OK) {
        sealkey_tick(&r->sealkey, keysync_store(r->keys), clock_mono_ms());
        return true;
    }
    log_line(LOG_ERROR, "refresher", "%s", err.text);
    leave(r, EXIT_HOPELESS);
    return false;
}

/* Words whose clock would begin anew before anybody looks at them. */
static void sweep(struct refresher *r)
{
    uint64_t now_ms = clock_mono_ms();
    if (now_ms >= r->sweep_ms) {
        r->sweep_ms = now_ms + SWEEP_MS;
        lanes_sweep(r->segment, now_ms);
        sticks_sweep(r->segment, now_ms / 1000u);
    }
}

static void on_tick(struct loop *loop, void *owner)
{
    struct refresher *r = owner;
    loop_timer_in(loop, &r->tick_timer, TICK_MS, on_tick, r);
    r->missed = signing_missed(r->segment);
    accounts_tick(r->accounts);
    sweep(r);
    models_watch_tick(&r->models, false);
    inquiry_tick(r->inquiry);
    sync_keys(r);
}

static void on_drain(struct loop *loop, void *owner)
{
    struct refresher *r = owner;
    if (drain_tick(r->drain, true)) {
        keysync_reload(r->keys); /* what dead workers' requests cost is not in the buckets yet */
    }
    loop_timer_in(loop, &r->drain_timer, drain_pause_ms(r->drain), on_drain, r);
}

static void on_signal(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    (void)events;
    struct refresher *r = owner;
    for (int sig; (sig = loop_signalfd_read(r->signal_fd, NULL)) != 0;) {
        if (sig == SIGHUP) {
            keysync_reload(r->keys);
            models_watch_tick(&r->models, true);
            sync_keys(r);
        } else {
            leave(r, EXIT_ASKED);
        }
    }
}

static bool is_pending(int sig)
{
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return sigismember(&pending, sig) == 1;
}

/* Asked while a call to the store keeps the loop standing. The signals are blocked, so they are
 * pending until the loop reads them. At the end SIGTERM says nothing new. Workers that cannot sign
 * shall not wait for the store. */
static bool is_leaving(void *ctx)
{
    struct refresher *r = ctx;
    hear_missed(r);
    struct pollfd dead = {.fd = r->dead_fd, .events = POLLIN};
    bool told =
        r->ending ? r->until_ms && clock_now_ns() / 1000000 >= r->until_ms : is_pending(SIGTERM);
    return told || is_pending(SIGINT) || poll(&dead, 1, 0) != 0;
}

/* --- start and end ------------------------------------------------------------------------- */

/* Keys pass through this process, so nothing may read its memory. The master may have died between
 * fork and prctl; the pipe tells (getppid does not: in a container the master is process 1). */
static bool enter_process(const struct config *c, int dead_fd)
{
    struct rlimit no_core = {0, 0};
    log_process("refresher");
    prctl(PR_SET_NAME, "refresher");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!c->core_dumps) {
        prctl(PR_SET_DUMPABLE, 0);
        setrlimit(RLIMIT_CORE, &no_core);
    }
    struct pollfd dead = {.fd = dead_fd, .events = POLLIN};
    return poll(&dead, 1, 0) == 0;
}

static void find_region(const struct config *c, char *out, size_t size)
{
    if (c->aws_region[0]) {
        text_copy(text_from(c->aws_region), out, size);
    } else if (!creds_region(out, size)) {
        text_copy(STR(REGION_DEFAULT), out, size);
    }
}

static enum status start_creds(struct refresher *r, struct err *err)
{
    char region[40];
    find_region(r->config, region, sizeof region);
    if (r->config->bedrock_api_key[0]) {
        r->accounts = accounts_new(r->config, r->segment, region, NULL, NULL);
        r->inquiry = r->accounts
                         ? inquiry_new(r->config, r->segment, NULL, accounts_home(r->accounts))
                         : NULL;
        return r->accounts ? STATUS_OK : err_no_memory(err);
    }
    const char *ca_file = r->config->ca_file;
    struct fetch_options options = {
        .ca_file = ca_file[0] ? ca_file : NULL, .pool = 2, .use_proxy = r->config->use_proxy};
    r->fetch = fetch_client_new(r->loop, &options, err);
    if (!r->fetch) {
        return STATUS_UNAVAILABLE;
    }
    r->accounts = accounts_new(r->config, r->segment, region, r->loop, r->fetch);
    if (!r->accounts) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    r->inquiry = inquiry_new(r->config, r->segment, r->fetch, accounts_home(r->accounts));
    accounts_start(r->accounts);
    return STATUS_OK;
}

static enum status start(struct refresher *r, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    r->loop = loop_new(err);
    r->signal_fd = r->loop ? loop_signalfd(signals, err) : -1;
    if (r->signal_fd < 0 || !loop_add(r->loop, r->signal_fd, LOOP_READ, on_signal, r, err) ||
        !loop_add(r->loop, r->dead_fd, LOOP_READ, on_master, r, err) ||
        !loop_add(r->loop, r->segment->wake_refresher, LOOP_READ, on_wake, r, err)) {
        return STATUS_UNAVAILABLE;
    }
    r->keys = keysync_new(r->config, r->segment, backend_open);
    if (!r->keys) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    keysync_leaving(r->keys, is_leaving, r);
    if (r->segment->journal) {
        journal_path(r->config, r->journal_path, sizeof r->journal_path);
        journal_guard(r->segment->journal);
    }
    r->drain = drain_new(r->config, r->segment, r->keys, r->journal_path);
    if (!r->drain) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    models_watch_begin(&r->models, r->config, r->segment);
    r->sealkey.segment = r->segment;
    loop_each_turn(r->loop, on_turn, r);
    loop_timer_in(r->loop, &r->drain_timer, drain_pause_ms(r->drain), on_drain, r);
    loop_timer_in(r->loop, &r->tick_timer, TICK_MS, on_tick, r);
    return start_creds(r, err);
}

static void end(struct refresher *r)
{
    if (r->exit_code == EXIT_ASKED && r->drain) {
        r->ending = true;
        r->until_ms = atomic_load(&r->segment->scoreboard[0].leave_by_ms);
        drain_last(r->drain, r->until_ms);
    }
    inquiry_drop(r->inquiry);
    accounts_drop(r->accounts);
    if (r->fetch) {
        fetch_client_drop(r->fetch);
    }
    drain_drop(r->drain);
    keysync_drop(r->keys);
    if (r->loop) {
        loop_drop(r->loop);
    }
    if (r->signal_fd >= 0) {
        close(r->signal_fd);
    }
}

int refresher_run(const struct config *c, struct segment *s, int dead_fd)
{
    struct refresher r = {
        .config = c, .segment = s, .dead_fd = dead_fd, .signal_fd = -1, .exit_code = EXIT_AGAIN};
    struct err err;
    /* Its tables are for MAX_KEYS and mostly empty: fresh pages need no clearing and are no memory.
     * What the heap has in reserve, the master's and its own, would be taken before those. */
    mallopt(M_MMAP_THRESHOLD, TABLE_BYTES);
    mallopt(M_TOP_PAD, TABLE_BYTES / 4);
    malloc_trim(0);
    if (!enter_process(c, dead_fd)) {
        return EXIT_ASKED;
    }
    clock_tick();
    scoreboard_enter(s, 0);
    counters_enter(s, 0);
    if (start(&r, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "refresher", "%s", err.text);
    } else if (sync_keys(&r)) { /* before the first question of a worker is read */
        scoreboard_state(s, 0, SCOREBOARD_READY);
        loop_run(r.loop);
    }
    end(&r);
    return r.exit_code;
}
