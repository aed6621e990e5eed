#include "server/http/http_out.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/http/http_state.h"

enum {
    /* A chunk's size is put as eight digits so that it can be written after the chunk itself;
     * leading zeros are legal (RFC 9112 7.1). */
    CHUNK_HEAD = sizeof "00000000\r\n" - 1,
    OUT_KEPT = 16 * 1024 /* output memory that an idle connection may keep */
};

/* RFC 9110 15, RFC 6585 and 529, which Anthropic uses for "overloaded". */
#define REASONS(X)                            \
    X(200, "OK")                              \
    X(204, "No Content")                      \
    X(304, "Not Modified")                    \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(408, "Request Timeout")                 \
    X(411, "Length Required")                 \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(417, "Expectation Failed")              \
    X(426, "Upgrade Required")                \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(502, "Bad Gateway")                     \
    X(503, "Service Unavailable")             \
    X(504, "Gateway Timeout")                 \
    X(505, "HTTP Version Not Supported")      \
    X(529, "Overloaded")

static const char *reason_of(int status)
{
    switch (status) {
#define REASON(code, text) \
    case code:             \
        return text;
        REASONS(REASON)
#undef REASON
    default:
        return "";
    }
}

/* ---- status line and headers ------------------------------------------------------------- */

/* RFC 9110 6.6.1: an origin server with a clock sends it. Made once a second. */
static struct str date_now(void)
{
    static char date[30];
    static int64_t second = -1;
    int64_t now_ms = clock_real_ms();
    if (now_ms / 1000 != second) {
        second = now_ms / 1000;
        clock_http(now_ms, date);
    }
    return (struct str){date, sizeof date - 1};
}

static void touched(struct http_conn *c)
{
    c->answer.last_ms = clock_mono_ms();
    http_state_schedule(c);
}

void http_out_begin(struct http_conn *c, int status)
{
    assert((c->state == CONN_OWNER || c->refusing) && !c->answer.started);
    assert(status >= 200 && status <= 599);
    const struct http_request *r = http_parse_request(c->parse);
    c->answer.started = true;
    c->answer.bodyless = r->method == HTTP_HEAD || status == 204 || status == 304;
    BUF_LIT(&c->out, "HTTP/1.1 ");
    buf_put_u64(&c->out, (uint64_t)status);
    buf_put_char(&c->out, ' ');
    buf_put_str(&c->out, text_from(reason_of(status)));
    BUF_LIT(&c->out, "\r\n");
    http_out_header(c, STR("date"), date_now());
}

static bool one_line(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == 0) {
            return false;
        }
    }
    return true;
}

void http_out_header(struct http_conn *c, struct str name, struct str value)
{
    assert(c->answer.started && !c->answer.framed);
    if (!one_line(value)) {
        return;
    }
    buf_put_str(&c->out, name);
    BUF_LIT(&c->out, ": ");
    buf_put_str(&c->out, value);
    BUF_LIT(&c->out, "\r\n");
}

void http_out_header_u64(struct http_conn *c, struct str name, uint64_t value)
{
    char digits[20];
    http_out_header(c, name, (struct str){digits, text_put_u64(value, digits)});
}

void http_out_close(struct http_conn *c)
{
    c->close_after = true;
}

static void end_headers(struct http_conn *c, struct str content_type, bool has_end)
{
    const struct http_request *r = http_parse_request(c->parse);
    if (content_type.n > 0) {
        http_out_header(c, STR("content-type"), content_type);
    }
    if (c->h2.stream) {
        c->answer.framed = c->answer.close = true;
        c->h2.wire->head(c);
        return;
    }
    c->answer.close = !has_end || !r->keep_alive || c->close_after || c->draining ||
                      c->requests + 1 >= c->limits->requests_max;
    if (c->answer.close) {
        http_out_header(c, STR("connection"), STR("close"));
    } else if (r->minor == 0) {
        http_out_header(c, STR("connection"), STR("keep-alive"));
    }
    BUF_LIT(&c->out, "\r\n");
    c->answer.framed = true;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static void done(struct http_conn *c)
{
    c->answer.done = true;
    touched(c);
}

/* 204 and 304 have no length, not even 0 (RFC 9110 8.6); HEAD has the one that GET would have. */
void http_out_body(struct http_conn *c, struct str content_type, struct str body)
{
    bool head = http_parse_request(c->parse)->method == HTTP_HEAD;
    if (!c->answer.bodyless || (head && body.n > 0)) {
        http_out_header_u64(c, STR("content-length"), body.n);
    }
    end_headers(c, content_type, true);
    if (!c->answer.bodyless) {
        buf_put_str(&c->out, body);
        c->answer.bytes = body.n;
    }
    done(c);
}

void http_out_stream(struct http_conn *c, struct str content_type)
{
    bool chunks = http_parse_request(c->parse)->minor > 0;
    c->answer.chunked = chunks && !c->answer.bodyless && !c->h2.stream; /* frames have lengths */
    if (chunks && !c->h2.stream) {
        http_out_header(c, STR("transfer-encoding"), STR("chunked"));
    }
    end_headers(c, content_type, chunks || c->answer.bodyless);
    touched(c);
}

struct buf *http_out_chunk_begin(struct http_conn *c)
{
    assert(c->answer.framed && !c->answer.done && !c->answer.chunk_open);
    c->answer.chunk_open = true;
    c->answer.chunk_at = buf_len(&c->out);
    if (c->answer.chunked) {
        BUF_LIT(&c->out, "00000000\r\n");
    }
    return &c->out;
}

static void put_chunk_size(struct http_conn *c, size_t n)
{
    char *head = buf_data(&c->out) + c->answer.chunk_at; /* each event of a stream has one */
    for (int i = CHUNK_HEAD - 3; i >= 0; i--, n >>= 4) {
        head[i] = "0123456789abcdef"[n & 15];
    }
    memcpy(head + CHUNK_HEAD - 2, "\r\n", 2);
    BUF_LIT(&c->out, "\r\n");
}

void http_out_chunk_end(struct http_conn *c)
{
    assert(c->answer.chunk_open);
    c->answer.chunk_open = false;
    if (!buf_ok(&c->out)) { /* the end of the turn drops the connection */
        http_state_schedule(c);
        return;
    }
    size_t head = c->answer.chunked ? (size_t)CHUNK_HEAD : 0;
    size_t n = buf_len(&c->out) - c->answer.chunk_at - head;
    /* An empty chunk would be the end of the body. */
    if (n == 0 || c->answer.bodyless) {
        buf_truncate(&c->out, c->answer.chunk_at);
        return;
    }
    assert(n <= UINT32_MAX);
    if (c->answer.chunked) {
        put_chunk_size(c, n);
    }
    c->answer.bytes += n;
    touched(c);
}

void http_out_write(struct http_conn *c, struct str bytes)
{
    buf_put_str(http_out_chunk_begin(c), bytes);
    http_out_chunk_end(c);
}

void http_out_end(struct http_conn *c)
{
    assert(c->answer.framed && !c->answer.done && !c->answer.chunk_open);
    if (c->answer.chunked) {
        BUF_LIT(&c->out, "0\r\n\r\n");
    }
    done(c);
}

void http_out_cut(struct http_conn *c)
{
    assert(c->answer.framed && !c->answer.done && !c->answer.chunk_open);
    c->answer.close = c->answer.cut = true;
    done(c);
}

/* ---- sending ----------------------------------------------------------------------------- */

void http_out_send(struct http_conn *c)
{
    c->socket.broken |= !buf_ok(&c->out); /* out of memory: an answer with a gap must not be sent */
    if (c->h2.stream) {
        c->h2.wire->send(c);
        return;
    }
    if (c->socket.full || c->socket.broken || c->answer.chunk_open || buf_len(&c->out) == 0) {
        return;
    }
    ssize_t n = send(c->socket.fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL);
    c->list.set->writes++;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        c->socket.broken = true;
        return;
    }
    c->clock.progress_ms = clock_mono_ms();
    if (n > 0) {
        buf_consume(&c->out, (size_t)n);
        c->list.set->bytes_out += (uint64_t)n;
    }
    c->socket.full = buf_len(&c->out) > 0;
    /* Of a slow stream what its head needed, too: each event is a small part of that. */
    bool head = !c->answer.done && n > 0 && (uint64_t)n > c->answer.bytes;
    bool small = (size_t)n < c->out.cap / 4;
    if (!c->socket.full && (c->out.cap > OUT_KEPT || head || small)) {
        buf_free(&c->out);
    }
}

/* A burst is no slow reader: what the socket takes now need not be held. Once it takes no more, the
 * upstream is soon paused, and what the client leaves lying has no more memory than it needs. */
bool http_out_full(struct http_conn *c)
{
    size_t high = c->limits->output_high;
    if (buf_len(&c->out) < (c->socket.full ? high / 2 : high)) {
        return false;
    }
    http_out_send(c);
    http_state_schedule(c); /* failure and the watch for a full socket are handled there */
    bool full = buf_len(&c->out) >= high / 2;
    if (full) {
        buf_trim(&c->out);
    }
    c->drained_wanted |= full;
    return full;
}

uint64_t http_out_bytes(const struct http_conn *c)
{
    return c->answer.bytes;
}

uint64_t http_out_last_ms(const struct http_conn *c)
{
    return c->answer.last_ms;
}
