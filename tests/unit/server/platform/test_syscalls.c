#include "server/platform/syscalls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROW(verdict, names, ...)       \
    {                                  \
        SYSCALLS_##verdict, names, "", \
        {                              \
            __VA_ARGS__                \
        }                              \
    }
#define END                         \
    {                               \
        SYSCALLS_ALLOW, NULL, NULL, \
        {                           \
            {                       \
                0                   \
            }                       \
        }                           \
    }

static struct err err;

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

static const struct syscalls_row few[] = {
    ROW(ALLOW,
        "exit_group exit write close getpid munmap madvise brk futex "
        "sigaltstack no_such_call",
        {0}),
    ROW(UNKNOWN, "getppid 470", {0}),
    ROW(REFUSE, "getuid", {0}),
    END,
};
static const struct syscalls_row some[] = {
    ROW(ALLOW, "prctl", {SYSCALLS_IS, 0, PR_GET_NAME, 0}),
    ROW(ALLOW, "alarm", {SYSCALLS_BITS, 0, 2, 6}),
    ROW(ALLOW, "tgkill", {SYSCALLS_SELF, 0, 0, 0}),
    ROW(FAMILY, "socket", {SYSCALLS_IS, 0, AF_UNIX, 0}),
    ROW(ALLOW, "socket", {SYSCALLS_IS, 0, AF_INET, 0}, {SYSCALLS_IS, 2, 0, 0}),
    END,
};

static bool load(void)
{
    return syscalls_load(SYSCALLS_KILL, &err, few, some) == STATUS_OK;
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
    if (syscall(470) != -1 || errno != ENOSYS) { /* younger than the library */
        return 2;
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
    static const struct syscalls_row deny[] = {ROW(KILL, "getgid", {0}), END};
    if (syscalls_load(SYSCALLS_ALLOW, &err, deny) == STATUS_OK) {
        execl("/usr/bin/id", "id", "-g", NULL);
    }
    return 1;
}

static void test_load_allows_and_answers_as_told(void **state)
{
    (void)state;
    if (!syscalls_built_in() || !syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(allowed), 0);
    assert_int_equal(end_of(errnos), 0);
}

static void test_load_kills_the_rest(void **state)
{
    (void)state;
    if (!syscalls_built_in() || !syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(other_call), 1000 + SIGSYS);
    assert_int_equal(end_of(other_argument), 1000 + SIGSYS);
    assert_int_equal(end_of(second_argument), 1000 + SIGSYS);
    assert_int_equal(end_of(other_process), 1000 + SIGSYS);
    assert_int_equal(end_of(after_exec), 1000 + SIGSYS);
}

static int no_new_privs(void)
{
    syscalls_no_new_privs();
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void test_no_new_privs_is_set(void **state)
{
    (void)state;
    assert_int_equal(end_of(no_new_privs), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_allows_and_answers_as_told),
        cmocka_unit_test(test_load_kills_the_rest),
        cmocka_unit_test(test_no_new_privs_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
