#include "worker/model/betas.h"

#include <string.h>
#include "server/base/arena.h"
#include "shm/store/beta_rule.h"

/* Names that differ between Anthropic's API and Bedrock (what Claude Code sends in its own Bedrock
 * mode for the same feature). */
static const struct {
    const char *from;
    const char *to;
} renamed[] = {
    {"advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19,tool-examples-2025-10-29"},
    {"per-turn-control-2026-07-01", "mid-conversation-output-config-2026-07-01"},
};

/* --- judging ------------------------------------------------------------------------------- */

/* "opus" is in "us.anthropic.claude-opus-4-5": operators write "Opus" as well. */
static bool has_word(struct str id, struct str word)
{
    for (size_t i = 0; word.n > 0 && i + word.n <= id.n; i++) {
        if (text_ieq(text_sub(id, i, word.n), word)) {
            return true;
        }
    }
    return false;
}

static bool is_supported(const struct betas *b, struct str id)
{
    struct str list = text_from(b ? b->supported : NULL), one;
    bool any = list.n == 0;
    while (!any && list.n > 0 && text_split(&list, ',', &one)) {
        any = has_word(id, one);
    }
    return any;
}

/* The operator's rule for the value: the list it becomes, empty when it is blocked. */
static bool find_rule(const struct betas_rules *r, struct arena *arena, struct str value,
                      struct str *to_out)
{
    char to[DIRECTORY_BETA_TO];
    if (r->directory && directory_beta(r->directory, value, to)) {
        *to_out = arena_dup(arena, text_from(to)); /* no memory: as blocked */
        return true;
    }
    const struct betas *b = r->configured;
    for (uint32_t i = 0; b && i < b->count; i++) {
        if (text_eq(text_from(b->rules[i].name), value)) {
            *to_out = text_from(b->rules[i].to);
            return true;
        }
    }
    return false;
}

static bool is_allowed(const struct betas_rules *r, const struct models_choice *model,
                       struct str value)
{
    return text_list_has(text_from(model->caps->betas), value) || text_list_has(r->allow, value);
}

static enum betas_verdict give(struct str list, struct str value, struct str *to_out,
                               uint32_t *n_out)
{
    struct str one;
    while (list.n > 0 && *n_out < BETAS_TO_MAX && text_split(&list, ',', &one)) {
        to_out[(*n_out)++] = one;
    }
    if (*n_out == 0) {
        return BETAS_DROPPED;
    }
    return *n_out == 1 && text_eq(to_out[0], value) ? BETAS_TAKEN : BETAS_MAPPED;
}

static enum betas_verdict rename_built_in(const struct betas_rules *r,
                                          const struct models_choice *model, struct str value,
                                          struct str *to_out, uint32_t *n_out)
{
    if (model->transport != MODELS_INVOKE) { /* Converse has no tool search, nor its examples */
        return BETAS_DROPPED;
    }
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        struct str list = text_from(renamed[i].to), one;
        if (!text_eq(value, text_from(renamed[i].from))) {
            continue;
        }
        while (list.n > 0 && text_split(&list, ',', &one)) {
            if (is_allowed(r, model, one)) {
                to_out[(*n_out)++] = one;
            }
        }
    }
    return *n_out > 0 ? BETAS_MAPPED : BETAS_DROPPED;
}

enum betas_verdict betas_judge(const struct betas_rules *rules, const struct models_choice *model,
                               struct arena *arena, struct str value,
                               struct str to_out[BETAS_TO_MAX], uint32_t *n_out)
{
    struct str list;
    *n_out = 0;
    if (!beta_rule_is_name(value) || !(model->caps->flags & MODELS_CLAUDE)) {
        return BETAS_DROPPED;
    }
    if (find_rule(rules, arena, value, &list) &&
        (list.n == 0 || is_supported(rules->configured, models_behind(model)))) {
        return give(list, value, to_out, n_out);
    }
    if (is_allowed(rules, model, value)) {
        return give(value, value, to_out, n_out);
    }
    return rename_built_in(rules, model, value, to_out, n_out);
}

/* --- configuration ------------------------------------------------------------------------- */

static enum status add_rule(struct betas *b, const char *variable, struct str name,
                            struct directory_beta **rule_out, struct err *err)
{
    if (b->count == BETAS_RULES_MAX) {
        return err_set(err, STATUS_INVALID, "%s: more than %d names", variable, BETAS_RULES_MAX);
    }
    *rule_out = &b->rules[b->count];
    if (!beta_rule_begin(*rule_out, name)) {
        return err_set(err, STATUS_INVALID, "%s: \"%.*s\" is no name of a beta", variable,
                       (int)(name.n < 80 ? name.n : 80), name.n > 0 ? name.p : "");
    }
    b->count++;
    return STATUS_OK;
}

/* passes: the name stays as it is; else it is blocked. */
static enum status add_list(struct betas *b, const char *variable, const struct cJSON *doc,
                            bool passes, struct err *err)
{
    enum status st = STATUS_OK;
    struct directory_beta *rule;
    if (!json_is_array(doc)) {
        return err_set(err, STATUS_INVALID, "%s: must be a JSON list of names", variable);
    }
    for (struct cJSON *v = json_child(doc); v && st == STATUS_OK; v = json_next(v)) {
        st = add_rule(b, variable, json_text(v), &rule, err);
        if (st == STATUS_OK && passes) {
            beta_rule_add(rule, json_text(v)); /* a name that a rule has room for */
        }
    }
    return st;
}

static enum status read_blocklist(struct betas *b, const char *variable, const struct cJSON *doc,
                                  struct err *err)
{
    return add_list(b, variable, doc, false, err);
}

static enum status read_passthrough(struct betas *b, const char *variable, const struct cJSON *doc,
                                    struct err *err)
{
    return add_list(b, variable, doc, true, err);
}

static enum status add_values(const char *variable, const struct cJSON *list,
                              struct directory_beta *rule, struct err *err)
{
    bool good = json_is_array(list);
    for (struct cJSON *v = good ? json_child(list) : NULL; v && good; v = json_next(v)) {
        good = beta_rule_add(rule, json_text(v));
    }
    if (good) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%s: \"%s\" must have a list of names of betas", variable,
                   rule->name);
}

static enum status read_mapping(struct betas *b, const char *variable, const struct cJSON *doc,
                                struct err *err)
{
    enum status st = STATUS_OK;
    struct directory_beta *rule;
    if (!json_is_object(doc)) {
        return err_set(err, STATUS_INVALID, "%s: must be a JSON object of lists", variable);
    }
    for (struct cJSON *v = json_child(doc); v && st == STATUS_OK; v = json_next(v)) {
        st = add_rule(b, variable, json_name(v), &rule, err);
        if (st == STATUS_OK) {
            st = add_values(variable, v, rule, err);
        }
    }
    return st;
}

static bool is_word_of_id(struct str word)
{
    return word.n > 0 && !memchr(word.p, ',', word.n);
}

static enum status read_supported(struct betas *b, const char *variable, const struct cJSON *doc,
                                  struct err *err)
{
    struct buf words;
    bool good = json_is_array(doc);
    buf_init(&words, BETAS_SUPPORTED_MAX - 1);
    for (struct cJSON *v = good ? json_child(doc) : NULL; v && good; v = json_next(v)) {
        good = is_word_of_id(json_text(v));
        if (buf_len(&words) > 0) {
            buf_put_char(&words, ',');
        }
        buf_put_str(&words, json_text(v));
    }
    good = good && buf_ok(&words);
    text_copy(good ? buf_str(&words) : STR(""), b->supported, BETAS_SUPPORTED_MAX);
    buf_free(&words);
    if (good) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%s: must be a JSON list of words, together under %d bytes",
                   variable, BETAS_SUPPORTED_MAX);
}

enum status betas_init(struct betas *b, const struct config *c, struct err *err)
{
    const struct {
        const char *variable;
        const char *value;
        enum status (*read)(struct betas *b, const char *variable, const struct cJSON *doc,
                            struct err *err);
    } lists[] = {
        {"BETA_HEADERS_BLOCKLIST", c->beta_blocklist, read_blocklist}, /* before the others */
        {"BETA_HEADER_MAPPING", c->beta_mapping, read_mapping},
        {"BETA_HEADERS_PASSTHROUGH", c->beta_passthrough, read_passthrough},
        {"BETA_HEADER_SUPPORTED_MODELS", c->beta_models, read_supported},
    };
    enum status st = STATUS_OK;
    b->count = 0;
    b->supported[0] = '\0';
    for (size_t i = 0; i < sizeof lists / sizeof *lists && st == STATUS_OK; i++) {
        struct err why;
        if (!lists[i].value[0]) {
            continue;
        }
        struct cJSON *doc = json_parse(text_from(lists[i].value), &why);
        st = doc ? lists[i].read(b, lists[i].variable, doc, err)
                 : err_set(err, STATUS_INVALID, "%s: %.150s", lists[i].variable, why.text);
        json_free(doc);
    }
    return st;
}
