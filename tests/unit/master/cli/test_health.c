#include "master/cli/health.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/cli_case.h"

static unsigned port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    return ntohs(a.sin_port);
}

static int listen_here(void)
{
    const struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* One connection, in a child: exit 0 if the request began as it should. answer NULL: none. */
static pid_t answer_once(int fd, const char *request, const char *answer)
{
    pid_t pid = fork();
    if (pid == 0) {
        char got[256] = "";
        int c = accept(fd, NULL, NULL);
        ssize_t n = recv(c, got, sizeof got - 1, 0);
        if (answer) {
            send(c, answer, strlen(answer), MSG_NOSIGNAL);
        } else {
            n += recv(c, got + n, sizeof got - 1 - (size_t)n, 0); /* until the client leaves */
        }
        _exit(strncmp(got, request, strlen(request)) != 0);
    }
    return pid;
}

static void test_ask_answers_decide(void **state)
{
    (void)state;
    static const struct {
        const char *name, *path, *answer, *error;
    } cases[] = {
        {"well", "/health", "HTTP/1.1 200 OK\r\n\r\n", NULL},
        {"old version", "/health", "HTTP/1.0 200 OK\r\n\r\n", NULL},
        {"root", "/", "HTTP/1.1 200 OK\r\n\r\n", NULL},
        {"draining", "/health", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "answered 503"},
        {"another program", "/health", "SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"},
        {"cut", "/health", "HTTP/1.1 2", "not HTTP"},
        {"silent", "/health", NULL, "nothing in time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char url[64], request[64];
        struct err err = {.text = ""};
        int fd = listen_here(), code;
        snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port_of(fd), cases[i].path);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n",
                 cases[i].path, port_of(fd));
        pid_t child = answer_once(fd, request, cases[i].answer);
        enum status status = health_ask(url, 1, &err);
        waitpid(child, &code, 0);
        close(fd);
        if ((status == STATUS_OK) != (cases[i].error == NULL) || code != 0 ||
            (cases[i].error && !strstr(err.text, cases[i].error))) {
            fail_msg("%s: status %d, \"%s\", request %d", cases[i].name, (int)status, err.text,
                     code);
        }
    }
}

static void test_ask_nobody_listens_says_so(void **state)
{
    (void)state;
    char url[64];
    struct err err;
    int fd = listen_here();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/health", port_of(fd));
    close(fd);
    assert_int_not_equal(health_ask(url, 1, &err), STATUS_OK);
    assert_non_null(strstr(err.text, "is the gateway running?"));
}

static void test_run_uses_the_port_of_the_settings(void **state)
{
    (void)state;
    char port[8];
    int fd = listen_here(), code;
    snprintf(port, sizeof port, "%u", port_of(fd));
    setenv("PORT", port, 1);
    pid_t child = answer_once(fd, "GET /health ", "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(cli_run(health_run, ""), 0);
    waitpid(child, &code, 0);
    close(fd);
    unsetenv("PORT");
    assert_int_equal(code, 0);
    assert_string_equal(cli_err, "");
}

static void test_run_wrong_usage_is_2(void **state)
{
    (void)state;
    static const char *const lines[] = {"--url https://example.com/health", "--url 127.0.0.1:80",
                                        "--timeout 0", "--timeout soon", "extra"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (cli_run(health_run, lines[i]) != 2 || cli_lines(cli_err) != 1) {
            fail_msg("%s: %s", lines[i], cli_err);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ask_answers_decide),
        cmocka_unit_test(test_ask_nobody_listens_says_so),
        CLI_CASE(test_run_uses_the_port_of_the_settings),
        CLI_CASE(test_run_wrong_usage_is_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
