/*
 * openai_call.h - a tool call of a Chat or Responses history as Converse's toolUse. Part of
 * openai_to_converse and responses_to_converse; pure.
 */
#ifndef WORKER_CONVERSE_OPENAI_CALL_H
#define WORKER_CONVERSE_OPENAI_CALL_H

#include "worker/converse/converse_build.h"
#include "worker/openai/chat_tool.h"

/* name: as the tool was put. input: JSON inside a string, made by a model: an object goes on with its
 * own bytes, "" is {}, anything else is kept as text under one key, so that nothing is lost and Bedrock
 * still gets an object. Of a CUSTOM tool a text, which goes into its one string. An object is taken,
 * too. */
void openai_call_put(struct converse_build *b, const struct scan *s, struct str id, struct str name,
                     enum chat_tool_kind kind, scan_ref input);

#endif
