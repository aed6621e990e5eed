#include "worker/converse/openai_to_converse.h"

#include "worker/converse/converse_settings.h"
#include "worker/converse/openai_call.h"
#include "worker/converse/openai_parts.h"
#include "worker/converse/openai_tools.h"
#include "worker/openai/chat_tool.h"

/* --- instructions -------------------------------------------------------------------------- */

static bool is_instruction(const struct scan *s, scan_ref m)
{
    scan_ref role = SCAN_GET(s, m, "role");
    return SCAN_IS(s, role, "system") || SCAN_IS(s, role, "developer");
}

/* A top-level "system", as Anthropic has it. */
static void put_top_system(struct converse_build *b, const struct scan *s)
{
    scan_ref system = SCAN_GET(s, 0, "system");
    bool list = scan_type(s, system) == SCAN_ARRAY;
    if (!list && scan_type(s, system) != SCAN_STRING) {
        return;
    }
    converse_build_role(b, CONVERSE_SYSTEM);
    if (!list) {
        converse_build_text_json(b, scan_raw(s, system));
    }
    for (scan_ref v = list ? scan_first(s, system) : SCAN_ABSENT; v != SCAN_ABSENT;
         v = scan_next(s, system, v)) {
        if (scan_type(s, SCAN_GET(s, v, "text")) == SCAN_STRING) {
            converse_build_text_json(b, scan_raw(s, SCAN_GET(s, v, "text")));
        } else {
            converse_build_drop(b, "system_block");
        }
        openai_parts_cache(b, s, v);
    }
}

/* Instructions before the first other message are the system prompt; later ones stay in their
 * place. A conversation of nothing else has to be the user's: Bedrock wants a message. */
static scan_ref put_system(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    scan_ref m = scan_first(s, r->messages);
    bool only = true;
    for (scan_ref v = m; v != SCAN_ABSENT && only; v = scan_next(s, r->messages, v)) {
        only = is_instruction(s, v);
    }
    if (!is_instruction(s, m)) {
        return m;
    }
    converse_build_role(b, only ? CONVERSE_USER : CONVERSE_SYSTEM);
    if (only) {
        converse_build_map(b, "system");
    }
    for (; m != SCAN_ABSENT && is_instruction(s, m); m = scan_next(s, r->messages, m)) {
        openai_parts_put(b, s, SCAN_GET(s, m, "content"), m);
    }
    return m;
}

/* --- messages ------------------------------------------------------------------------------ */

static void put_call(struct converse_build *b, const struct scan *s, struct str id,
                     const struct chat_call *call)
{
    struct str name = converse_build_read(b, s, call->name);
    if (name.n == 0) {
        converse_build_fail_param(
            b, ERR_FAULT_MISSING, "messages[].tool_calls[].function.name",
            "Missing required parameter: 'messages[].tool_calls[].function.name'.");
    }
    openai_call_put(b, s, id, name, call->kind, call->input);
}

static void put_calls(struct converse_build *b, const struct scan *s, scan_ref calls)
{
    if (scan_type(s, calls) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref c = scan_first(s, calls); c != SCAN_ABSENT && converse_build_ok(b);
         c = scan_next(s, calls, c)) {
        struct chat_call call = chat_tool_call(s, c);
        if (call.kind == CHAT_TOOL_OTHER) {
            converse_build_fail_param(
                b, ERR_FAULT_VALUE, "messages[].tool_calls[].type",
                "Invalid value for 'messages[].tool_calls[].type': supported values are "
                "'function' and 'custom'.");
        }
        put_call(b, s, converse_build_read(b, s, SCAN_GET(s, c, "id")), &call);
    }
}

/* Legacy calls have no id: they are counted. */
static struct str legacy_id(struct converse_build *b, unsigned number)
{
    char *id = arena_printf(b->arena, "function-%u", number);
    if (!id) {
        converse_build_no_memory(b);
    }
    return text_from(id);
}

static void put_assistant(struct converse_build *b, const struct scan *s, scan_ref m,
                          unsigned *legacy_calls)
{
    scan_ref refusal = SCAN_GET(s, m, "refusal"), legacy = SCAN_GET(s, m, "function_call");
    converse_build_role(b, CONVERSE_ASSISTANT);
    openai_parts_put(b, s, SCAN_GET(s, m, "content"), m);
    if (scan_type(s, refusal) == SCAN_STRING) {
        converse_build_text_json(b, scan_raw(s, refusal));
    }
    if (!wish_is_blank(scan_raw(s, SCAN_GET(s, m, "reasoning_content")))) {
        converse_build_drop(b, "reasoning_content"); /* unsigned: no model takes it back */
    }
    put_calls(b, s, SCAN_GET(s, m, "tool_calls"));
    if (scan_type(s, legacy) == SCAN_OBJECT) {
        const struct chat_call call = {CHAT_TOOL_FUNCTION, SCAN_GET(s, legacy, "name"),
                                       SCAN_GET(s, legacy, "arguments")};
        put_call(b, s, legacy_id(b, ++*legacy_calls), &call);
    }
    openai_parts_cache(b, s, m);
}

static void put_message(struct converse_build *b, const struct scan *s, scan_ref m,
                        unsigned *legacy_calls)
{
    scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
    if (SCAN_IS(s, role, "assistant")) {
        put_assistant(b, s, m, legacy_calls);
        return;
    }
    converse_build_role(b, CONVERSE_USER);
    if (is_instruction(s, m)) {
        openai_parts_put_reminder(b, s, content, m);
    } else if (SCAN_IS(s, role, "tool")) {
        openai_parts_put_result(b, s, content, m,
                                converse_build_read(b, s, SCAN_GET(s, m, "tool_call_id")));
    } else if (SCAN_IS(s, role, "function")) {
        openai_parts_put_result(b, s, content, m, legacy_id(b, *legacy_calls));
    } else {
        openai_parts_put(b, s, content, m);
    }
}

/* --- entry --------------------------------------------------------------------------------- */

enum status openai_to_converse(const struct chat_request *r, struct plan *plan,
                               struct converse_names *names, struct buf *body_out, struct err *err)
{
    struct converse_build b;
    const struct scan *s = r->scan;
    unsigned legacy_calls = 0;
    converse_build_begin(&b, plan, names, body_out, err);
    openai_tools_put(&b, r);
    put_top_system(&b, s);
    scan_ref m = put_system(&b, r);
    converse_settings_put_words(&b);
    for (; m != SCAN_ABSENT && converse_build_ok(&b); m = scan_next(s, r->messages, m)) {
        put_message(&b, s, m, &legacy_calls);
    }
    converse_build_user_last(&b);
    converse_build_messages_end(&b);
    converse_settings_put(&b);
    return converse_build_end(&b);
}
