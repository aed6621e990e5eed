#include "master/models/models_dev.h"

#include <string.h>

#include "server/json/json.h"

#define MILLION   1e6 /* tokens: what their prices are for */
#define OVER_200K 200000
#define PROVIDER  "amazon-bedrock"

static struct cJSON *models_of(const struct cJSON *doc)
{
    struct cJSON *models = json_get(json_get(doc, PROVIDER), "models");
    return json_is_object(models) ? models : NULL;
}

bool models_dev_is(const struct cJSON *doc)
{
    return json_is_object(doc) && models_of(doc) != NULL;
}

static uint32_t money(const struct cJSON *cost, const char *key)
{
    return sheet_price(cost, key, MILLION);
}

/* cost.tiers has {"tier":{"type":"context","size":N}, ...}; older tables have context_over_200k
 * instead, newer ones both. */
static void read_long(const struct cJSON *cost, struct sheet_offer *o)
{
    const struct cJSON *dear = json_get(cost, "context_over_200k");
    int64_t from = OVER_200K;
    for (const struct cJSON *t = json_child(json_get(cost, "tiers")); t; t = json_next(t)) {
        const struct cJSON *tier = json_get(t, "tier");
        if (text_eq(json_get_text(tier, "type"), STR("context")) &&
            json_get_i64(tier, "size", &from)) {
            dear = t;
            break;
        }
    }
    if (dear && from > 0 && from < CATALOGUE_NONE) {
        o->long_from = (uint32_t)from;
        o->long_in = money(dear, "input");
        o->long_out = money(dear, "output");
    }
}

static bool says_text(const struct cJSON *model)
{
    const struct cJSON *kinds = json_get(json_get(model, "modalities"), "output");
    bool text = kinds == NULL;
    for (const struct cJSON *k = json_child(kinds); k; k = json_next(k)) {
        text = text || text_eq(json_text(k), STR("text"));
    }
    return text;
}

/* "Claude Opus 4.5 (Global)": the place is not the model's name. */
static struct str name_of(const struct cJSON *model)
{
    struct str name = json_get_text(model, "name");
    size_t at;
    return text_find(name, STR(" ("), &at) ? text_sub(name, 0, at) : name;
}

static void read_model(const struct cJSON *model, struct sheet_offer *o)
{
    const struct cJSON *cost = json_get(model, "cost"), *limit = json_get(model, "limit");
    text_copy(name_of(model), o->name, sizeof o->name);
    if (text_eq(json_get_text(model, "status"), STR("deprecated"))) {
        text_copy(STR("legacy"), o->status, sizeof o->status);
    }
    o->context = sheet_number(limit, "context");
    o->output = sheet_number(limit, "output");
    o->in = money(cost, "input");
    o->out = money(cost, "output");
    o->cache_read = money(cost, "cache_read");
    o->write_5m = money(cost, "cache_write");
    read_long(cost, o);
}

void models_dev_read(const struct cJSON *doc, struct sheet *sheet)
{
    for (const struct cJSON *m = json_child(models_of(doc)); m; m = json_next(m)) {
        struct sheet_offer *o =
            says_text(m) ? sheet_add(sheet, json_name(m), (struct str){NULL, 0}) : NULL;
        if (o) {
            read_model(m, o);
        }
    }
}
