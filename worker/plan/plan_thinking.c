#include "worker/plan/plan_thinking.h"

#define BUDGET_MIN  1024  /* extended-thinking: the least budget, and it must be under max_tokens */
#define BUDGET_MOST 31999 /* that Claude Code asks for */

static bool thinks(const struct plan *p)
{
    return wish_thinks(p->left.thinking.mode);
}

static bool is_claude_kind(enum models_thinking kind)
{
    return kind == MODELS_THINKING_BUDGET || kind == MODELS_THINKING_EITHER ||
           kind == MODELS_THINKING_ADAPTIVE;
}

static void drop_thinking(struct plan *p)
{
    plan_judge(p, PLAN_THINKING, PLAN_DROP, p->left.called->thinking);
    p->left.thinking.mode = WISH_THINKING_UNSET;
}

/* --- levels -------------------------------------------------------------------------------- */

/* The effort, or what a budget comes to. */
static enum wish_effort wanted_effort(const struct wish *w)
{
    if (w->effort.level != WISH_EFFORT_UNSET) {
        return w->effort.level;
    }
    if (w->thinking.mode != WISH_THINKING_BUDGET) {
        return WISH_EFFORT_MEDIUM;
    }
    return w->thinking.budget > 10000        ? WISH_EFFORT_HIGH
           : w->thinking.budget < BUDGET_MIN ? WISH_EFFORT_LOW
                                             : WISH_EFFORT_MEDIUM;
}

/* The rung of the model's ladder: the one itself, else the next above, else the highest. */
static struct str rung_for(const struct plan *p, enum wish_effort wanted)
{
    struct str ladder = text_from(p->caps->efforts), rung = {NULL, 0};
    while (text_split(&ladder, ',', &rung)) {
        enum wish_effort e = wish_effort_find(rung);
        if (e >= wanted && e != WISH_EFFORT_OTHER) { /* "none" */
            break;
        }
    }
    return rung;
}

static struct str least_rung(const struct plan *p)
{
    struct str ladder = text_from(p->caps->efforts), rung = {NULL, 0};
    text_split(&ladder, ',', &rung);
    return rung;
}

/* The effort as it is said, which may be another one than was asked for. */
static void settle_rung(struct plan *p)
{
    const struct wish *w = &p->left;
    bool same = text_eq(p->thinking.level, wish_effort_word(w->effort.level)) && !w->effort.rounded;
    if (w->effort.level != WISH_EFFORT_UNSET && !same) {
        plan_judge(p, PLAN_EFFORT, PLAN_CLAMP, w->called->effort);
    }
}

/* LEVEL, SWITCH and ALWAYS. */
static void settle_level(struct plan *p, enum models_thinking kind)
{
    struct wish *w = &p->left;
    bool effort_alone = w->effort.level != WISH_EFFORT_UNSET &&
                        w->thinking.mode == WISH_THINKING_UNSET && kind != MODELS_THINKING_LEVEL;
    if (w->thinking.mode == WISH_THINKING_OFF && kind == MODELS_THINKING_ALWAYS) {
        p->thinking.level = least_rung(p);
        if (!text_eq(p->thinking.level, STR("none"))) { /* it thinks all the same */
            plan_judge(p, PLAN_THINKING, PLAN_CLAMP, w->called->thinking);
        }
    } else if (thinks(p) || effort_alone) {
        p->thinking.level = rung_for(p, wanted_effort(w));
        settle_rung(p);
    }
}

/* --- Claude -------------------------------------------------------------------------------- */

/* A budget for a client that left it to the model; 0: max_tokens is too small for any. Half of it
 * at most: room for an answer. */
static int64_t choose_budget(const struct wish *w)
{
    static const int64_t budgets[] = {
        [WISH_EFFORT_UNSET] = BUDGET_MOST, [WISH_EFFORT_LOW] = 2048,
        [WISH_EFFORT_MEDIUM] = 8192,       [WISH_EFFORT_HIGH] = 16384,
        [WISH_EFFORT_XHIGH] = BUDGET_MOST, [WISH_EFFORT_MAX] = BUDGET_MOST,
        [WISH_EFFORT_OTHER] = BUDGET_MOST,
    };
    int64_t half = w->max_tokens.n / 2, budget = budgets[w->effort.level];
    if (!w->max_tokens.given) { /* count_tokens: nothing is generated */
        return BUDGET_MIN;
    }
    if (budget > half) {
        budget = half;
    }
    if (budget < BUDGET_MIN) {
        budget = BUDGET_MIN;
    }
    return budget < w->max_tokens.n ? budget : 0;
}

/* With thinking Claude refuses a forced tool and, when it thinks by budget, a turn of calls that
 * did not begin with a thought. UNSET: it must not think. */
static enum wish_thinking claude_thinking(struct plan *p, enum models_thinking kind)
{
    struct wish *w = &p->left;
    if (p->tools.forced) {
        return WISH_THINKING_UNSET;
    }
    if (w->thinking.mode == WISH_THINKING_BETWEEN && plan_takes(p, MODELS_BETWEEN_TOOLS)) {
        return WISH_THINKING_BETWEEN;
    }
    if (kind == MODELS_THINKING_ADAPTIVE ||
        (kind == MODELS_THINKING_EITHER && w->thinking.mode != WISH_THINKING_BUDGET)) {
        return WISH_THINKING_ADAPTIVE;
    }
    if (w->thinking.mode != WISH_THINKING_BUDGET) {
        w->thinking.budget = choose_budget(w);
    }
    return w->thinking.unreasoned || w->thinking.budget == 0 ? WISH_THINKING_UNSET
                                                             : WISH_THINKING_BUDGET;
}

static void settle_display(struct plan *p)
{
    struct wish *w = &p->left;
    bool lost = w->thinking.display.as.n > 0 && !plan_takes(p, MODELS_THINKING_DISPLAY);
    bool updates = p->invoke && plan_has_beta(p, WISH_BETA_UPDATES);
    bool other = w->thinking.display.other || (w->thinking.display.updates && !updates);
    if (thinks(p) && ((lost && !w->thinking.display.ours) || other)) {
        plan_judge(p, PLAN_DISPLAY, PLAN_DROP, "thinking.display");
    }
    if (lost) {
        w->thinking.display.as = (struct str){NULL, 0};
    }
}

/* It thinks all the same: as little as it can be told to. */
static void least_thinking(struct plan *p)
{
    struct wish *w = &p->left;
    plan_judge(p, PLAN_THINKING, PLAN_CLAMP, w->called->thinking);
    if (plan_takes(p, MODELS_BETWEEN_TOOLS)) {
        w->thinking.mode = WISH_THINKING_BETWEEN;
        return;
    }
    w->thinking.mode = WISH_THINKING_UNSET;
    if (!(p->cure.left_out & PLAN_BIT(PLAN_EFFORT))) {
        p->thinking.level = least_rung(p);
    }
}

static void settle_claude(struct plan *p, enum models_thinking kind)
{
    struct wish *w = &p->left;
    enum wish_thinking wanted = w->thinking.mode;
    if (wanted == WISH_THINKING_OFF && plan_takes(p, MODELS_ALWAYS_THINKS)) {
        least_thinking(p);
        return;
    }
    if (!thinks(p)) {
        return;
    }
    w->thinking.mode = claude_thinking(p, kind);
    if (w->thinking.mode == WISH_THINKING_UNSET) {
        drop_thinking(p);
    } else if (w->thinking.mode != wanted) {
        plan_judge(p, PLAN_THINKING, PLAN_MAP, w->called->thinking);
    }
    settle_display(p);
}

/* --- what does not go with thinking -------------------------------------------------------- */

/* Claude then takes temperature 1, top_p from 0.95 and no top_k; Nova 2 at "high" none of its
 * settings. */
static void settle_sampling(struct plan *p, bool claude, bool nova_high)
{
    struct wish *w = &p->left;
    if (w->sampling.has_temperature && (nova_high || (claude && w->sampling.temperature < 1))) {
        plan_judge(p, PLAN_TEMPERATURE, PLAN_DROP, "temperature");
        w->sampling.has_temperature = false;
    }
    if (w->sampling.has_top_p && (nova_high || (claude && w->sampling.top_p < 0.95))) {
        plan_judge(p, PLAN_TOP_P, PLAN_DROP, "top_p");
        w->sampling.has_top_p = false;
    }
    if (w->sampling.top_k != SCAN_ABSENT && (nova_high || claude)) {
        plan_judge(p, PLAN_TOP_K, PLAN_DROP, "top_k");
        w->sampling.top_k = SCAN_ABSENT;
    }
    if (w->max_tokens.given && nova_high) {
        plan_judge(p, PLAN_MAX_TOKENS, PLAN_DROP, "max_tokens");
    }
    w->max_tokens.n = nova_high ? 0 : w->max_tokens.n;
}

/* These two wishes do not go together; a forced tool is the one that can be seen. */
static void settle_switch(struct plan *p)
{
    struct wish *w = &p->left;
    if (!p->tools.forced || (!thinks(p) && w->effort.level == WISH_EFFORT_UNSET)) {
        return;
    }
    if (thinks(p)) {
        drop_thinking(p);
        p->verdict[PLAN_EFFORT] = PLAN_DROP;
    } else {
        plan_judge(p, PLAN_EFFORT, PLAN_DROP, w->called->effort);
    }
    w->thinking.mode = WISH_THINKING_UNSET;
    w->effort.level = WISH_EFFORT_UNSET;
}

/* What was settled already stands: thinking that cannot be off. */
static struct str claude_level(const struct plan *p)
{
    const struct wish *w = &p->left;
    bool least = w->thinking.mode == WISH_THINKING_OFF || w->thinking.mode == WISH_THINKING_BETWEEN;
    if (p->thinking.level.n > 0) {
        return p->thinking.level;
    }
    if (w->effort.level == WISH_EFFORT_OTHER) {
        return (struct str){NULL, 0};
    }
    bool most = least && plan_takes(p, MODELS_OFF_TO_HIGH) && w->effort.level > WISH_EFFORT_HIGH;
    return rung_for(p, most ? WISH_EFFORT_HIGH : w->effort.level);
}

/* Said as it is, become a level or a budget, or gone. Where levels are known, thinking that is off
 * is the word on effort, too. */
static void settle_effort(struct plan *p, bool chosen_budget)
{
    struct wish *w = &p->left;
    bool off = w->thinking.mode == WISH_THINKING_OFF && p->caps->thinking == MODELS_THINKING_SWITCH;
    if (w->effort.level == WISH_EFFORT_UNSET) {
        return;
    }
    if (p->caps->level_at == MODELS_LEVEL_OUTPUT_CONFIG) {
        p->thinking.level = claude_level(p);
        settle_rung(p);
    } else if (p->thinking.level.n > 0 || chosen_budget || off) {
        if (p->verdict[PLAN_EFFORT] == PLAN_KEEP) {
            p->verdict[PLAN_EFFORT] = PLAN_MAP;
        }
    } else {
        plan_judge(p, PLAN_EFFORT, PLAN_DROP, w->called->effort);
    }
}

void plan_thinking(struct plan *p)
{
    enum models_thinking kind = p->caps->thinking;
    bool adaptive = p->left.thinking.mode == WISH_THINKING_ADAPTIVE;
    if (kind == MODELS_THINKING_SWITCH) {
        settle_switch(p);
    }
    if (is_claude_kind(kind)) {
        settle_claude(p, kind);
    } else if (kind != MODELS_THINKING_NONE) {
        settle_level(p, kind);
    } else if (thinks(p)) {
        drop_thinking(p);
    }
    if (thinks(p)) {
        settle_sampling(p, is_claude_kind(kind),
                        kind == MODELS_THINKING_LEVEL && text_eq(p->thinking.level, STR("high")));
    }
    if (!thinks(p) && p->left.thinking.display.ours) {
        p->left.thinking.display.as = (struct str){NULL, 0};
    }
    settle_effort(p, adaptive && p->left.thinking.mode == WISH_THINKING_BUDGET);
    if (!is_claude_kind(kind)) { /* the level says it */
        p->left.thinking.mode = WISH_THINKING_UNSET;
        p->left.thinking.display.as = (struct str){NULL, 0};
    }
}

void plan_thinking_unreasoned(struct plan *p)
{
    if (p->left.thinking.mode == WISH_THINKING_BUDGET && !p->invoke) {
        drop_thinking(p);
    }
}
