#include "master/supervise/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "server/base/log.h"
#include "server/platform/secrets.h"
#include "tests/unit/fake_processes.h"

static void test_name_by_slot(void **state)
{
    (void)state;
    char name[CHILD_NAME_MAX];
    child_name(0, name);
    assert_string_equal(name, "refresher");
    child_name(64, name);
    assert_string_equal(name, "worker 64");
}

static void test_fork_child_has_left_the_masters_things(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, 0};
    struct segment s;
    struct config c;
    struct err err;
    int ends[2];
    setenv("MASTER_API_KEY", "something-long-enough", 1);
    setenv("SANDBOX", FAKE_SANDBOX, 1);
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "test");
    fake_open();
    assert_int_equal(config_load(&c, NULL, NULL, 0, &err), STATUS_OK);
    assert_int_equal(segment_create(&s, 2, 64, &err), STATUS_OK);
    assert_int_equal(pipe(ends), 0);
    struct child_place place = {&c, &s, 1, dup(0), ends[0], ends[1], loop_signalfd(signals, &err),
                                -1};
    assert_int_equal(secrets_lock_away(&err), STATUS_OK);
    pid_t pid = child_fork(&place);
    assert_true(pid > 0);
    while (s.scoreboard[1].state != SCOREBOARD_READY) {
        usleep(1000);
    }
    assert_true(fake->group_is_own);
    assert_true(fake->listener_seen);
    assert_false(fake->environment_seen);
    close(ends[1]); /* ours was the last write end only if the child has closed its copy */
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(place.listen_fd);
    close(place.signal_fd);
    segment_drop(&s);
    config_free(&c);
}

static void test_forbid_cores_obeys_core_dumps(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit before, kept, none;
        getrlimit(RLIMIT_CORE, &before);
        child_forbid_cores(&(struct config){.core_dumps = true});
        getrlimit(RLIMIT_CORE, &kept);
        child_forbid_cores(&(struct config){.core_dumps = false});
        getrlimit(RLIMIT_CORE, &none);
        _exit(kept.rlim_cur == before.rlim_cur && none.rlim_max == 0 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static int oom_score(pid_t pid)
{
    int value = -9999;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
    FILE *f = fopen(path, "r");
    if (f) {
        if (fscanf(f, "%d", &value) != 1) {
            value = -9999;
        }
        fclose(f);
    }
    return value;
}

/* In a process of its own: what is raised cannot always be taken back. */
static int oom_of_child(void)
{
    static const int signals[] = {SIGTERM, 0};
    struct segment s;
    struct config c;
    struct err err;
    int ends[2], before = oom_score(getpid());
    child_oom_prepare();
    int own = oom_score(getpid());
    if (own != before && own != before - 100) { /* only with the right to lower it */
        return 1;
    }
    fake_open();
    if (config_load(&c, NULL, NULL, 0, &err) != STATUS_OK ||
        segment_create(&s, 2, 64, &err) != STATUS_OK || pipe(ends) != 0) {
        return 2;
    }
    struct child_place place = {&c, &s, 1, dup(0), ends[0], ends[1], loop_signalfd(signals, &err),
                                -1};
    pid_t pid = child_fork(&place);
    int child = oom_score(pid), after = oom_score(getpid());
    close(ends[1]);
    waitpid(pid, NULL, 0);
    return child == own + 200 && after == own ? 0 : 3;
}

static void test_fork_child_is_taken_before_the_master_when_memory_is_out(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(oom_of_child());
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_by_slot),
        cmocka_unit_test(test_fork_child_has_left_the_masters_things),
        cmocka_unit_test(test_forbid_cores_obeys_core_dumps),
        cmocka_unit_test(test_fork_child_is_taken_before_the_master_when_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
