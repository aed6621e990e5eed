#include "server/platform/syscalls.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/text.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

void syscalls_no_new_privs(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool syscalls_known(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

#ifndef HAVE_SECCOMP

bool syscalls_built_in(void)
{
    return false;
}

enum status syscalls_load_tables(enum syscalls_verdict others, struct err *err,
                                 const struct syscalls_row *const *tables)
{
    (void)others, (void)err, (void)tables;
    return STATUS_OK;
}

#else

bool syscalls_built_in(void)
{
    return true;
}

static uint32_t action_of(enum syscalls_verdict verdict)
{
    static const uint32_t actions[] = {
        [SYSCALLS_ALLOW] = SCMP_ACT_ALLOW,
        [SYSCALLS_KILL] = SCMP_ACT_KILL_PROCESS,
        [SYSCALLS_UNKNOWN] = SCMP_ACT_ERRNO(ENOSYS),
        [SYSCALLS_REFUSE] = SCMP_ACT_ERRNO(EACCES),
        [SYSCALLS_FAMILY] = SCMP_ACT_ERRNO(EAFNOSUPPORT),
    };
    return actions[verdict];
}

static unsigned compare(const struct syscalls_row *row, struct scmp_arg_cmp out[2])
{
    unsigned n = 0;
    for (size_t i = 0; i < COUNT_OF(row->tests); i++) {
        const struct syscalls_test *t = &row->tests[i];
        switch (t->op) {
        case SYSCALLS_ANY:
            break;
        case SYSCALLS_IS:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_EQ, t->value);
            break;
        case SYSCALLS_BITS:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_MASKED_EQ, t->mask, t->value);
            break;
        case SYSCALLS_SELF:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_EQ, (uint64_t)getpid());
            break;
        }
    }
    return n;
}

/* 0 or a negative errno. A number, for calls that are younger than the library, is a name too. */
static int add_one(scmp_filter_ctx filter, const struct syscalls_row *row, struct str name)
{
    char text[64];
    uint64_t number;
    struct scmp_arg_cmp args[2];
    unsigned n = compare(row, args);
    text_copy(name, text, sizeof text);
    int call = text_u64(name, &number) ? (int)number : seccomp_syscall_resolve_name(text);
    if (call == __NR_SCMP_ERROR) {
        return 0;
    }
    int rc = seccomp_rule_add_array(filter, action_of(row->verdict), call, n, args);
    return rc == -EDOM ? 0 : rc; /* no such call on this architecture */
}

static int add_row(scmp_filter_ctx filter, const struct syscalls_row *row)
{
    struct str rest = text_from(row->names), name;
    int rc = 0;
    while (rc == 0 && text_split(&rest, ' ', &name)) {
        rc = add_one(filter, row, name);
    }
    return rc;
}

static int add_tables(scmp_filter_ctx filter, const struct syscalls_row *const *tables)
{
    int rc = 0;
    for (; *tables; tables++) {
        for (const struct syscalls_row *row = *tables; row->names && rc == 0; row++) {
            rc = add_row(filter, row);
        }
    }
    return rc;
}

/* SSB: this process runs no strangers' code at its own will, so the costly barrier against
 * speculative reads that old kernels tie to a filter is not wanted. */
enum status syscalls_load_tables(enum syscalls_verdict others, struct err *err,
                                 const struct syscalls_row *const *tables)
{
    scmp_filter_ctx filter = seccomp_init(action_of(others));
    int rc = filter ? 0 : -ENOMEM;
    if (rc == 0) {
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    }
    if (rc == 0) {
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);      /* not on old kernels */
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
        rc = add_tables(filter, tables);
    }
    if (rc == 0) {
        rc = seccomp_load(filter);
    }
    if (filter) {
        seccomp_release(filter);
    }
    return rc == 0 ? STATUS_OK
                   : err_set(err, STATUS_UNAVAILABLE, "filter of system calls: %s",
                             strerrordesc_np(-rc));
}

#endif
