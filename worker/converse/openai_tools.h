/*
 * openai_tools.h - tools, functions and tool_choice of Chat Completions as Converse's toolConfig.
 * Part of openai_to_converse; pure.
 */
#ifndef WORKER_CONVERSE_OPENAI_TOOLS_H
#define WORKER_CONVERSE_OPENAI_TOOLS_H

#include "worker/dialect/chat.h"
#include "worker/converse/converse_build.h"

/* Writes toolConfig, or nothing when there are no tools and none in the history. */
void openai_tools_put(struct converse_build *b, const struct chat_request *r);

#endif
