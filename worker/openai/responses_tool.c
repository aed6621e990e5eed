#include "worker/openai/responses_tool.h"

#include "worker/openai/openai_wish.h"

void responses_tool_begin(struct responses_tool_walk *w, const struct scan *s, scan_ref tools,
                          const struct responses_list *items)
{
    *w = (struct responses_tool_walk){
        .s = s,
        .items = items,
        .list = tools,
        .next = scan_type(s, tools) == SCAN_ARRAY ? scan_first(s, tools) : SCAN_ABSENT,
        .space = SCAN_ABSENT,
        .inner = SCAN_ABSENT};
}

/* The next list with something in it. */
static bool open_list(struct responses_tool_walk *w)
{
    while (w->next == SCAN_ABSENT && w->items && w->item < w->items->count) {
        w->list = w->items->item[w->item++].tools;
        if (scan_type(w->s, w->list) == SCAN_ARRAY) {
            w->next = scan_first(w->s, w->list);
        }
    }
    return w->next != SCAN_ABSENT;
}

/* {"type":"tool_search","execution":"client"} is a function that has no name; without the word it is
 * OpenAI's server that searches. */
static struct chat_tool read_tool(const struct scan *s, scan_ref tool)
{
    struct chat_tool t = chat_tool_read(s, tool);
    scan_ref type = t.kind == CHAT_TOOL_OTHER ? SCAN_GET(s, tool, "type") : SCAN_ABSENT;
    if (SCAN_IS(s, type, "tool_search") && SCAN_IS(s, SCAN_GET(s, tool, "execution"), "client")) {
        t.kind = CHAT_TOOL_SEARCH;
    } else if (SCAN_IS(s, type, "local_shell")) {
        t.kind = CHAT_TOOL_SHELL;
    }
    return t;
}

static bool next_inner(struct responses_tool_walk *w, struct responses_tool *out)
{
    if (w->inner == SCAN_ABSENT) {
        return false;
    }
    *out = (struct responses_tool){
        .tool = read_tool(w->s, w->inner), .at = w->inner, .space = w->space, .preface = w->about};
    w->inner = scan_next(w->s, w->inner_list, w->inner);
    w->about = SCAN_ABSENT;
    return true;
}

/* It may have thousands of members besides: looked into once. */
static void open_space(struct responses_tool_walk *w, scan_ref space)
{
    scan_ref list = SCAN_GET(w->s, space, "tools");
    w->space = SCAN_GET(w->s, space, "name");
    w->about = SCAN_GET(w->s, space, "description");
    w->inner_list = list;
    w->inner = scan_type(w->s, list) == SCAN_ARRAY ? scan_first(w->s, list) : SCAN_ABSENT;
}

bool responses_tool_next(struct responses_tool_walk *w, struct responses_tool *out)
{
    while (!next_inner(w, out)) {
        if (!open_list(w)) {
            return false;
        }
        scan_ref tool = w->next;
        w->next = scan_next(w->s, w->list, tool);
        if (!SCAN_IS(w->s, SCAN_GET(w->s, tool, "type"), "namespace")) {
            *out = (struct responses_tool){.tool = read_tool(w->s, tool),
                                           .at = tool,
                                           .space = SCAN_ABSENT,
                                           .preface = SCAN_ABSENT};
            return true;
        }
        open_space(w, tool);
    }
    return true;
}

struct str responses_tool_name(const struct scan *s, const struct responses_tool *t)
{
    return t->tool.kind == CHAT_TOOL_SEARCH  ? RESPONSES_SEARCH
           : t->tool.kind == CHAT_TOOL_SHELL ? RESPONSES_SHELL
                                             : scan_text(s, t->tool.name);
}

bool responses_tool_is_shown(const struct wish *w, const struct responses_tool *t, struct str space,
                             struct str name)
{
    return t->tool.kind != CHAT_TOOL_OTHER && openai_wish_allows(w, space, name);
}
