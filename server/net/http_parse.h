/*
 * http_parse.h - HTTP/1.1 requests, incrementally: llhttp (strict) plus the rules it does not make.
 *
 * llhttp stays behind this header (8.1 built with LLHTTP_STRICT_MODE=1, or 9.2). The eleven rules
 * of README "HTTP rules" (RFC 9112 and 9110) are applied here. The parser owns the header bytes;
 * spans in struct http_request stay valid until http_parse_reset. Worker only (and the unit tests,
 * the fuzzer).
 */
#ifndef SERVER_NET_HTTP_PARSE_H
#define SERVER_NET_HTTP_PARSE_H

#include "server/base/buf.h"
#include "server/base/err.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

struct http_header {
    struct str name;  /* as sent; compare with text_ieq */
    struct str value; /* trimmed */
};

struct http_request {
    enum http_method method;
    struct str method_text;
    struct str target; /* as sent */
    struct str path;   /* origin-form path, before '?'; not decoded */
    struct str query;  /* after '?', may be empty */
    int minor;         /* HTTP/1.minor */
    struct http_header *headers;
    size_t header_count;
    bool has_length;
    uint64_t content_length;
    bool chunked;
    bool keep_alive; /* what the client wants */
    bool expect_continue;
};

struct http_limits {
    size_t line;         /* HTTP_MAX_LINE: request line and any header line, 8 KiB */
    size_t headers;      /* HTTP_MAX_HEADER_BYTES: whole block, 32 KiB */
    size_t header_count; /* HTTP_MAX_HEADERS, 100 */
    size_t chunk_extras; /* chunk extensions 1 KiB in all; trailers likewise, both discarded */
};

enum http_event {
    HTTP_NEED_MORE, /* *input is used up */
    HTTP_HEADERS,   /* request line and headers are complete and legal */
    HTTP_BODY,      /* *body_out is a piece of the decoded body, inside *input's bytes */
    HTTP_END,       /* the message is complete; http_parse_reset before the next */
    HTTP_BAD        /* *err says what; one answer, then close: never parse on */
};

struct http_parse;

struct http_parse *http_parse_new(const struct http_limits *limits);
void http_parse_drop(struct http_parse *p);
void http_parse_reset(
    struct http_parse *p); /* overwrites the header bytes, keeps most of the memory */
/* Takes bytes off the front of *input (a pipelined second request stays in *input at HTTP_END). */
enum http_event http_parse_next(struct http_parse *p, struct str *input, struct str *body_out,
                                struct err *err);
const struct http_request *http_parse_request(
    const struct http_parse
        *p); /* from HTTP_HEADERS on; method and target also after HTTP_BAD where known */
bool http_parse_started(const struct http_parse *p); /* a byte of the current message was seen */
/* Overwrites the values of headers that may hold secrets (their spans become empty) while the
 * request is still being worked on. */
void http_parse_wipe_secrets(struct http_parse *p);

/* First header of that name (case-insensitive); false if absent. */
bool http_request_header(const struct http_request *r, struct str name, struct str *value_out);

#endif
