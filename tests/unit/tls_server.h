/*
 * tls_server.h - openssl s_server with a throw-away certificate for 127.0.0.1, which is its own CA. Its
 * page tells whether a session was resumed ("Reused, TLSv1.3"), and each answer ends its connection. It
 * remembers no sessions: those that come back have a ticket.
 */
#ifndef TESTS_UNIT_TLS_SERVER_H
#define TESTS_UNIT_TLS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct tls_server {
    char dir[32], cert[64], key[64];
    int held; /* keeps the port while the server is away; never listens */
    unsigned port;
    pid_t pid;
};

extern char **environ;

static pid_t tls_server_openssl(char *const argv[], int out_fd)
{
    pid_t pid;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&pid, "openssl", &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    return failed ? -1 : pid;
}

static bool tls_server_certify(struct tls_server *s)
{
    char *argv[] = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "1",
                    "-subj",
                    "/CN=test",
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                    "-keyout",
                    s->key,
                    "-out",
                    s->cert,
                    NULL};
    int status = -1;
    pid_t pid = tls_server_openssl(argv, 2);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* From here on until tls_server_stop it listens. version: "-tls1_2", "-tls1_3". */
static void tls_server_start(struct tls_server *s, char *version)
{
    char place[32], line[100] = "";
    char *argv[] = {"openssl", "s_server", "-accept", place,       "-cert", s->cert,
                    "-key",    s->key,     "-www",    "-no_cache", version, NULL};
    int ends[2];
    snprintf(place, sizeof place, "127.0.0.1:%u", s->port);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    s->pid = tls_server_openssl(argv, ends[1]);
    assert_true(s->pid > 0);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    assert_non_null(out);
    while (fgets(line, sizeof line, out) && strncmp(line, "ACCEPT", 6) != 0)
        continue;
    fclose(out);
    assert_memory_equal(line, "ACCEPT", 6);
}

static void tls_server_stop(struct tls_server *s)
{
    kill(s->pid, SIGTERM);
    waitpid(s->pid, NULL, 0);
}

/* False: there is no openssl program. */
static bool tls_server_open(struct tls_server *s, char *version)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    snprintf(s->dir, sizeof s->dir, "/tmp/tls_server.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->cert, sizeof s->cert, "%s/cert.pem", s->dir);
    snprintf(s->key, sizeof s->key, "%s/key.pem", s->dir);
    if (!tls_server_certify(s)) {
        rmdir(s->dir);
        return false;
    }
    s->held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->held, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(s->held, (struct sockaddr *)&a, size), 0);
    getsockname(s->held, (struct sockaddr *)&a, &size);
    s->port = ntohs(a.sin_port);
    tls_server_start(s, version);
    return true;
}

static void tls_server_shut(struct tls_server *s)
{
    tls_server_stop(s);
    close(s->held);
    unlink(s->cert);
    unlink(s->key);
    rmdir(s->dir);
}

#endif
