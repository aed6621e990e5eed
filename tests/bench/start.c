/*
 * start.c - how long a server takes from exec to its first answer: starts the program, asks again and
 * again until it answers 200, and ends it.
 *
 * usage: start PORT PATH PROGRAM [ARGUMENT...]
 * Prints one JSON line: milliseconds from exec to the first accepted connection and to the first 200.
 * The asker's own part is less than a tenth of a millisecond. Loopback only.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATE_MS 10000.0

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static pid_t start(char **argv)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(nothing, STDOUT_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    close(nothing);
    return pid;
}

/* -1: refused. */
static int reach(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static bool is_ok(int fd, const char *path)
{
    char request[256], answer[12];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return send(fd, request, (size_t)n, MSG_NOSIGNAL) == n &&
           recv(fd, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer &&
           memcmp(answer, "HTTP/1.1 200", sizeof answer) == 0;
}

static bool ask(const struct sockaddr_in *address, const char *path, double began_ms)
{
    double open_ms = 0;
    while (now_ms() - began_ms < LATE_MS) {
        int fd = reach(address);
        bool ok = false;
        if (fd >= 0) {
            open_ms = open_ms > 0 ? open_ms : now_ms() - began_ms;
            ok = is_ok(fd, path);
            close(fd);
        }
        if (ok) {
            printf("{\"open_ms\": %.3f, \"first_ms\": %.3f}\n", open_ms, now_ms() - began_ms);
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: start PORT PATH PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    double began_ms = now_ms();
    pid_t pid = start(argv + 3);
    bool ok = pid > 0 && ask(&address, argv[2], began_ms);
    if (pid > 0) {
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
    }
    return ok ? 0 : 1;
}
