#include "worker/openai/responses_item.h"

#include <string.h>

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

/* --- members ------------------------------------------------------------------------------- */

#define MEMBERS(X)                 \
    X(TYPE, "type")                \
    X(ROLE, "role")                \
    X(CONTENT, "content")          \
    X(CALL_ID, "call_id")          \
    X(NAME, "name")                \
    X(ARGUMENTS, "arguments")      \
    X(OUTPUT, "output")            \
    X(ID, "id")                    \
    X(SEALED, "encrypted_content") \
    X(NAMESPACE, "namespace")      \
    X(INPUT, "input")              \
    X(ACTION, "action")            \
    X(TOOLS, "tools")

enum member {
#define MEMBER_ENUM(name, text) MEMBER_##name,
    MEMBERS(MEMBER_ENUM)
#undef MEMBER_ENUM
        MEMBER_COUNT
};

struct members {
    scan_ref of[MEMBER_COUNT];
};

static bool is_named(const struct scan *s, scan_ref key, struct str name)
{
    struct str raw = scan_raw(s, key);
    return raw.n == name.n + 2 && !scan_has_escape(s, key)
               ? memcmp(raw.p + 1, name.p, name.n) == 0
               : scan_has_escape(s, key) && scan_text_is(s, key, name);
}

/* One walk over an item: a long history has thousands of them. The first of a name counts. */
static struct members members_of(const struct scan *s, scan_ref item)
{
    static const struct str names[] = {
#define MEMBER_NAME(name, text) [MEMBER_##name] = STR(text),
        MEMBERS(MEMBER_NAME)
#undef MEMBER_NAME
    };
    struct members m;
    for (int i = 0; i < MEMBER_COUNT; i++) {
        m.of[i] = SCAN_ABSENT;
    }
    if (scan_type(s, item) != SCAN_OBJECT) {
        return m;
    }
    for (scan_ref v = scan_first(s, item); v != SCAN_ABSENT; v = scan_next(s, item, v)) {
        int i = 0;
        while (i < MEMBER_COUNT && !is_named(s, scan_key(s, v), names[i])) {
            i++;
        }
        if (i < MEMBER_COUNT && m.of[i] == SCAN_ABSENT) {
            m.of[i] = v;
        }
    }
    return m;
}

/* --- one item ------------------------------------------------------------------------------ */

static bool is_said(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) != SCAN_NONE && scan_type(s, r) != SCAN_NULL;
}

/* Without a type it is a message, or the bare id of a stored item. */
static struct row row_of(const struct scan *s, scan_ref item, const struct members *m)
{
    struct row none = {.kind = RESPONSES_UNKNOWN, .call = CHAT_TOOL_OTHER};
    if (!is_said(s, m->of[MEMBER_TYPE])) {
        none.kind = is_said(s, m->of[MEMBER_ROLE]) ? RESPONSES_MESSAGE
                    : is_said(s, m->of[MEMBER_ID]) ? RESPONSES_REFERENCE
                                                   : RESPONSES_UNKNOWN;
        return none;
    }
    struct str type = scan_text(s, m->of[MEMBER_TYPE]);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_eq(type, rows[i].type)) {
            return rows[i];
        }
    }
    none.kind = history_text_is(s, item) ? RESPONSES_TOLD : RESPONSES_UNKNOWN;
    return none;
}

/* The older output of local_shell has the call's id in `id`. */
static scan_ref call_id(const struct scan *s, const struct members *m, struct row row)
{
    bool older = row.call == CHAT_TOOL_SHELL && row.kind == RESPONSES_OUTPUT;
    return older && !is_said(s, m->of[MEMBER_CALL_ID]) ? m->of[MEMBER_ID] : m->of[MEMBER_CALL_ID];
}

static enum member input_of(enum chat_tool_kind call)
{
    return call == CHAT_TOOL_CUSTOM  ? MEMBER_INPUT
           : call == CHAT_TOOL_SHELL ? MEMBER_ACTION
                                     : MEMBER_ARGUMENTS;
}

struct responses_item responses_item_read(const struct scan *s, scan_ref item)
{
    struct members m = members_of(s, item);
    struct row row = row_of(s, item, &m);
    bool output = row.kind == RESPONSES_OUTPUT, tools = row.kind == RESPONSES_TOOLS;
    struct responses_item out = {
        .at = item,
        .kind = row.kind,
        .call = row.call,
        .member = output ? "output" : "content",
        .type = m.of[MEMBER_TYPE],
        .role = m.of[MEMBER_ROLE],
        .content = m.of[output ? MEMBER_OUTPUT : MEMBER_CONTENT],
        .call_id = call_id(s, &m, row),
        .space = m.of[MEMBER_NAMESPACE],
        .name = m.of[MEMBER_NAME],
        .input = m.of[input_of(row.call)],
        .sealed = m.of[MEMBER_SEALED],
        .tools =
            tools || (output && row.call == CHAT_TOOL_SEARCH) ? m.of[MEMBER_TOOLS] : SCAN_ABSENT,
    };
    /* What OpenAI's own server has searched for is no call of the client's: it has no id to answer. */
    if (row.call == CHAT_TOOL_SEARCH && !is_said(s, out.call_id)) {
        out.kind = RESPONSES_TOOLS;
    }
    return out;
}

enum status responses_item_list(const struct scan *s, scan_ref input, struct responses_list *out,
                                struct err *err)
{
    *out = (struct responses_list){0};
    if (scan_type(s, input) != SCAN_ARRAY) {
        return STATUS_OK;
    }
    struct responses_item *list = arena_alloc(s->arena, scan_size(s, input) * sizeof *list);
    if (!list) {
        return err_no_memory(err);
    }
    for (scan_ref v = scan_first(s, input); v != SCAN_ABSENT; v = scan_next(s, input, v)) {
        list[out->count++] = responses_item_read(s, v);
    }
    out->item = list;
    return STATUS_OK;
}

/* --- who speaks ---------------------------------------------------------------------------- */

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

/* Tools that are given, and what OpenAI's own have done, interrupt nobody. */
struct responses_turn responses_item_last_turn(const struct scan *s,
                                               const struct responses_list *items)
{
    struct responses_turn turn = {.first = RESPONSES_NONE};
    bool models = false;
    for (uint32_t i = 0; i < items->count; i++) {
        const struct responses_item *item = &items->item[i];
        if (item->kind == RESPONSES_TOOLS || item->kind == RESPONSES_TOLD) {
            continue;
        }
        bool before = models;
        models = responses_item_is_models(s, item);
        if (models && !before) {
            turn = (struct responses_turn){.first = i};
        }
        turn.calls = turn.calls || item->kind == RESPONSES_CALL;
    }
    return turn;
}
