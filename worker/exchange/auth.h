/*
 * auth.h - who is calling, and is there room under the limit. Worker; reads the shared directory,
 * takes from the shared buckets, asks the refresher about keys it does not know.
 */
#ifndef WORKER_EXCHANGE_AUTH_H
#define WORKER_EXCHANGE_AUTH_H

#include "worker/turn/turn.h"

bool auth_is_needed(const struct exchange *x); /* does its route ask who it is? */
/* The key as sent, a span of the head; empty: none. */
struct str auth_sent_key(const struct config *c, const struct http_request *r);
/* AUTH, in words that fit what was sent. */
enum status auth_refuse_no_key(struct exchange *x, const struct http_request *r, struct err *err);

/* At header time: finds the key and looks it up. OK also when the refresher was asked (caller.ticket).
 * AUTH, UNAVAILABLE, BUDGET ... with err otherwise. */
MUST_CHECK enum status auth_identify(struct exchange *x, const struct http_request *r,
                                     struct err *err);
/* caller.ticket: has the refresher answered? WAIT, FAIL with outcome.err, or NEXT: the key is
 * known. */
enum verdict auth_await(struct exchange *x);
/* State AUTH: waits for the refresher if it was asked, then takes one request from the bucket. */
enum verdict auth_step(struct exchange *x);

#endif
