/*
 * reader.h - the mock's own HTTP/1.1 request reader, written apart from server/http/http_parse.c so
 * that one cannot hide the other's bugs. Strict: what a well-behaved client never sends is
 * READER_BAD.
 *
 * Stateless: it is called again with everything received so far until the request is whole. All
 * spans point into the given bytes (or into *decoded, for a chunked body). Pure, no allocation of
 * its own.
 */
#ifndef MOCK_READER_H
#define MOCK_READER_H

#include "server/base/buf.h"

#define READER_HEADERS 100

struct reader_header {
    struct str name, value; /* value trimmed */
};

struct request {
    struct str method, path, query; /* path as on the wire, query without '?' */
    struct reader_header header[READER_HEADERS];
    size_t header_n;
    struct str head; /* request line and headers, with the blank line */
    struct str body;
    bool keep_alive;
    bool expects_continue;
};

enum reader_status {
    READER_HEAD, /* the head is not there yet */
    READER_BODY, /* the head is, the body is not */
    READER_DONE,
    READER_BAD
};

/* used_out: bytes of this request on READER_DONE. decoded: cleared and filled with a chunked body.
 */
enum reader_status reader_parse(struct str bytes, struct buf *decoded, struct request *out,
                                size_t *used_out);
/* Only the head: for showing a kept one again. */
bool reader_parse_head(struct str head, struct request *out);
/* First header of that name (any case); empty span with p NULL when absent. */
struct str reader_get(const struct request *r, struct str name);

#endif
