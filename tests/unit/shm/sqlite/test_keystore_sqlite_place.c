#include "shm/sqlite/keystore_sqlite_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/sqlite/keystore_sqlite.h"

static char dir[] = "/tmp/test_place.XXXXXX";
static char state[64], file[80];
static const char *told = state; /* STATE_DIR */

static int set_up(void **unused)
{
    (void)unused;
    if (!mkdtemp(dir)) {
        return -1;
    }
    snprintf(state, sizeof state, "%s/state", dir);
    snprintf(file, sizeof file, "%s/keys.db", state);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    return rmdir(dir);
}

/* A subcommand, in a process of its own: opens the store, writes, and shows the owners meanwhile.
 */
static int open_and_write(void)
{
    struct config_override o[] = {{"STATE_DIR", told}, {"STORAGE_BACKEND", "sqlite"}};
    struct config c;
    struct err err;
    struct keystore *k;
    if (config_load(&c, NULL, o, 2, &err) != STATUS_OK ||
        keystore_sqlite_open(&c, &k, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 99;
    }
    keystore_close(k);
    config_free(&c);
    return (int)geteuid() & 0x7f;
}

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

static uid_t owner_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_uid;
}

static void clean(void)
{
    static const char *const names[] = {"keys.db", "keys.db-wal", "keys.db-shm"};
    char path[96];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", state, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(state), 0);
}

/* dir is 0700 and root's: the store is reached all the same. */
static void test_open_as_root_becomes_the_owner(void **unused)
{
    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir(state, 0700), 0);
    assert_int_equal(chown(state, 5, 5), 0);
    assert_int_equal(end_of(open_and_write), 5);
    assert_int_equal(owner_of(file), 5);
    assert_int_equal(end_of(open_and_write), 5); /* it is there now */
    clean();
}

/* The name leads there, but not the absolute one that SQLite makes of it. */
static void test_open_as_root_in_a_closed_working_directory(void **unused)
{
    (void)unused;
    char inner[80];
    if (geteuid() != 0) {
        skip();
    }
    snprintf(inner, sizeof inner, "%s/open", dir);
    assert_int_equal(mkdir(inner, 0755), 0);
    assert_int_equal(chdir(inner), 0);
    assert_int_equal(mkdir("state", 0700), 0);
    assert_int_equal(chown("state", 5, 5), 0);
    told = "state";
    assert_int_equal(end_of(open_and_write), 5);
    told = state;
    assert_int_equal(owner_of("state/keys.db"), 5);
    unlink("state/keys.db");
    assert_int_equal(rmdir("state") + chdir("/") + rmdir(inner), 0);
}

static void test_open_as_root_without_state_dir_makes_the_servers(void **unused)
{
    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(end_of(open_and_write), 65534 & 0x7f);
    assert_int_equal(owner_of(state), 65534);
    assert_int_equal(owner_of(file), 65534);
    clean();
}

static void test_open_as_root_of_roots_own_stays_root(void **unused)
{
    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(mkdir(state, 0700), 0);
    assert_int_equal(end_of(open_and_write), 0);
    assert_int_equal(owner_of(file), 0);
    clean();
}

/* What a lesser user could have put there for root to make. */
static void test_open_as_root_does_not_follow_a_link_as_root(void **unused)
{
    (void)unused;
    char target[80];
    if (geteuid() != 0) {
        skip();
    }
    snprintf(target, sizeof target, "%s/target", dir);
    assert_int_equal(mkdir(state, 0700), 0);
    assert_int_equal(chown(state, 5, 5), 0);
    assert_int_equal(symlink(target, file), 0);
    assert_int_equal(end_of(open_and_write), 99);
    assert_int_equal(access(target, F_OK), -1);
    unlink(file);
    assert_int_equal(rmdir(state), 0);
}

static void test_place_of_a_plain_user_changes_nothing(void **unused)
{
    (void)unused;
    struct err err;
    char path[] = "some/where.db";
    struct config c = {.run_as_user = "daemon", .state_dir = state};
    if (geteuid() == 0) {
        skip();
    }
    assert_int_equal(keystore_sqlite_place(&c, path, sizeof path, &err), STATUS_OK);
    assert_string_equal(path, "some/where.db");
}

static void test_vfs_only_for_open_directories(void **unused)
{
    (void)unused;
    assert_null(keystore_sqlite_place_vfs("/var/lib/x/keys.db"));
    assert_null(keystore_sqlite_place_vfs("keys.db"));
    assert_string_equal(keystore_sqlite_place_vfs("/proc/self/fd/7/keys.db"), "as-named");
    assert_string_equal(keystore_sqlite_place_vfs("/proc/self/fd/8/keys.db"), "as-named");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_as_root_becomes_the_owner),
        cmocka_unit_test(test_open_as_root_in_a_closed_working_directory),
        cmocka_unit_test(test_open_as_root_without_state_dir_makes_the_servers),
        cmocka_unit_test(test_open_as_root_of_roots_own_stays_root),
        cmocka_unit_test(test_open_as_root_does_not_follow_a_link_as_root),
        cmocka_unit_test(test_place_of_a_plain_user_changes_nothing),
        cmocka_unit_test(test_vfs_only_for_open_directories),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
