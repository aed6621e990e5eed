#include "master/supervise/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/text.h"

#define BACKLOG  4096 /* the kernel clips it to net.core.somaxconn */
#define RETRY_MS 10u

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static struct str without_brackets(struct str host)
{
    bool wrapped = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    return wrapped ? text_sub(host, 1, host.n - 2) : host;
}

static bool parse_address(const char *host, uint16_t port, union address *a, socklen_t *n_out)
{
    char literal[INET6_ADDRSTRLEN];
    struct str bare = without_brackets(text_from(host));
    memset(a, 0, sizeof *a);
    if (bare.n >= sizeof literal) {
        return false;
    }
    text_copy(bare, literal, sizeof literal);
    if (inet_pton(AF_INET, literal, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons(port);
        *n_out = sizeof a->v4;
        return true;
    }
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons(port);
    *n_out = sizeof a->v6;
    return inet_pton(AF_INET6, literal, &a->v6.sin6_addr) == 1;
}

static enum status explain(int error, const char *host, uint16_t port, struct err *err)
{
    if (error == EADDRINUSE) {
        return err_set(
            err, STATUS_INVALID,
            "port %u is taken on %s: stop the program that listens there, or set PORT (or HOST)",
            port, host);
    }
    if (error == EACCES) {
        return err_set(err, STATUS_INVALID, "PORT %u needs root: choose one above 1023", port);
    }
    if (error == EADDRNOTAVAIL) {
        return err_set(err, STATUS_INVALID, "HOST %s is not an address of this machine", host);
    }
    return err_set(err, STATUS_INVALID, "cannot listen on HOST %s PORT %u: %s", host, port,
                   strerrordesc_np(error));
}

static int bound_socket(const union address *a, socklen_t n)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) {
        return -1;
    }
    /* connections of the previous run in TIME_WAIT must not keep us from the port; not
     * SO_REUSEPORT, so a second server on the same port is an error and no silent sharing */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &a->any, n) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Workers whose master was killed close the socket as soon as they notice: a moment's patience, and
 * whoever started us need not do it twice. */
static int patient_socket(const union address *a, socklen_t n, unsigned wait_ms)
{
    int fd = bound_socket(a, n);
    for (unsigned ms = 0; fd < 0 && errno == EADDRINUSE && ms < wait_ms; ms += RETRY_MS) {
        usleep(RETRY_MS * 1000u);
        fd = bound_socket(a, n);
    }
    return fd;
}

static void put_name(const union address *a, char name_out[LISTENER_NAME_MAX])
{
    char literal[INET6_ADDRSTRLEN];
    bool v6 = a->any.sa_family == AF_INET6;
    const void *bytes = v6 ? (const void *)&a->v6.sin6_addr : (const void *)&a->v4.sin_addr;
    inet_ntop(a->any.sa_family, bytes, literal, sizeof literal);
    snprintf(name_out, LISTENER_NAME_MAX, v6 ? "[%s]:%u" : "%s:%u", literal,
             ntohs(v6 ? a->v6.sin6_port : a->v4.sin_port));
}

bool listener_is_at(int fd, const char *host, uint16_t port, char name_out[LISTENER_NAME_MAX])
{
    union address want, is;
    char name[LISTENER_NAME_MAX];
    socklen_t n = sizeof is;
    int listening = 0;
    if (!parse_address(host, port, &want, &n) || getsockname(fd, &is.any, &n) != 0 ||
        is.any.sa_family != want.any.sa_family) {
        return false;
    }
    n = sizeof listening;
    put_name(&want, name_out);
    put_name(&is, name);
    return strcmp(name, name_out) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening;
}

enum status listener_open(const char *host, uint16_t port, unsigned wait_ms, int *fd_out,
                          char name_out[LISTENER_NAME_MAX], struct err *err)
{
    union address a;
    socklen_t n;
    if (!parse_address(host, port, &a, &n)) {
        return err_set(err, STATUS_INVALID,
                       "HOST %s: an IPv4 or IPv6 address is needed (0.0.0.0 or :: for all)", host);
    }
    put_name(&a, name_out);
    *fd_out = patient_socket(&a, n, wait_ms);
    return *fd_out < 0 ? explain(errno, host, port, err) : STATUS_OK;
}
