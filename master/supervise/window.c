#include "master/supervise/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME       "top.sock"
#define FRESH      "top.sock.new"
#define BACKLOG    8
#define A_TURN     8 /* so many are served before the master does something else */
#define PATIENCE_S 2

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* Addresses of sockets have 108 bytes, paths have more: named through a descriptor of the
 * directory. */
static bool address_of(int directory, const char *name, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", directory, name);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

static int open_directory(const char *state_dir)
{
    return open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* --- master -------------------------------------------------------------------------------- */

enum status window_open(const char *state_dir, int *fd_out, struct err *err)
{
    struct sockaddr_un a;
    int directory = open_directory(state_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = directory >= 0 && fd >= 0 && address_of(directory, FRESH, &a);
    if (ok) {
        unlinkat(directory, FRESH, 0);
        mode_t before = umask(0177);
        ok = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        umask(before);
        ok = ok && listen(fd, BACKLOG) == 0 && renameat(directory, FRESH, directory, NAME) == 0;
    }
    int error = errno;
    if (directory >= 0) {
        close(directory);
    }
    if (!ok && fd >= 0) {
        close(fd);
    }
    *fd_out = ok ? fd : -1;
    return ok ? STATUS_OK
              : err_set(err, STATUS_UNAVAILABLE, "cannot make %s/" NAME ": %s", state_dir,
                        strerrordesc_np(error));
}

static bool is_ours(int peer)
{
    struct ucred who;
    socklen_t n = sizeof who;
    return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
           (who.uid == 0 || who.uid == geteuid());
}

static void show(int peer, int shown_fd)
{
    char byte = 0;
    struct iovec data = {&byte, 1};
    union control control = {0};
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof shown_fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    *(int *)(void *)CMSG_DATA(c) = shown_fd;
    (void)!sendmsg(peer, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void window_serve(int fd, int shown_fd)
{
    for (int i = 0; i < A_TURN; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0) {
            return;
        }
        if (is_ours(peer)) {
            show(peer, shown_fd);
        }
        close(peer);
    }
}

/* Another master may have put its own there since: only the listener can tell whose the file is,
 * and it is asked by its pid. */
void window_close(const char *state_dir, int fd)
{
    int other, directory;
    pid_t pid;
    struct err err;
    if (fd < 0) {
        return;
    }
    close(fd);
    if (window_look(state_dir, &other, &pid, &err) == STATUS_OK) {
        close(other);
        return;
    }
    directory = open_directory(state_dir);
    if (directory >= 0) {
        unlinkat(directory, NAME, 0);
        close(directory);
    }
}

/* --- top ----------------------------------------------------------------------------------- */

static int receive(int fd)
{
    char byte;
    struct iovec data = {&byte, 1};
    union control control;
    struct msghdr m = {.msg_iov = &data,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *c;
    if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != 1 || !(c = CMSG_FIRSTHDR(&m)) ||
        c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int))) {
        return -1;
    }
    return *(int *)(void *)CMSG_DATA(c);
}

static int dial(const char *state_dir)
{
    struct sockaddr_un a;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int directory = open_directory(state_dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = directory >= 0 && fd >= 0 && address_of(directory, NAME, &a) &&
              setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
              connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    int error = errno;
    if (directory >= 0) {
        close(directory);
    }
    if (!ok && fd >= 0) {
        close(fd);
    }
    errno = error;
    return ok ? fd : -1;
}

enum status window_look(const char *state_dir, int *fd_out, pid_t *pid_out, struct err *err)
{
    struct ucred who;
    socklen_t n = sizeof who;
    int fd = dial(state_dir);
    if (fd < 0) {
        return err_set(err, STATUS_NOT_FOUND, "%s/" NAME ": %m", state_dir);
    }
    *pid_out = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 ? who.pid : 0;
    *fd_out = receive(fd);
    close(fd);
    return *fd_out >= 0 ? STATUS_OK
                        : err_set(err, STATUS_UNAVAILABLE,
                                  "%s/" NAME ": the server is another user's", state_dir);
}
