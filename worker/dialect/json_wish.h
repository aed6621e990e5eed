/*
 * json_wish.h - structured output for models that have no such thing: the wish in words, for the
 * end of the system prompt. Pure; for both ways to Bedrock.
 */
#ifndef WORKER_DIALECT_JSON_WISH_H
#define WORKER_DIALECT_JSON_WISH_H

#include "server/base/arena.h"
#include "server/base/text.h"

/* schema: a JSON object, or empty for "any JSON object". The inside of a JSON string, in the arena;
 * p is NULL when memory ran out. */
struct str json_wish(struct arena *a, struct str schema);

#endif
