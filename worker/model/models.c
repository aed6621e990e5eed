#include "worker/model/models.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/nickname.h"
#include "shm/catalogue/region.h"
#include "shm/memory/directory.h"
#include "shm/memory/edition.h"
#include "worker/model/behind.h"
#include "worker/model/betas.h"
#include "worker/model/ending.h"
#include "worker/model/model_chain.h"
#include "worker/model/model_id.h"
#include "worker/model/rule.h"

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

bool models_is_legal(struct str id)
{
    return model_id_is_legal(take_apart(id).bare);
}

static bool is_legal_link(const void *ctx, struct str id)
{
    (void)ctx;
    return models_is_legal(id);
}

bool models_is_legal_chain(struct str ids)
{
    return model_chain_check(ids, is_legal_link, NULL);
}

/* --- table and rule ------------------------------------------------------------------------ */

struct scratch { /* where ids are put together; models_choose copies the chosen one */
    struct directory_mapping mapped;
    char builtin[MODELS_ID_ROOM], shortened[MODELS_ID_ROOM];
    char home[RULE_ROOM], ruled[RULE_ROOM];
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

/* by_out: by which form of the name; only what is found by the whole of it has a rule for "[1m]". */
static struct str find_in_table(const struct models *m, const struct name *n,
                                struct scratch *scratch, struct str *by_out)
{
    *by_out = n->bare;
    if (!m->mapping) {
        return rule_at_home(m->config, find_builtin(n->bare, scratch), scratch->home);
    }
    struct str id = find_configured(m, n->full);
    if (id.n == 0) {
        return find_configured(m, n->bare);
    }
    *by_out = n->full;
    return id;
}

/* --- what the operator chose --------------------------------------------------------------- */

/* Overrides are for names of Claude and for aliases of it; an ARN or another vendor's id
 * was meant. */
static bool is_overridable(const struct name *n)
{
    return text_starts(n->base, STR("claude-")) || rule_is_openai(n->bare);
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

/* by_out: as of find_in_table. */
static bool find_mapping(const struct segment *s, const struct name *n, struct scratch *scratch,
                         struct str *by_out)
{
    bool arn = text_starts(n->bare, STR("arn:")); /* meant exactly */
    *by_out = n->full;
    if (s && directory_map(s, n->full, &scratch->mapped)) {
        return true;
    }
    *by_out = n->bare;
    return s && (directory_map(s, n->bare, &scratch->mapped) ||
                 (!arn && directory_map(s, region_base(n->bare), &scratch->mapped)));
}

/* --- the order ----------------------------------------------------------------------------- */

struct pick {
    struct str id; /* empty: nothing */
    const char *rule;
    bool by_client;       /* the client named it, not the operator */
    struct str as;        /* the model behind an ARN, as the operator says */
    struct str taken_for; /* which name led to it */
    bool exact;           /* the operator mapped this very name */
    bool one_million;     /* the operator's own "[1m]" */
    struct str rest;      /* the other links of the chain */
    uint32_t link;        /* which of them this is */
};

/* Steps 4 to 6: for the client's name, and for an operator's target that is itself a
 * client name. */
static struct pick pick_by_name(const struct models *m, const struct name *n,
                                struct scratch *scratch)
{
    struct pick p = {.rule = "table", .by_client = true, .exact = true};
    p.id = find_in_table(m, n, scratch, &p.taken_for);
    if (p.id.n == 0) {
        p = (struct pick){.id = rule_claude(m->config, n->bare, scratch->ruled),
                          .rule = "rule",
                          .by_client = true,
                          .taken_for = n->bare};
    }
    if (p.id.n == 0 && model_id_is_legal(n->bare)) {
        p = (struct pick){.id = n->bare, .rule = "id", .by_client = true, .taken_for = n->bare};
    }
    return p;
}

/* The next link; one that stands for nothing has an empty id. */
static void next_link(const struct models *m, struct pick *p, struct scratch *scratch)
{
    struct name t = take_apart(model_chain_take(&p->rest));
    p->id = model_id_is_legal(t.bare) ? t.bare : pick_by_name(m, &t, scratch).id;
    p->one_million = t.one_million;
}

static struct pick pick(const struct models *m, const struct segment *s, const struct name *n,
                        struct scratch *scratch)
{
    struct pick p = {.rule = "mapping"};
    p.exact = find_mapping(s, n, scratch, &p.taken_for);
    if (p.exact) {
        p.rest = text_from(scratch->mapped.to);
        p.as = text_from(scratch->mapped.as);
    } else {
        p.rest = override_for(m->config, n, &p.rule);
    }
    if (p.rest.n == 0) {
        return pick_by_name(m, n, scratch);
    }
    next_link(m, &p, scratch);
    return p;
}

/* A name that nothing knows may be short for one that something does: then as if that had been
 * sent, except that the log says so. */
static struct pick pick_short(const struct models *m, const struct segment *s, struct name *n,
                              struct scratch *scratch)
{
    const struct catalogue_row *row = m->mapping ? NULL : nickname_find(n->bare);
    struct str list = row ? catalogue_text(row, CATALOGUE_NAMES) : (struct str){NULL, 0}, full;
    if (!row) {
        return (struct pick){.by_client = true};
    }
    if (list.n == 0 || !text_split(&list, ',', &full)) {
        full = rule_at_home(m->config, models_id(row, scratch->shortened), scratch->home);
    }
    struct name t = take_apart(full);
    struct pick p = pick(m, s, &t, scratch);
    n->one_million |= t.one_million;
    p.rule = p.by_client ? "short" : p.rule;
    return p;
}

static enum status refuse_unknown(struct str name, struct err *err)
{
    struct str near = nickname_nearest(without_one_million(name, &(bool){false}));
    return err_set(err, STATUS_NO_MODEL, "model: %.*s%s%.*s%s", (int)(name.n < 100 ? name.n : 100),
                   name.p, near.n ? "; did you mean " : "", STR_ARG(near), near.n ? "?" : "");
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

static enum behind_how how_named(const struct pick *p)
{
    return p->exact                                    ? BEHIND_MAPPED
           : p->rule && strcmp(p->rule, "family") == 0 ? BEHIND_FAMILY
                                                       : BEHIND_NOTHING;
}

struct look { /* what is looked for, and where */
    const struct models *m;
    const struct segment *s;
    struct arena *arena;
    struct str client_name;
    struct name name; /* the same, taken apart */
    bool messages_route;
};

/* On to the first link, from p on, that is a model of today. */
static enum status skip_ended(const struct look *k, struct pick *p, struct scratch *scratch,
                              struct err *err)
{
    struct catalogue_status ended = {.date = {NULL, 0}};
    bool retired;
    while ((retired = p->id.n > 0 && is_retired(p->id, &ended)) || p->id.n == 0) {
        if (p->rest.n == 0 || p->link + 1 >= MODEL_CHAIN_MAX) {
            return retired ? refuse_retired(k->client_name, &ended, err)
                           : refuse_unknown(k->client_name, err);
        }
        p->link++;
        next_link(k->m, p, scratch);
    }
    return STATUS_OK;
}

static enum status choose(const struct look *k, struct pick *p, struct scratch *scratch,
                          struct models_choice *out, struct err *err)
{
    enum status st = skip_ended(k, p, scratch, err);
    if (st != STATUS_OK) {
        return st;
    }
    struct models_choice c = {.id = arena_dup(k->arena, p->id),
                              .name = arena_dup(k->arena, p->taken_for),
                              .rest = arena_dup(k->arena, p->rest),
                              .link = p->link,
                              .one_million = k->name.one_million || p->one_million,
                              .rule = p->rule};
    /* The name tells of the first link what it is; the others were named since they are something else. */
    const struct behind_clues clues = {.arn = p->id,
                                       .declared = p->link == 0 ? p->as : (struct str){NULL, 0},
                                       .name = k->name.bare,
                                       .how = p->link == 0 ? how_named(p) : BEHIND_NOTHING};
    if (!c.id.p || !c.name.p || !c.rest.p ||
        !behind_find(k->m->config, k->s, k->arena, &clues, &c)) {
        return err_no_memory(err);
    }
    c.ends_ms = ending_at(models_behind(&c));
    bool invoke = k->messages_route && (c.caps->flags & MODELS_CLAUDE);
    c.transport = invoke && !model_id_is_router(p->id) ? MODELS_INVOKE
                                                       : MODELS_CONVERSE; /* it names its model */
    *out = c;
    return STATUS_OK;
}

enum status models_choose(const struct models *m, const struct segment *s, struct arena *arena,
                          struct str client_name, bool messages_route, struct models_choice *out,
                          struct err *err)
{
    if (s) {
        (void)edition_take(s); /* a later table of models */
    }
    struct look k = {m, s, arena, client_name, take_apart(client_name), messages_route};
    struct scratch scratch;
    struct pick p = pick(m, s, &k.name, &scratch);
    if (p.id.n == 0 && p.rest.n == 0) {
        p = pick_short(m, s, &k.name, &scratch);
    }
    if (p.id.n == 0 && p.rest.n == 0) {
        return refuse_unknown(client_name, err);
    }
    if (p.by_client && !model_id_is_allowed(m->config, p.id)) {
        return err_set(err, STATUS_PERMISSION,
                       "model: the account of this ARN is not allowed here");
    }
    return choose(&k, &p, &scratch, out, err);
}

enum status models_follow(const struct models *m, const struct segment *s, struct arena *arena,
                          struct str client_name, bool messages_route, struct models_choice *out,
                          struct err *err)
{
    const struct look k = {m, s, arena, client_name, take_apart(client_name), messages_route};
    struct scratch scratch;
    struct pick p = {
        .rule = out->rule, .taken_for = out->name, .rest = out->rest, .link = out->link};
    return choose(&k, &p, &scratch, out, err); /* without an id it goes on from there */
}

struct str models_id_here(const struct models *m, const struct catalogue_row *row,
                          char room[RULE_ROOM])
{
    char builtin[MODELS_ID_ROOM], home[RULE_ROOM];
    struct str id = rule_at_home(m->config, models_id(row, builtin), home);
    return (struct str){text_copy(id, room, RULE_ROOM), id.n};
}

struct str models_name(const struct models *m, const struct catalogue_row *row,
                       char room[RULE_ROOM])
{
    struct str list = catalogue_text(row, CATALOGUE_NAMES), first;
    return list.n && text_split(&list, ',', &first) ? first : models_id_here(m, row, room);
}

/* --- configuration ------------------------------------------------------------------------- */

static enum status check_configured(const struct cJSON *doc, struct err *err)
{
    if (!json_is_object(doc)) {
        return err_set(err, STATUS_INVALID, "DEFAULT_MODEL_MAPPING: must be a JSON object");
    }
    for (struct cJSON *m = json_child(doc); m; m = json_next(m)) {
        struct str from = json_name(m), to = json_text(m);
        if (from.n == 0 || !model_id_is_legal(take_apart(to).bare)) {
            return err_set(err, STATUS_INVALID,
                           "DEFAULT_MODEL_MAPPING: \"%.*s\" must name a Bedrock model id or ARN",
                           (int)(from.n < 100 ? from.n : 100), from.p);
        }
    }
    return STATUS_OK;
}

static bool is_known_link(const void *ctx, struct str id)
{
    struct name n = take_apart(id);
    struct scratch scratch;
    return pick_by_name(ctx, &n, &scratch).id.n > 0;
}

static enum status check_override(const struct models *m, const char *variable, const char *value,
                                  struct err *err)
{
    if (!value[0] || model_chain_check(text_from(value), is_known_link, m)) {
        return STATUS_OK;
    }
    bool chain = contains(text_from(value), ",");
    return err_set(err, STATUS_INVALID, "%s=%.100s: not %sa Bedrock model id, ARN or known name%s",
                   variable, value, chain ? "up to 4 times " : "", chain ? ", all different" : "");
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
