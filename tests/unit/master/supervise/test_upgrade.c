#include "master/supervise/upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/platform/secrets.h"

#define INHERITED            "LLM_API_CONVERTER_INHERITED"
#define PORT_IS              "TEST_UPGRADE_PORT" /* what the successor is to find */
#define TOOK_OVER            42
#define TOOK_OVER_WITH_STATE 43 /* and STATE_DIR by descriptor */

static char name[LISTENER_NAME_MAX];

static int open_listener(uint16_t *port_out)
{
    struct err err;
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    int fd;
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &fd, name, &err), STATUS_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port_out = ntohs(a.sin_port);
    return fd;
}

static int take(uint16_t port)
{
    return upgrade_socket("127.0.0.1", port, name);
}

static void inherit(int fd, pid_t parent)
{
    char text[64];
    snprintf(text, sizeof text, "%d %d", fd, (int)parent);
    setenv(INHERITED, text, 1);
}

static void test_socket_of_the_parent_is_taken_once(void **state)
{
    (void)state;
    uint16_t port;
    int fd = open_listener(&port);
    fcntl(fd, F_SETFD, 0);
    inherit(fd, getppid());
    assert_int_equal(take(port), fd);
    assert_non_null(strstr(name, "127.0.0.1:"));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(upgrade_parent(), getppid());
    assert_null(getenv(INHERITED));
    assert_int_equal(take(port), -1);
    close(fd);
}

static void test_socket_that_is_not_meant_for_us_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "7", "7 x", "0 1", "-1 1", "999999 1"};
    uint16_t port;
    unsetenv(INHERITED);
    assert_int_equal(take(1), -1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        setenv(INHERITED, texts[i], 1);
        assert_int_equal(take(1), -1);
    }
    int fd = open_listener(&port);
    inherit(fd, getpid()); /* an environment that went astray: we are nobody's child there */
    assert_int_equal(take(port), -1);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    inherit(999, getppid());
    assert_int_equal(take(port), -1);
    close(fd);
}

/* PORT has changed in the meantime: the old one is let go. */
static void test_socket_of_another_address_is_closed(void **state)
{
    (void)state;
    uint16_t port;
    int fd = open_listener(&port);
    inherit(fd, getppid());
    assert_int_equal(take(1), -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    fd = socket(AF_INET, SOCK_STREAM, 0); /* nor one that listens nowhere */
    inherit(fd, getppid());
    assert_int_equal(upgrade_socket("0.0.0.0", 0, name), -1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static int end_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* This program is its own successor: main() below says whether it got the socket. */
static void test_start_hands_the_socket_to_the_program_on_disk(void **state)
{
    (void)state;
    struct err err;
    char number[8];
    uint16_t port;
    pid_t pid;
    int fd = open_listener(&port);
    snprintf(number, sizeof number, "%u", port);
    setenv(PORT_IS, number, 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hunter2", 1);
    setenv("AWS_SESSION_TOKEN", "", 1);
    upgrade_remember((char *[]){"upgraded", NULL});
    setenv("AWS_SESSION_TOKEN", "of .env", 1); /* the successor reads the file for itself */
    assert_int_equal(secrets_lock_away(&err), STATUS_OK);
    assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    assert_int_equal(upgrade_start(fd, -1, &pid, &err), STATUS_OK);
    assert_int_equal(end_of(pid), TOOK_OVER);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* the child alone let go of that */
    setenv(PORT_IS, "1", 1);                          /* not the environment that was remembered */
    int state_fd = open("/tmp", O_PATH | O_CLOEXEC);
    assert_int_equal(upgrade_start(fd, state_fd, &pid, &err), STATUS_OK);
    assert_int_equal(end_of(pid), TOOK_OVER_WITH_STATE);
    close(state_fd);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_of_the_parent_is_taken_once),
        cmocka_unit_test(test_socket_that_is_not_meant_for_us_is_none),
        cmocka_unit_test(test_socket_of_another_address_is_closed),
        cmocka_unit_test(test_start_hands_the_socket_to_the_program_on_disk),
    };
    if (argc == 1 && strcmp(argv[0], "upgraded") == 0) {
        uint16_t port = (uint16_t)strtoul(getenv(PORT_IS), NULL, 10);
        const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
        if (take(port) < 0 || upgrade_parent() != getppid() || !secret ||
            strcmp(secret, "hunter2") != 0 || getenv("AWS_SESSION_TOKEN")) {
            return 1;
        }
        return upgrade_state_fd() < 0                             ? TOOK_OVER
               : fcntl(upgrade_state_fd(), F_GETFD) == FD_CLOEXEC ? TOOK_OVER_WITH_STATE
                                                                  : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
