/*
 * filter.h - a filter over system calls, made from tables of rows by libseccomp. Not at run time: the
 * filters of the program are made while it is built (master/supervise/sandbox_make.c), on the machine
 * that builds and for the one that runs, so that no start takes the work and no program carries the
 * library. syscalls.h brings one into force. The tables are the caller's.
 *
 * Who calls: what builds the program, and unit tests. Without libseccomp every filter is empty.
 */
#ifndef SERVER_PLATFORM_FILTER_H
#define SERVER_PLATFORM_FILTER_H

#include <stdint.h>

#include "server/base/err.h"
#include "server/platform/syscalls.h"

/* What becomes of a call that a row names (and whose arguments pass its tests). */
enum filter_verdict {
    FILTER_ALLOW,
    FILTER_KILL,    /* the process, by SIGSYS: whoever waits for it can tell */
    FILTER_UNKNOWN, /* ENOSYS: as on an older kernel, which libraries are ready for */
    FILTER_REFUSE,  /* EACCES */
    FILTER_FAMILY   /* EAFNOSUPPORT: a socket that does not exist here */
};

enum filter_op {
    FILTER_ANY = 0,
    FILTER_IS,   /* argument == value */
    FILTER_BITS, /* (argument & mask) == value */
    FILTER_SELF  /* argument == pid of this process */
};

struct filter_test {
    enum filter_op op;
    unsigned argument; /* 0 to 5 */
    uint64_t value, mask;
};

struct filter_row {
    enum filter_verdict verdict;
    const char *names; /* blanks between them; those that a kernel or library lacks are passed over
                        */
    const char *why;
    struct filter_test tests[2]; /* all of them must hold; rows of one call add up */
};

/* As the kernel takes it. */
enum { FILTER_SELVES = 4 };
struct filter {
    struct sock_filter steps[SYSCALLS_STEPS];
    uint16_t selves[FILTER_SELVES]; /* steps whose k is the pid: not known before the process */
    unsigned n, n_selves;
};

/* architecture: as libseccomp calls it ("x86_64", "aarch64"); "" is this machine's.
 * others: what becomes of a call that no row names, ALLOW or KILL; a row's verdict is another one.
 * tables: arrays of rows, each up to a row without names; then NULL. UNAVAILABLE: the library
 * refuses. */
MUST_CHECK enum status filter_make(struct filter *f, const char *architecture,
                                   enum filter_verdict others,
                                   const struct filter_row *const *tables, struct err *err);
/* "2.6.0"; "" without the library. */
void filter_library(char *text, size_t size);

#endif
