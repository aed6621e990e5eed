#include "server/http/http_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct http_limits small = {
    .line = 200, .headers = 600, .header_count = 12, .chunk_extras = 64};

/* What a parser made of some bytes. */
struct outcome {
    enum status status; /* of the first refused message, else OK */
    unsigned messages;  /* complete ones */
    unsigned heads;
    char body[512]; /* of all messages, '|' after each */
    size_t body_n;
    size_t left; /* bytes not looked at */
};

static void put(struct outcome *o, const char *p, size_t n)
{
    assert_true(o->body_n + n < sizeof o->body);
    memcpy(o->body + o->body_n, p, n);
    o->body_n += n;
    o->body[o->body_n] = 0;
}

/* Parses until more bytes are needed. false: refused. */
static bool parse_some(struct http_parse *p, struct str *input, struct outcome *o)
{
    for (;;) {
        struct str piece;
        struct err err = {0};
        enum http_event event = http_parse_next(p, input, &piece, &err);
        switch (event) {
        case HTTP_NEED_MORE:
            assert_int_equal(input->n, 0);
            return true;
        case HTTP_HEADERS:
            o->heads++;
            break;
        case HTTP_BODY:
            put(o, piece.p, piece.n);
            break;
        case HTTP_END:
            o->messages++;
            put(o, "|", 1);
            http_parse_reset(p);
            break;
        case HTTP_PREFACE:
            fail_msg("taken for HTTP/2");
            return false;
        case HTTP_BAD:
            assert_int_not_equal(err.code, STATUS_OK);
            assert_true(err.text[0]);
            o->status = err.code;
            return false;
        }
    }
}

/* The bytes come in pieces of `step` (0: at once), the first one having `first` bytes. Each piece
 * is a block of its own, so that reading past it is seen by ASan. */
static struct outcome outcome_of(struct str bytes, size_t first, size_t step)
{
    struct outcome o = {0};
    struct http_parse *p = http_parse_new(&small);
    assert_non_null(p);
    for (size_t at = 0; at < bytes.n;) {
        size_t n = at == 0 && first > 0 ? first : step > 0 ? step : bytes.n - at;
        if (n > bytes.n - at)
            n = bytes.n - at;
        char *copy = test_malloc(n);
        memcpy(copy, bytes.p + at, n);
        struct str input = {copy, n};
        bool go_on = parse_some(p, &input, &o);
        at += n;
        o.left = input.n + bytes.n - at;
        test_free(copy);
        if (!go_on)
            break;
    }
    http_parse_drop(p);
    return o;
}

#define H     "Host: x\r\n"
#define GET   "GET / HTTP/1.1\r\n" H
#define POST  "POST /v1/messages HTTP/1.1\r\n" H
#define TE    "Transfer-Encoding: chunked\r\n"
#define CL(n) "Content-Length: " #n "\r\n"
#define E     "\r\n"
#define X50   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200  X50 X50 X50 X50
#define H10   "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n"

enum { WAIT = 0, ONE = 1, TWO = 2 }; /* complete messages */

#define GOOD(name, bytes, messages, body)           \
    {                                               \
        name, STR(bytes), STATUS_OK, messages, body \
    }
#define BAD(name, bytes, status)                 \
    {                                            \
        name, STR(bytes), STATUS_##status, 0, "" \
    }

static const struct row {
    const char *name;
    struct str bytes;
    enum status status;
    unsigned messages;
    const char *body;
} rows[] = {
    /* fragments: wait, do not answer */
    GOOD("one letter", "G", WAIT, ""),
    GOOD("method", "GET ", WAIT, ""),
    GOOD("target", "GET /hello", WAIT, ""),
    GOOD("target and blank", "GET /hello ", WAIT, ""),
    GOOD("half a version", "GET /hello HTTP", WAIT, ""),
    GOOD("request line without its end", "GET /hello HTTP/1.1", WAIT, ""),
    GOOD("request line with CR", "GET /hello HTTP/1.1\r", WAIT, ""),
    GOOD("request line", "GET /hello HTTP/1.1\r\n", WAIT, ""),
    GOOD("half a field name", "GET / HTTP/1.1\r\nHos", WAIT, ""),
    GOOD("field name", "GET / HTTP/1.1\r\nHost:", WAIT, ""),
    GOOD("field name and blank", "GET / HTTP/1.1\r\nHost: ", WAIT, ""),
    GOOD("field", "GET / HTTP/1.1\r\nHost: localhost", WAIT, ""),
    GOOD("field with CR", "GET / HTTP/1.1\r\nHost: localhost\r", WAIT, ""),
    GOOD("all but the empty line", GET, WAIT, ""),
    GOOD("all but the last LF", GET "\r", WAIT, ""),
    GOOD("body short of one byte", POST CL(5) E "hell", WAIT, "hell"),
    GOOD("chunk short", POST TE E "5\r\nhel", WAIT, "hel"),
    GOOD("last chunk without its end", POST TE E "0\r\n", WAIT, ""),
    /* plain requests */
    GOOD("get", GET E, ONE, "|"),
    GOOD("get 1.0 without host", "GET / HTTP/1.0\r\n\r\n", ONE, "|"),
    GOOD("head", "HEAD / HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("options", "OPTIONS /v1/messages HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("options star", "OPTIONS * HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("put", "PUT / HTTP/1.1\r\n" H CL(1) E "x", ONE, "x|"),
    GOOD("delete", "DELETE / HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("patch", "PATCH / HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("trace", "TRACE / HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("post without a body", POST E, ONE, "|"),
    GOOD("post with length 0", POST CL(0) E, ONE, "|"),
    GOOD("post with a body", POST CL(5) E "hello", ONE, "hello|"),
    GOOD("leading zeros of a length", POST CL(005) E "hello", ONE, "hello|"),
    GOOD("get with a body", GET CL(5) E "hello", ONE, "hello|"),
    GOOD("odd capitals, tab, empty value", "GET / HTTP/1.1\r\nhoSt:\tx\r\nempty:\r\n\r\n", ONE,
         "|"),
    GOOD("blanks around a value", GET "a:  \t b c \t\r\n\r\n", ONE, "|"),
    GOOD("value with obs-text", GET "a: \xc3\xa9\xff\r\n\r\n", ONE, "|"),
    GOOD("value with colons", GET "a: b:c::\r\n\r\n", ONE, "|"),
    GOOD("every token character", GET "!#$%&'*+-.^_`|~09azAZ: 1\r\n\r\n", ONE, "|"),
    GOOD("query", "GET /a?b=c&d=%20?e HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("absolute form", "GET http://x/a HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("absolute form, capitals", "GET HTTP://X/a HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("absolute form without a path", "GET http://x HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("host with port", "GET / HTTP/1.1\r\nHost: a.example:8000\r\n\r\n", ONE, "|"),
    GOOD("host IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", ONE, "|"),
    GOOD("host IPv4", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", ONE, "|"),
    GOOD("one empty line first", "\r\n" GET E, ONE, "|"),
    GOOD("upgrade is ignored", GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", ONE, "|"),
    GOOD("upgrade with a body", POST "Connection: upgrade\r\nUpgrade: websocket\r\n" CL(2) E "hi",
         ONE, "hi|"),
    GOOD("upgrade, then another", GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" GET E, TWO,
         "||"),
    GOOD("expect", POST "Expect: 100-continue\r\n" CL(2) E "hi", ONE, "hi|"),
    GOOD("expect, capitals", POST "Expect: 100-Continue\r\n" CL(2) E "hi", ONE, "hi|"),
    GOOD("request line of the greatest length",
         "GET /" X50 X50 X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\n" H E, ONE, "|"),
    GOOD("headers of the greatest number", GET H10 "a:\r\n\r\n", ONE, "|"),
    /* pipelining */
    GOOD("two gets", GET E GET E, TWO, "||"),
    GOOD("post, get", POST CL(3) E "abc" GET E, TWO,
         "abc|"
         "|"),
    GOOD("chunked, get", POST TE E "3\r\nabc\r\n0\r\n\r\n" GET E, TWO, "abc||"),
    GOOD("empty line between", GET E "\r\n" GET E, TWO, "||"),
    GOOD("body that looks like a request", POST CL(18) E "GET / HTTP/1.1\r\n\r\n" GET E, TWO,
         "GET / HTTP/1.1\r\n\r\n||"),
    /* chunks */
    GOOD("chunks", POST TE E "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", ONE, "abcde|"),
    GOOD("no chunk", POST TE E "0\r\n\r\n", ONE, "|"),
    GOOD("coding in capitals", POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", ONE, "|"),
    GOOD("hexadecimal size", POST TE E "A\r\n0123456789\r\n0\r\n\r\n", ONE, "0123456789|"),
    GOOD("size in small letters", POST TE E "a\r\n0123456789\r\n0\r\n\r\n", ONE, "0123456789|"),
    GOOD("size with zeros", POST TE E "0003\r\nabc\r\n0000\r\n\r\n", ONE, "abc|"),
    GOOD("chunk extension", POST TE E "3;a=b\r\nabc\r\n0\r\n\r\n", ONE, "abc|"),
    GOOD("chunk extension without a value", POST TE E "3;a\r\nabc\r\n0;b\r\n\r\n", ONE, "abc|"),
    GOOD("trailer", POST TE E "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", ONE, "abc|"),
    GOOD("chunk that holds CRLF", POST TE E "4\r\n\r\n\r\n\r\n0\r\n\r\n", ONE, "\r\n\r\n|"),
    GOOD("get with chunks", GET TE E "1\r\nx\r\n0\r\n\r\n", ONE, "x|"),
    BAD("chunk size missing", POST TE E "\r\nabc\r\n", INVALID),
    BAD("chunk size no digit", POST TE E "g\r\nabc\r\n", INVALID),
    BAD("chunk size negative", POST TE E "-1\r\nabc\r\n", INVALID),
    BAD("chunk size with 0x", POST TE E "0x3\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk size with plus", POST TE E "+3\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk size after a blank", POST TE E " 3\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk size before a blank", POST TE E "3 \r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk size too big", POST TE E "fffffffffffffffff\r\nabc\r\n", INVALID),
    BAD("chunk size line ends in LF", POST TE E "3\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk size line ends in CR", POST TE E "3\rabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk longer than its size", POST TE E "3\r\nabcd\r\n0\r\n\r\n", INVALID),
    BAD("chunk shorter than its size", POST TE E "5\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk followed by LF", POST TE E "3\r\nabc\n0\r\n\r\n", INVALID),
    BAD("chunk followed by CR", POST TE E "3\r\nabc\r0\r\n\r\n", INVALID),
    BAD("chunk extension with NUL", POST TE E "3;a=\0\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk extension with a bare LF", POST TE E "3;a\nb\r\nabc\r\n0\r\n\r\n", INVALID),
    BAD("chunk extensions too long", POST TE E "1;" X50 "\r\nx\r\n1;" X50 "\r\nx\r\n0\r\n\r\n",
        INVALID),
    BAD("chunk size of endless zeros", POST TE E "00000000000000000000" X200, INVALID),
    BAD("zeros count as extras",
        POST TE E "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
                  "00000000000000000000\r\n\r\n",
        INVALID),
    BAD("trailers too long", POST TE E "0\r\na: " X50 "\r\nb: " X50 "\r\n\r\n", INVALID),
    BAD("trailer Content-Length", POST TE E "0\r\nContent-Length: 5\r\n\r\n", INVALID),
    BAD("trailer Transfer-Encoding", POST TE E "0\r\nTransfer-Encoding: chunked\r\n\r\n", INVALID),
    BAD("trailer Host", POST TE E "0\r\nHost: y\r\n\r\n", INVALID),
    BAD("trailer without a colon", POST TE E "0\r\nabc\r\n\r\n", INVALID),
    BAD("trailer folded", POST TE E "0\r\na: b\r\n c\r\n\r\n", INVALID),
    /* request lines */
    BAD("no version", "GET / \r\n\r\n", INVALID),
    BAD("HTTP/0.9", "GET /\r\n\r\n", INVALID),
    BAD("version 0.9 said", "GET / HTTP/0.9\r\n\r\n", HTTP_VERSION),
    BAD("version 1.2", "GET / HTTP/1.2\r\n" H E, HTTP_VERSION),
    BAD("version 2.0", "GET / HTTP/2.0\r\n" H E, HTTP_VERSION),
    BAD("version 9.9", "GET / HTTP/9.9\r\n" H E, HTTP_VERSION),
    BAD("version 1.10", "GET / HTTP/1.10\r\n" H E, INVALID),
    BAD("version 1,1", "GET / HTTP/1,1\r\n" H E, INVALID),
    BAD("version 1.", "GET / HTTP/1.\r\n" H E, INVALID),
    BAD("version in small letters", "GET / http/1.1\r\n" H E, INVALID),
    BAD("RTSP", "DESCRIBE / RTSP/1.0\r\n" H E, INVALID),
    BAD("ICE", "SOURCE / ICE/1.0\r\n" H E, INVALID),
    BAD("HTTP/2 preface behind an empty line", "\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", INVALID),
    BAD("HTTP/2 preface of another place", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", INVALID),
    BAD("PRI with 1.1", "PRI * HTTP/1.1\r\n" H E, INVALID),
    BAD("connect", "CONNECT x:443 HTTP/1.1\r\n" H E, INVALID),
    BAD("connect with a path", "CONNECT / HTTP/1.1\r\n" H E, INVALID),
    BAD("unknown method", "FOO / HTTP/1.1\r\n" H E, NO_METHOD),
    BAD("method of WebDAV", "PROPFIND / HTTP/1.1\r\n" H E, NO_METHOD),
    BAD("method in small letters", "get / HTTP/1.1\r\n" H E, NO_METHOD),
    BAD("no method", "G@T / HTTP/1.1\r\n" H E, INVALID),
    BAD("text before the method", "Extra lineGET / HTTP/1.1\r\n" H E, INVALID),
    BAD("blank before the method", " GET / HTTP/1.1\r\n" H E, INVALID),
    BAD("two blanks", "GET  / HTTP/1.1\r\n" H E, INVALID),
    BAD("two blanks before the version", "GET /  HTTP/1.1\r\n" H E, INVALID),
    BAD("blank after the version", "GET / HTTP/1.1 \r\n" H E, INVALID),
    BAD("blank in the target", "GET /a b HTTP/1.1\r\n" H E, INVALID),
    BAD("tab instead of a blank", "GET\t/\tHTTP/1.1\r\n" H E, INVALID),
    BAD("two empty lines first", "\r\n\r\n" GET E, INVALID),
    BAD("LF first", "\n" GET E, INVALID),
    BAD("NUL in the target", "GET /\0a HTTP/1.1\r\n" H E, INVALID),
    BAD("raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" H E, INVALID),
    BAD("DEL in the target", "GET /\x7f HTTP/1.1\r\n" H E, INVALID),
    BAD("target without a slash", "GET a HTTP/1.1\r\n" H E, INVALID),
    BAD("target star with get", "GET * HTTP/1.1\r\n" H E, INVALID),
    BAD("target ftp", "GET ftp://x/a HTTP/1.1\r\n" H E, INVALID),
    BAD("target with a fragment", "GET /a#b HTTP/1.1\r\n" H E, INVALID),
    BAD("target of another host", "GET http://y/a HTTP/1.1\r\n" H E, INVALID),
    BAD("target with a user", "GET http://u@x/a HTTP/1.1\r\n" H E, INVALID),
    BAD("request line too long", "GET /" X200 " HTTP/1.1\r\n" H E, URI_LONG),
    BAD("request line without an end", X200 X50, URI_LONG),
    BAD("request line one too long",
        "GET /" X50 X50 X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx HTTP/1.1\r\n" H E, URI_LONG),
    BAD("request line ends in LF", "GET / HTTP/1.1\n" H E, INVALID),
    BAD("TLS hello", "\x16\x03\x01\x02\x00\x01", INVALID),
    /* header lines */
    BAD("header line ends in LF", "GET / HTTP/1.1\r\nHost: x\n\r\n", INVALID),
    BAD("block ends in LF", GET "\n", INVALID),
    BAD("CR before a name", GET "\rSome: Test\r\n\r\n", INVALID),
    BAD("CR in a value", GET "a: b\rc: d\r\n\r\n", INVALID),
    BAD("CR that hides a header (CVE-2023-30589)",
        GET "X-Abc:\rxTransfer-Encoding: chunked\r\n\r\n", INVALID),
    BAD("two CR", GET "a: b\r\r\n\r\n", INVALID),
    BAD("folded line (CVE-2024-27982)", GET "a: b\r\n Content-Length: 5\r\n\r\n", INVALID),
    BAD("folded first line", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", INVALID),
    BAD("folded with a tab", GET "a: b\r\n\tc\r\n\r\n", INVALID),
    BAD("empty name", GET ": b\r\n\r\n", INVALID),
    BAD("no colon", GET "abc\r\n\r\n", INVALID),
    BAD("blank before the colon", GET "a : b\r\n\r\n", INVALID),
    BAD("blank before the colon of a length", POST "Content-Length : 5\r\n\r\nhello", INVALID),
    BAD("blank in a name", GET "a b: c\r\n\r\n", INVALID),
    BAD("brackets in a name", GET "X-Invalid[]: test\r\n\r\n", INVALID),
    BAD("name with obs-text", GET "\xc3\xa9: c\r\n\r\n", INVALID),
    BAD("name with NUL", GET "a\0: c\r\n\r\n", INVALID),
    BAD("value with NUL", GET "a: b\0c\r\n\r\n", INVALID),
    BAD("value with BEL", GET "a: test\x07\r\n\r\n", INVALID),
    BAD("value with ESC", GET "a: \x1b[0m\r\n\r\n", INVALID),
    BAD("value with DEL", GET "a: \x7f\r\n\r\n", INVALID),
    BAD("header line too long", GET "a: " X200 "\r\n\r\n", HEADERS_LARGE),
    BAD("block too long",
        GET "a: " X50 X50 X50 "\r\nb: " X50 X50 X50 "\r\nc: " X50 X50 X50 "\r\nd: " X50 X50 X50
            "\r\n\r\n",
        HEADERS_LARGE),
    BAD("too many headers", GET H10 "a:\r\na:\r\n\r\n", HEADERS_LARGE),
    /* Host */
    BAD("no host", "GET / HTTP/1.1\r\n\r\n", INVALID),
    BAD("no host, with length", "GET / HTTP/1.1\r\n" CL(5) E, INVALID),
    BAD("two hosts", GET "Host: y\r\n\r\n", INVALID),
    BAD("the same host twice", GET H E, INVALID),
    BAD("two hosts in 1.0", "GET / HTTP/1.0\r\n" H H E, INVALID),
    BAD("host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", INVALID),
    BAD("host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", INVALID),
    BAD("host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", INVALID),
    BAD("host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", INVALID),
    BAD("host with a bad port", "GET / HTTP/1.1\r\nHost: x:80a\r\n\r\n", INVALID),
    BAD("host with two ports", "GET / HTTP/1.1\r\nHost: x:80:81\r\n\r\n", INVALID),
    BAD("host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", INVALID),
    BAD("host with a blank", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", INVALID),
    /* length and coding */
    BAD("length negative", POST CL(-5) E "hello", INVALID),
    BAD("length negative and huge", POST CL(-123456789123456789123456789) E, INVALID),
    BAD("length with plus", POST CL(+5) E "hello", INVALID),
    BAD("length a word", POST CL(abc) E "hello", INVALID),
    BAD("length hexadecimal", POST CL(0x5) E "hello", INVALID),
    BAD("length with a fraction", POST CL(5.0) E "hello", INVALID),
    BAD("length empty", POST "Content-Length:\r\n\r\n", INVALID),
    BAD("length too big", POST CL(18446744073709551616) E, INVALID),
    BAD("length list", POST "Content-Length: 5, 5\r\n\r\nhello", INVALID),
    BAD("length with a blank inside", POST "Content-Length: 1 2\r\n\r\nhello", INVALID),
    BAD("length twice", POST CL(5) CL(5) E "hello", INVALID),
    BAD("two lengths", POST CL(5) CL(6) E "hello", INVALID),
    BAD("coding, then length", POST TE CL(5) E "0\r\n\r\n", INVALID),
    BAD("length, then coding", POST CL(5) TE E "0\r\n\r\n", INVALID),
    BAD("coding with length 0", POST CL(0) TE E "0\r\n\r\n", INVALID),
    BAD("coding in 1.0", "POST / HTTP/1.0\r\n" H TE E "0\r\n\r\n", INVALID),
    BAD("coding gzip", POST "Transfer-Encoding: gzip\r\n\r\n", INVALID),
    BAD("coding identity", POST "Transfer-Encoding: identity\r\n\r\n", INVALID),
    BAD("coding empty", POST "Transfer-Encoding:\r\n\r\n", INVALID),
    BAD("coding gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", CODING),
    BAD("coding chunked, gzip", POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", INVALID),
    BAD("coding chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        INVALID),
    BAD("two coding headers", POST TE TE E "0\r\n\r\n", INVALID),
    BAD("coding xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", INVALID),
    BAD("coding with a parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", INVALID),
    BAD("coding with VT",
        POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        INVALID),
    BAD("coding in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", INVALID),
    /* the rest */
    BAD("another expectation", POST "Expect: cake\r\n" CL(1) E "x", EXPECTATION),
    BAD("expectation empty", POST "Expect:\r\n" CL(1) E "x", EXPECTATION),
    BAD("two content types", POST "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n", INVALID),
    BAD("two authorizations", POST "Authorization: a\r\nauthorization: b\r\n\r\n", INVALID),
    BAD("two keys", POST "x-api-key: a\r\nX-API-Key: a\r\n\r\n", INVALID),
};

static void check_row(const struct row *row, struct outcome o, const char *how, size_t at)
{
    const char *want = row->body;
    bool good = o.status == row->status;
    if (row->status == STATUS_OK)
        good = good && o.messages == row->messages && strcmp(o.body, want) == 0 && o.left == 0;
    if (!good)
        fail_msg("%s, %s %zu: status %s messages %u body \"%s\" left %zu", row->name, how, at,
                 err_row(o.status)->name, o.messages, o.body, o.left);
}

static void test_parse_whole_gives_expected(void **state)
{
    (void)state;
    assert_true(sizeof rows / sizeof *rows >= 120);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], outcome_of(rows[i].bytes, 0, 0), "whole", 0);
}

static void test_parse_byte_by_byte_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i], outcome_of(rows[i].bytes, 1, 1), "step", 1);
}

static void test_parse_cut_anywhere_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t at = 1; at < rows[i].bytes.n; at++)
            check_row(&rows[i], outcome_of(rows[i].bytes, at, 0), "cut at", at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_whole_gives_expected),
        cmocka_unit_test(test_parse_byte_by_byte_gives_the_same),
        cmocka_unit_test(test_parse_cut_anywhere_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
