/*
 * syscalls_private.h - what syscalls.c and syscalls_program.c share: a table of system calls as a
 * program of the kernel's packet filter, which decides about each call (seccomp(2)). Pure; knows
 * nothing of names.
 *
 *   another architecture, x32  killed: their numbers mean other calls
 *   a number of the table      its rows in their order; the first whose tests all hold
 *   anything else              `others`
 *
 * Numbers are looked for by halves: about eight comparisons a call. libseccomp makes the same out of
 * a database, which costs each process milliseconds and pages that are not given back.
 */
#ifndef SERVER_PLATFORM_SYSCALLS_PRIVATE_H
#define SERVER_PLATFORM_SYSCALLS_PRIVATE_H

#include <linux/filter.h>

#include "server/platform/syscalls.h"

enum {
    SYSCALLS_NUMBERS = 1024, /* calls above that are others */
    SYSCALLS_ENTRIES_MAX = 512,
    SYSCALLS_PROGRAM_MAX = 2048 /* the kernel takes 4,096 */
};

struct syscalls_entry {
    uint32_t number;               /* below SYSCALLS_NUMBERS */
    uint32_t action;               /* SECCOMP_RET_... */
    struct syscalls_test tests[2]; /* ANY, IS and BITS */
};

struct syscalls_program {
    struct sock_filter code[SYSCALLS_PROGRAM_MAX];
    unsigned short n;
};

/* The architecture is one of those that the program can be made for (x86-64, arm64). */
bool syscalls_program_possible(void);
/* False: more entries or a longer program than there is room for, or no memory. */
MUST_CHECK bool syscalls_program_make(struct syscalls_program *p, uint32_t others,
                                      const struct syscalls_entry *entries, size_t n);

#endif
