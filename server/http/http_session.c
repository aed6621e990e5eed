#include "server/http/http_session.h"

#include <malloc.h>
#include <sys/socket.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/http/http_out.h"
#include "server/http/http_session_private.h"

#define PREFACE_REST "\r\nSM\r\n\r\n" /* behind HTTP_PARSE_PREFACE */

enum {
    STREAM_WINDOW = 256 * 1024,  /* of a body, before we say that there is room for more */
    SOCKET_WINDOW = 1024 * 1024, /* of all bodies of a session: they are taken as they come */
    OUT_AT_ONCE = 64 * 1024,     /* frames made before the socket is asked */
    QUEUE_MAX = 512,             /* frames that wait for a full socket until no more is read */
    RESETS_SAVED = 200,          /* nghttp2's own limit of streams that the client resets */
    RESETS_SECOND = 20,
    /* What a frame costs of the budget, and what earns some back. */
    COST_FRAME = 1,
    COST_RESET = 10, /* of a request that is at work */
    EARN_DATA = 4,   /* for each that we send the client may open two windows */
    EARN_ANSWER = 20
};

/* ---- memory ------------------------------------------------------------------------------ */

/* Heads have keys in them: what nghttp2 gives back is overwritten. */
static void mem_free(void *p, void *ctx)
{
    (void)ctx;
    if (p) {
        text_wipe(p, malloc_usable_size(p));
        heap_drop(p);
    }
}

static void *mem_new(size_t n, void *ctx)
{
    (void)ctx;
    return heap_new(n);
}

static void *mem_many(size_t count, size_t n, void *ctx)
{
    size_t size;
    return __builtin_mul_overflow(count, n, &size) ? NULL : mem_new(size, ctx);
}

static void *mem_grow(void *p, size_t n, void *ctx)
{
    void *bigger = mem_new(n, ctx);
    if (bigger && p) {
        size_t had = malloc_usable_size(p);
        memcpy(bigger, p, had < n ? had : n);
        mem_free(p, ctx);
    }
    return bigger;
}

/* ---- calm -------------------------------------------------------------------------------- */

static void earn(struct http_session *s, int32_t n)
{
    s->calm = s->calm + n < HTTP_SESSION_CALM ? s->calm + n : HTTP_SESSION_CALM;
}

static void end_calm(struct http_session *s, const char *why)
{
    log_line(LOG_DEBUG, "http2", "connection %llu: %s", (unsigned long long)s->socket->id, why);
    nghttp2_session_terminate_session(s->h2, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void spend(struct http_session *s, int32_t n)
{
    uint64_t now_ms = clock_mono_ms(), seconds = (now_ms - s->calm_ms) / 1000;
    if (seconds > 0) {
        s->calm_ms += seconds * 1000;
        earn(s, seconds < HTTP_SESSION_CALM ? (int32_t)seconds * HTTP_SESSION_CALM_SECOND
                                            : HTTP_SESSION_CALM);
    }
    bool was_calm = s->calm >= 0;
    s->calm -= n;
    if (was_calm && s->calm < 0) {
        end_calm(s, "too many frames that ask for nothing");
    }
}

/* Looks at nothing but the heads of frames (RFC 9113 4.1): of those that nghttp2 ignores (of streams
 * that are over, of unknown types) it tells nothing. */
static void count_frames(struct http_session *s, struct str bytes)
{
    while (bytes.n > 0) {
        if (s->frame_left > 0) {
            size_t n = bytes.n < s->frame_left ? bytes.n : s->frame_left;
            s->frame_left -= n;
            bytes = text_sub(bytes, n, bytes.n);
            continue;
        }
        s->frame_head[s->frame_head_n++] = (uint8_t)bytes.p[0];
        bytes = text_sub(bytes, 1, bytes.n);
        if (s->frame_head_n == sizeof s->frame_head) {
            const uint8_t *h = s->frame_head;
            s->frame_head_n = 0;
            s->frame_left = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
            if (h[3] != NGHTTP2_DATA || s->frame_left == 0) {
                spend(s, COST_FRAME);
            }
        }
    }
}

/* With the socket all who wait for something from it are gone. */
static void lose_streams(struct http_session *s)
{
    for (size_t i = 0; i < COUNT_OF(s->streams); i++) {
        if (s->streams[i]) {
            http_state_lose(s->streams[i]);
        }
    }
}

static void on_close(struct http_conn *c)
{
    if (c->h2.stream) {
        http_stream_close(c);
    } else {
        c->h2.session->closed = true;
        lose_streams(c->h2.session);
    }
}

/* ---- what nghttp2 tells ------------------------------------------------------------------ */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct http_session *s = ctx;
    (void)h2;
    (void)frame;
    http_fields_clear(&s->fields);
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct http_session *s = ctx;
    (void)h2;
    (void)flags;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) { /* trailers: counted and thrown away */
        s->fields.bytes += name_n + value_n;
    } else {
        http_fields_put(&s->fields, (struct str){(const char *)name, name_n},
                        (struct str){(const char *)value, value_n});
    }
    if (s->fields.bytes > 4 * s->fields.lines.max) {
        end_calm(s, "a head without end");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

/* Without this nghttp2 would leave the field out and go on. */
static int on_invalid_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                             void *ctx)
{
    struct http_session *s = ctx;
    (void)h2;
    (void)frame;
    (void)name;
    (void)value;
    (void)flags;
    s->fields.bytes += name_n + value_n;
    s->fields.bad = true;
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct http_session *s = ctx;
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    (void)h2;
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0 &&
        frame->hd.length == frame->data.padlen) {
        spend(s, COST_FRAME); /* nothing but padding */
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        http_stream_begin(s, frame->hd.stream_id, !ends);
        http_fields_clear(&s->fields);
    } else if (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        struct http_conn *c = http_stream_of(s, frame->hd.stream_id);
        if (c) {
            http_stream_body_end(c);
        }
    }
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t number, const uint8_t *bytes,
                   size_t n, void *ctx)
{
    struct http_conn *c = http_stream_of(ctx, number);
    (void)h2;
    (void)flags;
    if (c && n > 0) {
        http_stream_body(c, (struct str){(const char *)bytes, n});
    }
    return 0;
}

static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct http_session *s = ctx;
    struct http_conn *c = http_stream_of(s, frame->hd.stream_id);
    bool has_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    (void)h2;
    if (frame->hd.type == NGHTTP2_DATA) {
        earn(s, EARN_DATA);
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        s->last_unsent = false;
    }
    if (c && has_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        earn(s, EARN_ANSWER);
        c->answer.sent = true;
        http_state_schedule(c);
    }
    return 0;
}

/* Also the client's RST_STREAM. Its owner is told at the end of the turn: we may be inside a call
 * of his. */
static int on_stream_close(nghttp2_session *h2, int32_t number, uint32_t code, void *ctx)
{
    struct http_conn *c = http_stream_of(ctx, number);
    (void)code;
    if (c) {
        nghttp2_session_set_stream_user_data(h2, number, NULL);
        c->answer.sent |= c->answer.cut;
        if (!c->answer.sent) {
            c->socket.broken = true;
            spend(ctx, COST_RESET);
        }
        http_state_schedule(c);
    }
    return 0;
}

/* ---- the socket -------------------------------------------------------------------------- */

void http_session_pump(struct http_session *s)
{
    struct http_conn *c = s->socket;
    s->busy = true;
    while ((!c->socket.full || s->last_unsent) && !c->socket.broken) {
        const uint8_t *bytes;
        ssize_t n = 1;
        while (n > 0 && (buf_len(&c->out) < OUT_AT_ONCE || s->last_unsent)) {
            n = nghttp2_session_mem_send(s->h2, &bytes);
            if (n > 0) {
                buf_put(&c->out, bytes, (size_t)n);
            }
        }
        s->last_unsent = false;
        c->socket.broken |= n < 0;
        if (buf_len(&c->out) == 0) {
            break;
        }
        http_out_send(c);
    }
    s->busy = false;
}

/* No frame will come or go any more: what still waits for an answer gets none. */
static void end_if_over(struct http_session *s)
{
    struct http_conn *c = s->socket;
    bool over = !nghttp2_session_want_read(s->h2) && !nghttp2_session_want_write(s->h2);
    if (!over || c->state != CONN_SESSION || c->socket.broken || buf_len(&c->out) > 0) {
        return;
    }
    lose_streams(s);
    http_state_enter(c, CONN_LINGER);
    c->clock.progress_ms = clock_mono_ms();
    shutdown(c->socket.fd, SHUT_WR);
}

/* Not where it is decided, and made at once, even for a full socket: of two that wait to be sent nghttp2 does not see to it that the
 * second says no more. What goes before it in the queue are small frames (QUEUE_MAX). */
static void say_last(struct http_session *s)
{
    if (s->last_due) {
        nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE, s->last, NGHTTP2_NO_ERROR, NULL, 0);
        s->last_due = false;
        s->last_unsent = true;
    }
}

/* Who asks for frames and does not take them is asked to wait. */
static void turn(struct http_conn *c)
{
    struct http_session *s = c->h2.session;
    say_last(s);
    http_session_pump(s);
    c->h2.paused = c->socket.full && nghttp2_session_get_outbound_queue_size(s->h2) > QUEUE_MAX;
    end_if_over(s);
}

void http_session_last(struct http_session *s)
{
    struct http_conn *c = s->socket;
    if (!c->close_after) {
        s->last = nghttp2_session_get_last_proc_stream_id(s->h2);
        s->last_due = c->close_after = true;
        c->clock.since_ms = clock_mono_ms();
        http_state_schedule(c);
    }
}

/* What was said last time did not end it: it will not. */
static void too_late(struct http_conn *c)
{
    if (c->close_after) {
        http_state_lose(c);
    } else {
        http_session_last(c->h2.session);
    }
}

static void announce_last(struct http_conn *c)
{
    if (!c->close_after) {
        nghttp2_submit_shutdown_notice(c->h2.session->h2);
        http_state_schedule(c);
    }
}

/* ---- life -------------------------------------------------------------------------------- */

static nghttp2_session *h2_new(struct http_session *s)
{
    nghttp2_mem memory = {NULL, mem_new, mem_free, mem_many, mem_grow};
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *options = NULL;
    nghttp2_session *h2 = NULL;
    if (nghttp2_session_callbacks_new(&calls) != 0 || nghttp2_option_new(&options) != 0) {
        goto out;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_stream_reset_rate_limit(options, RESETS_SAVED, RESETS_SECOND);
    if (nghttp2_session_server_new3(&h2, calls, s, options, &memory) != 0) {
        h2 = NULL;
    }
out:
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(calls);
    return h2;
}

/* HEADER_TABLE_SIZE 0 would keep keys out of HPACK's table, but clients are about that do not heed it
 * (h2spec 2.6, Go's and Rust's until some years ago), and to nghttp2 each of their heads is an error.
 * So a client that does not send its key as never indexed has it in our memory while it is
 * connected; mem_free sees to the rest. */
static bool greet(struct http_session *s)
{
    uint32_t block = (uint32_t)s->socket->limits->parse.headers;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP_SESSION_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, block},
    };
    return nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) == 0 &&
           nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0, SOCKET_WINDOW) == 0;
}

static void drop(struct http_conn *c)
{
    struct http_session *s = c->h2.session;
    c->h2.session = NULL;
    nghttp2_session_del(s->h2);
    http_fields_free(&s->fields);
    heap_drop(s);
}

static bool begin(struct http_conn *c)
{
    const struct http_limits *limits = &c->limits->parse;
    struct http_session *s = heap_new(sizeof *s);
    if (!s) {
        return false;
    }
    c->h2.session = s;
    s->socket = c;
    s->calm = HTTP_SESSION_CALM;
    s->calm_ms = clock_mono_ms();
    s->frame_left = sizeof PREFACE_REST - 1;
    http_fields_init(&s->fields, limits->line, limits->headers);
    s->h2 = h2_new(s);
    if (!s->h2) {
        drop(c);
        return false;
    }
    return greet(s);
}

static bool take(struct http_session *s, struct str bytes)
{
    s->busy = true;
    ssize_t n = nghttp2_session_mem_recv(s->h2, (const uint8_t *)bytes.p, bytes.n);
    s->busy = false;
    return n >= 0;
}

static void input(struct http_conn *c, struct str bytes)
{
    bool ok = c->h2.session || (begin(c) && take(c->h2.session, HTTP_PARSE_PREFACE));
    if (ok) {
        count_frames(c->h2.session, bytes);
    }
    if (!ok || !take(c->h2.session, bytes)) {
        http_state_lose(c);
        return;
    }
    turn(c);
    http_state_schedule(c);
}

const struct http_wire http_session_wire = {.input = input,
                                            .turn = turn,
                                            .late = too_late,
                                            .drain = announce_last,
                                            .close = on_close,
                                            .drop = drop,
                                            .head = http_stream_head,
                                            .whole = http_stream_whole,
                                            .send = http_stream_send};
