#include "worker/plan/plan_betas.h"

static void add(struct plan *p, struct str value)
{
    if (plan_has_beta(p, value)) {
        return;
    }
    if (p->betas.count < PLAN_BETAS_MAX) {
        p->betas.value[p->betas.count++] = value;
    } else {
        plan_note(p, PLAN_DROP, "beta:", value);
    }
}

/* A beta is a feature of Claude's: one that does not go on is named, so that nobody believes it
 * was on. */
static enum betas_verdict judge(struct plan *p, struct str value)
{
    struct str to[BETAS_TO_MAX];
    uint32_t n;
    enum betas_verdict verdict =
        betas_judge(&p->o->beta_rules, p->o->model, p->arena, value, to, &n);
    for (uint32_t i = 0; i < n; i++) {
        add(p, to[i]);
    }
    return verdict;
}

static void take(struct plan *p, struct str value)
{
    value = text_trim(value);
    if (value.n == 0) {
        return;
    }
    enum betas_verdict verdict = judge(p, value);
    if (verdict != BETAS_TAKEN) {
        plan_note(p, verdict == BETAS_MAPPED ? PLAN_MAP : PLAN_DROP, "beta:", value);
    }
}

static void take_list(struct plan *p, struct str list)
{
    struct str one;
    while (text_split(&list, ',', &one)) {
        take(p, one);
    }
}

/* `betas` (SDK parameter) and `anthropic_beta` (Bedrock's own member): an array or one string. */
static void take_member(struct plan *p, scan_ref r)
{
    const struct scan *s = p->left.scan;
    if (scan_type(s, r) == SCAN_STRING) {
        take_list(p, scan_text(s, r));
    }
    if (scan_type(s, r) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref v = scan_first(s, r); v != SCAN_ABSENT; v = scan_next(s, r, v)) {
        take(p, scan_text(s, v));
    }
}

/* Words at the end of `system` are not in every turn, nor are tools of mid-conversation: thoughts that are
 * bound to what stood before them must not be refused for it. */
static bool edits_before_thoughts(const struct plan *p)
{
    const struct wish *w = &p->left;
    bool format = w->format.kind != WISH_FORMAT_UNSET && !plan_takes(p, MODELS_FORMAT);
    bool forced = !plan_takes(p, MODELS_TOOL_CHOICE | MODELS_CHOICE_ANY) &&
                  (w->choice.kind == WISH_CHOICE_ANY || w->choice.kind == WISH_CHOICE_ONE);
    return w->thinking.in_history && (format || forced || w->tools.changes.n > 0);
}

/* What the body cannot do without, be it said or not. */
static void take_needs(struct plan *p)
{
    const struct wish *w = &p->left;
    for (uint32_t i = 0; i < w->betas.need_count && p->invoke; i++) {
        judge(p, w->betas.needs[i].beta);
    }
    if (p->invoke && edits_before_thoughts(p)) {
        judge(p, WISH_BETA_BINDING);
    }
}

enum status plan_betas_tools(struct plan *p, struct err *err)
{
    const struct wish *w = &p->left;
    if (p->invoke && w->tools.search && !plan_has_beta(p, WISH_BETA_SEARCH)) {
        p->caps = &p->own;
        p->own.flags &= ~(uint32_t)MODELS_TOOL_SEARCH;
    }
    for (uint32_t i = 0; i < w->betas.need_count && p->invoke; i++) {
        const struct wish_need *need = &w->betas.needs[i];
        if (need->tool.n > 0 && !plan_has_beta(p, need->beta)) {
            return err_set(err, STATUS_INVALID,
                           "tools: this model does not take the type %.*s on Amazon Bedrock, which "
                           "needs the beta %.*s",
                           STR_ARG(need->tool), STR_ARG(need->beta));
        }
    }
    return STATUS_OK;
}

void plan_betas(struct plan *p)
{
    take_list(p, p->o->betas);
    take_member(p, p->left.betas.members[0]);
    take_member(p, p->left.betas.members[1]);
    take_needs(p);
    if (p->o->model->one_million) {
        take(p, STR("context-1m-2025-08-07"));
    }
    if (p->invoke && p->left.tools.search && plan_takes(p, MODELS_TOOL_SEARCH)) {
        judge(p, WISH_BETA_SEARCH);
    }
}
