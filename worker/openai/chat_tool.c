#include "worker/openai/chat_tool.h"

static bool is_object(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) == SCAN_OBJECT;
}

static bool is_said(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) != SCAN_NONE && scan_type(s, r) != SCAN_NULL;
}

static scan_ref schema_of(const struct scan *s, scan_ref holder)
{
    scan_ref schema = SCAN_GET(s, holder, "parameters");
    return is_said(s, schema) ? schema : SCAN_GET(s, holder, "input_schema");
}

/* {"type":"grammar","grammar":{"definition":...}}, or flat. */
static scan_ref grammar_of(const struct scan *s, scan_ref holder)
{
    scan_ref format = SCAN_GET(s, holder, "format"), inner = SCAN_GET(s, format, "grammar");
    return SCAN_GET(s, is_object(s, inner) ? inner : format, "definition");
}

/* "custom" is the type of Anthropic's ordinary tools, too: those have a schema. */
struct chat_tool chat_tool_read(const struct scan *s, scan_ref tool)
{
    scan_ref type = SCAN_GET(s, tool, "type");
    scan_ref function = SCAN_GET(s, tool, "function"), custom = SCAN_GET(s, tool, "custom");
    struct chat_tool t = {.kind = CHAT_TOOL_FUNCTION, .holder = tool};
    if (SCAN_IS(s, type, "custom")) {
        t.holder = is_object(s, custom) ? custom : tool;
        t.kind = is_object(s, schema_of(s, t.holder)) ? CHAT_TOOL_FUNCTION : CHAT_TOOL_CUSTOM;
    } else if (is_said(s, type) && !SCAN_IS(s, type, "function") && !SCAN_IS(s, type, "tool")) {
        t.kind = CHAT_TOOL_OTHER;
    } else if (is_object(s, function)) {
        t.holder = function;
    }
    t.name = SCAN_GET(s, t.holder, "name");
    t.description = SCAN_GET(s, t.holder, "description");
    t.schema = schema_of(s, t.holder);
    t.strict = SCAN_GET(s, t.holder, "strict");
    t.grammar = t.kind == CHAT_TOOL_CUSTOM ? grammar_of(s, t.holder) : SCAN_ABSENT;
    return t;
}

struct chat_call chat_tool_call(const struct scan *s, scan_ref call)
{
    scan_ref type = SCAN_GET(s, call, "type");
    bool custom = SCAN_IS(s, type, "custom");
    scan_ref holder = custom ? SCAN_GET(s, call, "custom") : SCAN_GET(s, call, "function");
    bool other = is_said(s, type) && !custom && !SCAN_IS(s, type, "function");
    return (struct chat_call){
        .kind = other    ? CHAT_TOOL_OTHER
                : custom ? CHAT_TOOL_CUSTOM
                         : CHAT_TOOL_FUNCTION,
        .name = SCAN_GET(s, holder, "name"),
        .input = custom ? SCAN_GET(s, holder, "input") : SCAN_GET(s, holder, "arguments"),
    };
}
