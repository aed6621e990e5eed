#include "tests/mock/dynamo_tables.h"

#include "server/base/clock.h"
#include "server/json/json.h"

#define GET(c, literal)  SCAN_GET(&(c)->scan, 0, literal)
#define TEXT(c, literal) scan_text(&(c)->scan, GET(c, literal))

static void put_schema(struct json_out *w, const char *hash, const char *range)
{
    JSON_KEY(w, "KeySchema");
    json_array(w);
    json_raw(w, STR("{\"KeyType\":\"HASH\",\"AttributeName\":"));
    w->comma = false;
    json_str(w, text_from(hash));
    buf_put_char(w->b, '}');
    if (range[0]) {
        json_raw(w, STR("{\"KeyType\":\"RANGE\",\"AttributeName\":"));
        w->comma = false;
        json_str(w, text_from(range));
        buf_put_char(w->b, '}');
    }
    json_array_end(w);
}

static void put_table(struct dynamo_call *c, const char *member)
{
    const struct table *t = c->table;
    struct json_out w;
    json_begin(&w, &c->answer->body);
    json_object(&w);
    json_key(&w, text_from(member));
    json_object(&w);
    JSON_KEY(&w, "TableName");
    json_str(&w, text_from(t->name));
    JSON_KEY(&w, "TableStatus");
    json_str(&w, clock_mono_ms() < t->active_ms ? STR("CREATING") : STR("ACTIVE"));
    put_schema(&w, t->hash, t->range);
    if (t->index[0]) {
        JSON_KEY(&w, "GlobalSecondaryIndexes");
        json_array(&w);
        json_object(&w);
        JSON_KEY(&w, "IndexName");
        json_str(&w, text_from(t->index));
        put_schema(&w, t->index_hash, "");
        json_object_end(&w);
        json_array_end(&w);
    }
    json_object_end(&w);
    json_object_end(&w);
}

static void read_schema(const struct scan *s, scan_ref owner, char hash[256], char range[256])
{
    scan_ref schema = SCAN_GET(s, owner, "KeySchema");
    for (scan_ref r = scan_first(s, schema); r != SCAN_ABSENT; r = scan_next(s, schema, r)) {
        bool is_hash = SCAN_IS(s, SCAN_GET(s, r, "KeyType"), "HASH");
        text_copy(scan_text(s, SCAN_GET(s, r, "AttributeName")), is_hash ? hash : range, 256);
    }
}

static bool is_defined(const struct dynamo_call *c, const char *name)
{
    scan_ref list = GET(c, "AttributeDefinitions");
    for (scan_ref r = scan_first(&c->scan, list); r != SCAN_ABSENT;
         r = scan_next(&c->scan, list, r))
        if (scan_text_is(&c->scan, SCAN_GET(&c->scan, r, "AttributeName"), text_from(name)))
            return SCAN_IS(&c->scan, SCAN_GET(&c->scan, r, "AttributeType"), "S");
    return false;
}

/* AWS wants exactly the key attributes defined: one too many is refused as well. */
static bool definitions_ok(const struct dynamo_call *c, const struct table *t)
{
    const char *const names[] = {t->hash, t->range, t->index_hash};
    uint32_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < 3; i++) {
        n += names[i][0] != '\0';
        ok = ok && (!names[i][0] || is_defined(c, names[i]));
    }
    return ok && scan_size(&c->scan, GET(c, "AttributeDefinitions")) == n;
}

static bool table_name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
              (s.p[i] >= '0' && s.p[i] <= '9') || strchr("_.-", s.p[i])))
            return false;
    return s.n >= 3 && s.n <= 255;
}

void dynamo_tables_create(struct dynamo_call *c)
{
    struct table t = {.name = ""};
    char unused[256];
    scan_ref index = scan_first(&c->scan, GET(c, "GlobalSecondaryIndexes"));
    if (c->table) {
        dynamo_refuse(c, 400, "ResourceInUseException", "Table already exists: %.*s",
                      STR_ARG(c->table_name));
        return;
    }
    read_schema(&c->scan, 0, t.hash, t.range);
    text_copy(scan_text(&c->scan, SCAN_GET(&c->scan, index, "IndexName")), t.index, sizeof t.index);
    read_schema(&c->scan, index, t.index_hash, unused);
    if (!table_name_ok(c->table_name) || !t.hash[0] || !definitions_ok(c, &t) ||
        !text_eq(TEXT(c, "BillingMode"), STR("PAY_PER_REQUEST"))) {
        dynamo_refuse(c, 400, "ValidationException", "One or more parameter values were invalid");
        return;
    }
    c->table = store_create(&c->mock->store, c->table_name);
    memcpy(c->table->hash, t.hash, sizeof t.hash);
    memcpy(c->table->range, t.range, sizeof t.range);
    memcpy(c->table->index, t.index, sizeof t.index);
    memcpy(c->table->index_hash, t.index_hash, sizeof t.index_hash);
    c->table->active_ms = clock_mono_ms() + c->mock->create_ms;
    put_table(c, "TableDescription");
}

void dynamo_tables_describe(struct dynamo_call *c)
{
    put_table(c, "Table");
}

void dynamo_tables_list(struct dynamo_call *c)
{
    struct json_out w;
    json_begin(&w, &c->answer->body);
    json_object(&w);
    JSON_KEY(&w, "TableNames");
    json_array(&w);
    for (const struct table *t = c->mock->store.tables; t; t = t->next)
        json_str(&w, text_from(t->name));
    json_array_end(&w);
    json_object_end(&w);
}

void dynamo_tables_describe_ttl(struct dynamo_call *c)
{
    buf_printf(&c->answer->body, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"%s\"}}",
               c->table->ttl[0] ? "ENABLED" : "DISABLED");
}

void dynamo_tables_update_ttl(struct dynamo_call *c)
{
    scan_ref wanted = GET(c, "TimeToLiveSpecification");
    if (c->mock->no_ttl)
        dynamo_refuse(c, 400, "UnknownOperationException", "%s", "");
    else if (c->table->ttl[0])
        dynamo_refuse(c, 400, "ValidationException", "TimeToLive is already enabled");
    else {
        text_copy(scan_text(&c->scan, SCAN_GET(&c->scan, wanted, "AttributeName")), c->table->ttl,
                  sizeof c->table->ttl);
        BUF_LIT(&c->answer->body, "{}");
    }
}
