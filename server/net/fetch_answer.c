/*
 * fetch_answer.c - the answer comes in.
 *
 *   connection -> the client's one buffer -> response_parse -> ops->headers, ops->data
 *
 * Whoever does not take a piece is paused: it and what is behind it go into held, the connection is
 * not read, and the other side has to wait.
 */
#include <curl/curl.h>

#include "server/base/clock.h"
#include "server/net/fetch_private.h"

/* With TLS, of one connection in a turn of the loop. */
enum { READS_A_TURN = 16 };
enum { LONG_MS = 1000 }; /* an answer that takes longer is a stream */

static void refuse(struct fetch *f, enum response_fault fault)
{
    fetch_error_answer(f, fault);
    fetch_finish(f, false);
}

/* An answer that comes early and is no success: the rest of the body is of no use to anybody.
 * False: over. */
static bool take_head(struct fetch *f)
{
    int status = response_parse_status(f->answer.parse);
    f->answer.headers_in = true;
    if (!fetch_request_is_out(f) && status >= 300) {
        f->request.mute = true;
        wire_watch(f->connection.wire, LOOP_READ);
    }
    f->busy = true;
    f->ops.headers(f->owner, f, status);
    f->busy = false;
    return !fetch_is_over(f);
}

static void hold(struct fetch *f, struct str piece, struct str rest)
{
    buf_put(&f->pause.held, piece.p, piece.n + rest.n);
    if (!buf_ok(&f->pause.held)) {
        refuse(f, RESPONSE_NO_MEMORY);
        return;
    }
    f->pause.piece_n = piece.n;
    f->pause.on = true;
    fetch_arm(f);
    fetch_request_send(f); /* stops watching */
}

/* piece is a part of the body, rest what is behind it in memory and not parsed yet. False: over, or
 * paused. */
static bool take_piece(struct fetch *f, struct str piece, struct str rest)
{
    if (f->answer.body_max && piece.n > f->answer.body_max - f->answer.received) {
        err_set(&f->err, STATUS_UPSTREAM, "too long an answer from %s", f->peer);
        f->trouble = FETCH_TROUBLE_ANSWER;
        fetch_finish(f, false);
        return false;
    }
    f->busy = true;
    bool taken = f->ops.data(f->owner, f, piece);
    f->busy = false;
    if (fetch_is_over(f)) {
        return false;
    }
    if (!taken) {
        hold(f, piece, rest);
        return false;
    }
    f->answer.received += piece.n;
    return true;
}

/* False: over, or paused. */
static bool parse(struct fetch *f, struct str input)
{
    for (;;) {
        struct str piece;
        switch (response_parse_next(f->answer.parse, &input, &piece)) {
        case RESPONSE_NEED_MORE:
            return true;
        case RESPONSE_HEAD:
            if (!take_head(f)) {
                return false;
            }
            break;
        case RESPONSE_BODY:
            if (!take_piece(f, piece, input)) {
                return false;
            }
            break;
        case RESPONSE_END:
            fetch_finish(f, input.n == 0 && response_parse_keeps(f->answer.parse));
            return false;
        case RESPONSE_BAD:
            refuse(f, response_parse_fault(f->answer.parse));
            return false;
        }
    }
}

static void take_end(struct fetch *f)
{
    if (response_parse_ended(f->answer.parse)) {
        fetch_finish(f, false);
    } else {
        fetch_lost(f, f->answer.headers_in ? CURLE_PARTIAL_FILE : CURLE_GOT_NOTHING);
    }
}

/* All that was there has been read. */
static void rest(struct fetch *f)
{
    if (!f->answer.rests && f->answer.begun && fetch_request_is_out(f) &&
        clock_mono_ms() - f->clock.start_ms > LONG_MS) {
        f->answer.rests = true;
        wire_rest(f->connection.wire);
    }
}

/* False: over, paused, or nothing is there any more. */
static bool read_some(struct fetch *f)
{
    size_t n;
    char *p = f->client->read;
    int code = wire_recv(f->connection.wire, p, FETCH_READ_BYTES, &n);
    if (code == WIRE_AGAIN && f->request.send_code == WIRE_OK) {
        rest(f);
        return false;
    }
    if (code != WIRE_OK) {
        fetch_lost(f, code == WIRE_AGAIN ? f->request.send_code : code);
        return false;
    }
    if (n == 0) {
        take_end(f);
        return false;
    }
    fetch_touch(f);
    if (fetch_request_is_out(f)) {
        fetch_request_forget(f);
    }
    return parse(f, (struct str){p, n});
}

/* Without TLS the loop tells again if there is more. */
void fetch_answer_read(struct fetch *f)
{
    bool secure = wire_origin_secure(f->connection.origin);
    for (unsigned i = 0; i < READS_A_TURN; i++) {
        if (!read_some(f) || !secure) {
            return;
        }
    }
    fetch_look_later(f);
}

void fetch_answer_resume(struct fetch *f)
{
    struct buf held = f->pause.held;
    struct str bytes = buf_str(&held), piece = text_sub(bytes, 0, f->pause.piece_n);
    struct str rest = text_sub(bytes, piece.n, bytes.n);
    buf_init(&f->pause.held, FETCH_READ_BYTES);
    f->pause.on = false;
    f->clock.last_ms = clock_mono_ms();
    fetch_arm(f);
    if (take_piece(f, piece, rest) && parse(f, rest)) {
        fetch_request_send(f); /* watches again */
        if (wire_origin_secure(f->connection.origin)) {
            fetch_answer_read(f);
        }
    }
    buf_free(&held);
}
