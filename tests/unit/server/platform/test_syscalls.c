#include "server/platform/syscalls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/text.h"

static struct err err;

/* The exit code of body in a process of its own. */
static int end_of(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(body());
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* getpgid of anybody but this process: EACCES. */
static const struct sock_filter steps[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xdead, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static const uint16_t selves[] = {3};

static int own_pid_stands_in_it(void)
{
    const struct syscalls_filter f = {steps, selves, COUNT_OF(steps), 1};
    /* the wrong pid would be refused */
    if (syscalls_load(&f, &err) != STATUS_OK || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return 1;
    }
    if (getpgid(getpid()) < 0) {
        return 2;
    }
    return getpgid(0xdead) == -1 && errno == EACCES ? 0 : 3;
}

static int refused(void)
{
    static const struct sock_filter endless[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    const struct syscalls_filter f = {endless, selves, 1, 0};
    return syscalls_load(&f, &err) == STATUS_UNAVAILABLE &&
                   strcmp(err.text, "filter of system calls: Invalid argument") == 0
               ? 0
               : 1;
}

static void test_load_puts_the_pid_in(void **state)
{
    (void)state;
    if (!syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(own_pid_stands_in_it), 0);
}

static void test_load_says_what_the_kernel_refuses(void **state)
{
    (void)state;
    if (!syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(refused), 0);
}

/* What a kernel before 4.14, or a container's filter, answers to every question about filters. */
static int unknown(void)
{
    static const struct sock_filter none[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct syscalls_filter outer = {none, selves, COUNT_OF(none), 0};
    const struct syscalls_filter f = {steps, selves, COUNT_OF(steps), 1};
    if (syscalls_load(&outer, &err) != STATUS_OK || syscalls_known()) {
        return 1;
    }
    return syscalls_load(&f, &err) == STATUS_UNAVAILABLE &&
                   strcmp(err.text, "filter of system calls: not in this kernel") == 0 &&
                   getpgid(getppid()) > 0
               ? 0
               : 2;
}

static void test_load_without_the_kernel_does_nothing(void **state)
{
    (void)state;
    if (!syscalls_known()) {
        skip();
    }
    assert_int_equal(end_of(unknown), 0);
}

static int none(void)
{
    return syscalls_load(&(struct syscalls_filter){NULL, NULL, 0, 0}, &err) == STATUS_OK &&
                   prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0
               ? 0
               : 1;
}

static void test_load_without_steps_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(end_of(none), prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0 ? 0 : 1);
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
        cmocka_unit_test(test_load_puts_the_pid_in),
        cmocka_unit_test(test_load_says_what_the_kernel_refuses),
        cmocka_unit_test(test_load_without_the_kernel_does_nothing),
        cmocka_unit_test(test_load_without_steps_does_nothing),
        cmocka_unit_test(test_no_new_privs_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
