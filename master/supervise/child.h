/*
 * child.h - the only fork() of the program, and what a process does between fork and its body.
 *
 *   master -- fork --> child_fork: own process group, signals, parent-death signal, memory and core
 *                      rules, name, scoreboard slot --> refresher_run | worker_run --> exit(code)
 *
 * No exec: the child goes on with the configuration and the segment it was forked with. Nothing of
 * curl, mbedTLS, SQLite or epoll exists before this point.
 */
#ifndef MASTER_SUPERVISE_CHILD_H
#define MASTER_SUPERVISE_CHILD_H

#include <sys/types.h>

#include "server/base/config.h"
#include "shm/memory/segment.h"

#define CHILD_NAME_MAX 24

struct child_place { /* all lent by the master */
    const struct config *config;
    struct segment *segment;
    uint32_t slot; /* 0: refresher */
    int listen_fd; /* closed in the refresher */
    int dead_fd;   /* read end of the master's pipe: EOF means the master is gone */
    int alive_fd;  /* its write end, which only the master may hold */
    int signal_fd; /* the master's */
};

/* The pid, or -1 with errno. Does not return in the child. */
pid_t child_fork(const struct child_place *place);
/* "refresher", "worker 3". */
void child_name(uint32_t slot, char out[CHILD_NAME_MAX]);
#define CHILD_OOM_MASTER (-100) /* the last to be taken, where the kernel permits */
/* Adds delta to this process's oom_score_adj; without the right to lower it nothing happens. */
void child_oom_adjust(int delta);
/* Core files and debuggers would show prompts and keys: neither, unless CORE_DUMPS. */
void child_forbid_cores(const struct config *c);

#endif
