#include "server/http/http_session.h"

#include <assert.h>
#include <malloc.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/http/http_fields.h"
#include "server/http/http_in.h"
#include "server/http/http_out.h"

enum {
    STREAM_WINDOW = 256 * 1024,  /* of a body, before we say that there is room for more */
    SOCKET_WINDOW = 1024 * 1024, /* of all bodies of a session: they are taken as they come */
    OUT_AT_ONCE = 64 * 1024,     /* frames made before the socket is asked */
    QUEUE_MAX = 512,             /* frames that wait for a full socket until no more is read */
    RESETS_SAVED = 200,          /* nghttp2's own limit of streams that the client resets */
    RESETS_SECOND = 20,
    ANSWER_FIELDS = 64,
    /* What a frame costs of the budget, and what earns some back. */
    COST_FRAME = 1,
    COST_RESET = 10, /* of a request that is at work */
    EARN_DATA = 4,   /* for each that we send the client may open two windows */
    EARN_ANSWER = 20
};

struct http_session {
    struct http_conn *socket;
    nghttp2_session *h2;
    struct http_conn *streams[HTTP_SESSION_STREAMS];
    struct http_fields fields; /* the head that is arriving; heads cannot be interleaved */
    int32_t calm;
    uint64_t calm_ms;
    bool busy;   /* nghttp2 is at work: it must not be called to work again */
    bool closed; /* the socket is */
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

/* ---- streams ----------------------------------------------------------------------------- */

static struct http_conn *stream_of(struct http_session *s, int32_t number)
{
    return nghttp2_session_get_stream_user_data(s->h2, number);
}

static struct http_conn **free_place(struct http_session *s)
{
    for (size_t i = 0; i < COUNT_OF(s->streams); i++) {
        if (!s->streams[i]) {
            return &s->streams[i];
        }
    }
    return NULL;
}

/* NULL: there are too many, or no memory; the client may send the request again elsewhere. */
static struct http_conn *stream_new(struct http_session *s, int32_t number)
{
    struct http_conn *socket = s->socket, **place = free_place(s);
    uint32_t most = socket->limits->conns_max;
    struct http_conn *c =
        place && (most == 0 || socket->set->open < most) ? http_state_new(socket) : NULL;
    if (!c) {
        nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, number, NGHTTP2_REFUSED_STREAM);
        return NULL;
    }
    c->session = s;
    c->stream = number;
    memcpy(c->peer, socket->peer, sizeof c->peer);
    c->draining = socket->draining;
    http_state_link(c);
    *place = c;
    socket->streams++;
    nghttp2_session_set_stream_user_data(s->h2, number, c);
    http_state_enter(c, CONN_HEAD);
    return c;
}

/* The code of a stream that ends before its time. After a whole answer the client need not send the
 * rest of its request: RFC 9113 8.1. */
static uint32_t code_of(const struct http_conn *c)
{
    return c->answer.sent && !c->answer.cut ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR;
}

static void stream_close(struct http_session *s, struct http_conn *c)
{
    for (size_t i = 0; i < COUNT_OF(s->streams); i++) {
        if (s->streams[i] == c) {
            s->streams[i] = NULL;
        }
    }
    s->socket->streams--;
    s->socket->since_ms = clock_mono_ms(); /* the last one is it */
    if (!s->closed && stream_of(s, c->stream) == c) {
        nghttp2_session_set_stream_user_data(s->h2, c->stream, NULL);
        nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, c->stream, code_of(c));
    }
    http_state_schedule(s->socket);
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
    struct http_session *s = c->session;
    if (c->stream) {
        stream_close(s, c);
    } else {
        s->closed = true;
        lose_streams(s);
    }
}

/* No new streams: the client may send them again elsewhere. Those that it knows of go on. */
static void say_last(struct http_session *s)
{
    struct http_conn *c = s->socket;
    if (!c->close_after) {
        int32_t number = nghttp2_session_get_last_proc_stream_id(s->h2);
        nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE, number, NGHTTP2_NO_ERROR, NULL, 0);
        c->close_after = true;
        c->since_ms = clock_mono_ms();
        http_state_schedule(c);
    }
}

/* ---- requests ---------------------------------------------------------------------------- */

static bool takes_body(const struct http_conn *c)
{
    return c && c->state == CONN_BODY;
}

static void feed(struct http_conn *c, struct str bytes)
{
    if (http_state_is_reading(c)) {
        http_in_feed(c, &bytes);
    }
    http_state_schedule(c);
}

static void feed_body(struct http_conn *c, struct str piece)
{
    if (!http_parse_request(c->parse)->chunked) {
        feed(c, piece);
        return;
    }
    char digits[2 * sizeof piece.n + 2];
    int n = snprintf(digits, sizeof digits, "%zx\r\n", piece.n);
    feed(c, (struct str){digits, (size_t)n});
    if (takes_body(c)) {
        feed(c, piece);
    }
    if (takes_body(c)) {
        feed(c, STR("\r\n"));
    }
}

static void end_of_body(struct http_conn *c)
{
    if (takes_body(c) && http_parse_request(c->parse)->chunked) {
        feed(c, STR("0\r\n\r\n"));
    }
}

static bool has_length(const struct http_fields *f)
{
    size_t at;
    struct str lines = buf_str(&f->lines);
    return text_starts(lines, STR("content-length: ")) ||
           (lines.n > 0 && text_find(lines, STR("\r\ncontent-length: "), &at));
}

/* A head is whole: from here on it is read like one of HTTP/1.1. */
static void begin_request(struct http_session *s, int32_t number, bool has_body)
{
    struct err err = {0};
    struct buf head;
    struct http_conn *socket = s->socket, *c = stream_new(s, number);
    if (!c) {
        return;
    }
    buf_init(&head, 2 * (s->fields.lines.max + s->fields.target.max) + s->fields.method.max);
    bool ok = http_fields_write(&s->fields, has_body && !has_length(&s->fields), &head);
    if (ok) {
        feed(c, buf_str(&head));
    }
    text_wipe(buf_data(&head), buf_len(&head));
    buf_free(&head);
    if (c->state == CONN_HEAD) { /* else it was answered, or is at work */
        enum status code = ok ? STATUS_INVALID : STATUS_BUSY;
        err_set(&err, code, ok ? "a header of the request is not legal in HTTP/2" : "no memory");
        http_in_refuse(c, &err);
    }
    socket->requests++;
    if (socket->requests >= socket->limits->requests_max) {
        say_last(s);
    }
}

/* ---- what nghttp2 tells ------------------------------------------------------------------ */

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *hd, void *ctx)
{
    struct http_session *s = ctx;
    struct http_conn *c = stream_of(s, hd->stream_id);
    (void)h2;
    if (hd->type == NGHTTP2_RST_STREAM && c && !c->answer.sent) {
        spend(s, COST_RESET);
    } else if (hd->type != NGHTTP2_DATA || hd->length == 0) {
        spend(s, COST_FRAME);
    }
    return 0;
}

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
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        begin_request(s, frame->hd.stream_id, !ends);
        http_fields_clear(&s->fields);
    } else if (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        struct http_conn *c = stream_of(s, frame->hd.stream_id);
        if (c) {
            end_of_body(c);
        }
    }
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t number, const uint8_t *bytes,
                   size_t n, void *ctx)
{
    struct http_conn *c = stream_of(ctx, number);
    (void)h2;
    (void)flags;
    if (takes_body(c) && n > 0) {
        feed_body(c, (struct str){(const char *)bytes, n});
    }
    return 0;
}

static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *ctx)
{
    struct http_session *s = ctx;
    struct http_conn *c = stream_of(s, frame->hd.stream_id);
    bool has_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    (void)h2;
    if (frame->hd.type == NGHTTP2_DATA) {
        earn(s, EARN_DATA);
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
    struct http_conn *c = stream_of(ctx, number);
    (void)code;
    if (c) {
        nghttp2_session_set_stream_user_data(h2, number, NULL);
        c->answer.sent |= c->answer.cut;
        c->broken |= !c->answer.sent;
        http_state_schedule(c);
    }
    return 0;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* The body of an answer, as much as the windows allow now. A chunk that is being written may still
 * be taken back. */
static ssize_t read_answer(nghttp2_session *h2, int32_t number, uint8_t *place, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct http_conn *c = stream_of(ctx, number);
    (void)h2;
    (void)source;
    if (!c || !buf_ok(&c->out)) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (c->answer.chunk_open) {
        return NGHTTP2_ERR_DEFERRED;
    }
    size_t n = buf_len(&c->out) < room ? buf_len(&c->out) : room;
    if (n > 0) {
        memcpy(place, buf_data(&c->out), n);
        buf_consume(&c->out, n);
        c->progress_ms = clock_mono_ms();
        c->want_write &= buf_len(&c->out) > 0;
        if (c->drained_wanted) {
            http_state_schedule(c);
        }
    }
    bool end = buf_len(&c->out) == 0 && c->answer.done;
    if (end && !c->answer.cut) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (end && n == 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM, INTERNAL_ERROR */
    } else if (n == 0) {
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

static nghttp2_nv pair(struct str name, struct str value)
{
    return (nghttp2_nv){.name = (uint8_t *)name.p,
                        .namelen = name.n,
                        .value = (uint8_t *)value.p,
                        .valuelen = value.n};
}

/* The status line and the header lines in c->out, as http_out.c has written them. */
static void submit_head(struct http_conn *c)
{
    struct http_session *s = c->session;
    nghttp2_nv fields[ANSWER_FIELDS];
    nghttp2_data_provider body = {.read_callback = read_answer};
    struct str rest = buf_str(&c->out), name, value;
    char digits[20];
    int status = http_fields_status(&rest), rv;
    size_t n = 0;
    fields[n++] =
        pair(STR(":status"), (struct str){digits, text_put_u64((uint64_t)status, digits)});
    while (n < COUNT_OF(fields) && http_fields_next(&rest, &name, &value)) {
        if (!http_fields_of_connection(name)) {
            fields[n++] = pair(name, text_trim(value));
        }
    }
    assert(n < COUNT_OF(fields));
    if (!buf_ok(&c->out)) {
        return; /* the end of the turn sees it */
    }
    if (status < 200) {
        rv = nghttp2_submit_headers(s->h2, NGHTTP2_FLAG_NONE, c->stream, NULL, fields, n, NULL);
    } else {
        rv =
            nghttp2_submit_response(s->h2, c->stream, fields, n, c->answer.bodyless ? NULL : &body);
    }
    c->broken |= rv != 0;
    buf_clear(&c->out);
}

/* ---- the socket -------------------------------------------------------------------------- */

/* Frames into the socket until it takes no more. Calls no owner. */
static void pump(struct http_session *s)
{
    struct http_conn *c = s->socket;
    s->busy = true;
    while (!c->want_write && !c->broken) {
        const uint8_t *bytes;
        ssize_t n = 1;
        while (n > 0 && buf_len(&c->out) < OUT_AT_ONCE) {
            n = nghttp2_session_mem_send(s->h2, &bytes);
            if (n > 0) {
                buf_put(&c->out, bytes, (size_t)n);
            }
        }
        c->broken |= n < 0;
        if (buf_len(&c->out) == 0) {
            break;
        }
        http_out_send(c);
    }
    s->busy = false;
}

static void send_stream(struct http_conn *c)
{
    struct http_session *s = c->session;
    if (c->state == CONN_CLOSED || s->closed || c->broken) {
        return;
    }
    if (buf_len(&c->out) > 0 || c->answer.done) {
        nghttp2_session_resume_data(s->h2, c->stream);
    }
    if (s->busy) {
        http_state_schedule(c);
        return;
    }
    pump(s);
    http_state_schedule(s->socket); /* to watch for a full socket, and for the end */
    bool waits = buf_len(&c->out) > 0 && !c->answer.chunk_open;
    if (waits && !c->want_write) {
        c->progress_ms = clock_mono_ms();
    }
    c->want_write = waits;
}

/* No frame will come or go any more: what still waits for an answer gets none. */
static void end_if_over(struct http_session *s)
{
    struct http_conn *c = s->socket;
    bool over = !nghttp2_session_want_read(s->h2) && !nghttp2_session_want_write(s->h2);
    if (!over || c->state != CONN_SESSION || c->broken || buf_len(&c->out) > 0) {
        return;
    }
    lose_streams(s);
    http_state_enter(c, CONN_LINGER);
    c->progress_ms = clock_mono_ms();
    shutdown(c->fd, SHUT_WR);
}

/* Who asks for frames and does not take them is asked to wait. */
static void turn(struct http_conn *c)
{
    struct http_session *s = c->session;
    pump(s);
    c->full = c->want_write && nghttp2_session_get_outbound_queue_size(s->h2) > QUEUE_MAX;
    end_if_over(s);
}

/* What was said last time did not end it: it will not. */
static void too_late(struct http_conn *c)
{
    if (c->close_after) {
        http_state_lose(c);
    } else {
        say_last(c->session);
    }
}

static void announce_last(struct http_conn *c)
{
    if (!c->close_after) {
        nghttp2_submit_shutdown_notice(c->session->h2);
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
    nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
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
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) == 0 &&
           nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0, SOCKET_WINDOW) == 0;
}

static void drop(struct http_conn *c)
{
    struct http_session *s = c->session;
    c->session = NULL;
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
    c->session = s;
    s->socket = c;
    s->calm = HTTP_SESSION_CALM;
    s->calm_ms = clock_mono_ms();
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
    bool ok = c->session || (begin(c) && take(c->session, HTTP_PARSE_PREFACE));
    if (!ok || !take(c->session, bytes)) {
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
                                            .head = submit_head,
                                            .send = send_stream};
