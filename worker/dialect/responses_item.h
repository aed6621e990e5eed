/*
 * responses_item.h - one item of a Responses request's input, whatever its form: with or without a
 * type, of this API's own tools or of the client's. Pure; worker.
 */
#ifndef WORKER_DIALECT_RESPONSES_ITEM_H
#define WORKER_DIALECT_RESPONSES_ITEM_H

#include "worker/dialect/chat_tool.h"

enum responses_kind {
    RESPONSES_MESSAGE,   /* role, content */
    RESPONSES_CALL,      /* call, call_id, space, name, input */
    RESPONSES_OUTPUT,    /* call_id, content; or tools of a search */
    RESPONSES_REASONING, /* sealed */
    RESPONSES_TOOLS,     /* tools alone: they count as those of the request */
    RESPONSES_TOLD, /* what a tool of OpenAI's own service did: worker/dialect/history_text.h */
    RESPONSES_REFERENCE, /* to an item that a server has stored */
    RESPONSES_UNKNOWN
};

/* Names of the tools that have none. */
#define RESPONSES_SEARCH STR("tool_search")
#define RESPONSES_SHELL  STR("local_shell")

struct responses_item { /* SCAN_ABSENT: not there */
    enum responses_kind kind;
    enum chat_tool_kind call;
    scan_ref role;
    scan_ref content; /* a string or parts; of an output, too, for which it is `member` */
    const char *member;
    scan_ref call_id, space, name;
    scan_ref input; /* FUNCTION: JSON inside a string; CUSTOM: a text; SEARCH, SHELL: an object */
    scan_ref sealed;
    scan_ref tools;
};

struct responses_item responses_item_read(const struct scan *s, scan_ref item);
/* A message that instructs the model: of role system or developer. */
bool responses_item_instructs(const struct scan *s, const struct responses_item *item);
/* What the model says or does; else the user's side. */
bool responses_item_is_models(const struct scan *s, const struct responses_item *item);
/* The first item; none when input is a string. */
scan_ref responses_item_first(const struct scan *s, scan_ref input);

/* What the model said and did last, since the user's side had spoken. */
struct responses_turn {
    scan_ref first; /* its first item; SCAN_ABSENT: it never spoke */
    bool calls;
};
struct responses_turn responses_item_last_turn(const struct scan *s, scan_ref input);

#endif
