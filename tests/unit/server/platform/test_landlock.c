#include "server/platform/landlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test_landlock.XXXXXX";
static char readable[64], writable[64], closed[64], read_file[80], closed_file[80], single[80];

static void touch(const char *path)
{
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(readable, sizeof readable, "%s/r", dir);
    snprintf(writable, sizeof writable, "%s/w", dir);
    snprintf(closed, sizeof closed, "%s/c", dir);
    snprintf(read_file, sizeof read_file, "%s/f", readable);
    snprintf(closed_file, sizeof closed_file, "%s/f", closed);
    snprintf(single, sizeof single, "%s/single", closed);
    mkdir(readable, 0700);
    mkdir(writable, 0700);
    mkdir(closed, 0700);
    touch(read_file);
    touch(closed_file);
    touch(single);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove(read_file);
    remove(closed_file);
    remove(single);
    return rmdir(readable) + rmdir(writable) + rmdir(closed) + rmdir(dir);
}

static int end_of(int (*body)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err;
        const struct landlock_rule rules[] = {{readable, LANDLOCK_READ},
                                              {writable, LANDLOCK_WRITE},
                                              {single, LANDLOCK_READ},
                                              {"", LANDLOCK_READ},
                                              {"/nonexistent/x", LANDLOCK_READ}};
        _exit(landlock_enforce(rules, sizeof rules / sizeof rules[0], &err) == STATUS_OK ? body()
                                                                                         : 99);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    if (ok) {
        close(fd);
    } else if (errno != EACCES) {
        _exit(98);
    }
    return ok;
}

/* Bit by bit, so that a failure tells which. */
static int files(void)
{
    char made[80], moved[80];
    snprintf(made, sizeof made, "%s/made", writable);
    snprintf(moved, sizeof moved, "%s/moved", writable);
    int bad = 0;
    bad |= opens(read_file, O_RDONLY) && opens(single, O_RDONLY) ? 0 : 1;
    bad |= opens(read_file, O_WRONLY) || opens(single, O_WRONLY) ? 2 : 0;
    bad |= opens(closed_file, O_RDONLY) || opens("/etc/passwd", O_RDONLY) ? 4 : 0;
    bad |= opens(made, O_RDWR | O_CREAT) && rename(made, moved) == 0 && truncate(moved, 5) == 0 &&
                   unlink(moved) == 0
               ? 0
               : 8;
    snprintf(made, sizeof made, "%s/made", readable);
    bad |= opens(made, O_RDWR | O_CREAT) || unlink(read_file) == 0 ? 16 : 0;
    bad |= access("/bin/true", X_OK) == 0 && execl("/bin/true", "true", NULL) == 0 ? 32 : 0;
    bad |= opens("/proc/self/environ", O_RDONLY) ? 64 : 0;
    return bad;
}

static int others(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bad = 0, abi = landlock_abi();
    bool bound = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    bad |= abi >= 4 && bound ? 1 : 0;
    bad |= abi >= 6 && kill(getppid(), 0) == 0 ? 2 : 0;
    bad |= ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 4 : 0;
    return bad;
}

static void test_enforce_bounds_files(void **state)
{
    (void)state;
    if (!landlock_abi()) {
        skip();
    }
    assert_int_equal(end_of(files), 0);
}

static void test_enforce_bounds_other_processes_and_listening(void **state)
{
    (void)state;
    if (!landlock_abi()) {
        skip();
    }
    assert_int_equal(end_of(others), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enforce_bounds_files),
        cmocka_unit_test(test_enforce_bounds_other_processes_and_listening),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
