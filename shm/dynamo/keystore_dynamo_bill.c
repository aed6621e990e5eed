/*
 * keystore_dynamo_bill.c - a wrong bill: keystore_bill.h. Rows and their key's item change in one
 * TransactWriteItems, which needs no other right than UpdateItem and PutItem on both tables.
 *
 * `repriced_at` (seconds) in a row keeps a server from writing it over once more with the cost that
 * its journal has; `budget_reset_at` (milliseconds) in a key's item says which rows its month's sum
 * does not hold any more. The audit lies in the table of statistics, beside the version.
 */
#include "shm/dynamo/keystore_dynamo_private.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/dynamo/dynamo_value.h"

#define TRIES    10u
#define PAUSE_MS 100u

/* --- the rows ------------------------------------------------------------------------------ */

struct reading {
    char from[24], to[24];
    bool (*fn)(void *ctx, const struct keystore_bill_row *row);
    void *ctx;
};

static uint64_t count_of(const struct cJSON *item, const char *name)
{
    struct str s;
    int64_t n = 0;
    bool ok = dynamo_value(item, name, &s) == DYNAMO_TYPE_N &&
              dynamo_value_number(s, 0, &n, NULL) && n > 0;
    return ok ? (uint64_t)n : 0;
}

static void copy_of(const struct cJSON *item, const char *name, char *out, size_t size)
{
    struct str s;
    text_copy(dynamo_value(item, name, &s) == DYNAMO_TYPE_S ? s : STR(""), out, size);
}

static bool read_item(void *ctx, const struct cJSON *item)
{
    const struct reading *reading = ctx;
    uint64_t written = count_of(item, "cache_write_input_tokens");
    uint64_t hour = count_of(item, "cache_write_1h_tokens"), ms;
    hour = hour < written ? hour : written;
    struct keystore_bill_row r = {.tokens = {.input = count_of(item, "input_tokens"),
                                             .output = count_of(item, "output_tokens"),
                                             .cache_read = count_of(item, "cached_tokens"),
                                             .write_5m = written - hour,
                                             .write_1h = hour},
                                  .cost_micro = count_of(item, "cost_micro")};
    copy_of(item, "api_key", r.id, sizeof r.id);
    copy_of(item, "timestamp", r.place, sizeof r.place);
    copy_of(item, "model", r.model, sizeof r.model);
    copy_of(item, "resolved_model", r.bedrock_model, sizeof r.bedrock_model);
    copy_of(item, "service_tier", r.service_tier, sizeof r.service_tier);
    r.started_ms = text_u64(text_from(r.place), &ms) && ms < INT64_MAX / 2 ? (int64_t)ms : 0;
    r.ended_ms = r.started_ms + (int64_t)(count_of(item, "duration_ms") & UINT32_MAX);
    bool more = reading->fn(reading->ctx, &r);
    text_wipe(&r, sizeof r);
    return more;
}

static void rows_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression",
                           "api_key,#t,model,resolved_model,service_tier,input_tokens,"
                           "output_tokens,cached_tokens,cache_write_input_tokens,"
                           "cache_write_1h_tokens,duration_ms,cost_micro");
    json_raw(w, STR("\"ExpressionAttributeNames\":{\"#t\":\"timestamp\"}"));
}

/* Rows of the older tools have no usage_id: their cost is in no sum of ours. */
static void rows_filter(void *ctx, struct json_out *w)
{
    const struct reading *r = ctx;
    keystore_dynamo_member(w, "FilterExpression",
                           "#t >= :from AND #t < :to AND attribute_exists(usage_id)");
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_text(w, STR(":from"), text_from(r->from));
    dynamo_value_put_text(w, STR(":to"), text_from(r->to));
    json_object_end(w);
}

static enum status rows(struct keystore *base, int64_t from_ms, int64_t to_ms,
                        bool (*fn)(void *ctx, const struct keystore_bill_row *row), void *ctx,
                        struct err *err)
{
    struct store *k = (struct store *)base;
    struct reading r = {.fn = fn, .ctx = ctx};
    struct keystore_dynamo_walk walk = {.table = k->usage,
                                        .hash = "api_key",
                                        .range = "timestamp",
                                        .project = rows_projection,
                                        .filter = rows_filter,
                                        .item = read_item,
                                        .ctx = &r};
    snprintf(r.from, sizeof r.from, "%013lld", (long long)(from_ms > 0 ? from_ms : 0));
    snprintf(r.to, sizeof r.to, "%013lld", (long long)(to_ms > 0 ? to_ms : 0));
    return keystore_dynamo_walk(k, &walk, err);
}

/* --- a transaction ------------------------------------------------------------------------- */

static void begin(struct store *k, struct json_out *w)
{
    buf_clear(&k->request);
    json_begin(w, &k->request);
    json_object(w);
    JSON_KEY(w, "TransactItems");
    json_array(w);
}

/* Of one write: its kind and table; two json_object_end to follow. */
static void begin_write(struct json_out *w, const char *kind, const char *table)
{
    json_object(w);
    json_key(w, text_from(kind));
    json_object(w);
    keystore_dynamo_member(w, "TableName", table);
}

static void end_write(struct json_out *w)
{
    json_object_end(w);
    json_object_end(w);
}

static void put_sums(struct store *k, struct json_out *w, const char *id,
                     const struct keystore_dynamo_sums *s, const struct cJSON *item)
{
    begin_write(w, "Update", k->keys);
    keystore_dynamo_budget_put(w, id, s, item);
    end_write(w);
}

static enum dynamo_result send(struct store *k, struct json_out *w, struct err *err)
{
    struct cJSON *answer;
    json_array_end(w);
    enum dynamo_result result =
        keystore_dynamo_send(k, w, "TransactWriteItems", k->usage, &answer, err);
    json_free(answer);
    return result;
}

/* Somebody else wrote: some milliseconds, and all is read again. */
static bool pause_before(struct store *k, unsigned attempt)
{
    uint32_t dice;
    text_random(&dice, sizeof dice);
    return attempt == 0 || dynamo_pause(k->dynamo, 1 + dice % PAUSE_MS);
}

/* --- other costs --------------------------------------------------------------------------- */

static void put_row(struct store *k, struct json_out *w, const struct keystore_bill_row *r)
{
    begin_write(w, "Update", k->usage);
    JSON_KEY(w, "Key");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(r->id));
    dynamo_value_put_text(w, STR("timestamp"), text_from(r->place));
    json_object_end(w);
    keystore_dynamo_member(w, "UpdateExpression", "SET cost_micro = :right, repriced_at = :now");
    keystore_dynamo_member(w, "ConditionExpression", "cost_micro = :was");
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_i64(w, STR(":right"), (int64_t)r->right_micro);
    dynamo_value_put_i64(w, STR(":was"), (int64_t)r->cost_micro);
    dynamo_value_put_i64(w, STR(":now"), clock_real_now_ms() / 1000);
    json_object_end(w);
    end_write(w);
}

enum row_state { ROW_DUE, ROW_DONE, ROW_LEFT };

struct correction {
    const struct keystore_bill_row *rows;
    size_t n;
    enum row_state state[KEYSTORE_BILL_ROWS];
};

/* After a condition that did not hold: what has become of each row. */
static enum status look_again(struct store *k, struct correction *c, struct err *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < c->n && status == STATUS_OK; i++) {
        struct json_out w;
        struct cJSON *answer;
        if (c->state[i] != ROW_DUE) {
            continue;
        }
        keystore_dynamo_begin(k, &w, k->usage);
        JSON_KEY(&w, "Key");
        json_object(&w);
        dynamo_value_put_text(&w, STR("api_key"), text_from(c->rows[i].id));
        dynamo_value_put_text(&w, STR("timestamp"), text_from(c->rows[i].place));
        json_object_end(&w);
        keystore_dynamo_member(&w, "ProjectionExpression", "cost_micro");
        json_raw(&w, STR("\"ConsistentRead\":true"));
        status =
            keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->usage, &answer, err));
        uint64_t now = count_of(json_get(answer, "Item"), "cost_micro");
        if (status == STATUS_OK && now != c->rows[i].cost_micro) {
            c->state[i] = now == c->rows[i].right_micro ? ROW_DONE : ROW_LEFT;
        }
        json_free(answer);
    }
    return status;
}

/* What is due, into the request and the sums. Returns how many. */
static size_t put_due(struct store *k, struct json_out *w, struct correction *c,
                      struct keystore_dynamo_sums *s, bool has_budget)
{
    size_t due = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct keystore_bill_row *r = &c->rows[i];
        if (c->state[i] != ROW_DUE) {
            continue;
        }
        if (has_budget && !keystore_budget_correct(&s->budget, r->started_ms, r->ended_ms,
                                                   r->cost_micro, r->right_micro)) {
            c->state[i] = ROW_LEFT;
            continue;
        }
        if (has_budget) {
            keystore_dynamo_budget_history(s);
        }
        put_row(k, w, r);
        due++;
    }
    return due;
}

/* One try; *again_out: somebody else wrote between the reading and the writing. */
static enum status try_once(struct store *k, struct correction *c, struct keystore_dynamo_sums *s,
                            bool *again_out, struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    enum status status = keystore_dynamo_budget_read(k, c->rows[0].id, &answer, s, err);
    const struct cJSON *item = json_get(answer, "Item");
    *again_out = false;
    if (status == STATUS_OK) {
        begin(k, &w);
        size_t due = put_due(k, &w, c, s, item != NULL);
        if (due > 0) {
            if (item) {
                put_sums(k, &w, c->rows[0].id, s, item);
            }
            enum dynamo_result result = send(k, &w, err);
            *again_out = result == DYNAMO_CONDITION;
            status = *again_out ? look_again(k, c, err) : keystore_dynamo_status(result);
            for (size_t i = 0; i < c->n && result == DYNAMO_OK; i++) {
                c->state[i] = c->state[i] == ROW_DUE ? ROW_DONE : c->state[i];
            }
        }
    }
    json_free(answer);
    return status;
}

static enum status correct(struct keystore *base, const struct keystore_bill_row *rows, size_t n,
                           size_t *changed_out, struct err *err)
{
    struct store *k = (struct store *)base;
    struct correction c = {.rows = rows, .n = n};
    struct keystore_dynamo_sums s = {.late = false};
    enum status status = STATUS_OK;
    bool again = true;
    buf_init(&s.history, 65536);
    for (unsigned i = 0; i < TRIES && again && status == STATUS_OK && pause_before(k, i); i++) {
        status = try_once(k, &c, &s, &again, err);
    }
    buf_free(&s.history);
    for (size_t i = 0; i < n; i++) {
        *changed_out += c.state[i] == ROW_DONE;
    }
    return again && status == STATUS_OK
               ? err_set(err, STATUS_UNAVAILABLE,
                         "a key's budget is being written by others all the time")
               : status;
}

static void corrected(struct keystore *base)
{
    keystore_dynamo_raise_version((struct store *)base);
}

/* --- a month set back ---------------------------------------------------------------------- */

/* By the key's digest: the table of statistics is read by others, and a key may be in clear. */
static void put_audit(struct store *k, struct json_out *w, const char *id,
                      const struct keystore_dynamo_sums *s, int64_t was_micro)
{
    struct keystore_row row = {0};
    uint8_t digest[32];
    char hex[17] = "", name[64];
    text_copy(text_from(id), row.id, sizeof row.id);
    if (keystore_digest(&row, digest)) {
        text_hex(digest, 8, hex);
        hex[16] = '\0';
    }
    snprintf(name, sizeof name, "__audit__%013lld-%s", (long long)s->budget.reset_ms, hex);
    begin_write(w, "Put", k->stats);
    JSON_KEY(w, "Item");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(name));
    dynamo_value_put_text(w, STR("action"), STR("reset-spend"));
    dynamo_value_put_i64(w, STR("at"), s->budget.reset_ms);
    dynamo_value_put_text(w, STR("key_digest"), text_from(hex));
    if (s->budget.month[0]) {
        dynamo_value_put_text(w, STR("month"), text_from(s->budget.month));
    }
    dynamo_value_put_i64(w, STR("before_micro"), was_micro);
    dynamo_value_put_i64(w, STR("after_micro"), 0);
    json_object_end(w);
    end_write(w);
    text_wipe(&row, sizeof row);
}

struct audit_reading {
    int64_t from_ms, to_ms;
    bool (*fn)(void *ctx, const struct keystore_audit *row);
    void *ctx;
};

static bool read_audit(void *ctx, const struct cJSON *item)
{
    const struct audit_reading *r = ctx;
    struct keystore_audit row = {.at_ms = (int64_t)count_of(item, "at"),
                                 .before_micro = (int64_t)count_of(item, "before_micro"),
                                 .after_micro = (int64_t)count_of(item, "after_micro")};
    copy_of(item, "key_digest", row.key_id, sizeof row.key_id); /* cut */
    copy_of(item, "action", row.action, sizeof row.action);
    copy_of(item, "month", row.month, sizeof row.month);
    return row.at_ms < r->from_ms || row.at_ms >= r->to_ms || r->fn(r->ctx, &row);
}

static void audit_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression",
                           "api_key,#action,#at,#month,key_digest,before_micro,after_micro");
    json_raw(w, STR("\"ExpressionAttributeNames\":{\"#action\":\"action\",\"#at\":\"at\","
                    "\"#month\":\"month\"}")); /* words of DynamoDB's own */
}

static void audit_filter(void *ctx, struct json_out *w)
{
    (void)ctx;
    keystore_dynamo_member(w, "FilterExpression", "begins_with(api_key, :audit)");
    json_raw(w, STR("\"ExpressionAttributeValues\":{\":audit\":{\"S\":\"__audit__\"}}"));
}

static enum status audit(struct keystore *base, int64_t from_ms, int64_t to_ms,
                         bool (*fn)(void *ctx, const struct keystore_audit *row), void *ctx,
                         struct err *err)
{
    struct store *k = (struct store *)base;
    struct audit_reading r = {from_ms, to_ms, fn, ctx};
    const struct keystore_dynamo_walk walk = {.table = k->stats,
                                              .hash = "api_key",
                                              .project = audit_projection,
                                              .filter = audit_filter,
                                              .item = read_audit,
                                              .ctx = &r};
    return keystore_dynamo_walk(k, &walk, err);
}

static enum status reset_once(struct store *k, const char *id, int64_t now_ms,
                              struct keystore_dynamo_sums *s, int64_t *was_micro_out,
                              bool *again_out, struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    *again_out = false;
    enum status status = keystore_dynamo_budget_read(k, id, &answer, s, err);
    const struct cJSON *item = json_get(answer, "Item");
    if (status == STATUS_OK && !item) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no such key");
    } else if (status == STATUS_OK &&
               s->budget.reset_ms != now_ms) { /* else it is our own, unheard */
        *was_micro_out = s->budget.mtd_micro;
        keystore_budget_reset(&s->budget, now_ms);
        s->resets = true;
        begin(k, &w);
        put_sums(k, &w, id, s, item);
        put_audit(k, &w, id, s, *was_micro_out);
        enum dynamo_result result = send(k, &w, err);
        *again_out = result == DYNAMO_CONDITION;
        status = *again_out ? STATUS_OK : keystore_dynamo_status(result);
    }
    json_free(answer);
    return status;
}

static enum status reset_spend(struct keystore *base, const char *id, int64_t *was_micro_out,
                               struct err *err)
{
    struct store *k = (struct store *)base;
    struct keystore_dynamo_sums s = {.late = false};
    int64_t now_ms = clock_real_now_ms();
    enum status status = STATUS_OK;
    bool again = true;
    buf_init(&s.history, 65536);
    for (unsigned i = 0; i < TRIES && again && status == STATUS_OK && pause_before(k, i); i++) {
        status = reset_once(k, id, now_ms, &s, was_micro_out, &again, err);
    }
    buf_free(&s.history);
    if (again && status == STATUS_OK) {
        return err_set(err, STATUS_UNAVAILABLE,
                       "a key's budget is being written by others all the time");
    }
    if (status == STATUS_OK) {
        keystore_dynamo_raise_version(k);
    }
    return status;
}

const struct keystore_bill_ops keystore_dynamo_bill = {
    .audit = audit,
    .rows = rows,
    .correct = correct,
    .reset_spend = reset_spend,
    .corrected = corrected,
};
