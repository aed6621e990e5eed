/*
 * messages_wish.h - the wish of a Messages request: part of messages_read. What is of a wrong form
 * is a fault of the wish, not a refusal: InvokeModel may know more than this program. Pure.
 */
#ifndef WORKER_DIALECT_MESSAGES_WISH_H
#define WORKER_DIALECT_MESSAGES_WISH_H

#include "worker/dialect/wish.h"

/* All of it but stream and max_tokens. messages and tools have been checked; tools may be
 * SCAN_ABSENT. BUSY: no memory. */
MUST_CHECK enum status messages_wish_read(struct wish *w, const struct scan *s, scan_ref messages,
                                          scan_ref tools, struct err *err);

#endif
