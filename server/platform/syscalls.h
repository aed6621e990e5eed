/*
 * syscalls.h - a filter over the system calls of this process and all that come from it (seccomp),
 * through libseccomp; and no_new_privs, which it needs. The tables are the caller's.
 *
 * Without libseccomp at build time syscalls_built_in says false and syscalls_load does nothing (the
 * releases have it). Any process, once, while it has one thread; for good. A filter goes over fork
 * and exec, and a second one only takes more away.
 */
#ifndef SERVER_BASE_SYSCALLS_H
#define SERVER_BASE_SYSCALLS_H

#include <stdint.h>

#include "server/base/err.h"

/* What becomes of a call that a row names (and whose arguments pass its tests). */
enum syscalls_verdict {
    SYSCALLS_ALLOW,
    SYSCALLS_KILL,    /* the process, by SIGSYS: whoever waits for it can tell */
    SYSCALLS_UNKNOWN, /* ENOSYS: as on an older kernel, which libraries are ready for */
    SYSCALLS_REFUSE,  /* EACCES */
    SYSCALLS_FAMILY   /* EAFNOSUPPORT: a socket that does not exist here */
};

enum syscalls_op {
    SYSCALLS_ANY = 0,
    SYSCALLS_IS,   /* argument == value */
    SYSCALLS_BITS, /* (argument & mask) == value */
    SYSCALLS_SELF  /* argument == pid of this process */
};

struct syscalls_test {
    enum syscalls_op op;
    unsigned argument; /* 0 to 5 */
    uint64_t value, mask;
};

struct syscalls_row {
    enum syscalls_verdict verdict;
    const char *names; /* blanks between them; those that a kernel or library lacks are passed over
                        */
    const char *why;
    struct syscalls_test tests[2]; /* all of them must hold; rows of one call add up */
};

bool syscalls_built_in(void);
/* The kernel has filters that kill a process (Linux 4.14). */
bool syscalls_known(void);

/* others: what becomes of a call that no row names, ALLOW or KILL; a row's verdict is another one.
 * tables: arrays of rows, each up to a row without names; then NULL. UNAVAILABLE: nothing is in
 * force. */
MUST_CHECK enum status syscalls_load_tables(enum syscalls_verdict others, struct err *err,
                                            const struct syscalls_row *const *tables);
#define syscalls_load(others, err, ...) \
    syscalls_load_tables((others), (err), (const struct syscalls_row *const[]){__VA_ARGS__, NULL})
/* An exec gives no rights any more (setuid programs, file capabilities). */
void syscalls_no_new_privs(void);

#endif
