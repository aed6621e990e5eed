#include "worker/dialect/tool_changes.h"

scan_ref tool_changes_definition(const struct scan *s, scan_ref block)
{
    scan_ref tool = SCAN_GET(s, block, "tool"), definition = SCAN_GET(s, tool, "definition");
    return SCAN_IS(s, SCAN_GET(s, block, "type"), "tool_addition") &&
                   SCAN_IS(s, SCAN_GET(s, tool, "type"), "tool_definition") &&
                   scan_type(s, definition) == SCAN_OBJECT
               ? definition
               : SCAN_ABSENT;
}

static bool is_named(const struct scan *s, scan_ref tool, struct str name)
{
    return name.p && text_eq(scan_text(s, SCAN_GET(s, tool, "name")), name);
}

/* The place of the one with this name, or n. */
static uint32_t find(const struct scan *s, const struct tool_changes *t, struct str name)
{
    uint32_t i = 0;
    while (i < t->n && !is_named(s, t->added[i], name)) {
        i++;
    }
    return i;
}

static void take_out(struct tool_changes *t, uint32_t at)
{
    for (; at + 1 < t->n; at++) {
        t->added[at] = t->added[at + 1];
    }
    t->n--;
}

static bool is_declared(const struct scan *s, scan_ref tools, struct str name)
{
    for (scan_ref t = scan_first(s, tools); t != SCAN_ABSENT; t = scan_next(s, tools, t)) {
        if (is_named(s, t, name)) {
            return true;
        }
    }
    return false;
}

static void read_block(const struct scan *s, scan_ref block, scan_ref tools, struct tool_changes *t)
{
    scan_ref definition = tool_changes_definition(s, block);
    bool removal = SCAN_IS(s, SCAN_GET(s, block, "type"), "tool_removal");
    if (definition == SCAN_ABSENT && !removal) {
        return;
    }
    scan_ref named = removal ? SCAN_GET(s, block, "tool") : definition;
    struct str name = scan_text(s, SCAN_GET(s, named, "name"));
    uint32_t at = find(s, t, name);
    if (at < t->n) {
        take_out(t, at);
    }
    if (!removal && !is_declared(s, tools, name)) {
        t->added[t->n++] = definition;
    }
}

/* How many blocks define a tool; with t it is filled. */
static uint32_t walk(const struct scan *s, scan_ref messages, scan_ref tools,
                     struct tool_changes *t)
{
    uint32_t n = 0;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref content = SCAN_GET(s, m, "content");
        if (!SCAN_IS(s, SCAN_GET(s, m, "role"), "system") || scan_type(s, content) != SCAN_ARRAY) {
            continue;
        }
        for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
            n += tool_changes_definition(s, b) != SCAN_ABSENT;
            if (t) {
                read_block(s, b, tools, t);
            }
        }
    }
    return n;
}

bool tool_changes_read(const struct scan *s, scan_ref messages, scan_ref tools,
                       struct tool_changes *out)
{
    *out = (struct tool_changes){NULL, 0};
    uint32_t n = walk(s, messages, tools, NULL);
    if (n == 0) {
        return true;
    }
    out->added = arena_alloc(s->arena, n * sizeof *out->added);
    if (!out->added) {
        return false;
    }
    walk(s, messages, tools, out);
    return true;
}

bool tool_changes_known(const struct scan *s, const struct tool_changes *t, scan_ref tools,
                        scan_ref block)
{
    scan_ref tool = SCAN_GET(s, block, "tool"), named = SCAN_GET(s, tool, "name");
    struct str name = scan_text(s, named == SCAN_ABSENT ? SCAN_GET(s, tool, "tool_name") : named);
    return is_declared(s, tools, name) || find(s, t, name) < t->n;
}
