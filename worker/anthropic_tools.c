#include "worker/anthropic_tools.h"

#include "worker/anthropic_blocks.h"

static const struct str nothing = {NULL, 0};

static bool is_true(const struct scan *s, scan_ref r)
{
    bool v = false;
    return scan_bool(s, r, &v) && v;
}

/* --- what the history holds ------------------------------------------------------------------------------ */

typedef bool block_fn(struct converse_build *b, const struct scan *s, scan_ref block, struct str name);

/* Visits every block of every message, and those inside tool results; stops at the first true. */
static bool walk_blocks(struct converse_build *b, const struct scan *s, scan_ref content, block_fn *fn, struct str name)
{
    if (scan_type(s, content) != SCAN_ARRAY) {
        return false;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (fn(b, s, v, name) ||
            (SCAN_IS(s, SCAN_GET(s, v, "type"), "tool_result") && walk_blocks(b, s, SCAN_GET(s, v, "content"), fn, name))) {
            return true;
        }
    }
    return false;
}

static bool walk_history(struct converse_build *b, const struct messages_request *r, block_fn *fn, struct str name)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT; m = scan_next(s, r->messages, m)) {
        if (walk_blocks(b, s, SCAN_GET(s, m, "content"), fn, name)) {
            return true;
        }
    }
    return false;
}

static bool is_tool_block(struct converse_build *b, const struct scan *s, scan_ref block, struct str name)
{
    (void)b;
    (void)name;
    scan_ref type = SCAN_GET(s, block, "type");
    return SCAN_IS(s, type, "tool_use") || SCAN_IS(s, type, "tool_result");
}

static bool names_tool(struct converse_build *b, const struct scan *s, scan_ref block, struct str name)
{
    (void)b;
    return SCAN_IS(s, SCAN_GET(s, block, "type"), "tool_reference") &&
           scan_text_is(s, SCAN_GET(s, block, "tool_name"), name);
}

/* --- tools ------------------------------------------------------------------------------------------------ */

/* A deferred tool waits until the model has asked for it by a tool search; models without that feature see
 * it once the client's own search has named it. */
static bool wanted(struct converse_build *b, const struct messages_request *r, scan_ref tool)
{
    const struct scan *s = r->scan;
    if (!is_true(s, SCAN_GET(s, tool, "defer_loading"))) {
        return true;
    }
    struct str name = scan_text(s, SCAN_GET(s, tool, "name"));
    if (walk_history(b, r, names_tool, name)) {
        return true;
    }
    converse_build_note(b, "drop:tools.deferred", nothing);
    return false;
}

static const char *const dropped_members[] = {"eager_input_streaming", "input_examples", "allowed_callers"};

static void note_members(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    for (size_t i = 0; i < sizeof dropped_members / sizeof dropped_members[0]; i++) {
        struct str name = text_from(dropped_members[i]);
        if (scan_get(s, tool, name) != SCAN_ABSENT) {
            converse_build_note(b, "drop:tools.", name);
        }
    }
}

/* bash, text_editor, memory, computer: Anthropic keeps their schemas on its side, so no other model knows them. */
static bool check_type(struct converse_build *b, const struct messages_request *r, scan_ref tool)
{
    struct str type = scan_text(r->scan, SCAN_GET(r->scan, tool, "type"));
    if (!type.n || text_eq(type, STR("custom"))) {
        return true;
    }
    converse_build_fail(b, STATUS_INVALID, "'%.*s' does not support tool types: %.*s", (int)(r->model.n < 80 ? r->model.n : 80),
                        r->model.p, (int)(type.n < 60 ? type.n : 60), type.p);
    return false;
}

static void put_tool(struct converse_build *b, const struct messages_request *r, scan_ref tool)
{
    const struct scan *s = r->scan;
    if (!check_type(b, r, tool) || !wanted(b, r, tool)) {
        return;
    }
    scan_ref schema = SCAN_GET(s, tool, "input_schema");
    note_members(b, s, tool);
    converse_build_tool(b, scan_text(s, SCAN_GET(s, tool, "name")), scan_text(s, SCAN_GET(s, tool, "description")),
                        scan_type(s, schema) == SCAN_OBJECT ? scan_raw(s, schema) : nothing,
                        is_true(s, SCAN_GET(s, tool, "strict")));
    anthropic_blocks_cache(b, s, tool);
}

/* Bedrock wants toolConfig whenever the history has tool blocks, also when the client sends no tools any more. */
static bool put_history_tool(struct converse_build *b, const struct scan *s, scan_ref block, struct str name)
{
    (void)name;
    if (SCAN_IS(s, SCAN_GET(s, block, "type"), "tool_use")) {
        converse_build_tool(b, scan_text(s, SCAN_GET(s, block, "name")), nothing, nothing, false);
        return true; /* one is enough: the list only must not be empty */
    }
    return false;
}

static enum converse_choice read_choice(struct converse_build *b, const struct messages_request *r, struct str *name_out)
{
    const struct scan *s = r->scan;
    scan_ref choice = SCAN_GET(s, 0, "tool_choice"), type = SCAN_GET(s, choice, "type");
    if (is_true(s, SCAN_GET(s, choice, "disable_parallel_tool_use"))) {
        converse_build_note(b, "drop:disable_parallel_tool_use", nothing);
    }
    if (SCAN_IS(s, type, "any")) {
        return CONVERSE_ANY;
    }
    if (SCAN_IS(s, type, "tool")) {
        *name_out = scan_text(s, SCAN_GET(s, choice, "name"));
        return CONVERSE_TOOL;
    }
    return CONVERSE_AUTO;
}

static bool any_wanted(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT; t = scan_next(s, r->tools, t)) {
        if (check_type(b, r, t) && wanted(b, r, t)) {
            return true;
        }
    }
    return false;
}

/* tool_choice none: Converse has no such choice, so the tools are left out - unless the history needs them. */
void anthropic_tools_put(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    bool history = walk_history(b, r, is_tool_block, nothing);
    bool none = SCAN_IS(s, SCAN_GET(s, SCAN_GET(s, 0, "tool_choice"), "type"), "none");
    bool given = r->tools != SCAN_ABSENT && any_wanted(b, r) && (!none || history);
    if (none && given) {
        converse_build_note(b, "map:tool_choice=auto", nothing);
    }
    if (!given && !history) {
        return;
    }
    struct str name = nothing;
    converse_build_tools(b);
    for (scan_ref t = scan_first(s, r->tools); given && t != SCAN_ABSENT && converse_build_ok(b); t = scan_next(s, r->tools, t)) {
        put_tool(b, r, t);
    }
    if (!given) {
        walk_history(b, r, put_history_tool, nothing);
        converse_build_note(b, "map:tools_from_history", nothing);
    }
    enum converse_choice choice = given && !none ? read_choice(b, r, &name) : CONVERSE_AUTO;
    converse_build_tools_end(b, choice, name);
}
