#include "shm/dynamo/keystore_dynamo_row.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/dynamo/dynamo_value.h"

/* What an attribute is in struct keystore_row. A TEXT that does not fit makes the row unreadable, a
 * LABEL is cut. TIME is N in epoch seconds, or S in RFC 3339 as one of the older tools writes it;
 * of a DATE nothing depends on, so whatever else stands there counts as unknown. MONEY is US
 * dollars; SPENT the same, but written also when it is 0. */
#define COLUMNS(TEXT, LABEL, INT, BOOL, MONEY, SPENT, TIME, DATE) \
    TEXT(api_key, id)                                             \
    LABEL(user_id, user_id)                                       \
    LABEL(name, name)                                             \
    LABEL(key_prefix, prefix)                                     \
    DATE(created_at, created_s)                                   \
    DATE(updated_at, updated_s)                                   \
    BOOL(is_active, active)                                       \
    INT(rate_limit, rate_limit)                                   \
    INT(tpm_limit, tpm_limit)                                     \
    INT(max_concurrency, max_concurrency)                         \
    MONEY(monthly_budget, budget_micro)                           \
    TEXT(budget_mode, budget_mode)                                \
    SPENT(budget_used_mtd, budget_used_micro)                     \
    TEXT(budget_mtd_month, budget_month)                          \
    INT(budget_reset_at, budget_reset_ms)                         \
    TIME(expires_at, expires_s)                                   \
    TEXT(service_tier, service_tier)                              \
    TEXT(cache_ttl, cache_ttl)                                    \
    TEXT(allowed_models, models)                                  \
    TEXT(guardrail, guardrail)                                    \
    TEXT(project, project)                                        \
    LABEL(deactivated_reason, deactivated_reason)

static const char *const names[] = {
#define NAME(column, field) #column,
    COLUMNS(NAME, NAME, NAME, NAME, NAME, NAME, NAME, NAME)
#undef NAME
};

/* --- reading ------------------------------------------------------------------------------- */

static bool read_text(const struct cJSON *item, const char *name, char *out, size_t size)
{
    struct str s;
    enum dynamo_type type = dynamo_value(item, name, &s);
    text_copy(s, out, size);
    return type == DYNAMO_TYPE_ABSENT || (type == DYNAMO_TYPE_S && s.n < size);
}

static bool read_label(const struct cJSON *item, const char *name, char *out, size_t size)
{
    struct str s;
    size_t n = 0, step;
    enum dynamo_type type = dynamo_value(item, name, &s);
    while (n < s.n && (step = text_utf8_step(text_sub(s, n, s.n))) != 0 && n + step < size) {
        n += step;
    }
    text_copy(text_sub(s, 0, n), out, size);
    return type == DYNAMO_TYPE_ABSENT || type == DYNAMO_TYPE_S;
}

static bool read_int(const struct cJSON *item, const char *name, int64_t *out)
{
    struct str s;
    bool exact = false;
    enum dynamo_type type = dynamo_value(item, name, &s);
    *out = 0;
    return type == DYNAMO_TYPE_ABSENT ||
           (type == DYNAMO_TYPE_N && dynamo_value_number(s, 0, out, &exact) && exact);
}

/* Missing counts as inactive, as in the older tools. */
static bool read_bool(const struct cJSON *item, const char *name, bool *out)
{
    struct str s;
    enum dynamo_type type = dynamo_value(item, name, &s);
    *out = type == DYNAMO_TYPE_BOOL && text_eq(s, STR("true"));
    return type == DYNAMO_TYPE_ABSENT || type == DYNAMO_TYPE_BOOL;
}

static bool read_money(const struct cJSON *item, const char *name, int64_t *out)
{
    struct str s;
    enum dynamo_type type = dynamo_value(item, name, &s);
    *out = 0;
    return type == DYNAMO_TYPE_ABSENT ||
           (type == DYNAMO_TYPE_N && dynamo_value_number(s, 6, out, NULL));
}

static bool read_time(const struct cJSON *item, const char *name, int64_t *out)
{
    struct str s;
    int64_t ms = 0;
    enum dynamo_type type = dynamo_value(item, name, &s);
    *out = 0;
    if (type == DYNAMO_TYPE_S && clock_parse_rfc3339(s, &ms)) {
        *out = ms / 1000;
        return true;
    }
    return type == DYNAMO_TYPE_ABSENT ||
           (type == DYNAMO_TYPE_N && dynamo_value_number(s, 0, out, NULL));
}

void keystore_dynamo_row_read(const struct cJSON *item, struct keystore_row *out)
{
    *out = (struct keystore_row){0};
#define CHECK(column, ok)          \
    if (!(ok)) {                   \
        out->unreadable = #column; \
    }
#define READ_TEXT(column, field) \
    CHECK(column, read_text(item, #column, out->field, sizeof out->field))
#define READ_LABEL(column, field) \
    CHECK(column, read_label(item, #column, out->field, sizeof out->field))
#define READ_INT(column, field)   CHECK(column, read_int(item, #column, &out->field))
#define READ_BOOL(column, field)  CHECK(column, read_bool(item, #column, &out->field))
#define READ_MONEY(column, field) CHECK(column, read_money(item, #column, &out->field))
#define READ_TIME(column, field)  CHECK(column, read_time(item, #column, &out->field))
#define READ_DATE(column, field)                  \
    if (!read_time(item, #column, &out->field)) { \
        out->field = 0;                           \
    }
    COLUMNS(READ_TEXT, READ_LABEL, READ_INT, READ_BOOL, READ_MONEY, READ_MONEY, READ_TIME,
            READ_DATE)
}

void keystore_dynamo_row_projection(struct json_out *w)
{
    char text[8 * COUNT_OF(names)];
    size_t n = 0;
    JSON_KEY(w, "ExpressionAttributeNames");
    json_object(w);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char mark[8];
        snprintf(mark, sizeof mark, "#%zu", i);
        json_key(w, text_from(mark));
        json_str(w, text_from(names[i]));
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "," : "", mark);
    }
    json_object_end(w);
    JSON_KEY(w, "ProjectionExpression");
    json_str(w, (struct str){text, n});
}

/* --- writing ------------------------------------------------------------------------------- */

static void put_text(struct json_out *w, const char *name, const char *value)
{
    if (value[0]) {
        dynamo_value_put_text(w, text_from(name), text_from(value));
    }
}

static void put_i64(struct json_out *w, const char *name, int64_t value)
{
    if (value) {
        dynamo_value_put_i64(w, text_from(name), value);
    }
}

static void put_money(struct json_out *w, const char *name, int64_t micro)
{
    if (micro) {
        dynamo_value_put_micro(w, text_from(name), micro);
    }
}

/* What is empty or zero is left out: it means "none" or "the default" to every reader. The last
 * four are what the older tools add to each key. */
void keystore_dynamo_row_write(struct json_out *w, const struct keystore_row *row)
{
#define WRITE_TEXT(column, field)  put_text(w, #column, row->field);
#define WRITE_INT(column, field)   put_i64(w, #column, row->field);
#define WRITE_BOOL(column, field)  dynamo_value_put_bool(w, STR(#column), row->field);
#define WRITE_MONEY(column, field) put_money(w, #column, row->field);
#define WRITE_SPENT(column, field) dynamo_value_put_micro(w, STR(#column), row->field);
    COLUMNS(WRITE_TEXT, WRITE_TEXT, WRITE_INT, WRITE_BOOL, WRITE_MONEY, WRITE_SPENT, WRITE_INT,
            WRITE_INT)
    put_text(w, "owner_name", row->user_id);
    put_text(w, "role", "Full Access");
    dynamo_value_put_i64(w, STR("budget_used"), 0);
}
