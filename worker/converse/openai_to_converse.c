#include "worker/converse/openai_to_converse.h"

#include "worker/converse/converse_settings.h"
#include "worker/dialect/edits.h"
#include "worker/dialect/messages.h"
#include "worker/converse/openai_parts.h"
#include "worker/converse/openai_tools.h"
#include "worker/converse/converse_thinking.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct str nothing = {NULL, 0};

/* For JSON inside a string; what the request itself may be. */
static const struct scan_limits inner_limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void out_of_memory(struct converse_build *b)
{
    converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
}

/* --- instructions -------------------------------------------------------------------------- */

static bool is_instruction(const struct scan *s, scan_ref m)
{
    scan_ref role = SCAN_GET(s, m, "role");
    return SCAN_IS(s, role, "system") || SCAN_IS(s, role, "developer");
}

/* Instructions before the first other message are the system prompt; later ones stay in their
 * place. A conversation of nothing else has to be the user's: Bedrock wants a message. */
static scan_ref put_system(struct converse_build *b, const struct chat_request *r)
{
    const struct scan *s = r->scan;
    scan_ref m = scan_first(s, r->messages);
    bool only = true;
    for (scan_ref v = m; v != SCAN_ABSENT && only; v = scan_next(s, r->messages, v))
        only = is_instruction(s, v);
    if (!is_instruction(s, m))
        return m;
    converse_build_role(b, only ? CONVERSE_USER : CONVERSE_SYSTEM);
    if (only)
        converse_build_map(b, "system");
    for (; m != SCAN_ABSENT && is_instruction(s, m); m = scan_next(s, r->messages, m))
        openai_parts_put(b, s, m);
    return m;
}

/* --- messages ------------------------------------------------------------------------------ */

/* arguments is JSON inside a string, made by a model: an object goes on as it is, "" is {},
 * anything else is kept as text under one key, so that nothing is lost and Bedrock still gets an
 * object. */
static struct str tool_input(struct converse_build *b, struct str arguments)
{
    struct scan inner;
    struct buf out;
    struct json_out w;
    if (text_trim(arguments).n == 0)
        return STR("{}");
    enum status st = scan_parse(&inner, b->arena, arguments, &inner_limits, NULL);
    if (st == STATUS_OK && scan_type(&inner, 0) == SCAN_OBJECT)
        return scan_raw(&inner, 0);
    if (st == STATUS_INTERNAL)
        out_of_memory(b);
    buf_init(&out, arguments.n * 6 + 64);
    json_begin(&w, &out);
    json_object(&w);
    JSON_KEY(&w, "arguments");
    json_str(&w, arguments);
    json_object_end(&w);
    struct str kept = arena_dup(b->arena, buf_str(&out));
    if (!buf_ok(&out) || !kept.p)
        out_of_memory(b);
    buf_free(&out);
    converse_build_map(b, "tool_calls.arguments");
    return kept;
}

static void put_call(struct converse_build *b, const struct scan *s, struct str id,
                     scan_ref function)
{
    struct str name = converse_build_read(b, s, SCAN_GET(s, function, "name"));
    struct str input = tool_input(b, converse_build_read(b, s, SCAN_GET(s, function, "arguments")));
    if (name.n == 0)
        converse_build_fail_param(
            b, ERR_FAULT_MISSING, "messages[].tool_calls[].function.name",
            "Missing required parameter: 'messages[].tool_calls[].function.name'.");
    if (converse_build_ok(b))
        converse_build_tool_use(b, id, name, input);
}

static void put_calls(struct converse_build *b, const struct scan *s, scan_ref calls)
{
    if (scan_type(s, calls) != SCAN_ARRAY)
        return;
    for (scan_ref c = scan_first(s, calls); c != SCAN_ABSENT && converse_build_ok(b);
         c = scan_next(s, calls, c)) {
        scan_ref type = SCAN_GET(s, c, "type");
        if (scan_type(s, type) != SCAN_NONE && scan_type(s, type) != SCAN_NULL &&
            !SCAN_IS(s, type, "function"))
            converse_build_fail_param(
                b, ERR_FAULT_VALUE, "messages[].tool_calls[].type",
                "Invalid value for 'messages[].tool_calls[].type': only 'function' "
                "is supported.");
        put_call(b, s, converse_build_read(b, s, SCAN_GET(s, c, "id")), SCAN_GET(s, c, "function"));
    }
}

/* Legacy calls have no id: they are counted. */
static struct str legacy_id(struct converse_build *b, unsigned number)
{
    char *id = arena_printf(b->arena, "function-%u", number);
    if (!id)
        out_of_memory(b);
    return text_from(id);
}

static void put_assistant(struct converse_build *b, const struct scan *s, scan_ref m,
                          unsigned *legacy_calls)
{
    scan_ref refusal = SCAN_GET(s, m, "refusal"), legacy = SCAN_GET(s, m, "function_call");
    converse_build_role(b, CONVERSE_ASSISTANT);
    openai_parts_put(b, s, m);
    if (scan_type(s, refusal) == SCAN_STRING)
        converse_build_text_json(b, scan_raw(s, refusal));
    if (!converse_is_blank(scan_raw(s, SCAN_GET(s, m, "reasoning_content"))))
        converse_build_drop(b, "reasoning_content"); /* unsigned: no model takes it back */
    put_calls(b, s, SCAN_GET(s, m, "tool_calls"));
    if (scan_type(s, legacy) == SCAN_OBJECT)
        put_call(b, s, legacy_id(b, ++*legacy_calls), legacy);
    openai_parts_cache(b, s, m);
}

static void put_message(struct converse_build *b, const struct scan *s, scan_ref m,
                        unsigned *legacy_calls)
{
    scan_ref role = SCAN_GET(s, m, "role");
    if (SCAN_IS(s, role, "assistant")) {
        put_assistant(b, s, m, legacy_calls);
        return;
    }
    converse_build_role(b, CONVERSE_USER);
    if (is_instruction(s, m))
        openai_parts_put_reminder(b, s, m);
    else if (SCAN_IS(s, role, "tool"))
        openai_parts_put_result(b, s, m, converse_build_read(b, s, SCAN_GET(s, m, "tool_call_id")));
    else if (SCAN_IS(s, role, "function"))
        openai_parts_put_result(b, s, m, legacy_id(b, *legacy_calls));
    else
        openai_parts_put(b, s, m);
}

/* --- settings ------------------------------------------------------------------------------ */

static void add_stop(struct converse_build *b, const struct scan *s, scan_ref v, struct wish *t)
{
    if (scan_type(s, v) == SCAN_STRING)
        converse_settings_stop(b, t, scan_raw(s, v));
    else
        converse_build_fail_param(
            b, ERR_FAULT_TYPE, "stop",
            "Invalid type for 'stop': expected a string or an array of strings.");
}

static void read_stops(struct converse_build *b, const struct scan *s, struct wish *t)
{
    scan_ref stop = SCAN_GET(s, 0, "stop");
    enum scan_type type = scan_type(s, stop);
    if (type == SCAN_NONE || type == SCAN_NULL)
        return;
    converse_settings_stops(b, t, type == SCAN_ARRAY ? scan_size(s, stop) : 1);
    if (type != SCAN_ARRAY)
        add_stop(b, s, stop, t);
    for (scan_ref v = type == SCAN_ARRAY ? scan_first(s, stop) : SCAN_ABSENT; v != SCAN_ABSENT;
         v = scan_next(s, stop, v))
        add_stop(b, s, v, t);
}

/* Claude needs a value. */
static int64_t read_max_tokens(struct converse_build *b, const struct chat_request *r)
{
    int64_t cap = b->o->model->caps->output_max;
    bool claude = converse_build_has(b, MODELS_CLAUDE);
    int64_t otherwise = !claude ? 0 : cap > 0 ? cap : 4096;
    return r->max_tokens > 0 ? r->max_tokens : otherwise;
}

static void read_effort(struct converse_build *b, const struct scan *s, struct wish *t)
{
    struct str effort = converse_build_read(b, s, SCAN_GET(s, 0, "reasoning_effort"));
    if (effort.n == 0)
        return;
    if (text_eq(effort, STR("none"))) {
        t->thinking = WISH_THINKING_OFF;
        return;
    }
    if (text_eq(effort, STR("minimal")))
        effort = STR("low");
    if (!converse_thinking_effort(effort))
        converse_build_fail_param(
            b, ERR_FAULT_VALUE, "reasoning_effort",
            "Invalid value for 'reasoning_effort': supported values are 'none', "
            "'minimal', 'low', 'medium', 'high', 'xhigh', and 'max'.");
    t->effort = effort;
    t->thinking = WISH_THINKING_ADAPTIVE;
}

/* Structured output wants additionalProperties:false in every object (the documentation of
 * structured outputs); OpenAI wants it only of strict schemas. */
static struct str close_schema(struct converse_build *b, struct str schema)
{
    struct scan s;
    struct edits edits;
    struct buf out;
    if (scan_parse(&s, b->arena, schema, &inner_limits, NULL) != STATUS_OK) {
        out_of_memory(b); /* it is a part of what has been parsed before */
        return nothing;
    }
    edits_init(&edits, &s);
    for (scan_ref r = 0; r < s.count; r++)
        if (SCAN_IS(&s, SCAN_GET(&s, r, "type"), "object") &&
            SCAN_GET(&s, r, "additionalProperties") == SCAN_ABSENT)
            edits_inside(&edits, r, STR("\"additionalProperties\":false,"));
    buf_init(&out, 8 * schema.n + 64); /* {"type":"object"} grows to less than thrice */
    struct str closed = nothing;
    if (edits_apply(&edits, &out, NULL) == STATUS_OK)
        closed = arena_dup(b->arena, buf_str(&out));
    if (!closed.p)
        out_of_memory(b);
    buf_free(&out);
    return closed;
}

static void read_format(struct converse_build *b, const struct scan *s, struct wish *t)
{
    scan_ref format = SCAN_GET(s, 0, "response_format"), inner = SCAN_GET(s, format, "json_schema");
    scan_ref schema = SCAN_GET(s, inner, "schema");
    if (!SCAN_IS(s, SCAN_GET(s, format, "type"), "json_schema"))
        return;
    if (scan_type(s, schema) != SCAN_OBJECT) {
        converse_build_fail_param(
            b, ERR_FAULT_MISSING, "response_format.json_schema.schema",
            "Missing required parameter: 'response_format.json_schema.schema'.");
        return;
    }
    t->schema = scan_raw(s, schema);
    if (converse_build_has(b, MODELS_FORMAT))
        t->schema = close_schema(b, t->schema);
    t->schema_name = converse_build_read(b, s, SCAN_GET(s, inner, "name"));
    t->schema_description = converse_build_read(b, s, SCAN_GET(s, inner, "description"));
}

static void read_settings(struct converse_build *b, const struct chat_request *r, struct wish *t)
{
    const struct scan *s = r->scan;
    t->max_tokens = read_max_tokens(b, r);
    t->has_temperature = scan_f64(s, SCAN_GET(s, 0, "temperature"), &t->temperature);
    t->has_top_p = scan_f64(s, SCAN_GET(s, 0, "top_p"), &t->top_p);
    read_stops(b, s, t);
    read_effort(b, s, t);
    read_format(b, s, t);
}

/* --- fields that are refused or dropped ---------------------------------------------------- */

static void refuse_audio(struct converse_build *b, const struct scan *s)
{
    scan_ref modalities = SCAN_GET(s, 0, "modalities");
    bool audio = scan_type(s, SCAN_GET(s, 0, "audio")) == SCAN_OBJECT;
    for (scan_ref v = scan_first(s, modalities); v != SCAN_ABSENT; v = scan_next(s, modalities, v))
        audio = audio || SCAN_IS(s, v, "audio");
    if (audio)
        converse_build_fail_param(b, ERR_FAULT_VALUE, "modalities",
                                  "Invalid 'modalities': audio is not supported.");
}

/* Fields that would change the answer, if Bedrock had them. What only concerns OpenAI's own service
 * (store, user, metadata, safety_identifier ...) goes without a word, and so do zeros. */
static const char *const dropped[] = {
    "frequency_penalty", "logit_bias",       "logprobs",
    "prediction",        "presence_penalty", "seed",
    "top_logprobs",      "verbosity",        "web_search_options",
};

static void note_dropped(struct converse_build *b, const struct scan *s)
{
    for (size_t i = 0; i < COUNT(dropped); i++) {
        scan_ref r = scan_get(s, 0, text_from(dropped[i]));
        enum scan_type t = scan_type(s, r);
        double number = 1;
        bool zero = scan_f64(s, r, &number) && number == 0;
        bool empty = t == SCAN_OBJECT && scan_size(s, r) == 0;
        if (t != SCAN_NONE && t != SCAN_NULL && t != SCAN_FALSE && !zero && !empty)
            converse_build_drop(b, dropped[i]);
    }
}

/* --- entry --------------------------------------------------------------------------------- */

static void put_format_instruction(struct converse_build *b, const struct scan *s,
                                   const struct wish *t)
{
    scan_ref type = SCAN_GET(s, SCAN_GET(s, 0, "response_format"), "type");
    bool any = SCAN_IS(s, type, "json_object");
    if (!any && (t->schema.n == 0 || converse_build_has(b, MODELS_FORMAT)))
        return;
    converse_settings_ask_json(b, t->schema);
    converse_build_clamp(b, "response_format");
}

enum status openai_to_converse(const struct chat_request *r, const struct converse_options *o,
                               struct converse_names *names, struct buf *body_out,
                               struct buf *changes_out, bool *retold_out, struct err *err)
{
    struct converse_build b;
    const struct scan *s = r->scan;
    struct wish settings = {.called = {.thinking = "reasoning_effort",
                                       .effort = "reasoning_effort",
                                       .one_call = "parallel_tool_calls",
                                       .stops = "stop"}};
    unsigned legacy_calls = 0;
    enum status st = messages_refuse_fields(s, err);
    if (st != STATUS_OK)
        return st;
    converse_build_begin(&b, o, names, s->arena, body_out, changes_out, err);
    b.stream = r->stream;
    refuse_audio(&b, s);
    note_dropped(&b, s);
    read_settings(&b, r, &settings);
    openai_tools_put(&b, r, &settings);
    scan_ref m = put_system(&b, r);
    put_format_instruction(&b, s, &settings);
    for (; m != SCAN_ABSENT && converse_build_ok(&b); m = scan_next(s, r->messages, m))
        put_message(&b, s, m, &legacy_calls);
    converse_build_messages_end(&b);
    converse_settings_put(&b, &settings);
    *retold_out = b.retold;
    return converse_build_end(&b);
}
