/*
 * splice_error.h - Claude's own error event in place of an answer: where it is one that another attempt may
 * cure, it is none of the client's events, but a refusal like a status. Pure; worker.
 */
#ifndef WORKER_SPLICE_SPLICE_ERROR_H
#define WORKER_SPLICE_SPLICE_ERROR_H

#include "server/json/scan.h"
#include "worker/dialect/relay.h"

/* s: an event. Nothing has come of the answer, and it is such an error. */
bool splice_error_is_first(const struct reply *r, const struct scan *s);
/* Fills r->error. UPSTREAM. */
enum status splice_error_set(struct reply *r, const struct scan *s, struct err *err);

#endif
