/*
 * page.h - GET /: what is served here, for a person who opens the address in a browser (Accept:
 * text/html) as a page, for everybody else as JSON. Both are made from the routes table. Worker; it
 * says nothing that /ready and /version do not say to anybody.
 */
#ifndef WORKER_DOOR_PAGE_H
#define WORKER_DOOR_PAGE_H

#include "worker/turn/turn.h"

enum verdict page_root(struct exchange *x);
/* Of the head, for later: is a page wanted, and under which address does the client see us. What it
 * keeps is in x->arena. */
void page_keep(struct exchange *x, const struct http_request *r);
/* True when an Accept header names text/html and does not refuse it (q=0). */
bool page_is_wanted(struct str accept);

#endif
