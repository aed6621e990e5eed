#include "worker/converse/converse_thinking.h"

#define COUNT(a)   (sizeof(a) / sizeof *(a))
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

bool converse_thinking_effort(struct str name)
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
static struct str level_of(const struct wish *s)
{
    const struct effort *e = find_effort(s->effort);
    if (e)
        return text_from(e->level);
    if (s->thinking != WISH_THINKING_BUDGET)
        return STR("medium");
    return s->budget > 10000 ? STR("high") : s->budget < BUDGET_MIN ? STR("low") : STR("medium");
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
    bool by_budget = converse_build_has(b, MODELS_THINKING_ENABLED);
    bool adaptive = converse_build_has(b, MODELS_THINKING_ADAPTIVE);
    if (b->forced || (!by_budget && !adaptive))
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
    enum manner manner = manner_of(b);
    if (manner == MANNER_CLAUDE)
        settle_claude(b, s);
    if (manner == MANNER_SWITCH)
        settle_switch(b, s);
    if (manner == MANNER_NONE && thinks(s)) {
        converse_build_drop(b, s->called.thinking);
        s->thinking = WISH_THINKING_UNSET;
    }
    if (thinks(s))
        settle_sampling(b, s, manner == MANNER_CLAUDE,
                        manner == MANNER_NOVA && text_eq(level_of(s), STR("high")));
}

bool converse_thinking_tells_effort(const struct converse_build *b, const struct wish *s)
{
    return manner_of(b) >= MANNER_OPENAI || thinks(s);
}

/* --- how it is said ------------------------------------------------------------------------ */

static void put_claude_thinking(struct converse_section *x, const struct wish *s)
{
    static const char *const types[] = {[WISH_THINKING_OFF] = "disabled",
                                        [WISH_THINKING_ADAPTIVE] = "adaptive",
                                        [WISH_THINKING_BUDGET] = "enabled"};
    if (s->thinking == WISH_THINKING_UNSET ||
        !converse_build_has(x->b, MODELS_THINKING_ENABLED | MODELS_THINKING_ADAPTIVE))
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

static void put_nova_thinking(struct converse_section *x, const struct wish *s)
{
    if (!thinks(s))
        return;
    struct json_out *w = converse_build_key(x, STR("reasoningConfig"));
    json_object(w);
    converse_build_member(x->b, STR("type"), STR("enabled"));
    converse_build_member(x->b, STR("maxReasoningEffort"), level_of(s));
    json_object_end(w);
}

/* gpt-oss always reasons: "off" is the least of it. */
static void put_openai_thinking(struct converse_section *x, const struct wish *s)
{
    bool least = s->thinking == WISH_THINKING_OFF && converse_build_family(x->b, "gpt-oss");
    if (thinks(s) || least || (s->effort.n > 0 && s->thinking == WISH_THINKING_UNSET))
        json_str(converse_build_key(x, STR("reasoning_effort")), least ? STR("low") : level_of(s));
}

static void put_switch_thinking(struct converse_section *x, const struct wish *s)
{
    bool low = text_eq(level_of(s), STR("low"));
    if (thinks(s) || (s->effort.n > 0 && s->thinking == WISH_THINKING_UNSET))
        json_str(converse_build_key(x, STR("reasoning_effort")), low ? STR("low") : STR("high"));
}

/* Takes the names of all levels, and "none". */
static void put_gpt_thinking(struct converse_section *x, const struct wish *s)
{
    bool off = s->thinking == WISH_THINKING_OFF;
    if (!off && !thinks(s) && s->effort.n == 0)
        return;
    struct json_out *w = converse_build_key(x, STR("reasoning"));
    json_object(w);
    converse_build_member(x->b, STR("effort"),
                          off               ? STR("none")
                          : s->effort.n > 0 ? s->effort
                                            : level_of(s));
    json_object_end(w);
}

void converse_thinking_put(struct converse_section *x, const struct wish *s)
{
    static void (*const put[])(struct converse_section *, const struct wish *) = {
        [MANNER_CLAUDE] = put_claude_thinking, [MANNER_NOVA] = put_nova_thinking,
        [MANNER_OPENAI] = put_openai_thinking, [MANNER_SWITCH] = put_switch_thinking,
        [MANNER_GPT] = put_gpt_thinking,
    };
    enum manner manner = manner_of(x->b);
    if (manner != MANNER_NONE)
        put[manner](x, s);
}
