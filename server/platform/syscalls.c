#include "server/platform/syscalls.h"

#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void syscalls_no_new_privs(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool syscalls_known(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* SPEC_ALLOW: this process runs no strangers' code at its own will, so the costly barrier against
 * speculative reads that old kernels tie to a filter is not wanted; Linux before 4.17 has no such
 * flag. */
static bool load(struct sock_filter *steps, unsigned n)
{
    struct sock_fprog program = {.len = (unsigned short)n, .filter = steps};
    unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0 ||
           (errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

enum status syscalls_load(const struct syscalls_filter *f, struct err *err)
{
    struct sock_filter own[SYSCALLS_STEPS];
    assert(f->n <= SYSCALLS_STEPS);
    if (f->n == 0) {
        return STATUS_OK;
    }
    if (!syscalls_known()) { /* an older one would kill a thread instead, and go on */
        return err_set(err, STATUS_UNAVAILABLE, "filter of system calls: not in this kernel");
    }
    memcpy(own, f->steps, f->n * sizeof *own);
    for (unsigned i = 0; i < f->n_selves; i++) {
        own[f->selves[i]].k = (uint32_t)getpid();
    }
    syscalls_no_new_privs();
    return load(own, f->n) ? STATUS_OK
                           : err_set(err, STATUS_UNAVAILABLE, "filter of system calls: %s",
                                     strerrordesc_np(errno));
}
