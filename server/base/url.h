/*
 * url.h - an absolute http or https URL, taken apart: the one place where that is done, so that
 * what was checked is also what is called. Source: RFC 3986 section 3; the scheme is compared in
 * any case (3.1). Pure; any process.
 */
#ifndef SERVER_BASE_URL_H
#define SERVER_BASE_URL_H

#include "server/base/text.h"

struct url {              /* spans of the text it was cut from */
    bool plain_http;      /* http; else https */
    struct str authority; /* host[:port], as written; without user information */
    struct str host;      /* never empty; IPv6 without its brackets */
    struct str port;      /* digits, 1 to 65535; p NULL: none is named */
    struct str path;      /* from the first '/', '?' or '#' on; may be empty */
};

/* False: no such URL: another scheme, no host, user information, a bad port, or a character in the
 * authority that is none of a host. */
bool url_cut(struct str text, struct url *out);

#endif
