#include "master/supervise/sandbox.h"
#include "master/supervise/sandbox_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/platform/landlock.h"
#include "server/base/log.h"
#include "server/platform/syscalls.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

static char dir[] = "/tmp/test_sandbox.XXXXXX";
static char state[64];
static int abi; /* asked before a filter forbids it */

static struct config load(const char *run_as, const char *allow_root)
{
    struct config c;
    struct err err;
    struct config_override o[] = {
        {"STATE_DIR", state}, {"RUN_AS_USER", run_as}, {"ALLOW_ROOT", allow_root}};
    if (config_load(&c, NULL, o, 3, &err) != STATUS_OK) {
        _exit(77);
    }
    return c;
}

static int set_up(void **unused)
{
    (void)unused;
    abi = landlock_abi();
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "test");
    if (!mkdtemp(dir) || chmod(dir, 0700) != 0) {
        return -1;
    }
    snprintf(state, sizeof state, "%s/state", dir);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    return rmdir(dir);
}

/* In a process of its own: nothing of it can be undone. 0: as wanted; 1000 + signal. */
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

static bool filtered(void)
{
    return sandbox_filters[SANDBOX_MASTER].n > 0 && syscalls_known();
}

/* --- master --- */

static int begin_as(const char *run_as, const char *allow, char text[240])
{
    struct config c = load(run_as, allow);
    struct err err = {.text = ""};
    enum status status = sandbox_begin(&c, -1, &err);
    text_copy(text_from(err.text), text, 240);
    return (int)status;
}

static int as_daemon(void)
{
    char text[240];
    struct stat st;
    struct config c = load("daemon", "false");
    struct err err;
    setenv("AWS_SECRET_ACCESS_KEY", "hunter2", 1);
    if (sandbox_begin(&c, -1, &err) != STATUS_OK || geteuid() != 1 || getegid() != 1) {
        return 1;
    }
    /* the path leads through a directory that is closed to it: by descriptor */
    snprintf(text, sizeof text, "%s/x", c.state_dir);
    int fd = open(text, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (strncmp(c.state_dir, "/proc/self/fd/", 14) != 0 || sandbox_state_fd() < 0 || fd < 0 ||
        fstat(fd, &st) != 0 || st.st_uid != 1 || unlink(text) != 0) {
        return 2;
    }
    return getenv("AWS_SECRET_ACCESS_KEY") ? 3 : prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

static void test_begin_as_root_becomes_the_user_and_gives_it_state_dir(void **unused)
{
    (void)unused;
    struct stat st;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(end_of(as_daemon), 0);
    assert_int_equal(stat(state, &st), 0);
    assert_int_equal(st.st_uid, 1);
    assert_int_equal(rmdir(state), 0);
}

static int refused(void)
{
    char text[240];
    bool ok = begin_as("root", "false", text) == STATUS_INVALID && strstr(text, "ALLOW_ROOT") &&
              begin_as("0:0", "false", text) == STATUS_INVALID && strstr(text, "ALLOW_ROOT") &&
              begin_as("no-such-user", "false", text) == STATUS_INVALID &&
              strstr(text, "RUN_AS_USER: no-such-user") && access(state, F_OK) != 0;
    return ok ? 0 : 1;
}

static int allowed(void)
{
    char text[240];
    return begin_as("root", "true", text) == STATUS_OK && geteuid() == 0 &&
                   chown(dir, 1, 1) == -1 && errno == EPERM /* no capabilities */
               ? 0
               : 1;
}

static void test_begin_as_root_only_where_it_is_allowed(void **unused)
{
    (void)unused;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(end_of(refused), 0);
    assert_int_equal(end_of(allowed), 0);
    assert_int_equal(rmdir(state), 0);
}

static int enter_namespace(void)
{
    char text[240];
    begin_as("daemon", "false", text);
    setns(-1, 0);
    return 0;
}

static void test_begin_filters_what_no_program_of_ours_calls(void **unused)
{
    (void)unused;
    if (!filtered()) {
        skip();
    }
    assert_int_equal(end_of(enter_namespace), 1000 + SIGSYS);
    rmdir(state);
}

/* --- the filters that were made while this was built --- */

static void test_filters_are_those_of_the_tables(void **unused)
{
    (void)unused;
    static struct filter f;
    struct err err;
    for (int i = 0; i < SANDBOX_ROLES; i++) {
        const struct syscalls_filter *built = &sandbox_filters[i];
        assert_int_equal(
            filter_make(&f, "", sandbox_calls[i].others, sandbox_calls[i].tables, &err), STATUS_OK);
        assert_int_equal(built->n, f.n);
        assert_int_equal(built->n_selves, f.n_selves);
        assert_memory_equal(built->steps, f.steps, f.n * sizeof *f.steps);
        assert_memory_equal(built->selves, f.selves, f.n_selves * sizeof *f.selves);
    }
    if (!SANITIZED && sandbox_filters[SANDBOX_MASTER].n > 0) { /* tgkill, to itself alone */
        assert_int_equal(sandbox_filters[SANDBOX_MASTER].n_selves, 0);
        assert_int_equal(sandbox_filters[SANDBOX_REFRESHER].n_selves, 1);
        assert_int_equal(sandbox_filters[SANDBOX_WORKER].n_selves, 1);
    }
}

/* --- children --- */

static struct config enter(enum sandbox_role role)
{
    struct config c = load("", "false");
    struct err err;
    if (sandbox_enter(role, &c, &err) != STATUS_OK) {
        _exit(76);
    }
    return c;
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0;
}

/* Names are resolved in a thread of libcurl's, with what the C library reads for it. */
static int worker_body(void)
{
    char path[80];
    struct addrinfo *list = NULL;
    enter(SANDBOX_WORKER);
    snprintf(path, sizeof path, "%s/x", dir);
    if (getaddrinfo("localhost", "80", NULL, &list) != 0) {
        return 1;
    }
    freeaddrinfo(list);
    if (!opens("/dev/null", O_RDONLY) || !opens("/etc/hosts", O_RDONLY)) {
        return 2;
    }
    return abi && (opens(path, O_RDWR | O_CREAT) || opens("/etc/passwd", O_RDONLY)) ? 3 : 0;
}

static int refresher_truncates(void)
{
    char path[80];
    struct config c = enter(SANDBOX_REFRESHER);
    snprintf(path, sizeof path, "%s/x", c.state_dir);
    return opens(path, O_RDWR | O_CREAT) ? truncate(path, 4096) /* not in its table */ : 1;
}

static int refresher_writes(void)
{
    char path[80], moved[80];
    struct config c = enter(SANDBOX_REFRESHER);
    snprintf(path, sizeof path, "%s/x", c.state_dir);
    snprintf(moved, sizeof moved, "%s/y", c.state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && fsync(fd) == 0 && ftruncate(fd, 5) == 0 &&
              rename(path, moved) == 0 && unlink(moved) == 0;
    snprintf(path, sizeof path, "%s/outside", dir);
    return !ok ? 1 : abi && opens(path, O_RDWR | O_CREAT) ? 2 : 0;
}

static int worker_forks(void)
{
    enter(SANDBOX_WORKER);
    return fork() == 0 ? 0 : 1;
}

static int refresher_execs(void)
{
    enter(SANDBOX_REFRESHER);
    return execl("/bin/true", "true", NULL);
}

static int off(void)
{
    struct err err;
    struct config c = load("", "false");
    c.sandbox = false;
    return sandbox_enter(SANDBOX_WORKER, &c, &err) == STATUS_OK && opens("/etc/passwd", O_RDONLY) &&
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0
               ? 0
               : 1;
}

static void test_enter_worker_reads_what_it_needs(void **unused)
{
    (void)unused;
    assert_int_equal(end_of(worker_body), 0);
    assert_int_equal(end_of(off), 0);
}

static void test_enter_refresher_writes_state_dir_alone(void **unused)
{
    (void)unused;
    assert_int_equal(end_of(refresher_writes), 0);
    assert_int_equal(rmdir(state), 0);
}

static void test_enter_kills_what_is_not_in_the_table(void **unused)
{
    (void)unused;
    if (!filtered()) {
        skip();
    }
    /* the sanitizers' rows let it pass */
    assert_int_equal(end_of(worker_forks), SANITIZED ? 1 : 1000 + SIGSYS);
    assert_int_equal(end_of(refresher_execs), 1000 + SIGSYS);
    assert_int_equal(end_of(refresher_truncates), 1000 + SIGSYS);
    char path[80];
    snprintf(path, sizeof path, "%s/x", state);
    unlink(path);
    rmdir(state);
}

/* --- the rest --- */

static void test_files_moved_once_a_change(void **unused)
{
    (void)unused;
    char ca[80], fresh[96];
    if (!landlock_abi()) {
        skip();
    }
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    snprintf(fresh, sizeof fresh, "%s.new", ca);
    assert_true(opens(ca, O_RDWR | O_CREAT));
    struct config c = {.sandbox = true, .ca_file = ca};
    assert_false(sandbox_files_moved(&c)); /* the first look */
    assert_false(sandbox_files_moved(&c));
    assert_true(opens(fresh, O_RDWR | O_CREAT));
    assert_int_equal(rename(fresh, ca), 0);
    assert_true(sandbox_files_moved(&c));
    assert_false(sandbox_files_moved(&c));
    unlink(ca);
    for (int i = 0; i < 8; i++) {
        assert_false(sandbox_files_moved(&c)); /* it is not followed more often */
    }
    assert_true(sandbox_files_moved(&c));
}

static char lines[2048];

static void note(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    size_t n = strlen(lines);
    snprintf(lines + n, sizeof lines - n, "%s=%s\n", name, value);
}

static void test_report_says_what_there_is(void **unused)
{
    (void)unused;
    struct config c = load("", "false");
    char line[32];
    lines[0] = '\0';
    sandbox_report(&c, note, NULL);
    snprintf(line, sizeof line, "landlock=yes, ABI %d\n", abi);
    assert_non_null(strstr(lines, abi ? line : "landlock=no"));
    assert_non_null(strstr(lines, filtered() ? "seccomp=yes\n" : "seccomp=no"));
    assert_non_null(
        strstr(lines, geteuid() == 0 ? "user=changes to nobody (65534:65534)\n" : "user=stays "));
    c.sandbox = false;
    lines[0] = '\0';
    sandbox_report(&c, note, NULL);
    assert_non_null(strstr(lines, "off by SANDBOX"));
    config_free(&c);
}

static void test_explain_only_the_sandboxs_signal(void **unused)
{
    (void)unused;
    assert_string_equal(sandbox_explain(SIGSEGV), "");
    assert_non_null(strstr(sandbox_explain(SIGSYS), "sandbox"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin_as_root_becomes_the_user_and_gives_it_state_dir),
        cmocka_unit_test(test_begin_as_root_only_where_it_is_allowed),
        cmocka_unit_test(test_begin_filters_what_no_program_of_ours_calls),
        cmocka_unit_test(test_filters_are_those_of_the_tables),
        cmocka_unit_test(test_enter_worker_reads_what_it_needs),
        cmocka_unit_test(test_enter_refresher_writes_state_dir_alone),
        cmocka_unit_test(test_enter_kills_what_is_not_in_the_table),
        cmocka_unit_test(test_files_moved_once_a_change),
        cmocka_unit_test(test_report_says_what_there_is),
        cmocka_unit_test(test_explain_only_the_sandboxs_signal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
