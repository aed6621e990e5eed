#include "master/supervise/supervise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "master/supervise/listener.h"
#include "master/supervise/pidfile.h"
#include "master/supervise/reload.h"
#include "server/base/arena.h"
#include "server/base/log.h"
#include "tests/unit/fake_processes.h"

#define WORKERS     2
#define PATIENCE_MS 20000

static char dir[64], env_file[96], port[8];

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static void write_env(const char *text)
{
    FILE *f = fopen(env_file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A port that was free a moment ago; the test's own master binds it. */
static void find_port(void)
{
    struct err err;
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    char name[LISTENER_NAME_MAX];
    int fd;
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &fd, name, &err), STATUS_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(port, sizeof port, "%u", ntohs(a.sin_port));
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_supervise.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(env_file, sizeof env_file, "%s/env", dir);
    write_env("SHUTDOWN_TIMEOUT=20\n");
    find_port();
    fake_open();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char journal[sizeof dir + 16];
    snprintf(journal, sizeof journal, "%s/usage.journal", dir); /* outlives the master by design */
    remove(journal);
    remove(env_file);
    munmap(fake, sizeof *fake);
    return rmdir(dir); /* also proves that no pid file was left */
}

static int master_body(void)
{
    /* root: where the tests run as root, what they make stays theirs */
    static struct config_override overrides[] = {
        {"WORKERS", "2"},        {"HOST", "127.0.0.1"},  {"PORT", port},
        {"STATE_DIR", dir},      {"MAX_KEYS", "64"},     {"SANDBOX", FAKE_SANDBOX},
        {"RUN_AS_USER", "root"}, {"ALLOW_ROOT", "true"},
    };
    struct reload_source options = {env_file, overrides, sizeof overrides / sizeof overrides[0]};
    struct err err;
    struct config *c = heap_new(sizeof *c);
    if (config_load(c, env_file, overrides, options.override_count, &err) != STATUS_OK) {
        return 99;
    }
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "master");
    return supervise_run(c, &options);
}

static pid_t start_master(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        /* Also when the test itself is killed; its children follow it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        exit(master_body());
    }
    return pid;
}

static bool all_started(int first, int times)
{
    return fake->starts[first] >= times && fake->starts[first + 1] >= times;
}

/* Waits until the expression is true. */
#define EVENTUALLY(what)                          \
    for (long waited = 0; !(what); waited += 2) { \
        if (waited > PATIENCE_MS) {               \
            fail_msg("never: %s", #what);         \
        }                                         \
        nap_ms(2);                                \
    }

static int end_of(pid_t pid)
{
    int status = -1;
    EVENTUALLY(waitpid(pid, &status, WNOHANG) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static bool gone(int pid)
{
    waitpid(pid, NULL, WNOHANG); /* orphans come to us, the subreaper */
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static void test_sigterm_ends_everything_with_code_0(void **state)
{
    (void)state;
    struct err err;
    pid_t named, master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    EVENTUALLY(pidfile_read(dir, &named, &err) == STATUS_OK);
    assert_int_equal(named, master);
    assert_true(fake->group_is_own);
    assert_true(fake->listener_seen);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
    for (int slot = 0; slot <= WORKERS; slot++) {
        assert_int_equal(fake->starts[slot], 1);
        assert_true(gone(fake->pids[slot]));
    }
}

/* The refresher above all: it has rows to store. */
static void test_sigterm_while_they_start_ends_them_in_order(void **state)
{
    (void)state;
    fake->slow_ms = 200;
    pid_t master = start_master();
    struct err err;
    pid_t named;
    EVENTUALLY(pidfile_read(dir, &named, &err) == STATUS_OK);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
    for (int slot = 0; slot <= WORKERS; slot++) {
        assert_int_equal(fake->starts[slot], 1);
        assert_int_equal(fake->left[slot], 1);
    }
}

static void test_second_sigterm_does_not_wait(void **state)
{
    (void)state;
    pid_t master;
    fake->stubborn = 1;
    master = start_master();
    EVENTUALLY(all_started(1, 1));
    kill(master, SIGTERM);
    nap_ms(100);
    assert_int_equal(waitpid(master, NULL, WNOHANG), 0);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

/* Streams of the set before have SHUTDOWN_TIMEOUT from the reload on, whatever comes then. */
static void test_sigterm_after_sighup_leaves_those_alone_that_drain(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    fake->stubborn = 1;
    kill(master, SIGHUP);
    EVENTUALLY(fake->terms[1] == 1 && fake->terms[2] == 1);
    kill(master, SIGTERM);
    EVENTUALLY(fake->terms[3] == 1 && fake->terms[4] == 1);
    nap_ms(50);
    assert_int_equal(waitpid(master, NULL, WNOHANG), 0);
    assert_int_equal(fake->terms[1] + fake->terms[2], 2);
    fake->stubborn = 0;
    assert_int_equal(end_of(master), 0);
    for (int slot = 1; slot <= 2 * WORKERS; slot++) {
        assert_int_equal(fake->left[slot], 1);
    }
}

static void test_sighup_while_a_set_drains_is_done_once_after_it(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    fake->stubborn = 1;
    kill(master, SIGHUP);
    EVENTUALLY(fake->terms[1] == 1 && fake->terms[2] == 1);
    for (int i = 0; i < 5; i++) {
        kill(master, SIGHUP);
        nap_ms(20);
    }
    assert_int_equal(fake->starts[1], 1);
    fake->stubborn = 0;
    EVENTUALLY(all_started(1, 2));
    EVENTUALLY(fake->left[3] == 1 && fake->left[4] == 1);
    nap_ms(100);
    assert_int_equal(fake->starts[1], 2);
    assert_int_equal(fake->starts[3], 1);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

static void test_shutdown_delay_serves_on(void **state)
{
    (void)state;
    write_env("SHUTDOWN_TIMEOUT=20\nSHUTDOWN_DELAY=1\n");
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    uint64_t before = clock_now_ns();
    kill(master, SIGTERM);
    nap_ms(200);
    assert_int_equal(fake->terms[1] + fake->terms[2], 0);
    kill(fake->pids[1], SIGKILL); /* one that dies still comes back */
    EVENTUALLY(fake->starts[1] == 2);
    kill(master, SIGHUP); /* too late for that */
    assert_int_equal(end_of(master), 0);
    assert_in_range((clock_now_ns() - before) / 1000000, 1000, 1900);
    assert_int_equal(fake->starts[3], 0);
    assert_int_equal(fake->left[1], 1);
}

static void test_shutdown_delay_is_cut_by_a_second_sigterm(void **state)
{
    (void)state;
    write_env("SHUTDOWN_DELAY=3600\n");
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    kill(master, SIGTERM);
    nap_ms(100);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

/* It has the last word: the rows of the streams that end now. */
static void test_refresher_that_dies_while_workers_drain_comes_back(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    fake->stubborn = 1;
    kill(master, SIGTERM);
    EVENTUALLY(fake->terms[1] == 1 && fake->terms[2] == 1);
    assert_int_equal(fake->terms[0], 0);
    kill(fake->pids[0], SIGKILL);
    EVENTUALLY(fake->starts[0] == 2);
    fake->stubborn = 0;
    assert_int_equal(end_of(master), 0);
    assert_int_equal(fake->left[0], 1);
}

static void test_killed_processes_come_back_at_once(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    uint64_t least_ms = UINT64_MAX; /* the machine may have other work, but not three times */
    for (int slot = 0; slot <= WORKERS; slot++) {
        uint64_t before = clock_now_ns();
        kill(fake->pids[slot], SIGKILL);
        EVENTUALLY(fake->starts[slot] == 2);
        uint64_t took_ms = (clock_now_ns() - before) / 1000000;
        least_ms = took_ms < least_ms ? took_ms : least_ms;
    }
    assert_in_range(least_ms, 0, 99); /* the first pause is 100 ms */
    kill(master, SIGINT);
    assert_int_equal(end_of(master), 0);
}

static void test_crash_loop_is_throttled(void **state)
{
    (void)state;
    fake->exit_code = 1;
    uint64_t begin_ns = clock_now_ns();
    pid_t master = start_master();
    EVENTUALLY(fake->starts[1] >= 2);
    nap_ms(450); /* starts at 0, 0, 100, 300, 700, 1500 ms and so on */
    int starts = fake->starts[1], most = 2;
    for (uint64_t at_ms = 100; at_ms <= (clock_now_ns() - begin_ns) / 1000000;
         at_ms = 2 * at_ms + 100) {
        most++;
    }
    assert_in_range(starts, 2, most);
    fake->exit_code = -1;
    EVENTUALLY(fake->pids[1] != 0);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

/* A worker is killed as soon as it serves, again and again: somebody always serves, and the program
 * does not give up. */
static void test_crashes_of_workers_that_serve_are_no_outage(void **state)
{
    (void)state;
    fake->dies_ms = 20;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1));
    int before = fake->starts[1] + fake->starts[2];
    uint64_t begin_ns = clock_now_ns();
    EVENTUALLY(fake->starts[1] + fake->starts[2] - before >= 20);
    uint64_t took_ms = (clock_now_ns() - begin_ns) / 1000000;
    int starts = fake->starts[1] + fake->starts[2] - before;
    /* one after the other: half a second; with back-off alone half a minute */
    assert_in_range(took_ms, 0, 15000);
    assert_in_range(starts, 20, took_ms / 20 + 4);
    fake->dies_ms = 0;
    EVENTUALLY(kill(fake->pids[1], 0) == 0 || kill(fake->pids[2], 0) == 0);
    assert_int_equal(waitpid(master, NULL, WNOHANG), 0);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

static void test_exit_code_2_at_start_is_hopeless(void **state)
{
    (void)state;
    fake->exit_code = 2;
    assert_int_equal(end_of(start_master()), 2);
    assert_int_equal(fake->starts[1], 1);
}

static void test_port_in_use_is_hopeless(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX];
    int fd, null = open("/dev/null", O_WRONLY), saved = dup(2);
    assert_int_equal(
        listener_open("127.0.0.1", (uint16_t)strtoul(port, NULL, 10), 0, &fd, name, &err),
        STATUS_OK);
    dup2(null, 2); /* its one line is not for this test's output */
    assert_int_equal(end_of(start_master()), 2);
    dup2(saved, 2);
    close(saved);
    close(null);
    close(fd);
    assert_int_equal(fake->starts[1], 0);
}

static void test_master_killed_leaves_no_orphan(void **state)
{
    (void)state;
    struct err err;
    pid_t named;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    EVENTUALLY(pidfile_read(dir, &named, &err) == STATUS_OK);
    kill(master, SIGKILL);
    assert_int_equal(end_of(master), 1000 + SIGKILL);
    for (int slot = 0; slot <= WORKERS; slot++) {
        EVENTUALLY(gone(fake->pids[slot]));
    }
    pidfile_remove(dir, named);
    char window[sizeof dir + 16]; /* it could not take that away either */
    snprintf(window, sizeof window, "%s/top.sock", dir);
    assert_int_equal(unlink(window), 0);
}

static void test_sighup_replaces_all_processes(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1) && fake->starts[0] == 1);
    int old[] = {fake->pids[1], fake->pids[2]};
    kill(master, SIGHUP);
    EVENTUALLY(all_started(1 + WORKERS, 1) && fake->starts[0] == 2);
    EVENTUALLY(gone(old[0]) && gone(old[1]));
    kill(master, SIGHUP); /* and back into the first slots */
    EVENTUALLY(all_started(1, 2) && fake->starts[0] == 3);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
    assert_int_equal(fake->starts[1 + WORKERS], 1);
}

static void test_sighup_with_bad_settings_changes_nothing(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1));
    write_env("SHUTDOWN_TIMEOUT=soon\n");
    kill(master, SIGHUP);
    nap_ms(200);
    assert_int_equal(fake->starts[1 + WORKERS], 0);
    assert_int_equal(kill(fake->pids[1], 0), 0);
    write_env("SHUTDOWN_TIMEOUT=3\n"); /* repaired */
    kill(master, SIGHUP);
    EVENTUALLY(all_started(1 + WORKERS, 1));
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

static void test_sighup_whose_workers_fail_keeps_the_old(void **state)
{
    (void)state;
    pid_t master = start_master();
    EVENTUALLY(all_started(1, 1));
    fake->exit_code = 2;
    kill(master, SIGHUP);
    EVENTUALLY(fake->starts[1 + WORKERS] == 1);
    nap_ms(100);
    assert_int_equal(kill(fake->pids[1], 0), 0);
    assert_int_equal(fake->starts[1], 1);
    kill(master, SIGTERM);
    assert_int_equal(end_of(master), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        CASE(test_sigterm_ends_everything_with_code_0),
        CASE(test_sigterm_while_they_start_ends_them_in_order),
        CASE(test_second_sigterm_does_not_wait),
        CASE(test_sigterm_after_sighup_leaves_those_alone_that_drain),
        CASE(test_sighup_while_a_set_drains_is_done_once_after_it),
        CASE(test_shutdown_delay_serves_on),
        CASE(test_shutdown_delay_is_cut_by_a_second_sigterm),
        CASE(test_refresher_that_dies_while_workers_drain_comes_back),
        CASE(test_killed_processes_come_back_at_once),
        CASE(test_crash_loop_is_throttled),
        CASE(test_crashes_of_workers_that_serve_are_no_outage),
        CASE(test_exit_code_2_at_start_is_hopeless),
        CASE(test_port_in_use_is_hopeless),
        CASE(test_master_killed_leaves_no_orphan),
        CASE(test_sighup_replaces_all_processes),
        CASE(test_sighup_with_bad_settings_changes_nothing),
        CASE(test_sighup_whose_workers_fail_keeps_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
