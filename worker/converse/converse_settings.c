#include "worker/converse/converse_settings.h"

#include "worker/dialect/json_wish.h"
#include "worker/plan/plan_schema.h"

/* A member of the section: "top_k", or "object.member", whose object is to be ended after it. type:
 * of that object, or empty. */
static struct json_out *path_key(struct converse_section *x, struct str path, struct str type,
                                 bool *nested_out)
{
    struct str rest = path, key;
    text_split(&rest, '.', &key);
    struct json_out *w = converse_build_key(x, key);
    *nested_out = rest.n > 0;
    if (*nested_out) {
        json_object(w);
        if (type.n > 0) {
            converse_build_member(x->b, STR("type"), type);
        }
        json_key(w, rest);
    }
    return w;
}

/* --- inferenceConfig ----------------------------------------------------------------------- */

static bool put_stops(struct converse_section *x, const struct wish *w)
{
    if (w->stops.count == 0) {
        return false;
    }
    struct json_out *out = converse_build_key(x, STR("stopSequences"));
    json_array(out);
    for (size_t i = 0; i < w->stops.count; i++) {
        json_raw(out, w->stops.list[i]);
    }
    json_array_end(out);
    return true;
}

/* Of Claude that thinks: how much of the output it was, which Converse's own usage does not say
 * (litellm 1.110.2, converse_transformation.py). A path that the model's answer has not is ignored. */
static bool tells_thinking(const struct plan *p)
{
    bool unasked =
        p->left.thinking.mode == WISH_THINKING_UNSET && plan_takes(p, MODELS_OFF_TO_HIGH);
    return plan_takes(p, MODELS_CLAUDE) &&
           (wish_thinks(p->left.thinking.mode) || unasked || plan_takes(p, MODELS_ALWAYS_THINKS));
}

static void put_response_paths(struct converse_build *b, bool stops)
{
    bool thinks = tells_thinking(b->plan);
    if (!stops && !thinks) {
        return;
    }
    JSON_KEY(&b->w, "additionalModelResponseFieldPaths");
    json_array(&b->w);
    if (stops) {
        json_str(&b->w, STR("/stop_sequence"));
    }
    if (thinks) {
        json_str(&b->w, STR("/usage/output_tokens_details"));
    }
    json_array_end(&b->w);
}

static void put_inference(struct converse_build *b, const struct wish *w)
{
    struct converse_section x = {b, STR("inferenceConfig"), false};
    if (w->max_tokens.n > 0) {
        json_i64(converse_build_key(&x, STR("maxTokens")), w->max_tokens.n);
    }
    if (w->sampling.has_temperature) {
        json_f64(converse_build_key(&x, STR("temperature")), w->sampling.temperature);
    }
    if (w->sampling.has_top_p) {
        json_f64(converse_build_key(&x, STR("topP")), w->sampling.top_p);
    }
    bool stops = put_stops(&x, w);
    converse_build_section_end(&x);
    put_response_paths(b, stops);
}

/* --- additionalModelRequestFields ---------------------------------------------------------- */

static void put_thinking(struct converse_section *x, const struct plan *p)
{
    static const char *const types[] = {[WISH_THINKING_OFF] = "disabled",
                                        [WISH_THINKING_ADAPTIVE] = "adaptive",
                                        [WISH_THINKING_BUDGET] = "enabled",
                                        [WISH_THINKING_BETWEEN] = "between_tools"};
    const struct wish *w = &p->left;
    /* Beside a forced tool thinking would be a 400. */
    bool drop_block = p->thinking.drop_block && !p->tools.forced;
    enum wish_thinking thinking = w->thinking.mode == WISH_THINKING_UNSET && drop_block
                                      ? WISH_THINKING_ADAPTIVE
                                      : w->thinking.mode;
    if (thinking == WISH_THINKING_UNSET) {
        return;
    }
    struct json_out *out = converse_build_key(x, STR("thinking"));
    json_object(out);
    converse_build_member(x->b, STR("type"), text_from(types[thinking]));
    if (w->thinking.mode == WISH_THINKING_BUDGET) {
        JSON_KEY(out, "budget_tokens");
        json_i64(out, w->thinking.budget);
    }
    if (w->thinking.display.as.n > 0 && w->thinking.mode != WISH_THINKING_OFF) {
        converse_build_member(x->b, STR("display"), w->thinking.display.as);
    }
    if (p->thinking.drop_block) {
        JSON_KEY(out, "block_binding");
        json_object(out);
        converse_build_member(x->b, STR("mismatch_behavior"), STR("drop_block"));
        json_object_end(out);
    }
    json_object_end(out);
}

static void put_level(struct converse_section *x)
{
    static const struct str paths[] = {
#define PATH(name, path) [MODELS_LEVEL_##name] = STR(path),
        ABILITIES_LEVEL_PLACES(PATH)
#undef PATH
    };
    const struct plan *p = x->b->plan;
    bool nested;
    if (p->thinking.level.n == 0 || p->caps->level_at == MODELS_LEVEL_OUTPUT_CONFIG) {
        return;
    }
    bool typed = p->caps->level_at == MODELS_LEVEL_REASONING_CONFIG;
    struct json_out *out = path_key(x, paths[p->caps->level_at],
                                    typed ? STR("enabled") : (struct str){NULL, 0}, &nested);
    json_str(out, p->thinking.level);
    if (nested) {
        json_object_end(out);
    }
}

static void put_top_k(struct converse_section *x, const struct wish *w)
{
    bool nested;
    if (w->sampling.top_k == SCAN_ABSENT) {
        return;
    }
    struct json_out *out =
        path_key(x, text_from(x->b->plan->caps->top_k), (struct str){NULL, 0}, &nested);
    json_raw(out, scan_raw(w->scan, w->sampling.top_k));
    if (nested) {
        json_object_end(out);
    }
}

/*
 * Claude's own tool_choice says what toolChoice cannot. Beside a toolChoice of Converse its "type"
 * is refused as a conflict, alone it is required (litellm issues 34347 and 36536, against the live
 * service). Claude since 4.5: older ones refuse the key.
 */
static void put_tool_choice(struct converse_section *x, const struct plan *p)
{
    if (!p->left.choice.one_call && !p->tools.no_calls) {
        return;
    }
    struct json_out *out = converse_build_key(x, STR("tool_choice"));
    json_object(out);
    if (!p->tools.forced) {
        converse_build_member(x->b, STR("type"), p->tools.no_calls ? STR("none") : STR("auto"));
    }
    if (!p->tools.no_calls) {
        JSON_KEY(out, "disable_parallel_tool_use");
        json_bool(out, true);
    }
    json_object_end(out);
}

static void put_betas(struct converse_section *x, const struct plan *p)
{
    if (p->betas.count == 0) {
        return;
    }
    struct json_out *out = converse_build_key(x, STR("anthropic_beta"));
    json_array(out);
    for (uint32_t i = 0; i < p->betas.count; i++) {
        json_str(out, p->betas.value[i]);
    }
    json_array_end(out);
}

static void put_plain(struct converse_section *x, const struct wish *w)
{
    for (size_t i = 0; i < wish_plain_count; i++) {
        if (w->fields.plain[i] != SCAN_ABSENT) {
            json_raw(
                converse_build_key(x, scan_text(w->scan, scan_key(w->scan, w->fields.plain[i]))),
                scan_raw(w->scan, w->fields.plain[i]));
        }
    }
}

static void put_additional(struct converse_build *b, const struct plan *p)
{
    struct converse_section x = {b, STR("additionalModelRequestFields"), false};
    put_thinking(&x, p);
    put_level(&x);
    put_top_k(&x, &p->left);
    put_tool_choice(&x, p);
    put_betas(&x, p);
    put_plain(&x, &p->left);
    converse_build_section_end(&x);
}

/* --- outputConfig, serviceTier ------------------------------------------------------------- */

static void put_format(struct converse_section *x, const struct wish *w)
{
    struct converse_build *b = x->b;
    struct str schema = plan_schema_format(b->plan);
    struct json_out *out = converse_build_key(x, STR("textFormat"));
    if (!schema.p) {
        converse_build_no_memory(b);
    }
    json_object(out);
    converse_build_member(b, STR("type"), STR("json_schema"));
    JSON_KEY(out, "structure");
    json_object(out);
    JSON_KEY(out, "jsonSchema");
    json_object(out); /* JSON inside a JSON string */
    converse_build_member(b, STR("schema"), schema);
    if (w->format.schema.name.n > 0) {
        converse_build_member(b, STR("name"), w->format.schema.name);
    }
    if (w->format.schema.description.n > 0) {
        converse_build_member(b, STR("description"), w->format.schema.description);
    }
    for (int i = 0; i < 3; i++) {
        json_object_end(out);
    }
}

static void put_output(struct converse_build *b, const struct plan *p)
{
    struct converse_section x = {b, STR("outputConfig"), false};
    if (p->format.how == PLAN_FORMAT_NATIVE) {
        put_format(&x, &p->left);
    }
    if (p->thinking.level.n > 0 && p->caps->level_at == MODELS_LEVEL_OUTPUT_CONFIG) {
        json_str(converse_build_key(&x, STR("effort")), p->thinking.level);
    }
    converse_build_section_end(&x);
}

static void put_tier(struct converse_build *b, enum tier tier)
{
    if (tier == TIER_DEFAULT) {
        return;
    }
    JSON_KEY(&b->w, "serviceTier");
    json_object(&b->w);
    converse_build_member(b, STR("type"), tier_word(tier));
    json_object_end(&b->w);
}

/* --- guardrailConfig, projectIdentifier, requestMetadata ----------------------------------- */

static void put_guardrail(struct converse_build *b, const struct plan *p)
{
    const struct bedrock_terms_guardrail *g = &p->o->terms.guardrail;
    struct converse_section x = {b, STR("guardrailConfig"), false};
    if (g->id.n == 0) {
        return;
    }
    json_str(converse_build_key(&x, STR("guardrailIdentifier")), g->id);
    json_str(converse_build_key(&x, STR("guardrailVersion")), g->version);
    if (g->async && p->left.stream && !p->whole_upstream) { /* ConverseStream's own member */
        json_str(converse_build_key(&x, STR("streamProcessingMode")), STR("async"));
    }
    converse_build_section_end(&x);
}

static void put_terms(struct converse_build *b, const struct plan *p)
{
    put_guardrail(b, p);
    if (p->o->terms.project.n > 0) {
        converse_build_member(b, STR("projectIdentifier"), p->o->terms.project);
    }
    if (p->o->terms.metadata.n > 0) {
        JSON_KEY(&b->w, "requestMetadata");
        json_raw(&b->w, p->o->terms.metadata);
    }
}

void converse_settings_put(struct converse_build *b)
{
    put_inference(b, &b->plan->left);
    put_additional(b, b->plan);
    put_output(b, b->plan);
    put_tier(b, b->plan->tier);
    put_terms(b, b->plan);
}

/* --- in words ------------------------------------------------------------------------------ */

static void put_words(struct converse_build *b, struct str words)
{
    converse_build_role(b, CONVERSE_SYSTEM);
    if (words.p) {
        converse_build_text_pieces(b, &words, 1);
    } else {
        converse_build_no_memory(b);
    }
}

void converse_settings_put_words(struct converse_build *b)
{
    const struct plan *p = b->plan;
    struct str name = p->left.choice.name;
    if (p->tools.in_words) {
        if (name.n > 0) {
            name = converse_name_out(b->names, name);
        }
        put_words(b, json_wish_call(b->arena, name));
    }
    if (p->format.how == PLAN_FORMAT_WORDS) {
        put_words(b, json_wish(b->arena, p->left.format.schema.text));
    }
}
