#include "worker/converse/openai_tools.h"

#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/openai_parts.h"

#define ALLOWED_MAX 128 /* OpenAI's limit of tools; the list is searched once for each tool */

static const struct str nothing = {NULL, 0};

/* --- tool_choice --------------------------------------------------------------------------- */

struct choice {
    enum converse_choice kind;
    struct str name;
    bool none;
    scan_ref allowed; /* allowed_tools: only these; SCAN_ABSENT: all */
};

static void fail_choice(struct converse_build *b)
{
    converse_build_fail_param(
        b, ERR_FAULT_VALUE, "tool_choice",
        "Invalid value for 'tool_choice': supported values are 'none', 'auto', "
        "'required', a function, or allowed_tools.");
}

static void read_word(struct converse_build *b, const struct scan *s, scan_ref choice,
                      struct choice *out)
{
    if (SCAN_IS(s, choice, "required"))
        out->kind = CONVERSE_ANY;
    else if (SCAN_IS(s, choice, "none"))
        out->none = true;
    else if (!SCAN_IS(s, choice, "auto"))
        fail_choice(b);
}

static void read_object(struct converse_build *b, const struct scan *s, scan_ref choice,
                        struct choice *out)
{
    scan_ref type = SCAN_GET(s, choice, "type"), named = choice;
    if (SCAN_IS(s, type, "allowed_tools")) {
        scan_ref inner = SCAN_GET(s, choice, "allowed_tools");
        out->kind =
            SCAN_IS(s, SCAN_GET(s, inner, "mode"), "required") ? CONVERSE_ANY : CONVERSE_AUTO;
        out->allowed = SCAN_GET(s, inner, "tools");
        if (scan_size(s, out->allowed) > ALLOWED_MAX)
            fail_choice(b);
        return;
    }
    if (SCAN_IS(s, type, "function")) /* else the legacy function_call: {"name":...} */
        named = SCAN_GET(s, choice, "function");
    out->kind = CONVERSE_ONE;
    out->name = converse_build_read(b, s, SCAN_GET(s, named, "name"));
    if (out->name.n == 0)
        fail_choice(b);
}

static struct choice read_choice(struct converse_build *b, const struct scan *s)
{
    struct choice out = {.kind = CONVERSE_AUTO, .allowed = SCAN_ABSENT};
    scan_ref choice = SCAN_GET(s, 0, "tool_choice");
    if (scan_type(s, choice) == SCAN_NONE)
        choice = SCAN_GET(s, 0, "function_call");
    if (scan_type(s, choice) == SCAN_STRING)
        read_word(b, s, choice, &out);
    else if (scan_type(s, choice) == SCAN_OBJECT)
        read_object(b, s, choice, &out);
    return out;
}

static bool is_allowed(const struct scan *s, const struct choice *c, struct str name)
{
    if (c->allowed == SCAN_ABSENT)
        return true;
    for (scan_ref v = scan_first(s, c->allowed); v != SCAN_ABSENT; v = scan_next(s, c->allowed, v))
        if (scan_text_is(s, SCAN_GET(s, SCAN_GET(s, v, "function"), "name"), name) ||
            scan_text_is(s, SCAN_GET(s, v, "name"), name))
            return true;
    return false;
}

/* --- tools --------------------------------------------------------------------------------- */

/* function: {name, description?, parameters?, strict?}; also what the legacy "functions" holds. */
static void put_function(struct converse_build *b, const struct scan *s, scan_ref function,
                         const struct choice *c)
{
    scan_ref schema = SCAN_GET(s, function, "parameters");
    scan_ref description = SCAN_GET(s, function, "description");
    struct converse_tool t = {
        .name = converse_build_read(b, s, SCAN_GET(s, function, "name")),
        .description =
            scan_type(s, description) == SCAN_STRING ? scan_raw(s, description) : nothing,
        .schema = scan_type(s, schema) == SCAN_OBJECT ? scan_raw(s, schema) : nothing,
        .strict = anthropic_blocks_true(s, SCAN_GET(s, function, "strict")),
    };
    if (t.name.n == 0)
        converse_build_fail_param(b, ERR_FAULT_MISSING, "tools[].function.name",
                                  "Missing required parameter: 'tools[].function.name'.");
    else if (is_allowed(s, c, t.name))
        converse_build_tool(b, &t);
}

static void put_tool(struct converse_build *b, const struct scan *s, scan_ref tool,
                     const struct choice *c)
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
    put_function(b, s, function, c);
    if (b->tools_open) {
        openai_parts_cache(b, s, function);
        openai_parts_cache(b, s, tool);
    }
}

static void put_tools(struct converse_build *b, const struct chat_request *r,
                      const struct choice *c)
{
    const struct scan *s = r->scan;
    scan_ref legacy = SCAN_GET(s, 0, "functions");
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT && converse_build_ok(b);
         t = scan_next(s, r->tools, t))
        put_tool(b, s, t, c);
    if (scan_type(s, legacy) != SCAN_ARRAY)
        return;
    for (scan_ref f = scan_first(s, legacy); f != SCAN_ABSENT && converse_build_ok(b);
         f = scan_next(s, legacy, f))
        put_function(b, s, f, c);
}

/* --- the history --------------------------------------------------------------------------- */

/* The function of the first call of the history, or SCAN_ABSENT. */
static scan_ref find_call(const struct chat_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT;
         m = scan_next(s, r->messages, m)) {
        scan_ref calls = SCAN_GET(s, m, "tool_calls"), legacy = SCAN_GET(s, m, "function_call");
        if (!SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant"))
            continue;
        if (scan_type(s, calls) == SCAN_ARRAY && scan_size(s, calls) > 0)
            return SCAN_GET(s, scan_first(s, calls), "function");
        if (scan_type(s, legacy) == SCAN_OBJECT)
            return legacy;
    }
    return SCAN_ABSENT;
}

/* Bedrock wants toolConfig whenever the history has tool blocks. */
static void put_history_tool(struct converse_build *b, const struct scan *s, scan_ref function)
{
    struct converse_tool t = {.name = converse_build_read(b, s, SCAN_GET(s, function, "name")),
                              .description = STR("\"This tool is no longer available.\"")};
    if (t.name.n == 0)
        return; /* refused where the call itself is converted */
    converse_build_tool(b, &t);
    converse_build_map(b, "tools_from_history");
}

/* tool_choice none: Converse has no such choice, so the tools are left out - unless the history
 * needs them. */
void openai_tools_put(struct converse_build *b, const struct chat_request *r, struct wish *settings)
{
    const struct scan *s = r->scan;
    struct choice c = read_choice(b, s);
    scan_ref called = find_call(r), parallel = SCAN_GET(s, 0, "parallel_tool_calls");
    if (!c.none || called != SCAN_ABSENT)
        put_tools(b, r, &c);
    settings->no_calls = c.none && b->tools_put;
    settings->one_call = scan_type(s, parallel) == SCAN_FALSE && !c.none;
    if (!b->tools_put && called != SCAN_ABSENT && converse_build_ok(b)) {
        put_history_tool(b, s, called);
        c.kind = CONVERSE_AUTO;
    }
    converse_build_tools_end(b, c.kind, c.name);
}
