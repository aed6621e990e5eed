#include "server/http/http_rules.h"

#include <string.h>

/* ---- bytes of a line ---------------------------------------------------------------------- */

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

/* No control character but HTAB, LF only after CR, CR only before LF: what a lenient reader
 * elsewhere takes for a line end or a blank never gets through (RFC 9112 2.2, RFC 9110 5.5). */
bool http_rules_bytes(char last, const char *bytes, size_t n)
{
    size_t i = 0;
    while (last != '\r' && n - i >= sizeof(uint64_t) && plain_eight(bytes + i)) {
        i += sizeof(uint64_t);
        last = ' ';
    }
    for (; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if ((last == '\r') != (c == '\n')) {
            return false;
        }
        if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
            return false;
        }
        last = (char)c;
    }
    return true;
}

/* ---- the request line -------------------------------------------------------------------- */

static const struct {
    struct str text;
    enum http_method method;
} methods[] = {
    {STR("GET"), HTTP_GET},
    {STR("HEAD"), HTTP_HEAD},
    {STR("POST"), HTTP_POST},
    {STR("OPTIONS"), HTTP_OPTIONS},
};

static enum http_method method_of(struct str text)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (text_eq(text, methods[i].text)) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 5.6.2 */
static bool is_token(struct str s)
{
    return text_only_of(s, "!#$%&'*+-.^_`|~");
}

/* RFC 9110 9.1: 501 for a method that is not recognized, whatever the path; these are, and get 405
 * or, where there is no such route, what that gets. */
static enum status check_method(const struct http_request *r, struct err *err)
{
    static const struct str others[] = {STR("PUT"), STR("DELETE"), STR("PATCH"), STR("TRACE")};
    bool known = r->method != HTTP_OTHER || !is_token(r->method_text);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        known |= text_eq(r->method_text, others[i]);
    }
    return known ? STATUS_OK : err_set(err, STATUS_NO_METHOD, "there is no such method here");
}

static enum status check_version(struct str version, struct http_request *r, struct err *err)
{
    if (version.n != 8 || !text_starts(version, STR("HTTP/")) || !is_digit(version.p[5]) ||
        version.p[6] != '.' || !is_digit(version.p[7])) {
        return err_set(err, STATUS_INVALID, "the request line does not end in an HTTP version");
    }
    if (version.p[5] != '1' || version.p[7] > '1') {
        return err_set(err, STATUS_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    r->minor = version.p[7] - '0';
    return STATUS_OK;
}

static bool is_absolute(struct str target)
{
    return text_istarts(target, STR("http://")) || text_istarts(target, STR("https://"));
}

static enum status check_target(const struct http_request *r, struct err *err)
{
    bool origin = text_starts(r->target, STR("/"));
    bool star = text_eq(r->target, STR("*")) && r->method == HTTP_OPTIONS;
    if (!origin && !star && !is_absolute(r->target)) {
        return err_set(err, STATUS_INVALID, "the request target must be a path");
    }
    if (memchr(r->target.p, '#', r->target.n)) {
        return err_set(err, STATUS_INVALID, "the request target must not have a fragment");
    }
    return STATUS_OK;
}

enum status http_rules_request_line(struct str line, struct http_request *r, struct err *err)
{
    struct str rest = line, version;
    if (!text_split(&rest, ' ', &r->method_text) || !text_split(&rest, ' ', &r->target) ||
        !text_split(&rest, ' ', &version) || rest.p) {
        return err_set(err, STATUS_INVALID, "the request line is not \"METHOD path HTTP/1.1\"");
    }
    r->method = method_of(r->method_text);
    /* CONNECT would end HTTP on this connection; PRI is the preface of HTTP/2 (RFC 9113 3.4). */
    if (text_eq(r->method_text, STR("CONNECT")) || text_eq(r->method_text, STR("PRI"))) {
        return err_set(err, STATUS_INVALID, "this method is not possible here");
    }
    enum status status = check_version(version, r, err);
    if (status == STATUS_OK) {
        status = check_target(r, err);
    }
    return status == STATUS_OK ? check_method(r, err) : status;
}

void http_rules_target(struct http_request *r, struct str *authority_out)
{
    struct str rest = r->target;
    *authority_out = (struct str){0};
    size_t at;
    if (is_absolute(rest) && text_find(rest, STR("//"), &at)) {
        rest = text_sub(rest, at + 2, rest.n);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?') {
            n++;
        }
        *authority_out = text_sub(rest, 0, n);
        rest = text_sub(rest, n, rest.n);
    }
    bool has_query = text_find(rest, STR("?"), &at);
    r->path = has_query ? text_sub(rest, 0, at) : rest;
    r->query = has_query ? text_sub(rest, at + 1, rest.n) : (struct str){0};
    if (r->path.n == 0) {
        r->path = STR("/");
    }
}

/* ---- one header line --------------------------------------------------------------------- */

enum status http_rules_header(struct str line, struct http_header *header_out, struct err *err)
{
    if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) {
        return err_set(err, STATUS_INVALID, "header lines must not be folded");
    }
    size_t colon;
    if (!text_find(line, STR(":"), &colon) || !is_token(text_sub(line, 0, colon))) {
        return err_set(err, STATUS_INVALID, "a header line is not \"name: value\"");
    }
    header_out->name = text_sub(line, 0, colon);
    header_out->value = text_trim(text_sub(line, colon + 1, line.n));
    return STATUS_OK;
}

static enum status length_means(struct str value, struct http_request *r, struct err *err)
{
    if (!text_u64(value, &r->content_length)) {
        return err_set(err, STATUS_INVALID, "Content-Length is not one decimal number");
    }
    r->has_length = true;
    return STATUS_OK;
}

/* RFC 9112 6.1: a coding we do not know is 501; one that does not end in chunked has no length:
 * 400. */
static enum status coding_means(struct str value, struct http_request *r, struct err *err)
{
    r->chunked = text_ieq(value, STR("chunked"));
    if (r->chunked) {
        return STATUS_OK;
    }
    struct str rest = value, last = {0}, first = {0};
    for (struct str piece; text_split(&rest, ',', &piece); last = text_trim(piece)) {
        if (!first.p) {
            first = text_trim(piece);
        }
    }
    if (!text_ieq(last, STR("chunked")) || text_ieq(first, STR("chunked"))) {
        return err_set(err, STATUS_INVALID, "Transfer-Encoding must be chunked");
    }
    return err_set(err, STATUS_CODING, "no other Transfer-Encoding than chunked is known here");
}

static enum status expect_means(struct str value, struct http_request *r, struct err *err)
{
    if (!text_ieq(value, STR("100-continue"))) {
        return err_set(err, STATUS_EXPECTATION, "no other expectation than 100-continue is known");
    }
    r->expect_continue = r->minor > 0; /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
    return STATUS_OK;
}

/* "[::1]" at the start of s: its length, or 0. */
static size_t bracketed(struct str s)
{
    size_t n = text_span(text_sub(s, 1, s.n), ":.");
    bool closed = n > 0 && n + 1 < s.n && s.p[n + 1] == ']';
    return closed ? n + 2 : 0;
}

/* RFC 9112 3.2 and RFC 3986 3.2: host [":" port], no user. An empty one is legal there but leads
 * nowhere. */
static bool is_host(struct str s)
{
    size_t n = text_starts(s, STR("[")) ? bracketed(s) : text_span(s, "-._~%!$&'()*+;=");
    if (n == 0) {
        return false;
    }
    struct str port = text_sub(s, n, s.n);
    if (port.n == 0) {
        return true;
    }
    for (size_t i = 1; i < port.n; i++) {
        if (!is_digit(port.p[i])) {
            return false;
        }
    }
    return port.p[0] == ':' && port.n <= sizeof ":65535" - 1;
}

static enum status host_means(struct str value, struct http_request *r, struct err *err)
{
    (void)r;
    if (!is_host(value)) {
        return err_set(err, STATUS_INVALID, "the Host header is not a host name");
    }
    return STATUS_OK;
}

/* Names that may come only once, since two readers could take different ones. */
static const struct {
    struct str name;
    enum status (*means)(struct str value, struct http_request *r, struct err *err);
} single_headers[] = {
    {STR("host"), host_means},
    {STR("content-length"), length_means},
    {STR("transfer-encoding"), coding_means},
    {STR("expect"), expect_means},
    {STR("content-type"), NULL},
    {STR("authorization"), NULL},
    {STR("x-api-key"), NULL},
};

static const char *const no_trailers[] = {"host", "content-length", "transfer-encoding"};

enum status http_rules_meaning(const struct http_header *header, struct http_request *r,
                               unsigned *seen, struct err *err)
{
    for (unsigned i = 0; i < COUNT_OF(single_headers); i++) {
        if (!text_ieq(header->name, single_headers[i].name)) {
            continue;
        }
        if (*seen & 1U << i) {
            return err_set(err, STATUS_INVALID, "the header %.*s came twice",
                           STR_ARG(single_headers[i].name));
        }
        *seen |= 1U << i;
        if (single_headers[i].means) {
            return single_headers[i].means(header->value, r, err);
        }
    }
    return STATUS_OK;
}

/* ---- the whole block --------------------------------------------------------------------- */

static bool names_host(const struct http_request *r, struct str host)
{
    struct http_request copy = *r;
    struct str authority;
    http_rules_target(&copy, &authority);
    return text_ieq(authority, host);
}

enum status http_rules_block(const struct http_request *r, struct err *err)
{
    struct str host = {0};
    if (!http_request_header(r, STR("host"), &host) && r->minor > 0) {
        return err_set(err, STATUS_INVALID, "the Host header is missing");
    }
    if (is_absolute(r->target) && !names_host(r, host)) {
        return err_set(err, STATUS_INVALID, "the request target names another host than Host");
    }
    if (r->chunked && r->minor == 0) {
        return err_set(err, STATUS_INVALID, "HTTP/1.0 has no Transfer-Encoding");
    }
    if (r->chunked && r->has_length) {
        return err_set(err, STATUS_INVALID,
                       "Transfer-Encoding and Content-Length exclude each other");
    }
    return STATUS_OK;
}

enum status http_rules_trailer(struct str line, struct err *err)
{
    struct http_header header;
    enum status status = http_rules_header(line, &header, err);
    for (size_t i = 0; status == STATUS_OK && i < COUNT_OF(no_trailers); i++) {
        if (text_ieq(header.name, text_from(no_trailers[i]))) {
            status =
                err_set(err, STATUS_INVALID, "%s is not possible after the body", no_trailers[i]);
        }
    }
    return status;
}

bool http_rules_secret(struct str name)
{
    /* Parts of names, by their first letter: clients send secrets in more headers than ours. That of
     * API_KEY_HEADER, which can be anything, is known to http_parse.c. */
    static const struct str parts[26] = {
        ['a' - 'a'] = STR("auth"),   ['c' - 'a'] = STR("cookie"), ['k' - 'a'] = STR("key"),
        ['s' - 'a'] = STR("secret"), ['t' - 'a'] = STR("token"),
    };
    for (; name.n > 0; name.p++, name.n--) {
        unsigned letter = (unsigned)(name.p[0] | 0x20) - 'a';
        if (letter < COUNT_OF(parts) && parts[letter].n && text_istarts(name, parts[letter])) {
            return true;
        }
    }
    return false;
}
