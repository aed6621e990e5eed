/*
 * plan_tell.h - for the tests of worker/plan: a page of decisions. What is asked, of which model, and
 * what becomes of it, told in one line.
 */
#ifndef TESTS_UNIT_PLAN_TELL_H
#define TESTS_UNIT_PLAN_TELL_H

#include "tests/unit/plan_case.h"

/* What a plan says, in one line: only what is not the case of "nothing asked" is told. */
static const char *tell(const struct plan *p)
{
    static const char *const thinking[] = {"", " off", " adaptive", " budget", " between"};
    static const char *const formats[] = {"", " native", " words"};
    static const char *const choices[] = {"", " any", " one", " none"};
    static char line[400];
    const struct wish *w = &p->left;
    int n = snprintf(line, sizeof line, "%lld%s", (long long)w->max_tokens.n,
                     thinking[w->thinking.mode]);
#define TELL(...) n += snprintf(line + n, sizeof line - (size_t)n, __VA_ARGS__)
    if (w->thinking.mode == WISH_THINKING_BUDGET)
        TELL(" %lld", (long long)w->thinking.budget);
    if (w->thinking.display.as.n > 0)
        TELL(" %.*s", STR_ARG(w->thinking.display.as));
    if (p->thinking.level.n > 0)
        TELL(" level %.*s", STR_ARG(p->thinking.level));
    if (w->sampling.has_temperature)
        TELL(" t%g", w->sampling.temperature);
    if (w->sampling.has_top_p)
        TELL(" p%g", w->sampling.top_p);
    if (w->sampling.top_k != SCAN_ABSENT)
        TELL(" k");
    if (w->stops.count > 0)
        TELL(" stops %u", w->stops.count);
    TELL("%s%s%s%s%s%s%s%s%s", formats[p->format.how], p->tools.any ? " tools" : "",
         choices[w->choice.kind], p->tools.forced ? " forced" : "",
         p->tools.in_words ? " in words" : "", w->choice.one_call ? " one call" : "",
         p->tools.no_calls ? " no calls" : "", p->whole_upstream ? " retold" : "",
         w->cache.automatic ? " cached" : "");
    if (p->tier != TIER_DEFAULT)
        TELL(" %.*s", STR_ARG(tier_word(p->tier)));
    for (uint32_t i = 0; i < p->betas.count; i++)
        TELL(" +%.*s", STR_ARG(p->betas.value[i]));
    for (size_t i = 0; i < wish_plain_count; i++)
        if (w->fields.plain[i] != SCAN_ABSENT)
            TELL(" %.*s", STR_ARG(wish_plain[i].messages));
#undef TELL
    return line;
}

struct row {
    const char *model, *more, *plan, *changes; /* changes NULL: plan is the error's text */
};

static void check_plan(enum dialect dialect, const struct row *row, uint64_t left_out)
{
    struct plan_case c;
    plan_case_read(&c, dialect, row->model, row->more);
    c.o.left_out = left_out;
    plan_case_make(&c);
    const char *got = c.status == STATUS_OK ? tell(&c.plan) : c.err.text;
    if ((c.status == STATUS_OK) != (row->changes != NULL) || strcmp(got, row->plan) != 0)
        fail_msg("%s %s: '%s'", row->model, row->more, got);
    if (row->changes && !text_eq(buf_str(&c.changes), text_from(row->changes)))
        fail_msg("%s %s: changes '%.*s'", row->model, row->more, STR_ARG(buf_str(&c.changes)));
    plan_case_free(&c);
}

static void check_plans(enum dialect dialect, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_plan(dialect, &rows[i], 0);
}

#define M(tokens, more) ",\"max_tokens\":" tokens more
#define THINK(type)     ",\"thinking\":{\"type\":\"" type "\"}"
#define EFFORT(word)    ",\"output_config\":{\"effort\":\"" word "\"}"
#define BUDGET(n)       ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "}"

#endif
