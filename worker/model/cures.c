#include "worker/model/cures.h"

#include "worker/model/cures_text.h"

#define SENTENCE_MAX 2000 /* bytes that are looked at */

enum kept { KEPT, NOT_KEPT };

/* --- known sentences ----------------------------------------------------------------------- */

/*
 * Words that all have to be there, in any case and order, joined by '&'; the first row that cures_text_fits
 * and whose thing was sent decides. Sources: the sentences as documentation and issue threads quote
 * them (Anthropic: adaptive thinking, preserved thinking, structured outputs; AWS: Converse; vercel
 * ai, litellm).
 */
static const struct row {
    const char *pattern;
    enum learned what;
    enum kept kept;
} rows[] = {
    /* "`temperature` and `top_p` cannot both be specified for this model." */
    {"temperature&top_p&both", LEARNED_ONE_SAMPLING, KEPT},
    {"temperature&topp&both", LEARNED_ONE_SAMPLING, KEPT},
    /* "`temperature` is deprecated for this model.": 4.7 and later, and top_p and top_k with it */
    {"temperature&deprecated for this model", LEARNED_SAMPLING, KEPT},
    {"top_p&deprecated for this model", LEARNED_SAMPLING, KEPT},
    {"top_k&deprecated for this model", LEARNED_SAMPLING, KEPT},
    {"thinking.type.enabled&not supported for this model", LEARNED_THINKING_BUDGET, KEPT},
    {"adaptive thinking is not supported on this model", LEARNED_THINKING_ADAPTIVE, KEPT},
    {"thinking.type.adaptive&not supported for this model", LEARNED_THINKING_ADAPTIVE, KEPT},
    /* preserved thinking: this conversation's */
    {"bound to a different conversation", LEARNED_BINDING, NOT_KEPT},
    {"invalid beta flag", LEARNED_BETA, KEPT},
    /* structured output: this schema's */
    {"schema&too complex", LEARNED_FORMAT, NOT_KEPT},
    {"schema&too complex", LEARNED_STRICT, NOT_KEPT},
    {"grammar&too large", LEARNED_FORMAT, NOT_KEPT},
    {"grammar&too large", LEARNED_STRICT, NOT_KEPT},
    {"output_config.format.schema", LEARNED_FORMAT, NOT_KEPT},
    {"tool use in streaming mode", LEARNED_STREAM_TOOLS, KEPT},
    {"role 'system' is not supported on this model", LEARNED_SYSTEM_ROLE, KEPT},
    {"support system messages", LEARNED_SYSTEM, KEPT},
    {"tool_choice&\"any\" are not supported for this model", LEARNED_CHOICE, KEPT},
    {"support the toolconfig.toolchoice", LEARNED_CHOICE, KEPT},
    {"support&image&tool result", LEARNED_RESULT_MEDIA, KEPT},
    {"support&image&toolresult", LEARNED_RESULT_MEDIA, KEPT},
    {"support&document&toolresult", LEARNED_RESULT_MEDIA, KEPT},
};

/* --- things by their names ----------------------------------------------------------------- */

/* Lower case; a name is found as a whole word. Of two at one place the longer is meant. What points
 * to a part of a thing ("thinking.x: ...") is about what the client has written there. */
static const struct name {
    const char *name;
    enum learned what;
} names[] = {
    {"temperature", LEARNED_TEMPERATURE},
    {"top_p", LEARNED_TOP_P},
    {"topp", LEARNED_TOP_P},
    {"top_k", LEARNED_TOP_K},
    {"topk", LEARNED_TOP_K},
    {"sampling", LEARNED_SAMPLING},
    {"sampling parameters", LEARNED_SAMPLING},
    {"stop_sequences", LEARNED_STOPS},
    {"stopsequences", LEARNED_STOPS},
    {"stop sequences", LEARNED_STOPS},
    {"stop sequence", LEARNED_STOPS},
    {"thinking", LEARNED_THINKING},
    {"thinking.type", LEARNED_THINKING},
    {"thinking.type.disabled", LEARNED_THINKING},
    {"thinking.disabled", LEARNED_THINKING},
    {"extended thinking", LEARNED_THINKING},
    {"reasoning", LEARNED_THINKING},
    {"reasoning_config", LEARNED_THINKING},
    {"reasoning_config.type", LEARNED_THINKING},
    {"reasoningconfig", LEARNED_THINKING},
    {"reasoningconfig.type", LEARNED_THINKING},
    {"thinking.display", LEARNED_DISPLAY},
    {"thinking.adaptive.display", LEARNED_DISPLAY},
    {"thinking.enabled.display", LEARNED_DISPLAY},
    {"effort", LEARNED_EFFORT},
    {"output_config.effort", LEARNED_EFFORT},
    {"reasoning_effort", LEARNED_EFFORT},
    {"reasoning effort", LEARNED_EFFORT},
    {"reasoning.effort", LEARNED_EFFORT},
    {"maxreasoningeffort", LEARNED_EFFORT},
    {"output_config.format", LEARNED_FORMAT},
    {"output_format", LEARNED_FORMAT},
    {"outputconfig.textformat", LEARNED_FORMAT},
    {"textformat", LEARNED_FORMAT},
    {"response_format", LEARNED_FORMAT},
    {"json_schema", LEARNED_FORMAT},
    {"json schema", LEARNED_FORMAT},
    {"structured output", LEARNED_FORMAT},
    {"structured outputs", LEARNED_FORMAT},
    {"tool_choice", LEARNED_CHOICE},
    {"tool_choice.type", LEARNED_CHOICE},
    {"toolchoice", LEARNED_CHOICE},
    {"toolchoice.any", LEARNED_CHOICE},
    {"toolchoice.tool", LEARNED_CHOICE},
    {"tool choice", LEARNED_CHOICE},
    {"toolconfig.toolchoice", LEARNED_CHOICE},
    {"toolconfig.toolchoice.any", LEARNED_CHOICE},
    {"toolconfig.toolchoice.tool", LEARNED_CHOICE},
    {"forced tool", LEARNED_CHOICE},
    {"forced tool use", LEARNED_CHOICE},
    {"disable_parallel_tool_use", LEARNED_ONE_CALL},
    {"tool_choice.disable_parallel_tool_use", LEARNED_ONE_CALL},
    {"parallel_tool_calls", LEARNED_ONE_CALL},
    {"system", LEARNED_SYSTEM},
    {"system prompt", LEARNED_SYSTEM},
    {"system prompts", LEARNED_SYSTEM},
    {"system messages", LEARNED_SYSTEM},
    {"system role", LEARNED_SYSTEM_ROLE},
    {"strict", LEARNED_STRICT},
    {"eager_input_streaming", LEARNED_EAGER_INPUT},
    {"ttl", LEARNED_CACHE_1H},
    {"cache_control.ttl", LEARNED_CACHE_1H},
    {"cache_control.ephemeral.ttl", LEARNED_CACHE_1H},
    {"cache_control", LEARNED_CACHE_TOP}, /* of the top level; elsewhere a row of parts[] */
    {"cachepoint", LEARNED_CACHE},
    {"cache point", LEARNED_CACHE},
    {"cache points", LEARNED_CACHE},
    {"prompt caching", LEARNED_CACHE},
    {"caching", LEARNED_CACHE},
    {"context_management", LEARNED_CONTEXT},
    {"beta", LEARNED_BETA},
    {"betas", LEARNED_BETA},
    {"anthropic_beta", LEARNED_BETA},
    {"anthropic-beta", LEARNED_BETA},
};

/* Where a sentence points into messages or tools, these alone may be meant; the innermost first. */
static const struct name parts[] = {
    {"ttl", LEARNED_CACHE_1H},
    {"cache_control", LEARNED_CACHE},
    {"cachepoint", LEARNED_CACHE},
    {"strict", LEARNED_STRICT},
    {"eager_input_streaming", LEARNED_EAGER_INPUT},
};

/* --- ways of saying things ----------------------------------------------------------------- */

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* No, in one way or another. */
static const char *const negations[] = {
    "not",      "cannot",      "can't",       "doesn't",      "isn't",       "aren't",
    "don't",    "won't",       "no longer",   "never",        "unsupported", "unrecognized",
    "unknown",  "unexpected",  "extraneous",  "extra inputs", "deprecated",  "removed",
    "disabled", "unavailable", "invalid",     "rejected",     "rejects",     "refused",
    "refuses",  "forbidden",   "prohibited",  "disallowed",   "retired",     "illegal",
    "ignores",  "obsolete",    "incompatible"};

/* ... to the thing as such. Parts of words. */
static const char *const of_the_model[] = {"support", "permitted",  "extraneous", "recogni",
                                           "unknown", "unexpected", "availab",    "deprecat",
                                           "removed", "disabled",   "accept",     "allow",
                                           "offer",   "invalid",    "cannot be",  "retired"};

/* The client's own mistake: it is told. */
static const char *const mistakes[] = {
    "not found",        "not exist",  "missing",       "field required", "is required",
    "are required",     "empty",      "duplicate",     "valid json",     "malformed json",
    "valid schema",     "signature",  "base64",        "valid number",   "valid integer",
    "valid string",     "valid list", "valid bool",    "valid dict",     "budget_tokens",
    "must be followed", "must start", "must alternate"};

/* A value and not the thing. */
static const char *const values[] = {
    "one of",  "input should be", "input tag", "value",    "expected",  "range",
    "greater", "less than",       "at least",  "at most",  "between",   "minimum",
    "maximum", "exceed",          "too many",  "too long", "too large", "must have"};

/* Only then and there. */
static const char *const conditions[] = {" when ",        " while ",        " if ",
                                         " unless ",      " together",      " both ",
                                         " combin",       " after ",        " before ",
                                         " because ",     " this request",  " your request",
                                         " more than ",   " currently",     " temporar",
                                         " at this time", " at the moment", " in this position",
                                         " conversation", " alongside",     " simultan",
                                         " same time",    " exclusive",     " conflict",
                                         " stream"};

/* Of what stands in a structure that the client has made: a schema, a list of edits. */
static const char *const insides[] = {
    "oneof",   "anyof",      "allof",      "propert",         "keyword", "$ref", "$defs", "recurs",
    "pattern", "additional", "enum",       "const ",          "depth",   "nest", "edit",  "trigger",
    "schemas", "the schema", "schema has", "schema contains", "'type'"};

/* A field that this program does not know, as such: any other word may be of its value. */
static const char *const of_a_field[] = {"extra inputs", "extraneous", "unrecogni", "unknown",
                                         "unexpected"};

/* In quotes they are kinds of a choice, not what somebody calls a tool. */
static const char *const choices[] = {"any", "tool", "auto"};

/* --- numbers and rungs --------------------------------------------------------------------- */

static const char *const rungs[CURES_EFFORTS + 1] = {"", "low", "medium", "high", "xhigh", "max"};

const char *cures_effort(uint32_t rung)
{
    return rungs[rung <= CURES_EFFORTS ? rung : 0];
}

/* The next lower rung that the sentence names, else the next lower one. */
static uint32_t lower_rung(struct str sentence, uint32_t asked)
{
    size_t at;
    for (uint32_t rung = asked; rung-- > 1;) {
        if (cures_text_word(sentence, text_from(rungs[rung]), &at)) {
            return rung;
        }
    }
    return asked > 0 ? asked - 1 : 0;
}

/* "max_tokens: 9 > 8, which is the maximum allowed number of output tokens for this model", "The
 * maximum tokens you requested exceeds the model limit of 8". What the input takes of a context, and
 * a budget for thinking, are other matters. */
static bool find_length(struct str sentence, const struct cures_sent *sent, struct cure *out)
{
    static const char *const lengths[] = {"max_tokens",
                                          "maxtokens",
                                          "max tokens",
                                          "maximum tokens",
                                          "max_completion_tokens",
                                          "output tokens",
                                          "max_output_tokens"};
    static const char *const bounds[] = {">",         "maximum", "exceed", "greater than",
                                         "at most",   "limit",   "larger", "less than or equal",
                                         "more than", "above",   "up to"};
    /* of this request: what its prompt has left */
    static const char *const rests[] = {"remain", "availab", " left", "total", "sequence length"};
    static const char *const others[] = {"context", "input", "prompt", "budget", "thinking"};
    uint32_t most = cures_text_number(sentence, sent->max_tokens);
    if (!(sent->bits & LEARNED_BIT(LEARNED_MAX_TOKENS)) || most == 0 ||
        !cures_text_any_word(sentence, lengths, COUNT(lengths)) ||
        !cures_text_any(sentence, bounds, COUNT(bounds)) ||
        cures_text_any(sentence, others, COUNT(others))) {
        return false;
    }
    *out = (struct cure){.what = LEARNED_MAX_TOKENS,
                         .value = most,
                         .kept = !sent->odd && !cures_text_any(sentence, rests, COUNT(rests)) &&
                                 !cures_text_any(sentence, conditions, COUNT(conditions))};
    return true;
}

/* --- finding ------------------------------------------------------------------------------- */

static bool is_sent(const struct cures_sent *sent, enum learned what)
{
    return (sent->bits & LEARNED_BIT(what)) != 0;
}

/* Of the betas that were sent the one that is named; all of them where none is. */
static void name_beta(struct str sentence, const struct cures_sent *sent, struct cure *c)
{
    size_t at;
    for (uint32_t i = 0; i < sent->beta_count; i++) {
        if (cures_text_word(sentence, sent->betas[i], &at)) {
            text_copy(sent->betas[i], c->name, sizeof c->name);
            return;
        }
    }
}

static bool find_row(struct str sentence, const struct cures_sent *sent, struct cure *out)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (is_sent(sent, rows[i].what) && cures_text_fits(sentence, text_from(rows[i].pattern))) {
            *out = (struct cure){.what = rows[i].what,
                                 .kept = rows[i].kept == KEPT && !sent->odd &&
                                         !cures_text_echoes(sentence)};
            if (out->what == LEARNED_BETA) {
                name_beta(sentence, sent, out);
            }
            return true;
        }
    }
    return false;
}

struct finding {
    size_t at, n;
    bool deeper; /* the sentence means a part of it */
    enum learned what;
    struct str name; /* of a field or beta */
};

static void consider(struct finding *f, struct str sentence, struct str word, enum learned what,
                     struct str name)
{
    size_t at;
    if (cures_text_word(sentence, word, &at) &&
        (f->what == LEARNED_NOTHING || at < f->at || (at == f->at && word.n > f->n))) {
        size_t end = at + word.n;
        *f = (struct finding){.at = at,
                              .n = word.n,
                              .deeper = end + 1 < sentence.n && sentence.p[end + 1] != ' ' &&
                                        memchr("./[", sentence.p[end], 3),
                              .what = what,
                              .name = name};
    }
}

static void consider_all(struct finding *f, struct str sentence, const struct cures_sent *sent)
{
    struct str none = {NULL, 0};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (is_sent(sent, names[i].what)) {
            consider(f, sentence, text_from(names[i].name), names[i].what, none);
        }
    }
    for (uint32_t i = 0; i < sent->beta_count; i++) {
        consider(f, sentence, sent->betas[i], LEARNED_BETA, sent->betas[i]);
    }
    for (uint32_t i = 0; i < sent->field_count; i++) {
        consider(f, sentence, sent->fields[i], LEARNED_FIELD, sent->fields[i]);
    }
}

/* The end of the path is what it points at; else what the sentence names. parts[] begins with the
 * innermost. */
static struct finding find_part(struct str sentence, struct str path, const struct cures_sent *sent)
{
    size_t at;
    for (size_t i = 0; i < 2 * COUNT(parts); i++) {
        const struct name *part = &parts[i % COUNT(parts)];
        struct str where = i < COUNT(parts) ? path : sentence;
        if (is_sent(sent, part->what) && cures_text_word(where, text_from(part->name), &at)) {
            return (struct finding){.what = part->what};
        }
    }
    return (struct finding){.what = LEARNED_NOTHING};
}

/* The thing that is named first, of those that were sent. */
static struct finding find_thing(struct str sentence, const struct cures_sent *sent,
                                 enum cures_place place, struct str path)
{
    struct finding f = {.what = LEARNED_NOTHING};
    if (place == CURES_TEXT_PART) {
        return find_part(sentence, path, sent);
    }
    consider_all(&f, sentence, sent);
    return f;
}

/* A rung is meant where the sentence has it, or speaks of values. */
static void choose_rung(struct str sentence, const struct cures_sent *sent, bool valued,
                        struct cure *c)
{
    size_t at;
    bool named = sent->effort > 0 && cures_text_word(sentence, text_from(rungs[sent->effort]), &at);
    c->value = valued || named ? lower_rung(sentence, sent->effort) : 0;
    c->kept = c->kept && sent->effort > 0;
}

/* What is said of one value is no news of the thing; but a model has its own kinds of thinking,
 * rungs of effort and lives of marks. */
static bool takes_values(enum learned what)
{
    return what == LEARNED_EFFORT || what == LEARNED_THINKING || what == LEARNED_CACHE_1H ||
           what == LEARNED_BETA || what == LEARNED_DISPLAY;
}

static bool is_made_by_client(struct str sentence, enum learned what)
{
    if (what == LEARNED_FIELD) {
        return !cures_text_any(sentence, of_a_field, COUNT(of_a_field));
    }
    return (what == LEARNED_FORMAT || what == LEARNED_STRICT || what == LEARNED_CONTEXT) &&
           cures_text_any(sentence, insides, COUNT(insides));
}

static bool is_name(struct str word, const struct cures_sent *sent)
{
    bool found = false;
    for (size_t i = 0; i < COUNT(names) && !found; i++) {
        struct str name = text_from(names[i].name);
        found = text_ieq(word, name) ||
                (word.n > name.n && word.p[name.n] == '.' && text_istarts(word, name));
    }
    for (size_t i = 0; i < COUNT(choices) && !found; i++) {
        found = text_ieq(word, text_from(choices[i]));
    }
    for (uint32_t i = 0; i < sent->field_count && !found; i++) {
        found = text_eq(word, sent->fields[i]);
    }
    return found;
}

/* A figure, or in quotes what is no name of a thing: a value that this client chose, where the
 * memory does not tell values apart (plan_cure.c: those of thinking, efforts and betas it does). */
static bool has_value(struct str sentence, const struct cures_sent *sent, enum learned what)
{
    struct str rest = sentence, word;
    bool apart = what == LEARNED_THINKING || what == LEARNED_EFFORT || what == LEARNED_BETA;
    bool found = !apart && cures_text_figure(sentence);
    while (!apart && !found && cures_text_quoted(&rest, &word)) {
        found = !is_name(word, sent);
    }
    return found;
}

static bool may_be_kept(struct str sentence, const struct cures_sent *sent, enum cures_place place,
                        struct str path, enum learned what, bool valued)
{
    size_t at;
    if (sent->odd || cures_text_echoes(sentence) || cures_text_with(sentence) ||
        cures_text_any(sentence, conditions, COUNT(conditions)) ||
        is_made_by_client(sentence, what) || has_value(sentence, sent, what) ||
        !cures_text_any(sentence, of_the_model, COUNT(of_the_model))) {
        return false;
    }
    if (place == CURES_TEXT_PART &&
        what != LEARNED_CACHE_1H) { /* of such a tool or block, perhaps */
        return what != LEARNED_CACHE &&
               (text_ifind(path, STR("custom"), &at) || text_ifind(path, STR("toolspec"), &at));
    }
    return !valued || what == LEARNED_EFFORT || what == LEARNED_BETA;
}

struct cure cures_find(struct str sentence, const struct cures_sent *sent)
{
    struct cure c = {.what = LEARNED_NOTHING};
    struct str path;
    sentence = text_sub(sentence, 0, SENTENCE_MAX);
    if (find_row(sentence, sent, &c) || find_length(sentence, sent, &c)) {
        return c;
    }
    enum cures_place place = cures_text_place(sentence, &path);
    if (place == CURES_TEXT_INSIDE || cures_text_any(sentence, mistakes, COUNT(mistakes))) {
        return c;
    }
    struct finding f = find_thing(sentence, sent, place, path);
    bool valued = cures_text_any(sentence, values, COUNT(values));
    bool said_no = cures_text_any_word(sentence, negations, COUNT(negations)) || valued;
    if (f.what == LEARNED_NOTHING || f.deeper || !said_no || (valued && !takes_values(f.what))) {
        return c;
    }
    c.what = f.what;
    c.kept = may_be_kept(sentence, sent, place, path, f.what, valued);
    text_copy(f.name, c.name, sizeof c.name);
    if (c.what == LEARNED_EFFORT) {
        choose_rung(sentence, sent, valued, &c);
    } else if (c.what == LEARNED_BETA && f.name.n == 0) {
        name_beta(sentence, sent, &c);
    }
    return c;
}
