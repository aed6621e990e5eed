#include "server/platform/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/text.h"
#include "server/platform/syscalls.h"

#define ROW(verdict, names, ...)     \
    {                                \
        FILTER_##verdict, names, "", \
        {                            \
            __VA_ARGS__              \
        }                            \
    }
#define END                       \
    {                             \
        FILTER_ALLOW, NULL, NULL, \
        {                         \
            {                     \
                0                 \
            }                     \
        }                         \
    }

static struct err err;

static bool built_in(void)
{
    char library[32];
    filter_library(library, sizeof library);
    return library[0] != '\0';
}

/* The exit code of body in a process of its own, 1000 + signal when killed. */
static int end_of(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        _exit(body());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static const struct filter_row few[] = {
    ROW(ALLOW,
        "exit_group exit write close getpid munmap madvise brk futex "
        "sigaltstack no_such_call",
        {0}),
    ROW(UNKNOWN, "getppid 470 471 472 2000 2001", {0}),
    ROW(REFUSE, "getuid", {0}),
    END,
};
static const struct filter_row some[] = {
    ROW(ALLOW, "prctl", {FILTER_IS, 0, PR_GET_NAME, 0}),
    ROW(ALLOW, "alarm", {FILTER_BITS, 0, 2, 6}),
    ROW(ALLOW, "tgkill", {FILTER_SELF, 0, 0, 0}),
    ROW(FAMILY, "socket", {FILTER_IS, 0, AF_UNIX, 0}),
    ROW(ALLOW, "socket", {FILTER_IS, 0, AF_INET, 0}, {FILTER_IS, 2, 0, 0}),
    END,
};

static const struct filter_row *const both[] = {few, some, NULL};

static bool load_tables(enum filter_verdict others, const struct filter_row *const *tables)
{
    static struct filter f;
    if (filter_make(&f, "", others, tables, &err) != STATUS_OK) {
        return false;
    }
    return syscalls_load(&(struct syscalls_filter){f.steps, f.selves, f.n, f.n_selves}, &err) ==
           STATUS_OK;
}

static bool load(void)
{
    return load_tables(FILTER_KILL, both);
}

static int allowed(void)
{
    char name[16];
    return load() && syscall(SYS_getpid) > 0 && prctl(PR_GET_NAME, name) == 0 &&
                   socket(AF_INET, SOCK_STREAM, 0) >= 0 &&
                   syscall(SYS_tgkill, getpid(), getpid(), 0) == 0
               ? 0
               : 1;
}

static int errnos(void)
{
    if (!load() || syscall(SYS_getppid) != -1 || errno != ENOSYS) {
        return 1;
    }
    static const int numbers[] = {470, 471, 472, 2000, 2001}; /* younger than the library */
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        errno = 0;
        if (syscall(numbers[i]) != -1 || errno != ENOSYS) {
            return 2;
        }
    }
    if (syscall(SYS_getuid) != -1 || errno != EACCES) {
        return 3;
    }
    return socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT ? 0 : 4;
}

static int other_call(void)
{
    return load() ? (int)syscall(SYS_getgid) : 1;
}
static int number_before(void)
{
    return load() ? (int)syscall(469) : 1;
}
static int number_between(void)
{
    return load() ? (int)syscall(473) : 1;
}
static int number_after(void)
{
    return load() ? (int)syscall(2002) : 1;
}
static int other_argument(void)
{
    return load() ? prctl(PR_SET_DUMPABLE, 0) : 1;
}
static int second_argument(void)
{
    return load() ? socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) : 1;
}
static int other_process(void)
{
    pid_t parent = getppid();
    return load() ? (int)syscall(SYS_tgkill, parent, parent, 0) : 1;
}
static int after_exec(void)
{
    static const struct filter_row deny[] = {ROW(KILL, "getgid", {0}), END};
    if (load_tables(FILTER_ALLOW, (const struct filter_row *const[]){deny, NULL})) {
        execl("/usr/bin/id", "id", "-g", NULL);
    }
    return 1;
}

static void test_load_allows_and_answers_as_told(void **state)
{
    (void)state;
    if (!built_in() || !syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(allowed), 0);
    assert_int_equal(end_of(errnos), 0);
}

static void test_load_kills_the_rest(void **state)
{
    (void)state;
    if (!built_in() || !syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(other_call), 1000 + SIGSYS);
    assert_int_equal(end_of(number_before), 1000 + SIGSYS);
    assert_int_equal(end_of(number_between), 1000 + SIGSYS);
    assert_int_equal(end_of(number_after), 1000 + SIGSYS);
    assert_int_equal(end_of(other_argument), 1000 + SIGSYS);
    assert_int_equal(end_of(second_argument), 1000 + SIGSYS);
    assert_int_equal(end_of(other_process), 1000 + SIGSYS);
    assert_int_equal(end_of(after_exec), 1000 + SIGSYS);
}

/* --- for another machine --- */

/* The filter as the kernel would take it: the answer to a call. Only what libseccomp writes. */
static uint32_t judged(const struct filter *f, const struct seccomp_data *call)
{
    uint32_t a = 0;
    for (unsigned i = 0; i < f->n; i++) {
        const struct sock_filter *s = &f->steps[i];
        bool yes = false;
        switch (s->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)call + s->k, sizeof a);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= s->k;
            continue;
        case BPF_JMP | BPF_JA:
            i += s->k;
            continue;
        case BPF_RET | BPF_K:
            return s->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == s->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= s->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > s->k;
            break;
        default:
            fail_msg("step %u: code %#x", i, s->code);
        }
        i += yes ? s->jt : s->jf;
    }
    fail_msg("no answer");
    return 0;
}

/* Numbers of arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. */
static const struct machine {
    const char *name;
    uint32_t audit, write, getgid, getppid, getuid, socket, prctl;
} machines[] = {
    {"x86_64", AUDIT_ARCH_X86_64, 1, 104, 110, 102, 41, 157},
    {"aarch64", AUDIT_ARCH_AARCH64, 64, 176, 173, 174, 198, 167},
};

static void test_make_for_each_machine_answers_with_its_numbers(void **state)
{
    (void)state;
    static struct filter f;
    if (!built_in()) {
        skip();
    }
    for (size_t i = 0; i < COUNT_OF(machines); i++) {
        const struct machine *m = &machines[i], *other = &machines[1 - i];
        const struct {
            const char *name;
            struct seccomp_data call;
            uint32_t answer;
        } rows[] = {
            {"write", {(int)m->write, m->audit, 0, {0}}, SECCOMP_RET_ALLOW},
            {"getgid", {(int)m->getgid, m->audit, 0, {0}}, SECCOMP_RET_KILL_PROCESS},
            {"getppid", {(int)m->getppid, m->audit, 0, {0}}, SECCOMP_RET_ERRNO | ENOSYS},
            {"470", {470, m->audit, 0, {0}}, SECCOMP_RET_ERRNO | ENOSYS},
            {"473", {473, m->audit, 0, {0}}, SECCOMP_RET_KILL_PROCESS},
            {"getuid", {(int)m->getuid, m->audit, 0, {0}}, SECCOMP_RET_ERRNO | EACCES},
            {"unix",
             {(int)m->socket, m->audit, 0, {AF_UNIX, 1, 0}},
             SECCOMP_RET_ERRNO | EAFNOSUPPORT},
            {"inet", {(int)m->socket, m->audit, 0, {AF_INET, 1, 0}}, SECCOMP_RET_ALLOW},
            {"inet, 6", {(int)m->socket, m->audit, 0, {AF_INET, 1, 6}}, SECCOMP_RET_KILL_PROCESS},
            {"high half",
             {(int)m->socket, m->audit, 0, {AF_INET + (1ull << 32), 1, 0}},
             SECCOMP_RET_KILL_PROCESS},
            {"prctl", {(int)m->prctl, m->audit, 0, {PR_GET_NAME}}, SECCOMP_RET_ALLOW},
            {"the other's", {(int)m->write, other->audit, 0, {0}}, SECCOMP_RET_KILL_PROCESS},
        };
        assert_int_equal(filter_make(&f, m->name, FILTER_KILL, both, &err), STATUS_OK);
        assert_int_equal(f.n_selves, 1);
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            if (judged(&f, &rows[k].call) != rows[k].answer) {
                fail_msg("%s: %s: %#x", m->name, rows[k].name, judged(&f, &rows[k].call));
            }
        }
    }
}

static void test_make_for_an_unknown_machine_is_refused(void **state)
{
    (void)state;
    static struct filter f;
    if (!built_in()) {
        skip();
    }
    assert_int_equal(filter_make(&f, "pdp11", FILTER_KILL, both, &err), STATUS_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_allows_and_answers_as_told),
        cmocka_unit_test(test_load_kills_the_rest),
        cmocka_unit_test(test_make_for_each_machine_answers_with_its_numbers),
        cmocka_unit_test(test_make_for_an_unknown_machine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
