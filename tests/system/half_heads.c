/*
 * half_heads.c - clients that never finish a request's head, many a second, and beside them one
 * that asks for /health again and again and looks at its watch. For 12_heads.sh.
 *
 * usage: half-heads PORT RATE SECONDS      prints one line of JSON, times in microseconds
 *
 * Of the heads one half is ended by FIN and has to be answered 400, a quarter is left lying and has
 * to be answered 408 (HEADER_TIMEOUT should be short), a quarter is reset. Every second one comes
 * as the second request of its connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 16384, PROBE_EVERY_US = 5000, PATIENCE_US = 15000000 };

enum kind { BY_FIN, BY_FIN_TOO, BY_TIME, BY_RST, KINDS, PROBE };

struct talk {
    int fd; /* 0: free */
    enum kind kind;
    bool second, sent;
    unsigned form;
    int64_t began_us;
    size_t n;
    char in[2048];
};

static struct talk talks[MOST];
static struct sockaddr_in address;
static int poller;
static unsigned heads, open_now, answered_400, answered_408, wrong, probes, lost;
static int64_t took_us[1 << 20];

/* The bytes, and how the body of the answer begins: the dialect of the path, as far as it is known.
 */
#define ANTHROPIC "\r\n\r\n{\"type\":\"error\","
#define OPENAI    "\r\n\r\n{\"error\":{"
static const struct {
    const char *bytes, *answer;
} half[] = {
    {"POST /v1/chat/comp", ANTHROPIC},
    {"GET / HTTP/1.1\r\n", ANTHROPIC},
    {"POST /v1/chat/completions HTTP/1.1\r\n", OPENAI},
    {"POST /v1/messages HTTP/1.1\r\nHost: a\r\n", ANTHROPIC},
    {"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nx-api-key: sk-", OPENAI},
    {"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r", ANTHROPIC},
};
enum { FORMS = sizeof half / sizeof *half };

static const char ask[] = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ask_last[] = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void begin(enum kind kind, unsigned number)
{
    for (size_t i = 0; i < MOST; i++) {
        struct talk *t = &talks[i];
        if (t->fd)
            continue;
        *t = (struct talk){.kind = kind, .second = number & 4, .began_us = now_us()};
        t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.u64 = i};
        if (t->fd < 0 || (connect(t->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
                          errno != EINPROGRESS)) {
            perror("half-heads: connect");
            exit(2);
        }
        epoll_ctl(poller, EPOLL_CTL_ADD, t->fd, &e);
        open_now++;
        return;
    }
    fprintf(stderr, "half-heads: too many connections are open\n");
    exit(2);
}

/* The last answer on the connection. */
static const char *last_answer(struct talk *t)
{
    const char *last = "", *p = t->in;
    t->in[t->n] = 0;
    for (; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++)
        last = p;
    return last;
}

static void judge(struct talk *t)
{
    const char *answer = last_answer(t);
    bool shape = strstr(answer, half[t->form].answer) != NULL;
    if (t->kind == PROBE && strncmp(answer, "HTTP/1.1 200", 12) == 0)
        took_us[probes++] = now_us() - t->began_us;
    else if (t->kind == PROBE)
        lost++;
    else if (t->kind == BY_TIME)
        shape &&strncmp(answer, "HTTP/1.1 408", 12) == 0 ? answered_408++ : wrong++;
    else if (t->kind != BY_RST)
        shape &&strncmp(answer, "HTTP/1.1 400", 12) == 0 ? answered_400++ : wrong++;
}

static void end(struct talk *t)
{
    judge(t);
    close(t->fd);
    t->fd = 0;
    open_now--;
}

static void say(struct talk *t, uint64_t which)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = which};
    t->form = t->kind == PROBE ? 0 : heads++ % FORMS;
    const char *text = t->kind == PROBE ? ask_last : half[t->form].bytes;
    if (t->second && t->kind != PROBE)
        send(t->fd, ask, sizeof ask - 1, MSG_NOSIGNAL);
    send(t->fd, text, strlen(text), MSG_NOSIGNAL);
    t->sent = true;
    epoll_ctl(poller, EPOLL_CTL_MOD, t->fd, &e);
    if (t->kind == BY_FIN || t->kind == BY_FIN_TOO)
        shutdown(t->fd, SHUT_WR);
    if (t->kind == BY_RST) {
        struct linger reset = {.l_onoff = 1};
        setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        end(t);
    }
}

static void hear(struct talk *t)
{
    ssize_t n = recv(t->fd, t->in + t->n, sizeof t->in - 1 - t->n, 0);
    if (n > 0 && (t->n += (size_t)n) < sizeof t->in - 1)
        return;
    if (n >= 0 || errno != EAGAIN)
        end(t);
}

static void turn(int64_t until_us)
{
    struct epoll_event events[256];
    int64_t wait_us = until_us - now_us();
    int n = epoll_wait(poller, events, 256, wait_us > 0 ? (int)(wait_us / 1000) : 0);
    for (int i = 0; i < n; i++) {
        struct talk *t = &talks[events[i].data.u64];
        if (t->fd && !t->sent && (events[i].events & EPOLLOUT))
            say(t, events[i].data.u64);
        if (t->fd && (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
            hear(t);
    }
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t part(unsigned of_hundred)
{
    size_t i = (size_t)probes * of_hundred / 100;
    return probes ? took_us[i < probes ? i : probes - 1] : -1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: half-heads PORT RATE SECONDS\n");
        return 2;
    }
    long rate = strtol(argv[2], NULL, 10), seconds = strtol(argv[3], NULL, 10);
    address = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtol(argv[1], NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(EPOLL_CLOEXEC);
    int64_t start_us = now_us(), end_us = start_us + seconds * 1000000;
    int64_t head_us = start_us, probe_us = start_us;
    unsigned begun = 0;
    while (now_us() < end_us) {
        for (; head_us <= now_us(); head_us += 1000000 / rate, begun++)
            begin((enum kind)(begun % KINDS), begun);
        for (; probe_us <= now_us(); probe_us += PROBE_EVERY_US)
            begin(PROBE, 0);
        turn(head_us < probe_us ? head_us : probe_us);
    }
    while (open_now > 0 && now_us() < end_us + PATIENCE_US)
        turn(now_us() + 10000);
    qsort(took_us, probes, sizeof *took_us, by_size);
    printf("{\"heads\":%u,\"answered_400\":%u,\"answered_408\":%u,\"wrong\":%u,\"open\":%u,"
           "\"probes\":%u,\"lost\":%u,\"p50_us\":%lld,\"p99_us\":%lld,\"max_us\":%lld}\n",
           heads, answered_400, answered_408, wrong, open_now, probes, lost, (long long)part(50),
           (long long)part(99), (long long)part(100));
    return 0;
}
