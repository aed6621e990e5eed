/*
 * taken_over.c - a worker in which somebody else's code runs: only in build/taken (make
 * VARIANT=taken), where the linker puts it in front of exchange_open (--wrap). The shipped sources
 * know nothing of it. A request with the header "x-taken-over: ATTEMPT [ARGUMENT]" makes the
 * worker try one thing; the log says what came of it ("taken-over: read /etc/shadow: Permission
 * denied"), or the worker dies of it. tests/system/85_taken_over.sh drives every row.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/log.h"
#include "shm/journal/journal.h"
#include "worker/exchange/exchange.h"

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

/* 0 or more: it worked; -1 with errno */
typedef long attempt_fn(const char *argument, struct worker *w);

static long read_file(const char *path, struct worker *w)
{
    (void)w;
    char bytes[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0) {
        close(fd);
    }
    return n;
}

/* /proc/<master>/NAME */
static long read_master(const char *name, struct worker *w)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)getppid(), name);
    return read_file(path, w);
}

static long write_file(const char *path, struct worker *w)
{
    (void)w;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : write(fd, "x", 1);
}

/* Whatever was left open: does any of it hold the secret (its name, that is)? */
static long search_descriptors(const char *word, struct worker *w)
{
    (void)w;
    static char bytes[65536];
    long found = 0;
    for (int fd = 3; fd < 1024; fd++) {
        ssize_t n = pread(fd, bytes, sizeof bytes, 0);
        found += n > 0 && memmem(bytes, (size_t)n, word, strlen(word)) != NULL;
    }
    errno = ENOENT;
    return found ? found : -1;
}

static long in_environment(const char *name, struct worker *w)
{
    (void)w;
    errno = ENOENT;
    return getenv(name) ? 0 : -1;
}

static long exec_it(const char *path, struct worker *w)
{
    (void)w;
    return execl(path, path, "-c", "echo taken-over: exec works >&2", NULL);
}

static long fork_it(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid;
}

static long trace_master(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static long read_memory(const char *argument, struct worker *w)
{
    (void)argument;
    char bytes[8];
    struct iovec to = {bytes, sizeof bytes};
    struct iovec from = {w->segment->header, sizeof bytes}; /* is at the same place there */
    return process_vm_readv(getppid(), &to, 1, &from, 1, 0);
}

static long signal_master(const char *sig, struct worker *w)
{
    (void)w;
    return kill(getppid(), number(sig));
}

static long signal_thread(const char *sig, struct worker *w)
{
    (void)w;
    return syscall(SYS_tgkill, getppid(), getppid(), number(sig));
}

/* A socket may send any signal to any process of the same user when bytes come. */
static long signal_by_socket(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || fcntl(pair[0], F_SETSIG, SIGTERM) != 0 ||
        fcntl(pair[0], F_SETOWN, getppid()) != 0 || fcntl(pair[0], F_SETFL, O_ASYNC) != 0) {
        return -1;
    }
    return write(pair[1], "x", 1);
}

static long connect_unix(const char *path, struct worker *w)
{
    (void)w;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof a);
}

static long tcp(const char *port, int (*call)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)number(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    long rc = fd < 0 ? -1 : call(fd, (struct sockaddr *)&a, sizeof a);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static long connect_tcp(const char *port, struct worker *w)
{
    (void)w;
    return tcp(port, connect);
}

static long bind_tcp(const char *port, struct worker *w)
{
    (void)w;
    return tcp(port, bind);
}

static long listen_tcp(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    return listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 1);
}

static long raw_socket(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long new_code(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? -1 : 0;
}

static long make_code(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long write_key_table(const char *argument, struct worker *w)
{
    (void)argument;
    return mprotect(w->segment->directory, 4096, PROT_READ | PROT_WRITE);
}

static long cut_journal(const char *argument, struct worker *w)
{
    (void)argument;
    return w->segment->journal ? ftruncate(w->segment->journal->fd, 0) : -1;
}

static long remove_file(const char *path, struct worker *w)
{
    (void)w;
    return unlink(path);
}

static long become_root(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    return setresuid(0, 0, 0);
}

static long show_itself(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    return prctl(PR_SET_DUMPABLE, 1);
}

static long io_uring(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    char parameters[120] = {0};
    return syscall(SYS_io_uring_setup, 1, parameters);
}

static long abort_it(const char *argument, struct worker *w)
{
    (void)argument, (void)w;
    abort();
}

static long fail_an_assertion(const char *argument, struct worker *w)
{
    assert(!argument && !w);
    return 0;
}

static const struct {
    const char *name;
    attempt_fn *fn;
} attempts[] = {
    {"abort", abort_it},
    {"assert", fail_an_assertion},
    {"become-root", become_root},
    {"bind", bind_tcp},
    {"connect", connect_tcp},
    {"connect-unix", connect_unix},
    {"cut-journal", cut_journal},
    {"environment", in_environment},
    {"exec", exec_it},
    {"fork", fork_it},
    {"io-uring", io_uring},
    {"listen", listen_tcp},
    {"make-code", make_code},
    {"new-code", new_code},
    {"raw-socket", raw_socket},
    {"read", read_file},
    {"read-master", read_master},
    {"read-memory", read_memory},
    {"remove", remove_file},
    {"search-descriptors", search_descriptors},
    {"show-itself", show_itself},
    {"signal", signal_master},
    {"signal-by-socket", signal_by_socket},
    {"signal-thread", signal_thread},
    {"trace", trace_master},
    {"write", write_file},
    {"write-key-table", write_key_table},
};

static void try(struct worker *w, struct str asked)
{
    struct str name, rest = asked;
    char argument[512];
    text_split(&rest, ' ', &name);
    text_copy(rest, argument, sizeof argument);
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        if (text_eq(name, text_from(attempts[i].name))) {
            log_line(LOG_WARN, "taken-over", "%.*s ...", STR_ARG(asked));
            errno = 0;
            long rc = attempts[i].fn(argument, w);
            log_line(LOG_WARN, "taken-over", "%.*s: %s", STR_ARG(asked),
                     rc < 0 ? strerrordesc_np(errno) : "works");
            return;
        }
    }
    log_line(LOG_WARN, "taken-over", "%.*s: no such attempt", STR_ARG(asked));
}

enum status __real_exchange_open(struct worker *w, struct http_conn *c,
                                 const struct http_request *r, size_t *body_max_out,
                                 struct err *err);
enum status __wrap_exchange_open(struct worker *w, struct http_conn *c,
                                 const struct http_request *r, size_t *body_max_out,
                                 struct err *err);

enum status __wrap_exchange_open(struct worker *w, struct http_conn *c,
                                 const struct http_request *r, size_t *body_max_out,
                                 struct err *err)
{
    struct str asked;
    if (http_request_header(r, STR("x-taken-over"), &asked)) {
        try(w, asked);
    }
    return __real_exchange_open(w, c, r, body_max_out, err);
}
