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

#include "server/json/json.h"
#include "worker/reply/converse_queue.h"

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
