#include "server/http/http_fields.h"

#include "server/http/http_rules.h"

/* ---- life -------------------------------------------------------------------------------- */

void http_fields_init(struct http_fields *f, size_t line, size_t block)
{
    *f = (struct http_fields){0};
    buf_init(&f->method, line + 1);
    buf_init(&f->target, line + 1);
    buf_init(&f->authority, line + 1);
    /* Full of whole lines it must be too much, too: the reader does not count the last CRLF. */
    buf_init(&f->lines, block + 4);
    buf_init(&f->cookie, block + 4);
}

static struct buf *part(struct http_fields *f, size_t i)
{
    struct buf *const parts[] = {&f->method, &f->target, &f->authority, &f->lines, &f->cookie};
    return i < COUNT_OF(parts) ? parts[i] : NULL;
}

static void wipe(struct buf *b)
{
    text_wipe(buf_data(b), buf_len(b));
}

void http_fields_free(struct http_fields *f)
{
    for (size_t i = 0; part(f, i); i++) {
        wipe(part(f, i));
        buf_free(part(f, i));
    }
}

void http_fields_clear(struct http_fields *f)
{
    for (size_t i = 0; part(f, i); i++) {
        wipe(part(f, i));
        buf_clear(part(f, i));
    }
    f->has_host = f->has_length = f->bad = false;
    f->bytes = 0;
}

/* ---- HTTP/2 to lines --------------------------------------------------------------------- */

/* As much as there is room for: what is full is more than the reader allows. */
static void put(struct buf *b, struct str s)
{
    size_t room = b->max - buf_len(b);
    buf_put_str(b, text_sub(s, 0, room));
}

/* RFC 9113 8.2.1: lower case, no colon but the first one's; RFC 9110 5.1. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') {
            return false;
        }
    }
    return s.n > 0 && text_only_of(s, "!#$%&'*+-.^_`|~");
}

/* No byte that could end a line. */
static bool is_value(struct str s)
{
    return http_rules_bytes(0, s.p, s.n) && !memchr(s.n ? s.p : "", '\n', s.n) &&
           !(s.n > 0 && s.p[s.n - 1] == '\r');
}

/* No byte that could end a part of the first line either. */
static bool is_word(struct str s)
{
    return s.n > 0 && is_value(s) && !memchr(s.p, ' ', s.n) && !memchr(s.p, '\t', s.n);
}

/* RFC 9113 8.3.1. */
static bool put_pseudo(struct http_fields *f, struct str name, struct str value)
{
    if (text_eq(name, STR(":scheme"))) {
        return text_ieq(value, STR("http")) || text_ieq(value, STR("https"));
    }
    bool is_target = text_eq(name, STR(":path"));
    struct buf *b = text_eq(name, STR(":method"))      ? &f->method
                    : is_target                        ? &f->target
                    : text_eq(name, STR(":authority")) ? &f->authority
                                                       : NULL;
    if (!b || buf_len(b) > 0 || !is_word(value)) {
        return false;
    }
    if (is_target && value.p[0] != '/' && !text_eq(value, STR("*"))) {
        return false;
    }
    put(b, value);
    return true;
}

bool http_fields_of_connection(struct str name)
{
    static const struct str names[] = {STR("connection"), STR("keep-alive"),
                                       STR("proxy-connection"), STR("transfer-encoding"),
                                       STR("upgrade")};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (text_eq(name, names[i])) {
            return true;
        }
    }
    return false;
}

static void put_line(struct buf *b, struct str name, struct str value)
{
    put(b, name);
    put(b, STR(": "));
    put(b, value);
    put(b, STR("\r\n"));
}

/* RFC 9113 8.3.1: host and :authority must be the same. With both it is left out here. */
static bool put_host(struct http_fields *f, struct str value)
{
    bool once = !f->has_host;
    f->has_host = true;
    if (buf_len(&f->authority) > 0) {
        return once && text_ieq(buf_str(&f->authority), value);
    }
    put_line(&f->lines, STR("host"), value);
    return once;
}

static bool put_field(struct http_fields *f, struct str name, struct str value)
{
    if (!is_name(name) || !is_value(value) || http_fields_of_connection(name)) {
        return false;
    }
    if (text_eq(name, STR("te"))) {
        return text_ieq(value, STR("trailers"));
    }
    if (text_eq(name, STR("host"))) {
        return put_host(f, value);
    }
    if (text_eq(name, STR("cookie"))) { /* RFC 9113 8.2.3: crumbs of one header */
        put(&f->cookie, buf_len(&f->cookie) > 0 ? STR("; ") : STR(""));
        put(&f->cookie, value);
        return true;
    }
    f->has_length |= text_eq(name, STR("content-length"));
    put_line(&f->lines, name, value);
    return true;
}

void http_fields_put(struct http_fields *f, struct str name, struct str value)
{
    f->bytes += name.n + value.n;
    bool pseudo = text_starts(name, STR(":"));
    /* RFC 9113 8.3: pseudo headers come first. */
    bool late = pseudo && (buf_len(&f->lines) > 0 || buf_len(&f->cookie) > 0 || f->has_host);
    if (late || !(pseudo ? put_pseudo(f, name, value) : put_field(f, name, value))) {
        f->bad = true;
    }
}

bool http_fields_write(struct http_fields *f, bool chunked, struct buf *out)
{
    f->bad |= buf_len(&f->method) == 0 || buf_len(&f->target) == 0;
    if (buf_len(&f->method) > 0 && buf_len(&f->target) > 0) {
        buf_put_str(out, buf_str(&f->method));
        buf_put_char(out, ' ');
        buf_put_str(out, buf_str(&f->target));
        BUF_LIT(out, " HTTP/1.1\r\n");
    }
    if (!f->bad) {
        if (buf_len(&f->authority) > 0) {
            put_line(out, STR("host"), buf_str(&f->authority));
        }
        if (chunked) {
            put_line(out, STR("transfer-encoding"), STR("chunked"));
        }
        if (buf_len(&f->cookie) > 0) {
            put_line(out, STR("cookie"), buf_str(&f->cookie));
        }
        buf_put_str(out, buf_str(&f->lines));
        BUF_LIT(out, "\r\n");
    }
    bool ok = buf_ok(out);
    for (size_t i = 0; part(f, i); i++) {
        ok &= buf_ok(part(f, i));
    }
    return ok;
}

/* ---- lines to HTTP/2 --------------------------------------------------------------------- */

static struct str cut_line(struct str *rest)
{
    const char *lf = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = lf ? (size_t)(lf - rest->p) + 1 : rest->n;
    struct str line = text_sub(*rest, 0, n > 2 ? n - 2 : 0);
    *rest = text_sub(*rest, n, rest->n);
    return line;
}

bool http_fields_next(struct str *rest, struct str *name_out, struct str *value_out)
{
    struct str line = cut_line(rest);
    const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
    if (!colon) {
        return false;
    }
    *name_out = text_sub(line, 0, (size_t)(colon - line.p));
    *value_out = text_trim(text_sub(line, name_out->n + 1, line.n));
    return true;
}

int http_fields_status(struct str *rest)
{
    uint64_t status = 0;
    struct str line = cut_line(rest);
    bool is_number = text_u64(text_sub(line, sizeof "HTTP/1.1 " - 1, 3), &status);
    return is_number ? (int)status : 0;
}
