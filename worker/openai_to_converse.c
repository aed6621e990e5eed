#include "worker/openai_to_converse.h"

#include "worker/converse_build.h"
#include "worker/openai_parts.h"

static const struct str nothing = {NULL, 0};

/* --- tools -------------------------------------------------------------------------------------------------- */

struct choice {
    enum converse_choice kind;
    struct str name;
    bool none;
    scan_ref allowed; /* allowed_tools: only these; SCAN_ABSENT: all */
};

static void read_named(const struct scan *s, scan_ref choice, struct choice *out)
{
    scan_ref type = SCAN_GET(s, choice, "type");
    if (SCAN_IS(s, type, "function")) {
        out->kind = CONVERSE_TOOL;
        out->name = scan_text(s, SCAN_GET(s, SCAN_GET(s, choice, "function"), "name"));
    } else if (SCAN_IS(s, type, "allowed_tools")) {
        scan_ref inner = SCAN_GET(s, choice, "allowed_tools");
        out->kind = SCAN_IS(s, SCAN_GET(s, inner, "mode"), "required") ? CONVERSE_ANY : CONVERSE_AUTO;
        out->allowed = SCAN_GET(s, inner, "tools");
    } else if (SCAN_GET(s, choice, "name") != SCAN_ABSENT) { /* legacy function_call: {"name": ...} */
        out->kind = CONVERSE_TOOL;
        out->name = scan_text(s, SCAN_GET(s, choice, "name"));
    }
}

static struct choice read_choice(const struct scan *s)
{
    struct choice out = {.kind = CONVERSE_AUTO, .allowed = SCAN_ABSENT};
    scan_ref choice = SCAN_GET(s, 0, "tool_choice");
    if (choice == SCAN_ABSENT) {
        choice = SCAN_GET(s, 0, "function_call");
    }
    if (SCAN_IS(s, choice, "required")) {
        out.kind = CONVERSE_ANY;
    }
    out.none = SCAN_IS(s, choice, "none");
    read_named(s, choice, &out);
    return out;
}

static bool is_allowed(const struct scan *s, const struct choice *c, struct str name)
{
    if (c->allowed == SCAN_ABSENT) {
        return true;
    }
    for (scan_ref v = scan_first(s, c->allowed); v != SCAN_ABSENT; v = scan_next(s, c->allowed, v)) {
        if (scan_text_is(s, SCAN_GET(s, SCAN_GET(s, v, "function"), "name"), name) || scan_text_is(s, SCAN_GET(s, v, "name"), name)) {
            return true;
        }
    }
    return false;
}

/* function: {name, description?, parameters?, strict?}; also what the legacy "functions" list holds. */
static unsigned put_function(struct converse_build *b, const struct scan *s, scan_ref function, const struct choice *c)
{
    struct str name = scan_text(s, SCAN_GET(s, function, "name"));
    scan_ref schema = SCAN_GET(s, function, "parameters");
    bool strict = false;
    if (!name.n) {
        converse_build_fail(b, STATUS_INVALID, "Missing required parameter: 'tools[].function.name'.");
        return 0;
    }
    if (!is_allowed(s, c, name)) {
        return 0;
    }
    scan_bool(s, SCAN_GET(s, function, "strict"), &strict);
    converse_build_tool(b, name, scan_text(s, SCAN_GET(s, function, "description")),
                        scan_type(s, schema) == SCAN_OBJECT ? scan_raw(s, schema) : nothing, strict);
    return 1;
}

static unsigned put_tool(struct converse_build *b, const struct scan *s, scan_ref tool, const struct choice *c)
{
    scan_ref type = SCAN_GET(s, tool, "type");
    if (type != SCAN_ABSENT && !SCAN_IS(s, type, "function")) {
        struct str text = scan_text(s, type);
        converse_build_fail(b, STATUS_INVALID, "Invalid value: '%.*s'. Supported values are: 'function'.",
                            (int)(text.n < 40 ? text.n : 40), text.p);
        return 0;
    }
    return put_function(b, s, SCAN_GET(s, tool, "function"), c);
}

static bool message_has_tools(const struct scan *s, scan_ref m)
{
    scan_ref role = SCAN_GET(s, m, "role");
    return SCAN_IS(s, role, "tool") || SCAN_IS(s, role, "function") || scan_size(s, SCAN_GET(s, m, "tool_calls")) > 0 ||
           scan_type(s, SCAN_GET(s, m, "function_call")) == SCAN_OBJECT;
}

static bool history_has_tools(const struct chat_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT; m = scan_next(s, r->messages, m)) {
        if (message_has_tools(s, m)) {
            return true;
        }
    }
    return false;
}

/* Bedrock wants toolConfig whenever the history has tool blocks. */
static void put_placeholder(struct converse_build *b)
{
    converse_build_tool(b, STR("unavailable"), STR("This tool is no longer available."), nothing, false);
    converse_build_note(b, "map:tools_from_history", nothing);
}

static void put_tools(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    struct choice c = read_choice(s);
    scan_ref legacy = SCAN_GET(s, 0, "functions");
    bool history = history_has_tools(r);
    bool any = r->tools != SCAN_ABSENT || scan_size(s, legacy) > 0;
    if ((!any || c.none) && !history) {
        return;
    }
    unsigned put = 0;
    converse_build_tools(b);
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT && converse_build_ok(b); t = scan_next(s, r->tools, t)) {
        put += put_tool(b, s, t, &c);
    }
    for (scan_ref f = scan_first(s, legacy); f != SCAN_ABSENT && converse_build_ok(b); f = scan_next(s, legacy, f)) {
        put += put_function(b, s, f, &c);
    }
    if (!put) {
        put_placeholder(b);
    }
    if (c.none) {
        converse_build_note(b, "map:tool_choice=auto", nothing);
    }
    converse_build_tools_end(b, put && !c.none ? c.kind : CONVERSE_AUTO, c.name);
}

/* --- messages -------------------------------------------------------------------------------------------------- */

static bool is_instruction(const struct scan *s, scan_ref m)
{
    scan_ref role = SCAN_GET(s, m, "role");
    return SCAN_IS(s, role, "system") || SCAN_IS(s, role, "developer");
}

/* Instructions before the first other message are the system prompt; later ones stay in their place. */
static scan_ref put_system(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    scan_ref m = scan_first(s, r->messages);
    size_t open = 0;
    if (!converse_build_has(b, MODELS_SYSTEM)) {
        return m;
    }
    for (; m != SCAN_ABSENT && is_instruction(s, m); m = scan_next(s, r->messages, m)) {
        struct str text = openai_parts_text(s, b->arena, SCAN_GET(s, m, "content"));
        if (text.n && !open++) {
            JSON_KEY(&b->w, "system");
            json_array(&b->w);
        }
        converse_build_text(b, text);
    }
    if (open) {
        json_array_end(&b->w);
    }
    return m;
}

static void put_later_instruction(struct converse_build *b, const struct scan *s, scan_ref m)
{
    struct str text = openai_parts_text(s, b->arena, SCAN_GET(s, m, "content"));
    char *wrapped = arena_printf(b->arena, "<system-reminder>\n%.*s\n</system-reminder>", STR_ARG(text));
    if (text.n) {
        converse_build_turn(b, CONVERSE_USER);
        converse_build_text(b, text_from(wrapped));
        converse_build_note(b, "map:system_role", nothing);
    }
}

static const struct scan_limits arguments_limits = {.depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

/* arguments is JSON inside a string, made by a model: an object goes on as it is, "" is {}, anything else is kept
 * as text under one key, so that nothing is lost and Bedrock still gets an object. */
static struct str tool_input(struct converse_build *b, struct str arguments)
{
    struct scan inner;
    struct err ignored;
    if (!text_trim(arguments).n) {
        return STR("{}");
    }
    if (scan_parse(&inner, b->arena, arguments, &arguments_limits, &ignored) == STATUS_OK &&
        scan_type(&inner, 0) == SCAN_OBJECT) {
        return scan_raw(&inner, 0);
    }
    struct buf out;
    struct json_out w;
    buf_init(&out, arguments.n * 6 + 64);
    json_begin(&w, &out);
    json_object(&w);
    JSON_KEY(&w, "arguments");
    json_str(&w, arguments);
    json_object_end(&w);
    struct str kept = arena_dup(b->arena, buf_str(&out));
    buf_free(&out);
    converse_build_note(b, "map:tool_calls.arguments", nothing);
    return kept;
}

static void put_call(struct converse_build *b, const struct scan *s, struct str id, scan_ref function)
{
    converse_build_turn(b, CONVERSE_ASSISTANT);
    converse_build_tool_use(b, id, scan_text(s, SCAN_GET(s, function, "name")),
                            tool_input(b, scan_text(s, SCAN_GET(s, function, "arguments"))));
}

static void put_assistant(struct converse_build *b, const struct scan *s, scan_ref m)
{
    scan_ref calls = SCAN_GET(s, m, "tool_calls"), legacy = SCAN_GET(s, m, "function_call");
    openai_parts_put(b, s, SCAN_GET(s, m, "content"), CONVERSE_ASSISTANT);
    if (scan_text(s, SCAN_GET(s, m, "reasoning_content")).n) {
        converse_build_note(b, "drop:reasoning_content", nothing); /* without its signature no model takes it back */
    }
    for (scan_ref c = scan_first(s, calls); c != SCAN_ABSENT && converse_build_ok(b); c = scan_next(s, calls, c)) {
        scan_ref type = SCAN_GET(s, c, "type");
        if (type != SCAN_ABSENT && !SCAN_IS(s, type, "function")) {
            converse_build_fail(b, STATUS_INVALID, "Invalid value for 'messages[].tool_calls[].type': only 'function' is supported.");
            return;
        }
        put_call(b, s, scan_text(s, SCAN_GET(s, c, "id")), SCAN_GET(s, c, "function"));
    }
    if (scan_type(s, legacy) == SCAN_OBJECT) { /* legacy calls have no id: the name stands for it */
        put_call(b, s, scan_text(s, SCAN_GET(s, legacy, "name")), legacy);
    }
}

static void put_result(struct converse_build *b, const struct scan *s, scan_ref m, struct str id)
{
    converse_build_turn(b, CONVERSE_USER);
    converse_build_tool_result(b, id);
    unsigned blocks = openai_parts_put_result(b, s, SCAN_GET(s, m, "content"));
    converse_build_tool_result_end(b, blocks, false);
}

static void put_message(struct converse_build *b, const struct scan *s, scan_ref m)
{
    scan_ref role = SCAN_GET(s, m, "role");
    if (is_instruction(s, m)) {
        put_later_instruction(b, s, m);
    } else if (SCAN_IS(s, role, "assistant")) {
        put_assistant(b, s, m);
    } else if (SCAN_IS(s, role, "tool")) {
        put_result(b, s, m, scan_text(s, SCAN_GET(s, m, "tool_call_id")));
    } else if (SCAN_IS(s, role, "function")) {
        put_result(b, s, m, scan_text(s, SCAN_GET(s, m, "name")));
    } else {
        openai_parts_put(b, s, SCAN_GET(s, m, "content"), CONVERSE_USER);
    }
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static void put_inference(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    struct converse_sampling sampling = {.max_tokens = r->max_tokens};
    if (!sampling.max_tokens && converse_build_has(b, MODELS_CLAUDE)) {
        sampling.max_tokens = b->o->model->caps->output_max ? b->o->model->caps->output_max : 4096; /* Claude needs one */
    }
    sampling.has_temperature = scan_f64(s, SCAN_GET(s, 0, "temperature"), &sampling.temperature);
    sampling.has_top_p = scan_f64(s, SCAN_GET(s, 0, "top_p"), &sampling.top_p);
    scan_ref stop = SCAN_GET(s, 0, "stop");
    size_t n = 0, most = scan_type(s, stop) == SCAN_ARRAY ? scan_size(s, stop) : 1;
    struct str *stops = arena_alloc(b->arena, (most + 1) * sizeof *stops);
    if (stops && scan_type(s, stop) == SCAN_STRING && text_trim(scan_text(s, stop)).n) {
        stops[n++] = scan_raw(s, stop);
    }
    for (scan_ref v = scan_first(s, stop); stops && v != SCAN_ABSENT; v = scan_next(s, stop, v)) {
        if (text_trim(scan_text(s, v)).n) {
            stops[n++] = scan_raw(s, v);
        }
    }
    converse_build_inference(b, sampling, stops, n);
}

/* none and minimal are OpenAI's own; the rest has the same name on both sides. */
static struct str effort_of(const struct scan *s)
{
    struct str effort = scan_text(s, SCAN_GET(s, 0, "reasoning_effort"));
    if (text_eq(effort, STR("none"))) {
        return nothing;
    }
    return text_eq(effort, STR("minimal")) ? STR("low") : effort;
}

static bool family_is(const struct converse_build *b, struct str family)
{
    return text_starts(text_from(b->o->model->caps->family), family);
}

/* gpt-oss and Kimi know reasoning_effort by that name; Claude has outputConfig.effort. */
static struct str put_effort(struct converse_build *b, const struct scan *s)
{
    struct str effort = effort_of(s);
    if (!effort.n || !(family_is(b, STR("gpt-oss")) || family_is(b, STR("kimi")))) {
        return effort;
    }
    bool above = text_eq(effort, STR("xhigh")) || text_eq(effort, STR("max"));
    JSON_KEY(&b->w, "additionalModelRequestFields");
    json_object(&b->w);
    JSON_KEY(&b->w, "reasoning_effort");
    json_str(&b->w, above ? STR("high") : effort);
    json_object_end(&b->w);
    return nothing;
}

static void put_output(struct converse_build *b, const struct scan *s)
{
    scan_ref format = SCAN_GET(s, 0, "response_format"), inner = SCAN_GET(s, format, "json_schema");
    scan_ref schema = SCAN_GET(s, inner, "schema");
    bool by_schema = SCAN_IS(s, SCAN_GET(s, format, "type"), "json_schema") && scan_type(s, schema) == SCAN_OBJECT;
    if (SCAN_IS(s, SCAN_GET(s, format, "type"), "json_object")) {
        converse_build_note(b, "drop:response_format", nothing);
    }
    struct str effort = put_effort(b, s);
    converse_build_schema(b, by_schema ? scan_raw(s, schema) : nothing, by_schema ? scan_text(s, SCAN_GET(s, inner, "name")) : nothing,
                          effort);
}

static bool refuse_audio(struct converse_build *b, const struct scan *s)
{
    scan_ref modalities = SCAN_GET(s, 0, "modalities");
    bool audio = scan_type(s, SCAN_GET(s, 0, "audio")) == SCAN_OBJECT;
    for (scan_ref v = scan_first(s, modalities); v != SCAN_ABSENT; v = scan_next(s, modalities, v)) {
        audio = audio || SCAN_IS(s, v, "audio");
    }
    if (audio) {
        converse_build_fail(b, STATUS_INVALID, "Invalid 'modalities': audio is not supported.");
    }
    return audio;
}

enum status openai_to_converse(const struct chat_request *r, const struct converse_options *o, struct converse_names *names,
                               struct buf *body_out, struct buf *changes_out, struct err *err)
{
    struct converse_build b;
    const struct scan *s = r->scan;
    bool parallel = true;
    converse_build_begin(&b, o, names, s->arena, body_out, changes_out, err);
    if (refuse_audio(&b, s)) {
        return b.status;
    }
    if (scan_bool(s, SCAN_GET(s, 0, "parallel_tool_calls"), &parallel) && !parallel) {
        converse_build_note(&b, "drop:parallel_tool_calls", nothing);
    }
    put_tools(&b, r);
    scan_ref m = put_system(&b, r);
    converse_build_messages(&b);
    for (; m != SCAN_ABSENT && converse_build_ok(&b); m = scan_next(s, r->messages, m)) {
        put_message(&b, s, m);
    }
    converse_build_messages_end(&b);
    put_inference(&b, r);
    put_output(&b, s);
    converse_build_tier(&b);
    json_object_end(&b.w);
    if (b.status == STATUS_OK && !buf_ok(body_out)) {
        return err_set(err, STATUS_TOO_LARGE, "the converted request is larger than Bedrock takes");
    }
    return b.status;
}
