/*
 * chat_wish.h - the wish of a Chat Completions request: part of chat_read. Pure.
 */
#ifndef WORKER_OPENAI_CHAT_WISH_H
#define WORKER_OPENAI_CHAT_WISH_H

#include "worker/dialect/wish.h"

/* All of it but stream and max_tokens. messages and tools have been checked; tools may be
 * SCAN_ABSENT. BUSY: no memory. */
MUST_CHECK enum status chat_wish_read(struct wish *w, const struct scan *s, scan_ref messages,
                                      scan_ref tools, struct err *err);

#endif
