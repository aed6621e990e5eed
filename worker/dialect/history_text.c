#include "worker/dialect/history_text.h"

/* Types of @anthropic-ai/sdk 1.14.0, and of the items of openai 7.59.0 whose tools OpenAI runs itself. */
static const struct str types[] = {
    STR("advisor_tool_result"),
    STR("apply_patch_call"),
    STR("apply_patch_call_output"),
    STR("bash_code_execution_tool_result"),
    STR("browser_state"),
    STR("code_execution_tool_result"),
    STR("code_interpreter_call"),
    STR("compaction"),
    STR("computer_call"),
    STR("computer_call_output"),
    STR("connector_text"),
    STR("container_upload"),
    STR("context_compaction"),
    STR("fallback"),
    STR("file_search_call"),
    STR("image_generation_call"),
    STR("mcp_approval_request"),
    STR("mcp_approval_response"),
    STR("mcp_call"),
    STR("mcp_list_tools"),
    STR("mcp_tool_listing"),
    STR("mcp_tool_result"),
    STR("mcp_tool_use"),
    STR("program"),
    STR("program_output"),
    STR("server_tool_use"),
    STR("shell_call"),
    STR("shell_call_output"),
    STR("text_editor_code_execution_tool_result"),
    STR("tool_search_tool_result"),
    STR("web_fetch_tool_result"),
    STR("web_search_call"),
    STR("web_search_tool_result"),
};

/* Members whose text is worth a line. */
static const struct str told[] = {
    STR("arguments"), STR("code"),   STR("content"),   STR("error_code"), STR("file_id"),
    STR("logs"),      STR("output"), STR("query"),     STR("stderr"),     STR("stdout"),
    STR("text"),      STR("title"),  STR("tool_name"), STR("url"),
};

static bool is_one_of(const struct scan *s, scan_ref r, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scan_text_is(s, r, list[i])) {
            return true;
        }
    }
    return false;
}

/* What conversations consist of, the most frequent first: a long one has thousands of them, and none
 * need be compared with all of the types above. */
static const struct str usual[] = {
    STR("text"), STR("tool_use"), STR("tool_result"), STR("thinking"), STR("image"),
};

bool history_text_is(const struct scan *s, scan_ref block)
{
    scan_ref type = SCAN_GET(s, block, "type");
    return !is_one_of(s, type, usual, COUNT_OF(usual)) &&
           is_one_of(s, type, types, COUNT_OF(types));
}

static void put_line(const struct scan *s, scan_ref text, struct buf *out)
{
    struct str raw = scan_raw(s, text);
    if (scan_type(s, text) == SCAN_STRING && raw.n > 2) {
        BUF_LIT(out, "\\n");
        buf_put(out, raw.p + 1, raw.n - 2);
    }
}

/* A document's source of type "text" has its text as data; others have bytes there. */
static bool is_told(const struct scan *s, scan_ref object, scan_ref key)
{
    return is_one_of(s, key, told, COUNT_OF(told)) ||
           (SCAN_IS(s, key, "data") && SCAN_IS(s, SCAN_GET(s, object, "type"), "text"));
}

static void put_lines(const struct scan *s, scan_ref container, struct buf *out)
{
    bool object = scan_type(s, container) == SCAN_OBJECT;
    if (!object && scan_type(s, container) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref v = scan_first(s, container); v != SCAN_ABSENT; v = scan_next(s, container, v)) {
        if (scan_type(s, v) == SCAN_STRING && object && is_told(s, container, scan_key(s, v))) {
            put_line(s, v, out);
        } else {
            put_lines(s, v, out);
        }
    }
}

void history_text_put(const struct scan *s, scan_ref block, struct buf *out)
{
    scan_ref type = SCAN_GET(s, block, "type"), input = SCAN_GET(s, block, "input");
    struct str name = scan_raw(s, SCAN_GET(s, block, "name"));
    struct str raw = scan_raw(s, type);
    if (SCAN_IS(s, type, "compaction")) {
        struct str summary = scan_raw(s, SCAN_GET(s, block, "content"));
        if (summary.n > 2 && summary.p[0] == '"') {
            buf_put(out, summary.p + 1, summary.n - 2);
        }
        return;
    }
    buf_put_char(out, '[');
    buf_put(out, raw.p + 1, raw.n - 2);
    if (name.n > 2 && name.p[0] == '"') {
        buf_put_char(out, ' ');
        buf_put(out, name.p + 1, name.n - 2);
    }
    buf_put_char(out, ']');
    if (input != SCAN_ABSENT) {
        put_lines(s, input, out);
    } else {
        put_lines(s, block, out);
    }
}

/* --- compaction ---------------------------------------------------------------------------- */

scan_ref history_text_summary(const struct scan *s, scan_ref messages)
{
    scan_ref found = SCAN_ABSENT;
    size_t at;
    if (!text_find(s->text, STR("\"compaction\""), &at)) { /* cheaper than a walk */
        return SCAN_ABSENT;
    }
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref content = SCAN_GET(s, m, "content");
        for (scan_ref v = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content)
                                                              : SCAN_ABSENT;
             v != SCAN_ABSENT; v = scan_next(s, content, v)) {
            if (SCAN_IS(s, SCAN_GET(s, v, "type"), "compaction") &&
                scan_type(s, SCAN_GET(s, v, "content")) == SCAN_STRING &&
                !SCAN_IS(s, SCAN_GET(s, v, "content"), "")) {
                found = v;
            }
        }
    }
    return found;
}
