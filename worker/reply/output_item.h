/*
 * output_item.h - one item of an answer: its JSON, its events. All but output_item_keep and
 * output_item_free is of the live one. Without room base.full is set. Pure; worker.
 */
#ifndef WORKER_REPLY_OUTPUT_ITEM_H
#define WORKER_REPLY_OUTPUT_ITEM_H

#include "worker/reply/responses_reply.h"

void output_item_tell(struct responses_reply *r, struct output_item *i, struct buf *out);
/* A piece of its text, escaped: it goes out, or is kept. */
void output_item_say(struct responses_reply *r, struct output_item *i, struct str text,
                     struct buf *out);
/* It has become live: what has been kept of it goes out. */
void output_item_catch_up(struct responses_reply *r, struct output_item *i, struct buf *out);
/* Its last events. whole: the model said all that it wanted to. */
void output_item_end(struct responses_reply *r, struct output_item *i, bool whole, struct buf *out);
/* Its JSON ends here, without an event: the answer is broken off. */
void output_item_cut(struct responses_reply *r, struct output_item *i);
void output_item_free(struct responses_reply *r, struct output_item *i);
/* Appends to said or block of an item. */
void output_item_keep(struct responses_reply *r, struct buf *to, struct str bytes);
/* Begins any event; the caller appends members and the end. */
void output_item_event(struct responses_reply *r, struct str type, struct buf *out);

#endif
