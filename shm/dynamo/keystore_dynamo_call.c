#include "shm/dynamo/keystore_dynamo_private.h"

#include <string.h>

#include "server/dynamo/dynamo_value.h"

#define PAGE_KEY_MAX 2049u /* bytes of a partition key in DynamoDB, and NUL */
#define SORT_KEY_MAX 1025u

/* --- calls --------------------------------------------------------------------------------- */

void keystore_dynamo_begin(struct store *k, struct json_out *w, const char *table)
{
    buf_clear(&k->request);
    json_begin(w, &k->request);
    json_object(w);
    JSON_KEY(w, "TableName");
    json_str(w, text_from(table));
}

void keystore_dynamo_member(struct json_out *w, const char *name, const char *value)
{
    json_key(w, text_from(name));
    json_str(w, text_from(value));
}

/* Ends the request object and calls. */
enum dynamo_result keystore_dynamo_send(struct store *k, struct json_out *w, const char *operation,
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
    keystore_dynamo_reword(result, table, err);
    return result;
}

void keystore_dynamo_reword(enum dynamo_result result, const char *table, struct err *err)
{
    if (result == DYNAMO_NO_TABLE) {
        err_set(err, STATUS_UNAVAILABLE, "table %s does not exist: run setup_tables", table);
    }
}

enum status keystore_dynamo_status(enum dynamo_result result)
{
    return result == DYNAMO_OK ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* --- pages --------------------------------------------------------------------------------- */

/* A store that gives a page key a second time would keep us here for ever. One key is remembered,
 * and replaced after 1, 2, 4, 8... pages, so that a circle of any length is noticed (Brent). */
struct page_key {
    char hash[PAGE_KEY_MAX], range[SORT_KEY_MAX];
};

struct pages {
    struct page_key from; /* where the next page begins; "": the first */
    struct page_key remembered;
    uint64_t since, limit;
};

static bool read_page_key(const struct keystore_dynamo_walk *walk, const struct cJSON *last,
                          struct page_key *out)
{
    struct str hash, range = STR("");
    if (dynamo_value(last, walk->hash, &hash) != DYNAMO_TYPE_S || hash.n == 0 ||
        (walk->range && dynamo_value(last, walk->range, &range) != DYNAMO_TYPE_S)) {
        return false;
    }
    text_copy(hash, out->hash, sizeof out->hash);
    text_copy(range, out->range, sizeof out->range);
    return hash.n < sizeof out->hash && range.n < sizeof out->range;
}

static bool is_same_key(const struct page_key *a, const struct page_key *b)
{
    return strcmp(a->hash, b->hash) == 0 && strcmp(a->range, b->range) == 0;
}

static enum status next_page(struct pages *p, const struct cJSON *answer,
                             const struct keystore_dynamo_walk *walk, bool *more_out,
                             struct err *err)
{
    const struct cJSON *last = json_get(answer, "LastEvaluatedKey");
    *more_out = last != NULL && !json_is_null(last);
    if (!*more_out) {
        return STATUS_OK;
    }
    if (!read_page_key(walk, last, &p->from)) {
        return err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: a page key without %s", walk->hash);
    }
    if (is_same_key(&p->from, &p->remembered)) {
        return err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: a page key came twice");
    }
    if (++p->since >= p->limit) {
        p->remembered = p->from;
        p->since = 0;
        p->limit = p->limit ? 2 * p->limit : 1;
    }
    return STATUS_OK;
}

static void put_page_key(struct json_out *w, const struct keystore_dynamo_walk *walk,
                         const struct page_key *from)
{
    JSON_KEY(w, "ExclusiveStartKey");
    json_object(w);
    dynamo_value_put_text(w, text_from(walk->hash), text_from(from->hash));
    if (walk->range) {
        dynamo_value_put_text(w, text_from(walk->range), text_from(from->range));
    }
    json_object_end(w);
}

static enum status walk_page(struct store *k, const struct keystore_dynamo_walk *walk,
                             struct pages *p, bool *more_out, struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    keystore_dynamo_begin(k, &w, walk->table);
    /* An eventually consistent read may miss the write whose version was just seen. */
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    walk->project(&w);
    if (walk->filter) {
        walk->filter(walk->ctx, &w);
    }
    if (p->from.hash[0]) {
        put_page_key(&w, walk, &p->from);
    }
    enum dynamo_result result = keystore_dynamo_send(k, &w, "Scan", walk->table, &answer, err);
    enum status status = keystore_dynamo_status(result);
    *more_out = false;
    if (result == DYNAMO_NO_TABLE && walk->optional) {
        json_free(answer);
        return STATUS_OK;
    }
    const struct cJSON *items = json_get(answer, "Items");
    if (status == STATUS_OK && !json_is_array(items)) {
        status = err_set(err, STATUS_UNAVAILABLE, "DynamoDB Scan: an answer without Items");
    }
    bool on = true;
    for (const struct cJSON *i = json_child(items); i && on; i = json_next(i)) {
        on = walk->item(walk->ctx, i);
    }
    if (status == STATUS_OK && on) {
        status = next_page(p, answer, walk, more_out, err);
    }
    json_free(answer);
    return status;
}

enum status keystore_dynamo_walk(struct store *k, const struct keystore_dynamo_walk *walk,
                                 struct err *err)
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
