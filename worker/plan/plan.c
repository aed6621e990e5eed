#include "worker/plan/plan.h"

#include <stdio.h>

#include "worker/dialect/changes.h"

#define NAME_MAX_SHOWN 64 /* of a name that a client made */

bool plan_takes(const struct plan *p, uint32_t ability)
{
    return (p->caps->flags & ability) != 0;
}

bool plan_has_beta(const struct plan *p, struct str value)
{
    for (uint32_t i = 0; i < p->betas.count; i++) {
        if (text_eq(p->betas.value[i], value)) {
            return true;
        }
    }
    return false;
}

/* The two ways of compaction do not go together: the field is the newer one. */
bool plan_keeps_edit(const struct plan *p, scan_ref edit)
{
    const struct scan *s = p->left.scan;
    struct str beta = wish_edit_beta(s, edit);
    bool twice = text_eq(beta, WISH_BETA_COMPACT) &&
                 !wish_is_nothing(s, SCAN_GET(s, 0, "compaction")) &&
                 plan_has_beta(p, WISH_BETA_COMPACTION);
    return beta.n > 0 && plan_has_beta(p, beta) && !twice;
}

bool plan_takes_marks(const struct plan *p)
{
    return plan_takes(p, MODELS_CACHE) && !p->o->cache.off;
}

/* --- notes --------------------------------------------------------------------------------- */

void plan_note(struct plan *p, enum plan_verdict verdict, const char *what, struct str name)
{
    char verb[80];
    name = text_sub(name, 0, NAME_MAX_SHOWN);
    snprintf(verb, sizeof verb, "%s%s", verdict == PLAN_DROP ? "drop:" : "map:", what);
    changes_note(p->notes.changes, verb, name);
    if (verdict != PLAN_MAP && !p->notes.lost[0]) {
        snprintf(p->notes.lost, sizeof p->notes.lost, "%s%.*s", what, (int)name.n,
                 name.n > 0 ? name.p : "");
    }
}

void plan_judge(struct plan *p, enum plan_field field, enum plan_verdict verdict, const char *what)
{
    p->verdict[field] = (uint8_t)verdict;
    plan_note(p, verdict, what, (struct str){NULL, 0});
}

enum status plan_refuse_loss(const struct plan *p, struct err *err)
{
    if (!p->o->strict_fields || !p->notes.lost[0]) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%s: this model does not take it as it is (STRICT_FIELDS)",
                   p->notes.lost);
}

enum status plan_refuse_media(const struct plan *p, const char *kind, const char *place,
                              struct err *err)
{
    struct str id = models_behind(p->o->model);
    if (p->o->capability_tokens) {
        return err_set(err, STATUS_INVALID, "capability_rejected: %s_block", kind);
    }
    if (text_istarts(id, STR("arn:"))) { /* the operator's: not told */
        id = STR("this model");
    }
    if (p->left.max_tokens.exact) {
        return err_set(err, STATUS_INVALID, "messages: %.*s takes no %ss", STR_ARG(id), kind);
    }
    return err_set_param(err, ERR_FAULT_VALUE, place, "Invalid '%s': %.*s takes no %ss.", place,
                         STR_ARG(id), kind);
}

enum status plan_refuse_mark(uint32_t marks, struct err *err)
{
    return err_set(err, STATUS_INVALID,
                   "A maximum of 4 blocks with cache_control may be provided. Found %u.", marks);
}
