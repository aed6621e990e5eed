/* The anthropic_beta values of the request splice: gathered, mapped, and filtered by what the model
 * takes. */
#include "worker/splice/splice_job.h"

#include "shm/memory/beta_rule.h"

bool splice_has_beta(const struct splice_job *j, struct str value)
{
    for (uint32_t i = 0; i < j->beta_count; i++)
        if (text_eq(j->beta[i], value))
            return true;
    return false;
}

static void add(struct splice_job *j, struct str value)
{
    if (!splice_has_beta(j, value) && j->beta_count < SPLICE_BETAS_MAX)
        j->beta[j->beta_count++] = value;
}

static enum betas_verdict judge(struct splice_job *j, struct str value)
{
    struct str to[BETAS_TO_MAX];
    uint32_t n;
    enum betas_verdict verdict =
        betas_judge(&j->o->beta_rules, j->o->model, j->s->arena, value, to, &n);
    for (uint32_t i = 0; i < n; i++)
        add(j, to[i]);
    return verdict;
}

void splice_want_beta(struct splice_job *j, struct str value)
{
    judge(j, value);
}

static void note_beta(struct splice_job *j, const char *verb, struct str value)
{
    char text[80] = "beta:";
    text_copy(beta_rule_is_name(value) ? value : STR("?"), text + 5, sizeof text - 5);
    splice_note(j, verb, text_from(text));
}

static void take(struct splice_job *j, struct str value)
{
    value = text_trim(value);
    if (value.n == 0)
        return;
    enum betas_verdict verdict = judge(j, value);
    if (verdict != BETAS_TAKEN)
        note_beta(j, verdict == BETAS_MAPPED ? "map:" : "drop:", value);
}

static void take_list(struct splice_job *j, struct str list)
{
    struct str one;
    while (text_split(&list, ',', &one))
        take(j, one);
}

/* `betas` (SDK parameter) and `anthropic_beta` (Bedrock's own member): an array or one string. */
static void take_member(struct splice_job *j, scan_ref r)
{
    if (scan_type(j->s, r) == SCAN_STRING)
        take_list(j, scan_text(j->s, r));
    if (scan_type(j->s, r) != SCAN_ARRAY)
        return;
    for (scan_ref v = scan_first(j->s, r); v != SCAN_ABSENT; v = scan_next(j->s, r, v))
        take(j, scan_text(j->s, v));
}

void splice_betas(struct splice_job *j)
{
    take_list(j, j->o->betas);
    take_member(j, SCAN_GET(j->s, 0, "anthropic_beta"));
    take_member(j, SCAN_GET(j->s, 0, "betas"));
    if (j->o->model->one_million)
        take(j, STR("context-1m-2025-08-07"));
}
