/*
 * http_head.h - the head of a request, whole, becomes a request or a refusal.
 *
 * Pure functions over bytes that somebody else has collected (http_parse.c): they allocate nothing,
 * keep nothing and give an answer to every input. So a half-read head is never more than bytes.
 */
#ifndef SERVER_NET_HTTP_HEAD_H
#define SERVER_NET_HTTP_HEAD_H

#include "server/base/err.h"
#include "server/http/http_request.h"

/*
 * head: request line, header lines and the empty line, each with its CRLF and without other control
 * characters. room: for the headers, which stay there; more lines than room_n are HEADERS_LARGE.
 * key_name is one more name that may come only once, besides those of http_rules.c. All of *r is
 * set but keep_alive; on a refusal it is what http_head_glance finds.
 */
MUST_CHECK enum status http_head_read(struct str head, struct str key_name,
                                      struct http_header *room, size_t room_n,
                                      struct http_request *r, struct err *err);
/* The first line alone, without its CRLF: is it legal? */
MUST_CHECK enum status http_head_check_line(struct str line, struct err *err);
/* What a refusal needs to know (in which dialect, what to log): method, target, path, query and
 * minor of the first line, legal or not, if it is whole. No headers. */
void http_head_glance(struct str head, struct http_request *r);

#endif
