#include "tests/mock/ledger.h"

#include "server/json/json.h"
#include "server/base/sha256.h"

#define KEPT_MAX ((size_t)128 * 1024 * 1024)

static const char *const NAME[OPERATION_COUNT] = {
#define OPERATION_NAME(id, name, segment, streamed) name,
    OPERATION_TABLE(OPERATION_NAME)
#undef OPERATION_NAME
};

void ledger_init(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_KEPT; i++) {
        buf_init(&l->kept[i].head, KEPT_MAX);
        buf_init(&l->kept[i].body, KEPT_MAX);
    }
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < LEDGER_KEPT; i++) {
        buf_free(&l->kept[i].head);
        buf_free(&l->kept[i].body);
    }
}

void ledger_reset(struct ledger *l)
{
    uint64_t connections = l->connections_open, streams = l->streams_open;
#define LEDGER_ZERO(name, what) l->name = 0;
    LEDGER_COUNTERS(LEDGER_ZERO)
#undef LEDGER_ZERO
    for (size_t i = 0; i < OPERATION_COUNT; i++)
        l->by_operation[i] = 0;
    l->connections_open = connections;
    l->streams_open = streams;
    l->kept_n = 0;
}

/* Copies into memory kept from earlier entries: no allocation once it has grown. */
void ledger_enter(struct ledger *l, enum operation operation, struct str model,
                  const struct request *r)
{
    struct ledger_entry *e = &l->kept[l->kept_n++ % LEDGER_KEPT];
    buf_clear(&e->head);
    buf_put_str(&e->head, r->head);
    buf_clear(&e->body);
    buf_put_str(&e->body, r->body);
    e->operation = operation;
    text_copy(model, e->model, sizeof e->model);
    l->requests++;
    l->by_operation[operation]++;
}

const struct ledger_entry *ledger_back(const struct ledger *l, uint64_t back)
{
    if (back >= LEDGER_KEPT || back >= l->kept_n)
        return NULL;
    return &l->kept[(l->kept_n - 1 - back) % LEDGER_KEPT];
}

static void print_text(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

/* The scheme and the credential scope are of use to tests; the signature and keys are not shown. */
static struct str without_secret(struct str name, struct str value)
{
    size_t at;
    if (!text_ieq(name, STR("authorization")))
        return value;
    if (text_starts(value, STR("AWS4-")) && text_find(value, STR(", Signature="), &at))
        return text_sub(value, 0, at);
    return text_starts(value, STR("Bearer ")) ? STR("Bearer (hidden)") : STR("(hidden)");
}

static void print_headers(struct json_out *w, const struct request *r)
{
    JSON_KEY(w, "headers");
    json_object(w);
    for (size_t i = 0; i < r->header_n; i++) {
        char name[128]; /* lower-case, so that tests need not care */
        text_copy(r->header[i].name, name, sizeof name);
        for (char *c = name; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c | 0x20);
        print_text(w, text_from(name), without_secret(r->header[i].name, r->header[i].value));
    }
    json_object_end(w);
}

static void print_entry(struct json_out *w, const struct ledger_entry *e)
{
    static struct request r; /* large, and there is one thread */
    if (!reader_parse_head(buf_str(&e->head), &r))
        return;
    char hash[2 * SHA256_SIZE];
    sha256_hex(buf_data(&e->body), buf_len(&e->body), hash);
    json_object(w);
    print_text(w, STR("method"), r.method);
    print_text(w, STR("path"), r.path);
    print_text(w, STR("query"), r.query);
    print_text(w, STR("operation"), text_from(NAME[e->operation]));
    print_text(w, STR("model"), text_from(e->model));
    print_headers(w, &r);
    JSON_KEY(w, "body_bytes");
    json_i64(w, (int64_t)buf_len(&e->body));
    print_text(w, STR("body_sha256"), (struct str){hash, sizeof hash});
    json_object_end(w);
}

void ledger_print(const struct ledger *l, struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    json_object(&w);
#define LEDGER_PRINT(name, what) \
    JSON_KEY(&w, #name);         \
    json_i64(&w, (int64_t)l->name);
    LEDGER_COUNTERS(LEDGER_PRINT)
#undef LEDGER_PRINT
    JSON_KEY(&w, "operations");
    json_object(&w);
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        json_key(&w, text_from(NAME[i]));
        json_i64(&w, (int64_t)l->by_operation[i]);
    }
    json_object_end(&w);
    JSON_KEY(&w, "last");
    json_array(&w);
    const struct ledger_entry *e;
    for (uint64_t back = 0; (e = ledger_back(l, back)) != NULL; back++)
        print_entry(&w, e);
    json_array_end(&w);
    json_object_end(&w);
}
