/*
 * streams.c - opens N streamed requests, one after another, against one server and measures what a person
 * would feel: time to the first body byte, gaps between reads, and how many ended as they should.
 *
 * usage: streams HOST PORT REQUEST_FILE N [APART_US [HOLD_FILE]]      APART_US: 2000
 * REQUEST_FILE holds the whole HTTP request (it should say "Connection: close"); the answer is read
 * to EOF. With HOLD_FILE the file is created once every stream has its first byte (to measure
 * memory then). Prints one JSON line: times in microseconds. One thread, epoll, loopback only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GAPS_MAX    4000000
#define APART_US    2000u
#define REQUEST_MAX (8u << 20)

struct stream {
    int fd;
    size_t sent;
    uint64_t began_ns, last_ns;
    bool headers_done; /* the blank line was seen */
    char tail[4];      /* last bytes, to find it across reads */
    bool ok, failed;
};

static uint32_t *ttft_us, *gap_us;
static size_t ttft_n, gap_n;
static char *request;
static size_t request_n;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(uint32_t *v, size_t n, double p)
{
    return n ? v[(size_t)((double)(n - 1) * p)] : 0;
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");
    request = malloc(REQUEST_MAX);
    if (!f || !request) {
        perror(path);
        exit(2);
    }
    request_n = fread(request, 1, REQUEST_MAX, f);
    fclose(f);
}

static void start(struct stream *s, int ep, const char *host, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &to.sin_addr);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    s->began_ns = now_ns();
    if (s->fd < 0 ||
        (connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        perror("connect");
        exit(2);
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e);
}

static void send_more(struct stream *s, int ep)
{
    if (s->sent == 0) {
        s->began_ns = now_ns(); /* connected: the wait for accept is not the server's first byte */
    }
    ssize_t n = send(s->fd, request + s->sent, request_n - s->sent, MSG_NOSIGNAL);
    if (n > 0) {
        s->sent += (size_t)n;
    }
    if (s->sent == request_n) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &e);
    }
}

/* Where the body begins in this read, or n if not yet. */
static size_t body_at(struct stream *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memmove(s->tail, s->tail + 1, 3);
        s->tail[3] = p[i];
        if (memcmp(s->tail, "\r\n\r\n", 4) == 0) {
            s->headers_done = true;
            return i + 1;
        }
    }
    return n;
}

static void note(struct stream *s, const char *p, size_t n)
{
    size_t at = s->headers_done ? 0 : body_at(s, p, n);
    if (at >= n) {
        return;
    }
    uint64_t t = now_ns();
    if (!s->last_ns) {
        ttft_us[ttft_n++] = (uint32_t)((t - s->began_ns) / 1000);
    } else if (gap_n < GAPS_MAX) {
        gap_us[gap_n++] = (uint32_t)((t - s->last_ns) / 1000);
    }
    s->last_ns = t;
}

/* true when the stream has ended */
static bool read_more(struct stream *s)
{
    char chunk[65536];
    ssize_t n = recv(s->fd, chunk, sizeof chunk, 0);
    if (n < 0) {
        s->failed = errno != EAGAIN;
        return s->failed;
    }
    if (n == 0) {
        s->ok = s->last_ns > 0;
        s->failed = !s->ok;
        return true;
    }
    note(s, chunk, (size_t)n);
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: streams HOST PORT REQUEST_FILE N [APART_US [HOLD_FILE]]\n");
        return 2;
    }
    size_t count = strtoul(argv[4], NULL, 10), open_n = count, ok = 0;
    struct stream *all = calloc(count, sizeof *all);
    ttft_us = malloc(count * sizeof *ttft_us);
    gap_us = malloc(GAPS_MAX * sizeof *gap_us);
    read_request(argv[3]);
    int ep = epoll_create1(0);
    size_t started = 0;
    uint64_t due_ns = now_ns();
    uint64_t apart_ns = (argc > 5 ? strtoul(argv[5], NULL, 10) : APART_US) * 1000;
    while (open_n) {
        while (started < count && now_ns() >= due_ns) {
            start(&all[started++], ep, argv[1], (int)strtoul(argv[2], NULL, 10));
            due_ns += apart_ns;
        }
        struct epoll_event events[256];
        int n = epoll_wait(ep, events, 256, started < count ? 1 : 30000);
        if (n == 0 && started == count) {
            break;
        }
        for (int i = 0; i < n; i++) {
            struct stream *s = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) && s->sent < request_n) {
                send_more(s, ep);
            }
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && read_more(s)) {
                close(s->fd);
                ok += s->ok;
                open_n--;
            }
        }
        if (argc > 6 && ttft_n == count) {
            close(open(argv[6], O_CREAT | O_WRONLY, 0600));
            argc = 6;
        }
    }
    qsort(ttft_us, ttft_n, sizeof *ttft_us, by_value);
    qsort(gap_us, gap_n, sizeof *gap_us, by_value);
    printf(
        "{\"streams\":%zu,\"complete\":%zu,\"ttft_p50_us\":%u,\"ttft_p99_us\":%u,\"gap_p50_us\":%u,"
        "\"gap_p99_us\":%u,\"reads\":%zu}\n",
        count, ok, percentile(ttft_us, ttft_n, 0.5), percentile(ttft_us, ttft_n, 0.99),
        percentile(gap_us, gap_n, 0.5), percentile(gap_us, gap_n, 0.99), gap_n + ttft_n);
    return ok == count ? 0 : 1;
}
