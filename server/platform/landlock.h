/*
 * landlock.h - which files this process and its children may open from now on (Landlock, Linux
 * 5.13). The kernel is asked at run time: the headers of the machine that builds may be old.
 *
 * A rule holds for the file or directory that is there now (its inode, not its name), with all that
 * is below it. What is open already stays open. It also takes the right to trace any process
 * outside, and, where the kernel knows it, to signal one and to listen on TCP ports. Any process
 * with one thread, for good; needs no rights.
 */
#ifndef SERVER_BASE_LANDLOCK_H
#define SERVER_BASE_LANDLOCK_H

#include "server/base/err.h"

enum landlock_may { LANDLOCK_READ, LANDLOCK_WRITE /* also read, make, remove, rename */ };

struct landlock_rule {
    const char *path; /* "" or one that is not there: passed over */
    enum landlock_may may;
};

/* Of the running kernel; 0: it has none, or it is off. */
int landlock_abi(void);
/* What no rule names can neither be read nor written, made, removed or executed. Nothing happens
 * where the ABI is 0. UNAVAILABLE: nothing is in force. Sets no_new_privs, which it needs. */
MUST_CHECK enum status landlock_enforce(const struct landlock_rule *rules, size_t n,
                                        struct err *err);

#endif
