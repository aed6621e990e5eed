/*
 * libc.c - the functions of libc by which the worker and libcurl reach the kernel, defined here in
 * place of libc's: the linker takes the program's own first, for the shared libraries too.
 * Descriptors that are kernel.c's go there, all others to Linux by syscall(2), since the
 * sanitizers' and the fuzzer's own files come along here as well.
 */
#include "tests/fuzz/connection/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- files -------------------------------------------------------------------------------- */

int close(int fd)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_close(f) : (int)syscall(SYS_close, fd);
}

ssize_t read(int fd, void *p, size_t n)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_read(f, p, n) : syscall(SYS_read, fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_write(f, p, n) : syscall(SYS_write, fd, p, n);
}

ssize_t pwritev2(int fd, const struct iovec *piece, int count, off_t at, int flags)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_write(f, piece->iov_base, piece->iov_len)
             : syscall(SYS_pwritev2, fd, piece, count, at, at, flags);
}

/* The worker opens nothing but /dev/null; the descriptor is never given back. */
int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = va_arg(args, mode_t);
    va_end(args);
    if (kernel_on_wait && strcmp(path, "/dev/null") == 0)
        return kernel_new(KERNEL_PLAIN)->fd;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    unsigned long value = va_arg(args, unsigned long);
    va_end(args);
    return kernel_of(fd) ? 0 : (int)syscall(SYS_fcntl, fd, command, value);
}

int eventfd(unsigned int count, int flags)
{
    (void)count, (void)flags;
    return kernel_new(KERNEL_COUNTER)->fd;
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    (void)fd, (void)set, (void)flags;
    struct kernel_file *f = kernel_new(KERNEL_COUNTER);
    f->signals = true;
    return f->fd;
}

/* Those of the fuzzer stay as they are. */
int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how, (void)set, (void)old;
    return 0;
}

static bool is_ours(const struct pollfd *fds, nfds_t n)
{
    return n > 0 && kernel_of(fds[0].fd);
}

static int look(struct pollfd *fds, nfds_t n)
{
    int ready = 0;
    for (nfds_t i = 0; i < n; i++) {
        const struct kernel_file *f = kernel_of(fds[i].fd);
        uint32_t wanted = (uint16_t)fds[i].events | EPOLLERR | EPOLLHUP;
        fds[i].revents = f ? (short)(kernel_ready(f) & wanted) : POLLNVAL;
        ready += fds[i].revents != 0;
    }
    return ready;
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    struct pollfd *volatile all = fds; /* glibc declares that poll only writes there */
    return is_ours(all, n) ? look(all, n) : (int)syscall(SYS_poll, fds, n, timeout_ms);
}

/* ---- sockets ------------------------------------------------------------------------------ */

int socket(int domain, int type, int protocol)
{
    (void)protocol;
    if (domain != AF_INET || (type & 0xf) != SOCK_STREAM) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    return kernel_new(KERNEL_STREAM)->fd;
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
    (void)domain, (void)type, (void)protocol;
    pair[0] = kernel_new(KERNEL_PLAIN)->fd;
    pair[1] = kernel_new(KERNEL_PLAIN)->fd;
    return 0;
}

int connect(int fd, const struct sockaddr *a, socklen_t n)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_connect(f) : (int)syscall(SYS_connect, fd, a, n);
}

int accept4(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_accept(f) : (int)syscall(SYS_accept4, fd, a, n, flags);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_recv(f, p, n, flags & MSG_PEEK)
             : syscall(SYS_recvfrom, fd, p, n, flags, NULL, NULL);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    struct kernel_file *f = kernel_of(fd);
    return f ? kernel_send(f, p, n) : syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    struct kernel_file *f = kernel_of(fd);
    ssize_t sent = 0;
    if (!f)
        return syscall(SYS_sendmsg, fd, m, flags);
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        long n = kernel_send(f, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
        if (n < 0)
            return sent > 0 ? sent : n;
        sent += n;
        if ((size_t)n < m->msg_iov[i].iov_len)
            break;
    }
    return sent;
}

int shutdown(int fd, int how)
{
    struct kernel_file *f = kernel_of(fd);
    if (!f)
        return (int)syscall(SYS_shutdown, fd, how);
    f->shut |= how != SHUT_RD;
    kernel_moves++;
    return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    struct kernel_file *f = kernel_of(fd);
    if (!f)
        return (int)syscall(SYS_setsockopt, fd, level, name, value, n);
    if (level == SOL_SOCKET && name == SO_LINGER)
        f->lingering = ((const struct linger *)value)->l_onoff;
    return 0;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
    struct kernel_file *f = kernel_of(fd);
    if (!f)
        return (int)syscall(SYS_getsockopt, fd, level, name, value, n);
    memset(value, 0, *n);
    if (level == SOL_SOCKET && name == SO_ERROR)
        *(int *)value = kernel_take_error(f);
    return 0;
}

static int address(struct sockaddr *out, socklen_t *n)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(4711), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memcpy(out, &a, *n < sizeof a ? *n : sizeof a);
    *n = sizeof a;
    return 0;
}

int getsockname(int fd, struct sockaddr *a, socklen_t *n)
{
    return kernel_of(fd) ? address(a, n) : (int)syscall(SYS_getsockname, fd, a, n);
}

int getpeername(int fd, struct sockaddr *a, socklen_t *n)
{
    struct kernel_file *f = kernel_of(fd);
    if (f && f->reset) {
        errno = ENOTCONN;
        return -1;
    }
    return f ? address(a, n) : (int)syscall(SYS_getpeername, fd, a, n);
}

/* ---- epoll -------------------------------------------------------------------------------- */

int epoll_create1(int flags)
{
    (void)flags;
    return kernel_new(KERNEL_PLAIN)->fd;
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    (void)epoll;
    return kernel_epoll_ctl(op, kernel_of(fd), event);
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
    (void)epoll;
    return kernel_epoll_wait(events, max, timeout_ms);
}

/* ---- what must be the same each time ------------------------------------------------------ */

int clock_gettime(clockid_t id, struct timespec *out)
{
    bool calendar = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE; /* the fuzzer's own */
    if (calendar || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYS_clock_gettime, id, out);
    uint64_t ms = kernel_clock_ms();
    *out = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    return 0;
}

ssize_t getrandom(void *p, size_t n, unsigned flags)
{
    (void)flags;
    kernel_random(p, n);
    return (ssize_t)n;
}

/* A worker makes the key table read-only for itself; here the refresher lives in the same process.
 */
int mprotect(void *p, size_t n, int protection)
{
    if (kernel_on_wait && protection == PROT_READ)
        return 0;
    return (int)syscall(SYS_mprotect, p, n, protection);
}
