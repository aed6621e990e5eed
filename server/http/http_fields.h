/*
 * http_fields.h - the head of a message between the two ways of writing it: HTTP/2's list of names
 * and values, and HTTP/1.1's lines.
 *
 * A request's fields are put one by one and become lines, which http_parse.c reads like any other
 * head: one set of rules and limits for both. So nothing may get into a line that would end it: such
 * a field, and what HTTP/2 forbids (RFC 9113 8.2, 8.3), makes the head bad, and a bad head is never
 * read. Pure; knows nothing of frames. Worker only (and the unit tests, the fuzzer).
 */
#ifndef SERVER_NET_HTTP_FIELDS_H
#define SERVER_NET_HTTP_FIELDS_H

#include "server/base/buf.h"

struct http_fields {
    struct buf method, target, authority, lines, cookie;
    bool has_host, has_length, bad;
    size_t bytes; /* names and values as they came, also what found no room */
};

/* line: bytes of one line, block: of all; more is cut, so that the reader of the lines sees that it
 * was too much. Allocates nothing. */
void http_fields_init(struct http_fields *f, size_t line, size_t block);
void http_fields_free(struct http_fields *f);  /* keys are in it: wiped */
void http_fields_clear(struct http_fields *f); /* wiped, ready for the next head */
void http_fields_put(struct http_fields *f, struct str name, struct str value);
/* The whole head. chunked: a body of unknown length follows. Of a bad head only the first line, if
 * that may be written. False: no memory. */
bool http_fields_write(struct http_fields *f, bool chunked, struct buf *out);

/* The other way: cuts the next "name: value" off *rest; false at the empty line. */
bool http_fields_next(struct str *rest, struct str *name_out, struct str *value_out);
/* The status of a first line that http_out.c wrote, which is cut off *rest. */
int http_fields_status(struct str *rest);
/* Does it say something about an HTTP/1.1 connection that HTTP/2 must not (RFC 9113 8.2.2)? */
bool http_fields_of_connection(struct str name);

#endif
