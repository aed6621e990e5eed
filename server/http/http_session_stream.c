#include "server/http/http_session_private.h"

#include <assert.h>
#include <stdio.h>

#include "server/base/clock.h"
#include "server/http/http_in.h"

enum { ANSWER_FIELDS = 64 };

/* ---- streams ----------------------------------------------------------------------------- */

struct http_conn *http_stream_of(struct http_session *s, int32_t number)
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

/* NULL: there are too many, or no memory, or it came behind the last one; the client may send the request again elsewhere. */
static struct http_conn *stream_new(struct http_session *s, int32_t number)
{
    struct http_conn *socket = s->socket, **place = free_place(s);
    uint32_t most = socket->limits->conns_max;
    bool may = place && !socket->close_after && (most == 0 || socket->list.set->open < most);
    struct http_conn *c = may ? http_state_new(socket) : NULL;
    if (!c) {
        nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, number, NGHTTP2_REFUSED_STREAM);
        return NULL;
    }
    c->h2.session = s;
    c->h2.stream = number;
    memcpy(c->peer, socket->peer, sizeof c->peer);
    c->draining = socket->draining;
    http_state_link(c);
    *place = c;
    socket->h2.streams++;
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

void http_stream_close(struct http_conn *c)
{
    struct http_session *s = c->h2.session;
    for (size_t i = 0; i < COUNT_OF(s->streams); i++) {
        if (s->streams[i] == c) {
            s->streams[i] = NULL;
        }
    }
    s->socket->h2.streams--;
    if (!s->socket->draining || s->socket->close_after) { /* else the grace would never be over */
        s->socket->clock.since_ms = clock_mono_ms();      /* the last one is it */
    }
    if (!s->closed && http_stream_of(s, c->h2.stream) == c) {
        nghttp2_session_set_stream_user_data(s->h2, c->h2.stream, NULL);
        nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, c->h2.stream, code_of(c));
    }
    http_state_schedule(s->socket);
}

bool http_stream_whole(struct http_conn *c)
{
    return nghttp2_session_get_stream_remote_close(c->h2.session->h2, c->h2.stream) != 0;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* What comes behind a refusal is not looked at. */
static bool takes_body(const struct http_conn *c)
{
    return c->state == CONN_BODY;
}

static void feed(struct http_conn *c, struct str bytes)
{
    if (http_state_is_reading(c)) {
        http_in_feed(c, &bytes);
    }
    http_state_schedule(c);
}

void http_stream_body(struct http_conn *c, struct str piece)
{
    if (!takes_body(c)) {
        c->clock.progress_ms = c->state == CONN_LINGER ? clock_mono_ms() : c->clock.progress_ms;
        return;
    }
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

void http_stream_body_end(struct http_conn *c)
{
    if (takes_body(c) && http_parse_request(c->parse)->chunked) {
        feed(c, STR("0\r\n\r\n"));
    }
}

void http_stream_begin(struct http_session *s, int32_t number, bool has_body)
{
    struct err err = {0};
    struct buf head;
    struct http_conn *socket = s->socket, *c = stream_new(s, number);
    if (!c) {
        return;
    }
    buf_init(&head, 2 * (s->fields.lines.max + s->fields.target.max) + s->fields.method.max);
    bool ok = http_fields_write(&s->fields, has_body && !s->fields.has_length, &head);
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
        http_session_last(s);
    }
}

/* ---- answers ----------------------------------------------------------------------------- */

/* The body of an answer, as much as the windows allow now. A chunk that is being written may still
 * be taken back. */
static ssize_t read_answer(nghttp2_session *h2, int32_t number, uint8_t *place, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct http_conn *c = http_stream_of(ctx, number);
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
        c->clock.progress_ms = clock_mono_ms();
        c->socket.full &= buf_len(&c->out) > 0;
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
void http_stream_head(struct http_conn *c)
{
    struct http_session *s = c->h2.session;
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
            fields[n++] = pair(name, value);
        }
    }
    assert(n < COUNT_OF(fields));
    if (!buf_ok(&c->out)) {
        return; /* the end of the turn sees it */
    }
    if (status < 200) {
        rv = nghttp2_submit_headers(s->h2, NGHTTP2_FLAG_NONE, c->h2.stream, NULL, fields, n, NULL);
    } else {
        rv = nghttp2_submit_response(s->h2, c->h2.stream, fields, n,
                                     c->answer.bodyless ? NULL : &body);
    }
    c->socket.broken |= rv != 0;
    buf_clear(&c->out);
}

/* ---- sending --------------------------------------------------------------------------- */

void http_stream_send(struct http_conn *c)
{
    struct http_session *s = c->h2.session;
    if (c->state == CONN_CLOSED || s->closed || c->socket.broken) {
        return;
    }
    if (buf_len(&c->out) > 0 || c->answer.done) {
        nghttp2_session_resume_data(s->h2, c->h2.stream);
    }
    if (s->busy) {
        http_state_schedule(c);
        return;
    }
    http_session_pump(s);
    http_state_schedule(s->socket); /* to watch for a full socket, and for the end */
    /* its end waits too, for a window or for the socket, when all its bytes have gone */
    bool left = buf_len(&c->out) > 0 || (c->answer.done && !c->answer.sent);
    bool waits = left && !c->answer.chunk_open;
    if (waits && !c->socket.full) {
        c->clock.progress_ms = clock_mono_ms();
    }
    c->socket.full = waits;
}
