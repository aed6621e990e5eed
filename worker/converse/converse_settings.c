#include "worker/converse/converse_settings.h"

#include "worker/converse/converse_thinking.h"
#include "worker/dialect/json_wish.h"

#define STOPS_MAX 2500 /* API_runtime_InferenceConfiguration */

/* --- stop sequences ------------------------------------------------------------------------ */

void converse_settings_stops(struct converse_build *b, struct wish *s, size_t most)
{
    s->stops = arena_alloc(b->arena, (most + 1) * sizeof *s->stops);
    if (!s->stops)
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
}

void converse_settings_stop(struct converse_build *b, struct wish *s, struct str raw)
{
    if (converse_is_blank(raw) || s->stop_count == STOPS_MAX)
        converse_build_drop(b, s->called.stops);
    else if (s->stops)
        s->stops[s->stop_count++] = raw;
}

/* --- inferenceConfig ----------------------------------------------------------------------- */

/* Clients ask for 128,000 of any model (Claude Code, AI SDK): more than the cap is lowered. 0 only
 * warms the cache at Anthropic; Bedrock's least is 1. */
static int64_t output_tokens(struct converse_build *b, int64_t wanted)
{
    int64_t cap = b->o->model->caps->output_max;
    if (cap == 0 || wanted <= cap)
        return wanted;
    converse_build_clamp(b, "max_tokens");
    return cap;
}

static void put_unit(struct converse_section *x, struct str key, double v, const char *what)
{
    if (!(v >= 0 && v <= 1)) { /* OpenAI's temperature goes to 2 */
        converse_build_clamp(x->b, what);
        v = v < 0 ? 0 : 1;
    }
    json_f64(converse_build_key(x, key), v);
}

static void put_sampling(struct converse_section *x, const struct wish *s)
{
    struct converse_build *b = x->b;
    enum models_sampling takes = b->o->model->caps->sampling;
    bool one = takes == MODELS_SAMPLING_ONE && s->has_temperature;
    if (s->has_temperature && takes != MODELS_SAMPLING_NONE)
        put_unit(x, STR("temperature"), s->temperature, "temperature");
    else if (s->has_temperature)
        converse_build_drop(b, "temperature");
    if (s->has_top_p && takes != MODELS_SAMPLING_NONE && !one)
        put_unit(x, STR("topP"), s->top_p, "top_p");
    else if (s->has_top_p)
        converse_build_drop(b, "top_p");
}

static bool put_stops(struct converse_section *x, const struct wish *s)
{
    struct converse_build *b = x->b;
    if (s->stop_count == 0)
        return false;
    if (!converse_build_has(b, MODELS_STOPS)) {
        converse_build_drop(b, s->called.stops);
        return false;
    }
    json_array(converse_build_key(x, STR("stopSequences")));
    for (size_t i = 0; i < s->stop_count; i++)
        json_raw(&b->w, s->stops[i]);
    json_array_end(&b->w);
    return true;
}

static void put_inference(struct converse_build *b, const struct wish *s)
{
    struct converse_section x = {b, STR("inferenceConfig"), false};
    if (s->max_tokens > 0)
        json_i64(converse_build_key(&x, STR("maxTokens")), output_tokens(b, s->max_tokens));
    put_sampling(&x, s);
    bool stops = put_stops(&x, s);
    converse_build_section_end(&x);
    if (stops) { /* a path that the model's answer has not is ignored by Bedrock */
        JSON_KEY(&b->w, "additionalModelResponseFieldPaths");
        json_raw(&b->w, STR("[\"/stop_sequence\"]"));
    }
}

/* --- additionalModelRequestFields ---------------------------------------------------------- */

static void put_top_k(struct converse_section *x, const struct wish *s)
{
    struct converse_build *b = x->b;
    if (s->top_k.n == 0)
        return;
    struct str rest = text_from(b->o->model->caps->top_k), key; /* "top_k", or "object.member" */
    if (rest.n == 0) {
        converse_build_drop(b, "top_k");
        return;
    }
    text_split(&rest, '.', &key);
    struct json_out *w = converse_build_key(x, key);
    if (rest.n > 0) {
        json_object(w);
        json_key(w, rest);
    }
    json_raw(w, s->top_k);
    if (rest.n > 0)
        json_object_end(w);
}

/*
 * Claude's own tool_choice says what toolChoice cannot. Beside a toolChoice of Converse its "type"
 * is refused as a conflict, alone it is required (litellm issues 34347 and 36536, against the live
 * service). Claude since 4.5: older ones refuse the key.
 */
static void put_tool_choice(struct converse_section *x, const struct wish *s, bool tools)
{
    struct converse_build *b = x->b;
    if (!tools || (!s->one_call && !s->no_calls))
        return;
    if (!converse_build_has(b, MODELS_CALL_LIMIT)) {
        converse_build_clamp(b, s->no_calls ? "tool_choice" : s->called.one_call);
        return;
    }
    struct json_out *w = converse_build_key(x, STR("tool_choice"));
    json_object(w);
    if (!b->forced)
        converse_build_member(b, STR("type"), s->no_calls ? STR("none") : STR("auto"));
    if (!s->no_calls) {
        JSON_KEY(w, "disable_parallel_tool_use");
        json_bool(w, true);
    }
    json_object_end(w);
}

/* A beta is a feature of Claude's: one that does not go on is named, so that nobody believes it
 * was on. */
static void put_beta(struct converse_section *x, struct str beta, bool *open)
{
    struct converse_build *b = x->b;
    struct str to[BETAS_TO_MAX];
    uint32_t n;
    if (beta.n == 0)
        return;
    enum betas_verdict verdict =
        betas_judge(&b->o->beta_rules, b->o->model, b->arena, beta, to, &n);
    if (verdict == BETAS_DROPPED)
        converse_build_drop_named(b, "beta:", beta);
    if (verdict == BETAS_MAPPED)
        converse_build_map_named(b, "beta:", beta);
    for (uint32_t i = 0; i < n; i++) {
        if (!*open)
            json_array(converse_build_key(x, STR("anthropic_beta")));
        *open = true;
        json_str(&b->w, to[i]);
    }
}

static bool list_has(struct str list, struct str value)
{
    struct str one;
    while (list.n > 0 && text_split(&list, ',', &one))
        if (text_eq(text_trim(one), value))
            return true;
    return false;
}

static void put_betas(struct converse_section *x)
{
    const struct converse_options *o = x->b->o;
    struct str rest = o->betas, one;
    bool open = false;
    while (rest.n > 0 && text_split(&rest, ',', &one))
        put_beta(x, text_trim(one), &open);
    if (o->model->one_million && !list_has(o->betas, STR("context-1m-2025-08-07")))
        put_beta(x, STR("context-1m-2025-08-07"), &open);
    if (open)
        json_array_end(&x->b->w);
}

static void put_additional(struct converse_build *b, const struct wish *s)
{
    struct converse_section x = {b, STR("additionalModelRequestFields"), false};
    converse_thinking_put(&x, s);
    put_top_k(&x, s);
    put_tool_choice(&x, s, b->tools_put);
    put_betas(&x);
    converse_build_section_end(&x);
}

/* --- outputConfig, serviceTier ------------------------------------------------------------- */

static void put_format(struct converse_section *x, const struct wish *s)
{
    struct converse_build *b = x->b;
    struct json_out *w = converse_build_key(x, STR("textFormat"));
    json_object(w);
    converse_build_member(b, STR("type"), STR("json_schema"));
    JSON_KEY(w, "structure");
    json_object(w);
    JSON_KEY(w, "jsonSchema");
    json_object(w);
    converse_build_member(b, STR("schema"), s->schema); /* JSON inside a JSON string */
    if (s->schema_name.n > 0)
        converse_build_member(b, STR("name"), s->schema_name);
    if (s->schema_description.n > 0)
        converse_build_member(b, STR("description"), s->schema_description);
    for (int i = 0; i < 3; i++)
        json_object_end(w);
}

static void put_output(struct converse_build *b, const struct wish *s)
{
    struct converse_section x = {b, STR("outputConfig"), false};
    if (s->schema.n > 0 && converse_build_has(b, MODELS_FORMAT))
        put_format(&x, s);
    if (s->effort.n > 0 && b->o->model->caps->level_at == MODELS_LEVEL_OUTPUT_CONFIG)
        json_str(converse_build_key(&x, STR("effort")), s->effort);
    else if (s->effort.n > 0 && !converse_thinking_tells_effort(b, s))
        converse_build_drop(b, s->called.effort);
    converse_build_section_end(&x);
}

static void put_tier(struct converse_build *b, struct str tier)
{
    if (tier.n == 0)
        tier = b->o->service_tier;
    if (tier.n == 0 || text_eq(tier, STR("default")) || b->o->tier_refused)
        return;
    JSON_KEY(&b->w, "serviceTier");
    json_object(&b->w);
    converse_build_member(b, STR("type"), tier);
    json_object_end(&b->w);
}

void converse_settings_put(struct converse_build *b, struct wish *s)
{
    converse_thinking_settle(b, s);
    put_inference(b, s);
    put_additional(b, s);
    put_output(b, s);
    put_tier(b, s->tier);
}

/* --- structured output in words ------------------------------------------------------------ */

void converse_settings_ask_json(struct converse_build *b, struct str schema)
{
    struct str wish = json_wish(b->arena, schema);
    converse_build_role(b, CONVERSE_SYSTEM);
    if (wish.p)
        converse_build_text_pieces(b, &wish, 1);
    else
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
}
