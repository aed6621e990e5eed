/*
 * fuzz_http_session.c - libFuzzer: bytes of a client that speaks HTTP/2, whole or in pieces, at a
 * connection on a socket pair. Its owner answers, streams, aborts, refuses or waits, as the path
 * says. Every request that began ends once, and nothing is left behind.
 *
 * The first byte chooses the cuts. What follows is behind the preface; a frame may be written short:
 * the fuzzer finds lengths slowly, so an input whose second byte is odd is taken as a list of
 * (type, flags, stream, length) of four bytes and so many bytes of payload.
 */
#include "server/http/http_conn.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/arena.h"
#include "server/base/log.h"
#include "server/http/http_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PENDING_MAX = 128 };

struct owner {
    unsigned begun, ended, closed, streams;
    struct http_conn *pending[PENDING_MAX]; /* with the owner, not answered */
    size_t pending_n;
};

static void forget(struct owner *o, struct http_conn *c)
{
    for (size_t i = 0; i < o->pending_n; i++) {
        if (o->pending[i] == c)
            o->pending[i--] = o->pending[--o->pending_n];
    }
}

static enum status on_headers(void *ctx, struct http_conn *c, const struct http_request *r,
                              size_t *body_max_out, struct err *err)
{
    struct owner *o = ctx;
    struct str host;
    assert(r->minor == 1 && r->path.n > 0 && http_request_header(r, STR("host"), &host));
    if (text_starts(r->path, STR("/n")))
        return err_set(err, STATUS_NO_ROUTE, "no");
    if (text_starts(r->path, STR("/l")))
        *body_max_out = 10;
    o->begun++;
    http_conn_set_user(c, o);
    return STATUS_OK;
}

static void end(struct owner *o, struct http_conn *c)
{
    assert(http_conn_user(c) == o);
    http_conn_set_user(c, NULL);
    forget(o, c);
    o->ended++;
}

static void answer(struct owner *o, struct http_conn *c, struct str path)
{
    static char much[20000];
    end(o, c);
    http_out_begin(c, 200);
    if (text_starts(path, STR("/s"))) {
        http_out_stream(c, STR("a/b"));
        http_out_write(c, (struct str){much, sizeof much});
        (void)http_out_full(c);
        if (text_starts(path, STR("/sc")))
            http_out_cut(c);
        else
            http_out_end(c);
        return;
    }
    http_out_body(c, STR("a/b"), STR("hello"));
}

static void on_request(void *ctx, struct http_conn *c, const struct http_request *r,
                       struct str body)
{
    struct owner *o = ctx;
    (void)body;
    if (text_starts(r->path, STR("/a"))) {
        end(o, c);
        http_conn_abort(c);
    } else if (text_starts(r->path, STR("/w")) && o->pending_n < PENDING_MAX) {
        o->pending[o->pending_n++] = c;
    } else {
        answer(o, c, r->path);
    }
}

static void on_refuse(void *ctx, struct http_conn *c, const struct http_request *r,
                      const struct err *err)
{
    (void)r;
    if (http_conn_user(c))
        end(ctx, c);
    http_out_begin(c, err_http(err->code, DIALECT_ANTHROPIC));
    http_out_body(c, STR("a/b"), text_from(err->text));
}

static void on_drained(void *ctx, struct http_conn *c)
{
    (void)ctx;
    (void)c;
}

static void on_gone(void *ctx, struct http_conn *c)
{
    if (http_conn_user(c))
        end(ctx, c);
}

static void on_closed(void *ctx, struct http_conn *c)
{
    assert(!http_conn_user(c));
    ((struct owner *)ctx)->closed++;
}

static const struct http_conn_ops ops = {on_headers, on_request, on_refuse,
                                         on_drained, on_gone,    on_closed};

static void stop(struct loop *loop, void *owner)
{
    (void)owner;
    loop_stop(loop);
}

static void run_turn(struct loop *loop)
{
    loop_defer(loop, stop, NULL);
    loop_run(loop);
}

/* Four bytes and a payload into a frame. */
static void put_frames(struct buf *b, struct str in)
{
    while (in.n >= 4) {
        const unsigned char *u = (const unsigned char *)in.p;
        size_t n = u[3] < in.n - 4 ? u[3] : in.n - 4;
        const char head[] = {0, 0, (char)n, (char)(u[0] % 12), (char)u[1],
                             0, 0, 0,       (char)(u[2] % 16)};
        buf_put(b, head, sizeof head);
        buf_put(b, in.p + 4, n);
        in = text_sub(in, 4 + n, in.n);
    }
}

static void play(struct loop *loop, int fd, struct owner *o, struct str bytes, size_t most)
{
    static char sink[1 << 16];
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, most && most < bytes.n ? most : bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        bytes = text_sub(bytes, (size_t)n, bytes.n);
        run_turn(loop);
        while (recv(fd, sink, sizeof sink, 0) > 0) {
        }
    }
    for (int i = 0; i < 4; i++) {
        run_turn(loop);
        if (o->pending_n > 0)
            answer(o, o->pending[0], STR("/"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_conn_limits limits = {
        .parse = {.line = 256, .headers = 1024, .header_count = 16, .chunk_extras = 64},
        .body_max = 4096,
        .output_high = 4096,
        .header_ms = 5000,
        .body_ms = 5000,
        .idle_ms = 5000,
        .write_stall_ms = 5000,
        .requests_max = 20};
    struct owner o = {0};
    struct http_conn_set set = {0};
    struct buf bytes;
    int pair[2];
    if (size < 2 || size > 60000)
        return 0;
    log_level_set(LOG_ERROR);
    buf_init(&bytes, 1 << 20);
    BUF_LIT(&bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    struct str in = {(const char *)data + 2, size - 2};
    if (data[1] & 1) {
        const char settings[9] = {0, 0, 0, 4};
        buf_put(&bytes, settings, sizeof settings);
        put_frames(&bytes, in);
    } else {
        buf_put_str(&bytes, in);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    struct loop *loop = loop_new(NULL);
    struct http_conn *c = http_conn_new(loop, pair[0], &limits, &ops, &o, &set);
    assert(c);
    play(loop, pair[1], &o, buf_str(&bytes), data[0] & 1 ? 0 : 1 + data[0]);
    close(pair[1]);
    for (int i = 0; i < 4 && set.open > 0; i++)
        run_turn(loop);
    while (http_conn_each(&set, NULL))
        http_conn_abort(http_conn_each(&set, NULL));
    loop_drop(loop);
    assert(o.begun == o.ended && o.pending_n == 0);
    assert(set.open == 0 && set.idle == 0 && set.bodies.held == 0);
    buf_free(&bytes);
    return 0;
}
