/*
 * http_bodies.h - the request bodies that a worker holds: how much, for whom, and may it be more.
 *
 * What counts is memory that a body takes, from its first byte to the end of the answer. Nothing is
 * kept for a length that was only announced. A body belongs to a holder: a number that its owner
 * gives it (a key, an address); all bodies whose holder is not known belong to holder 0.
 *
 * The rule, applied whenever a body asks for more, with all sums as they would be then:
 *
 *   all bodies together                  <= max
 *   ... when this one is over 64 KiB     <= seven eighths of it: the last eighth is for small ones
 *   the bodies of its holder             <= what is then still free of that room
 *                                           (a holder's only body may take all of it)
 *
 * So one holder never has more than half, n holders leave 1/(n+1) to the next, and no holder can
 * take the room of others by asking first. Worker only; belongs to the process, like its loop.
 */
#ifndef SERVER_NET_HTTP_BODIES_H
#define SERVER_NET_HTTP_BODIES_H

#include "server/base/err.h"
#include "server/base/text.h"

enum { HTTP_BODIES_SMALL = 64 * 1024, HTTP_BODIES_ROWS = 64 };

struct http_share; /* what one holder has; exists while it has a body */

struct http_bodies { /* begins as zeros */
    size_t held;     /* by all, right now */
    struct http_share *shares[HTTP_BODIES_ROWS];
};

struct http_hold {     /* one body's part; begins as zeros */
    uint64_t holder;   /* set while nothing is held, else with http_bodies_move */
    uint64_t expected; /* bytes, 0: nobody said */
    size_t n;
    struct http_share *share; /* NULL while n is 0 */
};

/* max: http_conn_limits.bodies_max, 0: no limit. OK or BUSY. */
MUST_CHECK enum status http_bodies_take(struct http_bodies *b, size_t max, struct http_hold *h,
                                        size_t n, struct err *err);
/* Would that much be granted now? Takes nothing: a client that waits to send is told early. */
MUST_CHECK enum status http_bodies_ask(const struct http_bodies *b, size_t max,
                                       const struct http_hold *h, uint64_t n, struct err *err);
/* What is held, and will be, is another holder's. */
void http_bodies_move(struct http_bodies *b, struct http_hold *h, uint64_t holder);
void http_bodies_give_back(struct http_bodies *b, struct http_hold *h); /* all of it */

#endif
