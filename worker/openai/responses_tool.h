/*
 * responses_tool.h - the tools of a Responses request, one by one: those of `tools`, then what the
 * input brings (additional_tools, tool_search_output), namespaces opened. Pure; worker.
 */
#ifndef WORKER_OPENAI_RESPONSES_TOOL_H
#define WORKER_OPENAI_RESPONSES_TOOL_H

#include "worker/openai/responses_item.h"
#include "worker/dialect/wish.h"

struct responses_tool {
    struct chat_tool tool; /* OTHER: of OpenAI's own service, or unknown */
    scan_ref at;           /* the object itself */
    scan_ref space;        /* the namespace that it is of, or SCAN_ABSENT */
    scan_ref preface;      /* what that is about, with the first one in there */
};

struct responses_tool_walk { /* a walk; begun by responses_tool_begin */
    const struct scan *s;
    const struct responses_list *items;
    uint32_t item;              /* the next one to look into */
    scan_ref list, next;        /* the list that is open, and what comes next in it */
    scan_ref inner_list, inner; /* of the namespace that is open */
    scan_ref space, about;      /* its name, and its description until one has it */
};

/* tools: an array, or SCAN_ABSENT. items: lent; NULL for none. */
void responses_tool_begin(struct responses_tool_walk *w, const struct scan *s, scan_ref tools,
                          const struct responses_list *items);
bool responses_tool_next(struct responses_tool_walk *w, struct responses_tool *out);

/* Of a tool that has none it is the type. p NULL: no memory. */
struct str responses_tool_name(const struct scan *s, const struct responses_tool *t);
/* May the model be shown it? Not what only OpenAI's service does. space and name: its own, as texts. */
bool responses_tool_is_shown(const struct wish *w, const struct responses_tool *t, struct str space,
                             struct str name);

#endif
