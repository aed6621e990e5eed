#include "worker/model/models.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/region.h"
#include "shm/memory/directory.h"
#include "shm/memory/edition.h"
#include "worker/model/betas.h"

struct name { /* what the client sent, taken apart */
    struct str full;
    struct str bare; /* without "[1m]" and the '#' that configurations in use have at its end */
    struct str base; /* bare, without region prefix and "anthropic." */
    bool one_million;
};

static bool contains(struct str s, const char *word)
{
    size_t at;
    return text_find(s, text_from(word), &at);
}

static struct str without_one_million(struct str s, bool *found_out)
{
    struct str suffix = STR("[1m]");
    if (s.n < suffix.n || !text_ieq(text_sub(s, s.n - suffix.n, suffix.n), suffix)) {
        return s;
    }
    *found_out = true;
    return text_sub(s, 0, s.n - suffix.n);
}

static struct name take_apart(struct str full)
{
    struct name n = {.full = full};
    n.bare = without_one_million(full, &n.one_million);
    if (text_ends(n.bare, STR("#"))) {
        n.bare.n--;
    }
    n.base = text_starts(n.bare, STR("arn:")) ? n.bare : region_base(n.bare);
    if (text_starts(n.base, STR("anthropic."))) {
        n.base = text_sub(n.base, STR("anthropic.").n, n.base.n);
    }
    return n;
}

/* --- legal Bedrock ids --------------------------------------------------------------------- */

static bool is_legal_text(struct str s, bool slash)
{
    return s.n <= MODELS_ID_MAX && text_only_of(s, slash ? "._:-/" : "._:-");
}

/* vendor.model, after an optional region prefix. The vendor is one lower-case word, which keeps
 * "gpt-4.1" and "gemini-2.5-pro" out. */
static bool is_plain_id(struct str id)
{
    struct str rest = region_base(id), vendor;
    if (!is_legal_text(id, false) || !text_split(&rest, '.', &vendor)) {
        return false;
    }
    if (vendor.n == 0 || rest.n == 0 || vendor.p[0] < 'a' || vendor.p[0] > 'z') {
        return false;
    }
    for (size_t i = 0; i < vendor.n; i++) {
        if (!((vendor.p[i] >= 'a' && vendor.p[i] <= 'z') ||
              (vendor.p[i] >= '0' && vendor.p[i] <= '9'))) {
            return false;
        }
    }
    return true;
}

/* The resources that may be named. Prompts and routers carry content of their own, a SageMaker
 * endpoint is no model of ours: not in the list.
 * docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html */
static const char *const arn_kinds[] = {
    "foundation-model/",        "custom-model/",      "imported-model/",
    "provisioned-model/",       "inference-profile/", "application-inference-profile/",
    "custom-model-deployment/",
};

/* arn:aws*:bedrock:<region>:<account>:<kind>/<name>; the account is empty for foundation models. */
static bool is_model_arn(struct str id, struct str *account_out)
{
    struct str rest = id, part[5];
    if (!is_legal_text(id, true)) {
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        if (!text_split(&rest, ':', &part[i])) {
            return false;
        }
    }
    if (!text_eq(part[0], STR("arn")) || !text_starts(part[1], STR("aws")) ||
        !text_eq(part[2], STR("bedrock"))) {
        return false;
    }
    *account_out = part[4];
    for (size_t i = 0; i < sizeof arn_kinds / sizeof *arn_kinds; i++) {
        struct str kind = text_from(arn_kinds[i]);
        if (text_starts(rest, kind) && rest.n > kind.n) {
            return true;
        }
    }
    return false;
}

static bool is_legal(struct str id)
{
    struct str account;
    return is_plain_id(id) || is_model_arn(id, &account);
}

bool models_is_legal(struct str id)
{
    return is_legal(take_apart(id).bare);
}

static bool is_account_allowed(const struct config *c, struct str id)
{
    struct str account, list = text_from(c->model_arn_accounts), one;
    if (list.n == 0 || !is_model_arn(id, &account) || account.n == 0) {
        return true;
    }
    while (text_split(&list, ',', &one)) {
        if (text_eq(text_trim(one), account)) {
            return true;
        }
    }
    return false;
}

/* --- table and rule ------------------------------------------------------------------------ */

struct scratch { /* where ids are put together; models_choose copies the chosen one */
    char mapped[DIRECTORY_MAPPING_TO];
    char builtin[MODELS_ID_ROOM];
    char ruled[MODELS_ID_MAX + 64];
};

/* Of the row of the table of models that has this name. */
static struct str find_builtin(struct str name, struct scratch *scratch)
{
    const struct catalogue_row *row = catalogue_named(name);
    return row ? models_id(row, scratch->builtin) : (struct str){NULL, 0};
}

static struct str find_configured(const struct models *m, struct str name)
{
    for (struct cJSON *row = json_child(m->mapping); row; row = json_next(row)) {
        if (text_eq(name, json_name(row))) {
            return json_text(row);
        }
    }
    return (struct str){NULL, 0};
}

/* The prefix of the inference profiles that hold a model: one for all regions, where the model has
 * it and the region may use it, else that of the geography.
 * docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html */
static struct str profile(const struct config *c, bool global)
{
    struct str region = text_from(c->aws_region);
    if (text_starts(region, STR("us-gov-"))) { /* reaches no other partition */
        return STR("us-gov.");
    }
    if (global) {
        return STR("global.");
    }
    if (text_starts(region, STR("eu-"))) {
        return STR("eu.");
    }
    return text_starts(region, STR("ap-")) ? STR("apac.") : STR("us.");
}

/* The table of models is written for the US. */
static struct str at_home(const struct config *c, struct str id, struct scratch *scratch)
{
    bool global = text_starts(id, STR("global."));
    struct str old = global ? STR("global.") : STR("us."), new = profile(c, global);
    if (!text_starts(id, old) || text_eq(old, new)) {
        return id;
    }
    struct str rest = text_sub(id, old.n, id.n);
    int n =
        snprintf(scratch->ruled, sizeof scratch->ruled, "%.*s%.*s", STR_ARG(new), STR_ARG(rest));
    return (struct str){scratch->ruled, (size_t)n};
}

static struct str find_in_table(const struct models *m, const struct name *n,
                                struct scratch *scratch)
{
    if (!m->mapping) {
        return at_home(m->config, find_builtin(n->bare, scratch), scratch);
    }
    struct str id = find_configured(m, n->full);
    return id.n == 0 ? find_configured(m, n->bare) : id;
}

struct generation {
    uint64_t number; /* 45 for 4.5; 0: not readable */
    bool dated;
};

/* "claude-opus-4-7", "claude-sonnet-4-20250514", "claude-3-5-sonnet-20240620": the one- and
 * two-digit words are the version, the eight-digit one is the date. */
static struct generation read_generation(struct str name)
{
    struct generation g = {0, false};
    struct str word;
    unsigned digits = 0;
    uint64_t v;
    while (text_split(&name, '-', &word)) {
        if (!text_u64(word, &v)) {
            continue;
        }
        if (word.n == 8) {
            g.dated = true;
        } else if (word.n <= 2 && digits++ < 2) {
            g.number = g.number * 10 + v;
        }
    }
    if (digits == 1) {
        g.number *= 10;
    }
    return g;
}

/* Bedrock's id of a claude-* name that no table knows; empty if it cannot be told. Ids carry
 * "-v1:0" up to 4.5, "-v1" only for Opus 4.6, nothing since 4.7; profiles are needed since 3.7 and
 * global ones exist since 4.5. */
static struct str apply_rule(const struct config *c, struct str name, struct scratch *scratch)
{
    struct generation g = read_generation(name);
    struct str prefix = profile(c, g.number >= 45);
    const char *suffix = "";
    if (!text_starts(name, STR("claude-")) || !is_legal_text(name, false) || g.number < 30) {
        return (struct str){NULL, 0};
    }
    if (g.number <= 45) {
        if (!g.dated) {
            return (struct str){NULL, 0}; /* the id has the date in it */
        }
        suffix = "-v1:0";
        if (g.number <= 35) {
            prefix = STR("");
        }
    } else if (g.number == 46 && contains(name, "opus")) {
        suffix = "-v1";
    }
    int n = snprintf(scratch->ruled, sizeof scratch->ruled, "%.*santhropic.%.*s%s", STR_ARG(prefix),
                     STR_ARG(name), suffix);
    return (struct str){scratch->ruled, (size_t)n};
}

/* --- what the operator chose --------------------------------------------------------------- */

static bool is_openai_name(struct str name)
{
    static const char *const starts[] = {"gpt-", "chatgpt-", "codex-", "o1", "o3", "o4"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (text_starts(name, text_from(starts[i]))) {
            return true;
        }
    }
    return false;
}

/* Overrides are for names of Claude and for aliases of it; an ARN or another vendor's id
 * was meant. */
static bool is_overridable(const struct name *n)
{
    return text_starts(n->base, STR("claude-")) || is_openai_name(n->bare);
}

static const char *family_override(const struct config *c, const struct name *n)
{
    const struct catalogue_row *row = catalogue_named(n->bare);
    /* "gpt-4o" is of the family that its alias names */
    struct str text = row ? catalogue_text(row, CATALOGUE_ID) : n->base;
    if (contains(text, "opus")) {
        return c->model_opus;
    }
    if (contains(text, "sonnet")) {
        return c->model_sonnet;
    }
    return contains(text, "haiku") ? c->model_haiku : "";
}

static struct str override_for(const struct config *c, const struct name *n, const char **rule_out)
{
    const char *family = is_overridable(n) ? family_override(c, n) : "";
    *rule_out = "family";
    if (family[0]) {
        return text_from(family);
    }
    *rule_out = "default";
    return is_overridable(n) ? text_from(c->model_default) : (struct str){NULL, 0};
}

static bool find_mapping(const struct segment *s, const struct name *n, struct scratch *scratch)
{
    bool arn = text_starts(n->bare, STR("arn:")); /* meant exactly */
    return s && (directory_map(s, n->full, scratch->mapped) ||
                 directory_map(s, n->bare, scratch->mapped) ||
                 (!arn && directory_map(s, region_base(n->bare), scratch->mapped)));
}

/* --- the order ----------------------------------------------------------------------------- */

struct pick {
    struct str id; /* empty: nothing */
    const char *rule;
    bool by_client; /* the client named it, not the operator */
};

/* Steps 4 to 6: for the client's name, and for an operator's target that is itself a
 * client name. */
static struct pick pick_by_name(const struct models *m, const struct name *n,
                                struct scratch *scratch)
{
    struct pick p = {find_in_table(m, n, scratch), "table", true};
    if (p.id.n == 0) {
        p = (struct pick){apply_rule(m->config, n->bare, scratch), "rule", true};
    }
    if (p.id.n == 0 && is_legal(n->bare)) {
        p = (struct pick){n->bare, "id", true};
    }
    return p;
}

static struct pick pick(const struct models *m, const struct segment *s, struct name *n,
                        struct scratch *scratch)
{
    const char *rule = "mapping";
    struct str target = {NULL, 0};
    if (find_mapping(s, n, scratch)) {
        target = text_from(scratch->mapped);
    } else {
        target = override_for(m->config, n, &rule);
    }
    if (target.n == 0) {
        return pick_by_name(m, n, scratch);
    }
    struct name t = take_apart(target);
    struct str id = is_legal(t.bare) ? t.bare : pick_by_name(m, &t, scratch).id;
    n->one_million |= t.one_million;
    return (struct pick){id, rule, false};
}

/* What takes its place is named without its vendor: a client's name, where there is one. */
static enum status refuse_retired(struct str name, const struct catalogue_status *s,
                                  struct err *err)
{
    const struct catalogue_row *use = s->use.n ? catalogue_find(s->use) : NULL;
    struct str list = use ? catalogue_text(use, CATALOGUE_NAMES) : (struct str){NULL, 0};
    struct str better = s->use;
    if (list.n) {
        text_split(&list, ',', &better);
    }
    return err_set(err, STATUS_NO_MODEL, "model: %.*s was retired on %.*s%s%.*s",
                   (int)(name.n < 80 ? name.n : 80), name.p, STR_ARG(s->date),
                   better.n ? "; use " : "", (int)(better.n < 60 ? better.n : 60), better.p);
}

/* Of a row of this very id: longer ids may be another model. */
static bool is_retired(struct str id, struct catalogue_status *out)
{
    const struct catalogue_row *row = catalogue_find(id);
    if (!catalogue_is_exact(row, id)) {
        return false;
    }
    catalogue_status(row, out);
    return out->state == CATALOGUE_RETIRED;
}

enum status models_choose(const struct models *m, const struct segment *s, struct arena *arena,
                          struct str client_name, bool messages_route, struct models_choice *out,
                          struct err *err)
{
    if (s) {
        (void)edition_take(s); /* a later table of models */
    }
    struct name n = take_apart(client_name);
    struct scratch scratch;
    struct pick p = pick(m, s, &n, &scratch);
    if (p.id.n == 0) {
        return err_set(err, STATUS_NO_MODEL, "model: %.*s",
                       (int)(client_name.n < 200 ? client_name.n : 200), client_name.p);
    }
    if (p.by_client && !is_account_allowed(m->config, p.id)) {
        return err_set(err, STATUS_PERMISSION,
                       "model: the account of this ARN is not allowed here");
    }
    struct catalogue_status ended;
    if (is_retired(p.id, &ended)) {
        return refuse_retired(client_name, &ended, err);
    }
    struct str id = arena_dup(arena, p.id);
    const struct models_caps *caps = id.p ? models_keep(arena, id) : NULL;
    if (!caps) {
        return err_no_memory(err);
    }
    bool invoke = messages_route && (caps->flags & MODELS_CLAUDE);
    *out = (struct models_choice){.id = id,
                                  .caps = caps,
                                  .transport = invoke ? MODELS_INVOKE : MODELS_CONVERSE,
                                  .one_million = n.one_million,
                                  .rule = p.rule};
    return STATUS_OK;
}

/* --- configuration ------------------------------------------------------------------------- */

static enum status check_configured(const struct cJSON *doc, struct err *err)
{
    if (!json_is_object(doc)) {
        return err_set(err, STATUS_INVALID, "DEFAULT_MODEL_MAPPING: must be a JSON object");
    }
    for (struct cJSON *m = json_child(doc); m; m = json_next(m)) {
        struct str from = json_name(m), to = json_text(m);
        if (from.n == 0 || !is_legal(take_apart(to).bare)) {
            return err_set(err, STATUS_INVALID,
                           "DEFAULT_MODEL_MAPPING: \"%.*s\" must name a Bedrock model id or ARN",
                           (int)(from.n < 100 ? from.n : 100), from.p);
        }
    }
    return STATUS_OK;
}

static enum status check_override(const struct models *m, const char *variable, const char *value,
                                  struct err *err)
{
    struct name n = take_apart(text_from(value));
    struct scratch scratch;
    if (!value[0] || pick_by_name(m, &n, &scratch).id.n > 0) {
        return STATUS_OK;
    }
    return err_set(err, STATUS_INVALID, "%s=%.100s: not a Bedrock model id, ARN or known name",
                   variable, value);
}

static enum status load_mapping(struct models *m, const char *text, struct err *err)
{
    struct err why;
    if (!text[0]) {
        return STATUS_OK;
    }
    m->mapping = json_parse(text_from(text), &why);
    return m->mapping ? check_configured(m->mapping, err)
                      : err_set(err, STATUS_INVALID, "DEFAULT_MODEL_MAPPING: %.150s", why.text);
}

enum status models_init(struct models *m, const struct config *c, struct err *err)
{
    const struct {
        const char *variable;
        const char *value;
    } overrides[] = {
        {"ANTHROPIC_DEFAULT_MODEL", c->model_default},
        {"ANTHROPIC_DEFAULT_OPUS_MODEL", c->model_opus},
        {"ANTHROPIC_DEFAULT_SONNET_MODEL", c->model_sonnet},
        {"ANTHROPIC_DEFAULT_HAIKU_MODEL", c->model_haiku},
    };
    m->config = c;
    m->mapping = NULL;
    enum status st = load_mapping(m, c->model_mapping, err);
    for (size_t i = 0; i < sizeof overrides / sizeof *overrides && st == STATUS_OK; i++) {
        st = check_override(m, overrides[i].variable, overrides[i].value, err);
    }
    if (st == STATUS_OK) {
        st = betas_init(&m->betas, c, err);
    }
    if (st != STATUS_OK) {
        models_free(m);
    }
    return st;
}

void models_free(struct models *m)
{
    json_free(m->mapping);
    m->mapping = NULL;
}

enum status models_check(const struct config *c, struct err *err)
{
    struct models m;
    enum status st = models_init(&m, c, err);
    if (st == STATUS_OK) {
        models_free(&m);
    }
    return st;
}
