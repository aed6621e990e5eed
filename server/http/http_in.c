#include "server/http/http_in.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "server/base/clock.h"
#include "server/http/http_out.h"

/*
 * Bytes are read into one buffer of the process and parsed there, so a connection that waits holds
 * no input memory. Only what a client pipelines behind its request is kept (input).
 */
enum {
    BODY_READ_BYTES = 256 * 1024,   /* at once, to where they stay */
    BODY_FIRST_BYTES = 64 * 1024,   /* memory for the first of them */
    BODY_WHOLE_BYTES = 1024 * 1024, /* a body of known length up to here is never moved */
    BODY_LEAST_BYTES = 1024         /* ... for pieces of an unknown length */
};

static char read_bytes[HTTP_IN_BYTES]; /* one loop a process, so one reader at a time */

void http_in_drop_body(struct http_conn *c)
{
    http_bodies_give_back(&c->list.set->bodies, &c->body.hold);
    buf_free(&c->body.bytes);
}

/* One answer, then the end: after a refusal it is not known where the next request would start. */
void http_in_refuse(struct http_conn *c, const struct err *err)
{
    assert(err->code != STATUS_OK);
    c->close_after = true;
    c->refusing = true;
    c->owner.ops->refuse(c->owner.ctx, c, http_parse_request(c->parse), err);
    c->refusing = false;
    if (c->state == CONN_CLOSED) {
        return;
    }
    assert(c->answer.done);
    buf_free(&c->input);
    http_in_drop_body(c);
    http_state_enter(c, CONN_FLUSH);
    http_state_schedule(c);
}

/* ---- memory for bodies ------------------------------------------------------------------- */

/* Nothing is taken for what is only announced; but who announces more than he could get now is
 * told before he sends it. */
static enum status expect_body(struct http_conn *c, const struct http_request *r, struct err *err)
{
    if (r->content_length > c->body.max) {
        return err_set(err, STATUS_TOO_LARGE, "the request body is larger than %zu bytes",
                       c->body.max);
    }
    buf_init(&c->body.bytes, 0);
    c->body.hold.expected = r->content_length;
    if (!r->chunked) {
        c->body.max = (size_t)r->content_length;
    }
    return http_bodies_ask(&c->list.set->bodies, c->limits->bodies_max, &c->body.hold,
                           r->content_length, err);
}

/* The heap's part of it. Pages that nothing is written to are no memory: so a known length is asked
 * for at once, and the body stays where it begins. */
static bool make_room(struct http_conn *c, size_t size)
{
    struct buf *b = &c->body.bytes;
    if (!http_parse_request(c->parse)->chunked && c->body.max <= BODY_WHOLE_BYTES) {
        size = c->body.max;
    }
    buf_allow(b, size);
    return buf_reserve(b, size - buf_len(b)) != NULL;
}

/* Room for n more bytes, which the caller has or is about to have. It is counted before it is
 * taken, and twice as large each time, so that a long body is moved seldom. */
static enum status room_for_body(struct http_conn *c, size_t n, struct err *err)
{
    size_t granted = c->body.hold.n, need = buf_len(&c->body.bytes) + n;
    assert(need <= c->body.max);
    if (need <= granted) {
        return STATUS_OK;
    }
    size_t size = 2 * granted > BODY_LEAST_BYTES ? 2 * granted : BODY_LEAST_BYTES;
    size = size > need ? size : need;
    size = size < c->body.max ? size : c->body.max;
    enum status status = http_bodies_take(&c->list.set->bodies, c->limits->bodies_max,
                                          &c->body.hold, size - granted, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (!make_room(c, size)) {
        return err_set(err, STATUS_BUSY, "no memory for the request body");
    }
    return STATUS_OK;
}

/* ---- requests ---------------------------------------------------------------------------- */

void http_in_send_continue(struct http_conn *c)
{
    BUF_LIT(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    if (c->h2.stream) {
        c->h2.wire->head(c);
    }
    http_state_schedule(c);
}

static void on_headers(struct http_conn *c, bool bytes_follow)
{
    const struct http_request *r = http_parse_request(c->parse);
    struct err err = {0};
    c->body.max = c->limits->body_max;
    c->body.held = false;
    c->body.hold = (struct http_hold){0};
    enum status status = c->owner.ops->headers(c->owner.ctx, c, r, &c->body.max, &err);
    if (c->state == CONN_CLOSED) {
        return;
    }
    if (status == STATUS_OK) {
        status = expect_body(c, r, &err);
    }
    if (status != STATUS_OK) {
        http_in_refuse(c, &err);
        return;
    }
    http_state_enter(c, CONN_BODY);
    /* RFC 9110 10.1.1: not when the body is on its way already, or there is none. */
    bool wanted = r->expect_continue && !bytes_follow && (r->chunked || r->content_length > 0);
    c->body.held = c->body.held && wanted;
    if (wanted && !c->body.held) {
        http_in_send_continue(c);
    }
}

static void on_body(struct http_conn *c, struct str piece)
{
    struct err err = {0};
    enum status status = STATUS_OK;
    if (c->body.hold.n > 0 && piece.p == buf_data(&c->body.bytes) + buf_len(&c->body.bytes)) {
        buf_commit(&c->body.bytes, piece.n); /* it was read to where it belongs */
        return;
    }
    if (piece.n > c->body.max - buf_len(&c->body.bytes)) {
        status = err_set(&err, STATUS_TOO_LARGE, "the request body is larger than %zu bytes",
                         c->body.max);
    }
    if (status == STATUS_OK) {
        status = room_for_body(c, piece.n, &err);
    }
    if (status == STATUS_OK) {
        buf_put_str(&c->body.bytes, piece);
    } else {
        http_in_refuse(c, &err);
    }
}

/* Parses what is in *in, up to the end of one request. */
void http_in_feed(struct http_conn *c, struct str *in)
{
    while (http_state_is_reading(c)) {
        struct str piece;
        struct err err = {0};
        enum http_event event = http_parse_next(c->parse, in, &piece, &err);
        if (c->state == CONN_IDLE && (event != HTTP_NEED_MORE || http_parse_started(c->parse))) {
            http_state_enter(c, CONN_HEAD);
        }
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
            http_state_enter(c, CONN_OWNER);
            c->owner.ops->request(c->owner.ctx, c, http_parse_request(c->parse),
                                  buf_str(&c->body.bytes));
            break;
        case HTTP_PREFACE:
            http_state_enter(c, CONN_SESSION);
            break;
        case HTTP_BAD:
            http_in_refuse(c, &err);
            break;
        }
    }
}

/* A body of known length is read to where it will stay, everything else to read_bytes. NULL: there
 * is no room, *err says why. */
static char *read_place(struct http_conn *c, size_t *size_out, struct err *err)
{
    *size_out = HTTP_IN_BYTES;
    if (c->state != CONN_BODY || http_parse_request(c->parse)->chunked) {
        return read_bytes;
    }
    size_t have = buf_len(&c->body.bytes), left = c->body.max - have;
    if (room_for_body(c, left < BODY_FIRST_BYTES ? left : BODY_FIRST_BYTES, err) != STATUS_OK) {
        return NULL;
    }
    size_t n = c->body.hold.n - have;
    *size_out = n < BODY_READ_BYTES ? n : BODY_READ_BYTES;
    return buf_reserve(&c->body.bytes, *size_out);
}

static void on_end_of_input(struct http_conn *c)
{
    c->socket.fin = true;
    if (c->state == CONN_IDLE || c->state == CONN_LINGER || c->state == CONN_SESSION) {
        http_state_close(c);
        return;
    }
    struct err err;
    err_set(&err, STATUS_INVALID, "the connection ended inside the request");
    http_in_refuse(c, &err);
}

/* False: nothing is there. */
static bool receive(struct http_conn *c, char *place, size_t size, size_t *n_out)
{
    ssize_t n = recv(c->socket.fd, place, size, 0);
    *n_out = n > 0 ? (size_t)n : 0;
    if (n == 0) {
        on_end_of_input(c);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        http_state_lose(c);
    }
    if (n <= 0) {
        return false;
    }
    c->list.set->bytes_in += *n_out;
    return true;
}

/* False: nothing more is there now, or others shall have their turn. */
static bool read_once(struct http_conn *c, size_t *total)
{
    size_t size, n;
    struct err err;
    char *place = read_place(c, &size, &err);
    if (!place) {
        http_in_refuse(c, &err);
        return false;
    }
    if (!receive(c, place, size, &n)) {
        return false;
    }
    struct str in = {place, n};
    http_in_feed(c, &in);
    if (c->state == CONN_SESSION) {
        c->h2.wire->input(c, in);
    } else if (c->state == CONN_OWNER) {
        buf_put_str(&c->input, in);
        c->close_after |= !buf_ok(&c->input); /* a lost piece must not shift the next request */
    }
    if (place == read_bytes) {
        text_wipe(read_bytes, n); /* keys were in it */
    }
    *total += n;
    return n == size && c->state == CONN_BODY && *total < BODY_READ_BYTES;
}

/* Mostly one recv(2): the loop is level-triggered and other connections wait. A body that fills what
 * it was given has more to come. */
void http_in_read(struct http_conn *c)
{
    size_t total = 0;
    while (read_once(c, &total)) {
    }
}

void http_in_forget(struct http_conn *c)
{
    size_t n;
    if (!receive(c, read_bytes, HTTP_IN_BYTES, &n)) {
        return;
    }
    text_wipe(read_bytes, n);
    c->clock.progress_ms = clock_mono_ms();
}
