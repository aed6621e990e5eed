#include "shm/keystore_dynamo.h"

#include <string.h>

#include "server/arena.h"
#include "server/clock.h"
#include "server/dynamo.h"
#include "server/dynamo_value.h"
#include "server/log.h"
#include "shm/keystore_dynamo_row.h"

#define REQUEST_MAX 32768u /* an item of ours has at most 2 KB, 6 times that when all is escaped \
                            */
#define PAGE_KEY_MAX 2049u /* bytes of a partition key in DynamoDB, and NUL */

struct store {
    struct keystore base;
    struct dynamo *dynamo;
    char keys[256], stats[256], mapping[256]; /* names or ARNs of the tables */
    struct buf request;
};

/* --- calls ----------------------------------------------------------------------------------- */

static bool keep_waiting(void *ctx)
{
    const struct keystore *k = ctx;
    return !k->on_wait || k->on_wait(k->wait_ctx);
}

static void request_begin(struct store *k, struct json_out *w, const char *table)
{
    buf_clear(&k->request);
    json_begin(w, &k->request);
    json_object(w);
    JSON_KEY(w, "TableName");
    json_str(w, text_from(table));
}

static void put_member(struct json_out *w, const char *name, const char *value)
{
    json_key(w, text_from(name));
    json_str(w, text_from(value));
}

static void put_key(struct json_out *w, const char *id)
{
    JSON_KEY(w, "Key");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(id));
    json_object_end(w);
}

/* Ends the request object and calls. A missing table is told in words that say what to do. */
static enum dynamo_result request_send(struct store *k, struct json_out *w, const char *operation,
                                       const char *table, struct cJSON **answer_out,
                                       struct err *err)
{
    json_object_end(w);
    if (!buf_ok(&k->request)) {
        *answer_out = NULL;
        err_set(err, STATUS_UNAVAILABLE, "DynamoDB %s: the request is too large", operation);
        return DYNAMO_REFUSED;
    }
    enum dynamo_result result =
        dynamo_call(k->dynamo, operation, buf_str(&k->request), answer_out, err);
    text_wipe(buf_data(&k->request), buf_len(&k->request)); /* it may hold a clear key */
    if (result == DYNAMO_NO_TABLE) {
        err_set(err, STATUS_UNAVAILABLE, "table %s does not exist: run setup_tables", table);
    }
    return result;
}

/* The same where nothing of the answer is wanted. */
static enum dynamo_result request_do(struct store *k, struct json_out *w, const char *operation,
                                     const char *table, struct err *err)
{
    struct cJSON *answer;
    enum dynamo_result result = request_send(k, w, operation, table, &answer, err);
    json_free(answer);
    return result;
}

static enum status of_result(enum dynamo_result result)
{
    return result == DYNAMO_OK ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* --- pages ----------------------------------------------------------------------------------- */

/* A store that gives a page key a second time would keep us here for ever. One key is remembered,
 * and replaced after 1, 2, 4, 8... pages, so that a circle of any length is noticed (Brent). */
struct pages {
    char from[PAGE_KEY_MAX]; /* where the next page begins; "": the first */
    char remembered[PAGE_KEY_MAX];
    uint64_t since, limit;
};

static enum status next_page(struct pages *p, const struct cJSON *answer, const char *hash,
                             bool *more_out, struct err *err)
{
    const struct cJSON *last = json_get(answer, "LastEvaluatedKey");
    struct str key;
    *more_out = last != NULL && !json_is_null(last);
    if (!*more_out) {
        return STATUS_OK;
    }
    if (dynamo_value(last, hash, &key) != DYNAMO_TYPE_S || key.n == 0 || key.n >= sizeof p->from) {
        return err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: a page key without %s", hash);
    }
    text_copy(key, p->from, sizeof p->from);
    if (strcmp(p->from, p->remembered) == 0) {
        return err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: a page key came twice");
    }
    if (++p->since >= p->limit) {
        text_copy(key, p->remembered, sizeof p->remembered);
        p->since = 0;
        p->limit = p->limit ? 2 * p->limit : 1;
    }
    return STATUS_OK;
}

struct walk {
    const char *table, *hash;
    void (*project)(struct json_out *w);
    bool (*item)(void *ctx, const struct cJSON *item); /* false stops */
    void *ctx;
};

static enum status walk_page(struct store *k, const struct walk *walk, struct pages *p,
                             bool *more_out, struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    request_begin(k, &w, walk->table);
    /* An eventually consistent read may miss the write whose version was just seen. */
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    walk->project(&w);
    if (p->from[0]) {
        JSON_KEY(&w, "ExclusiveStartKey");
        json_object(&w);
        dynamo_value_put_text(&w, text_from(walk->hash), text_from(p->from));
        json_object_end(&w);
    }
    enum status status = of_result(request_send(k, &w, "Scan", walk->table, &answer, err));
    const struct cJSON *items = json_get(answer, "Items");
    if (status == STATUS_OK && !json_is_array(items)) {
        status = err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: an answer without Items");
    }
    bool on = true;
    for (const struct cJSON *i = json_child(items); i && on; i = json_next(i)) {
        on = walk->item(walk->ctx, i);
    }
    *more_out = false;
    if (status == STATUS_OK && on) {
        status = next_page(p, answer, walk->hash, more_out, err);
    }
    json_free(answer);
    return status;
}

static enum status walk_table(struct store *k, const struct walk *walk, struct err *err)
{
    struct pages p = {.since = 0};
    bool more = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && more) {
        status = walk_page(k, walk, &p, &more, err);
    }
    text_wipe(&p, sizeof p);
    return status;
}

/* --- keys ------------------------------------------------------------------------------------ */

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
    struct walk walk = {k->keys, "api_key", keystore_dynamo_row_projection, scan_item, &s};
    return walk_table(k, &walk, err);
}

static enum status get(struct keystore *base, const char *id, struct keystore_row *out,
                       struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    struct cJSON *answer;
    request_begin(k, &w, k->keys);
    put_key(&w, id);
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    keystore_dynamo_row_projection(&w);
    enum status status = of_result(request_send(k, &w, "GetItem", k->keys, &answer, err));
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
static void raise_version(struct store *k)
{
    struct json_out w;
    struct err err;
    request_begin(k, &w, k->stats);
    put_key(&w, KEYSTORE_DYNAMO_VERSION_ID);
    put_member(&w, "UpdateExpression", "ADD #v :one");
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
    request_begin(k, &w, k->keys);
    JSON_KEY(&w, "Item");
    json_object(&w);
    keystore_dynamo_row_write(&w, row);
    json_object_end(&w);
    put_member(&w, "ConditionExpression", "attribute_not_exists(api_key)");
    enum dynamo_result result = request_do(k, &w, "PutItem", k->keys, err);
    if (result == DYNAMO_CONDITION && !(dynamo_uncertain(k->dynamo) && is_ours(k, row))) {
        return err_set(err, STATUS_INVALID, "there is a key with this id already");
    }
    if (result != DYNAMO_OK && result != DYNAMO_CONDITION) {
        return STATUS_UNAVAILABLE;
    }
    raise_version(k);
    return STATUS_OK;
}

static enum status revoke_key(struct keystore *base, const char *id, const char *reason,
                              struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    request_begin(k, &w, k->keys);
    put_key(&w, id);
    put_member(&w, "UpdateExpression",
               "SET is_active = :no, deactivated_reason = :reason, updated_at = :now");
    put_member(&w, "ConditionExpression", "attribute_exists(api_key)");
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
        raise_version(k);
    }
    return of_result(result);
}

/* --- mappings and version -------------------------------------------------------------------- */

struct mappings {
    bool (*fn)(void *ctx, struct str from, struct str to);
    void *ctx;
};

/* Of another type: empty, which the reader skips and counts. */
static bool mapping_item(void *ctx, const struct cJSON *item)
{
    const struct mappings *m = ctx;
    struct str from, to;
    dynamo_value(item, "anthropic_model_id", &from);
    dynamo_value(item, "bedrock_model_id", &to);
    return m->fn(m->ctx, from, to);
}

static void mapping_projection(struct json_out *w)
{
    put_member(w, "ProjectionExpression", "anthropic_model_id,bedrock_model_id");
}

static enum status mappings(struct keystore *base,
                            bool (*fn)(void *ctx, struct str from, struct str to), void *ctx,
                            struct err *err)
{
    struct store *k = (struct store *)base;
    struct mappings m = {fn, ctx};
    struct walk walk = {k->mapping, "anthropic_model_id", mapping_projection, mapping_item, &m};
    return walk_table(k, &walk, err);
}

/* No item yet: nothing was written by our tools. */
static enum status version(struct keystore *base, int64_t *out, struct err *err)
{
    struct store *k = (struct store *)base;
    struct json_out w;
    struct cJSON *answer;
    struct str number;
    *out = 0;
    request_begin(k, &w, k->stats);
    put_key(&w, KEYSTORE_DYNAMO_VERSION_ID);
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    enum status status = of_result(request_send(k, &w, "GetItem", k->stats, &answer, err));
    const struct cJSON *item = json_get(answer, "Item");
    enum dynamo_type type = dynamo_value(item, "version", &number);
    if (type != DYNAMO_TYPE_ABSENT &&
        (type != DYNAMO_TYPE_N || !dynamo_value_number(number, 0, out, NULL))) {
        status = err_set(err, STATUS_UNAVAILABLE, "table %s: the version is no number", k->stats);
    }
    json_free(answer);
    return status;
}

/* --- life ------------------------------------------------------------------------------------ */

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
    .mappings = mappings,
    .version = version,
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
