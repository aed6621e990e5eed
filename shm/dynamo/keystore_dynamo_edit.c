/*
 * keystore_dynamo_edit.c - changes by the subcommands, attribute for attribute as the older tools
 * write these tables. DeleteItem is called here and nowhere else: the gateway itself needs no right
 * to it.
 */
#include "shm/dynamo/keystore_dynamo_private.h"

#include <stdio.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/dynamo/dynamo_value.h"
#include "shm/catalogue/region.h"

#define MARK_MAX 16 /* ", #12 = :12" */

static int64_t now_s(void)
{
    return clock_real_now_ms() / 1000;
}

static void put_key(struct json_out *w, const char *hash, const char *id)
{
    JSON_KEY(w, "Key");
    json_object(w);
    dynamo_value_put_text(w, text_from(hash), text_from(id));
    json_object_end(w);
}

static void only_if_there(struct json_out *w, const char *hash)
{
    char text[64];
    snprintf(text, sizeof text, "attribute_exists(%s)", hash);
    keystore_dynamo_member(w, "ConditionExpression", text);
}

/* Sends and, when it was carried out, raises the version. missing: what a condition that does not
 * hold means. */
static enum status write(struct store *k, struct json_out *w, const char *operation,
                         const char *table, const char *missing, struct err *err)
{
    struct cJSON *answer;
    enum dynamo_result result = keystore_dynamo_send(k, w, operation, table, &answer, err);
    json_free(answer);
    if (result == DYNAMO_CONDITION) {
        return err_set(err, STATUS_NOT_FOUND, "%s", missing);
    }
    if (result == DYNAMO_OK) {
        keystore_dynamo_raise_version(k);
    }
    return keystore_dynamo_status(result);
}

/* --- keys ---------------------------------------------------------------------------------- */

struct edit {
    const char *attribute;
    enum { TEXT, INT, MONEY, BOOL } kind;
    const char *text;
    int64_t number;
};

static void list_edits(const struct keystore_row *row, struct edit out[KEYSTORE_EDIT_COUNT])
{
    const struct edit all[KEYSTORE_EDIT_COUNT] = {
#define EDIT_TEXT(attribute, field)  {#attribute, TEXT, row->field, 0},
#define EDIT_INT(attribute, field)   {#attribute, INT, "", row->field},
#define EDIT_MONEY(attribute, field) {#attribute, MONEY, "", row->field},
#define EDIT_BOOL(attribute, field)  {#attribute, BOOL, "", row->field},
        KEYSTORE_EDITS(EDIT_TEXT, EDIT_TEXT, EDIT_INT, EDIT_MONEY, EDIT_BOOL)};
    memcpy(out, all, sizeof all);
}

/* What is empty or 0 means "none" or "the default" to every reader when it is not there. */
static bool is_taken_away(const struct edit *e)
{
    return e->kind != BOOL && !e->text[0] && e->number == 0;
}

/* Each attribute has a mark, as some names are reserved words. */
static void put_expression(struct json_out *w, const struct edit *all, uint32_t edits)
{
    char set[64 + KEYSTORE_EDIT_COUNT * MARK_MAX], gone[16 + KEYSTORE_EDIT_COUNT * MARK_MAX] = "";
    size_t n = (size_t)snprintf(set, sizeof set, "SET updated_at = :now"), gone_n = 0;
    for (int i = 0; i < KEYSTORE_EDIT_COUNT; i++) {
        if (!(edits & 1u << i)) {
            continue;
        }
        if (is_taken_away(&all[i])) {
            gone_n += (size_t)snprintf(gone + gone_n, sizeof gone - gone_n, "%s#%d",
                                       gone_n ? ", " : " REMOVE ", i);
        } else {
            n += (size_t)snprintf(set + n, sizeof set - n, ", #%d = :%d", i, i);
        }
    }
    snprintf(set + n, sizeof set - n, "%s", gone);
    keystore_dynamo_member(w, "UpdateExpression", set);
}

static void put_names(struct json_out *w, const struct edit *all, uint32_t edits)
{
    JSON_KEY(w, "ExpressionAttributeNames");
    json_object(w);
    for (int i = 0; i < KEYSTORE_EDIT_COUNT; i++) {
        char mark[MARK_MAX];
        if (edits & 1u << i) {
            snprintf(mark, sizeof mark, "#%d", i);
            keystore_dynamo_member(w, mark, all[i].attribute);
        }
    }
    json_object_end(w);
}

static void put_value(struct json_out *w, struct str mark, const struct edit *e)
{
    switch (e->kind) {
    case TEXT:
        dynamo_value_put_text(w, mark, text_from(e->text));
        break;
    case INT:
        dynamo_value_put_i64(w, mark, e->number);
        break;
    case MONEY:
        dynamo_value_put_micro(w, mark, e->number);
        break;
    case BOOL:
        dynamo_value_put_bool(w, mark, e->number != 0);
        break;
    }
}

static void put_values(struct json_out *w, const struct edit *all, uint32_t edits)
{
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_i64(w, STR(":now"), now_s());
    for (int i = 0; i < KEYSTORE_EDIT_COUNT; i++) {
        char mark[MARK_MAX];
        if ((edits & 1u << i) && !is_taken_away(&all[i])) {
            snprintf(mark, sizeof mark, ":%d", i);
            put_value(w, text_from(mark), &all[i]);
        }
    }
    json_object_end(w);
}

static enum status update(struct keystore *base, const struct keystore_row *row, uint32_t edits,
                          struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    struct edit all[KEYSTORE_EDIT_COUNT];
    list_edits(row, all);
    keystore_dynamo_begin(k, &w, k->keys);
    put_key(&w, "api_key", row->id);
    put_expression(&w, all, edits);
    only_if_there(&w, "api_key");
    put_names(&w, all, edits);
    put_values(&w, all, edits);
    return write(k, &w, "UpdateItem", k->keys, "there is no such key", err);
}

/* --- model mappings ------------------------------------------------------------------------ */

static enum status put_mapping(struct keystore *base, const struct keystore_mapping *m,
                               struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    keystore_dynamo_begin(k, &w, k->mapping);
    JSON_KEY(&w, "Item");
    json_object(&w);
    dynamo_value_put_text(&w, STR("anthropic_model_id"), m->from);
    dynamo_value_put_text(&w, STR("bedrock_model_id"), m->to);
    if (m->as.n) {
        dynamo_value_put_text(&w, STR("as_model_id"), m->as);
    }
    dynamo_value_put_i64(&w, STR("updated_at"), now_s());
    json_object_end(&w);
    return write(k, &w, "PutItem", k->mapping, "", err);
}

/* A deletion that was repeated after an unknown end meets its own work. */
static enum status drop(struct store *k, const char *table, const char *hash, const char *id,
                        const char *missing, struct err *err)
{
    struct json_out w;
    keystore_dynamo_begin(k, &w, table);
    put_key(&w, hash, id);
    only_if_there(&w, hash);
    enum status status = write(k, &w, "DeleteItem", table, missing, err);
    if (status == STATUS_NOT_FOUND && dynamo_uncertain(k->dynamo)) {
        keystore_dynamo_raise_version(k);
        return STATUS_OK;
    }
    return status;
}

static enum status drop_mapping(struct keystore *base, const char *from, struct err *err)
{
    struct store *k = (struct store *)base;
    return drop(k, k->mapping, "anthropic_model_id", from, "there is no such mapping", err);
}

/* --- prices -------------------------------------------------------------------------------- */

/* The older tools write NULL for a cache price that there is not. */
static void put_price_value(struct json_out *w, const char *mark, uint64_t micro)
{
    if (micro != KEYSTORE_PRICE_NONE) {
        dynamo_value_put_micro(w, text_from(mark), (int64_t)micro);
        return;
    }
    json_key(w, text_from(mark));
    json_object(w);
    JSON_KEY(w, "NULL");
    json_bool(w, true);
    json_object_end(w);
}

/* The vendor's part of the id, which the index provider-index is for; an ARN has none. */
static struct str provider_of(const char *model)
{
    struct str base = region_base(text_from(model)), provider;
    return text_split(&base, '.', &provider) && base.n ? provider : (struct str){"", 0};
}

static void put_price_members(struct json_out *w, const struct keystore_price *p, bool figures)
{
    struct str provider = provider_of(p->model);
    char text[400];
    snprintf(text, sizeof text, "SET #s = :state, updated_at = :now%s%s",
             figures ? ", input_price = :in, output_price = :out, cache_read_price = :read,"
                       " cache_write_price = :write, display_name = if_not_exists(display_name,"
                       " :model), created_at = if_not_exists(created_at, :now)"
                     : "",
             figures && provider.n ? ", provider = if_not_exists(provider, :provider)" : "");
    keystore_dynamo_member(w, "UpdateExpression", text);
    json_raw(w, STR("\"ExpressionAttributeNames\":{\"#s\":\"status\"}"));
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_text(w, STR(":state"), p->active ? STR("active") : STR("disabled"));
    dynamo_value_put_i64(w, STR(":now"), now_s());
    if (figures) {
        put_price_value(w, ":in", p->price.input);
        put_price_value(w, ":out", p->price.output);
        put_price_value(w, ":read", p->price.cache_read);
        put_price_value(w, ":write", p->price.cache_write);
        dynamo_value_put_text(w, STR(":model"), text_from(p->model));
    }
    if (figures && provider.n) {
        dynamo_value_put_text(w, STR(":provider"), provider);
    }
    json_object_end(w);
}

static enum status put_price(struct keystore *base, const struct keystore_price *p, struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    bool figures = p->price.input != KEYSTORE_PRICE_NONE;
    keystore_dynamo_begin(k, &w, k->pricing);
    put_key(&w, "model_id", p->model);
    put_price_members(&w, p, figures);
    if (!figures) {
        only_if_there(&w, "model_id");
    }
    return write(k, &w, "UpdateItem", k->pricing, "there is no such price", err);
}

static enum status drop_price(struct keystore *base, const char *model, struct err *err)
{
    struct store *k = (struct store *)base;
    return drop(k, k->pricing, "model_id", model, "there is no such price", err);
}

const struct keystore_edit_ops keystore_dynamo_edit = {
    .update = update,
    .put_mapping = put_mapping,
    .drop_mapping = drop_mapping,
    .put_price = put_price,
    .drop_price = drop_price,
};
