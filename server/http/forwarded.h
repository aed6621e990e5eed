/*
 * forwarded.h - whose request it is when it comes through proxies that are trusted. Worker.
 */
#ifndef SERVER_HTTP_FORWARDED_H
#define SERVER_HTTP_FORWARDED_H

#include "server/http/http_request.h"

/* The address of the client: the last one of X-Forwarded-For (all such headers are one list) that is
 * not a trusted proxy's, since each proxy appends whom it sees, and what stands before that may be
 * the client's own invention. Empty: the peer is no trusted proxy, or the header says nothing usable.
 * Points into r. proxies: comma-separated networks; peer: "address:port". */
struct str forwarded_client(struct str proxies, struct str peer, const struct http_request *r);

#endif
