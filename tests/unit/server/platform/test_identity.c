#include "server/platform/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test_identity.XXXXXX";

static void test_find_by_name_and_number(void **state)
{
    (void)state;
    static const struct {
        const char *who;
        uid_t uid;
        gid_t gid;
        const char *name;
    } rows[] = {
        {"root", 0, 0, "root"},
        {"0", 0, 0, "root"},
        {"daemon", 1, 1, "daemon"},
        {"1", 1, 1, "daemon"},
        {"1:7", 1, 7, "daemon"},
        {"123456", 123456, 123456, "123456"},
        {"123456:99", 123456, 99, "123456"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity who;
        struct err err;
        assert_int_equal(identity_find(rows[i].who, &who, &err), STATUS_OK);
        assert_int_equal(who.uid, rows[i].uid);
        assert_int_equal(who.gid, rows[i].gid);
        assert_string_equal(who.name, rows[i].name);
    }
}

static void test_find_refuses_what_is_nobody(void **state)
{
    (void)state;
    static const char *const rows[] = {"",   "no-such-user", "12x", "4294967295", "1:", "1:x",
                                       "-1", "1:4294967295", ":1",  "root:x"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity who;
        struct err err;
        if (identity_find(rows[i], &who, &err) != STATUS_INVALID) {
            fail_msg("%s was found", rows[i]);
        }
        assert_non_null(strstr(err.text, rows[i]));
    }
}

static void test_choose_as_the_table_says(void **state)
{
    (void)state;
    struct identity who;
    struct err err;
    char own[64];
    snprintf(own, sizeof own, "%s/own", dir);
    assert_int_equal(mkdir(own, 0700), 0);
    assert_int_equal(identity_choose("daemon", own, &who, &err), STATUS_OK);
    assert_int_equal(who.uid, 1);
    assert_int_equal(identity_choose("", "/nonexistent/x", &who, &err), STATUS_OK);
    assert_int_equal(who.uid, 65534);
    assert_string_equal(who.name, "nobody");
    assert_int_equal(identity_choose("", "/", &who, &err), STATUS_OK); /* root's */
    assert_int_equal(who.uid, 65534);
    if (geteuid() == 0) {
        assert_int_equal(chown(own, 1234, 2345), 0);
    }
    assert_int_equal(identity_choose("", own, &who, &err), STATUS_OK);
    assert_int_equal(who.uid, geteuid() == 0 ? 1234 : geteuid());
    assert_int_equal(identity_choose("nonsense!", own, &who, &err), STATUS_INVALID);
    rmdir(own);
}

static void test_make_directory_gives_away_only_what_it_makes(void **state)
{
    (void)state;
    struct identity who = {.uid = 1234, .gid = 2345};
    struct stat st;
    char path[96], deep[112];
    uid_t made = geteuid() == 0 ? 1234 : geteuid();
    snprintf(path, sizeof path, "%s/there", dir);
    snprintf(deep, sizeof deep, "%s/a/b", path);
    assert_int_equal(mkdir(path, 0755), 0);
    identity_make_directory(deep, &who);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_uid, made);
    assert_int_equal(st.st_mode & 0777, 0700);
    rmdir(deep);
    deep[strlen(deep) - 2] = '\0';
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_uid, made);
    rmdir(deep);
    rmdir(path);
}

static bool any_capability(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    bool any = syscall(SYS_capget, &head, d) != 0;
    for (int i = 0; i < 2; i++) {
        any |= d[i].effective || d[i].permitted || d[i].inheritable;
    }
    return any;
}

static bool any_bounding(void)
{
    bool any = false;
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        any |= prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1;
    }
    return any;
}

static int code_of(int (*body)(void))
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

static int become_daemon(void)
{
    struct identity who;
    struct err err;
    gid_t groups[64];
    if (!identity_may_change() || identity_find("daemon", &who, &err) != STATUS_OK ||
        identity_become(&who, &err) != STATUS_OK) {
        return 1;
    }
    if (getuid() != 1 || geteuid() != 1 || getgid() != 1 || getegid() != 1) {
        return 2;
    }
    int n = getgroups(64, groups);
    for (int i = 0; i < n; i++) {
        if (groups[i] == 0) {
            return 3;
        }
    }
    return any_capability() || any_bounding() ? 4 : setuid(0) == 0 ? 5 : identity_may_change();
}

static int drop_as_root(void)
{
    identity_drop_capabilities();
    if (any_capability() || (geteuid() == 0 && any_bounding())) {
        return 1;
    }
    /* root in name: it may still open its own files, and no others */
    return identity_may_change() ? 2 : 0;
}

static int become_refused(void)
{
    struct identity who = {.uid = 4321, .gid = 4321, .name = "x"};
    struct err err;
    identity_drop_capabilities();
    return identity_become(&who, &err) == STATUS_INVALID && strstr(err.text, "cannot become user x")
               ? 0
               : 1;
}

static void test_become_is_whole_and_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(code_of(become_daemon), 0);
}

static void test_drop_capabilities_leaves_none(void **state)
{
    (void)state;
    assert_int_equal(code_of(drop_as_root), 0);
    assert_int_equal(code_of(become_refused), 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_name_and_number),
        cmocka_unit_test(test_find_refuses_what_is_nobody),
        cmocka_unit_test(test_choose_as_the_table_says),
        cmocka_unit_test(test_make_directory_gives_away_only_what_it_makes),
        cmocka_unit_test(test_become_is_whole_and_for_good),
        cmocka_unit_test(test_drop_capabilities_leaves_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
