/*
 * http_rules.h - what makes the first line and the header lines of a request legal, line by line.
 *
 * Pure functions over one line (without its CRLF, but for its bytes); http_parse.c collects the bytes, http_head.c
 * asks for one line after the other. They are stricter than RFC 9112 and 9110 where a proxy in
 * front could read the same bytes differently (request smuggling): see "HTTP rules" in the README.
 */
#ifndef SERVER_NET_HTTP_RULES_H
#define SERVER_NET_HTTP_RULES_H

#include "server/base/err.h"
#include "server/http/http_request.h"

/* Bytes of one line or of a part of it, its end included; last: the byte before them, 0 at the start
 * of a line. */
bool http_rules_bytes(char last, const char *bytes, size_t n);
/* "POST /v1/messages HTTP/1.1": method, texts, target and minor; what was found stays set on
 * failure. */
MUST_CHECK enum status http_rules_request_line(struct str line, struct http_request *r,
                                               struct err *err);
/* path and query of r->target, which may be in absolute form; authority_out is empty if it
 * is not. */
void http_rules_target(struct http_request *r, struct str *authority_out);
/* "name: value" into its two spans. */
MUST_CHECK enum status http_rules_header(struct str line, struct http_header *header_out,
                                         struct err *err);
/* Puts what one header says about the message into *r. *seen has a bit for each name that may come
 * only once; start with 0. */
MUST_CHECK enum status http_rules_meaning(const struct http_header *header, struct http_request *r,
                                          unsigned *seen, struct err *err);
/* The rules that need the whole block. */
MUST_CHECK enum status http_rules_block(const struct http_request *r, struct err *err);
/* A trailer line: discarded, but it may not pretend to frame or route the message. */
MUST_CHECK enum status http_rules_trailer(struct str line, struct err *err);
/* Does a header of this name carry a secret? */
bool http_rules_secret(struct str name);

#endif
