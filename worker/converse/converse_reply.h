/*
 * converse_reply.h - the order of an answer on its way from Converse to a client, whatever the
 * dialect.
 *
 * Bedrock's events may come in any order, twice or not at all; what a dialect is asked to write is
 * always
 *
 *     begin  (open piece* close)*  finish
 *
 * where several blocks may be open at once (parallel tool calls) unless the dialect wants them one
 * after the other (converse_queue.h), blocks are numbered from 0 in the order in which they open,
 * and nothing follows finish. The dialect only writes bytes; it decides nothing. Pure; worker.
 * Lives in the arena of the exchange.
 */
#ifndef WORKER_CONVERSE_CONVERSE_REPLY_H
#define WORKER_CONVERSE_CONVERSE_REPLY_H

#include "server/base/buf.h"
#include "worker/converse/converse.h"
#include "worker/converse/converse_event.h"
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
    bool holds;                       /* the arena drops what blocks hold back */
    uint32_t blocks, tools;           /* begun so far */
    uint32_t open_n;
    struct converse_block open[CONVERSE_REPLY_OPEN_MAX]; /* by ours */
};

void converse_reply_init(struct converse_reply *r, const struct converse_dialect *dialect,
                         struct arena *arena, struct str client_model, struct str id,
                         const struct converse_names *names);

/* The functions of a struct relay; r is a struct converse_reply. */
enum status converse_reply_event(struct reply *r, struct str type, struct str payload,
                                 struct buf *out, struct err *err);
enum status converse_reply_end(struct reply *r, struct buf *out, struct err *err);
enum status converse_reply_answer(struct reply *r, struct arena *arena, struct str body,
                                  struct buf *out, struct err *err);

/* Members of an object, for the dialects. */
void converse_reply_str(struct json_out *w, struct str key, struct str value);
/* escaped is "" when there is none. */
void converse_reply_quoted(struct json_out *w, struct str key, struct str escaped);
void converse_reply_count(struct json_out *w, struct str key, uint64_t count);
void converse_reply_null(struct json_out *w, struct str key);

#endif
