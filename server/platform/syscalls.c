#include "server/platform/syscalls.h"

#include <assert.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/text.h"
#include "server/platform/syscalls_numbers.h"
#include "server/platform/syscalls_private.h"

struct
    table { /* pages of its own, which go again: heap and stack would keep them, in each process */
    struct syscalls_entry entries[SYSCALLS_ENTRIES_MAX];
    size_t n;
    struct syscalls_program program;
};

void syscalls_no_new_privs(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool syscalls_known(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

bool syscalls_built_in(void)
{
    return syscalls_program_possible();
}

static uint32_t action_of(enum syscalls_verdict verdict)
{
    static const uint32_t actions[] = {
        [SYSCALLS_ALLOW] = SECCOMP_RET_ALLOW,
        [SYSCALLS_KILL] = SECCOMP_RET_KILL_PROCESS,
        [SYSCALLS_UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS,
        [SYSCALLS_REFUSE] = SECCOMP_RET_ERRNO | EACCES,
        [SYSCALLS_FAMILY] = SECCOMP_RET_ERRNO | EAFNOSUPPORT,
    };
    return actions[verdict];
}

static int by_name(const void *key, const void *member)
{
    const struct str *name = key;
    const struct syscalls_number *m = member;
    int order = strncmp(name->p, m->name, name->n);
    return order ? order : -(m->name[name->n] != 0);
}

/* A number, for calls that are younger than the headers, is a name too. */
static bool find(struct str name, uint64_t *number_out)
{
    if (text_u64(name, number_out)) {
        return true;
    }
    if (name.n >= sizeof syscalls_numbers[0].name) {
        return false;
    }
    const struct syscalls_number *m =
        bsearch(&name, syscalls_numbers, syscalls_numbers_count, sizeof *m, by_name);
    *number_out = m ? m->number : 0;
    return m != NULL;
}

static void add_one(struct table *t, const struct syscalls_row *row, uint64_t number)
{
    assert(t->n < SYSCALLS_ENTRIES_MAX && number < SYSCALLS_NUMBERS);
    struct syscalls_entry *e = &t->entries[t->n++];
    *e = (struct syscalls_entry){.number = (uint32_t)number, .action = action_of(row->verdict)};
    for (size_t i = 0; i < COUNT_OF(row->tests); i++) {
        e->tests[i] = row->tests[i];
        if (e->tests[i].op == SYSCALLS_SELF) {
            e->tests[i].op = SYSCALLS_IS;
            e->tests[i].value = (uint64_t)getpid();
        }
    }
}

static void add_row(struct table *t, const struct syscalls_row *row)
{
    struct str rest = text_from(row->names), name;
    uint64_t number;
    while (text_split(&rest, ' ', &name)) {
        if (find(name, &number)) { /* else no such call on this architecture */
            add_one(t, row, number);
        }
    }
}

/* SPEC_ALLOW: this process runs no strangers' code at its own will, so the costly barrier against
 * speculative reads that old kernels tie to a filter is not wanted. Older ones (4.16) do not know
 * it. */
static int load(const struct syscalls_program *p)
{
    struct sock_fprog program = {p->n, (struct sock_filter *)(uintptr_t)p->code};
    syscalls_no_new_privs();
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) ==
        0) {
        return 0;
    }
    return errno == EINVAL && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0
               ? 0
               : errno;
}

enum status syscalls_load_tables(enum syscalls_verdict others, struct err *err,
                                 const struct syscalls_row *const *tables)
{
    if (!syscalls_built_in()) {
        return STATUS_OK;
    }
    struct table *t = heap_must_fail() ? MAP_FAILED
                                       : mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) {
        return err_no_memory(err);
    }
    for (; *tables; tables++) {
        for (const struct syscalls_row *row = *tables; row->names; row++) {
            add_row(t, row);
        }
    }
    bool made = syscalls_program_make(&t->program, action_of(others), t->entries, t->n);
    int error = made ? load(&t->program) : E2BIG;
    munmap(t, sizeof *t);
    return error == 0 ? STATUS_OK
                      : err_set(err, STATUS_UNAVAILABLE, "filter of system calls: %s",
                                strerrordesc_np(error));
}
