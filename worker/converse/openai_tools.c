#include "worker/converse/openai_tools.h"

#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/openai_parts.h"
#include "worker/openai/chat_tool.h"
#include "worker/openai/openai_wish.h"

static const struct str nothing = {NULL, 0};

/* --- tools --------------------------------------------------------------------------------- */

/* A schema whose one string is the free text of a custom tool, its grammar told in words. */
static struct str custom_schema(struct converse_build *b, const struct scan *s, scan_ref grammar)
{
    struct str raw = scan_type(s, grammar) == SCAN_STRING ? scan_raw(s, grammar) : STR("\"\"");
    char *schema = arena_printf(b->arena,
                                "{\"type\":\"object\",\"properties\":{\"" CHAT_TOOL_INPUT
                                "\":{\"type\":\"string\""
                                "%s%.*s%s}},\"required\":[\"" CHAT_TOOL_INPUT "\"]}",
                                raw.n > 2 ? ",\"description\":\"Text of this grammar:\\n" : "",
                                (int)(raw.n - 2), raw.p + 1, raw.n > 2 ? "\"" : "");
    if (!schema) {
        converse_build_no_memory(b);
    }
    return text_from(schema);
}

/* What stands between the quotes. */
static struct str inside(struct str json)
{
    return json.n > 2 ? text_sub(json, 1, json.n - 2) : nothing;
}

static struct str describe(struct converse_build *b, struct str preface, struct str description)
{
    struct str first = inside(preface), second = inside(description);
    if (first.n == 0) {
        return description;
    }
    char *joined = arena_printf(b->arena, "\"%.*s%s%.*s\"", STR_ARG(first),
                                second.n > 0 ? "\\n\\n" : "", STR_ARG(second));
    if (!joined) {
        converse_build_no_memory(b);
    }
    return text_from(joined);
}

void openai_tools_put_one(struct converse_build *b, const struct scan *s,
                          const struct chat_tool *tool, struct str name, struct str preface)
{
    struct str description =
        scan_type(s, tool->description) == SCAN_STRING ? scan_raw(s, tool->description) : nothing;
    struct converse_tool t = {
        .name = name,
        .description = describe(b, preface, description),
        .strict = anthropic_blocks_true(s, tool->strict),
    };
    if (tool->kind == CHAT_TOOL_CUSTOM) {
        t.schema = custom_schema(b, s, tool->grammar);
        if (!converse_names_mark(b->names, name, CONVERSE_CALL_CUSTOM)) {
            converse_build_no_memory(b);
        }
        plan_note(b->plan, tool->grammar == SCAN_ABSENT ? PLAN_MAP : PLAN_CLAMP, "custom_tool",
                  nothing);
    } else {
        t.schema = converse_build_schema(b, s, tool->schema);
    }
    converse_build_tool(b, &t);
}

/* Also what the legacy "functions" holds. */
static void put_tool(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    struct chat_tool read = chat_tool_read(s, tool);
    struct str type = converse_build_read(b, s, SCAN_GET(s, tool, "type"));
    struct str name = converse_build_read(b, s, read.name);
    if (read.kind == CHAT_TOOL_OTHER) {
        converse_build_fail(b, STATUS_INVALID,
                            "Invalid value: '%.*s'. Supported values are: 'function' and 'custom'.",
                            (int)(type.n < 40 ? type.n : 40), type.n > 0 ? type.p : "");
        return;
    }
    if (name.n == 0) {
        converse_build_fail_param(b, ERR_FAULT_MISSING, "tools[].function.name",
                                  "Missing required parameter: 'tools[].function.name'.");
        return;
    }
    if (!openai_wish_allows(&b->plan->left, STR(""), name)) {
        return;
    }
    openai_tools_put_one(b, s, &read, name, nothing);
    if (read.holder != tool) {
        openai_parts_cache(b, s, read.holder);
    }
    openai_parts_cache(b, s, tool);
}

static void put_list(struct converse_build *b, const struct scan *s, scan_ref list)
{
    for (scan_ref t = scan_type(s, list) == SCAN_ARRAY ? scan_first(s, list) : SCAN_ABSENT;
         t != SCAN_ABSENT && converse_build_ok(b); t = scan_next(s, list, t)) {
        put_tool(b, s, t);
    }
}

/* --- the history --------------------------------------------------------------------------- */

/* The name of the first call of the history, or SCAN_ABSENT. */
static scan_ref find_call(const struct chat_request *r)
{
    const struct scan *s = r->scan;
    scan_ref name = SCAN_ABSENT;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT && name == SCAN_ABSENT;
         m = scan_next(s, r->messages, m)) {
        scan_ref calls = SCAN_GET(s, m, "tool_calls"), content = SCAN_GET(s, m, "content");
        if (!SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant")) {
            continue;
        }
        if (scan_type(s, calls) == SCAN_ARRAY && scan_size(s, calls) > 0) {
            return chat_tool_call(s, scan_first(s, calls)).name;
        }
        name = SCAN_GET(s, SCAN_GET(s, m, "function_call"), "name");
        for (scan_ref v = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content)
                                                              : SCAN_ABSENT;
             v != SCAN_ABSENT && name == SCAN_ABSENT; v = scan_next(s, content, v)) {
            name = SCAN_IS(s, SCAN_GET(s, v, "type"), "tool_use") ? SCAN_GET(s, v, "name") : name;
        }
    }
    return name;
}

void openai_tools_put_gone(struct converse_build *b, struct str name)
{
    struct converse_tool t = {.name = name,
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
    if (p->tools.any || p->left.choice.kind != WISH_CHOICE_NONE) {
        put_list(b, r->scan, r->tools);
        put_list(b, r->scan, SCAN_GET(r->scan, 0, "functions"));
    }
    if (p->tools.stand_in && converse_build_ok(b)) {
        openai_tools_put_gone(b, converse_build_read(b, r->scan, find_call(r)));
    }
    converse_build_tools_end(b);
}
