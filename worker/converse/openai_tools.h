/*
 * openai_tools.h - tools, functions and tool_choice of Chat Completions as Converse's toolConfig.
 * Part of openai_to_converse, and of responses_tools; pure.
 */
#ifndef WORKER_CONVERSE_OPENAI_TOOLS_H
#define WORKER_CONVERSE_OPENAI_TOOLS_H

#include "worker/converse/converse_build.h"
#include "worker/openai/chat.h"
#include "worker/openai/chat_tool.h"

/* Writes toolConfig, or nothing when there are no tools and none in the history. */
void openai_tools_put(struct converse_build *b, const struct chat_request *r);

/* A function or a custom tool, of Responses, too. name: as calls of it will have it. preface: a JSON
 * string that is put before its description, or empty. */
void openai_tools_put_one(struct converse_build *b, const struct scan *s,
                          const struct chat_tool *tool, struct str name, struct str preface);
/* In place of tools that are gone, for a history that has called them. */
void openai_tools_put_gone(struct converse_build *b, struct str name);

#endif
