#include "server/net/response_parse.h"

#include <assert.h>
#include <llhttp.h>

#include "server/base/arena.h"
#include "server/base/buf.h"

/* X(name, meaning) */
#define PLACES(X)                                           \
    X(STATUS_LINE, "before or in the first line")           \
    X(HEADERS, "in the lines after it")                     \
    X(LENGTH_BODY, "in a body with Content-Length")         \
    X(OPEN_BODY, "in a body that ends with the connection") \
    X(CHUNK_SIZE, "in the line before a chunk")             \
    X(CHUNK_DATA, "in a chunk")                             \
    X(CHUNK_END, "in the empty line after a chunk")         \
    X(TRAILERS, "in the lines after the last chunk")        \
    X(COMPLETE, "behind the answer")                        \
    X(FAILED, "it is not legal")

enum place {
#define PLACE(name, meaning) IN_##name,
    PLACES(PLACE)
#undef PLACE
};

enum {
    HEAD_BYTES = 32 * 1024,   /* of an answer and all interim answers before it */
    HEAD_FIRST = 512,         /* memory for them at first */
    HEAD_KEPT = 4096,         /* ... and at most until the next answer */
    CHUNK_LINE_BYTES = 1024,  /* size and extensions */
    TRAILER_BYTES = 8 * 1024, /* all lines */
    CHUNK_DIGITS = 16         /* of a 64-bit size */
};

struct response_parse {
    llhttp_t llhttp;
    enum place place;
    enum response_fault fault;
    int status;
    struct buf lines; /* as response_parse_head gives them */
    struct buf line;  /* the beginning of a line, when its end has not come yet */
    size_t used;      /* bytes of all heads, or of the trailer, up to the current line */
    bool has_length, chunked;
    bool old;               /* HTTP/1.0 */
    uint64_t left;          /* bytes of the body or chunk still to come */
    uint64_t llhttp_length; /* Content-Length, then the size of each chunk, as llhttp read it */
    bool headers_done;      /* llhttp says so, as in the next lines */
    bool message_done;
    bool needs_eof;
    bool keeps;
};

/* ---- llhttp ------------------------------------------------------------------------------ */

/* RFC 9110 15.2, 15.3.5, 15.4.5 */
static bool has_no_body(const struct response_parse *p)
{
    return p->status < 200 || p->status == 204 || p->status == 304;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct response_parse *p = llhttp->data;
    p->headers_done = true;
    p->llhttp_length = llhttp->content_length;
    p->needs_eof = llhttp_message_needs_eof(llhttp);
    p->keeps = llhttp_should_keep_alive(llhttp);
    return has_no_body(p); /* 1: whatever the headers say of one */
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct response_parse *p = llhttp->data;
    p->llhttp_length = llhttp->content_length;
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct response_parse *p = llhttp->data;
    p->message_done = true;
    return 0;
}

/* No lenient flag is set, here or anywhere (lint). */
static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

static enum response_fault feed_llhttp(struct response_parse *p, struct str bytes,
                                       enum response_fault fault)
{
    switch (llhttp_execute(&p->llhttp, bytes.p, bytes.n)) {
    case HPE_OK:
        return RESPONSE_NONE;
    case HPE_UNEXPECTED_CONTENT_LENGTH: /* llhttp 9 sees it at the line, 8 leaves it to us */
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return RESPONSE_LENGTH_UNCLEAR;
    default:
        return fault;
    }
}

/* ---- life -------------------------------------------------------------------------------- */

struct response_parse *response_parse_new(void)
{
    struct response_parse *p = heap_new(sizeof *p);
    if (!p) {
        return NULL;
    }
    buf_init(&p->lines, HEAD_BYTES);
    buf_init(&p->line, HEAD_BYTES);
    llhttp_init(&p->llhttp, HTTP_RESPONSE, &settings);
    p->llhttp.data = p;
    return p;
}

void response_parse_drop(struct response_parse *p)
{
    if (p) {
        buf_free(&p->lines);
        buf_free(&p->line);
        heap_drop(p);
    }
}

/* Of an interim answer only its length counts on. */
static void next_answer(struct response_parse *p, size_t used)
{
    buf_clear(&p->lines);
    buf_clear(&p->line);
    llhttp_reset(&p->llhttp);
    *p = (struct response_parse){
        .llhttp = p->llhttp, .lines = p->lines, .line = p->line, .used = used};
}

void response_parse_reset(struct response_parse *p)
{
    if (p->lines.cap > HEAD_KEPT) {
        buf_free(&p->lines);
    }
    buf_free(&p->line);
    next_answer(p, 0);
}

/* ---- lines ------------------------------------------------------------------------------- */

/* None of eight bytes is below ' ' or DEL: a borrow out of a byte shows in its highest bit, which is
 * no sign of it where the byte had that bit itself. */
static bool plain_eight(const char *bytes)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    uint64_t del = eight ^ 0x7f * ones;
    return !((((eight - ' ' * ones) & ~eight) | ((del - ones) & ~del)) & high);
}

/* Ends in CRLF, and has no control character but HTAB before it (RFC 9112 2.2, RFC 9110 5.5). */
static bool is_line(struct str line)
{
    if (line.n < 2 || line.p[line.n - 2] != '\r') {
        return false;
    }
    size_t i = 0, n = line.n - 2;
    while (i < n) {
        if (n - i >= sizeof(uint64_t) && plain_eight(line.p + i)) {
            i += sizeof(uint64_t);
            continue;
        }
        unsigned char c = (unsigned char)line.p[i++];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* *line_out gets p only when the line is whole (with its end). It is where it came, unless its
 * beginning had come before. */
static enum response_fault take_line(struct response_parse *p, size_t limit,
                                     enum response_fault too_long, struct str *input,
                                     struct str *line_out)
{
    const char *lf = memchr(input->p, '\n', input->n);
    struct str piece = {input->p, lf ? (size_t)(lf - input->p) + 1 : input->n};
    *line_out = (struct str){0};
    if (buf_len(&p->line) + piece.n > limit) {
        return too_long;
    }
    *input = text_sub(*input, piece.n, input->n);
    if (lf && buf_len(&p->line) == 0) {
        *line_out = piece;
        return RESPONSE_NONE;
    }
    buf_put_str(&p->line, piece);
    if (!buf_ok(&p->line)) {
        return RESPONSE_NO_MEMORY;
    }
    if (lf) {
        *line_out = buf_str(&p->line);
    }
    return RESPONSE_NONE;
}

static struct str without_crlf(struct str line)
{
    return text_sub(line, 0, line.n - 2);
}

/* ---- the head ---------------------------------------------------------------------------- */

static const struct str version = STR("HTTP/1.");
enum { MINOR_AT = 7, CODE_AT = 9, REASON_AT = 12 }; /* "HTTP/1.1 200 OK" */

/* What cannot become a status line is answered at once: who speaks something else may never end
 * a line. */
static bool can_begin(const struct response_parse *p, struct str input)
{
    struct str start = buf_str(&p->line);
    for (size_t i = 0; i < version.n && i < start.n + input.n; i++) {
        if (version.p[i] != (i < start.n ? start.p[i] : input.p[i - start.n])) {
            return false;
        }
    }
    return true;
}

/* The reason and the blank before it may be missing. */
static enum response_fault status_line(struct response_parse *p, struct str line)
{
    struct str text = is_line(line) ? without_crlf(line) : line;
    char minor = text.n >= REASON_AT ? text.p[MINOR_AT] : 0;
    uint64_t status;
    bool legal = is_line(line) && (minor == '0' || minor == '1') && text.p[CODE_AT - 1] == ' ' &&
                 text_u64(text_sub(text, CODE_AT, REASON_AT - CODE_AT), &status) && status >= 100 &&
                 status != 101 && (text.n == REASON_AT || text.p[REASON_AT] == ' ');
    if (!legal) {
        return RESPONSE_ALIEN;
    }
    p->old = minor == '0';
    p->status = (int)status;
    p->place = IN_HEADERS;
    if (!buf_data(&p->lines)) {
        buf_reserve(&p->lines, HEAD_FIRST);
    }
    return feed_llhttp(p, line, RESPONSE_ALIEN);
}

static enum response_fault note_length(struct response_parse *p, struct str name, struct str value)
{
    if (text_ieq(name, STR("content-length"))) {
        bool legal = !p->has_length && text_u64(value, &p->left);
        p->has_length = true;
        return legal ? RESPONSE_NONE : RESPONSE_LENGTH_UNCLEAR;
    }
    if (text_ieq(name, STR("transfer-encoding"))) {
        bool legal = !p->chunked && text_ieq(value, STR("chunked"));
        p->chunked = true;
        return legal ? RESPONSE_NONE : RESPONSE_LENGTH_UNCLEAR;
    }
    return RESPONSE_NONE;
}

static enum response_fault header_line(struct response_parse *p, struct str line)
{
    struct str text = without_crlf(line);
    const char *colon = memchr(text.p, ':', text.n);
    if (!colon || colon == text.p || text.p[0] == ' ' || text.p[0] == '\t') {
        return RESPONSE_HEAD_BAD;
    }
    struct str name = {text.p, (size_t)(colon - text.p)};
    enum response_fault fault = note_length(p, name, text_trim(text_sub(text, name.n + 1, text.n)));
    if (fault == RESPONSE_NONE) {
        fault = feed_llhttp(p, line, RESPONSE_HEAD_BAD);
    }
    buf_put_str(&p->lines, text);
    buf_put_char(&p->lines, '\n');
    return fault == RESPONSE_NONE && !buf_ok(&p->lines) ? RESPONSE_NO_MEMORY : fault;
}

static bool is_open(const struct response_parse *p)
{
    return !has_no_body(p) && !p->chunked && !p->has_length;
}

/* llhttp has to come to the same end as we, or one of the two can be fooled. */
static enum response_fault head_end(struct response_parse *p, struct str line)
{
    if (p->chunked && (p->has_length || p->old)) {
        return RESPONSE_LENGTH_UNCLEAR;
    }
    enum response_fault fault = feed_llhttp(p, line, RESPONSE_HEAD_BAD);
    if (fault != RESPONSE_NONE) {
        return fault;
    }
    bool empty = has_no_body(p) || (p->has_length && p->left == 0);
    bool agreed = p->headers_done && p->message_done == empty && p->needs_eof == is_open(p) &&
                  (!p->has_length || p->llhttp_length == p->left);
    if (!agreed) {
        return RESPONSE_LENGTH_UNCLEAR;
    }
    p->place = empty           ? IN_COMPLETE
               : p->chunked    ? IN_CHUNK_SIZE
               : p->has_length ? IN_LENGTH_BODY
                               : IN_OPEN_BODY;
    return RESPONSE_NONE;
}

static enum response_fault head_step(struct response_parse *p, struct str *input, bool *end_out)
{
    struct str line;
    *end_out = false;
    if (p->place == IN_STATUS_LINE && !can_begin(p, *input)) {
        return RESPONSE_ALIEN;
    }
    enum response_fault fault =
        take_line(p, HEAD_BYTES - p->used, RESPONSE_HEAD_LONG, input, &line);
    if (fault != RESPONSE_NONE || !line.p) {
        return fault;
    }
    p->used += line.n;
    if (p->place == IN_STATUS_LINE) {
        fault = status_line(p, line);
    } else if (!is_line(line)) {
        fault = RESPONSE_HEAD_BAD;
    } else if (line.n > 2) {
        fault = header_line(p, line);
    } else {
        fault = head_end(p, line);
        *end_out = fault == RESPONSE_NONE;
    }
    buf_clear(&p->line);
    return fault;
}

/* ---- the body ---------------------------------------------------------------------------- */

static enum response_fault size_line(struct response_parse *p, struct str line)
{
    struct str text = without_crlf(line);
    size_t digits = 0;
    uint64_t size = 0;
    while (digits < text.n && digits <= CHUNK_DIGITS && text_hex_digit(text.p[digits]) >= 0) {
        size = size << 4 | (unsigned)text_hex_digit(text.p[digits++]);
    }
    if (digits == 0 || digits > CHUNK_DIGITS || (digits < text.n && text.p[digits] != ';')) {
        return RESPONSE_CHUNK_BAD;
    }
    enum response_fault fault = feed_llhttp(p, line, RESPONSE_CHUNK_BAD);
    p->left = size;
    p->place = size > 0 ? IN_CHUNK_DATA : IN_TRAILERS;
    p->used = 0;
    return fault == RESPONSE_NONE && p->llhttp_length != size ? RESPONSE_CHUNK_BAD : fault;
}

static enum response_fault trailer_line(struct response_parse *p, struct str line)
{
    struct str text = without_crlf(line);
    const char *colon = memchr(text.p, ':', text.n);
    bool legal = text.n == 0 || (colon && colon > text.p && text.p[0] != ' ' && text.p[0] != '\t');
    p->used += line.n;
    enum response_fault fault =
        legal ? feed_llhttp(p, line, RESPONSE_CHUNK_BAD) : RESPONSE_CHUNK_BAD;
    if (fault == RESPONSE_NONE && text.n == 0) {
        p->place = IN_COMPLETE;
        fault = p->message_done ? RESPONSE_NONE : RESPONSE_CHUNK_BAD;
    }
    return fault;
}

static enum response_fault chunk_step(struct response_parse *p, struct str *input)
{
    struct str line;
    size_t limit = p->place == IN_CHUNK_SIZE  ? CHUNK_LINE_BYTES
                   : p->place == IN_CHUNK_END ? 2
                                              : TRAILER_BYTES - p->used;
    enum response_fault fault = take_line(p, limit, RESPONSE_CHUNK_BAD, input, &line);
    if (fault != RESPONSE_NONE || !line.p) {
        return fault;
    }
    if (!is_line(line)) {
        fault = RESPONSE_CHUNK_BAD;
    } else if (p->place == IN_CHUNK_SIZE) {
        fault = size_line(p, line);
    } else if (p->place == IN_CHUNK_END) {
        p->place = IN_CHUNK_SIZE;
        fault = line.n == 2 ? feed_llhttp(p, line, RESPONSE_CHUNK_BAD) : RESPONSE_CHUNK_BAD;
    } else {
        fault = trailer_line(p, line);
    }
    buf_clear(&p->line);
    return fault;
}

static enum response_fault data_step(struct response_parse *p, struct str *input,
                                     struct str *body_out)
{
    *body_out = *input;
    if (p->place == IN_OPEN_BODY) {
        *input = (struct str){input->p + input->n, 0};
        return RESPONSE_NONE;
    }
    body_out->n = input->n < p->left ? input->n : (size_t)p->left;
    *input = (struct str){input->p + body_out->n, input->n - body_out->n};
    p->left -= body_out->n;
    enum response_fault fault = feed_llhttp(p, *body_out, RESPONSE_LENGTH_UNCLEAR);
    if (p->left == 0) {
        p->place = p->place == IN_CHUNK_DATA ? IN_CHUNK_END : IN_COMPLETE;
    }
    assert(fault != RESPONSE_NONE || p->message_done == (p->place == IN_COMPLETE));
    return fault;
}

/* ---- the driver -------------------------------------------------------------------------- */

enum response_event response_parse_next(struct response_parse *p, struct str *input,
                                        struct str *body_out)
{
    assert(p->place != IN_FAILED);
    *body_out = (struct str){0};
    while (p->place != IN_COMPLETE) {
        if (input->n == 0) {
            return RESPONSE_NEED_MORE;
        }
        bool in_head = p->place == IN_STATUS_LINE || p->place == IN_HEADERS, head_ended = false;
        bool in_data =
            p->place == IN_LENGTH_BODY || p->place == IN_OPEN_BODY || p->place == IN_CHUNK_DATA;
        p->fault = in_head   ? head_step(p, input, &head_ended)
                   : in_data ? data_step(p, input, body_out)
                             : chunk_step(p, input);
        if (p->fault != RESPONSE_NONE) {
            p->place = IN_FAILED;
            return RESPONSE_BAD;
        }
        if (in_data) {
            return RESPONSE_BODY;
        }
        if (head_ended && p->status >= 200) {
            return RESPONSE_HEAD;
        }
        if (head_ended) {
            next_answer(p, p->used);
        }
    }
    return RESPONSE_END;
}

bool response_parse_ended(const struct response_parse *p)
{
    return p->place == IN_OPEN_BODY;
}

int response_parse_status(const struct response_parse *p)
{
    return p->status;
}

struct str response_parse_head(const struct response_parse *p)
{
    return buf_str(&p->lines);
}

bool response_parse_keeps(const struct response_parse *p)
{
    return p->keeps;
}

enum response_fault response_parse_fault(const struct response_parse *p)
{
    return p->fault;
}

const char *response_parse_fault_text(enum response_fault fault)
{
    static const char *const texts[] = {
#define FAULT_TEXT(name, text) text,
        RESPONSE_FAULTS(FAULT_TEXT)
#undef FAULT_TEXT
    };
    return texts[fault];
}
