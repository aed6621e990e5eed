#include "worker/door/catalog.h"

#include "server/base/clock.h"
#include "server/json/json.h"
#include "worker/turn/answer.h"

#define LIMIT_DEFAULT 20 /* Anthropic's */
#define LIMIT_MAX     1000
#define BODY_MAX      (1u << 20)

/* Release dates are not Bedrock's to tell; ids of Claude carry one. */
static int64_t created_ms(struct str id)
{
    for (size_t i = 0; i + 8 <= id.n; i++) {
        char text[32];
        uint64_t date;
        int64_t ms;
        if (text_u64(text_sub(id, i, 8), &date) && date > 20200000 && date < 21000000) {
            snprintf(text, sizeof text, "%04u-%02u-%02uT00:00:00Z", (unsigned)(date / 10000),
                     (unsigned)(date / 100 % 100), (unsigned)(date % 100));
            if (clock_parse_rfc3339(text_from(text), &ms)) {
                return ms;
            }
        }
    }
    return 0;
}

static void member(struct json_out *w, struct str key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

static void number(struct json_out *w, struct str key, int64_t value)
{
    if (value) {
        json_key(w, key);
        json_i64(w, value);
    }
}

static void put_model(struct json_out *w, struct str name, struct str bedrock_id)
{
    struct models_caps room;
    const struct models_caps *caps = models_caps(bedrock_id, &room);
    char when[25];
    int64_t ms = created_ms(name);
    clock_rfc3339(ms, when);
    json_object(w);
    member(w, STR("id"), name);
    member(w, STR("type"), STR("model"));
    member(w, STR("object"), STR("model"));
    member(w, STR("display_name"), name);
    member(w, STR("created_at"), text_from(when));
    JSON_KEY(w, "created");
    json_i64(w, ms / 1000);
    member(w, STR("owned_by"), text_from(caps->vendor));
    member(w, STR("provider"), text_from(caps->vendor));
    member(w, STR("bedrock_model_id"), bedrock_id);
    JSON_KEY(w, "streaming_supported");
    json_bool(w, true);
    number(w, STR("max_input_tokens"), caps->context_max);
    number(w, STR("max_tokens"), caps->output_max);
    json_object_end(w);
}

/* --- the list ------------------------------------------------------------------------------ */

struct page {
    size_t from, to; /* names of the table of models */
    bool more;
};

static struct str query_value(struct exchange *x, struct str name)
{
    struct str rest = x->asked.query, pair;
    size_t at;
    while (rest.n && text_split(&rest, '&', &pair)) {
        if (text_find(pair, STR("="), &at) && text_eq(text_sub(pair, 0, at), name)) {
            struct str raw = text_sub(pair, at + 1, pair.n);
            char *out = arena_alloc(x->arena, raw.n + 1);
            size_t n = 0;
            return out && text_unpercent(raw, out, &n) ? (struct str){out, n}
                                                       : (struct str){NULL, 0};
        }
    }
    return (struct str){NULL, 0};
}

static size_t find_row(struct str name, size_t otherwise)
{
    const struct catalogue_row *row;
    for (uint32_t i = 0; i < catalogue_names(); i++) {
        if (text_eq(catalogue_name(i, &row), name)) {
            return i;
        }
    }
    return otherwise;
}

static bool read_page(struct exchange *x, struct page *page)
{
    size_t count = catalogue_names();
    uint64_t limit = x->asked.dialect == DIALECT_OPENAI ? LIMIT_MAX : LIMIT_DEFAULT;
    struct str given = query_value(x, STR("limit")), after = query_value(x, STR("after_id")),
               before = query_value(x, STR("before_id"));
    if (given.n && (!text_u64(given, &limit) || limit < 1 || limit > LIMIT_MAX)) {
        err_set(&x->outcome.err, STATUS_INVALID, "limit: Input should be a number from 1 to %d",
                LIMIT_MAX);
        return false;
    }
    if (before.n) {
        page->to = find_row(before, 0);
        page->from = page->to > limit ? page->to - limit : 0;
        page->more = page->from > 0;
        return true;
    }
    page->from = after.n ? find_row(after, count - 1) + 1 : 0;
    page->to = page->from + limit < count ? page->from + limit : count;
    page->more = page->to < count;
    return true;
}

static void put_edge(struct json_out *w, struct str key, bool any, size_t row)
{
    const struct catalogue_row *of;
    json_key(w, key);
    if (any) {
        json_str(w, catalogue_name((uint32_t)row, &of));
    } else {
        json_null(w);
    }
}

enum verdict catalog_list(struct exchange *x)
{
    struct page page = {0, 0, false};
    struct buf body;
    struct json_out w;
    if (!read_page(x, &page)) {
        return VERDICT_FAIL;
    }
    buf_init(&body, BODY_MAX);
    json_begin(&w, &body);
    json_object(&w);
    member(&w, STR("object"), STR("list"));
    JSON_KEY(&w, "data");
    json_array(&w);
    for (size_t i = page.from; i < page.to; i++) {
        const struct catalogue_row *row;
        char id[MODELS_ID_ROOM];
        struct str name = catalogue_name((uint32_t)i, &row);
        put_model(&w, name, models_id(row, id));
    }
    json_array_end(&w);
    JSON_KEY(&w, "has_more");
    json_bool(&w, page.more);
    put_edge(&w, STR("first_id"), page.to > page.from, page.from);
    put_edge(&w, STR("last_id"), page.to > page.from, page.to - 1);
    json_object_end(&w);
    return answer_built(x, 200, &body);
}

/* --- one ----------------------------------------------------------------------------------- */

enum verdict catalog_one(struct exchange *x)
{
    struct worker *worker = x->worker;
    struct str prefix = text_from(worker->config->api_prefix);
    struct str raw = text_sub(x->asked.path, prefix.n + sizeof "/models/" - 1, x->asked.path.n);
    char *name = arena_alloc(x->arena, raw.n + 1);
    size_t n = 0;
    if (!name || !text_unpercent(raw, name, &n)) {
        err_set(&x->outcome.err, STATUS_NO_MODEL, "model: not a legal name");
        return VERDICT_FAIL;
    }
    struct str asked = {name, n};
    if (models_choose(&worker->models, worker->segment, x->arena, asked, true, &x->asked.model,
                      &x->outcome.err) != STATUS_OK) {
        return VERDICT_FAIL;
    }
    struct buf body;
    struct json_out w;
    buf_init(&body, 16384);
    json_begin(&w, &body);
    put_model(&w, asked, x->asked.model.id);
    return answer_built(x, 200, &body);
}
