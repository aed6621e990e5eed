/*
 * keystore_dynamo_catalog.c - the tables of the operator: model mappings, prices and beta rules.
 */
#include "shm/dynamo/keystore_dynamo_private.h"

#include "server/dynamo/dynamo_value.h"
#include "shm/store/beta_rule.h"

/* --- mappings ------------------------------------------------------------------------------ */

struct mappings {
    bool (*fn)(void *ctx, const struct keystore_mapping *m);
    void *ctx;
};

/* Of another type: empty, which the reader skips and counts. */
static bool mapping_item(void *ctx, const struct cJSON *item)
{
    const struct mappings *m = ctx;
    struct keystore_mapping row;
    dynamo_value(item, "anthropic_model_id", &row.from);
    dynamo_value(item, "bedrock_model_id", &row.to);
    dynamo_value(item, "as_model_id", &row.as);
    return m->fn(m->ctx, &row);
}

static void mapping_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression",
                           "anthropic_model_id,bedrock_model_id,as_model_id");
}

enum status keystore_dynamo_mappings(struct keystore *base,
                                     bool (*fn)(void *ctx, const struct keystore_mapping *m),
                                     void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct mappings m = {fn, ctx};
    struct keystore_dynamo_walk walk = {.table = k->mapping,
                                        .hash = "anthropic_model_id",
                                        .project = mapping_projection,
                                        .item = mapping_item,
                                        .ctx = &m};
    return keystore_dynamo_walk(k, &walk, err);
}

/* --- prices -------------------------------------------------------------------------------- */

struct prices {
    bool (*fn)(void *ctx, const struct keystore_price *price);
    void *ctx;
};

/* US dollars for a million tokens as micro-dollars; absent_micro where there is none. */
static bool read_price(const struct cJSON *item, const char *name, uint64_t absent_micro,
                       uint64_t *out)
{
    struct str text;
    int64_t micro = 0;
    enum dynamo_type type = dynamo_value(item, name, &text);
    *out = absent_micro;
    if (type == DYNAMO_TYPE_N && dynamo_value_number(text, 6, &micro, NULL) && micro >= 0) {
        *out = (uint64_t)micro;
        return true;
    }
    return type == DYNAMO_TYPE_ABSENT && absent_micro != UINT64_MAX;
}

/* A cache price that is not given is the input price: rather too much than nothing. */
static bool price_item(void *ctx, const struct cJSON *item)
{
    const struct prices *p = ctx;
    struct keystore_price row = {0};
    struct str model, state;
    dynamo_value(item, "model_id", &model);
    dynamo_value(item, "status", &state);
    text_copy(model, row.model, sizeof row.model);
    row.readable = read_price(item, "input_price", UINT64_MAX, &row.price.input) &&
                   read_price(item, "output_price", UINT64_MAX, &row.price.output) &&
                   read_price(item, "cache_read_price", row.price.input, &row.price.cache_read) &&
                   read_price(item, "cache_write_price", row.price.input, &row.price.cache_write);
    row.active = !text_eq(state, STR("disabled"));
    return p->fn(p->ctx, &row);
}

/* "status" is a reserved word. */
static void price_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression",
                           "model_id,input_price,output_price,cache_read_price,cache_write_price,"
                           "#s");
    json_raw(w, STR("\"ExpressionAttributeNames\":{\"#s\":\"status\"}"));
}

enum status keystore_dynamo_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct prices p = {fn, ctx};
    struct keystore_dynamo_walk walk = {.table = k->pricing,
                                        .hash = "model_id",
                                        .project = price_projection,
                                        .item = price_item,
                                        .ctx = &p};
    return keystore_dynamo_walk(k, &walk, err);
}

/* --- beta rules ---------------------------------------------------------------------------- */

struct betas {
    bool (*fn)(void *ctx, const struct directory_beta *rule, bool whole);
    void *ctx;
};

static struct str element_text(const struct cJSON *value)
{
    return json_get_text(value, "S");
}

static bool beta_item(void *ctx, const struct cJSON *item)
{
    const struct betas *b = ctx;
    struct directory_beta rule;
    struct str name, type;
    dynamo_value(item, "header_name", &name);
    dynamo_value(item, "header_type", &type);
    bool whole =
        beta_rule_row(&rule, name, type, json_get(json_get(item, "mapped_to"), "L"), element_text);
    return b->fn(b->ctx, &rule, whole);
}

static void beta_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression", "header_name,header_type,mapped_to");
}

/* Not every set-up has made such a table. */
enum status keystore_dynamo_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct betas b = {fn, ctx};
    struct keystore_dynamo_walk walk = {.table = k->betas,
                                        .hash = "header_name",
                                        .project = beta_projection,
                                        .item = beta_item,
                                        .ctx = &b,
                                        .optional = true};
    return keystore_dynamo_walk(k, &walk, err);
}
