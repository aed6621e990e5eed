#include "server/http/http_parse.h"

#include <assert.h>
#include <string.h>

/* llhttp's enum and ours both say HTTP_GET: theirs gets another name. It is not used here. */
#define HTTP_GET     LLHTTP_GET
#define HTTP_HEAD    LLHTTP_HEAD
#define HTTP_POST    LLHTTP_POST
#define HTTP_OPTIONS LLHTTP_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_OPTIONS

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/http/http_head.h"
#include "server/http/http_rules.h"

/*
 * How the work is shared. The first line, the rest of the head, and later each line between the
 * chunks are collected here and given to llhttp whole, after our own rules passed them: so the
 * verdict cannot depend on where TCP cut the bytes, llhttp 8.1 and 9.2 cannot differ where 8.1 is
 * lenient, and no span arrives in two parts. llhttp then decides what the message means: its
 * length, its chunks, its end.
 *
 * While a head is collected there is nothing but bytes and four counts. Three things are looked at
 * at the end of a line and not of the head, so that noise is answered at once: control characters,
 * the first line, and whether a header line has a colon. They are looked at in the order of the
 * bytes, or the answer would depend on the cuts.
 */
#define PLACES(X)                                    \
    X(HEAD, "before or in the head")                 \
    X(LENGTH_BODY, "in a body with Content-Length")  \
    X(CHUNK_SIZE, "in the line before a chunk")      \
    X(CHUNK_DATA, "in a chunk")                      \
    X(CHUNK_END, "in the empty line after a chunk")  \
    X(TRAILERS, "in the lines after the last chunk") \
    X(COMPLETE, "behind the message")                \
    X(PREFACE, "behind the first line of HTTP/2")    \
    X(FAILED, "the message is not legal")

enum place {
#define PLACE(name, meaning) IN_##name,
    PLACES(PLACE)
#undef PLACE
};

enum {
    LINE_ENDS = 8,      /* CRLF of the request line, the last header and the empty line */
    HEADERS_FIRST = 16, /* grows to the limit, kept between requests */
    HEAD_FIRST = 2048,  /* memory for header bytes at first, if there are so many */
    HEAD_KEPT = 8192,   /* ... kept by an idle connection */
    CHUNK_DIGITS = 16   /* of a 64-bit size; more are leading zeros and count as extras */
};

struct http_parse {
    struct http_limits limits;
    enum place place;
    llhttp_t llhttp;
    struct buf head;          /* request line and header lines, CRLF included */
    struct buf line;          /* the current chunk-size or trailer line */
    size_t line_at;           /* in head: where the current line starts; 0: it is the first one */
    size_t headers_at;        /* in head: behind the request line */
    size_t lines;             /* header lines that are whole */
    struct http_header *room; /* for the headers of a whole head */
    size_t room_n;
    uint64_t left;          /* bytes of the body or chunk still to come */
    size_t extras;          /* bytes of chunk extensions and trailers so far */
    uint64_t llhttp_length; /* Content-Length, then the size of each chunk, as llhttp read it */
    bool headers_done;      /* llhttp says so, as in the next lines */
    bool message_done;
    bool keep_alive;
    bool blank_skipped; /* one empty line before the request line is allowed: RFC 9112 2.2 */
    bool used;          /* this is not the first message */
    struct http_request request; /* of a whole head, or what http_parse_request glanced at */
};

/* ---- llhttp ------------------------------------------------------------------------------ */

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parse *p = llhttp->data;
    p->headers_done = true;
    p->llhttp_length = llhttp->content_length;
    p->keep_alive = llhttp_should_keep_alive(llhttp);
    return 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct http_parse *p = llhttp->data;
    p->llhttp_length = llhttp->content_length;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct http_parse *p = llhttp->data;
    p->message_done = true;
    return 0;
}

/* No lenient flag is set, here or anywhere (lint). */
static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

static enum status feed_llhttp(struct http_parse *p, struct str bytes, struct err *err)
{
    llhttp_errno_t e = llhttp_execute(&p->llhttp, bytes.p, bytes.n);
    /* PAUSED_UPGRADE comes at the end of a message with "Upgrade:", which we ignore and answer
     * normally (RFC 9110 7.8); CONNECT was refused before. */
    if (e == HPE_OK || (e == HPE_PAUSED_UPGRADE && p->message_done)) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "malformed HTTP request (%s)", llhttp_errno_name(e));
}

/* ---- life -------------------------------------------------------------------------------- */

struct http_parse *http_parse_new(const struct http_limits *limits)
{
    struct http_parse *p = heap_new(sizeof *p);
    if (!p) {
        return NULL;
    }
    p->limits = *limits;
    buf_init(&p->head, limits->line + limits->headers + LINE_ENDS);
    buf_init(&p->line, limits->chunk_extras + CHUNK_DIGITS + LINE_ENDS);
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    return p;
}

void http_parse_drop(struct http_parse *p)
{
    if (!p) {
        return;
    }
    text_wipe(buf_data(&p->head), buf_len(&p->head));
    buf_free(&p->head);
    buf_free(&p->line);
    heap_drop(p->room);
    heap_drop(p);
}

void http_parse_reset(struct http_parse *p)
{
    text_wipe(buf_data(&p->head), buf_len(&p->head));
    buf_clear(&p->head);
    if (p->head.cap > HEAD_KEPT) {
        buf_free(&p->head);
    }
    buf_clear(&p->line);
    llhttp_reset(&p->llhttp);
    struct http_parse fresh = {
        .limits = p->limits,
        .llhttp = p->llhttp,
        .head = p->head,
        .line = p->line,
        .room = p->room,
        .room_n = p->room_n,
        .used = true,
    };
    *p = fresh;
}

bool http_parse_started(const struct http_parse *p)
{
    struct str head = buf_str(&p->head);
    return head.n > 0 && !text_eq(head, STR("\r")); /* that may be half of an empty line */
}

const struct http_request *http_parse_request(struct http_parse *p)
{
    if (p->place == IN_HEAD) {
        http_head_glance(buf_str(&p->head), &p->request);
    }
    return &p->request;
}

void http_parse_wipe_secrets(struct http_parse *p)
{
    for (size_t i = 0; i < p->request.header_count; i++) {
        struct http_header *header = &p->request.headers[i];
        if (!http_rules_secret(header->name) && !text_ieq(header->name, p->limits.key_name)) {
            continue;
        }
        size_t from = (size_t)(header->value.p - buf_data(&p->head));
        text_wipe(buf_data(&p->head) + from, header->value.n);
        header->value.n = 0;
    }
}

/* ---- lines ------------------------------------------------------------------------------- */

/* Moves input up to the end of the line to b, where the line starts at `at`. *line_out gets p only
 * when it is whole (with its CRLF). More than limit bytes: too_long. */
static enum status take_line(struct buf *b, size_t at, size_t limit, enum status too_long,
                             struct str *input, struct str *line_out, struct err *err)
{
    *line_out = (struct str){0};
    size_t have = buf_len(b) - at;
    size_t room = limit + 2 - have;
    const char *lf = memchr(input->p, '\n', input->n);
    size_t n = lf ? (size_t)(lf - input->p) + 1 : input->n;
    if (n > room) {
        n = room;
    }
    if (!http_rules_bytes(have > 0 ? buf_data(b)[at + have - 1] : 0, input->p, n)) {
        return err_set(err, STATUS_INVALID, "a control character or a bare CR or LF in a line");
    }
    buf_put(b, input->p, n);
    if (!buf_ok(b)) {
        return err_set(err, STATUS_BUSY, "no memory for a request");
    }
    *input = text_sub(*input, n, input->n);
    have += n;
    if (buf_data(b)[at + have - 1] == '\n') {
        *line_out = (struct str){buf_data(b) + at, have};
    } else if (have == limit + 2) {
        return err_set(err, too_long, "a line of the request is too long");
    }
    return STATUS_OK;
}

static struct str without_crlf(struct str line)
{
    return text_sub(line, 0, line.n - 2);
}

/* ---- the head ---------------------------------------------------------------------------- */

static enum status room_for_headers(struct http_parse *p, struct err *err)
{
    size_t n = p->room_n ? p->room_n : HEADERS_FIRST;
    while (n < p->lines) {
        n *= 2;
    }
    if (n == p->room_n) {
        return STATUS_OK;
    }
    void *room = heap_grow(p->room, n * sizeof *p->room);
    if (!room) {
        return err_set(err, STATUS_BUSY, "no memory for a request");
    }
    p->room = room;
    p->room_n = n;
    return STATUS_OK;
}

/* llhttp has to come to the same end as we, or one of the two can be fooled. */
static enum status second_reading(struct http_parse *p, struct str head, struct err *err)
{
    const struct http_request *r = &p->request;
    enum status status = feed_llhttp(p, text_sub(head, p->headers_at, head.n), err);
    if (status != STATUS_OK) {
        return status;
    }
    bool no_body = !r->chunked && r->content_length == 0;
    bool agreed = p->headers_done && p->message_done == no_body &&
                  (r->chunked || p->llhttp_length == r->content_length);
    return agreed ? STATUS_OK : err_set(err, STATUS_INVALID, "the length of the body is unclear");
}

/* The empty line is here: from now on there is a request, or never. */
static enum status head_end(struct http_parse *p, struct err *err)
{
    struct http_request *r = &p->request;
    struct str head = buf_str(&p->head);
    enum status status = room_for_headers(p, err);
    if (status == STATUS_OK) {
        status = http_head_read(head, p->limits.key_name, p->room, p->room_n, r, err);
    }
    if (status == STATUS_OK) {
        status = second_reading(p, head, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    r->keep_alive = p->keep_alive;
    p->left = r->content_length;
    p->place = r->chunked ? IN_CHUNK_SIZE : p->left > 0 ? IN_LENGTH_BODY : IN_COMPLETE;
    return STATUS_OK;
}

static enum status request_line(struct http_parse *p, struct str line, struct err *err)
{
    if (line.n == 2 && !p->blank_skipped) {
        p->blank_skipped = true;
        buf_clear(&p->head);
        return STATUS_OK;
    }
    p->headers_at = p->line_at = line.n;
    enum status status = http_head_check_line(without_crlf(line), err);
    if (status == STATUS_OK) {
        return feed_llhttp(p, line, err);
    }
    if (text_eq(line, HTTP_PARSE_PREFACE) && !p->used && !p->blank_skipped) {
        p->place = IN_PREFACE;
        return STATUS_OK;
    }
    return status;
}

static enum status header_line(struct http_parse *p, struct str line, struct err *err)
{
    if (p->lines == p->limits.header_count) {
        return err_set(err, STATUS_HEADERS_LARGE, "more than %zu header lines",
                       p->limits.header_count);
    }
    if (!memchr(line.p, ':', line.n)) {
        return err_set(err, STATUS_INVALID, "a header line is not \"name: value\"");
    }
    p->lines++;
    p->line_at += line.n;
    return STATUS_OK;
}

static size_t header_limit(const struct http_parse *p)
{
    size_t used = p->line_at - p->headers_at;
    size_t left = used < p->limits.headers ? p->limits.headers - used : 0;
    return left < p->limits.line ? left : p->limits.line;
}

/* At once, not line by line: keys lie in it, and each move leaves a copy behind. */
static void first_memory(struct http_parse *p, size_t n)
{
    n = n < HEAD_FIRST ? n : HEAD_FIRST;
    buf_reserve(&p->head, n < p->limits.line ? n : p->limits.line);
}

static enum status head_step(struct http_parse *p, struct str *input, struct err *err)
{
    struct str line;
    bool first = p->line_at == 0;
    if (!buf_data(&p->head)) {
        first_memory(p, input->n);
    }
    enum status status =
        take_line(&p->head, p->line_at, first ? p->limits.line : header_limit(p),
                  first ? STATUS_URI_LONG : STATUS_HEADERS_LARGE, input, &line, err);
    if (status != STATUS_OK || !line.p) {
        return status;
    }
    if (first) {
        return request_line(p, line, err);
    }
    return line.n == 2 ? head_end(p, err) : header_line(p, line, err);
}

/* ---- the body ---------------------------------------------------------------------------- */

static enum status count_extras(struct http_parse *p, size_t n, struct err *err)
{
    p->extras += n;
    if (p->extras > p->limits.chunk_extras) {
        return err_set(err, STATUS_INVALID, "too many bytes of chunk extensions or trailers");
    }
    return STATUS_OK;
}

static enum status chunk_size_line(struct http_parse *p, struct str line, struct err *err)
{
    struct str text = without_crlf(line);
    size_t digits = 0;
    while (digits < text.n && strchr("0123456789abcdefABCDEF", text.p[digits])) {
        digits++;
    }
    if (digits == 0 || (digits < text.n && text.p[digits] != ';')) {
        return err_set(err, STATUS_INVALID, "a chunk size is not a hexadecimal number");
    }
    enum status status =
        count_extras(p, text.n - (digits < CHUNK_DIGITS ? digits : CHUNK_DIGITS), err);
    if (status == STATUS_OK) {
        status = feed_llhttp(p, line, err);
    }
    p->left = p->llhttp_length;
    p->place = p->left > 0 ? IN_CHUNK_DATA : IN_TRAILERS;
    return status;
}

static enum status chunk_end_line(struct http_parse *p, struct str line, struct err *err)
{
    p->place = IN_CHUNK_SIZE;
    return feed_llhttp(p, line, err);
}

static enum status trailer_line(struct http_parse *p, struct str line, struct err *err)
{
    enum status status = STATUS_OK;
    if (line.n > 2) {
        status = count_extras(p, line.n, err);
    }
    if (status == STATUS_OK && line.n > 2) {
        status = http_rules_trailer(without_crlf(line), err);
    }
    if (status == STATUS_OK) {
        status = feed_llhttp(p, line, err);
    }
    if (status == STATUS_OK && line.n == 2) {
        assert(p->message_done);
        p->place = IN_COMPLETE;
    }
    return status;
}

static enum status chunk_step(struct http_parse *p, struct str *input, struct err *err)
{
    size_t limit = p->place == IN_CHUNK_END
                       ? 0
                       : p->limits.chunk_extras + (p->place == IN_CHUNK_SIZE ? CHUNK_DIGITS : 0);
    struct str line;
    enum status status = take_line(&p->line, 0, limit, STATUS_INVALID, input, &line, err);
    if (status != STATUS_OK || !line.p) {
        return status;
    }
    if (p->place == IN_CHUNK_SIZE) {
        status = chunk_size_line(p, line, err);
    } else if (p->place == IN_CHUNK_END) {
        status = chunk_end_line(p, line, err);
    } else {
        status = trailer_line(p, line, err);
    }
    buf_clear(&p->line);
    return status;
}

static enum status data_step(struct http_parse *p, struct str *input, struct str *body_out,
                             struct err *err)
{
    size_t n = input->n < p->left ? input->n : (size_t)p->left;
    *body_out = text_sub(*input, 0, n);
    *input = text_sub(*input, n, input->n);
    p->left -= n;
    enum status status = feed_llhttp(p, *body_out, err);
    if (p->left == 0) {
        p->place = p->place == IN_CHUNK_DATA ? IN_CHUNK_END : IN_COMPLETE;
    }
    assert(status != STATUS_OK || p->message_done == (p->place == IN_COMPLETE));
    return status;
}

/* ---- the driver -------------------------------------------------------------------------- */

/* A head that is not legal is no request: the bytes that are here say how to answer it. */
static enum http_event refused(struct http_parse *p)
{
    if (p->place == IN_HEAD) {
        http_head_glance(buf_str(&p->head), &p->request);
    }
    p->place = IN_FAILED;
    return HTTP_BAD;
}

enum http_event http_parse_next(struct http_parse *p, struct str *input, struct str *body_out,
                                struct err *err)
{
    assert(p->place != IN_FAILED && p->place != IN_PREFACE);
    *body_out = (struct str){0};
    while (p->place != IN_COMPLETE) {
        if (input->n == 0) {
            return HTTP_NEED_MORE;
        }
        bool in_data = p->place == IN_LENGTH_BODY || p->place == IN_CHUNK_DATA;
        bool in_head = p->place == IN_HEAD;
        enum status status = in_data   ? data_step(p, input, body_out, err)
                             : in_head ? head_step(p, input, err)
                                       : chunk_step(p, input, err);
        if (status != STATUS_OK) {
            return refused(p);
        }
        if (in_data) {
            return HTTP_BODY;
        }
        if (in_head && p->place != IN_HEAD) {
            return p->place == IN_PREFACE ? HTTP_PREFACE : HTTP_HEADERS;
        }
    }
    return HTTP_END;
}
