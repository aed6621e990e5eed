#include "worker/converse/openai_call.h"

/* For JSON inside a string; what the request itself may be. */
static const struct scan_limits inner_limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static struct str tool_input(struct converse_build *b, struct str arguments)
{
    struct scan inner;
    struct buf out;
    struct json_out w;
    if (text_trim(arguments).n == 0) {
        return STR("{}");
    }
    enum status st = scan_parse(&inner, b->arena, arguments, &inner_limits, NULL);
    if (st == STATUS_OK && scan_type(&inner, 0) == SCAN_OBJECT) {
        return scan_raw(&inner, 0);
    }
    if (st == STATUS_INTERNAL) {
        converse_build_no_memory(b);
    }
    buf_init(&out, arguments.n * 6 + 64);
    json_begin(&w, &out);
    json_object(&w);
    JSON_KEY(&w, "arguments");
    json_str(&w, arguments);
    json_object_end(&w);
    struct str kept = arena_dup(b->arena, buf_str(&out));
    if (!buf_ok(&out) || !kept.p) {
        converse_build_no_memory(b);
    }
    buf_free(&out);
    converse_build_map(b, "tool_calls.arguments");
    return kept;
}

/* The free text of a custom tool's call in its one string. */
static struct str custom_input(struct converse_build *b, const struct scan *s, scan_ref text)
{
    struct str raw = scan_type(s, text) == SCAN_STRING ? scan_raw(s, text) : STR("\"\"");
    char *input = arena_printf(b->arena, "{\"" CHAT_TOOL_INPUT "\":%.*s}", STR_ARG(raw));
    if (!input) {
        converse_build_no_memory(b);
    }
    return text_from(input);
}

static struct str input_of(struct converse_build *b, const struct scan *s, enum chat_tool_kind kind,
                           scan_ref input)
{
    if (kind == CHAT_TOOL_CUSTOM) {
        return custom_input(b, s, input);
    }
    return scan_type(s, input) == SCAN_OBJECT ? scan_raw(s, input)
                                              : tool_input(b, converse_build_read(b, s, input));
}

void openai_call_put(struct converse_build *b, const struct scan *s, struct str id, struct str name,
                     enum chat_tool_kind kind, scan_ref input)
{
    struct str object = input_of(b, s, kind, input);
    if (converse_build_ok(b)) {
        converse_build_tool_use(b, id, name, object);
    }
}
