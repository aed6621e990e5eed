#include "server/net/http_conn_private.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/net/http_out.h"

/*
 * Bytes are read into one buffer of the process and parsed there, so a connection that waits holds
 * no input memory. Only what a client pipelines behind its request is kept (input).
 */
enum { BODY_READ_BYTES = 256 * 1024 };

static char read_bytes[HTTP_IN_BYTES]; /* one loop a process, so one reader at a time */

void http_in_drop_body(struct http_conn *c)
{
    c->stats->body_bytes -= c->body_counted;
    c->body_counted = 0;
    buf_free(&c->body);
}

/* One answer, then the end: after a refusal it is not known where the next request would start. */
void http_in_refuse(struct http_conn *c, const struct err *err)
{
    assert(err->code != STATUS_OK);
    c->close_after = true;
    c->refusing = true;
    c->ops->refuse(c->ctx, c, http_parse_request(c->parse), err);
    c->refusing = false;
    if (c->state == CONN_CLOSED)
        return;
    assert(c->answer.done);
    buf_free(&c->input);
    http_in_drop_body(c);
    http_conn_enter(c, CONN_FLUSH);
    http_conn_schedule(c);
}

static enum status count_body(struct http_conn *c, size_t n, struct err *err)
{
    if (c->limits->bodies_max > 0 && c->stats->body_bytes + n > c->limits->bodies_max)
        return err_set(err, STATUS_BUSY, "too many request bodies are held at the moment");
    c->stats->body_bytes += n;
    c->body_counted += n;
    return STATUS_OK;
}

static enum status expect_body(struct http_conn *c, const struct http_request *r, struct err *err)
{
    if (r->content_length > c->body_max)
        return err_set(err, STATUS_TOO_LARGE, "the request body is larger than %zu bytes",
                       c->body_max);
    size_t n = (size_t)r->content_length;
    enum status status = count_body(c, n, err);
    buf_init(&c->body, r->chunked ? c->body_max : n);
    if (status == STATUS_OK && n > 0 && !buf_reserve(&c->body, n))
        status = err_set(err, STATUS_BUSY, "no memory for the request body");
    return status;
}

static void send_continue(struct http_conn *c)
{
    BUF_LIT(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    http_conn_schedule(c);
}

void http_conn_hold(struct http_conn *c)
{
    c->held = true;
}

void http_conn_continue(struct http_conn *c)
{
    if (c->held && c->state == CONN_BODY && buf_len(&c->body) == 0) {
        c->since_ms = clock_mono_ms(); /* the client's time begins now */
        send_continue(c);
    }
    c->held = false;
}

void http_conn_refuse(struct http_conn *c, const struct err *err)
{
    assert(c->state == CONN_BODY);
    http_in_refuse(c, err);
}

static void on_headers(struct http_conn *c, bool bytes_follow)
{
    const struct http_request *r = http_parse_request(c->parse);
    struct err err = {0};
    c->body_max = c->limits->body_max;
    c->held = false;
    enum status status = c->ops->headers(c->ctx, c, r, &c->body_max, &err);
    if (c->state == CONN_CLOSED)
        return;
    if (status == STATUS_OK)
        status = expect_body(c, r, &err);
    if (status != STATUS_OK) {
        http_in_refuse(c, &err);
        return;
    }
    http_conn_enter(c, CONN_BODY);
    /* RFC 9110 10.1.1: not when the body is on its way already, or there is none. */
    bool wanted = r->expect_continue && !bytes_follow && (r->chunked || r->content_length > 0);
    c->held = c->held && wanted;
    if (wanted && !c->held)
        send_continue(c);
}

static void on_body(struct http_conn *c, struct str piece)
{
    struct err err = {0};
    enum status status = STATUS_OK;
    if (piece.n > c->body_max - buf_len(&c->body))
        status = err_set(&err, STATUS_TOO_LARGE, "the request body is larger than %zu bytes",
                         c->body_max);
    else if (http_parse_request(c->parse)->chunked)
        status = count_body(c, piece.n, &err);
    if (status == STATUS_OK) {
        if (c->body.mem && piece.p == buf_data(&c->body) + buf_len(&c->body))
            buf_commit(&c->body, piece.n); /* it was read to where it belongs */
        else
            buf_put_str(&c->body, piece);
        if (!buf_ok(&c->body))
            status = err_set(&err, STATUS_BUSY, "no memory for the request body");
    }
    if (status != STATUS_OK)
        http_in_refuse(c, &err);
}

/* Parses what is in *in, up to the end of one request. */
void http_in_feed(struct http_conn *c, struct str *in)
{
    while (http_conn_is_reading(c)) {
        struct str piece;
        struct err err = {0};
        enum http_event event = http_parse_next(c->parse, in, &piece, &err);
        if (c->state == CONN_IDLE && (event != HTTP_NEED_MORE || http_parse_started(c->parse)))
            http_conn_enter(c, CONN_HEAD);
        switch (event) {
        case HTTP_NEED_MORE:
            return;
        case HTTP_HEADERS:
            on_headers(c, in->n > 0);
            break;
        case HTTP_BODY:
            on_body(c, piece);
            break;
        case HTTP_END:
            http_conn_enter(c, CONN_OWNER);
            c->ops->request(c->ctx, c, http_parse_request(c->parse), buf_str(&c->body));
            break;
        case HTTP_BAD:
            http_in_refuse(c, &err);
            break;
        }
    }
}

/* A body of known length is read to where it will stay, everything else to read_bytes. */
static char *read_place(struct http_conn *c, size_t *size_out)
{
    const struct http_request *r = http_parse_request(c->parse);
    *size_out = HTTP_IN_BYTES;
    if (c->state != CONN_BODY || r->chunked)
        return read_bytes;
    size_t left = (size_t)r->content_length - buf_len(&c->body);
    *size_out = left < BODY_READ_BYTES ? left : BODY_READ_BYTES;
    return buf_reserve(&c->body, *size_out);
}

static void on_end_of_input(struct http_conn *c)
{
    c->fin = true;
    if (c->state == CONN_IDLE || c->state == CONN_LINGER) {
        http_conn_close(c);
        return;
    }
    struct err err;
    err_set(&err, STATUS_INVALID, "the connection ended inside the request");
    http_in_refuse(c, &err);
}

/* One recv(2): the loop is level-triggered and other connections wait. false: nothing is there. */
static bool receive(struct http_conn *c, char *place, size_t size, size_t *n_out)
{
    ssize_t n = recv(c->fd, place, size, 0);
    *n_out = n > 0 ? (size_t)n : 0;
    if (n == 0)
        on_end_of_input(c);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        http_conn_lose(c);
    if (n <= 0)
        return false;
    c->stats->bytes_in += *n_out;
    return true;
}

void http_in_read(struct http_conn *c)
{
    size_t size, n;
    char *place = read_place(c, &size);
    if (!receive(c, place, size, &n))
        return;
    struct str in = {place, n};
    http_in_feed(c, &in);
    if (c->state == CONN_OWNER) {
        buf_put_str(&c->input, in);
        c->close_after |= !buf_ok(&c->input); /* a lost piece must not shift the next request */
    }
    if (place == read_bytes)
        text_wipe(read_bytes, n); /* keys were in it */
}

void http_in_forget(struct http_conn *c)
{
    size_t n;
    if (!receive(c, read_bytes, HTTP_IN_BYTES, &n))
        return;
    text_wipe(read_bytes, n);
    c->progress_ms = clock_mono_ms();
}
