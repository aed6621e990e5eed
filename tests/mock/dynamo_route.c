#include "tests/mock/dynamo_mock.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/json/json.h"
#include "server/base/sha256.h"
#include "tests/mock/verify.h"

#define ARENA_MAX ((size_t)512 << 20) /* a scan of many items makes many scratch values */
#define TARGET    "DynamoDB_20120810."
#define SKEW_MS   600000

static const char *const fault_names[] = {
#define FAULT_NAME(id, name, doc) name,
    DYNAMO_FAULTS(FAULT_NAME)
#undef FAULT_NAME
};
#define FAULTS (sizeof fault_names / sizeof fault_names[0])

/* --- script and log ------------------------------------------------------------------------ */

static enum dynamo_fault take_fault(struct dynamo_mock *m, struct str op)
{
    for (size_t i = 0; i < DYNAMO_RULES; i++) {
        struct dynamo_rule *r = &m->rule[i];
        bool live = r->forever || r->left;
        if (live && (!r->op[0] || text_eq(op, text_from(r->op)))) {
            r->left -= !r->forever;
            return r->fault;
        }
    }
    return DYNAMO_FAULT_NONE;
}

static bool add_rule(struct dynamo_mock *m, struct str op, struct str fault, int64_t count)
{
    for (size_t i = 0; i < DYNAMO_RULES; i++) {
        struct dynamo_rule *r = &m->rule[i];
        if (r->forever || r->left)
            continue;
        for (size_t f = 1; f < FAULTS; f++) {
            if (text_eq(fault, text_from(fault_names[f]))) {
                *r = (struct dynamo_rule){
                    .fault = (enum dynamo_fault)f, .left = (uint32_t)count, .forever = count == 0};
                text_copy(op, r->op, sizeof r->op);
                return true;
            }
        }
        return false;
    }
    return false;
}

static void enter(struct dynamo_mock *m, struct str op, struct str table, const char *result)
{
    struct dynamo_entry *e = &m->log[m->log_n++ % DYNAMO_LOG];
    text_copy(op, e->op, sizeof e->op);
    text_copy(table, e->table, sizeof e->table);
    text_copy(text_from(result[0] ? result : "ok"), e->result, sizeof e->result);
}

static void print_log(const struct dynamo_mock *m, struct buf *out)
{
    struct json_out w;
    json_begin(&w, out);
    json_array(&w);
    for (uint64_t i = m->log_n > DYNAMO_LOG ? m->log_n - DYNAMO_LOG : 0; i < m->log_n; i++) {
        const struct dynamo_entry *e = &m->log[i % DYNAMO_LOG];
        json_object(&w);
        JSON_KEY(&w, "op");
        json_str(&w, text_from(e->op));
        JSON_KEY(&w, "table");
        json_str(&w, text_from(e->table));
        JSON_KEY(&w, "result");
        json_str(&w, text_from(e->result));
        json_object_end(&w);
    }
    json_array_end(&w);
}

/* --- items --------------------------------------------------------------------------------- */

static void print_item(struct json_out *w, const struct item *item)
{
    json_object(w);
    for (size_t i = 0; i < item->n; i++) {
        json_key(w, text_from(item->attr[i].name));
        json_raw(w, text_from(item->attr[i].raw));
    }
    json_object_end(w);
}

static void print_items(struct dynamo_mock *m, struct str table, struct buf *out)
{
    struct json_out w;
    const struct table *t = store_table(&m->store, table);
    json_begin(&w, out);
    json_array(&w);
    for (size_t i = 0; t && i < t->n; i++)
        print_item(&w, &t->item[i]);
    json_array_end(&w);
}

/* --- the /__ routes ------------------------------------------------------------------------ */

static bool fill(struct dynamo_mock *m, struct str name, int64_t count, struct arena *arena)
{
    struct table *t = store_table(&m->store, name);
    for (int64_t i = 0; t && i < count; i++) {
        struct item item = {.attr = NULL};
        char id[96], hex[2 * SHA256_SIZE];
        sha256_hex(&i, sizeof i, hex);
        snprintf(id, sizeof id, "{\"S\":\"sha256:%.*s\"}", (int)sizeof hex, hex);
        item_set(&item, STR("api_key"), text_from(id));
        item_set(&item, STR("user_id"), STR("{\"S\":\"filled\"}"));
        item_set(&item, STR("name"), STR("{\"S\":\"filled key\"}"));
        item_set(&item, STR("is_active"), STR("{\"BOOL\":true}"));
        item_set(&item, STR("rate_limit"), STR("{\"N\":\"100\"}"));
        item_set(&item, STR("created_at"), STR("{\"N\":\"1700000000\"}"));
        item_set(&item, STR("service_tier"), STR("{\"S\":\"default\"}"));
        item_set(&item, STR("metadata"), STR("{\"M\":{\"made_by\":{\"S\":\"mock-dynamo\"}}}"));
        table_put(t, &item, arena);
    }
    return t != NULL;
}

static bool parse(struct scan *s, struct arena *arena, struct str body)
{
    static const struct scan_limits limits = {64, 1000000, 10000, 64};
    return scan_parse(s, arena, body, &limits, NULL) == STATUS_OK && scan_type(s, 0) == SCAN_OBJECT;
}

static bool admin_post(struct dynamo_mock *m, const struct request *r, struct arena *arena)
{
    struct scan s;
    int64_t count = 1;
    if (text_eq(r->path, STR("/__reset"))) {
        memset(m->rule, 0, sizeof m->rule);
        m->log_n = 0;
        return true;
    }
    if (!parse(&s, arena, r->body))
        return false;
    scan_i64(&s, SCAN_GET(&s, 0, "count"), &count);
    if (text_eq(r->path, STR("/__script")))
        return add_rule(m, scan_text(&s, SCAN_GET(&s, 0, "op")),
                        scan_text(&s, SCAN_GET(&s, 0, "fault")), count);
    return text_eq(r->path, STR("/__fill")) &&
           fill(m, scan_text(&s, SCAN_GET(&s, 0, "table")), count, arena);
}

static bool admin(struct dynamo_mock *m, const struct request *r, struct arena *arena,
                  struct dynamo_answer *out)
{
    if (text_eq(r->path, STR("/__ops"))) {
        print_log(m, &out->body);
        return true;
    }
    if (text_starts(r->path, STR("/__items/"))) {
        print_items(m, text_sub(r->path, STR("/__items/").n, r->path.n), &out->body);
        return true;
    }
    if (!text_starts(r->path, STR("/__")) && !text_eq(r->path, STR("/health")))
        return false;
    bool ok = text_eq(r->path, STR("/health")) || admin_post(m, r, arena);
    out->status = ok ? 200 : 400;
    BUF_LIT(&out->body, "{}");
    return true;
}

/* --- operations ---------------------------------------------------------------------------- */

static bool is_signed(struct dynamo_call *c, const struct request *r, int64_t ahead_ms)
{
    struct verify_key key = {text_from(c->mock->access_key), text_from(c->mock->secret), STR("")};
    struct verify_result result;
    enum verify_status status = verify_request(
        r, &key, 1, STR("dynamodb"), clock_real_ms() + ahead_ms, &c->mock->scratch, &result);
    if (status != VERIFY_OK)
        dynamo_refuse(c, 400, result.exception, "%s", result.message);
    return status == VERIFY_OK;
}

/* What stands in the way before the operation is carried out; true: answered. */
static bool refuse_by(struct dynamo_call *c, enum dynamo_fault fault)
{
    switch (fault) {
    case DYNAMO_FAULT_THROTTLE:
        dynamo_refuse(c, 400, "ProvisionedThroughputExceededException", "Rate exceeded");
        return true;
    case DYNAMO_FAULT_INTERNAL:
        dynamo_refuse(c, 500, "InternalServerError", "The request processing has failed");
        return true;
    case DYNAMO_FAULT_DENIED:
        dynamo_refuse(c, 400, "AccessDeniedException",
                      "User: arn:aws:sts::123456789012:assumed-role/gateway/s is not authorized to "
                      "perform: dynamodb:Scan");
        return true;
    case DYNAMO_FAULT_EXPIRED:
        dynamo_refuse(c, 400, "ExpiredTokenException", "The security token is expired");
        return true;
    case DYNAMO_FAULT_DOWN:
        c->answer->reset = true;
        snprintf(c->result, sizeof c->result, "down");
        return true;
    default:
        return false;
    }
}

/* What spoils an answer that was made. */
static void spoil_by(struct dynamo_answer *a, enum dynamo_fault fault)
{
    a->hang = fault == DYNAMO_FAULT_TIMEOUT_AFTER;
    a->reset = fault == DYNAMO_FAULT_RESET_AFTER;
    a->cut = fault == DYNAMO_FAULT_TRUNCATED;
    a->wrong_crc = fault == DYNAMO_FAULT_WRONG_CRC;
    a->html = fault == DYNAMO_FAULT_GARBAGE;
    if (a->html || fault == DYNAMO_FAULT_WRONG_TYPES) {
        buf_clear(&a->body);
        buf_put_str(&a->body, a->html
                                  ? STR("<html><body>Welcome</body></html>")
                                  : STR("{\"Items\":7,\"Item\":[],\"LastEvaluatedKey\":\"x\"}"));
    }
}

static void operate(struct dynamo_call *c, const struct request *r, struct str op)
{
    enum dynamo_fault fault = take_fault(c->mock, op);
    c->answer->ahead_s = fault == DYNAMO_FAULT_SKEW ? SKEW_MS / 1000 : 0;
    c->repeat_key = fault == DYNAMO_FAULT_REPEAT_KEY;
    if (refuse_by(c, fault) || !is_signed(c, r, c->answer->ahead_s * 1000))
        return;
    if (!parse(&c->scan, c->arena, r->body)) {
        dynamo_refuse(c, 400, "SerializationException", "no JSON object");
        return;
    }
    c->table_name = scan_text(&c->scan, SCAN_GET(&c->scan, 0, "TableName"));
    c->table = store_table(&c->mock->store, c->table_name);
    if (!dynamo_operation(c, op))
        dynamo_refuse(c, 400, "UnknownOperationException", "%s", "");
    spoil_by(c->answer, fault);
}

void dynamo_route(struct dynamo_mock *m, const struct request *r, struct dynamo_answer *out)
{
    struct dynamo_call c = {.mock = m, .answer = out, .arena = arena_new(ARENA_MAX)};
    struct str target = reader_get(r, STR("x-amz-target")), prefix = STR(TARGET);
    struct str type = reader_get(r, STR("content-type"));
    out->status = 200;
    if (!admin(m, r, c.arena, out)) {
        struct str op = text_sub(target, prefix.n, target.n);
        if (!text_eq(r->method, STR("POST")) || !text_eq(r->path, STR("/")) ||
            !text_starts(target, prefix) || !text_eq(type, STR("application/x-amz-json-1.0")))
            dynamo_refuse(&c, 400, "UnknownOperationException", "%s", "");
        else
            operate(&c, r, op);
        enter(m, op, c.table_name, c.result);
    }
    arena_drop(c.arena);
}
