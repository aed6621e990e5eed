/*
 * metadata_child.h - EC2's instance metadata in a process of its own, for what asks it and blocks.
 * Points AWS_EC2_METADATA_SERVICE_ENDPOINT there.
 */
#ifndef TESTS_UNIT_METADATA_CHILD_H
#define TESTS_UNIT_METADATA_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/loopback.h"

enum metadata { METADATA_ROLE, METADATA_NO_ROLE, METADATA_SILENT };

static void metadata_answer(struct loopback_conn *c, struct str request)
{
    static const char *const list = "GET /latest/meta-data/iam/security-credentials/ ";
    enum metadata kind = *(enum metadata *)c->server->ctx;
    if (kind == METADATA_SILENT) {
        return;
    }
    if (text_starts(request, STR("PUT /latest/api/token "))) {
        loopback_reply(c, "200 OK", STR("session"));
    } else if (kind == METADATA_NO_ROLE) {
        loopback_reply(c, "404 Not Found", STR(""));
    } else if (text_starts(request, text_from(list))) {
        loopback_reply(c, "200 OK", STR("role"));
    } else {
        loopback_reply(c, "200 OK",
                       STR("{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\",\"Token\":\"t\"}"));
    }
}

static void metadata_serve(enum metadata kind, int port_fd)
{
    struct loopback server;
    struct loop *loop = loop_new(NULL);
    assert(loop);
    loopback_open(&server, loop, metadata_answer, &kind);
    if (write(port_fd, &server.port, sizeof server.port) == (ssize_t)sizeof server.port) {
        loop_run(loop);
    }
    loopback_shut(&server);
}

static pid_t metadata_start(enum metadata kind)
{
    int ends[2];
    unsigned port;
    char url[64];
    assert(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        metadata_serve(kind, ends[1]);
        _exit(0);
    }
    assert(read(ends[0], &port, sizeof port) == (ssize_t)sizeof port);
    close(ends[0]);
    close(ends[1]);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    return pid;
}

static void metadata_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

#endif
