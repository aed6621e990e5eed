/*
 * socket_fuzz.c - throws requests, cut, bent and torn in every way, at a running server over TCP.
 *
 *   socket-fuzz --port N [--seed S] [--seconds N] [--visitors N] [--key KEY]
 *
 * Visitor i of seed S says the same bytes in the same pieces and leaves in the same way each time;
 * only the machine's timing is not told. Whether a worker died of it is for sockets.sh to see. Ends
 * with code 1 when an answer is no HTTP or the server cannot be reached for five seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/clock.h"
#include "tests/fuzz/connection/chance.h"
#include "tests/fuzz/connection/saying.h"

enum { VISITORS_MAX = 256, AWAY_MS = 5000 };

/* X(NAME, meaning): how a visitor leaves when it has said all that it will say */
#define LEAVES(X)                                                 \
    X(FIN, "shuts down its side, reads what comes until the end") \
    X(RESET, "resets at once")                                    \
    X(CLOSE, "closes at once, whatever comes")                    \
    X(READ, "reads until the server closes or its time is over")  \
    X(DEAF, "reads nothing for a while, then resets")             \
    X(STAY, "says nothing more until the server's patience is over")

enum leave {
#define LEAVE_ENUM(name, meaning) LEAVE_##name,
    LEAVES(LEAVE_ENUM)
#undef LEAVE_ENUM
        LEAVE_COUNT
};

struct visitor {
    int fd; /* -1: none */
    struct chance chance;
    struct buf words;
    size_t said, piece;
    uint32_t pause_ms;
    enum leave leave;
    uint64_t next_ms, until_ms; /* the next piece; when it leaves at last */
    char first[16];             /* bytes of the answer */
    size_t heard;
};

static struct {
    int port;
    uint64_t seed, seconds;
    size_t visitors;
    const char *key;
} options = {.seed = 1, .seconds = 10, .visitors = 48, .key = "sk-good"};

static struct {
    uint64_t visitors, requests, answers, resets, refused, bytes;
} count;

static uint64_t now_ms(void)
{
    return clock_now_ns() / 1000000;
}

/* ---- what it says ------------------------------------------------------------------------- */

/* Puts text into out, with "with" for the first "what" in it. */
static void put_with(struct str text, const char *what, const char *with, struct buf *out)
{
    size_t at;
    if (text_find(text, text_from(what), &at)) {
        buf_put_str(out, text_sub(text, 0, at));
        buf_put_str(out, text_from(with));
        text = text_sub(text, at + strlen(what), text.n);
    }
    buf_put_str(out, text);
}

/* The tables know a key "sk-good" and good answers; here the key is a real one, and some models are
 * those by which the mock of Bedrock fails in its ways. */
static void put_real(struct chance *d, struct str text, struct buf *out)
{
    static const char nova[] = "amazon.nova-lite-v1:0";
    static const char *const models[] = {
        nova,
        nova,
        "anthropic.claude-x--tokens-50",
        "anthropic.claude-x--close-2",
        "anthropic.claude-x--stream-throttle-1",
        "anthropic.claude-x--bytewise",
        "amazon.nova-lite-v1:0--throttle-once",
        "amazon.nova-lite-v1:0--slow-first-200",
        "amazon.nova-lite-v1:0--cut-300",
        "amazon.nova-lite-v1:0--size-200000",
    };
    const char *model = models[chance_roll(d, sizeof models / sizeof *models)];
    struct buf with_key;
    struct str word = {NULL, 0}, rest = {NULL, 0};
    uint64_t length;
    size_t at;
    buf_init(&with_key, 1 << 20);
    put_with(text, "sk-good", options.key, &with_key);
    text = buf_str(&with_key);
    bool fits =
        text_find(text, text_from(nova), &at) && text_find(text, STR("Content-Length: "), &at);
    if (fits)
        rest = text_sub(text, at + 16, text.n);
    if (fits && text_split(&rest, '\r', &word) && text_u64(word, &length)) {
        buf_put_str(out, text_sub(text, 0, at + 16));
        buf_printf(out, "%llu\r", (unsigned long long)(length + strlen(model) - strlen(nova)));
        put_with(rest, nova, model, out);
    } else {
        buf_put_str(out, text);
    }
    buf_free(&with_key);
}

static void bend(struct chance *d, struct buf *words)
{
    size_t n = buf_len(words), at = chance_roll(d, (uint32_t)n);
    if (n == 0)
        return;
    switch (chance_roll(d, 5)) {
    case 0:
        buf_data(words)[at] ^= (char)(1 << chance_roll(d, 8));
        break;
    case 1:
        buf_data(words)[at] = "\r\n\0: \xff"[chance_roll(d, 6)];
        break;
    default:
        buf_truncate(words, chance_roll(d, 3) ? at : at % 200);
    }
}

static void make_words(struct visitor *v)
{
    struct chance *d = &v->chance;
    struct buf one;
    buf_init(&one, 1 << 20);
    buf_clear(&v->words);
    for (uint32_t n = 1 + chance_roll(d, 3); n > 0; n--) {
        buf_clear(&one);
        saying_request(chance_roll(d, saying_requests()),
                       chance_roll(d, 3) ? 0 : chance_roll(d, 16), &one);
        put_real(d, buf_str(&one), &v->words);
        count.requests++;
    }
    if (chance_roll(d, 2))
        bend(d, &v->words);
    buf_free(&one);
}

/* ---- coming and going --------------------------------------------------------------------- */

static void leave(struct visitor *v, bool reset)
{
    if (reset)
        setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(v->fd);
    v->fd = -1;
}

/* From any of 127.x.y.z, so that the ports do not run out. */
static bool come(struct visitor *v, uint64_t number)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)options.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    v->chance = (struct chance){.state = options.seed * 1000003 + number};
    make_words(v);
    from.sin_addr.s_addr = htonl(0x7f000001u + chance_roll(&v->chance, 0xfffffd));
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (v->fd < 0 || bind(v->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(v->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        if (v->fd >= 0)
            leave(v, true);
        return false;
    }
    static const uint32_t pieces[] = {1, 7, 40, 300, 100000, 100000};
    v->said = v->heard = 0;
    v->piece = pieces[chance_roll(&v->chance, 6)];
    v->pause_ms = chance_roll(&v->chance, 3) ? 0 : chance_roll(&v->chance, 30);
    v->leave = (enum leave)chance_roll(&v->chance, LEAVE_COUNT);
    v->next_ms = now_ms();
    v->until_ms = v->next_ms + 3000;
    count.visitors++;
    return true;
}

/* Has said all. */
static void turn_to_go(struct visitor *v)
{
    static const uint32_t patience_ms[LEAVE_COUNT] = {
        [LEAVE_FIN] = 500, [LEAVE_READ] = 300, [LEAVE_DEAF] = 200, [LEAVE_STAY] = 2500};
    if (v->leave == LEAVE_FIN)
        shutdown(v->fd, SHUT_WR);
    if (v->leave == LEAVE_RESET || v->leave == LEAVE_CLOSE)
        leave(v, v->leave == LEAVE_RESET);
    v->until_ms = now_ms() + patience_ms[v->leave];
}

static void say(struct visitor *v)
{
    struct str rest = text_sub(buf_str(&v->words), v->said, v->piece);
    ssize_t n = rest.n > 0 ? send(v->fd, rest.p, rest.n, MSG_NOSIGNAL) : 0;
    if (n < 0 && errno != EAGAIN) {
        count.refused += errno == ECONNREFUSED;
        count.resets++;
        leave(v, true);
        return;
    }
    v->said += n > 0 ? (size_t)n : 0;
    v->next_ms = now_ms() + v->pause_ms;
    if (v->said >= buf_len(&v->words))
        turn_to_go(v);
}

static bool hear(struct visitor *v)
{
    static char bytes[65536];
    ssize_t n = recv(v->fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN)
        return true;
    for (ssize_t i = 0; i < n && v->heard < sizeof v->first; i++)
        v->first[v->heard++] = bytes[i];
    if (n > 0) {
        count.bytes += (uint64_t)n;
        return true;
    }
    count.resets += n < 0;
    leave(v, false);
    return false;
}

/* false: what came is no answer. */
static bool is_answer(const struct visitor *v)
{
    static const char start[] = "HTTP/1.1 ";
    size_t n = v->heard < sizeof start - 1 ? v->heard : sizeof start - 1;
    count.answers += v->heard > 0;
    return memcmp(v->first, start, n) == 0;
}

/* ---- all of them -------------------------------------------------------------------------- */

static struct visitor visitors[VISITORS_MAX];

static bool mind(struct visitor *v, const struct pollfd *p)
{
    bool talks = v->said < buf_len(&v->words), deaf = v->leave == LEAVE_DEAF;
    if ((p->revents & (POLLIN | POLLHUP | POLLERR)) && (!deaf || talks))
        hear(v);
    if (v->fd >= 0 && talks && (p->revents & POLLOUT) && v->next_ms <= now_ms())
        say(v);
    if (v->fd >= 0 && v->until_ms <= now_ms())
        leave(v, true);
    return v->fd >= 0 || is_answer(v);
}

static void watch(struct pollfd *fds)
{
    for (size_t i = 0; i < options.visitors; i++) {
        const struct visitor *v = &visitors[i];
        bool talks = v->said < buf_len(&v->words) && v->next_ms <= now_ms();
        bool deaf = v->leave == LEAVE_DEAF && v->said >= buf_len(&v->words);
        fds[i] = (struct pollfd){v->fd, (short)((talks ? POLLOUT : 0) | (deaf ? 0 : POLLIN)), 0};
    }
    poll(fds, options.visitors, 1);
}

static bool visit(void)
{
    static struct pollfd fds[VISITORS_MAX];
    uint64_t number = 0, end_ms = now_ms() + options.seconds * 1000, came_ms = now_ms();
    for (size_t i = 0; i < options.visitors; i++) {
        visitors[i].fd = -1;
        buf_init(&visitors[i].words, 1 << 22);
    }
    while (now_ms() < end_ms) {
        uint64_t refused = count.refused;
        for (size_t i = 0; i < options.visitors; i++)
            if (visitors[i].fd < 0)
                come(&visitors[i], number++);
        watch(fds);
        for (size_t i = 0; i < options.visitors; i++)
            if (visitors[i].fd >= 0 && !mind(&visitors[i], &fds[i])) {
                fprintf(stderr, "socket-fuzz: no HTTP: \"%.*s\"\n", (int)visitors[i].heard,
                        visitors[i].first);
                return false;
            }
        came_ms = count.refused == refused ? now_ms() : came_ms;
        if (now_ms() - came_ms > AWAY_MS) {
            fprintf(stderr, "socket-fuzz: nobody listens on port %d\n", options.port);
            return false;
        }
    }
    for (size_t i = 0; i < options.visitors; i++) {
        if (visitors[i].fd >= 0)
            leave(&visitors[i], true);
        buf_free(&visitors[i].words);
    }
    return true;
}

static bool set_option(int option, const char *value)
{
    uint64_t n = 0;
    bool number = text_u64(text_from(value), &n);
    if (option == 'k')
        options.key = value;
    else if (option == 'p')
        options.port = (int)n;
    else if (option == 's')
        options.seed = n;
    else if (option == 't')
        options.seconds = n;
    else if (option == 'v')
        options.visitors = n < VISITORS_MAX ? n : VISITORS_MAX;
    return option != '?' && (number || option == 'k');
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"port", 1, NULL, 'p'},    {"seed", 1, NULL, 's'},
                                          {"seconds", 1, NULL, 't'}, {"visitors", 1, NULL, 'v'},
                                          {"key", 1, NULL, 'k'},     {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        if (!set_option(option, optarg))
            return 2;
    bool good = options.port > 0 && visit();
    printf("seed %llu: %llu connections, %llu requests, %llu answered, %llu cut off, %llu refused, "
           "%llu bytes heard\n",
           (unsigned long long)options.seed, (unsigned long long)count.visitors,
           (unsigned long long)count.requests, (unsigned long long)count.answers,
           (unsigned long long)count.resets, (unsigned long long)count.refused,
           (unsigned long long)count.bytes);
    return good ? 0 : 1;
}
