#include "worker/anthropic_to_converse.h"

#include "worker/anthropic_blocks.h"
#include "worker/anthropic_tools.h"
#include "worker/converse_build.h"

#define STOPS_MAX 2500 /* API_runtime_InferenceConfiguration */

static const struct str nothing = {NULL, 0};

static void note(struct converse_build *b, const char *what, struct str name)
{
    converse_build_note(b, what, name);
}

static struct str text_of(const struct scan *s, scan_ref object, struct str key)
{
    return scan_text(s, scan_get(s, object, key));
}

/* --- system ------------------------------------------------------------------------------------------- */

/* Claude Code's first system block names the client for Anthropic's billing: noise for other models, and it
 * changes with every session, which would spoil their prompt caches. */
static bool is_billing(struct str text)
{
    return text_starts(text, STR("x-anthropic-billing-header:"));
}

static void put_system_text(struct converse_build *b, struct str text)
{
    if (is_billing(text) && !converse_build_has(b, MODELS_CLAUDE)) {
        note(b, "drop:system.billing_header", nothing);
        return;
    }
    converse_build_text(b, text);
}

static void put_system_blocks(struct converse_build *b, const struct scan *s, scan_ref system)
{
    if (scan_type(s, system) == SCAN_STRING) {
        put_system_text(b, scan_text(s, system));
    }
    for (scan_ref v = scan_first(s, system); v != SCAN_ABSENT; v = scan_next(s, system, v)) {
        size_t before = buf_len(b->w.b);
        put_system_text(b, text_of(s, v, STR("text")));
        if (buf_len(b->w.b) > before) {
            anthropic_blocks_cache(b, s, v);
        }
    }
}

static bool has_system(struct converse_build *b, const struct scan *s, scan_ref system)
{
    struct str all = anthropic_blocks_text(s, b->arena, system);
    return all.n > 0 && !(is_billing(all) && scan_size(s, system) == 1);
}

static void put_system(struct converse_build *b, const struct messages_request *r)
{
    if (r->system == SCAN_ABSENT || !has_system(b, r->scan, r->system) || !converse_build_has(b, MODELS_SYSTEM)) {
        return;
    }
    JSON_KEY(&b->w, "system");
    json_array(&b->w);
    put_system_blocks(b, r->scan, r->system);
    json_array_end(&b->w);
}

/* Models without a system prompt get it as the first words of the user. */
static void fold_system(struct converse_build *b, const struct messages_request *r)
{
    if (r->system == SCAN_ABSENT || converse_build_has(b, MODELS_SYSTEM) || !has_system(b, r->scan, r->system)) {
        return;
    }
    converse_build_turn(b, CONVERSE_USER);
    put_system_blocks(b, r->scan, r->system);
    note(b, "map:system=user", nothing);
}

/* --- messages ------------------------------------------------------------------------------------------ */

/* Converse's role "system" carries no text. Claude Code puts its whole environment there, so it must not be
 * lost: it joins the user's turn in the tags that Claude Code itself falls back to. */
static void put_system_turn(struct converse_build *b, const struct scan *s, scan_ref message)
{
    scan_ref content = SCAN_GET(s, message, "content");
    struct str text = anthropic_blocks_text(s, b->arena, content);
    if (!text.n) {
        return;
    }
    char *wrapped = arena_printf(b->arena, "<system-reminder>\n%.*s\n</system-reminder>", STR_ARG(text));
    if (!wrapped) {
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
        return;
    }
    converse_build_turn(b, CONVERSE_USER);
    converse_build_text(b, text_from(wrapped));
    note(b, "map:system_role", nothing);
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        anthropic_blocks_cache(b, s, v);
    }
}

static void put_messages(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    converse_build_messages(b);
    fold_system(b, r);
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT && converse_build_ok(b); m = scan_next(s, r->messages, m)) {
        scan_ref role = SCAN_GET(s, m, "role");
        if (SCAN_IS(s, role, "system")) {
            put_system_turn(b, s, m);
        } else {
            anthropic_blocks_put(b, s, SCAN_GET(s, m, "content"),
                                 SCAN_IS(s, role, "assistant") ? CONVERSE_ASSISTANT : CONVERSE_USER);
        }
    }
    if (b->turn != CONVERSE_NONE) { /* top-level cache_control: a mark behind the last block */
        anthropic_blocks_cache(b, s, 0);
    }
    converse_build_messages_end(b);
}

/* --- the rest -------------------------------------------------------------------------------------------- */

static void put_inference(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    struct converse_sampling sampling = {.max_tokens = r->max_tokens ? r->max_tokens : 1};
    sampling.has_temperature = scan_f64(s, SCAN_GET(s, 0, "temperature"), &sampling.temperature);
    sampling.has_top_p = scan_f64(s, SCAN_GET(s, 0, "top_p"), &sampling.top_p);
    scan_ref list = SCAN_GET(s, 0, "stop_sequences");
    size_t n = 0, most = scan_type(s, list) == SCAN_ARRAY ? scan_size(s, list) : 0;
    struct str *stops = most ? arena_alloc(b->arena, most * sizeof *stops) : NULL;
    for (scan_ref v = scan_first(s, list); stops && v != SCAN_ABSENT && n < STOPS_MAX; v = scan_next(s, list, v)) {
        if (scan_text(s, v).n) {
            stops[n++] = scan_raw(s, v);
        }
    }
    converse_build_inference(b, sampling, stops, n);
}

static struct str effort_of(const struct scan *s)
{
    return text_of(s, SCAN_GET(s, 0, "output_config"), STR("effort"));
}

/* What thinking is called elsewhere. Sources: docs.aws.amazon.com/nova/latest/nova2-userguide (reasoningConfig),
 * the model cards of gpt-oss and Kimi (reasoning_effort). */
static const char *level_of(const struct scan *s)
{
    static const char *const levels[] = {"low", "medium", "high"};
    int64_t budget;
    struct str effort = effort_of(s);
    for (size_t i = 0; i < 3; i++) {
        if (text_eq(effort, text_from(levels[i]))) {
            return levels[i];
        }
    }
    if (effort.n) { /* xhigh, max */
        return "high";
    }
    if (!scan_i64(s, SCAN_GET(s, SCAN_GET(s, 0, "thinking"), "budget_tokens"), &budget)) {
        return "medium";
    }
    return budget > 10000 ? "high" : budget < 1000 ? "low" : "medium";
}

static bool thinks(const struct scan *s)
{
    scan_ref type = SCAN_GET(s, SCAN_GET(s, 0, "thinking"), "type");
    return SCAN_IS(s, type, "enabled") || SCAN_IS(s, type, "adaptive");
}

static bool family_is(const struct converse_build *b, struct str family)
{
    return text_starts(text_from(b->o->model->caps->family), family);
}

static void put_thinking(struct converse_build *b, const struct scan *s, struct json_out *w)
{
    scan_ref thinking = SCAN_GET(s, 0, "thinking");
    if (converse_build_has(b, MODELS_THINKING_ENABLED | MODELS_THINKING_ADAPTIVE)) {
        JSON_KEY(w, "thinking");
        json_raw(w, scan_raw(s, thinking));
    } else if (family_is(b, STR("nova-2"))) {
        JSON_KEY(w, "reasoningConfig");
        json_object(w);
        JSON_KEY(w, "type");
        json_str(w, STR("enabled"));
        JSON_KEY(w, "maxReasoningEffort");
        json_str(w, text_from(level_of(s)));
        json_object_end(w);
    } else if (family_is(b, STR("gpt-oss")) || family_is(b, STR("kimi"))) {
        JSON_KEY(w, "reasoning_effort");
        json_str(w, text_from(level_of(s)));
    } else {
        note(b, "drop:thinking", nothing);
    }
}

static void put_top_k(struct converse_build *b, const struct scan *s, struct json_out *w)
{
    scan_ref top_k = SCAN_GET(s, 0, "top_k");
    if (scan_type(s, top_k) != SCAN_NUMBER) {
        return;
    }
    if (converse_build_has(b, MODELS_CLAUDE) && converse_build_has(b, MODELS_SAMPLING)) {
        JSON_KEY(w, "top_k");
        json_raw(w, scan_raw(s, top_k));
    } else if (family_is(b, STR("nova"))) {
        JSON_KEY(w, "inferenceConfig");
        json_object(w);
        JSON_KEY(w, "topK");
        json_raw(w, scan_raw(s, top_k));
        json_object_end(w);
    } else {
        note(b, "drop:top_k", nothing);
    }
}

/* Fields that Converse has no member for travel here, as the model itself knows them. */
static void put_additional(struct converse_build *b, const struct messages_request *r)
{
    struct buf extra;
    struct json_out w;
    buf_init(&extra, 65536);
    json_begin(&w, &extra);
    json_object(&w);
    size_t empty = buf_len(&extra);
    if (thinks(r->scan)) {
        put_thinking(b, r->scan, &w);
    }
    put_top_k(b, r->scan, &w);
    bool any = buf_len(&extra) > empty;
    json_object_end(&w);
    if (any) {
        JSON_KEY(&b->w, "additionalModelRequestFields");
        json_raw(&b->w, buf_str(&extra));
    }
    if (!buf_ok(&extra)) {
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
    }
    buf_free(&extra);
}

static void put_output(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    scan_ref format = SCAN_GET(s, SCAN_GET(s, 0, "output_config"), "format");
    if (scan_type(s, format) != SCAN_OBJECT) { /* its name before GA */
        format = SCAN_GET(s, 0, "output_format");
    }
    scan_ref schema = SCAN_GET(s, format, "schema");
    bool mapped = family_is(b, STR("gpt-oss")) || family_is(b, STR("kimi")) || family_is(b, STR("nova-2"));
    struct str effort = mapped && thinks(s) ? nothing : effort_of(s); /* it became the level of thinking */
    converse_build_schema(b, scan_type(s, schema) == SCAN_OBJECT ? scan_raw(s, schema) : nothing, nothing, effort);
}

/* --- fields that are refused or dropped ---------------------------------------------------------------------- */

static const char *const refused[] = {"mcp_servers", "container", "fallbacks", "safeguards"};
static const char *const dropped[] = {"context_management", "inference_geo", "speed", "diagnostics",
                                      "tags",               "thread",        "betas"};

static bool refuse_fields(struct converse_build *b, const struct scan *s)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        enum scan_type t = scan_type(s, scan_get(s, 0, text_from(refused[i])));
        if (t != SCAN_NONE && t != SCAN_NULL) {
            converse_build_fail(b, STATUS_INVALID, "%s: not available on Amazon Bedrock", refused[i]);
            return true;
        }
    }
    return false;
}

static void note_dropped(struct converse_build *b, const struct scan *s)
{
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++) {
        enum scan_type t = scan_type(s, scan_get(s, 0, text_from(dropped[i])));
        if (t != SCAN_NONE && t != SCAN_NULL) {
            note(b, "drop:", text_from(dropped[i]));
        }
    }
}

/* A beta is a feature of Claude's: named so that nobody believes it was on. */
static void note_betas(struct converse_build *b)
{
    struct str rest = b->o->betas, one;
    while (rest.n && text_split(&rest, ',', &one)) {
        if (text_trim(one).n) {
            note(b, "drop:beta:", text_trim(one));
        }
    }
}

enum status anthropic_to_converse(const struct messages_request *r, const struct converse_options *o,
                                  struct converse_names *names, struct buf *body_out, struct buf *changes_out,
                                  struct err *err)
{
    struct converse_build b;
    converse_build_begin(&b, o, names, r->scan->arena, body_out, changes_out, err);
    if (refuse_fields(&b, r->scan)) {
        return b.status;
    }
    note_dropped(&b, r->scan);
    note_betas(&b);
    anthropic_tools_put(&b, r);
    put_system(&b, r);
    put_messages(&b, r);
    put_inference(&b, r);
    put_additional(&b, r);
    put_output(&b, r);
    converse_build_tier(&b);
    json_object_end(&b.w);
    if (b.status == STATUS_OK && !buf_ok(body_out)) {
        return err_set(err, STATUS_TOO_LARGE, "the converted request is larger than Bedrock takes");
    }
    return b.status;
}
