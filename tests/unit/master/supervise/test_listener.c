#include "master/supervise/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 a;
    socklen_t n = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin6_port); /* at the same place as in sockaddr_in */
}

static void test_open_addresses_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *host, *name; /* NULL: refused */
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:0"},
        {"0.0.0.0", "0.0.0.0:0"},
        {"::1", "[::1]:0"},
        {"[::1]", "[::1]:0"},
        {"::", "[::]:0"},
        {"localhost", NULL},
        {"", NULL},
        {"127.0.0.1.", NULL},
        {"[::1", NULL},
        {"192.0.2.1", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {.text = ""};
        char name[LISTENER_NAME_MAX];
        int fd = -1;
        enum status status = listener_open(rows[i].host, 0, 0, &fd, name, &err);
        bool fine = rows[i].name ? status == STATUS_OK && strcmp(name, rows[i].name) == 0
                                 : status == STATUS_INVALID && strstr(err.text, "HOST");
        if (!fine) {
            fail_msg("row \"%s\": %d %s", rows[i].host, (int)status, err.text);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

static void test_open_socket_is_listening_and_non_blocking(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX];
    int fd, listening = 0;
    socklen_t n = sizeof listening;
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &fd, name, &err), STATUS_OK);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n), 0);
    assert_true(listening);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void test_open_port_in_use_names_port_and_setting(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX], number[16];
    int first, second = -1;
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &first, name, &err), STATUS_OK);
    uint16_t port = port_of(first);
    assert_int_equal(listener_open("127.0.0.1", port, 30, &second, name, &err), STATUS_INVALID);
    snprintf(number, sizeof number, "%u", port);
    assert_non_null(strstr(err.text, number));
    assert_non_null(strstr(err.text, "PORT"));
    assert_int_equal(second, -1);
    close(first);
}

/* As after kill -9 of a master: its workers need a moment to notice and to close the socket. */
static void test_open_port_of_a_leaving_process_is_waited_for(void **state)
{
    (void)state;
    struct err err;
    char name[LISTENER_NAME_MAX];
    int first, second = -1, go[2];
    assert_int_equal(pipe(go), 0);
    assert_int_equal(listener_open("127.0.0.1", 0, 0, &first, name, &err), STATUS_OK);
    uint16_t port = port_of(first);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        _exit(read(go[0], &byte, 1) == 1 && usleep(50000) == 0 ? 0 : 1);
    }
    assert_true(pid > 0);
    close(first);
    assert_int_equal(listener_open("127.0.0.1", port, 0, &second, name, &err), STATUS_INVALID);
    assert_int_equal(write(go[1], "x", 1), 1); /* not before this one was refused */
    assert_int_equal(listener_open("127.0.0.1", port, 20000, &second, name, &err), STATUS_OK);
    close(second);
    close(go[0]);
    close(go[1]);
    waitpid(pid, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_addresses_as_listed),
        cmocka_unit_test(test_open_socket_is_listening_and_non_blocking),
        cmocka_unit_test(test_open_port_in_use_names_port_and_setting),
        cmocka_unit_test(test_open_port_of_a_leaving_process_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
