/*
 * strict.c - clients that never try a request again, and so see each one that a server lets fall.
 *
 * usage: strict HOST PORT [--kept N] [--fresh N] [--pause MS] [--request FILE] [--seconds S]
 *               [--balanced]
 *
 *   --kept N     (20) connections that ask again as soon as they are answered, for as long as the
 *                server does not say "Connection: close"; then a new connection
 *   --fresh N    (0) clients that take a new connection for each request
 *   --pause MS   the kept ones wait up to so long before a request; 0: they do not
 *   --request F  what the kept ones send, as it is; else GET /liveness
 *   --balanced   as behind a load balancer: nobody opens a connection while the last answer of
 *                /health, asked every 50 ms on a connection of its own, was not 200
 *   --seconds S  then the end; 0: at SIGTERM
 *
 * A request is lost when its connection was there and no whole answer came. A connection that
 * cannot be made is no loss: nobody has promised anything yet. Prints one line at the end:
 *
 *   answered=N lost_kept=N lost_fresh=N bad=N refused=N closes=N
 *
 * lost_fresh: on a connection that had never been answered. bad: a status other than 200. closes:
 * answers that said "Connection: close". Each loss is told on stderr. A thread a client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S  30
#define PROBE_MS    50
#define RETRY_MS    5
#define ANSWER_MAX  16384
#define REQUEST_MAX 16384
#define CLIENTS_MAX 1000

struct client {
    bool fresh;
    int fd;
    unsigned answers; /* on this connection */
    uint32_t dice;
};

static struct sockaddr_in server;
static uint32_t pause_ms;
static bool balanced;
static atomic_bool stop, routed = true;
static atomic_ulong answered, lost_kept, lost_fresh, bad, refused, closes;

static char again[REQUEST_MAX + 1] = "GET /liveness HTTP/1.1\r\nHost: strict\r\n\r\n";
static const char once[] = "GET /liveness HTTP/1.1\r\nHost: strict\r\nConnection: close\r\n\r\n";
static const char probe[] = "GET /health HTTP/1.1\r\nHost: strict\r\nConnection: close\r\n\r\n";

static void nap_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(int seconds)
{
    const struct timeval limit = {.tv_sec = seconds};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
                    connect(fd, (struct sockaddr *)&server, sizeof server) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The length of the whole answer; 0: its head is not complete. */
static size_t answer_length(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\ncontent-length:");
    if (!end) {
        return 0;
    }
    return (size_t)(end + 4 - text) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

/* Status of the answer; 0: there is no whole one, and errno says why (0: end of file). */
static int ask(int fd, const char *request, bool *close_out)
{
    char text[ANSWER_MAX + 1];
    size_t have = 0, need = 0;
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        return 0;
    }
    while (need == 0 || have < need) {
        ssize_t n = recv(fd, text + have, ANSWER_MAX - have, 0);
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return 0;
        }
        have += (size_t)n;
        text[have] = '\0';
        need = answer_length(text);
    }
    *close_out = strcasestr(text, "\r\nconnection: close") != NULL;
    return (int)strtol(text + 9, NULL, 10);
}

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void lose(struct client *c)
{
    fprintf(stderr, "%.3f lost on a %s connection after %u answers: %s\n", now_s(),
            c->fresh ? "fresh" : "kept", c->answers, errno ? strerrordesc_np(errno) : "closed");
    atomic_fetch_add(c->answers ? &lost_kept : &lost_fresh, 1);
    hang_up(c);
}

static void one_request(struct client *c)
{
    bool closing = false;
    int status = ask(c->fd, c->fresh ? once : again, &closing);
    if (status == 0) {
        lose(c);
        return;
    }
    c->answers++;
    atomic_fetch_add(&answered, 1);
    atomic_fetch_add(&bad, status != 200);
    if (closing) {
        atomic_fetch_add(&closes, !c->fresh);
        hang_up(c);
    }
}

static void connect_client(struct client *c)
{
    if (balanced && !atomic_load(&routed)) {
        nap_ms(RETRY_MS);
        return;
    }
    c->answers = 0;
    c->fd = dial(PATIENCE_S);
    if (c->fd < 0) {
        atomic_fetch_add(&refused, 1);
        nap_ms(RETRY_MS);
    }
}

static void *run_client(void *arg)
{
    struct client *c = arg;
    while (!atomic_load(&stop)) {
        if (c->fd < 0) {
            connect_client(c);
            continue;
        }
        if (pause_ms && !c->fresh) {
            c->dice = c->dice * 1664525u + 1013904223u; /* Numerical Recipes */
            nap_ms((c->dice >> 16) % (pause_ms + 1));
        }
        one_request(c);
    }
    return NULL;
}

static void *run_probe(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop)) {
        bool closing;
        int fd = dial(2);
        atomic_store(&routed, fd >= 0 && ask(fd, probe, &closing) == 200);
        if (fd >= 0) {
            close(fd);
        }
        nap_ms(PROBE_MS);
    }
    return NULL;
}

static void on_term(int sig)
{
    (void)sig;
    atomic_store(&stop, true);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static bool read_request(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(again, 1, REQUEST_MAX, f) : 0;
    again[n] = '\0';
    if (f) {
        fclose(f);
    }
    return n > 0;
}

struct plan {
    uint32_t kept, fresh, seconds;
};

static bool read_arguments(int argc, char **argv, struct plan *p)
{
    server = (struct sockaddr_in){.sin_family = AF_INET};
    if (argc < 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        return false;
    }
    server.sin_port = htons((uint16_t)number(argv[2]));
    for (int i = 3; i < argc; i++) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--balanced") == 0) {
            balanced = true;
            continue;
        }
        uint32_t *to = strcmp(name, "--kept") == 0      ? &p->kept
                       : strcmp(name, "--fresh") == 0   ? &p->fresh
                       : strcmp(name, "--pause") == 0   ? &pause_ms
                       : strcmp(name, "--seconds") == 0 ? &p->seconds
                                                        : NULL;
        if (!value || (!to && (strcmp(name, "--request") != 0 || !read_request(value)))) {
            return false;
        }
        if (to) {
            *to = number(value);
        }
        i++;
    }
    return p->kept + p->fresh <= CLIENTS_MAX;
}

int main(int argc, char **argv)
{
    static struct client clients[CLIENTS_MAX];
    static pthread_t threads[CLIENTS_MAX + 1];
    struct plan p = {.kept = 20};
    uint32_t n = 0;
    if (!read_arguments(argc, argv, &p)) {
        fprintf(stderr, "usage: strict HOST PORT [options]\n");
        return 2;
    }
    signal(SIGTERM, on_term);
    for (; n < p.kept + p.fresh; n++) {
        clients[n] = (struct client){.fresh = n >= p.kept, .fd = -1, .dice = n};
        pthread_create(&threads[n], NULL, run_client, &clients[n]);
    }
    if (balanced) {
        pthread_create(&threads[n++], NULL, run_probe, NULL);
    }
    for (uint32_t ms = 0; !stop && (p.seconds == 0 || ms < p.seconds * 1000); ms += 20) {
        nap_ms(20);
    }
    stop = true;
    while (n > 0) {
        pthread_join(threads[--n], NULL);
    }
    printf("answered=%lu lost_kept=%lu lost_fresh=%lu bad=%lu refused=%lu closes=%lu\n", answered,
           lost_kept, lost_fresh, bad, refused, closes);
    return 0;
}
