#include "tests/mock/dynamo_mock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/json/json.h"
#include "tests/mock/dynamo_tables.h"

#define PAGE_BYTES ((size_t)1 << 20) /* AWS ends a page here */
#define NAMES_MAX  64

#define GET(c, literal)  SCAN_GET(&(c)->scan, 0, literal)
#define TEXT(c, literal) scan_text(&(c)->scan, GET(c, literal))

/* --- answers ------------------------------------------------------------------------------- */

void dynamo_refuse(struct dynamo_call *c, int status, const char *type, const char *fmt, ...)
{
    char text[400];
    struct json_out w;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(c->result, sizeof c->result, "%s", type);
    c->answer->status = status;
    buf_clear(&c->answer->body);
    BUF_LIT(&c->answer->body, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#");
    buf_printf(&c->answer->body, "%s\",\"message\":", type);
    json_begin(&w, &c->answer->body);
    json_str(&w, text_from(text));
    BUF_LIT(&c->answer->body, "}");
}

static void invalid(struct dynamo_call *c, const char *text)
{
    dynamo_refuse(c, 400, "ValidationException", "%s", text);
}

static bool no_table(struct dynamo_call *c)
{
    if (!c->table)
        dynamo_refuse(c, 400, "ResourceNotFoundException", "Requested resource not found: %.*s",
                      STR_ARG(c->table_name));
    return !c->table;
}

static void put_item(struct json_out *w, const struct item *i, const struct str *names, size_t n)
{
    json_object(w);
    for (size_t k = 0; k < i->n; k++) {
        bool wanted = n == 0;
        for (size_t j = 0; j < n; j++)
            wanted = wanted || text_eq(names[j], text_from(i->attr[k].name));
        if (wanted) {
            json_key(w, text_from(i->attr[k].name));
            json_raw(w, text_from(i->attr[k].raw));
        }
    }
    json_object_end(w);
}

/* --- what a request holds ------------------------------------------------------------------ */

/* An item or key of the request; false: refused. */
static bool read_item(struct dynamo_call *c, scan_ref object, struct item *out)
{
    struct value v;
    for (scan_ref r = scan_first(&c->scan, object); r != SCAN_ABSENT;
         r = scan_next(&c->scan, object, r)) {
        struct str raw = scan_raw(&c->scan, r);
        if (!value_read(raw, c->arena, &v)) {
            dynamo_refuse(c, 400, "SerializationException", "a value has no type of DynamoDB");
            return false;
        }
        item_set(out, scan_text(&c->scan, scan_key(&c->scan, r)), raw);
    }
    return true;
}

static bool good_key_part(struct dynamo_call *c, const struct item *i, const char *name)
{
    struct value v;
    return value_read(item_get(i, text_from(name)), c->arena, &v) && v.type[0] == 'S' &&
           v.text.n > 0;
}

/* only: nothing but the key may be there. */
static bool check_key(struct dynamo_call *c, const struct item *i, bool only)
{
    bool ok = good_key_part(c, i, c->table->hash) &&
              (!c->table->range[0] || good_key_part(c, i, c->table->range)) &&
              (!only || i->n == (c->table->range[0] ? 2u : 1u));
    if (!ok)
        invalid(c, "The provided key element does not match the schema");
    return ok;
}

static bool expressions_ok(struct dynamo_call *c, struct expr *e)
{
    expr_end(e);
    if (e->why[0])
        invalid(c, e->why);
    return !e->why[0];
}

/* --- items --------------------------------------------------------------------------------- */

static void get_item(struct dynamo_call *c)
{
    struct item key = {.attr = NULL};
    struct str names[NAMES_MAX];
    struct expr e;
    expr_begin(&e, &c->scan, c->arena);
    size_t n = expr_projection(&e, TEXT(c, "ProjectionExpression"), names, NAMES_MAX);
    if (read_item(c, GET(c, "Key"), &key) && check_key(c, &key, true) && expressions_ok(c, &e)) {
        struct item *found = table_find(c->table, &key, c->arena);
        struct json_out w;
        json_begin(&w, &c->answer->body);
        json_object(&w);
        if (found) {
            JSON_KEY(&w, "Item");
            put_item(&w, found, names, n);
        }
        json_object_end(&w);
    }
    item_free(&key);
}

static bool condition_holds(struct dynamo_call *c, struct expr *e, const struct item *item)
{
    if (expr_condition(e, TEXT(c, "ConditionExpression"), item))
        return true;
    if (e->why[0])
        invalid(c, e->why);
    else
        dynamo_refuse(c, 400, "ConditionalCheckFailedException", "The conditional request failed");
    return false;
}

static void put_whole(struct dynamo_call *c)
{
    static const struct item none;
    struct item item = {.attr = NULL};
    struct expr e;
    expr_begin(&e, &c->scan, c->arena);
    if (read_item(c, GET(c, "Item"), &item) && check_key(c, &item, false)) {
        struct item *found = table_find(c->table, &item, c->arena);
        if (condition_holds(c, &e, found ? found : &none) && expressions_ok(c, &e)) {
            if (!c->dry)
                table_put(c->table, &item, c->arena);
            BUF_LIT(&c->answer->body, "{}");
        }
    }
    item_free(&item);
}

static void put_returned(struct dynamo_call *c, const struct item *now)
{
    struct json_out w;
    json_begin(&w, &c->answer->body);
    json_object(&w);
    if (text_starts(TEXT(c, "ReturnValues"), STR("ALL_NEW")) ||
        text_starts(TEXT(c, "ReturnValues"), STR("UPDATED_NEW"))) {
        JSON_KEY(&w, "Attributes");
        put_item(&w, now, NULL, 0);
    }
    json_object_end(&w);
}

static void update_item(struct dynamo_call *c)
{
    static const struct item none;
    struct item key = {.attr = NULL}, next = {.attr = NULL};
    struct expr e;
    expr_begin(&e, &c->scan, c->arena);
    if (read_item(c, GET(c, "Key"), &key) && check_key(c, &key, true)) {
        struct item *found = table_find(c->table, &key, c->arena);
        item_copy(found ? found : &key, &next);
        expr_update(&e, TEXT(c, "UpdateExpression"), c->table, &next);
        if (condition_holds(c, &e, found ? found : &none) && expressions_ok(c, &e)) {
            put_returned(c, c->dry ? &next : table_put(c->table, &next, c->arena));
        }
    }
    item_free(&next);
    item_free(&key);
}

static void delete_item(struct dynamo_call *c)
{
    static const struct item none;
    struct item key = {.attr = NULL};
    struct expr e;
    expr_begin(&e, &c->scan, c->arena);
    if (read_item(c, GET(c, "Key"), &key) && check_key(c, &key, true)) {
        struct item *found = table_find(c->table, &key, c->arena);
        if (condition_holds(c, &e, found ? found : &none) && expressions_ok(c, &e)) {
            if (found)
                table_remove(c->table, found);
            BUF_LIT(&c->answer->body, "{}");
        }
    }
    item_free(&key);
}

/* --- pages --------------------------------------------------------------------------------- */

struct page {
    const struct item **item; /* candidates in order */
    size_t n;
    struct str names[NAMES_MAX];
    size_t names_n;
};

static void put_page_key(struct dynamo_call *c, struct json_out *w, const struct item *last)
{
    struct str names[2] = {text_from(c->table->hash), text_from(c->table->range)};
    JSON_KEY(w, "LastEvaluatedKey");
    put_item(w, last, names, c->table->range[0] ? 2 : 1);
}

static size_t start_of(struct dynamo_call *c, const struct page *p)
{
    struct item key = {.attr = NULL};
    size_t at = 0;
    if (GET(c, "ExclusiveStartKey") == SCAN_ABSENT || c->repeat_key ||
        !read_item(c, GET(c, "ExclusiveStartKey"), &key)) {
        item_free(&key);
        return 0;
    }
    const struct item *from = table_find(c->table, &key, c->arena);
    while (at < p->n && p->item[at] != from)
        at++;
    item_free(&key);
    return at + 1; /* past the end when that item is gone */
}

static void put_page(struct dynamo_call *c, const struct page *p)
{
    struct json_out w;
    int64_t limit = INT64_MAX;
    size_t bytes = 0, at = start_of(c, p);
    uint32_t seen = 0, count = 0;
    scan_i64(&c->scan, GET(c, "Limit"), &limit);
    json_begin(&w, &c->answer->body);
    json_object(&w);
    JSON_KEY(&w, "Items");
    json_array(&w);
    const struct item *last = NULL;
    while (at < p->n && seen < limit && bytes < PAGE_BYTES) {
        struct expr e;
        last = p->item[at++];
        seen++;
        bytes += item_size(last);
        expr_begin(&e, &c->scan, c->arena);
        if (expr_condition(&e, TEXT(c, "FilterExpression"), last)) {
            put_item(&w, last, p->names, p->names_n);
            count++;
        }
    }
    json_array_end(&w);
    JSON_KEY(&w, "Count");
    json_i64(&w, count);
    JSON_KEY(&w, "ScannedCount");
    json_i64(&w, seen);
    if (last && (at < p->n || c->repeat_key))
        put_page_key(c, &w, c->repeat_key ? p->item[0] : last);
    json_object_end(&w);
}

/* The expressions are read once with no item, so that a wrong one is refused on an empty table. */
static bool page_ok(struct dynamo_call *c, struct page *p, const char *condition)
{
    static const struct item none;
    struct expr e;
    expr_begin(&e, &c->scan, c->arena);
    p->names_n = expr_projection(&e, TEXT(c, "ProjectionExpression"), p->names, NAMES_MAX);
    expr_condition(&e, TEXT(c, "FilterExpression"), &none);
    if (condition)
        expr_condition(&e, TEXT(c, "KeyConditionExpression"), &none);
    return expressions_ok(c, &e);
}

static void scan_table(struct dynamo_call *c)
{
    struct page p = {.item = arena_alloc(c->arena, (c->table->n + 1) * sizeof *p.item)};
    for (size_t i = 0; i < c->table->n; i++)
        p.item[p.n++] = &c->table->item[i];
    if (page_ok(c, &p, NULL))
        put_page(c, &p);
}

static struct dynamo_call *sorting; /* qsort has no context; there is one thread */

static int by_range(const void *a, const void *b)
{
    struct value x, y;
    struct str range = text_from(sorting->table->range);
    value_read(item_get(*(const struct item *const *)a, range), sorting->arena, &x);
    value_read(item_get(*(const struct item *const *)b, range), sorting->arena, &y);
    return value_order(&x, &y);
}

static void query(struct dynamo_call *c)
{
    struct page p = {.item = arena_alloc(c->arena, (c->table->n + 1) * sizeof *p.item)};
    bool forward = true;
    if (!TEXT(c, "KeyConditionExpression").n) {
        invalid(c,
                "Either the KeyConditions or KeyConditionExpression parameter must be specified");
        return;
    }
    if (!page_ok(c, &p, "KeyConditionExpression"))
        return;
    for (size_t i = 0; i < c->table->n; i++) {
        struct expr e;
        expr_begin(&e, &c->scan, c->arena);
        if (expr_condition(&e, TEXT(c, "KeyConditionExpression"), &c->table->item[i]))
            p.item[p.n++] = &c->table->item[i];
    }
    sorting = c;
    if (c->table->range[0])
        qsort(p.item, p.n, sizeof *p.item, by_range);
    scan_bool(&c->scan, GET(c, "ScanIndexForward"), &forward);
    for (size_t i = 0; !forward && i < p.n / 2; i++) {
        const struct item *swap = p.item[i];
        p.item[i] = p.item[p.n - 1 - i];
        p.item[p.n - 1 - i] = swap;
    }
    put_page(c, &p);
}

/* --- which --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct dynamo_call *c);
    bool needs_table;
} operations[] = {
    {"GetItem", get_item, true},
    {"PutItem", put_whole, true},
    {"UpdateItem", update_item, true},
    {"DeleteItem", delete_item, true},
    {"TransactWriteItems", dynamo_transact, false},
    {"Query", query, true},
    {"Scan", scan_table, true},
    {"CreateTable", dynamo_tables_create, false},
    {"DescribeTable", dynamo_tables_describe, true},
    {"ListTables", dynamo_tables_list, false},
    {"DescribeTimeToLive", dynamo_tables_describe_ttl, true},
    {"UpdateTimeToLive", dynamo_tables_update_ttl, true},
};

bool dynamo_operation(struct dynamo_call *c, struct str op)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (!text_eq(op, text_from(operations[i].name)))
            continue;
        if (!operations[i].needs_table || !no_table(c))
            operations[i].run(c);
        return true;
    }
    return false;
}
