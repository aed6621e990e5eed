/*
 * http_request.h - one HTTP request as its head says it: what http_rules.c and http_head.c fill in,
 * http_parse.c owns and everybody else reads.
 *
 * Spans point into the parser's bytes: they are valid until the next http_parse_next while the head
 * is not whole, else until http_parse_reset. A request whose head is not whole, or was refused, has
 * no headers; method, target, path and query are there if its first line is. Worker only.
 */
#ifndef SERVER_NET_HTTP_REQUEST_H
#define SERVER_NET_HTTP_REQUEST_H

#include "server/base/text.h"

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

/* First header of that name (case-insensitive); false if absent. */
bool http_request_header(const struct http_request *r, struct str name, struct str *value_out);

#endif
