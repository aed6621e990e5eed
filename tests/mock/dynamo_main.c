/*
 * dynamo_main.c - mock-dynamo's options and connections. See dynamo_mock.h.
 */
#include "tests/mock/dynamo_mock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "server/base/crc32.h"
#include "server/net/loop.h"

#define INPUT_MAX ((size_t)16 << 20)
#define BODY_MAX  ((size_t)64 << 20)

static const char usage[] =
    "usage: mock-dynamo [options]\n"
    "  --host ADDRESS                127.0.0.1\n"
    "  --port N                      0 (default): any free one\n"
    "  --access-key ID --secret S    credentials that are accepted\n"
    "                                (AKIAMOCKMOCKMOCKMOCK, mock-secret-access-key)\n"
    "  --create-ms N                 how long a new table is CREATING (50)\n"
    "  --no-ttl                      UpdateTimeToLive is unknown, as in dynalite\n";

struct server {
    struct dynamo_mock mock;
    struct loop *loop;
    struct conn *conns;
    int listener, signals;
    struct buf decoded;
};

struct conn {
    struct server *server;
    struct conn *next, *previous;
    int fd;
    loop_handle handle;
    struct buf in, out;
    bool close_after; /* when out is written */
    bool hangs;       /* answers nothing any more */
};

/* --- connections --------------------------------------------------------------------------- */

static void close_conn(struct conn *c, bool reset)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    *(c->previous ? &c->previous->next : &c->server->conns) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    loop_remove(c->server->loop, c->handle);
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    heap_drop(c);
}

static void put_answer(struct conn *c, const struct dynamo_answer *a)
{
    struct str body = buf_str(&a->body);
    char date[30];
    clock_http(clock_real_ms() + a->ahead_s * 1000, date);
    uint32_t crc = crc32_add(0, body.p, body.n) ^ (a->wrong_crc ? 1 : 0);
    buf_printf(&c->out,
               "HTTP/1.1 %d x\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "x-amzn-RequestId: MOCK\r\n",
               a->status, date, a->html ? "text/html" : "application/x-amz-json-1.0", body.n);
    if (!a->html)
        buf_printf(&c->out, "x-amz-crc32: %u\r\n", crc);
    BUF_LIT(&c->out, "\r\n");
    buf_put_str(&c->out, text_sub(body, 0, a->cut ? body.n / 2 : body.n));
}

/* False: the connection is gone. */
static bool answer(struct conn *c, const struct request *r)
{
    struct dynamo_answer a = {.status = 0};
    buf_init(&a.body, BODY_MAX);
    dynamo_route(&c->server->mock, r, &a);
    bool reset = a.reset;
    c->hangs = a.hang;
    c->close_after = c->close_after || a.cut || !r->keep_alive;
    if (reset)
        close_conn(c, true);
    else if (!a.hang)
        put_answer(c, &a);
    buf_free(&a.body);
    return !reset;
}

static void flush(struct conn *c)
{
    while (buf_len(&c->out) > 0) {
        ssize_t n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            close_conn(c, false);
            return;
        }
        buf_consume(&c->out, (size_t)n);
    }
    bool more = buf_len(&c->out) > 0;
    if (!more && c->close_after) {
        close_conn(c, false);
        return;
    }
    loop_change(c->server->loop, c->handle, LOOP_READ | (more ? LOOP_WRITE : 0));
}

static bool take_requests(struct conn *c)
{
    static struct request r;
    size_t used;
    enum reader_status status;
    while (!c->hangs && buf_len(&c->in) > 0 &&
           (status = reader_parse(buf_str(&c->in), &c->server->decoded, &r, &used)) >=
               READER_DONE) {
        if (status == READER_BAD) {
            close_conn(c, true);
            return false;
        }
        if (!answer(c, &r))
            return false;
        buf_consume(&c->in, used);
    }
    return true;
}

static void on_conn(struct loop *loop, void *owner, unsigned events)
{
    (void)loop;
    struct conn *c = owner;
    char piece[65536];
    if (events & (LOOP_READ | LOOP_ERROR)) {
        ssize_t n = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            close_conn(c, false);
            return;
        }
        buf_put(&c->in, piece, n > 0 ? (size_t)n : 0);
    }
    if (take_requests(c))
        flush(c);
}

static void on_accept(struct loop *loop, void *owner, unsigned events)
{
    (void)events;
    struct server *s = owner;
    const int on = 1;
    int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct conn *c = fd >= 0 ? heap_new(sizeof *c) : NULL;
    if (!c)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->server = s;
    c->fd = fd;
    buf_init(&c->in, INPUT_MAX);
    buf_init(&c->out, BODY_MAX + 4096);
    c->next = s->conns;
    if (s->conns)
        s->conns->previous = c;
    s->conns = c;
    c->handle = loop_add(loop, fd, LOOP_READ, on_conn, c, NULL);
}

static void on_signal(struct loop *loop, void *owner, unsigned events)
{
    (void)owner;
    (void)events;
    loop_stop(loop);
}

/* --- start and end ------------------------------------------------------------------------- */

static bool open_listener(struct server *s, const char *host, int port)
{
    const int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof at;
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        fprintf(stderr, "mock-dynamo: --host %s is no IPv4 address\n", host);
        return false;
    }
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, (struct sockaddr *)&at, size) != 0 || listen(s->listener, 128) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) {
        fprintf(stderr, "mock-dynamo: cannot listen on %s:%d: %s\n", host, port,
                strerrordesc_np(errno));
        return false;
    }
    printf("mock-dynamo listening on %s:%d\n", host, ntohs(at.sin_port));
    fflush(stdout);
    return true;
}

static bool read_options(struct dynamo_mock *m, int argc, char **argv, const char **host_out,
                         int *port_out)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"access-key", required_argument, NULL, 'a'},
        {"secret", required_argument, NULL, 's'},
        {"create-ms", required_argument, NULL, 'c'},
        {"no-ttl", no_argument, NULL, 'n'},
        {"host", required_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    uint64_t number = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        bool numeric = option == 'p' || option == 'c';
        if (option == '?' || (numeric && !text_u64(text_from(optarg), &number)))
            return false;
        if (option == 'p')
            *port_out = (int)number;
        else if (option == 'c')
            m->create_ms = (uint32_t)number;
        else if (option == 'a')
            m->access_key = optarg;
        else if (option == 's')
            m->secret = optarg;
        else if (option == 'h')
            *host_out = optarg;
        else
            m->no_ttl = true;
    }
    return optind == argc;
}

static int serve(struct server *s, const char *host, int port)
{
    static const int signals[] = {SIGTERM, SIGINT, 0};
    s->loop = loop_new(NULL);
    s->signals = loop_signalfd(signals, NULL);
    if (!s->loop || s->signals < 0 || !open_listener(s, host, port))
        return 1;
    loop_add(s->loop, s->listener, LOOP_READ, on_accept, s, NULL);
    loop_add(s->loop, s->signals, LOOP_READ, on_signal, s, NULL);
    loop_run(s->loop);
    while (s->conns)
        close_conn(s->conns, false);
    close(s->listener);
    close(s->signals);
    loop_drop(s->loop);
    return 0;
}

int main(int argc, char **argv)
{
    static struct server server = {.mock = {.access_key = "AKIAMOCKMOCKMOCKMOCK",
                                            .secret = "mock-secret-access-key",
                                            .create_ms = 50}};
    const char *host = "127.0.0.1";
    int port = 0;
    if (!read_options(&server.mock, argc, argv, &host, &port)) {
        fputs(usage, stderr);
        return 2;
    }
    buf_init(&server.decoded, INPUT_MAX);
    buf_init(&server.mock.scratch, INPUT_MAX);
    int status = serve(&server, host, port);
    store_free(&server.mock.store);
    buf_free(&server.decoded);
    buf_free(&server.mock.scratch);
    return status;
}
