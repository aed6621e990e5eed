#include "worker/dialect/tool_references.h"

#include <stdlib.h>
#include <string.h>

static int name_order(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = n ? memcmp(x->p, y->p, n) : 0;
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

/* What a block names: a search's result, or a tool that comes in mid-conversation. */
static struct str named(const struct scan *s, scan_ref block)
{
    scan_ref type = SCAN_GET(s, block, "type"), tool = SCAN_GET(s, block, "tool");
    if (SCAN_IS(s, type, "tool_reference")) {
        return scan_text(s, SCAN_GET(s, block, "tool_name"));
    }
    bool comes = SCAN_IS(s, type, "tool_addition") &&
                 SCAN_IS(s, SCAN_GET(s, tool, "type"), "tool_reference");
    return comes ? scan_text(s, SCAN_GET(s, tool, "name")) : (struct str){NULL, 0};
}

/* Blocks inside tool results too. */
static void add_blocks(struct tool_references *t, const struct scan *s, scan_ref blocks, bool fill)
{
    if (scan_type(s, blocks) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref b = scan_first(s, blocks); b != SCAN_ABSENT; b = scan_next(s, blocks, b)) {
        scan_ref type = SCAN_GET(s, b, "type");
        if (SCAN_IS(s, type, "tool_result")) {
            add_blocks(t, s, SCAN_GET(s, b, "content"), fill);
        }
        struct str name = named(s, b);
        if (!name.p) {
            continue;
        }
        if (fill) {
            t->name[t->n] = name;
        }
        t->n++;
    }
}

static void walk(struct tool_references *t, const struct scan *s, scan_ref messages, bool fill)
{
    t->n = 0;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        add_blocks(t, s, SCAN_GET(s, m, "content"), fill);
    }
}

bool tool_references_read(const struct scan *s, scan_ref messages, struct tool_references *out)
{
    *out = (struct tool_references){NULL, 0};
    walk(out, s, messages, false);
    if (out->n == 0) {
        return true;
    }
    out->name = arena_alloc(s->arena, out->n * sizeof *out->name);
    if (!out->name) {
        return false;
    }
    walk(out, s, messages, true);
    qsort(out->name, out->n, sizeof *out->name, name_order);
    return true;
}

bool tool_references_has(const struct tool_references *t, struct str name)
{
    return name.p && t->n > 0 && bsearch(&name, t->name, t->n, sizeof name, name_order);
}
