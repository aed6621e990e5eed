#include "worker/door/catalog.h"

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/region.h"
#include "worker/door/offers.h"
#include "worker/turn/answer.h"
#include "worker/turn/limits.h"

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

/* What a person calls it. A mapped name is the operator's, so it comes first. */
static void put_display_name(struct json_out *w, const struct offer *o)
{
    const struct catalogue_row *row = catalogue_find(o->behind);
    bool exact = row && catalogue_is_exact(row, o->behind);
    struct str name = exact ? catalogue_text(row, CATALOGUE_NAME) : (struct str){NULL, 0};
    const struct catalogue_row *named = catalogue_named(o->name);
    bool own = named ? named == row : text_eq(region_base(o->name), region_base(o->behind));
    char text[400];
    if (name.n && !own) {
        int n = snprintf(text, sizeof text, "%.*s (%.*s)", (int)(o->name.n < 200 ? o->name.n : 200),
                         o->name.p, (int)(name.n < 150 ? name.n : 150), name.p);
        name = (struct str){text, (size_t)n};
    }
    member(w, STR("display_name"), name.n ? name : o->name);
}

/* An ARN has the account in it, and what it stands for is the operator's affair. */
static void put_bedrock_id(struct json_out *w, struct str id)
{
    if (!text_starts(id, STR("arn:"))) {
        member(w, STR("bedrock_model_id"), id);
    }
}

static void put_model(struct json_out *w, const struct offer *o)
{
    const struct models_caps *caps = o->caps;
    char when[25];
    int64_t ms = created_ms(o->name);
    ms = ms || text_starts(o->behind, STR("arn:")) ? ms : created_ms(o->behind);
    clock_rfc3339(ms, when);
    json_object(w);
    member(w, STR("id"), o->name);
    member(w, STR("type"), STR("model"));
    member(w, STR("object"), STR("model"));
    put_display_name(w, o);
    member(w, STR("created_at"), text_from(when));
    JSON_KEY(w, "created");
    json_i64(w, ms / 1000);
    member(w, STR("owned_by"), text_from(caps->vendor));
    member(w, STR("provider"), text_from(caps->vendor));
    put_bedrock_id(w, o->id);
    JSON_KEY(w, "streaming_supported");
    json_bool(w, true);
    number(w, STR("max_input_tokens"), caps->context_max);
    number(w, STR("max_tokens"), caps->output_max);
    json_object_end(w);
}

/* --- the list ------------------------------------------------------------------------------ */

struct page {
    struct offers all;
    size_t from, to;
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

static size_t find_offer(const struct offers *all, struct str name, size_t otherwise)
{
    for (size_t i = 0; i < all->n; i++) {
        if (text_eq(all->offer[i].name, name)) {
            return i;
        }
    }
    return otherwise;
}

static bool read_page(struct exchange *x, struct page *page)
{
    size_t count = page->all.n;
    uint64_t limit = x->asked.dialect == DIALECT_OPENAI ? LIMIT_MAX : LIMIT_DEFAULT;
    struct str given = query_value(x, STR("limit")), after = query_value(x, STR("after_id")),
               before = query_value(x, STR("before_id"));
    if (given.n && (!text_u64(given, &limit) || limit < 1 || limit > LIMIT_MAX)) {
        err_set(&x->outcome.err, STATUS_INVALID, "limit: Input should be a number from 1 to %d",
                LIMIT_MAX);
        return false;
    }
    if (before.n) {
        page->to = find_offer(&page->all, before, 0);
        page->from = page->to > limit ? page->to - limit : 0;
        page->more = page->from > 0;
        return true;
    }
    page->from = after.n ? find_offer(&page->all, after, count - 1) + 1 : 0;
    page->to = page->from + limit < count ? page->from + limit : count;
    page->more = page->to < count;
    return true;
}

static void put_edge(struct json_out *w, struct str key, const struct page *page, size_t at)
{
    json_key(w, key);
    if (page->to > page->from) {
        json_str(w, page->all.offer[at].name);
    } else {
        json_null(w);
    }
}

enum verdict catalog_list(struct exchange *x)
{
    struct page page = {.from = 0};
    struct buf body;
    struct json_out w;
    if (!offers_make(x, &page.all) || !read_page(x, &page)) {
        return VERDICT_FAIL;
    }
    buf_init(&body, BODY_MAX);
    json_begin(&w, &body);
    json_object(&w);
    member(&w, STR("object"), STR("list"));
    JSON_KEY(&w, "data");
    json_array(&w);
    for (size_t i = page.from; i < page.to; i++) {
        put_model(&w, &page.all.offer[i]);
    }
    json_array_end(&w);
    JSON_KEY(&w, "has_more");
    json_bool(&w, page.more);
    put_edge(&w, STR("first_id"), &page, page.from);
    put_edge(&w, STR("last_id"), &page, page.to - 1);
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
    if (!limits_may_use(x, asked, &x->asked.model)) { /* as if there were no such model */
        err_set(&x->outcome.err, STATUS_NO_MODEL, "model: %.*s",
                (int)(asked.n < 200 ? asked.n : 200), asked.p);
        return VERDICT_FAIL;
    }
    struct offer o = {asked, x->asked.model.id, models_behind(&x->asked.model),
                      x->asked.model.caps};
    struct buf body;
    struct json_out w;
    buf_init(&body, 16384);
    json_begin(&w, &body);
    put_model(&w, &o);
    return answer_built(x, 200, &body);
}
