/*
 * json_wish.h - what a model has no field for, in words, for the end of the system prompt:
 * structured output, a tool that has to be called. Pure; for both ways to Bedrock.
 */
#ifndef WORKER_DIALECT_JSON_WISH_H
#define WORKER_DIALECT_JSON_WISH_H

#include "server/base/arena.h"
#include "server/base/text.h"

/* schema: a JSON object, or empty for "any JSON object". The inside of a JSON string, in the arena;
 * p is NULL when memory ran out. */
struct str json_wish(struct arena *a, struct str schema);
/* The same for a call. name: of the tool; empty: of any. */
struct str json_wish_call(struct arena *a, struct str name);

#endif
