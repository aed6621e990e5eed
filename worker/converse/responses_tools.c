#include "worker/converse/responses_tools.h"

#include "server/base/buf.h"
#include "worker/converse/openai_parts.h"
#include "worker/converse/openai_tools.h"
#include "worker/openai/responses_tool.h"

static const struct str nothing = {NULL, 0};

/* The members of its action (openai 7.59.0, LocalShellCall), which the model is to fill. */
#define SHELL_SCHEMA                                                                     \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"array\",\"items\":{"   \
    "\"type\":\"string\"}},\"working_directory\":{\"type\":\"string\"},\"timeout_ms\":{" \
    "\"type\":\"integer\"},\"env\":{\"type\":\"object\",\"additionalProperties\":{"      \
    "\"type\":\"string\"}}},\"required\":[\"command\"]}"

_Static_assert((int)CONVERSE_CALL_FUNCTION == (int)CHAT_TOOL_FUNCTION &&
                   (int)CONVERSE_CALL_CUSTOM == (int)CHAT_TOOL_CUSTOM &&
                   (int)CONVERSE_CALL_SEARCH == (int)CHAT_TOOL_SEARCH &&
                   (int)CONVERSE_CALL_SHELL == (int)CHAT_TOOL_SHELL,
               "a tool's kind is that of its calls");

/* --- names --------------------------------------------------------------------------------- */

static struct str join(struct converse_build *b, struct str space, struct str name)
{
    struct str joined = converse_names_join(b->names, space.p ? space : STR(""), name);
    if (!joined.p) {
        converse_build_no_memory(b);
    }
    return joined;
}

/* p NULL: a failure. */
static struct str own_name(struct converse_build *b, const struct scan *s,
                           const struct responses_tool *t)
{
    struct str name = responses_tool_name(s, t);
    if (!name.p) {
        converse_build_no_memory(b);
    }
    return name;
}

struct str responses_tools_name(struct converse_build *b, const struct scan *s,
                                const struct responses_item *call)
{
    if (call->call == CHAT_TOOL_SEARCH || call->call == CHAT_TOOL_SHELL) {
        return join(b, nothing,
                    call->call == CHAT_TOOL_SEARCH ? RESPONSES_SEARCH : RESPONSES_SHELL);
    }
    struct str name = converse_build_read(b, s, call->name);
    return name.p ? join(b, converse_build_read(b, s, call->space), name) : nothing;
}

/* --- tools --------------------------------------------------------------------------------- */

static struct str raw_text(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) == SCAN_STRING ? scan_raw(s, r) : nothing;
}

/* tool_search has a description and parameters of its own, local_shell none. */
static void put_unnamed(struct converse_build *b, const struct scan *s,
                        const struct responses_tool *t, struct str name)
{
    bool shell = t->tool.kind == CHAT_TOOL_SHELL;
    struct converse_tool tool = {
        .name = name,
        .description = shell ? STR("\"Runs a command on the user's computer.\"")
                             : raw_text(s, t->tool.description),
        .schema = shell ? STR(SHELL_SCHEMA) : converse_build_schema(b, s, t->tool.schema),
    };
    if (!converse_names_mark(b->names, name, (enum converse_call)t->tool.kind)) {
        converse_build_no_memory(b);
    }
    converse_build_tool(b, &tool);
    plan_note(b->plan, PLAN_MAP, "tool:", name);
}

static void put_shown(struct converse_build *b, const struct scan *s,
                      const struct responses_tool *t, struct str name)
{
    if (!converse_names_first(b->names, name)) {
        converse_build_drop_named(b, "tool:", name);
    } else if (t->tool.kind == CHAT_TOOL_SEARCH || t->tool.kind == CHAT_TOOL_SHELL) {
        put_unnamed(b, s, t, name);
    } else { /* what a namespace is about stands before what its first tool does */
        openai_tools_put_one(b, s, &t->tool, name, raw_text(s, t->preface));
    }
    openai_parts_cache(b, s, t->at);
}

static void put_tool(struct converse_build *b, const struct scan *s, const struct responses_tool *t)
{
    if (t->tool.kind == CHAT_TOOL_OTHER) {
        struct str type = converse_build_read(b, s, SCAN_GET(s, t->at, "type"));
        converse_build_drop_named(b, "tool:", type);
        return;
    }
    struct str space = converse_build_read(b, s, t->space), name = own_name(b, s, t);
    if (!name.p || !responses_tool_is_shown(&b->plan->left, t, space, name)) {
        return;
    }
    struct str joined = join(b, space, name);
    if (joined.p) {
        put_shown(b, s, t, joined);
    }
}

static void put_tools(struct converse_build *b, const struct responses_request *r)
{
    struct responses_tool_walk walk;
    struct responses_tool t;
    responses_tool_begin(&walk, r->scan, r->tools, &r->items);
    while (converse_build_ok(b) && responses_tool_next(&walk, &t)) {
        put_tool(b, r->scan, &t);
    }
}

/* --- the history --------------------------------------------------------------------------- */

static void put_gone(struct converse_build *b, const struct responses_request *r)
{
    uint32_t i = 0;
    while (r->items.item[i].kind != RESPONSES_CALL) { /* there is one */
        i++;
    }
    openai_tools_put_gone(b, responses_tools_name(b, r->scan, &r->items.item[i]));
}

/* As Bedrock knows it; p NULL: a failure. */
static struct str found_name(struct converse_build *b, const struct scan *s,
                             const struct responses_tool *t)
{
    struct str name = own_name(b, s, t), space = converse_build_read(b, s, t->space);
    name = name.p ? join(b, space, name) : name;
    name = name.p ? converse_name_out(b->names, name) : name;
    if (!name.p) {
        converse_build_no_memory(b);
    }
    return name;
}

void responses_tools_put_found(struct converse_build *b, const struct scan *s, scan_ref tools,
                               struct str id)
{
    struct responses_tool_walk walk;
    struct responses_tool t;
    struct buf text;
    if (!converse_build_tool_result(b, id)) {
        return;
    }
    buf_init(&text, scan_raw(s, tools).n * 8 + 128);
    responses_tool_begin(&walk, s, tools, NULL);
    while (converse_build_ok(b) && responses_tool_next(&walk, &t)) {
        struct str name = t.tool.kind == CHAT_TOOL_OTHER ? nothing : found_name(b, s, &t);
        if (name.p) {
            buf_put_str(&text, buf_len(&text) > 0 ? STR(", ") : STR("Tools found: "));
            buf_put_str(&text, name);
        }
    }
    converse_build_text(b, buf_len(&text) > 0 ? buf_str(&text) : STR("No tools found."));
    if (!buf_ok(&text)) {
        converse_build_no_memory(b);
    }
    buf_free(&text);
    converse_build_tool_result_end(b, false);
}

/* --- entry --------------------------------------------------------------------------------- */

void responses_tools_put(struct converse_build *b, const struct responses_request *r)
{
    struct plan *p = b->plan;
    if (p->tools.any || p->left.choice.kind != WISH_CHOICE_NONE) {
        put_tools(b, r);
    }
    if (p->tools.stand_in && converse_build_ok(b)) {
        put_gone(b, r);
    }
    if (p->left.choice.name.n > 0) {
        p->left.choice.name = join(b, p->left.choice.space, p->left.choice.name);
    }
    converse_build_tools_end(b);
}
