#include "master/cli/tables.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/base/buf.h"
#include "server/base/clock.h"

#define REQUEST_MAX  4096u
#define POLL_MIN_MS  100u
#define POLL_MAX_MS  1000u
#define STATUS_WIDTH 48

static const struct tables_row rows[TABLES_COUNT] = {
#define ROW(field, setting, suffix, hash, range, index, ttl) \
    {setting, suffix, hash, range, index, ttl},
    TABLES(ROW)
#undef ROW
};

const struct tables_row *tables_row(size_t i)
{
    assert(i < TABLES_COUNT);
    return &rows[i];
}

const char *tables_name(const struct config *c, size_t i)
{
    const char *const names[TABLES_COUNT] = {
#define NAME(field, setting, suffix, hash, range, index, ttl) c->field,
        TABLES(NAME)
#undef NAME
    };
    assert(i < TABLES_COUNT);
    return names[i];
}

/* --- requests ------------------------------------------------------------------------------ */

struct making {
    struct dynamo *d;
    const struct tables_row *row;
    const char *name;
    struct buf request;
    struct json_out w;
    char status[STATUS_WIDTH]; /* of the table, as DescribeTable last said */
};

static void begin(struct making *m)
{
    buf_clear(&m->request);
    json_begin(&m->w, &m->request);
    json_object(&m->w);
    JSON_KEY(&m->w, "TableName");
    json_str(&m->w, text_from(m->name));
}

static enum dynamo_result call(struct making *m, const char *operation, struct cJSON **answer_out,
                               struct err *err)
{
    json_object_end(&m->w);
    return dynamo_call(m->d, operation, buf_str(&m->request), answer_out, err);
}

static void member(struct json_out *w, const char *name, const char *value)
{
    json_key(w, text_from(name));
    json_str(w, text_from(value));
}

static void put_key(struct json_out *w, const char *name, const char *type)
{
    json_object(w);
    member(w, "AttributeName", name);
    member(w, "KeyType", type);
    json_object_end(w);
}

static void put_schema(struct json_out *w, const char *hash, const char *range)
{
    JSON_KEY(w, "KeySchema");
    json_array(w);
    put_key(w, hash, "HASH");
    if (range[0]) {
        put_key(w, range, "RANGE");
    }
    json_array_end(w);
}

static void put_definitions(struct json_out *w, const struct tables_row *row)
{
    const char *const attributes[] = {row->hash, row->range, row->index};
    JSON_KEY(w, "AttributeDefinitions");
    json_array(w);
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        if (attributes[i][0]) {
            json_object(w);
            member(w, "AttributeName", attributes[i]);
            member(w, "AttributeType", "S");
            json_object_end(w);
        }
    }
    json_array_end(w);
}

static void put_index(struct json_out *w, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "%s-index", key);
    JSON_KEY(w, "GlobalSecondaryIndexes");
    json_array(w);
    json_object(w);
    member(w, "IndexName", name);
    put_schema(w, key, "");
    json_raw(w, STR("\"Projection\":{\"ProjectionType\":\"ALL\"}"));
    json_object_end(w);
    json_array_end(w);
}

static enum dynamo_result create(struct making *m, struct err *err)
{
    struct cJSON *answer;
    begin(m);
    put_definitions(&m->w, m->row);
    put_schema(&m->w, m->row->hash, m->row->range);
    if (m->row->index[0]) {
        put_index(&m->w, m->row->index);
    }
    member(&m->w, "BillingMode", "PAY_PER_REQUEST");
    enum dynamo_result result = call(m, "CreateTable", &answer, err);
    json_free(answer);
    return result;
}

/* --- a table that is there ----------------------------------------------------------------- */

static bool has_key(const struct cJSON *schema, const char *name, const char *type)
{
    for (const struct cJSON *k = json_child(schema); k; k = json_next(k)) {
        if (text_eq(json_get_text(k, "KeyType"), text_from(type))) {
            return text_eq(json_get_text(k, "AttributeName"), text_from(name));
        }
    }
    return name[0] == '\0';
}

static bool has_index(const struct cJSON *table, const char *key)
{
    const struct cJSON *list = json_get(table, "GlobalSecondaryIndexes");
    for (const struct cJSON *i = json_child(list); i; i = json_next(i)) {
        if (has_key(json_get(i, "KeySchema"), key, "HASH")) {
            return true;
        }
    }
    return false;
}

/* The status into m->status. Other keys: REFUSED, the table is somebody else's. An older tool's
 * lacks the index, which the gateway does not need: a note. */
static enum dynamo_result describe(struct making *m, struct tables_outcome *out, struct err *err)
{
    struct cJSON *answer;
    begin(m);
    enum dynamo_result result = call(m, "DescribeTable", &answer, err);
    const struct cJSON *table = json_get(answer, "Table");
    const struct cJSON *schema = json_get(table, "KeySchema");
    text_copy(json_get_text(table, "TableStatus"), m->status, sizeof m->status);
    if (result == DYNAMO_OK &&
        !(has_key(schema, m->row->hash, "HASH") && has_key(schema, m->row->range, "RANGE"))) {
        err_set(err, STATUS_UNAVAILABLE,
                "there is a table of this name with other keys than %s%s%s", m->row->hash,
                m->row->range[0] ? " and " : "", m->row->range);
        result = DYNAMO_REFUSED;
    } else if (result == DYNAMO_OK && m->row->index[0] && !has_index(table, m->row->index)) {
        snprintf(out->note, sizeof out->note, "without the index %s-index", m->row->index);
    }
    json_free(answer);
    return result;
}

/* Reads may lag behind the creation, so a table that is not there is waited for as well. */
static enum dynamo_result await_active(struct making *m, uint32_t wait_ms,
                                       void (*progress)(const char *table, const char *status),
                                       struct tables_outcome *out, struct err *err)
{
    uint32_t pause_ms = POLL_MIN_MS;
    enum dynamo_result result = describe(m, out, err);
    clock_tick();
    uint64_t end_ms = clock_mono_ms() + wait_ms;
    while (result == DYNAMO_NO_TABLE || (result == DYNAMO_OK && strcmp(m->status, "ACTIVE") != 0)) {
        clock_tick();
        if (clock_mono_ms() >= end_ms) {
            err_set(err, STATUS_TIMEOUT, "still %s after %u s",
                    m->status[0] ? m->status : "missing", wait_ms / 1000);
            return DYNAMO_REFUSED;
        }
        if (pause_ms == POLL_MAX_MS) {
            progress(m->name, m->status[0] ? m->status : "not there yet");
        }
        if (!dynamo_pause(m->d, pause_ms)) {
            return DYNAMO_GIVEN_UP;
        }
        pause_ms = 2 * pause_ms < POLL_MAX_MS ? 2 * pause_ms : POLL_MAX_MS;
        result = describe(m, out, err);
    }
    return result;
}

/* --- time to live -------------------------------------------------------------------------- */

/* Asked first: setting what is set already is an error, and so is a second change in an hour. */
static bool ttl_is_on(struct making *m)
{
    struct cJSON *answer;
    struct err err;
    begin(m);
    bool on = false;
    if (call(m, "DescribeTimeToLive", &answer, &err) == DYNAMO_OK) {
        struct str status =
            json_get_text(json_get(answer, "TimeToLiveDescription"), "TimeToLiveStatus");
        on = text_eq(status, STR("ENABLED")) || text_eq(status, STR("ENABLING"));
    }
    json_free(answer);
    return on;
}

/* Rows that are not removed cost money, but serve; so trouble here is a failure only in AWS, whose
 * emulators partly lack the operation. */
static enum dynamo_result set_ttl(struct making *m, struct tables_outcome *out, struct err *err)
{
    struct cJSON *answer;
    if (!m->row->ttl[0] || ttl_is_on(m)) {
        return DYNAMO_OK;
    }
    begin(m);
    JSON_KEY(&m->w, "TimeToLiveSpecification");
    json_object(&m->w);
    JSON_KEY(&m->w, "Enabled");
    json_bool(&m->w, true);
    member(&m->w, "AttributeName", m->row->ttl);
    json_object_end(&m->w);
    enum dynamo_result result = call(m, "UpdateTimeToLive", &answer, err);
    json_free(answer);
    if (result == DYNAMO_UNKNOWN_OP) {
        snprintf(out->note, sizeof out->note,
                 "without time to live: this endpoint does not know UpdateTimeToLive");
        return DYNAMO_OK;
    }
    return result;
}

/* --- all of it ----------------------------------------------------------------------------- */

void tables_make(struct dynamo *d, const struct config *c, size_t i, uint32_t wait_ms,
                 void (*progress)(const char *table, const char *status),
                 struct tables_outcome *out)
{
    struct making m = {.d = d, .row = tables_row(i), .name = tables_name(c, i)};
    struct err err = {.code = STATUS_OK};
    *out = (struct tables_outcome){.done = TABLES_EXISTS};
    buf_init(&m.request, REQUEST_MAX);
    enum dynamo_result result = describe(&m, out, &err);
    if (result == DYNAMO_NO_TABLE) {
        result = create(&m, &err);
        out->done = TABLES_CREATED;
    }
    if (result == DYNAMO_IN_USE) { /* somebody else was faster */
        result = DYNAMO_OK;
        out->done = TABLES_EXISTS;
    }
    if (result == DYNAMO_OK) {
        result = await_active(&m, wait_ms, progress, out, &err);
    }
    if (result == DYNAMO_OK) {
        result = set_ttl(&m, out, &err);
    }
    if (result != DYNAMO_OK) {
        out->done = TABLES_FAILED;
        snprintf(out->note, sizeof out->note, "%s", err.text);
    }
    buf_free(&m.request);
}
