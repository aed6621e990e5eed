#include "worker/plan/plan_make.h"

#include "worker/plan/schema.h"
#include "worker/plan/plan_betas.h"
#include "worker/plan/plan_cure.h"
#include "worker/plan/plan_schema.h"
#include "worker/plan/plan_thinking.h"

#define OUTPUT_UNKNOWN 4096 /* tokens, for a Claude whose most is not known */

/* --- fields that go on as they are, or not at all ------------------------------------------ */

static struct str plain_name(const struct wish *w, size_t row)
{
    return scan_text(w->scan, scan_key(w->scan, w->fields.plain[row]));
}

/* by_beta: those that a beta may let pass, when it is known which go up; else the others. The wording
 * is the one Claude Code knows: it sends the request again without the field. */
static enum status judge_plain(struct plan *p, bool by_beta, struct err *err)
{
    struct wish *w = &p->left;
    for (size_t i = 0; i < wish_plain_count; i++) {
        const struct wish_plain *row = &wish_plain[i];
        if (w->fields.plain[i] == SCAN_ABSENT || (row->beta.n > 0) != by_beta ||
            (by_beta && p->invoke && plan_has_beta(p, row->beta)) ||
            (row->fate == WISH_ABILITY && plan_takes(p, row->ability) &&
             !(p->cure.left_out & PLAN_BIT(PLAN_PLAIN + i)))) {
            continue;
        }
        struct str name = plain_name(w, i);
        if (row->fate == WISH_REFUSED) {
            return err_set(err, STATUS_INVALID, "%.*s: Extra inputs are not permitted",
                           STR_ARG(name));
        }
        p->verdict[PLAN_PLAIN + i] = PLAN_DROP;
        plan_note(p, PLAN_DROP, "", name);
        w->fields.plain[i] = SCAN_ABSENT;
    }
    return STATUS_OK;
}

/* What this program does not know: InvokeModel may, Converse has no place for it. */
static void judge_others(struct plan *p)
{
    const struct scan *s = p->left.scan;
    for (uint32_t i = 0; i < p->left.fields.other_count && !p->invoke; i++) {
        plan_note(p, PLAN_DROP, "", scan_text(s, scan_key(s, p->left.fields.others[i])));
    }
}

/* How many of the edits go on; -1: that is no list, which Bedrock is to judge. */
static int judge_edits(struct plan *p)
{
    const struct scan *s = p->left.scan;
    scan_ref edits = SCAN_GET(s, p->left.context, "edits");
    int kept = 0;
    if (scan_type(s, edits) != SCAN_ARRAY || scan_size(s, edits) == 0) {
        return -1;
    }
    for (scan_ref v = scan_first(s, edits); v != SCAN_ABSENT; v = scan_next(s, edits, v)) {
        kept += plan_keeps_edit(p, v);
    }
    for (scan_ref v = scan_first(s, edits); v != SCAN_ABSENT && kept > 0;
         v = scan_next(s, edits, v)) {
        if (!plan_keeps_edit(p, v)) {
            plan_note(p, PLAN_DROP, "context_management.", scan_text(s, SCAN_GET(s, v, "type")));
        }
    }
    return kept;
}

/* InvokeModel takes it with the beta of its edits. */
static void judge_context(struct plan *p)
{
    if (p->left.context == SCAN_ABSENT) {
        return;
    }
    bool out = !p->invoke || (p->cure.left_out & PLAN_BIT(PLAN_CONTEXT));
    int kept = out ? 0 : judge_edits(p);
    if (kept == 0 || (kept < 0 && !plan_has_beta(p, WISH_BETA_CONTEXT))) {
        plan_judge(p, PLAN_CONTEXT, PLAN_DROP, "context_management");
    }
}

/* Said only with its beta. What is told in words stands at the end of `system`, in this turn only, and a
 * tool that came in mid-conversation stands before it: thoughts of others must not be refused for it. */
static void judge_binding(struct plan *p)
{
    const struct wish *w = &p->left;
    bool taken = p->invoke && plan_has_beta(p, WISH_BETA_BINDING);
    bool words = p->format.how == PLAN_FORMAT_WORDS || p->tools.in_words || w->tools.changes.n > 0;
    bool unasked = w->thinking.mode == WISH_THINKING_UNSET && plan_takes(p, MODELS_OFF_TO_HIGH);
    bool thinks = wish_thinks(w->thinking.mode) || unasked || plan_takes(p, MODELS_ALWAYS_THINKS);
    if (taken && words && thinks && w->thinking.in_history && !w->thinking.binding.error) {
        p->thinking.drop_block = true;
    }
    p->thinking.binding = taken && w->thinking.binding.at != SCAN_ABSENT && !p->thinking.drop_block;
    if (w->thinking.binding.at != SCAN_ABSENT && !p->thinking.binding && !p->thinking.drop_block) {
        plan_note(p, PLAN_DROP, "thinking.block_binding", (struct str){NULL, 0});
    } else if (p->thinking.binding && SCAN_GET(w->scan, w->thinking.binding.at,
                                               "prefix_mismatch_behavior") != SCAN_ABSENT) {
        plan_note(p, PLAN_MAP, "thinking.block_binding", (struct str){NULL, 0});
    }
}

/* --- what an earlier attempt was refused for ----------------------------------------------- */

static bool is_out(struct plan *p, enum plan_field field, bool asked, const char *what)
{
    bool out = asked && (p->cure.left_out & PLAN_BIT(field));
    if (out) {
        plan_judge(p, field, PLAN_DROP, what);
    }
    return out;
}

/* A format, a choice and a tier have other ways than to be left out: where they are judged. */
static void leave_out(struct plan *p)
{
    struct wish *w = &p->left;
    if (is_out(p, PLAN_TEMPERATURE, w->sampling.has_temperature, "temperature")) {
        w->sampling.has_temperature = false;
    }
    if (is_out(p, PLAN_TOP_P, w->sampling.has_top_p, "top_p")) {
        w->sampling.has_top_p = false;
    }
    if (is_out(p, PLAN_TOP_K, w->sampling.top_k != SCAN_ABSENT, "top_k")) {
        w->sampling.top_k = SCAN_ABSENT;
    }
    if (is_out(p, PLAN_STOPS, w->stops.count > 0, w->called->stops)) {
        w->stops.count = 0;
    }
    if (is_out(p, PLAN_THINKING, w->thinking.mode != WISH_THINKING_UNSET, w->called->thinking)) {
        w->thinking.mode = WISH_THINKING_UNSET;
    }
    if (is_out(p, PLAN_EFFORT, w->effort.level != WISH_EFFORT_UNSET, w->called->effort)) {
        w->effort.level = WISH_EFFORT_UNSET;
    }
    if (is_out(p, PLAN_ONE_CALL, w->choice.one_call, w->called->one_call)) {
        w->choice.one_call = false;
    }
}

/* --- length and sampling ------------------------------------------------------------------- */

/* Said by nobody it would be the model's own most, which a quota reserves (and of Claude it has to be
 * said): so what is reserved is what this program knows of. 0: nothing is known, or what is known has no
 * room for a prompt beside it. */
static int64_t unsaid_length(const struct models_caps *caps, bool claude)
{
    if (caps->output_max == 0) {
        return claude ? OUTPUT_UNKNOWN : 0;
    }
    return caps->context_max > caps->output_max || claude ? caps->output_max : 0;
}

/* Clients ask for 128,000 of any model (Claude Code, AI SDK): more than the cap is lowered; of a
 * Claude refused in the official words, which Claude Code understands. InvokeModel does that by
 * itself. 0 only warms the cache at Anthropic; Converse's least is 1, and Claude needs a value. */
static enum status judge_length(struct plan *p, struct err *err)
{
    struct wish *w = &p->left;
    int64_t cap = p->caps->output_max;
    bool claude = plan_takes(p, MODELS_CLAUDE);
    if (p->cure.output_cap > 0 && w->max_tokens.n > p->cure.output_cap) { /* Bedrock's own word */
        plan_judge(p, PLAN_MAX_TOKENS, PLAN_CLAMP, "max_tokens");
        w->max_tokens.n = p->cure.output_cap;
    }
    if (p->invoke) {
        return STATUS_OK;
    }
    if (!w->max_tokens.given) {
        w->max_tokens.n = unsaid_length(p->caps, claude);
        w->max_tokens.given = claude; /* else it stays the program's own: not named when it goes */
    } else if (w->max_tokens.given && w->max_tokens.n == 0) {
        plan_judge(p, PLAN_MAX_TOKENS, PLAN_CLAMP, "max_tokens");
        w->max_tokens.n = 1;
    }
    if (cap == 0 || w->max_tokens.n <= cap) {
        return STATUS_OK;
    }
    if (claude && w->max_tokens.exact) {
        return err_set(err, STATUS_INVALID,
                       "max_tokens: %lld > %lld, which is the maximum allowed number of output "
                       "tokens for this model",
                       (long long)w->max_tokens.n, (long long)cap);
    }
    plan_judge(p, PLAN_MAX_TOKENS, PLAN_CLAMP, "max_tokens");
    w->max_tokens.n = cap;
    return STATUS_OK;
}

/* OpenAI's temperature goes to 2. InvokeModel gets the client's number, and judges it. */
static void judge_unit(struct plan *p, enum plan_field field, bool *has, double *v, bool takes,
                       const char *what)
{
    if (!*has) {
        return;
    }
    if (!takes) {
        plan_judge(p, field, PLAN_DROP, what);
        *has = false;
    } else if (!p->invoke && !(*v >= 0 && *v <= 1)) {
        plan_judge(p, field, PLAN_CLAMP, what);
        *v = *v < 0 ? 0 : 1;
    }
}

static void judge_sampling(struct plan *p)
{
    struct wish *w = &p->left;
    enum models_sampling sampling = p->caps->sampling;
    judge_unit(p, PLAN_TEMPERATURE, &w->sampling.has_temperature, &w->sampling.temperature,
               sampling != MODELS_SAMPLING_NONE, "temperature");
    judge_unit(p, PLAN_TOP_P, &w->sampling.has_top_p, &w->sampling.top_p,
               sampling == MODELS_SAMPLING_ALL ||
                   (sampling == MODELS_SAMPLING_ONE && !w->sampling.has_temperature),
               "top_p");
    if (w->sampling.top_k != SCAN_ABSENT && !p->caps->top_k[0]) {
        plan_judge(p, PLAN_TOP_K, PLAN_DROP, "top_k");
        w->sampling.top_k = SCAN_ABSENT;
    }
}

static void judge_stops(struct plan *p)
{
    struct wish *w = &p->left;
    bool takes = plan_takes(p, MODELS_STOPS);
    if (w->stops.lost || (w->stops.count > 0 && !takes)) {
        plan_judge(p, PLAN_STOPS, PLAN_DROP, w->called->stops);
    }
    if (!takes) {
        w->stops.count = 0;
    } else if (w->stops.lost && w->stops.count > 0) {
        p->verdict[PLAN_STOPS] = PLAN_CLAMP;
    }
}

/* --- tools --------------------------------------------------------------------------------- */

/* Without tool search a deferred tool never would be found. Converse has no choice "none", so the
 * tools are left out - unless the history needs them: Bedrock wants toolConfig whenever it has tool
 * blocks, also when the client sends no tools any more. */
static void count_tools(struct plan *p)
{
    struct wish *w = &p->left;
    bool all = p->invoke && plan_takes(p, MODELS_TOOL_SEARCH);
    bool none = !p->invoke && w->choice.kind == WISH_CHOICE_NONE && !w->tools.called_before;
    p->tools.any = !none && w->tools.shown > (all ? 0 : w->tools.deferred);
    p->tools.stand_in = !p->invoke && !p->tools.any && w->tools.called_before;
    p->tools.any = p->tools.any || p->tools.stand_in;
    p->whole_upstream =
        !p->invoke && w->stream && p->tools.any && !plan_takes(p, MODELS_STREAM_TOOLS);
    if (p->whole_upstream) {
        plan_judge(p, PLAN_STREAM, PLAN_MAP, "stream");
    }
}

/* A call that has to be made: as a choice, or in words where the model refuses such a choice. */
static void judge_forced(struct plan *p)
{
    struct wish *w = &p->left;
    bool any = plan_takes(p, MODELS_CHOICE_ANY);
    p->tools.forced =
        (any || plan_takes(p, MODELS_TOOL_CHOICE)) && !(p->cure.left_out & PLAN_BIT(PLAN_CHOICE));
    p->tools.in_words = !p->tools.forced;
    if (p->tools.in_words || (any && w->choice.kind == WISH_CHOICE_ONE)) {
        plan_judge(p, PLAN_CHOICE, PLAN_CLAMP, "tool_choice");
    }
    if (p->tools.forced && any) {
        w->choice.kind = WISH_CHOICE_ANY;
    }
}

static void judge_choice(struct plan *p)
{
    struct wish *w = &p->left;
    bool wants_call = w->choice.kind == WISH_CHOICE_ANY || w->choice.kind == WISH_CHOICE_ONE;
    bool says_it = p->invoke || plan_takes(p, MODELS_CALL_LIMIT);
    if (!p->tools.any || p->tools.stand_in) {
        p->verdict[PLAN_CHOICE] = PLAN_DROP; /* without tools it is a 400 */
        if (wants_call) {
            plan_judge(p, PLAN_CHOICE, PLAN_DROP, "tool_choice");
        }
        wants_call = false;
    }
    if (wants_call) {
        judge_forced(p);
    }
    if (w->choice.lost) {
        plan_judge(p, PLAN_CHOICE, PLAN_DROP, "tool_choice");
    }
    p->tools.no_calls = w->choice.kind == WISH_CHOICE_NONE && p->tools.any && !p->tools.stand_in;
    w->choice.one_call = w->choice.one_call && w->choice.kind != WISH_CHOICE_NONE && p->tools.any;
    if (p->tools.no_calls && !says_it) {
        plan_judge(p, PLAN_CHOICE, PLAN_CLAMP, "tool_choice");
    }
    if (w->choice.one_call && !says_it) {
        plan_judge(p, PLAN_ONE_CALL, PLAN_CLAMP, w->called->one_call);
    }
    p->tools.no_calls = p->tools.no_calls && says_it;
    w->choice.one_call = w->choice.one_call && says_it;
}

static enum status judge_tools(struct plan *p, struct err *err)
{
    count_tools(p);
    if (p->tools.any && !plan_takes(p, MODELS_TOOLS)) {
        return err_set(err, STATUS_INVALID, "tools: models of the family '%s' do not take them",
                       p->caps->family);
    }
    judge_choice(p);
    return STATUS_OK;
}

/* --- format, tier, cache ------------------------------------------------------------------- */

/* In words it is no guarantee as the format would be, but there a schema may be of any kind: no
 * grammar can be made of one that is open or within itself, it would be a 400. A Messages client gets
 * its own API's refusal. */
static void judge_format(struct plan *p)
{
    struct wish *w = &p->left;
    bool native = plan_takes(p, MODELS_FORMAT) && w->format.kind != WISH_FORMAT_JSON &&
                  !(p->cure.left_out & PLAN_BIT(PLAN_FORMAT)) &&
                  (p->invoke || w->format.kind == WISH_FORMAT_SCHEMA) &&
                  (!w->format.schema.open || w->format.kind != WISH_FORMAT_SCHEMA ||
                   schema_is_finite(w->scan, w->format.schema.at));
    if (w->format.twice) {
        plan_note(p, PLAN_DROP, "output_format", (struct str){NULL, 0});
    }
    if (w->format.kind == WISH_FORMAT_UNSET) {
        return;
    }
    if (native) {
        p->format.how = PLAN_FORMAT_NATIVE;
        if (w->format.old) {
            plan_judge(p, PLAN_FORMAT, PLAN_MAP, w->format.name);
        }
    } else if (w->format.kind == WISH_FORMAT_OTHER) {
        plan_judge(p, PLAN_FORMAT, PLAN_DROP, w->format.name);
    } else {
        p->format.how = PLAN_FORMAT_WORDS;
        plan_judge(p, PLAN_FORMAT, PLAN_CLAMP, w->format.name);
    }
}

/* Bedrock's own words go where Bedrock has them; Anthropic's mean nothing to it. */
static void judge_tier(struct plan *p)
{
    const struct wish *w = &p->left;
    p->tier = w->tier.given ? w->tier.value : p->o->tier;
    if (p->cure.left_out & PLAN_BIT(PLAN_TIER)) {
        p->tier = TIER_DEFAULT;
        plan_judge(p, PLAN_TIER, PLAN_DROP, "service_tier");
    } else if (w->tier.given || w->tier.other) {
        plan_judge(p, PLAN_TIER, w->tier.given ? PLAN_MAP : PLAN_DROP, "service_tier");
    }
}

/* The writers say what became of it: a mark in another place may find none. */
static void judge_cache(struct plan *p)
{
    p->left.cache.automatic = p->left.cache.automatic && plan_takes_marks(p);
    if (p->left.cache.top == SCAN_ABSENT) {
        return;
    }
    if (!plan_takes_marks(p)) {
        p->verdict[PLAN_CACHE_TOP] = PLAN_DROP;
    } else if (!p->invoke || !plan_takes(p, MODELS_CACHE_TOP)) {
        p->verdict[PLAN_CACHE_TOP] = PLAN_MAP;
    }
}

/* --- entry --------------------------------------------------------------------------------- */

/* The betas first: what is in the body may rest on them. Tools and length before thinking. */
enum status plan_make(struct plan *p, const struct wish *wish, const struct plan_options *o,
                      struct arena *arena, struct buf *changes, struct err *err)
{
    enum status st;
    *p = (struct plan){.o = o,
                       .caps = o->model->caps,
                       .arena = arena,
                       .invoke = o->model->transport == MODELS_INVOKE,
                       .left = *wish,
                       .cure.left_out = o->left_out,
                       .notes.changes = changes};
    if ((st = judge_plain(p, false, err)) != STATUS_OK) {
        return st;
    }
    if (wish->fault.code == STATUS_BUSY || (wish->fault.code != STATUS_OK && !p->invoke)) {
        *err = wish->fault;
        return err->code;
    }
    judge_others(p);
    plan_betas(p);
    if ((st = plan_cure(p, err)) != STATUS_OK || (st = judge_plain(p, true, err)) != STATUS_OK ||
        (st = plan_betas_tools(p, err)) != STATUS_OK) {
        return st;
    }
    plan_schema(p);
    judge_context(p);
    leave_out(p);
    if ((st = judge_tools(p, err)) != STATUS_OK || (st = judge_length(p, err)) != STATUS_OK) {
        return st;
    }
    plan_thinking(p);
    judge_sampling(p);
    judge_stops(p);
    judge_format(p);
    judge_binding(p);
    if (p->left.effort.task_budget) {
        plan_judge(p, PLAN_TASK_BUDGET, PLAN_DROP, "output_config.task_budget");
    }
    judge_tier(p);
    judge_cache(p);
    return STATUS_OK;
}
