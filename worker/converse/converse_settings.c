#include "worker/converse/converse_settings.h"

#include "worker/dialect/json_wish.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define STOPS_MAX  2500 /* API_runtime_InferenceConfiguration */
#define BUDGET_MIN 1024 /* extended-thinking: the least budget, and it must be under max_tokens */

static const struct str nothing = {NULL, 0};

/* Levels of effort: what they are for models that only know low, medium and high, and as a budget
 * for Claude models that think by budget (31999 is the most that Claude Code asks for). */
static const struct effort {
    const char *name;
    const char *level;
    int64_t budget;
} efforts[] = {
    {"low", "low", 2048},     {"medium", "medium", 8192}, {"high", "high", 16384},
    {"xhigh", "high", 31999}, {"max", "high", 31999},
};

static const struct effort *find_effort(struct str name)
{
    for (size_t i = 0; i < COUNT(efforts); i++)
        if (text_eq(name, text_from(efforts[i].name)))
            return &efforts[i];
    return NULL;
}

bool converse_settings_effort(struct str name)
{
    return find_effort(name) != NULL;
}

/*
 * What thinking is called elsewhere:
 *   NOVA    docs.aws.amazon.com/nova/latest/nova2-userguide (extended thinking)
 *   OPENAI  reasoning_effort: the model cards of gpt-oss and Kimi on Bedrock
 *   SWITCH  the same, but it is "high" that makes the model think (langchain-aws 1261 for DeepSeek
 *           V3.1 and V3.2; the elder gateway for Kimi), and then it calls no tool it is forced to
 *   GPT     reasoning.effort; the flat name is refused (stdapi.ai issue 283)
 */
enum manner {
    MANNER_NONE,
    MANNER_CLAUDE,
    MANNER_NOVA,
    MANNER_OPENAI, /* from here on an effort alone is something to send */
    MANNER_SWITCH,
    MANNER_GPT
};

static enum manner manner_of(const struct converse_build *b)
{
    static const struct {
        const char *family;
        enum manner manner;
    } table[] = {
        /* by the beginning of the name, the first one wins */
        {"nova-2", MANNER_NOVA}, {"gpt-oss", MANNER_OPENAI},   {"gpt", MANNER_GPT},
        {"kimi", MANNER_SWITCH}, {"deepseek-r1", MANNER_NONE}, {"deepseek", MANNER_SWITCH},
    };
    if (converse_build_has(b, MODELS_CLAUDE))
        return MANNER_CLAUDE;
    for (size_t i = 0; i < COUNT(table); i++)
        if (converse_build_family(b, table[i].family))
            return table[i].manner;
    return MANNER_NONE;
}

/* low, medium or high. The limits of budgets are the elder gateway's. */
static struct str level_of(const struct converse_settings *s)
{
    const struct effort *e = find_effort(s->effort);
    if (e)
        return text_from(e->level);
    if (s->thinking != CONVERSE_THINKING_BUDGET)
        return STR("medium");
    return s->budget > 10000 ? STR("high") : s->budget < BUDGET_MIN ? STR("low") : STR("medium");
}

/* --- stop sequences ------------------------------------------------------------------------ */

void converse_settings_stops(struct converse_build *b, struct converse_settings *s, size_t most)
{
    s->stops = arena_alloc(b->arena, (most + 1) * sizeof *s->stops);
    if (!s->stops)
        converse_build_fail(b, STATUS_BUSY, "out of memory for this request; try again");
}

void converse_settings_stop(struct converse_build *b, struct converse_settings *s, struct str raw)
{
    if (converse_is_blank(raw) || s->stop_count == STOPS_MAX)
        converse_build_drop(b, s->called.stops);
    else if (s->stops)
        s->stops[s->stop_count++] = raw;
}

/* --- thinking: what becomes of it ---------------------------------------------------------- */

static bool thinks(const struct converse_settings *s)
{
    return s->thinking == CONVERSE_THINKING_ADAPTIVE || s->thinking == CONVERSE_THINKING_BUDGET;
}

/* A budget for a client that left it to the model; 0: max_tokens is too small for any. */
static int64_t choose_budget(const struct converse_settings *s)
{
    const struct effort *e = find_effort(s->effort);
    int64_t half = s->max_tokens / 2, budget = e ? e->budget : 31999;
    if (budget > half)
        budget = half; /* room for an answer */
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    return budget < s->max_tokens ? budget : 0;
}

/* With thinking Claude refuses a forced tool and, when it thinks by budget, a turn of calls that
 * did not begin with a thought (OpenAI clients cannot send it back). UNSET: it must not think. */
static enum converse_thinking claude_thinking(struct converse_build *b, struct converse_settings *s)
{
    bool by_budget = converse_build_has(b, MODELS_THINKING_ENABLED);
    bool adaptive = converse_build_has(b, MODELS_THINKING_ADAPTIVE);
    if (b->forced || (!by_budget && !adaptive))
        return CONVERSE_THINKING_UNSET;
    if (adaptive && (s->thinking == CONVERSE_THINKING_ADAPTIVE || !by_budget))
        return CONVERSE_THINKING_ADAPTIVE;
    if (s->thinking == CONVERSE_THINKING_ADAPTIVE)
        s->budget = choose_budget(s);
    return b->unreasoned || s->budget == 0 ? CONVERSE_THINKING_UNSET : CONVERSE_THINKING_BUDGET;
}

static void settle_claude(struct converse_build *b, struct converse_settings *s)
{
    if (!thinks(s))
        return;
    enum converse_thinking wanted = s->thinking;
    s->thinking = claude_thinking(b, s);
    if (s->thinking == CONVERSE_THINKING_UNSET)
        converse_build_drop(b, s->called.thinking);
    else if (s->thinking != wanted)
        converse_build_map(b, s->called.thinking);
    if (s->display.n > 0 && thinks(s) && !converse_build_has(b, MODELS_THINKING_DISPLAY)) {
        converse_build_drop(b, "thinking.display");
        s->display = nothing;
    }
}

/* These two wishes do not go together; a forced tool is the one that can be seen. */
static void settle_switch(struct converse_build *b, struct converse_settings *s)
{
    if (!b->forced || (!thinks(s) && s->effort.n == 0))
        return;
    converse_build_drop(b, thinks(s) ? s->called.thinking : s->called.effort);
    s->thinking = CONVERSE_THINKING_UNSET;
    s->effort = nothing;
}

/* With thinking on, Claude takes temperature 1, top_p from 0.95 and no top_k; Nova 2 at "high"
 * none of its settings. */
static void settle_sampling(struct converse_build *b, struct converse_settings *s, bool claude,
                            bool nova_high)
{
    if (s->has_temperature && (nova_high || (claude && s->temperature < 1))) {
        converse_build_drop(b, "temperature");
        s->has_temperature = false;
    }
    if (s->has_top_p && (nova_high || (claude && s->top_p < 0.95))) {
        converse_build_drop(b, "top_p");
        s->has_top_p = false;
    }
    if (s->top_k.n > 0 && (nova_high || claude)) {
        converse_build_drop(b, "top_k");
        s->top_k = nothing;
    }
    if (s->max_tokens > 0 && nova_high) {
        converse_build_drop(b, "max_tokens");
        s->max_tokens = 0;
    }
}

static void settle_thinking(struct converse_build *b, struct converse_settings *s)
{
    enum manner manner = manner_of(b);
    if (manner == MANNER_CLAUDE)
        settle_claude(b, s);
    if (manner == MANNER_SWITCH)
        settle_switch(b, s);
    if (manner == MANNER_NONE && thinks(s)) {
        converse_build_drop(b, s->called.thinking);
        s->thinking = CONVERSE_THINKING_UNSET;
    }
    if (thinks(s))
        settle_sampling(b, s, manner == MANNER_CLAUDE,
                        manner == MANNER_NOVA && text_eq(level_of(s), STR("high")));
}

/* --- sections of the body ------------------------------------------------------------------ */

/* An object of the body that opens with its first member. */
struct section {
    struct converse_build *b;
    struct str name;
    bool open;
};

static struct json_out *section_key(struct section *x, struct str key)
{
    struct json_out *w = &x->b->w;
    if (!x->open) {
        json_key(w, x->name);
        json_object(w);
        x->open = true;
    }
    json_key(w, key);
    return w;
}

static void section_end(struct section *x)
{
    if (x->open)
        json_object_end(&x->b->w);
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

static void put_unit(struct section *x, struct str key, double v, const char *what)
{
    if (!(v >= 0 && v <= 1)) { /* OpenAI's temperature goes to 2 */
        converse_build_clamp(x->b, what);
        v = v < 0 ? 0 : 1;
    }
    json_f64(section_key(x, key), v);
}

static void put_sampling(struct section *x, const struct converse_settings *s)
{
    struct converse_build *b = x->b;
    bool takes = converse_build_has(b, MODELS_SAMPLING);
    bool one = converse_build_has(b, MODELS_SAMPLING_ONE) && s->has_temperature;
    if (s->has_temperature && takes)
        put_unit(x, STR("temperature"), s->temperature, "temperature");
    else if (s->has_temperature)
        converse_build_drop(b, "temperature");
    if (s->has_top_p && takes && !one)
        put_unit(x, STR("topP"), s->top_p, "top_p");
    else if (s->has_top_p)
        converse_build_drop(b, "top_p");
}

/* "This model doesn't support the stopSequences field": reported for gpt-oss (crewAI issue 3317,
 * langchain4j issue 3650), GPT-5.6 (vercel/ai issue 21374), Qwen (dify-official-plugins issue
 * 1767). */
static bool takes_stops(const struct converse_build *b)
{
    return !converse_build_family(b, "gpt") && !converse_build_family(b, "qwen");
}

static bool put_stops(struct section *x, const struct converse_settings *s)
{
    struct converse_build *b = x->b;
    if (s->stop_count == 0)
        return false;
    if (!takes_stops(b)) {
        converse_build_drop(b, s->called.stops);
        return false;
    }
    json_array(section_key(x, STR("stopSequences")));
    for (size_t i = 0; i < s->stop_count; i++)
        json_raw(&b->w, s->stops[i]);
    json_array_end(&b->w);
    return true;
}

static void put_inference(struct converse_build *b, const struct converse_settings *s)
{
    struct section x = {b, STR("inferenceConfig"), false};
    if (s->max_tokens > 0)
        json_i64(section_key(&x, STR("maxTokens")), output_tokens(b, s->max_tokens));
    put_sampling(&x, s);
    bool stops = put_stops(&x, s);
    section_end(&x);
    if (stops) { /* a path that the model's answer has not is ignored by Bedrock */
        JSON_KEY(&b->w, "additionalModelResponseFieldPaths");
        json_raw(&b->w, STR("[\"/stop_sequence\"]"));
    }
}

/* --- additionalModelRequestFields ---------------------------------------------------------- */

static void put_claude_thinking(struct section *x, const struct converse_settings *s)
{
    static const char *const types[] = {[CONVERSE_THINKING_OFF] = "disabled",
                                        [CONVERSE_THINKING_ADAPTIVE] = "adaptive",
                                        [CONVERSE_THINKING_BUDGET] = "enabled"};
    if (s->thinking == CONVERSE_THINKING_UNSET ||
        !converse_build_has(x->b, MODELS_THINKING_ENABLED | MODELS_THINKING_ADAPTIVE))
        return;
    struct json_out *w = section_key(x, STR("thinking"));
    json_object(w);
    converse_build_member(x->b, STR("type"), text_from(types[s->thinking]));
    if (s->thinking == CONVERSE_THINKING_BUDGET) {
        JSON_KEY(w, "budget_tokens");
        json_i64(w, s->budget);
    }
    if (s->display.n > 0 && thinks(s))
        converse_build_member(x->b, STR("display"), s->display);
    json_object_end(w);
}

static void put_nova_thinking(struct section *x, const struct converse_settings *s)
{
    if (!thinks(s))
        return;
    struct json_out *w = section_key(x, STR("reasoningConfig"));
    json_object(w);
    converse_build_member(x->b, STR("type"), STR("enabled"));
    converse_build_member(x->b, STR("maxReasoningEffort"), level_of(s));
    json_object_end(w);
}

/* gpt-oss always reasons: "off" is the least of it. */
static void put_openai_thinking(struct section *x, const struct converse_settings *s)
{
    bool least = s->thinking == CONVERSE_THINKING_OFF && converse_build_family(x->b, "gpt-oss");
    if (thinks(s) || least || (s->effort.n > 0 && s->thinking == CONVERSE_THINKING_UNSET))
        json_str(section_key(x, STR("reasoning_effort")), least ? STR("low") : level_of(s));
}

static void put_switch_thinking(struct section *x, const struct converse_settings *s)
{
    bool low = text_eq(level_of(s), STR("low"));
    if (thinks(s) || (s->effort.n > 0 && s->thinking == CONVERSE_THINKING_UNSET))
        json_str(section_key(x, STR("reasoning_effort")), low ? STR("low") : STR("high"));
}

/* Takes the names of all levels, and "none". */
static void put_gpt_thinking(struct section *x, const struct converse_settings *s)
{
    bool off = s->thinking == CONVERSE_THINKING_OFF;
    if (!off && !thinks(s) && s->effort.n == 0)
        return;
    struct json_out *w = section_key(x, STR("reasoning"));
    json_object(w);
    converse_build_member(x->b, STR("effort"),
                          off               ? STR("none")
                          : s->effort.n > 0 ? s->effort
                                            : level_of(s));
    json_object_end(w);
}

static void put_thinking(struct section *x, const struct converse_settings *s)
{
    static void (*const put[])(struct section *, const struct converse_settings *) = {
        [MANNER_CLAUDE] = put_claude_thinking, [MANNER_NOVA] = put_nova_thinking,
        [MANNER_OPENAI] = put_openai_thinking, [MANNER_SWITCH] = put_switch_thinking,
        [MANNER_GPT] = put_gpt_thinking,
    };
    enum manner manner = manner_of(x->b);
    if (manner != MANNER_NONE)
        put[manner](x, s);
}

static void put_top_k(struct section *x, const struct converse_settings *s)
{
    struct converse_build *b = x->b;
    if (s->top_k.n == 0)
        return;
    if (converse_build_has(b, MODELS_CLAUDE) && converse_build_has(b, MODELS_SAMPLING)) {
        json_raw(section_key(x, STR("top_k")), s->top_k);
    } else if (converse_build_family(b, "nova")) {
        struct json_out *w = section_key(x, STR("inferenceConfig"));
        json_object(w);
        JSON_KEY(w, "topK");
        json_raw(w, s->top_k);
        json_object_end(w);
    } else {
        converse_build_drop(b, "top_k");
    }
}

/*
 * Claude's own tool_choice says what toolChoice cannot. Beside a toolChoice of Converse its "type"
 * is refused as a conflict, alone it is required (litellm issues 34347 and 36536, against the live
 * service). Claude since 4.5: older ones refuse the key.
 */
static void put_tool_choice(struct section *x, const struct converse_settings *s, bool tools)
{
    struct converse_build *b = x->b;
    if (!tools || (!s->one_call && !s->no_calls))
        return;
    if (!converse_build_has(b, MODELS_CALL_LIMIT)) {
        converse_build_clamp(b, s->no_calls ? "tool_choice" : s->called.one_call);
        return;
    }
    struct json_out *w = section_key(x, STR("tool_choice"));
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
static void put_beta(struct section *x, struct str beta, bool *open)
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
            json_array(section_key(x, STR("anthropic_beta")));
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

static void put_betas(struct section *x)
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

static void put_additional(struct converse_build *b, const struct converse_settings *s)
{
    struct section x = {b, STR("additionalModelRequestFields"), false};
    put_thinking(&x, s);
    put_top_k(&x, s);
    put_tool_choice(&x, s, b->tools_put);
    put_betas(&x);
    section_end(&x);
}

/* --- outputConfig, serviceTier ------------------------------------------------------------- */

static void put_format(struct section *x, const struct converse_settings *s)
{
    struct converse_build *b = x->b;
    struct json_out *w = section_key(x, STR("textFormat"));
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

static void put_output(struct converse_build *b, const struct converse_settings *s)
{
    struct section x = {b, STR("outputConfig"), false};
    if (s->schema.n > 0 && converse_build_has(b, MODELS_FORMAT))
        put_format(&x, s);
    if (s->effort.n > 0 && converse_build_has(b, MODELS_EFFORT))
        json_str(section_key(&x, STR("effort")), s->effort);
    else if (s->effort.n > 0 && manner_of(b) < MANNER_OPENAI && !thinks(s))
        converse_build_drop(b, s->called.effort); /* else it became a level or a budget */
    section_end(&x);
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

void converse_settings_put(struct converse_build *b, struct converse_settings *s)
{
    settle_thinking(b, s);
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
