#include "master/supervise/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "master/supervise/sandbox.h"
#include "server/base/log.h"
#include "server/base/panic.h"
#include "shm/refresher/refresher.h"
#include "shm/memory/scoreboard.h"
#include "worker/exchange/worker.h"

#define OOM_MASTER (-100)
#define OOM_CHILD \
    200 /* above the master: the kernel takes a worker first, and the master starts another */
#define AGAIN 1

void child_name(uint32_t slot, char out[CHILD_NAME_MAX])
{
    if (slot == 0) {
        snprintf(out, CHILD_NAME_MAX, "refresher");
    } else {
        snprintf(out, CHILD_NAME_MAX, "worker %u", slot);
    }
}

/* A process that is not dumpable cannot open its own file, so the master opens its one at the
 * start, and raises its figure for the moment of a fork: the child takes it over. */
static struct {
    int fd;
    long value;
} oom = {.fd = -1};

static bool oom_write(long value)
{
    char text[32];
    value = value > 1000 ? 1000 : value < -1000 ? -1000 : value; /* proc(5) */
    int n = snprintf(text, sizeof text, "%ld", value);
    return oom.fd >= 0 && pwrite(oom.fd, text, (size_t)n, 0) == n;
}

void child_oom_prepare(void)
{
    char text[32];
    oom.fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    ssize_t n = oom.fd < 0 ? -1 : read(oom.fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    oom.value = strtol(text, NULL, 10);
    if (oom_write(oom.value + OOM_MASTER)) {
        oom.value += OOM_MASTER;
    }
}

void child_forbid_cores(const struct config *c)
{
    if (!c->core_dumps) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    }
}

/* The master's table: everything blocked, read by its signalfd. The child starts from the default
 * one and makes its own; SIGPIPE stays ignored, a closed socket or log pipe is an ordinary write
 * error. SIGTERM stays blocked until there is somebody to read it: who is told to end while it
 * starts ends in order, the refresher with what it has to store. */
static void reset_signals(void)
{
    sigset_t later;
    sigemptyset(&later);
    sigaddset(&later, SIGTERM);
    sigprocmask(SIG_SETMASK, &later, NULL);
}

/* The pipe tells a child in its loop that the master is gone, and it drains. The signal is for one
 * that has not reached its loop yet: there SIGHUP ends it, later it is blocked and means nothing,
 * whereas a second SIGTERM would cut the drain short. The master may have gone before prctl: hence
 * the look at getppid. */
static void die_with_master(pid_t master)
{
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    if (getppid() != master) {
        exit(0);
    }
}

static void set_names(uint32_t slot)
{
    char name[CHILD_NAME_MAX], title[CHILD_NAME_MAX + 8];
    child_name(slot, name);
    log_process(name);
    snprintf(title, sizeof title, "llm-api %s", name); /* the kernel keeps 15 characters */
    prctl(PR_SET_NAME, title);
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static enum sandbox_role role_of(uint32_t slot)
{
    return slot == 0 ? SANDBOX_REFRESHER : SANDBOX_WORKER;
}

static void settle(const struct child_place *p, pid_t master)
{
    sandbox_leave_master(role_of(p->slot)); /* first: a worker never sees the secrets */
    close(p->alive_fd);
    close(p->signal_fd);
    close_fd(p->window_fd);
    close_fd(oom.fd);
    setpgid(0, 0); /* Ctrl-C goes to the master alone, which drains the workers */
    reset_signals();
    die_with_master(master);
    set_names(p->slot);
    scoreboard_enter(p->segment, p->slot);
    panic_keep_at(scoreboard_panic(p->segment, p->slot), SCOREBOARD_TEXT);
}

static int run_worker(const struct child_place *p)
{
    struct err err;
    enum log_level level;
    if (log_level_parse(text_from(p->config->log_level), &level)) {
        log_level_set(level); /* it may have changed by a reload */
    }
    if (sandbox_enter(SANDBOX_WORKER, p->config, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "start", "%s", err.text);
        return AGAIN;
    }
    return worker_run(p->config, p->segment, p->slot, p->listen_fd, p->dead_fd);
}

static int run_refresher(const struct child_place *p)
{
    struct err err;
    close_fd(p->listen_fd);
    if (sandbox_enter(SANDBOX_REFRESHER, p->config, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "start", "%s", err.text);
        return AGAIN;
    }
    return refresher_run(p->config, p->segment, p->dead_fd);
}

pid_t child_fork(const struct child_place *place)
{
    pid_t master = getpid();
    fflush(NULL); /* the child ends by exit(): what is buffered must not be written twice */
    oom_write(oom.value + OOM_CHILD);
    pid_t pid = fork();
    if (pid != 0) {
        oom_write(oom.value);
        return pid;
    }
    settle(place, master);
    /* exit, not _exit: gcov and the sanitizers report in atexit handlers */
    exit(place->slot == 0 ? run_refresher(place) : run_worker(place));
}
