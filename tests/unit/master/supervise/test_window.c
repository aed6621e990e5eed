#include "master/supervise/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[200], sock[220];

static int set_up(void **state)
{
    (void)state;
    /* longer than an address of a socket may be */
    snprintf(dir, sizeof dir, "/tmp/test_window_%0120d.XXXXXX", 0);
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(sock, sizeof sock, "%s/top.sock", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(dir); /* also proves that nothing was left */
}

/* A child that looks; the master serves meanwhile. As uid, if not -1. */
static int look(int fd, int shown, uid_t uid)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err;
        char bytes[6] = "";
        int got;
        pid_t master;
        if (uid != (uid_t)-1 && setresuid(uid, uid, uid) != 0) {
            _exit(90);
        }
        enum status s = window_look(dir, &got, &master, &err);
        if (s != STATUS_OK) {
            _exit(s == STATUS_NOT_FOUND ? 1 : 2);
        }
        bool same = pread(got, bytes, 5, 0) == 5 && strcmp(bytes, "shown") == 0;
        bool writable = pwrite(got, "x", 1, 0) == 1;
        _exit(same && !writable && master == getppid() ? 0 : 3);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        window_serve(fd, shown);
        usleep(1000);
    }
    return WEXITSTATUS(status);
}

static int shown_file(void)
{
    char path[64];
    int fd = memfd_create("x", MFD_CLOEXEC);
    assert_int_equal(write(fd, "shown", 5), 5);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC);
    close(fd);
    return again;
}

static void test_look_gets_what_is_shown(void **state)
{
    (void)state;
    struct err err;
    struct stat st;
    int fd, shown = shown_file();
    assert_int_equal(window_open(dir, &fd, &err), STATUS_OK);
    assert_int_equal(stat(sock, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(look(fd, shown, (uid_t)-1), 0);
    assert_int_equal(look(fd, shown, (uid_t)-1), 0);
    window_close(dir, fd);
    assert_int_equal(look(-1, shown, (uid_t)-1), 1); /* nobody is there */
    close(shown);
}

/* Even where the directory and the file are open to all. */
static void test_serve_shows_nothing_to_another_user(void **state)
{
    (void)state;
    struct err err;
    if (geteuid() != 0) {
        skip();
    }
    int fd, shown = shown_file();
    assert_int_equal(window_open(dir, &fd, &err), STATUS_OK);
    chmod(dir, 0755);
    assert_int_equal(look(fd, shown, 1), 1); /* by its mode */
    chmod(sock, 0666);
    assert_int_equal(look(fd, shown, 1), 2);
    window_close(dir, fd);
    close(shown);
}

static void test_close_leaves_the_file_of_a_successor(void **state)
{
    (void)state;
    struct err err;
    int old, fresh, status, shown = shown_file();
    assert_int_equal(window_open(dir, &old, &err), STATUS_OK);
    assert_int_equal(window_open(dir, &fresh, &err), STATUS_OK);
    pid_t pid = fork();
    if (pid == 0) { /* the old master goes while the new one serves */
        window_close(dir, old);
        _exit(access(sock, F_OK) == 0 ? 0 : 1);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        window_serve(fresh, shown);
        usleep(1000);
    }
    assert_int_equal(status, 0);
    close(old);
    assert_int_equal(look(fresh, shown, (uid_t)-1), 0);
    window_close(dir, fresh);
    close(shown);
}

static void test_open_where_it_cannot_be_made_says_so(void **state)
{
    (void)state;
    struct err err;
    int fd;
    assert_int_equal(window_open("/proc/nowhere", &fd, &err), STATUS_UNAVAILABLE);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(err.text, "/proc/nowhere/top.sock"));
    window_serve(fd, 0);
    window_close(dir, fd);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_look_gets_what_is_shown),
        CASE(test_serve_shows_nothing_to_another_user),
        CASE(test_close_leaves_the_file_of_a_successor),
        CASE(test_open_where_it_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
