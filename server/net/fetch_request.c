/*
 * fetch_request.c - the request as bytes, and their way out.
 *
 * Without TLS the head is its own buffer and the body is where its owner has it: one sendmsg takes
 * both. TLS copies anyway, into records: so the head and the beginning of the body share the first
 * one, and a small request is one record and one write.
 */
#include <string.h>

#include "server/base/clock.h"
#include "server/net/fetch_private.h"

enum {
    HEAD_BYTES = 64 * 1024,   /* a session token alone may have 4 KiB */
    HEAD_FIRST = 8 * 1024,    /* memory at first: what it held before it grew would not be wiped */
    HEAD_KEPT = 32 * 1024,    /* ... and at most of a spare one */
    FRESH_MS = 1000,          /* whoever hangs up later may have worked on it */
    RECORD_BYTES = 16 * 1024, /* RFC 8446 5.1 */
};

static bool put_line(struct buf *b, struct str line)
{
    if (memchr(line.p, '\r', line.n) || memchr(line.p, '\n', line.n)) {
        return false;
    }
    const char *colon = memchr(line.p, ':', line.n);
    if (colon && text_trim(text_sub(line, (size_t)(colon - line.p) + 1, line.n)).n > 0) {
        buf_put_str(b, line);
        BUF_LIT(b, "\r\n");
    }
    return colon != NULL;
}

static bool names_host(const struct fetch_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (strncasecmp(r->headers[i].line, "host:", 5) == 0) {
            return true;
        }
    }
    return false;
}

/* Of the first line: a blank or a line end would be one more word, or one more line. */
static bool is_word(struct str s)
{
    return !memchr(s.p, ' ', s.n) && !memchr(s.p, '\r', s.n) && !memchr(s.p, '\n', s.n);
}

static bool put_head(struct buf *b, const struct wire_origin *origin, const struct fetch_request *r,
                     struct str target)
{
    bool ok =
        r->header_count <= FETCH_HEADERS_MAX && is_word(text_from(r->method)) && is_word(target);
    buf_put_str(b, text_from(r->method));
    buf_put_char(b, ' ');
    buf_put_str(b, target.n > 0 ? target : STR("/"));
    BUF_LIT(b, " HTTP/1.1\r\n");
    if (ok && !names_host(r)) {
        buf_put_str(b, wire_origin_host(origin));
    }
    for (size_t i = 0; ok && i < r->header_count; i++) {
        ok = put_line(b, text_from(r->headers[i].line));
    }
    if (strcmp(r->method, "GET") != 0) {
        BUF_LIT(b, "Content-Length: ");
        buf_put_u64(b, r->body.n);
        BUF_LIT(b, "\r\n");
    }
    BUF_LIT(b, "\r\n");
    return ok && buf_ok(b);
}

static void take_memory(struct fetch *f)
{
    struct fetch_client *client = f->client;
    if (client->heads_count > 0) {
        f->request.head = client->heads[--client->heads_count];
        return;
    }
    buf_init(&f->request.head, HEAD_BYTES);
    buf_reserve(&f->request.head,
                wire_origin_secure(f->connection.origin) ? RECORD_BYTES : HEAD_FIRST);
}

bool fetch_request_put(struct fetch *f, const struct fetch_request *r, struct str target)
{
    take_memory(f);
    bool ok = put_head(&f->request.head, f->connection.origin, r, target);
    f->request.secret_n = buf_len(&f->request.head);
    f->request.body = strcmp(r->method, "GET") != 0 ? r->body : (struct str){NULL, 0};
    if (ok && wire_origin_secure(f->connection.origin) && f->request.secret_n < RECORD_BYTES) {
        size_t room = RECORD_BYTES - f->request.secret_n;
        buf_put_str(&f->request.head, text_sub(f->request.body, 0, room));
        f->request.body = text_sub(f->request.body, room, f->request.body.n);
    }
    return ok && buf_ok(&f->request.head);
}

bool fetch_request_is_fresh(const struct fetch *f)
{
    return !fetch_request_is_out(f) || clock_mono_ms() - f->request.out_ms < FRESH_MS;
}

bool fetch_request_is_out(const struct fetch *f)
{
    return f->request.written == buf_len(&f->request.head) + f->request.body.n;
}

/* A short write without TLS: the kernel is full, and will say when it is not. */
void fetch_request_send(struct fetch *f)
{
    int code = WIRE_OK;
    bool secure = wire_origin_secure(f->connection.origin);
    while (!f->request.mute && code == WIRE_OK && !fetch_request_is_out(f)) {
        size_t head_n = buf_len(&f->request.head), n = 0;
        size_t in_body = f->request.written > head_n ? f->request.written - head_n : 0;
        struct str first = text_sub(buf_str(&f->request.head), f->request.written, head_n);
        code = wire_send(f->connection.wire, first,
                         text_sub(f->request.body, in_body, f->request.body.n), &n);
        f->request.written += n;
        f->connection.sent = f->connection.sent || n > 0;
        code = code == WIRE_OK && !secure && !fetch_request_is_out(f) ? WIRE_AGAIN : code;
    }
    if (code != WIRE_OK && code != WIRE_AGAIN) { /* what it said before it died comes first */
        f->request.mute = true;
        f->request.send_code = code;
        fetch_look_later(f);
    }
    bool more = !f->request.mute && !fetch_request_is_out(f);
    if (!more && f->request.out_ms == 0) {
        f->request.out_ms = clock_mono_ms();
    }
    wire_watch(f->connection.wire, (f->pause.on ? 0 : LOOP_READ) | (more ? LOOP_WRITE : 0));
}

void fetch_request_forget(struct fetch *f)
{
    struct fetch_client *client = f->client;
    if (!buf_data(&f->request.head)) {
        return;
    }
    text_wipe(buf_data(&f->request.head),
              f->request.secret_n); /* Authorization and session token */
    buf_clear(&f->request.head);
    if (f->request.head.cap <= HEAD_KEPT && client->heads_count < FETCH_SPARE_HEADS) {
        client->heads[client->heads_count++] = f->request.head;
    } else {
        buf_free(&f->request.head);
    }
    buf_init(&f->request.head, HEAD_BYTES);
    f->request.written = 0;
    f->request.out_ms = 0;
    f->request.body = (struct str){NULL, 0};
}
