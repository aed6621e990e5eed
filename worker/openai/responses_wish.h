/*
 * responses_wish.h - the wish of a Responses request: part of responses_read. Pure.
 */
#ifndef WORKER_OPENAI_RESPONSES_WISH_H
#define WORKER_OPENAI_RESPONSES_WISH_H

#include "worker/openai/responses_item.h"
#include "worker/dialect/wish.h"

/* All of it but stream and max_tokens. items and tools have been checked; tools may be SCAN_ABSENT.
 * BUSY: no memory. */
MUST_CHECK enum status responses_wish_read(struct wish *w, const struct scan *s,
                                           const struct responses_list *items, scan_ref tools,
                                           const struct responses_turn *last, struct err *err);
/* reasoning.summary: is any asked for? */
bool responses_wish_shows_summary(const struct scan *s);

#endif
