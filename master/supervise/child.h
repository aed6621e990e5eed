/*
 * child.h - the only fork() of the program, and what a process does between fork and its body.
 *
 *   master -- fork --> child_fork: the master's things closed, own process group, signals,
 *                      parent-death signal, name, scoreboard slot, sandbox
 *                      --> refresher_run | worker_run --> exit(code)
 *
 * No exec: the child goes on with the configuration and the segment it was forked with. Nothing of
 * curl, mbedTLS, SQLite or epoll exists before this point.
 */
#ifndef MASTER_SUPERVISE_CHILD_H
#define MASTER_SUPERVISE_CHILD_H

#include <sys/types.h>

#include "server/config/config.h"
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
    int window_fd; /* likewise; -1: none */
};

/* The pid, or -1 with errno. Does not return in the child. */
pid_t child_fork(const struct child_place *place);
/* "refresher", "worker 3". */
void child_name(uint32_t slot, char out[CHILD_NAME_MAX]);
/* Master, while root and before it is hidden: it is the last to be taken by the kernel when memory
 * is out, where that is permitted; its children are taken before it. */
void child_oom_prepare(void);
/* Core files and debuggers would show prompts and keys: neither, unless CORE_DUMPS. */
void child_forbid_cores(const struct config *c);

#endif
