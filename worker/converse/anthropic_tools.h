/*
 * anthropic_tools.h - tools and tool_choice of the Messages API as Converse's toolConfig. Part of
 * anthropic_to_converse; pure.
 */
#ifndef WORKER_CONVERSE_ANTHROPIC_TOOLS_H
#define WORKER_CONVERSE_ANTHROPIC_TOOLS_H

#include "worker/converse/converse_build.h"
#include "worker/dialect/messages.h"

/* Writes toolConfig, or nothing when there are no tools and none in the history. */
void anthropic_tools_put(struct converse_build *b, const struct messages_request *r);

#endif
