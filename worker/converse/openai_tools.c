#include "worker/converse/openai_tools.h"

#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/openai_parts.h"
#include "worker/dialect/chat_wish.h"

static const struct str nothing = {NULL, 0};

/* --- tools --------------------------------------------------------------------------------- */

/* function: {name, description?, parameters?, strict?}; also what the legacy "functions" holds. */
static void put_function(struct converse_build *b, const struct scan *s, scan_ref function)
{
    scan_ref schema = SCAN_GET(s, function, "parameters");
    scan_ref description = SCAN_GET(s, function, "description");
    struct converse_tool t = {
        .name = converse_build_read(b, s, SCAN_GET(s, function, "name")),
        .description =
            scan_type(s, description) == SCAN_STRING ? scan_raw(s, description) : nothing,
        .schema = converse_build_schema(b, s, schema),
        .strict = anthropic_blocks_true(s, SCAN_GET(s, function, "strict")),
    };
    if (t.name.n == 0) {
        converse_build_fail_param(b, ERR_FAULT_MISSING, "tools[].function.name",
                                  "Missing required parameter: 'tools[].function.name'.");
    } else if (chat_wish_allows(&b->plan->left, t.name)) {
        converse_build_tool(b, &t);
    }
}

static void put_tool(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    scan_ref type = SCAN_GET(s, tool, "type"), function = SCAN_GET(s, tool, "function");
    struct str text = converse_build_read(b, s, type);
    bool given = scan_type(s, type) != SCAN_NONE && scan_type(s, type) != SCAN_NULL;
    if (given && !text_eq(text, STR("function"))) {
        converse_build_fail(b, STATUS_INVALID,
                            "Invalid value: '%.*s'. Supported values are: 'function'.",
                            (int)(text.n < 40 ? text.n : 40), text.n > 0 ? text.p : "");
        return;
    }
    put_function(b, s, function);
    if (b->tools_open) {
        openai_parts_cache(b, s, function);
        openai_parts_cache(b, s, tool);
    }
}

static void put_tools(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    scan_ref legacy = SCAN_GET(s, 0, "functions");
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT && converse_build_ok(b);
         t = scan_next(s, r->tools, t)) {
        put_tool(b, s, t);
    }
    if (scan_type(s, legacy) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref f = scan_first(s, legacy); f != SCAN_ABSENT && converse_build_ok(b);
         f = scan_next(s, legacy, f)) {
        put_function(b, s, f);
    }
}

/* --- the history --------------------------------------------------------------------------- */

/* The function of the first call of the history, or SCAN_ABSENT. */
static scan_ref find_call(const struct chat_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT;
         m = scan_next(s, r->messages, m)) {
        scan_ref calls = SCAN_GET(s, m, "tool_calls"), legacy = SCAN_GET(s, m, "function_call");
        if (!SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant")) {
            continue;
        }
        if (scan_type(s, calls) == SCAN_ARRAY && scan_size(s, calls) > 0) {
            return SCAN_GET(s, scan_first(s, calls), "function");
        }
        if (scan_type(s, legacy) == SCAN_OBJECT) {
            return legacy;
        }
    }
    return SCAN_ABSENT;
}

static void put_history_tool(struct converse_build *b, const struct scan *s, scan_ref function)
{
    struct converse_tool t = {.name = converse_build_read(b, s, SCAN_GET(s, function, "name")),
                              .description = STR("\"This tool is no longer available.\"")};
    if (t.name.n == 0) {
        return; /* refused where the call itself is converted */
    }
    converse_build_tool(b, &t);
    converse_build_map(b, "tools_from_history");
}

void openai_tools_put(struct converse_build *b, const struct chat_request *r)
{
    const struct plan *p = b->plan;
    if (p->tools || p->left.choice != WISH_CHOICE_NONE) {
        put_tools(b, r);
    }
    if (p->history_tool && converse_build_ok(b)) {
        put_history_tool(b, r->scan, find_call(r));
    }
    converse_build_tools_end(b);
}
