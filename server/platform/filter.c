#include "server/platform/filter.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "server/base/text.h"

#ifdef HAVE_SECCOMP
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#ifndef HAVE_SECCOMP

enum status filter_make(struct filter *f, const char *architecture, enum filter_verdict others,
                        const struct filter_row *const *tables, struct err *err)
{
    (void)architecture, (void)others, (void)tables, (void)err;
    *f = (struct filter){.n = 0};
    return STATUS_OK;
}

void filter_library(char *text, size_t size)
{
    text_copy(text_from(""), text, size);
}

#else

/* The calls that have no name yet in some libseccomp have, from 424 on, one number on every
 * architecture. The library translates by name what is made for another one, so these it is not
 * given: steps before its own answer them. */
#define COMMON_NUMBERS 424

/* Two guesses of a pid: what differs between the two filters is where it stands. */
static const uint32_t pids[2] = {0x5e1f0001, 0x5e1f0002};

/* What is made: one filter, twice. */
struct making {
    scmp_filter_ctx library;
    uint32_t pid;
    struct filter *out;
};

static uint32_t action_of(enum filter_verdict verdict)
{
    static const uint32_t actions[] = {
        [FILTER_ALLOW] = SCMP_ACT_ALLOW,
        [FILTER_KILL] = SCMP_ACT_KILL_PROCESS,
        [FILTER_UNKNOWN] = SCMP_ACT_ERRNO(ENOSYS),
        [FILTER_REFUSE] = SCMP_ACT_ERRNO(EACCES),
        [FILTER_FAMILY] = SCMP_ACT_ERRNO(EAFNOSUPPORT),
    };
    return actions[verdict];
}

static unsigned compare(const struct making *m, const struct filter_row *row,
                        struct scmp_arg_cmp out[2])
{
    unsigned n = 0;
    for (size_t i = 0; i < COUNT_OF(row->tests); i++) {
        const struct filter_test *t = &row->tests[i];
        switch (t->op) {
        case FILTER_ANY:
            break;
        case FILTER_IS:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_EQ, t->value, 0);
            break;
        case FILTER_BITS:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_MASKED_EQ, t->mask, t->value);
            break;
        case FILTER_SELF:
            out[n++] = SCMP_CMP(t->argument, SCMP_CMP_EQ, m->pid, 0);
            break;
        }
    }
    return n;
}

/* --- calls by number ------------------------------------------------------------------------ */

static int add_steps(struct filter *f, const struct sock_filter *steps, unsigned n)
{
    if (f->n + n > SYSCALLS_STEPS) {
        return -E2BIG;
    }
    memcpy(f->steps + f->n, steps, n * sizeof *steps);
    f->n += n;
    return 0;
}

/* It follows the last one and has the same answer: no steps of its own. */
static bool is_next(const struct filter *f, uint32_t number, uint32_t action)
{
    return f->n > 0 && f->steps[f->n - 1].k == action && f->steps[f->n - 2].k == number - 1;
}

/* Calls of another architecture come by here too, before the library's steps kill them; but these
 * numbers are the same there. */
static int add_number(struct filter *f, uint64_t value, uint32_t action)
{
    uint32_t number = (uint32_t)value;
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, number, 0, 2), /* the first */
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, number, 1, 0), /* the last */
        BPF_STMT(BPF_RET | BPF_K, action),
    };
    if (value < COMMON_NUMBERS || value > INT16_MAX) {
        return -EINVAL;
    }
    if (is_next(f, number, action)) {
        f->steps[f->n - 2].k = number;
        return 0;
    }
    unsigned loaded = f->n > 0;
    return add_steps(f, steps + loaded, COUNT_OF(steps) - loaded);
}

/* --- rows ----------------------------------------------------------------------------------- */

/* 0 or a negative errno. */
static int add_one(struct making *m, const struct filter_row *row, struct str name)
{
    char text[64];
    uint64_t number;
    struct scmp_arg_cmp args[2];
    unsigned n = compare(m, row, args);
    if (text_u64(name, &number)) {
        return n == 0 ? add_number(m->out, number, action_of(row->verdict)) : -EINVAL;
    }
    text_copy(name, text, sizeof text);
    int call = seccomp_syscall_resolve_name(text);
    if (call == __NR_SCMP_ERROR) {
        return 0;
    }
    int rc = seccomp_rule_add_array(m->library, action_of(row->verdict), call, n, args);
    return rc == -EDOM ? 0 : rc; /* no such call on this architecture */
}

static int add_row(struct making *m, const struct filter_row *row)
{
    struct str rest = text_from(row->names), name;
    int rc = 0;
    while (rc == 0 && text_split(&rest, ' ', &name)) {
        rc = add_one(m, row, name);
    }
    return rc;
}

static int add_tables(struct making *m, const struct filter_row *const *tables)
{
    int rc = 0;
    for (; *tables; tables++) {
        for (const struct filter_row *row = *tables; row->names && rc == 0; row++) {
            rc = add_row(m, row);
        }
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

static int use_architecture(scmp_filter_ctx library, const char *name)
{
    uint32_t token = name[0] ? seccomp_arch_resolve_name(name) : seccomp_arch_native();
    if (token == 0) {
        return -EINVAL;
    }
    if (token == seccomp_arch_native()) {
        return 0;
    }
    int rc = seccomp_arch_add(library, token);
    return rc == 0 ? seccomp_arch_remove(library, SCMP_ARCH_NATIVE) : rc;
}

static int export(scmp_filter_ctx library, struct filter *out)
{
    size_t room = (SYSCALLS_STEPS - out->n) * sizeof *out->steps;
    int fd = memfd_create("filter", MFD_CLOEXEC);
    int rc = fd < 0 ? -errno : seccomp_export_bpf(library, fd);
    if (rc == 0) {
        ssize_t n = pread(fd, out->steps + out->n, room, 0);
        rc = n <= 0 ? -EIO : (size_t)n == room ? -E2BIG : 0;
        out->n += rc == 0 ? (unsigned)((size_t)n / sizeof *out->steps) : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int make(struct filter *out, uint32_t pid, const char *architecture,
                enum filter_verdict others, const struct filter_row *const *tables)
{
    struct making m = {seccomp_init(action_of(others)), pid, out};
    int rc = m.library ? 0 : -ENOMEM;
    *out = (struct filter){.n = 0};
    if (rc == 0) {
        rc = use_architecture(m.library, architecture);
    }
    if (rc == 0) {
        rc = seccomp_attr_set(m.library, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    }
    if (rc == 0) {
        seccomp_attr_set(m.library, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
        rc = add_tables(&m, tables);
    }
    if (rc == 0) {
        rc = export(m.library, out);
    }
    if (m.library) {
        seccomp_release(m.library);
    }
    return rc;
}

static int find_selves(struct filter *f, const struct filter *other)
{
    if (f->n != other->n) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < f->n; i++) {
        const struct sock_filter *a = &f->steps[i], *b = &other->steps[i];
        if (memcmp(a, b, sizeof *a) == 0) {
            continue;
        }
        if (a->code != b->code || a->jt != b->jt || a->jf != b->jf || a->k != pids[0] ||
            b->k != pids[1] || f->n_selves == FILTER_SELVES) {
            return -EINVAL;
        }
        f->selves[f->n_selves++] = (uint16_t)i;
    }
    return 0;
}

/* The library would ask the kernel of the machine that builds what actions there are: level 3 has
 * them all that are used here (Linux 4.14). */
enum status filter_make(struct filter *f, const char *architecture, enum filter_verdict others,
                        const struct filter_row *const *tables, struct err *err)
{
    struct filter other;
    int rc = seccomp_api_set(3);
    if (rc == 0) {
        rc = make(f, pids[0], architecture, others, tables);
    }
    if (rc == 0) {
        rc = make(&other, pids[1], architecture, others, tables);
    }
    if (rc == 0) {
        rc = find_selves(f, &other);
    }
    return rc == 0 ? STATUS_OK
                   : err_set(err, STATUS_UNAVAILABLE, "filter of system calls: %s",
                             strerrordesc_np(-rc));
}

void filter_library(char *text, size_t size)
{
    const struct scmp_version *v = seccomp_version();
    snprintf(text, size, "%u.%u.%u", v->major, v->minor, v->micro);
}

#endif
