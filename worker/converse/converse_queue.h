/*
 * converse_queue.h - the blocks of an answer that are open, and who of them may speak.
 *
 * Bedrock's blocks may lie beside one another (parallel calls). A dialect of one block at a time
 * (Messages: its SDKs take the last block for the one that stops) gets them one after the other:
 * the first open block is live and goes out at once, what comes of the others is held back until it
 * is their turn. Only a call is waited for: text and thinking are over when another block begins,
 * whether Bedrock said so or not. Lives in struct converse_reply. Pure; worker.
 */
#ifndef WORKER_CONVERSE_CONVERSE_QUEUE_H
#define WORKER_CONVERSE_CONVERSE_QUEUE_H

#include "worker/converse/converse_reply.h"

/* The open block of Bedrock's index, or NULL. */
struct converse_block *converse_queue_find(struct converse_reply *r, int64_t theirs);
bool converse_queue_full(const struct converse_reply *r);
/* e's block. NULL: no memory to hold it back. Not when the queue is full. */
struct converse_block *converse_queue_open(struct converse_reply *r, const struct converse_event *e,
                                           struct buf *out);
/* A piece of b, written or held back. */
void converse_queue_piece(struct converse_reply *r, struct converse_block *b,
                          const struct converse_part *p, struct buf *out);
void converse_queue_close(struct converse_reply *r, struct converse_block *b, struct buf *out);
/* False: more is held back than is right, or there was no memory for it. */
bool converse_queue_ok(const struct converse_reply *r);

#endif
