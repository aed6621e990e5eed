/*
 * http_in.h - from the bytes of a client to requests for the owner: reading, bodies, refusals. Only
 * http_conn.c calls it. Worker only.
 */
#ifndef SERVER_NET_HTTP_IN_H
#define SERVER_NET_HTTP_IN_H

#include "server/http/http_state.h"

enum { HTTP_IN_BYTES = 64 * 1024 }; /* read at once; pipelined bytes kept at most */

void http_in_read(struct http_conn *c);                 /* what is there, a part of it, parsed */
void http_in_feed(struct http_conn *c, struct str *in); /* up to the end of one request */
void http_in_forget(struct http_conn *c);               /* one recv(2), thrown away */
void http_in_send_continue(struct http_conn *c);        /* HTTP/1.1 100 Continue */
void http_in_drop_body(struct http_conn *c);
/* One answer, then the end. HEAD or BODY. */
void http_in_refuse(struct http_conn *c, const struct err *err);

#endif
