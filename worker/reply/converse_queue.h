/*
 * converse_queue.h - the blocks of an answer that are open, and who of them may speak.
 *
 * Bedrock's blocks may lie beside one another (parallel calls). A dialect of one block at a time
 * (Messages: its SDKs take the last block for the one that stops) gets them one after the other:
 * the first open block is live and goes out at once, what comes of the others is held back until it
 * is their turn. Only a call is waited for: text and thinking are over when another block begins,
 * whether Bedrock said so or not. It is a part of struct converse_reply, which stands here because
 * both work on it; converse_reply.h has its verbs. Pure; worker.
 */
#ifndef WORKER_CONVERSE_CONVERSE_QUEUE_H
#define WORKER_CONVERSE_CONVERSE_QUEUE_H

#include "server/base/buf.h"
#include "worker/converse/converse.h"
#include "worker/reply/converse_event.h"
#include "worker/dialect/relay.h"

#define CONVERSE_REPLY_OPEN_MAX 64 /* blocks open at the same time; real answers have a few */

struct converse_block {
    int64_t theirs; /* contentBlockIndex */
    uint32_t ours;  /* number among all blocks */
    uint32_t tool;  /* number among the tool calls, for those */
    enum converse_part_kind kind;
    struct str tool_id; /* escaped */
    bool filled;        /* a tool call's input has begun; a thinking block has its signature */
    bool over;          /* closed, but it waits for its turn */
    struct buf held;    /* what it has said while it waits */
};

struct converse_reply;

struct converse_dialect {
    bool malformed_fails; /* malformed output is an error and not a stop reason */
    bool one_at_a_time;   /* no block inside another */
    bool gathers;         /* as that, but the dialect itself keeps what has to wait */
    void (*begin)(struct converse_reply *r, struct buf *out);
    void (*open)(struct converse_reply *r, const struct converse_block *b,
                 const struct converse_part *part, struct buf *out);
    void (*piece)(struct converse_reply *r, const struct converse_block *b,
                  const struct converse_part *part, struct buf *out);
    void (*close)(struct converse_reply *r, const struct converse_block *b, struct buf *out);
    void (*finish)(struct converse_reply *r, struct buf *out);
    /* A whole answer; parts without empty text. */
    void (*whole)(struct converse_reply *r, const struct converse_part *parts, size_t n,
                  struct buf *out);
};

struct converse_reply {
    struct reply reply; /* first: relay.h */
    const struct converse_dialect *dialect;
    struct arena *arena;
    const struct converse_names *names;
    struct str id;
    const struct converse_stop *stop; /* NULL until Bedrock gave one */
    struct str stop_sequence;         /* escaped; p NULL: none */
    struct str service_tier;          /* Bedrock's, of a whole answer; may be empty */
    bool metered;                     /* metadata has come */
    bool failed;                      /* an error has been reported */
    bool full;                        /* the dialect has no room for what it has to keep */
    bool drop_is_set;                 /* the arena drops what blocks hold back */
    uint32_t blocks, tools;           /* begun so far */
    uint32_t open_n;
    struct converse_block *open; /* CONVERSE_REPLY_OPEN_MAX, from the first one on; by ours */
};

/* The open block of Bedrock's index, or NULL. */
struct converse_block *converse_queue_find(struct converse_reply *r, int64_t theirs);
bool converse_queue_full(const struct converse_reply *r);
/* e's block. NULL: no memory for it. Not when the queue is full. */
struct converse_block *converse_queue_open(struct converse_reply *r, const struct converse_event *e,
                                           struct buf *out);
/* A piece of b, written or held back. */
void converse_queue_piece(struct converse_reply *r, struct converse_block *b,
                          const struct converse_part *p, struct buf *out);
void converse_queue_close(struct converse_reply *r, struct converse_block *b, struct buf *out);
/* False: more is held back than is right, or there was no memory for it. */
bool converse_queue_ok(const struct converse_reply *r);

#endif
