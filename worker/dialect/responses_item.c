#include "worker/dialect/responses_item.h"

#include "worker/dialect/history_text.h"

/* Types of openai 7.59.0 and of Codex 0.171.0. */
static const struct row {
    struct str type;
    enum responses_kind kind;
    enum chat_tool_kind call;
} rows[] = {
    {STR("message"), RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
    {STR("agent_message"), RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
    {STR("function_call"), RESPONSES_CALL, CHAT_TOOL_FUNCTION},
    {STR("function_call_output"), RESPONSES_OUTPUT, CHAT_TOOL_FUNCTION},
    {STR("custom_tool_call"), RESPONSES_CALL, CHAT_TOOL_CUSTOM},
    {STR("custom_tool_call_output"), RESPONSES_OUTPUT, CHAT_TOOL_CUSTOM},
    {STR("reasoning"), RESPONSES_REASONING, CHAT_TOOL_OTHER},
    {STR("tool_search_call"), RESPONSES_CALL, CHAT_TOOL_SEARCH},
    {STR("tool_search_output"), RESPONSES_OUTPUT, CHAT_TOOL_SEARCH},
    {STR("local_shell_call"), RESPONSES_CALL, CHAT_TOOL_SHELL},
    {STR("local_shell_call_output"), RESPONSES_OUTPUT, CHAT_TOOL_SHELL},
    {STR("additional_tools"), RESPONSES_TOOLS, CHAT_TOOL_OTHER},
    {STR("item_reference"), RESPONSES_REFERENCE, CHAT_TOOL_OTHER},
};

static bool is_said(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) != SCAN_NONE && scan_type(s, r) != SCAN_NULL;
}

/* Without a type it is a message, or the bare id of a stored item. */
static struct row row_of(const struct scan *s, scan_ref item)
{
    scan_ref type = SCAN_GET(s, item, "type");
    struct row none = {.kind = RESPONSES_UNKNOWN, .call = CHAT_TOOL_OTHER};
    if (!is_said(s, type)) {
        none.kind = is_said(s, SCAN_GET(s, item, "role")) ? RESPONSES_MESSAGE
                    : is_said(s, SCAN_GET(s, item, "id")) ? RESPONSES_REFERENCE
                                                          : RESPONSES_UNKNOWN;
        return none;
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (scan_text_is(s, type, rows[i].type)) {
            return rows[i];
        }
    }
    none.kind = history_text_is(s, item) ? RESPONSES_TOLD : RESPONSES_UNKNOWN;
    return none;
}

/* What OpenAI's own server has searched for is no call of the client's: it has no id to answer. */
static bool is_servers(const struct scan *s, scan_ref item, enum chat_tool_kind call)
{
    return call == CHAT_TOOL_SEARCH && !is_said(s, SCAN_GET(s, item, "call_id"));
}

/* The older output of local_shell has the call's id in `id`. */
static scan_ref call_id(const struct scan *s, scan_ref item, struct row row)
{
    scan_ref id = SCAN_GET(s, item, "call_id");
    return row.call == CHAT_TOOL_SHELL && row.kind == RESPONSES_OUTPUT && !is_said(s, id)
               ? SCAN_GET(s, item, "id")
               : id;
}

static scan_ref input_of(const struct scan *s, scan_ref item, enum chat_tool_kind call)
{
    return call == CHAT_TOOL_CUSTOM  ? SCAN_GET(s, item, "input")
           : call == CHAT_TOOL_SHELL ? SCAN_GET(s, item, "action")
                                     : SCAN_GET(s, item, "arguments");
}

struct responses_item responses_item_read(const struct scan *s, scan_ref item)
{
    struct row row = row_of(s, item);
    bool output = row.kind == RESPONSES_OUTPUT, tools = row.kind == RESPONSES_TOOLS;
    struct responses_item out = {
        .kind = row.kind,
        .call = row.call,
        .role = SCAN_GET(s, item, "role"),
        .member = output ? "output" : "content",
        .content = output ? SCAN_GET(s, item, "output") : SCAN_GET(s, item, "content"),
        .call_id = call_id(s, item, row),
        .space = SCAN_GET(s, item, "namespace"),
        .name = SCAN_GET(s, item, "name"),
        .input = input_of(s, item, row.call),
        .sealed = SCAN_GET(s, item, "encrypted_content"),
        .tools = tools || (output && row.call == CHAT_TOOL_SEARCH) ? SCAN_GET(s, item, "tools")
                                                                   : SCAN_ABSENT,
    };
    if (is_servers(s, item, row.call)) {
        out.kind = RESPONSES_TOOLS;
    }
    return out;
}

bool responses_item_instructs(const struct scan *s, const struct responses_item *item)
{
    return item->kind == RESPONSES_MESSAGE &&
           (SCAN_IS(s, item->role, "system") || SCAN_IS(s, item->role, "developer"));
}

bool responses_item_is_models(const struct scan *s, const struct responses_item *item)
{
    return item->kind == RESPONSES_CALL || item->kind == RESPONSES_REASONING ||
           (item->kind == RESPONSES_MESSAGE && SCAN_IS(s, item->role, "assistant"));
}

scan_ref responses_item_first(const struct scan *s, scan_ref input)
{
    return scan_type(s, input) == SCAN_ARRAY ? scan_first(s, input) : SCAN_ABSENT;
}

/* Tools that are given, and what OpenAI's own have done, interrupt nobody. */
struct responses_turn responses_item_last_turn(const struct scan *s, scan_ref input)
{
    struct responses_turn turn = {.first = SCAN_ABSENT};
    bool models = false;
    for (scan_ref v = responses_item_first(s, input); v != SCAN_ABSENT;
         v = scan_next(s, input, v)) {
        struct responses_item item = responses_item_read(s, v);
        if (item.kind == RESPONSES_TOOLS || item.kind == RESPONSES_TOLD) {
            continue;
        }
        bool before = models;
        models = responses_item_is_models(s, &item);
        if (models && !before) {
            turn = (struct responses_turn){.first = v};
        }
        turn.calls = turn.calls || item.kind == RESPONSES_CALL;
    }
    return turn;
}
