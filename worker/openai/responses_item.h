/*
 * responses_item.h - one item of a Responses request's input, whatever its form: with or without a
 * type, of this API's own tools or of the client's. Pure; worker.
 */
#ifndef WORKER_OPENAI_RESPONSES_ITEM_H
#define WORKER_OPENAI_RESPONSES_ITEM_H

#include "worker/openai/chat_tool.h"

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
    scan_ref at;        /* the item itself */
    enum responses_kind kind;
    enum chat_tool_kind call;
    const char *member; /* the name of content */
    scan_ref type, role;
    scan_ref content; /* a string or parts: of an output, too */
    scan_ref call_id, space, name;
    scan_ref input; /* FUNCTION: JSON inside a string; CUSTOM: a text; SEARCH, SHELL: an object */
    scan_ref sealed;
    scan_ref tools;
};

struct responses_list { /* the items of an input; in the arena */
    const struct responses_item *item;
    uint32_t count; /* 0: the input is a string */
};

struct responses_item responses_item_read(const struct scan *s, scan_ref item);
/* BUSY: no memory. */
MUST_CHECK enum status responses_item_list(const struct scan *s, scan_ref input,
                                           struct responses_list *out, struct err *err);
/* A message that instructs the model: of role system or developer. */
bool responses_item_instructs(const struct scan *s, const struct responses_item *item);
/* What the model says or does; else the user's side. */
bool responses_item_is_models(const struct scan *s, const struct responses_item *item);

/* What the model said and did last, since the user's side had spoken. */
struct responses_turn {
    uint32_t first; /* the number of its first item; RESPONSES_NONE: it never spoke */
    bool calls;
};
#define RESPONSES_NONE UINT32_MAX
struct responses_turn responses_item_last_turn(const struct scan *s,
                                               const struct responses_list *items);

#endif
