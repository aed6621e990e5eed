#include "master/supervise/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/base/panic.h"
#include "shm/refresher/refresher.h"
#include "shm/memory/scoreboard.h"
#include "worker/model/models.h"
#include "worker/exchange/worker.h"

#define OOM_CHILD \
    200 /* above the master: the kernel takes a worker first, and the master starts another */
#define HOPELESS 2

void child_name(uint32_t slot, char out[CHILD_NAME_MAX])
{
    if (slot == 0) {
        snprintf(out, CHILD_NAME_MAX, "refresher");
    } else {
        snprintf(out, CHILD_NAME_MAX, "worker %u", slot);
    }
}

void child_oom_adjust(int delta)
{
    static const char path[] = "/proc/self/oom_score_adj";
    char text[32];
    long value = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n > 0) {
        text[n] = '\0';
        value = strtol(text, NULL, 10) + delta;
        value = value > 1000 ? 1000 : value < -1000 ? -1000 : value; /* proc(5) */
        int m = snprintf(text, sizeof text, "%ld", value);
        (void)!pwrite(fd, text, (size_t)m, 0);
    }
    close(fd);
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

static void settle(const struct child_place *p, pid_t master)
{
    close(p->alive_fd);
    close(p->signal_fd);
    setpgid(0, 0); /* Ctrl-C goes to the master alone, which drains the workers */
    reset_signals();
    die_with_master(master);
    child_oom_adjust(
        OOM_CHILD); /* before the next line, which hides /proc/self from a plain user */
    if (!p->config->core_dumps) {
        prctl(PR_SET_DUMPABLE, 0);
    }
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
    if (models_init(p->config, &err) != STATUS_OK) {
        log_line(LOG_ERROR, "start", "%s", err.text);
        return HOPELESS;
    }
    config_forget_environment();
    return worker_run(p->config, p->segment, p->slot, p->listen_fd, p->dead_fd);
}

static int run_refresher(const struct child_place *p)
{
    if (p->listen_fd >= 0) {
        close(p->listen_fd);
    }
    return refresher_run(p->config, p->segment, p->dead_fd);
}

pid_t child_fork(const struct child_place *place)
{
    pid_t master = getpid();
    fflush(NULL); /* the child ends by exit(): what is buffered must not be written twice */
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    settle(place, master);
    /* exit, not _exit: gcov and the sanitizers report in atexit handlers */
    exit(place->slot == 0 ? run_refresher(place) : run_worker(place));
}
