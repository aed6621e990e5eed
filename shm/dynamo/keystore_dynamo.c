#include "shm/dynamo/keystore_dynamo.h"

#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/dynamo/dynamo_value.h"
#include "server/base/log.h"
#include "shm/dynamo/keystore_dynamo_private.h"
#include "shm/dynamo/keystore_dynamo_row.h"

#define REQUEST_MAX 32768u /* an item of ours has at most 2 KB, 6 times that when escaped */

/* --- calls --------------------------------------------------------------------------------- */

static void put_key(struct json_out *w, const char *id)
{
    JSON_KEY(w, "Key");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(id));
    json_object_end(w);
}

/* keystore_dynamo_send where nothing of the answer is wanted. */
static enum dynamo_result request_do(struct store *k, struct json_out *w, const char *operation,
                                     const char *table, struct err *err)
{
    struct cJSON *answer;
    enum dynamo_result result = keystore_dynamo_send(k, w, operation, table, &answer, err);
    json_free(answer);
    return result;
}

/* --- keys ---------------------------------------------------------------------------------- */

struct scan {
    bool (*fn)(void *ctx, const struct keystore_row *row);
    void *ctx;
};

static bool scan_item(void *ctx, const struct cJSON *item)
{
    const struct scan *s = ctx;
    struct keystore_row row;
    keystore_dynamo_row_read(item, &row);
    bool on = s->fn(s->ctx, &row);
    text_wipe(row.id, sizeof row.id);
    return on;
}

static enum status scan(struct keystore *base,
                        bool (*fn)(void *ctx, const struct keystore_row *row), void *ctx,
                        struct err *err)
{
    struct store *k = (struct store *)base;
    struct scan s = {fn, ctx};
    struct keystore_dynamo_walk walk = {.table = k->keys,
                                        .hash = "api_key",
                                        .project = keystore_dynamo_row_projection,
                                        .item = scan_item,
                                        .ctx = &s};
    return keystore_dynamo_walk(k, &walk, err);
}

static enum status get(struct keystore *base, const char *id, struct keystore_row *out,
                       struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    struct cJSON *answer;
    keystore_dynamo_begin(k, &w, k->keys);
    put_key(&w, id);
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    keystore_dynamo_row_projection(&w);
    enum status status =
        keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->keys, &answer, err));
    const struct cJSON *item = json_get(answer, "Item");
    if (status == STATUS_OK && item) {
        keystore_dynamo_row_read(item, out);
    } else if (status == STATUS_OK) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    }
    json_free(answer);
    return status;
}

/* After a write. Should it fail, the write stands, and servers see it with their next full load. */
void keystore_dynamo_raise_version(struct store *k)
{
    struct json_out w;
    struct err err;
    keystore_dynamo_begin(k, &w, k->stats);
    put_key(&w, KEYSTORE_DYNAMO_VERSION_ID);
    keystore_dynamo_member(&w, "UpdateExpression", "ADD #v :one");
    json_raw(&w, STR("\"ExpressionAttributeNames\":{\"#v\":\"version\"},"
                     "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}"));
    if (request_do(k, &w, "UpdateItem", k->stats, &err) != DYNAMO_OK) {
        log_line(LOG_WARN, "keystore",
                 "written, but running servers take up to REFRESH_SECONDS to notice: %s", err.text);
    }
}

/* A put that was repeated after an unknown end meets its own row. */
static bool is_ours(struct store *k, const struct keystore_row *row)
{
    struct keystore_row there;
    struct err err;
    bool ours = get(&k->base, row->id, &there, &err) == STATUS_OK &&
                there.created_s == row->created_s && strcmp(there.user_id, row->user_id) == 0 &&
                strcmp(there.name, row->name) == 0 && strcmp(there.prefix, row->prefix) == 0;
    text_wipe(&there, sizeof there);
    return ours;
}

static enum status put(struct keystore *base, const struct keystore_row *row, struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    keystore_dynamo_begin(k, &w, k->keys);
    JSON_KEY(&w, "Item");
    json_object(&w);
    keystore_dynamo_row_write(&w, row);
    json_object_end(&w);
    keystore_dynamo_member(&w, "ConditionExpression", "attribute_not_exists(api_key)");
    enum dynamo_result result = request_do(k, &w, "PutItem", k->keys, err);
    if (result == DYNAMO_CONDITION && !(dynamo_uncertain(k->dynamo) && is_ours(k, row))) {
        return err_set(err, STATUS_INVALID, "there is a key with this id already");
    }
    if (result != DYNAMO_OK && result != DYNAMO_CONDITION) {
        return STATUS_UNAVAILABLE;
    }
    keystore_dynamo_raise_version(k);
    return STATUS_OK;
}

static enum status revoke_key(struct keystore *base, const char *id, const char *reason,
                              struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    keystore_dynamo_begin(k, &w, k->keys);
    put_key(&w, id);
    keystore_dynamo_member(&w, "UpdateExpression",
                           "SET is_active = :no, deactivated_reason = :reason, updated_at = :now");
    keystore_dynamo_member(&w, "ConditionExpression", "attribute_exists(api_key)");
    JSON_KEY(&w, "ExpressionAttributeValues");
    json_object(&w);
    dynamo_value_put_bool(&w, STR(":no"), false);
    dynamo_value_put_text(&w, STR(":reason"), text_from(reason));
    dynamo_value_put_i64(&w, STR(":now"), clock_real_now_ms() / 1000);
    json_object_end(&w);
    enum dynamo_result result = request_do(k, &w, "UpdateItem", k->keys, err);
    if (result == DYNAMO_CONDITION) {
        return err_set(err, STATUS_NOT_FOUND, "there is no such key");
    }
    if (result == DYNAMO_OK) {
        keystore_dynamo_raise_version(k);
    }
    return keystore_dynamo_status(result);
}

/* --- version ------------------------------------------------------------------------------- */

/* No item yet: nothing was written by our tools. */
static enum status version(struct keystore *base, int64_t *out, struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    struct cJSON *answer;
    struct str number;
    *out = 0;
    keystore_dynamo_begin(k, &w, k->stats);
    put_key(&w, KEYSTORE_DYNAMO_VERSION_ID);
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    enum status status =
        keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->stats, &answer, err));
    const struct cJSON *item = json_get(answer, "Item");
    enum dynamo_type type = dynamo_value(item, "version", &number);
    if (type != DYNAMO_TYPE_ABSENT &&
        (type != DYNAMO_TYPE_N || !dynamo_value_number(number, 0, out, NULL))) {
        status = err_set(err, STATUS_UNAVAILABLE, "table %s: the version is no number", k->stats);
    }
    json_free(answer);
    return status;
}

/* --- life ---------------------------------------------------------------------------------- */

static bool keep_waiting(void *ctx)
{
    const struct keystore *k = ctx;
    return !k->on_wait || k->on_wait(k->wait_ctx);
}

static void close_store(struct keystore *base)
{
    struct store *k = (struct store *)base;
    dynamo_drop(k->dynamo);
    buf_free(&k->request);
    heap_drop(k);
}

static const struct keystore_ops ops = {
    .name = "dynamodb",
    .scan = scan,
    .get = get,
    .put = put,
    .revoke = revoke_key,
    .mappings = keystore_dynamo_mappings,
    .version = version,
    .put_usage = keystore_dynamo_put_usage,
    .usage_batch = KEYSTORE_DYNAMO_USAGE_BATCH,
    .usage = keystore_dynamo_usage,
    .prices = keystore_dynamo_prices,
    .betas = keystore_dynamo_betas,
    .seal_key = keystore_dynamo_seal_key,
    .edit = &keystore_dynamo_edit,
    .bill = &keystore_dynamo_bill,
    .close = close_store,
};

enum status keystore_dynamo_open(const struct config *c, struct keystore **out, struct err *err)
{
    struct store *k = heap_new(sizeof *k);
    if (!k) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    k->base.ops = &ops;
    text_copy(text_from(c->table_api_keys), k->keys, sizeof k->keys);
    text_copy(text_from(c->table_usage_stats), k->stats, sizeof k->stats);
    text_copy(text_from(c->table_model_mapping), k->mapping, sizeof k->mapping);
    text_copy(text_from(c->table_model_pricing), k->pricing, sizeof k->pricing);
    text_copy(text_from(c->table_beta_headers), k->betas, sizeof k->betas);
    text_copy(text_from(c->table_usage), k->usage, sizeof k->usage);
    buf_init(&k->request, REQUEST_MAX);
    enum status status = dynamo_new(c, &k->dynamo, err);
    if (status != STATUS_OK) {
        buf_free(&k->request);
        heap_drop(k);
        return status;
    }
    dynamo_on_wait(k->dynamo, keep_waiting, k);
    *out = &k->base;
    return STATUS_OK;
}
