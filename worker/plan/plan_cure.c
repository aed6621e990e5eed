#include "worker/plan/plan_cure.h"

#include <assert.h>
#include <stdio.h>

#include "worker/dialect/changes.h"

_Static_assert((uint32_t)WISH_EFFORT_LOW == 1 && (uint32_t)WISH_EFFORT_MAX == CURES_EFFORTS,
               "rungs of cures.h");

static const struct str nothing = {NULL, 0};

/* --- what a thing is here ------------------------------------------------------------------ */

/* Things that are an ability of the model's row. */
static const uint32_t abilities[LEARNED_COUNT] = {
    [LEARNED_STOPS] = MODELS_STOPS,
    [LEARNED_DISPLAY] = MODELS_THINKING_DISPLAY,
    [LEARNED_FORMAT] = MODELS_FORMAT,
    [LEARNED_CHOICE] = MODELS_TOOL_CHOICE | MODELS_CHOICE_ANY,
    [LEARNED_ONE_CALL] = MODELS_CALL_LIMIT,
    [LEARNED_STRICT] = MODELS_STRICT,
    [LEARNED_EAGER_INPUT] = MODELS_EAGER_INPUT,
    [LEARNED_STREAM_TOOLS] = MODELS_STREAM_TOOLS,
    [LEARNED_RESULT_MEDIA] = MODELS_RESULT_MEDIA,
    [LEARNED_SYSTEM] = MODELS_SYSTEM,
    [LEARNED_SYSTEM_ROLE] = MODELS_SYSTEM_ROLE,
    [LEARNED_CACHE] = MODELS_CACHE,
    [LEARNED_CACHE_1H] = MODELS_CACHE_1H,
    [LEARNED_CACHE_TOP] = MODELS_CACHE_TOP,
};

/* Those that are a field of the plan's. */
static const struct {
    enum learned what;
    enum plan_field field;
} fields[] = {
    {LEARNED_TEMPERATURE, PLAN_TEMPERATURE},
    {LEARNED_TOP_P, PLAN_TOP_P},
    {LEARNED_TOP_K, PLAN_TOP_K},
    {LEARNED_CONTEXT, PLAN_CONTEXT},
};

static bool is_claude(const struct plan *p)
{
    return plan_takes(p, MODELS_CLAUDE);
}

static bool thinks(const struct wish *w)
{
    return wish_thinks(w->thinking.mode);
}

static bool is_forced(const struct wish *w)
{
    return w->tools.shown > 0 &&
           (w->choice.kind == WISH_CHOICE_ANY || w->choice.kind == WISH_CHOICE_ONE);
}

static bool asks_sampling(const struct plan *p, enum learned what)
{
    const struct wish *w = &p->left;
    bool t = w->sampling.has_temperature && p->caps->sampling != MODELS_SAMPLING_NONE;
    bool top_p = w->sampling.has_top_p && (p->caps->sampling == MODELS_SAMPLING_ALL ||
                                           (p->caps->sampling == MODELS_SAMPLING_ONE && !t));
    bool top_k = w->sampling.top_k != SCAN_ABSENT && p->caps->top_k[0];
    switch (what) {
    case LEARNED_TEMPERATURE:
        return t;
    case LEARNED_TOP_P:
        return top_p;
    case LEARNED_TOP_K:
        return top_k;
    case LEARNED_ONE_SAMPLING:
        return t && top_p;
    default:
        return t || top_p || top_k;
    }
}

static bool asks_thinking(const struct plan *p, enum learned what)
{
    const struct wish *w = &p->left;
    bool sent = is_claude(p) || p->caps->thinking != MODELS_THINKING_NONE;
    switch (what) {
    case LEARNED_THINKING_BUDGET:
        return is_claude(p) && thinks(w) && p->caps->thinking != MODELS_THINKING_ADAPTIVE;
    case LEARNED_THINKING_ADAPTIVE:
        return is_claude(p) && thinks(w) && p->caps->thinking != MODELS_THINKING_BUDGET;
    case LEARNED_DISPLAY:
        return w->thinking.display.as.n > 0 && thinks(w);
    case LEARNED_BINDING:
        return is_claude(p) && p->caps->thinking == MODELS_THINKING_ADAPTIVE &&
               !w->thinking.binding.error && !p->thinking.drop_block;
    case LEARNED_EFFORT:
        return p->caps->level_at != MODELS_LEVEL_NOWHERE &&
               (w->effort.level != WISH_EFFORT_UNSET || (!is_claude(p) && thinks(w)) ||
                (w->thinking.mode == WISH_THINKING_OFF && plan_takes(p, MODELS_ALWAYS_THINKS)));
    default:
        return sent && w->thinking.mode != WISH_THINKING_UNSET;
    }
}

/* As far as the wish tells: of what stands in messages and tools it knows only that it may. */
static bool asks_ability(const struct plan *p, enum learned what)
{
    const struct wish *w = &p->left;
    switch (what) {
    case LEARNED_STOPS:
        return w->stops.count > 0;
    case LEARNED_FORMAT:
        return w->format.kind == WISH_FORMAT_SCHEMA || w->format.kind == WISH_FORMAT_OTHER;
    case LEARNED_CHOICE:
        return is_forced(w);
    case LEARNED_ONE_CALL:
        return !p->invoke && w->tools.shown > 0 &&
               (w->choice.one_call || w->choice.kind == WISH_CHOICE_NONE);
    case LEARNED_STRICT:
    case LEARNED_EAGER_INPUT:
        return w->tools.shown > 0;
    case LEARNED_STREAM_TOOLS:
        return !p->invoke && w->tools.shown > 0 && w->stream;
    case LEARNED_RESULT_MEDIA:
    case LEARNED_SYSTEM:
        return !p->invoke;
    case LEARNED_SYSTEM_ROLE:
        return p->invoke;
    case LEARNED_CACHE:
    case LEARNED_CACHE_1H:
        return plan_takes_marks(p);
    default:
        return w->cache.top != SCAN_ABSENT;
    }
}

static bool asks(const struct plan *p, enum learned what)
{
    switch (what) {
    case LEARNED_NOTHING:
    case LEARNED_NATIVE: /* there is no plan for them: native.c */
    case LEARNED_NATIVE_RESPONSES:
    case LEARNED_COUNT:
        return false;
    case LEARNED_SAMPLING:
    case LEARNED_TEMPERATURE:
    case LEARNED_TOP_P:
    case LEARNED_TOP_K:
    case LEARNED_ONE_SAMPLING:
        return asks_sampling(p, what);
    case LEARNED_THINKING:
    case LEARNED_THINKING_BUDGET:
    case LEARNED_THINKING_ADAPTIVE:
    case LEARNED_BINDING:
    case LEARNED_EFFORT:
        return asks_thinking(p, what);
    case LEARNED_DISPLAY:
        return asks_thinking(p, what) && plan_takes(p, MODELS_THINKING_DISPLAY);
    case LEARNED_MAX_TOKENS:
        return p->left.max_tokens.n > 0;
    case LEARNED_CONTEXT:
        return p->left.context != SCAN_ABSENT;
    case LEARNED_BETA:
        return p->betas.count > 0;
    case LEARNED_FIELD:
        return p->invoke && p->left.fields.other_count > 0;
    default:
        return plan_takes(p, abilities[what]) && asks_ability(p, what);
    }
}

/* Of what stands in messages and tools: a word that the request then has. Looked for only where
 * something is left out. */
static bool mentions(const struct plan *p, enum learned what)
{
    static const struct {
        enum learned what;
        struct str words[3];
    } rows[] = {
        {LEARNED_CACHE, {STR("cache_control"), STR("\"prompt_cache_"), STR("cache_control")}},
        {LEARNED_CACHE_1H, {STR("\"ttl\""), STR("cache_control"), STR("\"prompt_cache_")}},
        {LEARNED_STRICT, {STR("\"strict\""), STR("\"strict\""), STR("\"strict\"")}},
        {LEARNED_EAGER_INPUT,
         {STR("eager_input_streaming"), STR("eager_input_streaming"),
          STR("eager_input_streaming")}},
        {LEARNED_SYSTEM, {STR("\"system\""), STR("\"developer\""), STR("\"instructions\"")}},
        {LEARNED_SYSTEM_ROLE, {STR("\"system\""), STR("\"system\""), STR("\"system\"")}},
        {LEARNED_RESULT_MEDIA, {STR("\"image"), STR("\"document\""), STR("\"input_")}},
    };
    struct str body = scan_raw(p->left.scan, 0);
    size_t at;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].what == what) {
            return text_find(body, rows[i].words[0], &at) ||
                   text_find(body, rows[i].words[1], &at) || text_find(body, rows[i].words[2], &at);
        }
    }
    return true;
}

/* --- doing without ------------------------------------------------------------------------- */

static void drop_betas(struct plan *p, struct str name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->betas.count; i++) {
        if (name.n == 0 || text_eq(p->betas.value[i], name)) {
            plan_note(p, PLAN_DROP, "beta:", p->betas.value[i]);
        } else {
            p->betas.value[n++] = p->betas.value[i];
        }
    }
    p->betas.count = n;
}

/* A rung of Claude's is the word itself; of others what their ladder has. */
static void lower_effort(struct plan *p, uint32_t rung)
{
    struct wish *w = &p->left;
    if (rung > 0) {
        w->effort.level = (enum wish_effort)rung;
        plan_judge(p, PLAN_EFFORT, PLAN_CLAMP, w->called->effort);
    } else if (is_claude(p)) {
        p->cure.left_out |= PLAN_BIT(PLAN_EFFORT);
    } else {
        p->own.thinking = MODELS_THINKING_NONE;
    }
}

static void drop_thinking(struct plan *p)
{
    if (is_claude(p)) {
        p->cure.left_out |= PLAN_BIT(PLAN_THINKING);
    } else {
        p->own.thinking = MODELS_THINKING_NONE;
    }
}

static void drop_blocks(struct plan *p)
{
    p->thinking.drop_block = true;
    if (!plan_has_beta(p, WISH_BETA_BINDING) && p->betas.count < PLAN_BETAS_MAX) {
        p->betas.value[p->betas.count++] = WISH_BETA_BINDING;
    }
}

static void drop_unknown(struct plan *p, struct str name)
{
    if (p->cure.field_count < PLAN_FIELDS_MAX) {
        p->cure.field[p->cure.field_count++] = name;
        plan_note(p, PLAN_DROP, "", name);
    }
}

static void leave_out_field(struct plan *p, enum learned what)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].what == what) {
            p->cure.left_out |= PLAN_BIT(fields[i].field);
        }
    }
}

static void do_without(struct plan *p, enum learned what, struct str name, uint32_t value)
{
    char verb[64];
    if (!mentions(p, what) || (what == LEARNED_MAX_TOKENS && p->left.max_tokens.n <= value)) {
        return;
    }
    snprintf(verb, sizeof verb, "learned:%s%s", learned_word(what), name.n > 0 ? "." : "");
    changes_note(p->notes.changes, verb, name);
    p->caps = &p->own;
    p->cure.avoided = true;
    switch (what) {
    case LEARNED_SAMPLING:
        p->own.sampling = MODELS_SAMPLING_NONE;
        p->own.top_k = "";
        break;
    case LEARNED_ONE_SAMPLING:
        p->own.sampling = MODELS_SAMPLING_ONE;
        break;
    case LEARNED_MAX_TOKENS:
        p->cure.output_cap = value;
        break;
    case LEARNED_THINKING:
        drop_thinking(p);
        break;
    case LEARNED_THINKING_BUDGET:
        p->own.thinking = MODELS_THINKING_ADAPTIVE;
        break;
    case LEARNED_THINKING_ADAPTIVE:
        p->own.thinking = MODELS_THINKING_BUDGET;
        break;
    case LEARNED_BINDING:
        drop_blocks(p);
        break;
    case LEARNED_EFFORT:
        lower_effort(p, value);
        break;
    case LEARNED_BETA:
        drop_betas(p, name);
        break;
    case LEARNED_FIELD:
        drop_unknown(p, name);
        break;
    default:
        p->own.flags &= ~abilities[what];
        leave_out_field(p, what);
    }
}

/* --- what is remembered -------------------------------------------------------------------- */

static bool take_shape(struct plan *p)
{
    const struct wish *w = &p->left;
    const struct segment *s = p->o->memory;
    const uint8_t kind[] = {
        p->invoke,    (uint8_t)w->thinking.mode, w->effort.level, w->tools.shown > 0,
        is_forced(w), (uint8_t)w->format.kind,   w->tools.search};
    struct buf betas;
    p->cure.shape = learned_key(s, (struct learned_key){0, 0}, p->o->model->id);
    p->cure.shape = learned_key(s, p->cure.shape, (struct str){(const char *)kind, sizeof kind});
    buf_init(&betas, LEARNED_TEXT_MAX);
    for (uint32_t i = 0; i < p->betas.count; i++) {
        buf_put_str(&betas, p->betas.value[i]);
        buf_put_char(&betas, ',');
    }
    bool ok = buf_ok(&betas);
    p->cure.shape = learned_key(s, p->cure.shape, buf_str(&betas));
    buf_free(&betas);
    return ok;
}

static bool looks(const struct plan *p, enum learned what, struct str name, uint32_t *value_out)
{
    return learned_look(p->o->memory, p->cure.shape, what, name, p->o->now_s, value_out);
}

static void recall_named(struct plan *p, enum learned what, const struct str *list, uint32_t n)
{
    uint32_t value;
    for (uint32_t i = n; i-- > 0;) { /* from the end: what is dropped moves the rest */
        if (looks(p, what, list[i], &value)) {
            do_without(p, what, list[i], value);
        }
    }
}

static void recall(struct plan *p)
{
    uint32_t value;
    recall_named(p, LEARNED_BETA, p->betas.value, p->betas.count);
    recall_named(p, LEARNED_FIELD, p->cure.sent.fields, p->cure.sent.field_count);
    for (unsigned what = 1; what < LEARNED_COUNT; what++) {
        if (what != LEARNED_FIELD && asks(p, what) && looks(p, what, nothing, &value)) {
            do_without(p, what, nothing, value);
        }
    }
}

/* --- what can still be refused ------------------------------------------------------------- */

/* Names of the fields that go on to a Claude as they are. */
static bool list_fields(struct plan *p)
{
    const struct wish *w = &p->left;
    uint32_t n = w->fields.other_count < PLAN_FIELDS_MAX ? w->fields.other_count : PLAN_FIELDS_MAX;
    if (!p->invoke || n == 0) {
        return true;
    }
    struct str *names = arena_alloc(p->arena, n * sizeof *names);
    for (uint32_t i = 0; names && i < n; i++) {
        names[i] = scan_text(w->scan, scan_key(w->scan, w->fields.others[i]));
    }
    p->cure.sent.fields = names;
    p->cure.sent.field_count = names ? n : 0;
    return names != NULL;
}

/* Values that no model takes. What Bedrock says of such a request is not remembered. */
static bool is_odd(const struct wish *w)
{
    double top_k = 1;
    if (w->sampling.top_k != SCAN_ABSENT && !scan_f64(w->scan, w->sampling.top_k, &top_k)) {
        return true;
    }
    return w->fault.code != STATUS_OK || w->effort.level == WISH_EFFORT_OTHER || top_k < 1 ||
           (w->sampling.has_temperature &&
            !(w->sampling.temperature >= 0 && w->sampling.temperature <= 1)) ||
           (w->sampling.has_top_p && !(w->sampling.top_p >= 0 && w->sampling.top_p <= 1)) ||
           w->stops.count > 4 || w->max_tokens.n < 0;
}

static bool list_sent(struct plan *p)
{
    struct str *betas = arena_alloc(p->arena, (p->betas.count + 1) * sizeof *betas);
    uint32_t effort = (uint32_t)p->left.effort.level;
    for (uint32_t i = 0; betas && i < p->betas.count; i++) {
        betas[i] = p->betas.value[i];
    }
    for (unsigned what = 1; what < LEARNED_COUNT; what++) {
        p->cure.sent.bits |= asks(p, what) ? LEARNED_BIT(what) : 0;
    }
    p->cure.sent.odd = is_odd(&p->left);
    p->cure.sent.max_tokens = p->left.max_tokens.n;
    p->cure.sent.effort = effort <= CURES_EFFORTS ? effort : 0;
    p->cure.sent.betas = betas;
    p->cure.sent.beta_count = betas ? p->betas.count : 0;
    return betas != NULL;
}

/* What was refused of this request stands above what is remembered of others. */
enum status plan_cure(struct plan *p, struct err *err)
{
    const struct cure *cure = p->o->cure;
    bool refused = cure && cure->what != LEARNED_NOTHING;
    bool ok = list_fields(p);
    p->own = *p->caps;
    if (ok && p->o->memory && (refused || learned_any(p->o->memory, p->o->now_s))) {
        ok = take_shape(p);
        recall(p);
    }
    if (refused) {
        do_without(p, cure->what, text_from(cure->name), cure->value);
    }
    return ok && list_sent(p) ? STATUS_OK : err_no_memory(err);
}
