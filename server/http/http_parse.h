/*
 * http_parse.h - HTTP/1.1 requests, incrementally: llhttp (strict) plus the rules it does not make.
 *
 * A request exists when its head is whole: bytes are collected up to the empty line, with all
 * limits counted on the way, and then http_head.c makes a request or a refusal of them. llhttp
 * stays behind this header (8.1 built with LLHTTP_STRICT_MODE=1, or 9.2). The eleven rules of
 * README "HTTP rules" (RFC 9112 and 9110) are applied here. The parser owns the header bytes; see
 * http_request.h for how long spans are valid. Worker only (and the unit tests, the fuzzer).
 *
 * Who wants HTTP/2 begins with a line that is no HTTP/1.1 request (RFC 9113 3.4): it is known where
 * that line would be refused, so the others pay nothing for it.
 */
#ifndef SERVER_NET_HTTP_PARSE_H
#define SERVER_NET_HTTP_PARSE_H

#include "server/base/err.h"
#include "server/http/http_request.h"

struct http_limits {
    size_t line;         /* request line and any header line */
    size_t headers;      /* bytes of the whole block */
    size_t header_count; /* fields */
    size_t chunk_extras; /* chunk extensions 1 KiB in all; trailers likewise, both discarded */
    /* API_KEY_HEADER: may come only once and is wiped, whatever its name is. May be empty. */
    struct str key_name;
};

enum http_event {
    HTTP_NEED_MORE, /* *input is used up */
    HTTP_HEADERS,   /* request line and headers are complete and legal */
    HTTP_BODY,      /* *body_out is a piece of the decoded body, inside *input's bytes */
    HTTP_END,       /* the message is complete; http_parse_reset before the next */
    HTTP_PREFACE,   /* HTTP_PARSE_PREFACE came, as the very first bytes: not ours from here on */
    HTTP_BAD        /* *err says what; one answer, then close: never parse on */
};

/* The first line of HTTP/2's preface; the rest of it stays in *input. */
#define HTTP_PARSE_PREFACE STR("PRI * HTTP/2.0\r\n")

struct http_parse;

struct http_parse *http_parse_new(const struct http_limits *limits);
void http_parse_drop(struct http_parse *p);
/* Overwrites the header bytes, keeps most of the memory. */
void http_parse_reset(struct http_parse *p);
/* Takes bytes off the front of *input (a pipelined second request stays in *input at HTTP_END). */
enum http_event http_parse_next(struct http_parse *p, struct str *input, struct str *body_out,
                                struct err *err);
/* At any moment; before HTTP_HEADERS and after a refused head it is one without headers. */
const struct http_request *http_parse_request(struct http_parse *p);
bool http_parse_started(const struct http_parse *p); /* a byte of the current message was seen */
/* Overwrites the values of headers that may hold secrets (their spans become empty) while the
 * request is still being worked on. */
void http_parse_wipe_secrets(struct http_parse *p);

#endif
