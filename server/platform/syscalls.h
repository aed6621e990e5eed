/*
 * syscalls.h - a filter over the system calls of this process and all that come from it (seccomp)
 * comes into force; and no_new_privs, which it needs. The filter was made when the program was built
 * (filter.h).
 *
 * Any process, once, while it has one thread; for good. A filter goes over fork and exec, and a
 * second one only takes more away.
 */
#ifndef SERVER_PLATFORM_SYSCALLS_H
#define SERVER_PLATFORM_SYSCALLS_H

#include <linux/filter.h>
#include <stdint.h>

#include "server/base/err.h"

enum { SYSCALLS_STEPS = 512 }; /* at most */

/* Const data of the program. */
struct syscalls_filter {
    const struct sock_filter *steps;
    const uint16_t *selves; /* steps whose k becomes the pid of this process */
    unsigned n, n_selves;   /* no steps: built without libseccomp */
};

/* The kernel has filters that kill a process (Linux 4.14). */
bool syscalls_known(void);

/* UNAVAILABLE: nothing is in force. One without steps is none. */
MUST_CHECK enum status syscalls_load(const struct syscalls_filter *f, struct err *err);
/* An exec gives no rights any more (setuid programs, file capabilities). */
void syscalls_no_new_privs(void);

#endif
