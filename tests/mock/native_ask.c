/* What Bedrock's own Responses reads of a request, and what it refuses. */
#include "tests/mock/native.h"

static bool is_in(struct str name, const char *const *list)
{
    for (; *list; list++)
        if (text_eq(name, text_from(*list)))
            return true;
    return false;
}

static struct str type_of(const struct scan *s, scan_ref r)
{
    return scan_text(s, SCAN_GET(s, r, "type"));
}

/* --- members ------------------------------------------------------------------------------- */

static bool check_members(const struct scan *s, char why[WHY_SIZE])
{
    static const char *const known[] = {
        "model",       "input",      "stream",  "instructions",     "max_output_tokens",
        "tools",       "text",       "include", "tool_choice",      "parallel_tool_calls",
        "reasoning",   "store",      "top_p",   "prompt_cache_key", "prompt_cache_options",
        "temperature", "background", NULL};
    bool none = SCAN_IS(s, SCAN_GET(s, SCAN_GET(s, 0, "reasoning"), "effort"), "none");
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        if (text_eq(name, STR("background")))
            return speaker_refuse(why, "The background parameter is not supported.");
        if (!is_in(name, known))
            return speaker_refuse(why, "Unknown parameter: '%.*s'.", STR_ARG(name));
        if (!none && (text_eq(name, STR("temperature")) || text_eq(name, STR("top_p"))))
            return speaker_refuse(why,
                                  "Unsupported parameter: '%.*s' is not supported with this "
                                  "model.",
                                  STR_ARG(name));
    }
    return true;
}

/* --- tools --------------------------------------------------------------------------------- */

static bool check_tools(const struct scan *s, char why[WHY_SIZE])
{
    static const char *const kinds[] = {"function",  "mcp",         "custom",   "apply_patch",
                                        "namespace", "tool_search", "computer", NULL};
    scan_ref tools = SCAN_GET(s, 0, "tools");
    for (scan_ref t = scan_first(s, tools); tools != SCAN_ABSENT && t != SCAN_ABSENT;
         t = scan_next(s, tools, t)) {
        struct str kind = type_of(s, t);
        if (text_starts(kind, STR("web_search")))
            return speaker_refuse(why, "web search is not supported for this request");
        if (!is_in(kind, kinds))
            return speaker_refuse(why,
                                  "Invalid value: '%.*s'. Supported values are: 'function', "
                                  "'mcp', 'custom', 'apply_patch', 'namespace', "
                                  "'tool_search', and 'computer'.",
                                  STR_ARG(kind));
        if (text_eq(kind, STR("function")) && scan_type(s, SCAN_GET(s, t, "name")) != SCAN_STRING)
            return speaker_refuse(why, "Missing required parameter: 'tools[0].name'.");
    }
    return true;
}

static struct str name_of(const struct scan *s, scan_ref tool)
{
    scan_ref name = SCAN_GET(s, tool, "name");
    return name == SCAN_ABSENT ? type_of(s, tool) : scan_text(s, name);
}

static void offer(const struct scan *s, struct ask *ask)
{
    scan_ref tools = SCAN_GET(s, 0, "tools");
    for (scan_ref t = scan_first(s, tools); tools != SCAN_ABSENT && t != SCAN_ABSENT;
         t = scan_next(s, tools, t)) {
        scan_ref inner = SCAN_GET(s, t, "tools");
        if (inner == SCAN_ABSENT)
            ask_add_tool(ask, name_of(s, t), STR(""));
        for (scan_ref i = scan_first(s, inner); inner != SCAN_ABSENT && i != SCAN_ABSENT;
             i = scan_next(s, inner, i))
            ask_add_tool(ask, name_of(s, i), STR(""));
    }
}

struct str native_ask_kind(const struct scan *s, struct str name, struct str *space_out)
{
    scan_ref tools = SCAN_GET(s, 0, "tools");
    *space_out = STR("");
    for (scan_ref t = scan_first(s, tools); tools != SCAN_ABSENT && t != SCAN_ABSENT;
         t = scan_next(s, tools, t)) {
        scan_ref inner = SCAN_GET(s, t, "tools");
        if (inner == SCAN_ABSENT && text_eq(name_of(s, t), name))
            return type_of(s, t);
        for (scan_ref i = scan_first(s, inner); inner != SCAN_ABSENT && i != SCAN_ABSENT;
             i = scan_next(s, inner, i))
            if (text_eq(name_of(s, i), name)) {
                *space_out = name_of(s, t);
                return type_of(s, i);
            }
    }
    return STR("function");
}

/* --- items --------------------------------------------------------------------------------- */

static bool hear_part(const struct scan *s, scan_ref part, bool user, struct ask *ask,
                      char why[WHY_SIZE])
{
    static const char *const kinds[] = {"input_text", "output_text", "input_image", "refusal",
                                        NULL};
    struct str kind = type_of(s, part), url = scan_text(s, SCAN_GET(s, part, "image_url"));
    if (!is_in(kind, kinds))
        return speaker_refuse(why, "Invalid value: '%.*s'.", STR_ARG(kind));
    if (text_eq(kind, STR("input_image")) && !text_starts(url, STR("data:")) &&
        !text_starts(url, STR("s3://")))
        return speaker_refuse(why, "Only data: and s3:// image URLs are supported.");
    if (user && text_eq(kind, STR("input_text")))
        ask_hear(ask, scan_text(s, SCAN_GET(s, part, "text")));
    return true;
}

static bool hear_message(const struct scan *s, scan_ref item, struct ask *ask, char why[WHY_SIZE])
{
    scan_ref content = SCAN_GET(s, item, "content");
    bool user = SCAN_IS(s, SCAN_GET(s, item, "role"), "user");
    if (user) {
        ask_turn_begin(ask);
        ask->tool_result = (struct str){NULL, 0};
    }
    if (scan_type(s, content) == SCAN_STRING) {
        if (user)
            ask_hear(ask, scan_text(s, content));
        return true;
    }
    for (scan_ref p = scan_first(s, content); content != SCAN_ABSENT && p != SCAN_ABSENT;
         p = scan_next(s, content, p))
        if (!hear_part(s, p, user, ask, why))
            return false;
    return true;
}

static struct str output_of(const struct scan *s, scan_ref item)
{
    scan_ref output = SCAN_GET(s, item, "output");
    return scan_type(s, output) == SCAN_ARRAY
               ? scan_text(s, SCAN_GET(s, scan_first(s, output), "text"))
               : scan_text(s, output);
}

/* How many calls have this id, of the items before the end. */
static uint32_t calls_of(const struct scan *s, struct str id, scan_ref end)
{
    uint32_t n = 0;
    scan_ref input = SCAN_GET(s, 0, "input");
    for (scan_ref i = scan_first(s, input); i != SCAN_ABSENT && i != end;
         i = scan_next(s, input, i))
        n += text_ends(type_of(s, i), STR("_call")) &&
             scan_text_is(s, SCAN_GET(s, i, "call_id"), id);
    return n;
}

static bool hear_item(const struct scan *s, scan_ref item, struct ask *ask, char why[WHY_SIZE])
{
    static const char *const calls[] = {"function_call", "custom_tool_call", "tool_search_call",
                                        NULL};
    static const char *const outputs[] = {"function_call_output", "custom_tool_call_output",
                                          "tool_search_output", NULL};
    struct str kind = type_of(s, item), id = scan_text(s, SCAN_GET(s, item, "call_id"));
    struct str sealed = scan_text(s, SCAN_GET(s, item, "encrypted_content"));
    if (kind.n == 0 || text_eq(kind, STR("message")))
        return hear_message(s, item, ask, why);
    if (text_eq(kind, STR("reasoning")))
        return text_starts(sealed, STR(NATIVE_SEAL)) ||
               speaker_refuse(why, sealed.n ? "The encrypted content could not be verified."
                                            : "Item 'rs_x' not found.");
    if (is_in(kind, calls)) { /* what was answered before is heard no more */
        ask->tool_result = (struct str){NULL, 0};
        return calls_of(s, id, item) == 0 || speaker_refuse(why, "Duplicate call_id in the input.");
    }
    if (!is_in(kind, outputs))
        return speaker_refuse(why, "Invalid 'input': value did not match any expected variant");
    if (calls_of(s, id, item) != 1)
        return speaker_refuse(why, "No tool call found for function call output with call_id %.*s.",
                              STR_ARG(id));
    ask_hear_result(ask, output_of(s, item), false);
    return true;
}

static bool hear_input(const struct scan *s, struct ask *ask, char why[WHY_SIZE])
{
    scan_ref input = SCAN_GET(s, 0, "input");
    if (scan_type(s, input) == SCAN_STRING) {
        ask_turn_begin(ask);
        ask_hear(ask, scan_text(s, input));
        return true;
    }
    if (scan_type(s, input) != SCAN_ARRAY)
        return speaker_refuse(why, "Missing required parameter: 'input'.");
    for (scan_ref i = scan_first(s, input); i != SCAN_ABSENT; i = scan_next(s, input, i))
        if (!hear_item(s, i, ask, why))
            return false;
    return true;
}

bool native_ask_read(const struct scan *s, struct ask *ask, struct native_wants *out,
                     char why[WHY_SIZE])
{
    scan_ref reasoning = SCAN_GET(s, 0, "reasoning"), effort = SCAN_GET(s, reasoning, "effort");
    scan_ref choice = SCAN_GET(s, 0, "tool_choice");
    if (!check_members(s, why) || !check_tools(s, why) || !hear_input(s, ask, why))
        return false;
    offer(s, ask);
    ask->max_tokens = 100000;
    scan_i64(s, SCAN_GET(s, 0, "max_output_tokens"), &ask->max_tokens);
    ask->thinking = scan_type(s, effort) == SCAN_STRING && !SCAN_IS(s, effort, "none");
    if (SCAN_IS(s, choice, "required") && ask->tool_n > 0)
        ask->forced_tool = ask->tool[0];
    if (scan_type(s, choice) == SCAN_OBJECT)
        ask->forced_tool = scan_text(s, SCAN_GET(s, choice, "name"));
    *out = (struct native_wants){.scan = s};
    scan_bool(s, SCAN_GET(s, 0, "stream"), &out->stream);
    out->summary = scan_type(s, SCAN_GET(s, reasoning, "summary")) == SCAN_STRING;
    out->encrypted = scan_size(s, SCAN_GET(s, 0, "include")) > 0;
    return true;
}
