#include "worker/converse_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define POINTS_MAX 4 /* cache points a request may have */

void converse_build_begin(struct converse_build *b, const struct converse_options *o, struct converse_names *names,
                          struct arena *arena, struct buf *body, struct buf *changes, struct err *err)
{
    *b = (struct converse_build){
        .o = o, .names = names, .arena = arena, .changes = changes, .err = err, .status = STATUS_OK};
    json_begin(&b->w, body);
    json_object(&b->w);
}

bool converse_build_ok(const struct converse_build *b)
{
    return b->status == STATUS_OK && buf_ok(b->w.b);
}

enum status converse_build_fail(struct converse_build *b, enum status code, const char *fmt, ...)
{
    if (b->status != STATUS_OK) {
        return b->status;
    }
    char text[240];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->status = err_set(b->err, code, "%s", text);
    return b->status;
}

bool converse_build_has(const struct converse_build *b, uint32_t flag)
{
    return (b->o->model->caps->flags & flag) != 0;
}

void converse_build_note(struct converse_build *b, const char *what, struct str name)
{
    if (b->o->strict_fields) {
        converse_build_fail(b, STATUS_INVALID, "%s%.*s: this model does not take it (STRICT_FIELDS)", what,
                            (int)(name.n < 80 ? name.n : 80), name.n ? name.p : "");
    }
    converse_note(b->changes, what, name);
}

static void note(struct converse_build *b, const char *what)
{
    converse_build_note(b, what, (struct str){NULL, 0});
}

static void member(struct converse_build *b, struct str key, struct str text)
{
    json_key(&b->w, key);
    json_str(&b->w, text);
}

/* --- turns ------------------------------------------------------------------------------------------ */

void converse_build_messages(struct converse_build *b)
{
    JSON_KEY(&b->w, "messages");
    json_array(&b->w);
}

/* Bedrock refuses a turn that has a document but no text. */
static void close_turn(struct converse_build *b)
{
    if (b->turn == CONVERSE_NONE) {
        return;
    }
    if (b->turn_document && !b->turn_text) {
        converse_build_text(b, STR("See the attached document."));
        note(b, "map:document_without_text");
    }
    json_array_end(&b->w);
    json_object_end(&b->w);
    b->turn = CONVERSE_NONE;
}

void converse_build_turn(struct converse_build *b, enum converse_role role)
{
    if (b->turn == role) {
        return;
    }
    close_turn(b);
    b->turn = role;
    b->turn_document = b->turn_text = false;
    json_object(&b->w);
    member(b, STR("role"), role == CONVERSE_USER ? STR("user") : STR("assistant"));
    JSON_KEY(&b->w, "content");
    json_array(&b->w);
}

void converse_build_messages_end(struct converse_build *b)
{
    close_turn(b);
    json_array_end(&b->w);
}

/* --- blocks ------------------------------------------------------------------------------------------- */

void converse_build_text(struct converse_build *b, struct str text)
{
    if (!text.n) {
        return;
    }
    json_object(&b->w);
    member(b, STR("text"), text);
    json_object_end(&b->w);
    b->turn_text = true;
}

static struct str image_format(struct str media_type)
{
    static const struct {
        struct str type, format;
    } table[] = {
        {{"image/png", 9}, {"png", 3}},   {{"image/jpeg", 10}, {"jpeg", 4}}, {{"image/jpg", 9}, {"jpeg", 4}},
        {{"image/gif", 9}, {"gif", 3}},   {{"image/webp", 10}, {"webp", 4}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_ieq(media_type, table[i].type)) {
            return table[i].format;
        }
    }
    return (struct str){NULL, 0};
}

static void put_bytes(struct converse_build *b, struct str data)
{
    JSON_KEY(&b->w, "source");
    json_object(&b->w);
    member(b, STR("bytes"), data);
    json_object_end(&b->w);
}

void converse_build_image(struct converse_build *b, struct str media_type, struct str data)
{
    struct str format = image_format(media_type);
    if (!converse_build_has(b, MODELS_IMAGES)) {
        converse_build_fail(b, STATUS_INVALID, "capability_rejected: image_block");
        return;
    }
    if (!format.n || !data.n) {
        converse_build_fail(b, STATUS_INVALID,
                            "image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or "
                            "'image/webp'");
        return;
    }
    json_object(&b->w);
    JSON_KEY(&b->w, "image");
    json_object(&b->w);
    member(b, STR("format"), format);
    put_bytes(b, data);
    json_object_end(&b->w);
    json_object_end(&b->w);
}

static void put_document_source(struct converse_build *b, enum converse_source source, struct str data)
{
    if (source == CONVERSE_BYTES) {
        put_bytes(b, data);
        return;
    }
    JSON_KEY(&b->w, "source");
    json_object(&b->w);
    member(b, STR("text"), data);
    json_object_end(&b->w);
}

void converse_build_document(struct converse_build *b, struct str format, enum converse_source source, struct str data,
                             struct str title, struct str context, bool citations)
{
    if (!converse_build_has(b, MODELS_DOCUMENTS)) {
        converse_build_fail(b, STATUS_INVALID, "capability_rejected: document_block");
        return;
    }
    json_object(&b->w);
    JSON_KEY(&b->w, "document");
    json_object(&b->w);
    member(b, STR("format"), format);
    member(b, STR("name"), converse_document_name(b->arena, title, ++b->documents));
    put_document_source(b, source, data);
    if (context.n) {
        member(b, STR("context"), context);
    }
    if (citations) {
        JSON_KEY(&b->w, "citations");
        json_raw(&b->w, STR("{\"enabled\":true}"));
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
    b->turn_document = true;
}

static struct str tool_name(struct converse_build *b, struct str name)
{
    struct str out = converse_name_out(b->names, name);
    if (!out.p) {
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
    }
    return out;
}

void converse_build_tool_use(struct converse_build *b, struct str id, struct str name, struct str input)
{
    json_object(&b->w);
    JSON_KEY(&b->w, "toolUse");
    json_object(&b->w);
    member(b, STR("toolUseId"), converse_tool_id(b->arena, id));
    member(b, STR("name"), tool_name(b, name));
    JSON_KEY(&b->w, "input");
    json_raw(&b->w, input.n ? input : STR("{}"));
    json_object_end(&b->w);
    json_object_end(&b->w);
}

void converse_build_tool_result(struct converse_build *b, struct str id)
{
    json_object(&b->w);
    JSON_KEY(&b->w, "toolResult");
    json_object(&b->w);
    member(b, STR("toolUseId"), converse_tool_id(b->arena, id));
    JSON_KEY(&b->w, "content");
    json_array(&b->w);
}

/* Only Claude and Nova know a status (API_runtime_ToolResultBlock); for the others the result's text speaks. */
static bool knows_status(const struct converse_build *b)
{
    return converse_build_has(b, MODELS_CLAUDE) || text_starts(text_from(b->o->model->caps->family), STR("nova"));
}

void converse_build_tool_result_end(struct converse_build *b, unsigned blocks, bool is_error)
{
    bool text_before = b->turn_text;
    if (!blocks) {
        converse_build_text(b, STR("(no content)"));
    }
    json_array_end(&b->w);
    if (is_error && knows_status(b)) {
        member(b, STR("status"), STR("error"));
    } else if (is_error) {
        note(b, "drop:tool_result.is_error");
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
    b->turn_text = text_before;
}

void converse_build_reasoning(struct converse_build *b, struct str text, struct str signature)
{
    json_object(&b->w);
    JSON_KEY(&b->w, "reasoningContent");
    json_object(&b->w);
    JSON_KEY(&b->w, "reasoningText");
    json_object(&b->w);
    member(b, STR("text"), text);
    if (signature.n) {
        member(b, STR("signature"), signature);
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
    json_object_end(&b->w);
}

void converse_build_redacted(struct converse_build *b, struct str data)
{
    json_object(&b->w);
    JSON_KEY(&b->w, "reasoningContent");
    json_object(&b->w);
    member(b, STR("redactedContent"), data);
    json_object_end(&b->w);
    json_object_end(&b->w);
}

/* Bedrock refuses a longer lifetime after a shorter one, in the order tools, system, messages. */
static bool hour_allowed(struct converse_build *b)
{
    if (!b->ttl_short && converse_build_has(b, MODELS_CACHE_1H)) {
        return true;
    }
    note(b, "map:cache_control.ttl");
    return false;
}

void converse_build_cache_point(struct converse_build *b, struct str ttl)
{
    if (!converse_build_has(b, MODELS_CACHE)) {
        note(b, "drop:cache_control");
        return;
    }
    if (b->points >= POINTS_MAX) {
        note(b, "drop:cache_control.surplus");
        return;
    }
    bool hour = text_eq(ttl, STR("1h")) && hour_allowed(b);
    b->ttl_short = b->ttl_short || !hour;
    b->points++;
    json_raw(&b->w, hour ? STR("{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}")
                         : STR("{\"cachePoint\":{\"type\":\"default\"}}"));
}

/* --- tools ----------------------------------------------------------------------------------------------- */

void converse_build_tools(struct converse_build *b)
{
    JSON_KEY(&b->w, "toolConfig");
    json_object(&b->w);
    JSON_KEY(&b->w, "tools");
    json_array(&b->w);
}

void converse_build_tool(struct converse_build *b, struct str name, struct str description, struct str schema, bool strict)
{
    json_object(&b->w);
    JSON_KEY(&b->w, "toolSpec");
    json_object(&b->w);
    member(b, STR("name"), tool_name(b, name));
    if (description.n) { /* at least one character, else left out */
        member(b, STR("description"), description);
    }
    JSON_KEY(&b->w, "inputSchema");
    json_object(&b->w);
    JSON_KEY(&b->w, "json");
    json_raw(&b->w, schema.n ? schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    json_object_end(&b->w);
    if (strict && converse_build_has(b, MODELS_FORMAT)) {
        JSON_KEY(&b->w, "strict");
        json_bool(&b->w, true);
    } else if (strict) {
        note(b, "drop:tools.strict");
    }
    json_object_end(&b->w);
    json_object_end(&b->w);
}

static void put_choice(struct converse_build *b, enum converse_choice choice, struct str name)
{
    JSON_KEY(&b->w, "toolChoice");
    json_object(&b->w);
    if (choice == CONVERSE_ANY) {
        JSON_KEY(&b->w, "any");
        json_raw(&b->w, STR("{}"));
    } else {
        JSON_KEY(&b->w, "tool");
        json_object(&b->w);
        member(b, STR("name"), tool_name(b, name));
        json_object_end(&b->w);
    }
    json_object_end(&b->w);
}

void converse_build_tools_end(struct converse_build *b, enum converse_choice choice, struct str name)
{
    json_array_end(&b->w);
    if (choice != CONVERSE_AUTO && converse_build_has(b, MODELS_TOOL_CHOICE)) {
        put_choice(b, choice, name);
    } else if (choice != CONVERSE_AUTO) {
        note(b, "map:tool_choice=auto");
    }
    json_object_end(&b->w);
}

/* --- the rest ---------------------------------------------------------------------------------------------- */

static double clamp_unit(struct converse_build *b, double v, const char *what)
{
    if (v >= 0 && v <= 1) {
        return v;
    }
    note(b, what);
    return v < 0 ? 0 : 1;
}

static void put_sampling(struct converse_build *b, struct converse_sampling s)
{
    bool takes = converse_build_has(b, MODELS_SAMPLING | MODELS_SAMPLING_ONE);
    bool one = converse_build_has(b, MODELS_SAMPLING_ONE) && s.has_temperature && s.has_top_p;
    if (s.has_temperature && takes) {
        JSON_KEY(&b->w, "temperature");
        json_f64(&b->w, clamp_unit(b, s.temperature, "map:temperature"));
    } else if (s.has_temperature) {
        note(b, "drop:temperature");
    }
    if (s.has_top_p && takes && !one) {
        JSON_KEY(&b->w, "topP");
        json_f64(&b->w, clamp_unit(b, s.top_p, "map:top_p"));
    } else if (s.has_top_p) {
        note(b, "drop:top_p");
    }
}

/* Claude Code and the AI SDK ask for 128,000 of any model: more than the cap is lowered, not refused. */
static int64_t output_tokens(struct converse_build *b, int64_t wanted)
{
    int64_t cap = b->o->model->caps->output_max;
    if (cap && wanted > cap) {
        note(b, "map:max_tokens");
        return cap;
    }
    return wanted < 1 ? 1 : wanted;
}

void converse_build_inference(struct converse_build *b, struct converse_sampling s, const struct str *stops, size_t stop_count)
{
    JSON_KEY(&b->w, "inferenceConfig");
    json_object(&b->w);
    if (s.max_tokens) {
        JSON_KEY(&b->w, "maxTokens");
        json_i64(&b->w, output_tokens(b, s.max_tokens));
    }
    put_sampling(b, s);
    if (stop_count) {
        JSON_KEY(&b->w, "stopSequences");
        json_array(&b->w);
        for (size_t i = 0; i < stop_count; i++) {
            json_raw(&b->w, stops[i]);
        }
        json_array_end(&b->w);
    }
    json_object_end(&b->w);
    if (stop_count) { /* a path that the model's answer has not is ignored by Bedrock */
        JSON_KEY(&b->w, "additionalModelResponseFieldPaths");
        json_raw(&b->w, STR("[\"/stop_sequence\"]"));
    }
}

void converse_build_tier(struct converse_build *b)
{
    struct str tier = b->o->service_tier;
    if (!tier.n || text_eq(tier, STR("default"))) {
        return;
    }
    JSON_KEY(&b->w, "serviceTier");
    json_object(&b->w);
    member(b, STR("type"), tier);
    json_object_end(&b->w);
}

static void put_text_format(struct converse_build *b, struct str schema, struct str name)
{
    JSON_KEY(&b->w, "textFormat");
    json_object(&b->w);
    member(b, STR("type"), STR("json_schema"));
    JSON_KEY(&b->w, "structure");
    json_object(&b->w);
    JSON_KEY(&b->w, "jsonSchema");
    json_object(&b->w);
    member(b, STR("schema"), schema);
    if (name.n) {
        member(b, STR("name"), name);
    }
    for (int i = 0; i < 3; i++) {
        json_object_end(&b->w);
    }
}

void converse_build_schema(struct converse_build *b, struct str schema, struct str name, struct str effort)
{
    bool format = schema.n && converse_build_has(b, MODELS_FORMAT);
    bool level = effort.n && converse_build_has(b, MODELS_EFFORT);
    if (schema.n && !format) {
        note(b, "drop:output_config.format");
    }
    if (effort.n && !level) {
        note(b, "drop:output_config.effort");
    }
    if (!format && !level) {
        return;
    }
    JSON_KEY(&b->w, "outputConfig");
    json_object(&b->w);
    if (format) {
        put_text_format(b, schema, name);
    }
    if (level) {
        member(b, STR("effort"), effort);
    }
    json_object_end(&b->w);
}
