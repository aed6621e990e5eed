/*
 * chat_tool.h - a tool and a call of one, in all the shapes in which Chat clients write them: OpenAI's
 * own, flat ones as the Responses API has them, Anthropic's, and custom tools, whose input is free
 * text (a grammar may say more). Where Converse knows only functions, a custom tool is one with a
 * single string, CHAT_TOOL_INPUT, which is unpacked on the way back. Pure; worker.
 */
#ifndef WORKER_OPENAI_CHAT_TOOL_H
#define WORKER_OPENAI_CHAT_TOOL_H

#include "server/json/scan.h"

#define CHAT_TOOL_INPUT "input"

enum chat_tool_kind {
    CHAT_TOOL_FUNCTION,
    CHAT_TOOL_CUSTOM,
    CHAT_TOOL_SEARCH, /* of Responses only, as the next (responses_tool.h) */
    CHAT_TOOL_SHELL,
    CHAT_TOOL_OTHER
};

struct chat_tool { /* SCAN_ABSENT: not there */
    enum chat_tool_kind kind;
    scan_ref holder; /* the object with these members */
    scan_ref name, description, schema, strict;
    scan_ref grammar; /* CUSTOM: the text of its definition */
};

/* One of "tools", of "functions", of allowed_tools, or an object of tool_choice. */
struct chat_tool chat_tool_read(const struct scan *s, scan_ref tool);

struct chat_call {
    enum chat_tool_kind kind;
    scan_ref name;
    scan_ref input; /* FUNCTION: JSON inside a string; CUSTOM: a text */
};
/* One of "tool_calls". */
struct chat_call chat_tool_call(const struct scan *s, scan_ref call);

#endif
