#include "worker/converse/anthropic_tools.h"

#include "worker/converse/anthropic_blocks.h"

static const struct str nothing = {NULL, 0};

/* --- what the history holds ---------------------------------------------------------------- */

/* The first tool_use block of the history. A request without any has no tool_result either:
 * tool_pairs_check has seen to that. */
static scan_ref find_tool_use(const struct messages_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT;
         m = scan_next(s, r->messages, m)) {
        scan_ref content = SCAN_GET(s, m, "content");
        if (scan_type(s, content) != SCAN_ARRAY) {
            continue;
        }
        for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
            if (SCAN_IS(s, SCAN_GET(s, v, "type"), "tool_use")) {
                return v;
            }
        }
    }
    return SCAN_ABSENT;
}

/* One is enough: the list only must not be empty. */
static void put_history_tool(struct converse_build *b, const struct scan *s, scan_ref used)
{
    struct converse_tool t = {.name = converse_build_read(b, s, SCAN_GET(s, used, "name")),
                              .description = STR("\"This tool is no longer available.\"")};
    if (t.name.n == 0) {
        return; /* refused where the block itself is converted */
    }
    converse_build_tool(b, &t);
    converse_build_map(b, "tools_from_history");
}

/* --- tools --------------------------------------------------------------------------------- */

static const char *const dropped_members[] = {"allowed_callers", "eager_input_streaming"};

static void note_members(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    for (size_t i = 0; i < sizeof dropped_members / sizeof *dropped_members; i++) {
        enum scan_type t = scan_type(s, scan_get(s, tool, text_from(dropped_members[i])));
        if (t != SCAN_NONE && t != SCAN_NULL && t != SCAN_FALSE) {
            converse_build_drop(b, dropped_members[i]);
        }
    }
}

/* bash, text_editor, memory, computer: Anthropic keeps their schemas on its side, so no other model
 * knows them. Tool search is a feature of InvokeModel. */
static bool check_type(struct converse_build *b, const struct messages_request *r, scan_ref tool)
{
    struct str type = converse_build_read(b, r->scan, SCAN_GET(r->scan, tool, "type"));
    if (type.n == 0 || text_eq(type, STR("custom"))) {
        return true;
    }
    converse_build_fail(
        b, STATUS_INVALID, "'%.*s' does not support tool types: %.*s.%s",
        (int)(r->model.n < 60 ? r->model.n : 60), r->model.p, (int)(type.n < 60 ? type.n : 60),
        type.p,
        messages_is_server_tool(type) ? " Server tools are not available on Amazon Bedrock." : "");
    return false;
}

/* A deferred tool waits until the model has asked for it by a tool search, which Converse has not:
 * it is shown once the client's own search has named it, or when it has to be called. */
static bool is_wanted(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    struct str name = converse_build_read(b, s, SCAN_GET(s, tool, "name"));
    if (!anthropic_blocks_true(s, SCAN_GET(s, tool, "defer_loading")) ||
        wish_shows_deferred(&b->plan->left, name)) {
        return true;
    }
    converse_build_drop(b, "deferred_tools");
    return false;
}

static void put_tool(struct converse_build *b, const struct scan *s, scan_ref tool)
{
    scan_ref schema = SCAN_GET(s, tool, "input_schema");
    scan_ref description = SCAN_GET(s, tool, "description");
    scan_ref examples = SCAN_GET(s, tool, "input_examples");
    struct converse_tool t = {
        .name = converse_build_read(b, s, SCAN_GET(s, tool, "name")),
        .description =
            scan_type(s, description) == SCAN_STRING ? scan_raw(s, description) : nothing,
        .examples = scan_type(s, examples) == SCAN_ARRAY && scan_size(s, examples) > 0
                        ? scan_raw(s, examples)
                        : nothing,
        .schema = converse_build_schema(b, s, schema),
        .strict = anthropic_blocks_true(s, SCAN_GET(s, tool, "strict")),
    };
    if (t.name.n == 0) {
        converse_build_fail(b, STATUS_INVALID, "tools: tools.custom.name: Field required");
        return;
    }
    note_members(b, s, tool);
    converse_build_tool(b, &t);
}

static void put_tools(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT && converse_build_ok(b);
         t = scan_next(s, r->tools, t)) {
        if (check_type(b, r, t) && is_wanted(b, s, t)) {
            put_tool(b, s, t);
        }
        if (b->tools_open) { /* also the mark of a tool that was left out */
            anthropic_blocks_cache(b, s, t);
        }
    }
}

/* Those of mid-conversation, which the dialect has there. */
static void put_changes(struct converse_build *b, const struct messages_request *r)
{
    const struct tool_changes *changes = &b->plan->left.tools.changes;
    for (uint32_t i = 0; i < changes->n && converse_build_ok(b); i++) {
        if (check_type(b, r, changes->added[i])) {
            put_tool(b, r->scan, changes->added[i]);
            converse_build_map(b, "tool_addition");
        }
    }
}

/* --- entry --------------------------------------------------------------------------------- */

void anthropic_tools_put(struct converse_build *b, const struct messages_request *r)
{
    const struct plan *p = b->plan;
    if (p->tools.any || p->left.choice.kind != WISH_CHOICE_NONE) {
        put_tools(b, r);
        put_changes(b, r);
    }
    if (p->tools.stand_in && converse_build_ok(b)) {
        put_history_tool(b, r->scan, find_tool_use(r));
    }
    converse_build_tools_end(b);
}
