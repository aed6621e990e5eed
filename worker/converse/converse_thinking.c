#include "worker/converse/converse_thinking.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define BUDGET_MIN 1024 /* extended-thinking: the least budget, and it must be under max_tokens */

static const struct str nothing = {NULL, 0};

/* Levels of effort, from the least, and what they are as a budget for Claude models that think by
 * budget (31999 is the most that Claude Code asks for). */
static const struct effort {
    struct str name;
    int64_t budget;
} efforts[] = {
    {STR("low"), 2048},    {STR("medium"), 8192}, {STR("high"), 16384},
    {STR("xhigh"), 31999}, {STR("max"), 31999},
};

static const struct effort *find_effort(struct str name)
{
    for (size_t i = 0; i < COUNT(efforts); i++)
        if (text_eq(name, efforts[i].name))
            return &efforts[i];
    return NULL;
}

bool converse_thinking_effort(struct str name)
{
    return find_effort(name) != NULL;
}

static enum models_thinking kind_of(const struct converse_build *b)
{
    return b->o->model->caps->thinking;
}

static bool is_claude_kind(enum models_thinking kind)
{
    return kind == MODELS_THINKING_BUDGET || kind == MODELS_THINKING_EITHER ||
           kind == MODELS_THINKING_ADAPTIVE;
}

/* The effort, or what a budget comes to. */
static struct str wanted_level(const struct wish *s)
{
    if (find_effort(s->effort))
        return s->effort;
    if (s->thinking != WISH_THINKING_BUDGET)
        return STR("medium");
    return s->budget > 10000 ? STR("high") : s->budget < BUDGET_MIN ? STR("low") : STR("medium");
}

/* The rung of the model's ladder: the one itself, else the next above, else the highest. */
static struct str level_of(const struct converse_build *b, const struct wish *s)
{
    struct str ladder = text_from(b->o->model->caps->efforts), rung = nothing;
    const struct effort *wanted = find_effort(wanted_level(s));
    while (text_split(&ladder, ',', &rung)) {
        const struct effort *e = find_effort(rung); /* NULL: "none" */
        if (e && e >= wanted)
            break;
    }
    return rung;
}

static struct str least_level(const struct converse_build *b)
{
    struct str ladder = text_from(b->o->model->caps->efforts), rung = nothing;
    text_split(&ladder, ',', &rung);
    return rung;
}

/* --- what becomes of it -------------------------------------------------------------------- */

static bool thinks(const struct wish *s)
{
    return s->thinking == WISH_THINKING_ADAPTIVE || s->thinking == WISH_THINKING_BUDGET;
}

/* A budget for a client that left it to the model; 0: max_tokens is too small for any. */
static int64_t choose_budget(const struct wish *s)
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
static enum wish_thinking claude_thinking(struct converse_build *b, struct wish *s)
{
    bool by_budget = kind_of(b) != MODELS_THINKING_ADAPTIVE;
    bool adaptive = kind_of(b) != MODELS_THINKING_BUDGET;
    if (b->forced)
        return WISH_THINKING_UNSET;
    if (adaptive && (s->thinking == WISH_THINKING_ADAPTIVE || !by_budget))
        return WISH_THINKING_ADAPTIVE;
    if (s->thinking == WISH_THINKING_ADAPTIVE)
        s->budget = choose_budget(s);
    return b->unreasoned || s->budget == 0 ? WISH_THINKING_UNSET : WISH_THINKING_BUDGET;
}

static void settle_claude(struct converse_build *b, struct wish *s)
{
    if (!thinks(s))
        return;
    enum wish_thinking wanted = s->thinking;
    s->thinking = claude_thinking(b, s);
    if (s->thinking == WISH_THINKING_UNSET)
        converse_build_drop(b, s->called.thinking);
    else if (s->thinking != wanted)
        converse_build_map(b, s->called.thinking);
    if (s->display.n > 0 && thinks(s) && !converse_build_has(b, MODELS_THINKING_DISPLAY)) {
        converse_build_drop(b, "thinking.display");
        s->display = nothing;
    }
}

/* These two wishes do not go together; a forced tool is the one that can be seen. */
static void settle_switch(struct converse_build *b, struct wish *s)
{
    if (!b->forced || (!thinks(s) && s->effort.n == 0))
        return;
    converse_build_drop(b, thinks(s) ? s->called.thinking : s->called.effort);
    s->thinking = WISH_THINKING_UNSET;
    s->effort = nothing;
}

/* With thinking on, Claude takes temperature 1, top_p from 0.95 and no top_k; Nova 2 at "high"
 * none of its settings. */
static void settle_sampling(struct converse_build *b, struct wish *s, bool claude, bool nova_high)
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

void converse_thinking_settle(struct converse_build *b, struct wish *s)
{
    enum models_thinking kind = kind_of(b);
    if (is_claude_kind(kind))
        settle_claude(b, s);
    if (kind == MODELS_THINKING_SWITCH)
        settle_switch(b, s);
    if (kind == MODELS_THINKING_NONE && thinks(s)) {
        converse_build_drop(b, s->called.thinking);
        s->thinking = WISH_THINKING_UNSET;
    }
    if (thinks(s))
        settle_sampling(b, s, is_claude_kind(kind),
                        kind == MODELS_THINKING_LEVEL && text_eq(level_of(b, s), STR("high")));
}

bool converse_thinking_tells_effort(const struct converse_build *b, const struct wish *s)
{
    enum models_thinking kind = kind_of(b);
    return kind == MODELS_THINKING_SWITCH || kind == MODELS_THINKING_ALWAYS || thinks(s);
}

/* --- how it is said ------------------------------------------------------------------------ */

static void put_claude_thinking(struct converse_section *x, const struct wish *s)
{
    static const char *const types[] = {[WISH_THINKING_OFF] = "disabled",
                                        [WISH_THINKING_ADAPTIVE] = "adaptive",
                                        [WISH_THINKING_BUDGET] = "enabled"};
    if (s->thinking == WISH_THINKING_UNSET)
        return;
    struct json_out *w = converse_build_key(x, STR("thinking"));
    json_object(w);
    converse_build_member(x->b, STR("type"), text_from(types[s->thinking]));
    if (s->thinking == WISH_THINKING_BUDGET) {
        JSON_KEY(w, "budget_tokens");
        json_i64(w, s->budget);
    }
    if (s->display.n > 0 && thinks(s))
        converse_build_member(x->b, STR("display"), s->display);
    json_object_end(w);
}

static void put_level(struct converse_section *x, struct str level)
{
    struct json_out *w;
    switch (x->b->o->model->caps->level_at) {
    case MODELS_LEVEL_REASONING_CONFIG:
        w = converse_build_key(x, STR("reasoningConfig"));
        json_object(w);
        converse_build_member(x->b, STR("type"), STR("enabled"));
        converse_build_member(x->b, STR("maxReasoningEffort"), level);
        json_object_end(w);
        break;
    case MODELS_LEVEL_REASONING_EFFORT:
        json_str(converse_build_key(x, STR("reasoning_effort")), level);
        break;
    case MODELS_LEVEL_REASONING:
        w = converse_build_key(x, STR("reasoning"));
        json_object(w);
        converse_build_member(x->b, STR("effort"), level);
        json_object_end(w);
        break;
    default:
        break;
    }
}

void converse_thinking_put(struct converse_section *x, const struct wish *s)
{
    enum models_thinking kind = kind_of(x->b);
    if (is_claude_kind(kind))
        put_claude_thinking(x, s);
    else if (s->thinking == WISH_THINKING_OFF && kind == MODELS_THINKING_ALWAYS)
        put_level(x, least_level(x->b));
    else if (thinks(s) || (s->effort.n > 0 && s->thinking == WISH_THINKING_UNSET &&
                           converse_thinking_tells_effort(x->b, s)))
        put_level(x, level_of(x->b, s));
}
