#include "master/supervise/commons.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/net/loop.h"

static struct roster r;
static struct config c;
static char dir[64], journal[96], port[8];

static int set_up(void **state)
{
    (void)state;
    static struct config_override overrides[] = {
        {"WORKERS", "2"},        {"HOST", "127.0.0.1"}, {"STATE_DIR", dir},
        {"MAX_KEYS", "64"},      {"PORT", port},        {"USAGE_JOURNAL", journal},
        {"RUN_AS_USER", "root"}, {"ALLOW_ROOT", "true"}};
    struct err err;
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    char name[LISTENER_NAME_MAX];
    int fd;
    log_init(LOG_OFF, LOG_FORMAT_TEXT, "test");
    clock_tick();
    snprintf(dir, sizeof dir, "/tmp/test_commons.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(journal, sizeof journal, "%s/usage.journal", dir);
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &fd, name, &err), STATUS_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    snprintf(port, sizeof port, "%u", ntohs(a.sin_port));
    close(fd);
    r = (struct roster){.window_fd = -1};
    return config_load(&c, NULL, overrides, sizeof overrides / sizeof overrides[0], &err);
}

static int tear_down(void **state)
{
    (void)state;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    config_free(&c);
    remove(journal);
    return rmdir(dir);
}

static void test_open_makes_everything_that_is_shared(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX], byte;
    assert_int_equal(commons_open(&r, &c, name, &err), STATUS_OK);
    assert_non_null(strstr(name, port));
    assert_int_equal(r.set_size, 2);
    assert_int_equal(r.segment.header->workers, 4); /* two sets */
    assert_ptr_equal(r.segment.journal, &r.journal);
    assert_int_equal(access(journal, F_OK), 0);
    assert_int_equal(read(r.dead_fd, &byte, 1), -1); /* nothing, and no end: we live */
    raise(SIGHUP);
    assert_int_equal(loop_signalfd_read(r.signal_fd, NULL), SIGHUP); /* read, not died of */
    close(r.listen_fd);
    commons_close(&r);
    assert_int_equal(fcntl(r.dead_fd, F_GETFD), -1);
}

static void test_open_of_a_port_in_use_is_invalid(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX];
    int fd;
    uint16_t number = (uint16_t)strtoul(port, NULL, 10);
    assert_int_equal(listener_open("127.0.0.1", number, 0, &fd, name, &err), STATUS_OK);
    assert_int_equal(commons_open(&r, &c, name, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, port));
    close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_open_makes_everything_that_is_shared),
        CASE(test_open_of_a_port_in_use_is_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
