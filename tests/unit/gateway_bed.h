/*
 * gateway_bed.h - everything that one worker is made of, on one loop of the test: connections over
 * loopback TCP, a segment with a published directory, libcurl, and a scripted Bedrock (loopback.h).
 *
 * A test sets g->reply, which is called with every request that reaches Bedrock, talks through a
 * struct client, and lets the loop run with gateway_expect or GATEWAY_UNTIL.
 */
#ifndef TESTS_UNIT_GATEWAY_BED_H
#define TESTS_UNIT_GATEWAY_BED_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "server/aws/eventstream.h"
#include "server/base/log.h"
#include "server/base/sha256.h"
#include "shm/memory/counters.h"
#include "shm/memory/lane_names.h"
#include "tests/unit/loopback.h"
#include "worker/exchange/bedrock.h"
#include "worker/exchange/exchange.h"
#include "worker/exchange/worker.h"
#include "server/base/base64.h"

#define CLAUDE  "claude-sonnet-4-5-20250929"
#define NOVA    "amazon.nova-lite-v1:0"
#define ACCOUNT "123456789012"
#define ARN     "arn:aws:bedrock:us-west-2:" ACCOUNT ":inference-profile/us.secret"

struct client {
    int fd; /* -1: not connected */
    struct buf in;
    bool end, reset; /* FIN or RST was read */
};

struct gateway {
    struct config config;
    struct segment segment;
    struct worker worker;
    struct loopback bedrock;
    void (*reply)(struct gateway *g, struct loopback_conn *c, struct str request);
    struct loopback_conn *upstream; /* of the latest request: for what Bedrock sends later */
    char last[8192];                /* the latest request */
    struct client client, other;
    int step; /* for the test's reply function */
    const char *text;
};

/* ---- Bedrock's side ----------------------------------------------------------------------- */

static void on_bedrock(struct loopback_conn *c, struct str request)
{
    struct gateway *g = c->server->ctx;
    text_copy(request, g->last, sizeof g->last);
    g->upstream = c;
    assert_non_null(g->reply);
    g->reply(g, c, request);
}

__attribute__((unused)) static void up_json(struct loopback_conn *c, const char *status,
                                            const char *headers, struct str body)
{
    buf_printf(&c->out,
               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nx-amzn-RequestId: up-7\r\n"
               "%sContent-Length: %zu\r\n\r\n",
               status, headers, body.n);
    buf_put_str(&c->out, body);
}

__attribute__((unused)) static void up_stream(struct loopback_conn *c)
{
    BUF_LIT(&c->out, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                     "x-amzn-RequestId: up-7\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static inline void up_bytes(struct loopback_conn *c, struct str bytes)
{
    buf_printf(&c->out, "%zx\r\n", bytes.n);
    buf_put_str(&c->out, bytes);
    BUF_LIT(&c->out, "\r\n");
}

static inline void up_frame(struct loopback_conn *c, enum eventstream_kind kind, const char *type,
                            const char *payload)
{
    struct buf frame;
    buf_init(&frame, 4 << 20);
    eventstream_encode(&frame, kind, text_from(type), text_from(payload));
    up_bytes(c, buf_str(&frame));
    buf_free(&frame);
}

/* One event of InvokeModelWithResponseStream: {"bytes":"<base64 of json>","p":"..."} */
static inline void up_chunk(struct loopback_conn *c, const char *json)
{
    struct str text = text_from(json);
    struct buf payload;
    buf_init(&payload, 4 << 20);
    BUF_LIT(&payload, "{\"bytes\":\"");
    char *room = buf_reserve(&payload, base64_size(text.n));
    buf_commit(&payload, base64_encode((const uint8_t *)text.p, text.n, room));
    BUF_LIT(&payload, "\",\"p\":\"abc\"}");
    buf_put_char(&payload, '\0');
    up_frame(c, EVENTSTREAM_EVENT, "chunk", buf_data(&payload));
    buf_free(&payload);
}

#define UP_START                                                                           \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_bdrk_1\",\"type\":\"message\"," \
    "\"role\":\"assistant\",\"model\":\"" CLAUDE "\",\"content\":[],\"stop_reason\":null," \
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}"
#define UP_DELTA                                                                        \
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\"," \
    "\"text\":\"Hello\"}}"
#define UP_BLOCK                                     \
    "{\"type\":\"content_block_start\",\"index\":0," \
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define UP_BLOCK_STOP "{\"type\":\"content_block_stop\",\"index\":0}"
#define UP_MESSAGE_DELTA                                                   \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"," \
    "\"stop_sequence\":null},\"usage\":{\"output_tokens\":4}}"
#define UP_STOP "{\"type\":\"message_stop\"}"
#define UP_WHOLE                                                                             \
    "{\"id\":\"msg_bdrk_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"" CLAUDE \
    "\",\"content\":[{\"type\":\"text\",\"text\":\"Hello\"}],\"stop_reason\":\"end_turn\","  \
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":4}}"

static inline void up_begin(struct loopback_conn *c)
{
    up_stream(c);
    up_chunk(c, UP_START);
    up_chunk(c, UP_BLOCK);
    up_chunk(c, UP_DELTA);
}

/* The events that end what up_begin began; the body goes on. */
static inline void up_stop(struct loopback_conn *c)
{
    up_chunk(c, UP_BLOCK_STOP);
    up_chunk(c, UP_MESSAGE_DELTA);
    up_chunk(c, UP_STOP);
}

static inline void up_end(struct loopback_conn *c)
{
    BUF_LIT(&c->out, "0\r\n\r\n");
}

__attribute__((unused)) static void up_good_stream(struct gateway *g, struct loopback_conn *c,
                                                   struct str request)
{
    (void)g, (void)request;
    up_begin(c);
    up_stop(c);
    up_end(c);
}

__attribute__((unused)) static void up_good_whole(struct gateway *g, struct loopback_conn *c,
                                                  struct str request)
{
    (void)g, (void)request;
    up_json(c, "200 OK", "", STR(UP_WHOLE));
}

__attribute__((unused)) static void up_silence(struct gateway *g, struct loopback_conn *c,
                                               struct str request)
{
    (void)g, (void)c, (void)request;
}

/* ---- the client's side -------------------------------------------------------------------- */

static void gateway_stop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

static void gateway_run(struct gateway *g, uint64_t ms)
{
    struct loop_timer t = {0};
    loop_timer_set(g->worker.loop, &t, clock_now_ns() / 1000000 + ms, gateway_stop, NULL);
    loop_run(g->worker.loop);
    loop_timer_cancel(g->worker.loop, &t); /* the worker may have stopped the loop first */
}

#define GATEWAY_UNTIL(g, condition)                     \
    do {                                                \
        bool done_ = (condition);                       \
        for (int i_ = 0; i_ < 2500 && !done_; i_++) {   \
            gateway_run((g), 1);                        \
            done_ = (condition);                        \
        }                                               \
        if (!done_)                                     \
            fail_msg("never happened: %s", #condition); \
    } while (0)

static void client_read(struct client *c)
{
    static char bytes[1 << 16];
    ssize_t n = -1;
    while (c->fd >= 0 && !c->end && !c->reset && (n = recv(c->fd, bytes, sizeof bytes, 0)) >= 0) {
        c->end = n == 0;
        buf_put(&c->in, bytes, (size_t)n);
    }
    c->reset |= n < 0 && errno == ECONNRESET;
}

static unsigned client_count(const struct client *c, const char *needle)
{
    unsigned n = 0;
    size_t at;
    struct str rest = buf_str(&c->in);
    for (; rest.p && text_find(rest, text_from(needle), &at); n++)
        rest = text_sub(rest, at + 1, rest.n);
    return n;
}

static bool client_has(struct client *c, unsigned n, const char *needle)
{
    client_read(c);
    return client_count(c, needle) >= n;
}

__attribute__((unused)) static bool client_ended(struct client *c)
{
    client_read(c);
    return c->end;
}

static void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->end = c->reset = false;
    buf_clear(&c->in);
}

/* A connected pair of TCP sockets on 127.0.0.1; the kernel holds little, so that a client which
 * does not read is noticed soon. (Less than one segment of loopback, 64 KB, would make it slow.) */
static void client_connect(struct gateway *g, struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int small = 65536, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client_close(c);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    close(listener);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct worker *w = &g->worker;
    assert_non_null(http_conn_new(w->loop, fd, &w->conn_limits, &worker_conn_ops, w, &w->conns));
}

static void client_send(struct gateway *g, struct client *c, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the gateway closed: for the test to see */
        bytes = text_sub(bytes, n > 0 ? (size_t)n : 0, bytes.n);
        if (bytes.n > 0)
            gateway_run(g, 1);
    }
}

/* headers: whole lines with CRLF, e.g. KEY. body NULL: a request without one. */
#define KEY      "x-api-key: sk-good\r\n"
#define MESSAGES "POST /v1/messages"
#define CHAT     "POST /v1/chat/completions"
#define ASK                \
    "{\"model\":\"" CLAUDE \
    "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define ASK_STREAM "{\"stream\":true," /* then the rest of ASK */
#define STREAM_BODY                  \
    ASK_STREAM "\"model\":\"" CLAUDE \
               "\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define CHAT_BODY "{\"model\":\"" NOVA "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"
#define CHAT_STREAM_BODY \
    ASK_STREAM "\"model\":\"" NOVA "\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"

static void client_ask(struct gateway *g, struct client *c, const char *line, const char *headers,
                       const char *body)
{
    struct buf request;
    buf_init(&request, 32 << 20);
    if (c->fd < 0)
        client_connect(g, c);
    buf_printf(&request, "%s HTTP/1.1\r\nHost: gateway\r\n%s", line, headers);
    if (body)
        buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                   strlen(body));
    BUF_LIT(&request, "\r\n");
    buf_put_str(&request, text_from(body));
    client_send(g, c, buf_str(&request));
    buf_free(&request);
}

/* Until the client has read needle n times; fails after about 2.5 s. */
static void gateway_expect(struct gateway *g, struct client *c, unsigned n, const char *needle)
{
    for (int i = 0; i < 2500; i++) {
        if (client_has(c, n, needle))
            return;
        gateway_run(g, 1);
    }
    fail_msg("the client did not get %u x \"%s\" but %zu bytes:\n%.*s", n, needle, buf_len(&c->in),
             (int)(buf_len(&c->in) < 3000 ? buf_len(&c->in) : 3000), buf_data(&c->in));
}

/* The whole conversation: asks on a new connection, waits until the exchange is over and its
 * answer (which ends with needle) is in c->in. */
__attribute__((unused)) static void gateway_talk(struct gateway *g, const char *line,
                                                 const char *headers, const char *body,
                                                 const char *needle)
{
    client_close(&g->client);
    client_ask(g, &g->client, line, headers, body);
    gateway_expect(g, &g->client, 1, needle);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL);
}

/* Fails with what the client got unless needle is in it (want) or is not (!want). */
__attribute__((unused)) static void client_check(const struct client *c, const char *what,
                                                 const char *needle, bool want)
{
    if ((client_count(c, needle) > 0) != want)
        fail_msg("%s: \"%s\" is %s:\n%.*s", what, needle, want ? "missing" : "there",
                 (int)buf_len(&c->in), buf_data(&c->in));
}

/* ---- dialogues ---------------------------------------------------------------------------- */

/* One line: g->client says something, then something happens, then the client reads on until it has
 * this. What is NULL is left out; a list ends with a line of nothing but NULL. */
struct gateway_line {
    const char *say;
    void (*does)(struct gateway *g);
    const char *hear;
};

__attribute__((unused)) static void gateway_dialogue(struct gateway *g,
                                                     const struct gateway_line *lines)
{
    for (; lines->say || lines->does || lines->hear; lines++) {
        if (lines->say)
            client_send(g, &g->client, text_from(lines->say));
        if (lines->does)
            lines->does(g);
        if (lines->hear)
            gateway_expect(g, &g->client, 1, lines->hear);
    }
}

/* What a line may do: the client has sent all; the client resets; the worker is asked to drain;
 * the refresher rings. */
__attribute__((unused)) static void gateway_fin(struct gateway *g)
{
    shutdown(g->client.fd, SHUT_WR);
}

__attribute__((unused)) static void gateway_rst(struct gateway *g)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(g->client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client_close(&g->client);
}

__attribute__((unused)) static void gateway_drain(struct gateway *g)
{
    const struct http_conn_set *all = &g->worker.conns;
    for (struct http_conn *c = http_conn_each(all, NULL), *next; c; c = next) {
        next = http_conn_each(all, c);
        http_conn_drain(c);
    }
}

__attribute__((unused)) static void gateway_wake(struct gateway *g)
{
    loop_eventfd_ring(g->segment.wake_worker[g->worker.slot - 1]);
}

/* ---- life --------------------------------------------------------------------------------- */

static void gateway_key(struct gateway *g, const char *text, uint32_t slot, uint32_t limit)
{
    struct directory_key k = {
        .slot = slot, .tag = slot + 7, .flags = DIRECTORY_ACTIVE, .rate_limit = limit};
    sha256(text, strlen(text), k.digest);
    atomic_store(&g->segment.buckets[slot].tag, k.tag);
    assert_true(directory_add(&g->segment, &k));
}

static void gateway_configure(struct gateway *g, struct loop *loop)
{
    char url[64];
    struct err err = {0};
    loopback_open(&g->bedrock, loop, on_bedrock, g);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", g->bedrock.port);
    const struct config_override given[] = {{"BEDROCK_ENDPOINT_URL", url},
                                            {"AWS_BEARER_TOKEN_BEDROCK", "bearer-secret"},
                                            {"AWS_REGION", "us-west-2"},
                                            {"RATE_LIMIT_REQUESTS_PER_WINDOW", "100000"},
                                            {"MASTER_API_KEY", "sk-master-secret"},
                                            {"CORS_ORIGINS", "https://app.example"}};
    if (config_load(&g->config, "/dev/null", given, sizeof given / sizeof *given, &err) !=
        STATUS_OK)
        fail_msg("config: %s", err.text);
}

/* As in worker.c, which also comes back to its listener then. */
static void gateway_on_wake(struct loop *loop, void *owner, unsigned events)
{
    struct gateway *g = owner;
    (void)loop, (void)events;
    loop_eventfd_clear(g->segment.wake_worker[g->worker.slot - 1]);
    worker_wake(&g->worker);
}

static inline int gateway_set_up(void **state)
{
    static struct gateway gateway;
    struct gateway *g = &gateway;
    struct err err = {0};
    clock_tick();
    log_init(LOG_OFF, LOG_FORMAT_JSON, "test");
    *g = (struct gateway){.client.fd = -1, .other.fd = -1};
    buf_init(&g->client.in, 64 << 20);
    buf_init(&g->other.in, 64 << 20);
    struct loop *loop = loop_new(NULL);
    gateway_configure(g, loop);
    assert_int_equal(segment_create(&g->segment, 2, 1024, &err), STATUS_OK);
    lane_names_enter(&g->segment, &g->config.lanes, NULL);
    counters_enter(&g->segment, 1);
    directory_begin(&g->segment);
    gateway_key(g, "sk-good", 300, 0);
    gateway_key(g, "sk-two", 301, 2);
    directory_publish(&g->segment, clock_real_ms());
    g->worker = (struct worker){.config = &g->config,
                                .segment = &g->segment,
                                .slot = 1,
                                .loop = loop,
                                .process.listen_fd = -1};
    worker_configure(&g->worker);
    assert_true(loop_add(loop, g->segment.wake_worker[0], LOOP_READ, gateway_on_wake, g, &err));
    struct fetch_options options = {.pool = 4};
    g->worker.fetch = fetch_client_new(loop, &options, NULL);
    g->worker.bedrock = bedrock_new(&g->worker, &err);
    assert_non_null(g->worker.bedrock);
    *state = g;
    return 0;
}

/* Nothing of any request may be left: the sanitizer finds what was forgotten. */
static inline int gateway_tear_down(void **state)
{
    struct gateway *g = *state;
    struct worker *w = &g->worker;
    client_close(&g->client);
    client_close(&g->other);
    for (int i = 0; i < 500 && w->conns.open > 0; i++)
        gateway_run(g, 1);
    for (struct http_conn *c = http_conn_each(&w->conns, NULL), *next; c; c = next) {
        next = http_conn_each(&w->conns, c);
        http_conn_abort(c); /* one that lingers */
    }
    gateway_run(g, 0);
    assert_null(w->exchanges);
    assert_int_equal(w->exchange_count, 0);
    assert_int_equal(w->conns.bodies.held, 0);
    fetch_client_drop(w->fetch);
    loopback_shut(&g->bedrock);
    loop_drop(w->loop);
    bedrock_drop(w->bedrock);
    segment_drop(&g->segment);
    config_free(&g->config);
    buf_free(&g->client.in);
    buf_free(&g->other.in);
    return 0;
}

#define GATEWAY(name) cmocka_unit_test_setup_teardown(name, gateway_set_up, gateway_tear_down)

#endif
