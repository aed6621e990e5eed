#include "master/supervise/pidfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], nested[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_pidfile.XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(nested, sizeof nested, "%s/a/b", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/master.pid", nested);
    remove(path);
    rmdir(nested);
    snprintf(path, sizeof path, "%s/a", dir);
    rmdir(path);
    return rmdir(dir);
}

static void test_write_makes_directories_and_read_gives_the_pid(void **state)
{
    (void)state;
    struct err err;
    pid_t pid = 0;
    assert_int_equal(pidfile_write(nested, getpid(), &err), STATUS_OK);
    assert_int_equal(pidfile_read(nested, &pid, &err), STATUS_OK);
    assert_int_equal(pid, getpid());
}

static void test_read_without_file_or_process_is_not_found(void **state)
{
    (void)state;
    struct err err;
    pid_t pid, gone = fork();
    if (gone == 0) {
        _exit(0);
    }
    waitpid(gone, NULL, 0);
    assert_int_equal(pidfile_read(nested, &pid, &err), STATUS_NOT_FOUND);
    assert_int_equal(pid, 0);
    assert_int_equal(pidfile_write(nested, gone, &err), STATUS_OK);
    assert_int_equal(pidfile_read(nested, &pid, &err), STATUS_NOT_FOUND);
    assert_int_equal(pid, gone);
    assert_non_null(strstr(err.text, nested));
}

static void test_remove_leaves_a_successors_file(void **state)
{
    (void)state;
    struct err err;
    pid_t pid;
    assert_int_equal(pidfile_write(nested, getpid(), &err), STATUS_OK);
    pidfile_remove(nested, getpid() + 1);
    assert_int_equal(pidfile_read(nested, &pid, &err), STATUS_OK);
    pidfile_remove(nested, getpid());
    assert_int_equal(pidfile_read(nested, &pid, &err), STATUS_NOT_FOUND);
}

static void test_write_impossible_place_is_reported(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(pidfile_write("/proc/none", 1, &err), STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.text, "/proc/none/master.pid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_makes_directories_and_read_gives_the_pid,
                                        make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(test_read_without_file_or_process_is_not_found, make_dir,
                                        drop_dir),
        cmocka_unit_test_setup_teardown(test_remove_leaves_a_successors_file, make_dir, drop_dir),
        cmocka_unit_test(test_write_impossible_place_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
