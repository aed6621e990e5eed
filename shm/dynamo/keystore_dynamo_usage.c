/*
 * keystore_dynamo_usage.c - usage rows, attribute for attribute as the earlier gateway writes them
 * and its aggregator reads them.
 *
 * The sort key has 13 digits of milliseconds and may be taken by another request of the key: then
 * another one near it counts. A row says with `usage_id` whose it is, so one that comes again (an
 * answer was lost, the refresher was killed) finds its own place and is written over itself.
 */
#include "shm/dynamo/keystore_dynamo_private.h"

#include <stdio.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/crc32.h"
#include "server/dynamo/dynamo_value.h"

#define PROBES     25u        /* the last within hours */
#define BODIES_MAX (1u << 20) /* of DYNAMO_MANY rows */

/* A table whose keys are not ours is the operator's mistake, and no row's: rows wait for
 * its mend. */
enum status keystore_dynamo_put_status(enum dynamo_result result, const struct err *err)
{
    size_t at;
    if (result == DYNAMO_INVALID && !text_find(text_from(err->text), STR(" key "), &at)) {
        return STATUS_INVALID;
    }
    return keystore_dynamo_status(result);
}

/* --- one row ------------------------------------------------------------------------------- */

static void put_count(struct json_out *w, const char *name, uint64_t n)
{
    dynamo_value_put_i64(w, text_from(name), n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

/* Tokens and their kinds by the names of the older tools; what they do not know has names
 * of ours. */
static void put_counts(struct json_out *w, const struct keystore_usage *u)
{
    put_count(w, "input_tokens", u->tokens.input);
    put_count(w, "output_tokens", u->tokens.output);
    put_count(w, "cached_tokens", u->tokens.cache_read);
    put_count(w, "cache_write_input_tokens", tokens_written(&u->tokens));
    put_count(w, "cache_write_1h_tokens", u->tokens.write_1h);
    put_count(w, "total_tokens", u->tokens.input + u->tokens.output);
    put_count(w, "cost_micro", u->cost_micro);
    put_count(w, "duration_ms", u->duration_ms);
    put_count(w, "status", u->status);
    if (u->expires_s) {
        dynamo_value_put_i64(w, STR("ttl"), u->expires_s);
    }
}

static void put_texts(struct json_out *w, const struct keystore_usage *u)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"usage_id", u->usage_id},
        {"request_id", u->request_id},
        {"model", u->model},
        {"resolved_model", u->bedrock_model},
        {"service_tier", u->service_tier},
        {"error_message", u->error},
        {"cache_ttl", u->tokens.write_5m   ? "5m"
                      : u->tokens.write_1h ? "1h"
                                           : ""},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].value[0]) {
            dynamo_value_put_text(w, text_from(texts[i].name), text_from(texts[i].value));
        }
    }
}

/* The request, without its closing brace. */
static void write_put(struct store *k, struct json_out *w, const struct keystore_usage *u,
                      int64_t ms)
{
    char key[24];
    snprintf(key, sizeof key, "%013lld", (long long)ms);
    keystore_dynamo_begin(k, w, k->usage);
    JSON_KEY(w, "Item");
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), text_from(u->id));
    dynamo_value_put_text(w, STR("timestamp"), text_from(key));
    put_texts(w, u);
    put_counts(w, u);
    dynamo_value_put_bool(w, STR("success"), u->success);
    dynamo_value_put_bool(w, STR("stream"), u->stream);
    json_object_end(w);
    keystore_dynamo_member(
        w, "ConditionExpression",
        "attribute_not_exists(api_key) OR (usage_id = :own AND attribute_not_exists(repriced_at))");
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_text(w, STR(":own"), text_from(u->usage_id));
    json_object_end(w);
}

static enum dynamo_result put_at(struct store *k, const struct keystore_usage *u, int64_t ms,
                                 struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    write_put(k, &w, u, ms);
    enum dynamo_result result = keystore_dynamo_send(k, &w, "PutItem", k->usage, &answer, err);
    json_free(answer);
    return result;
}

/* A row that has got another cost since (keystore_bill.h) is not written over: is this it? */
static enum status stands_at(struct store *k, const struct keystore_usage *u, int64_t ms,
                             bool *yes_out, struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    struct str own;
    char key[24];
    *yes_out = false;
    if (k->certain_rows > KEYSTORE_DYNAMO_USAGE_BATCH) {
        return STATUS_OK;
    }
    snprintf(key, sizeof key, "%013lld", (long long)ms);
    keystore_dynamo_begin(k, &w, k->usage);
    JSON_KEY(&w, "Key");
    json_object(&w);
    dynamo_value_put_text(&w, STR("api_key"), text_from(u->id));
    dynamo_value_put_text(&w, STR("timestamp"), text_from(key));
    json_object_end(&w);
    keystore_dynamo_member(&w, "ProjectionExpression", "usage_id");
    json_raw(&w, STR("\"ConsistentRead\":true"));
    enum status status =
        keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->usage, &answer, err));
    *yes_out = status == STATUS_OK &&
               dynamo_value(json_get(answer, "Item"), "usage_id", &own) == DYNAMO_TYPE_S &&
               text_eq(own, text_from(u->usage_id));
    json_free(answer);
    return status;
}

/* --- some rows at once --------------------------------------------------------------------- */

struct place {
    const struct keystore_usage *row;
    int64_t ms; /* where it stands; 0: nowhere yet */
};

/* Certainly another's: a row of this call stands there. */
static bool is_taken(const struct place *places, size_t n, const struct keystore_usage *u,
                     int64_t ms)
{
    for (size_t i = 0; i < n; i++) {
        if (places[i].ms == ms && strcmp(places[i].row->id, u->id) == 0) {
            return true;
        }
    }
    return false;
}

/* The i-th millisecond to try. The next one is mostly free; where a key has more than a thousand
 * requests a second it is not, nor are those behind it, so the circle doubles each time. */
static int64_t probe(const struct keystore_usage *u, unsigned i)
{
    uint32_t dice = crc32_add(i, u->usage_id, strlen(u->usage_id));
    return u->started_ms + (i < 2 ? i : dice % (1u << i));
}

/* A row always tries the same places in the same order: the first that is free, or its own already.
 * One may be passed over only when it is known that this very row is not there. */
static enum status find_place(struct store *k, struct place *places, size_t n, size_t own,
                              struct err *err)
{
    const struct keystore_usage *u = places[own].row;
    for (unsigned i = 0; i < PROBES; i++) {
        int64_t ms = probe(u, i);
        bool ours;
        if (is_taken(places, n, u, ms)) {
            continue;
        }
        /* the first was asked with all others */
        enum dynamo_result result = i == 0 ? DYNAMO_CONDITION : put_at(k, u, ms, err);
        if (result == DYNAMO_OK) {
            places[own].ms = ms;
        }
        if (result != DYNAMO_CONDITION) {
            return keystore_dynamo_put_status(result, err);
        }
        enum status status = stands_at(k, u, ms, &ours, err);
        if (status != STATUS_OK || ours) {
            places[own].ms = ours ? ms : 0;
            return status;
        }
    }
    return err_set(err, STATUS_UNAVAILABLE, "table %s: no free timestamp for a row", k->usage);
}

/* Each to its own millisecond. False: no memory. */
static bool put_together(struct store *k, const struct keystore_usage *rows, size_t n,
                         enum dynamo_result results[DYNAMO_MANY], struct err errs[DYNAMO_MANY])
{
    struct arena *arena = arena_new(BODIES_MAX);
    struct str bodies[DYNAMO_MANY];
    bool ok = arena != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        struct json_out w;
        write_put(k, &w, &rows[i], rows[i].started_ms);
        json_object_end(&w);
        bodies[i] = arena_dup(arena, buf_str(&k->request));
        ok = buf_ok(&k->request) && bodies[i].p;
        text_wipe(buf_data(&k->request), buf_len(&k->request)); /* it may hold a clear key */
    }
    if (ok) {
        dynamo_call_many(k->dynamo, "PutItem", bodies, n, results, errs);
    }
    arena_drop(arena);
    return ok;
}

/* n: DYNAMO_MANY at the most. */
static enum status put_some(struct store *k, const struct keystore_usage *rows, size_t n,
                            struct err *err)
{
    struct place places[DYNAMO_MANY];
    enum dynamo_result results[DYNAMO_MANY];
    struct err errs[DYNAMO_MANY];
    enum status status = STATUS_OK;
    if (!put_together(k, rows, n, results, errs)) {
        return err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        places[i] = (struct place){&rows[i], results[i] == DYNAMO_OK ? rows[i].started_ms : 0};
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        if (results[i] == DYNAMO_CONDITION) {
            status = find_place(k, places, n, i, err);
        } else if (results[i] != DYNAMO_OK) {
            *err = errs[i];
            keystore_dynamo_reword(results[i], k->usage, err);
            status = keystore_dynamo_put_status(results[i], err);
        }
    }
    return status;
}

/* --- a batch ------------------------------------------------------------------------------- */

/* Is row i the first of its budget in this call? */
static bool opens_budget(const struct keystore_usage *rows, size_t i)
{
    if (!rows[i].is_key || rows[i].cost_micro == 0) {
        return false;
    }
    for (size_t j = 0; j < i; j++) {
        if (keystore_dynamo_same_budget(&rows[j], &rows[i])) {
            return false;
        }
    }
    return true;
}

/* Rows first: a budget then never holds a cost that no row explains. */
enum status keystore_dynamo_put_usage(struct keystore *base, const struct keystore_usage *rows,
                                      size_t n, struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n && status == STATUS_OK; i += DYNAMO_MANY) {
        size_t some = n - i < DYNAMO_MANY ? n - i : DYNAMO_MANY;
        status = put_some(k, rows + i, some, err);
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        if (opens_budget(rows, i)) {
            status = keystore_dynamo_add_cost(k, rows + i, n - i, err);
        }
    }
    k->certain_rows = status != STATUS_OK ? 0
                      : k->certain_rows > KEYSTORE_DYNAMO_USAGE_BATCH
                          ? k->certain_rows
                          : k->certain_rows + (uint32_t)n;
    return status;
}

/* --- sums ---------------------------------------------------------------------------------- */

struct sums {
    enum keystore_group group;
    char from[24], to[24];
    struct keystore_usage_sum *list; /* sorted by group */
    size_t count, room;
    bool out_of_memory;
};

static uint64_t count_of(const struct cJSON *item, const char *name)
{
    struct str s;
    int64_t n = 0;
    bool ok = dynamo_value(item, name, &s) == DYNAMO_TYPE_N &&
              dynamo_value_number(s, 0, &n, NULL) && n > 0;
    return ok ? (uint64_t)n : 0;
}

static void name_group(const struct sums *s, const struct cJSON *item, char *out, size_t size)
{
    struct str text;
    uint64_t ms;
    char time[25];
    switch (s->group) {
    case KEYSTORE_BY_KEY:
        dynamo_value(item, "api_key", &text);
        break;
    case KEYSTORE_BY_MODEL:
        dynamo_value(item, "model", &text);
        break;
    case KEYSTORE_BY_DAY:
        dynamo_value(item, "timestamp", &text);
        clock_rfc3339(text_u64(text, &ms) && ms < INT64_MAX ? (int64_t)ms : 0, time);
        text = (struct str){time, 10};
        break;
    }
    text_copy(text, out, size);
}

static bool make_room(struct sums *s)
{
    if (s->count < s->room) {
        return true;
    }
    size_t room = s->room ? 2 * s->room : 64;
    struct keystore_usage_sum *list = heap_new(room * sizeof *list);
    if (!list) {
        s->out_of_memory = true;
        return false;
    }
    if (s->list) {
        memcpy(list, s->list, s->count * sizeof *list);
        heap_drop(s->list);
    }
    s->list = list;
    s->room = room;
    return true;
}

/* The group's sum, made where its name belongs; NULL: no memory. */
static struct keystore_usage_sum *find_sum(struct sums *s, const char *group)
{
    size_t from = 0, to = s->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        int order = strcmp(group, s->list[middle].group);
        if (order == 0) {
            return &s->list[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    if (!make_room(s)) {
        return NULL;
    }
    struct keystore_usage_sum *sum = &s->list[from];
    memmove(sum + 1, sum, (s->count - from) * sizeof *sum);
    *sum = (struct keystore_usage_sum){0};
    text_copy(text_from(group), sum->group, sizeof sum->group);
    s->count++;
    return sum;
}

static bool sums_item(void *ctx, const struct cJSON *item)
{
    struct sums *s = ctx;
    char group[KEYSTORE_ID_MAX + 1];
    struct str success;
    name_group(s, item, group, sizeof group);
    struct keystore_usage_sum *sum = find_sum(s, group);
    if (!sum) {
        return false;
    }
    bool ok = dynamo_value(item, "success", &success) != DYNAMO_TYPE_BOOL ||
              text_eq(success, STR("true"));
    sum->requests++;
    sum->failed += !ok;
    sum->tokens.input += count_of(item, "input_tokens");
    sum->tokens.output += count_of(item, "output_tokens");
    sum->tokens.cache_read += count_of(item, "cached_tokens");
    uint64_t written = count_of(item, "cache_write_input_tokens");
    uint64_t hour = count_of(item, "cache_write_1h_tokens");
    hour = hour < written ? hour : written;
    sum->tokens.write_5m += written - hour;
    sum->tokens.write_1h += hour;
    sum->cost_micro += count_of(item, "cost_micro");
    return true;
}

static void sums_projection(struct json_out *w)
{
    keystore_dynamo_member(w, "ProjectionExpression",
                           "api_key,#t,model,success,input_tokens,output_tokens,cached_tokens,"
                           "cache_write_input_tokens,cache_write_1h_tokens,cost_micro");
    json_raw(w, STR("\"ExpressionAttributeNames\":{\"#t\":\"timestamp\"}"));
}

/* Sort keys of 13 digits compare as numbers do. */
static void sums_filter(void *ctx, struct json_out *w)
{
    const struct sums *s = ctx;
    keystore_dynamo_member(w, "FilterExpression", "#t >= :from AND #t < :to");
    JSON_KEY(w, "ExpressionAttributeValues");
    json_object(w);
    dynamo_value_put_text(w, STR(":from"), text_from(s->from));
    dynamo_value_put_text(w, STR(":to"), text_from(s->to));
    json_object_end(w);
}

enum status keystore_dynamo_usage(struct keystore *base, enum keystore_group group, int64_t from_ms,
                                  int64_t to_ms,
                                  bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                  void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct sums s = {.group = group};
    struct keystore_dynamo_walk walk = {.table = k->usage,
                                        .hash = "api_key",
                                        .range = "timestamp",
                                        .project = sums_projection,
                                        .filter = sums_filter,
                                        .item = sums_item,
                                        .ctx = &s};
    snprintf(s.from, sizeof s.from, "%013lld", (long long)(from_ms > 0 ? from_ms : 0));
    snprintf(s.to, sizeof s.to, "%013lld", (long long)(to_ms > 0 ? to_ms : 0));
    enum status status = keystore_dynamo_walk(k, &walk, err);
    if (status == STATUS_OK && s.out_of_memory) {
        status = err_set(err, STATUS_UNAVAILABLE, "out of memory");
    }
    for (size_t i = 0; i < s.count && status == STATUS_OK && fn(ctx, &s.list[i]); i++) {
    }
    if (s.list) {
        text_wipe(s.list, s.count * sizeof *s.list); /* ids of clear keys */
        heap_drop(s.list);
    }
    return status;
}
