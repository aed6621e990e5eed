#include "tests/mock/reader.h"

#include <string.h>

#define HEAD_MAX ((size_t)64 * 1024)
#define BODY_MAX \
    ((uint64_t)64 * 1024 * 1024) /* above Bedrock's 25 MB: the gateway must be the strict one */

static bool parse_request_line(struct str line, struct request *out)
{
    struct str rest = line, target, version;
    if (!text_split(&rest, ' ', &out->method) || !text_split(&rest, ' ', &target) ||
        !text_split(&rest, ' ', &version) || rest.n != 0)
        return false;
    if (!text_eq(version, STR("HTTP/1.1")) || out->method.n == 0 || target.n == 0 ||
        target.p[0] != '/')
        return false;
    size_t mark;
    bool has_query = text_find(target, STR("?"), &mark);
    out->path = has_query ? text_sub(target, 0, mark) : target;
    out->query = has_query ? text_sub(target, mark + 1, target.n) : STR("");
    return true;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || memchr("()<>@,;:\\\"/[]?={}", c, 17))
            return false;
    }
    return s.n > 0;
}

static bool parse_header(struct str line, struct request *out)
{
    size_t colon;
    if (out->header_n == READER_HEADERS || !text_find(line, STR(":"), &colon))
        return false;
    struct reader_header *h = &out->header[out->header_n++];
    h->name = text_sub(line, 0, colon);
    h->value = text_trim(text_sub(line, colon + 1, line.n));
    return is_token(h->name) && !memchr(line.p, '\n', line.n) && !memchr(line.p, '\0', line.n);
}

bool reader_parse_head(struct str head, struct request *out)
{
    out->header_n = 0;
    out->head = head;
    struct str rest = head;
    for (bool first = true; rest.n > 0; first = false) {
        size_t eol;
        if (!text_find(rest, STR("\r\n"), &eol))
            return false;
        struct str line = text_sub(rest, 0, eol);
        rest = text_sub(rest, eol + 2, rest.n);
        if (line.n == 0)
            return !first && rest.n == 0;
        if (!(first ? parse_request_line(line, out) : parse_header(line, out)))
            return false;
    }
    return false;
}

struct str reader_get(const struct request *r, struct str name)
{
    for (size_t i = 0; i < r->header_n; i++)
        if (text_ieq(r->header[i].name, name))
            return r->header[i].value;
    return (struct str){NULL, 0};
}

static size_t count_header(const struct request *r, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < r->header_n; i++)
        n += text_ieq(r->header[i].name, name);
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One chunk-size line at *at; false when it is not all there (more_out) or wrong. */
static bool chunk_size(struct str s, size_t *at, uint64_t *size_out, bool *more_out)
{
    size_t eol;
    struct str rest = text_sub(s, *at, s.n);
    *more_out = !text_find(rest, STR("\r\n"), &eol) && rest.n < 32;
    if (*more_out || eol == 0 || eol > 8)
        return false;
    *size_out = 0;
    for (size_t i = 0; i < eol; i++) {
        int digit =
            hex_digit(rest.p[i]); /* extensions are refused: nobody should send them to AWS */
        if (digit < 0)
            return false;
        *size_out = *size_out * 16 + (uint64_t)digit;
    }
    *at += eol + 2;
    return true;
}

/* Walks the chunks; with out it also copies them. Trailers are refused. */
static enum reader_status walk_chunks(struct str s, struct buf *out, size_t *used_out)
{
    size_t at = 0;
    for (;;) {
        uint64_t size = 0;
        bool more = false;
        if (!chunk_size(s, &at, &size, &more))
            return more ? READER_BODY : READER_BAD;
        if (size > BODY_MAX)
            return READER_BAD;
        if (s.n - at < size + 2)
            return READER_BODY;
        if (memcmp(s.p + at + size, "\r\n", 2) != 0)
            return READER_BAD;
        if (out)
            buf_put(out, s.p + at, size);
        at += size + 2;
        if (size == 0) {
            *used_out = at;
            return READER_DONE;
        }
    }
}

static enum reader_status read_chunked(struct str rest, struct buf *decoded, struct request *out,
                                       size_t *used_out)
{
    /* Two walks: the first, cheap one tells whether all is there. */
    enum reader_status status = walk_chunks(rest, NULL, used_out);
    if (status != READER_DONE)
        return status;
    buf_clear(decoded);
    walk_chunks(rest, decoded, used_out);
    out->body = buf_str(decoded);
    return buf_ok(decoded) ? READER_DONE : READER_BAD;
}

static enum reader_status read_body(struct str rest, struct buf *decoded, struct request *out,
                                    size_t *used_out)
{
    struct str coding = reader_get(out, STR("transfer-encoding"));
    struct str length = reader_get(out, STR("content-length"));
    out->body = STR("");
    *used_out = 0;
    if (coding.p)
        return length.p || !text_ieq(coding, STR("chunked"))
                   ? READER_BAD
                   : read_chunked(rest, decoded, out, used_out);
    uint64_t n = 0;
    if (length.p &&
        (count_header(out, STR("content-length")) != 1 || !text_u64(length, &n) || n > BODY_MAX))
        return READER_BAD;
    if (rest.n < n)
        return READER_BODY;
    out->body = text_sub(rest, 0, n);
    *used_out = n;
    return READER_DONE;
}

enum reader_status reader_parse(struct str bytes, struct buf *decoded, struct request *out,
                                size_t *used_out)
{
    size_t end;
    if (!text_find(text_sub(bytes, 0, HEAD_MAX), STR("\r\n\r\n"), &end))
        return bytes.n >= HEAD_MAX ? READER_BAD : READER_HEAD;
    size_t head_n = end + 4, body_n;
    if (!reader_parse_head(text_sub(bytes, 0, head_n), out) || count_header(out, STR("host")) != 1)
        return READER_BAD;
    out->keep_alive = !text_ieq(reader_get(out, STR("connection")), STR("close"));
    out->expects_continue = text_ieq(reader_get(out, STR("expect")), STR("100-continue"));
    enum reader_status status = read_body(text_sub(bytes, head_n, bytes.n), decoded, out, &body_n);
    *used_out = head_n + body_n;
    return status;
}
