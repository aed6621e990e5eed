/* catalog.c: the list of models and its pages, one model, in both dialects. */
#include "worker/door/catalog.h"

#include "server/json/json.h"
#include "tests/unit/gateway_bed.h"

#define ANTHROPIC KEY "anthropic-version: 2023-06-01\r\n"

static size_t builtin_count(void)
{
    return catalogue_names();
}

static const char *name_at(size_t i)
{
    static char room[80];
    const struct catalogue_row *row;
    text_copy(catalogue_name((uint32_t)i, &row), room, sizeof room);
    return room;
}

/* The JSON of the answer; to be freed with json_free. */
static struct cJSON *get(struct gateway *g, const char *path, const char *headers)
{
    char line[300];
    size_t at;
    struct err err = {0};
    snprintf(line, sizeof line, "GET %s", path);
    gateway_talk(g, line, headers, NULL, "}");
    gateway_run(g, 2);
    client_read(&g->client);
    struct str in = buf_str(&g->client.in);
    assert_true(text_find(in, STR("\r\n\r\n"), &at));
    struct cJSON *doc = json_parse(text_sub(in, at + 4, in.n), &err);
    if (!doc)
        fail_msg("%s: %s\n%.*s", path, err.text, (int)in.n, in.p);
    return doc;
}

struct page {
    size_t n;
    bool more;
    char first[80], last[80];
};

static struct page get_page(struct gateway *g, const char *query, const char *headers)
{
    char path[200];
    struct page page = {0};
    snprintf(path, sizeof path, "/v1/models%s", query);
    struct cJSON *doc = get(g, path, headers);
    for (const struct cJSON *m = json_child(json_get(doc, "data")); m; m = json_next(m))
        page.n++;
    json_get_bool(doc, "has_more", &page.more);
    text_copy(json_get_text(doc, "first_id"), page.first, sizeof page.first);
    text_copy(json_get_text(doc, "last_id"), page.last, sizeof page.last);
    json_free(doc);
    return page;
}

static void test_list_default_page_is_20_for_anthropic_and_all_for_openai(void **state)
{
    struct gateway *g = *state;
    struct page page = get_page(g, "", ANTHROPIC);
    assert_true(builtin_count() > 20);
    assert_int_equal(page.n, 20);
    assert_true(page.more);
    assert_string_equal(page.first, name_at(0));
    assert_string_equal(page.last, name_at(19));
    page = get_page(g, "", KEY);
    assert_int_equal(page.n, builtin_count());
    assert_false(page.more);
}

/* Every model once, in order, whatever the size of the pages. */
static void test_list_pages_forward_visit_all(void **state)
{
    struct gateway *g = *state;
    char query[128] = "?limit=7";
    size_t seen = 0;
    for (struct page page = {.more = true}; page.more; seen += page.n) {
        page = get_page(g, query, ANTHROPIC);
        assert_string_equal(page.first, name_at(seen));
        assert_string_equal(page.last, name_at(seen + page.n - 1));
        snprintf(query, sizeof query, "?after_id=%s&limit=7", page.last);
    }
    assert_int_equal(seen, builtin_count());
}

static void test_list_pages_backward_visit_all(void **state)
{
    struct gateway *g = *state;
    char query[128];
    size_t left = builtin_count() - 1;
    snprintf(query, sizeof query, "?limit=9&before_id=%s", name_at(left));
    for (struct page page = {.more = true}; page.more; left -= page.n) {
        page = get_page(g, query, ANTHROPIC);
        assert_string_equal(page.last, name_at(left - 1));
        snprintf(query, sizeof query, "?before_id=%s&limit=9", page.first);
    }
    assert_int_equal(left, 0);
}

static void test_list_edges(void **state)
{
    struct gateway *g = *state;
    size_t n = builtin_count();
    char query[128];
    struct page page = get_page(g, "?limit=1", ANTHROPIC);
    assert_int_equal(page.n, 1);
    page = get_page(g, "?limit=1000", ANTHROPIC);
    assert_int_equal(page.n, n);
    assert_false(page.more);
    snprintf(query, sizeof query, "?after_id=%s", name_at(n - 1));
    page = get_page(g, query, ANTHROPIC);
    assert_int_equal(page.n, 0);
    assert_false(page.more);
    assert_string_equal(page.first, "");
    snprintf(query, sizeof query, "?before_id=%s", name_at(0));
    page = get_page(g, query, ANTHROPIC);
    assert_int_equal(page.n, 0);
    page = get_page(g, "?after_id=unknown", ANTHROPIC);
    assert_int_equal(page.n, 0);
}

static void test_list_bad_limit_is_400_in_the_callers_dialect(void **state)
{
    static const char *const bad[] = {"0", "1001", "-1", "x", "1.5", "99999999999999999999"};
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET /v1/models?limit=%s", bad[i]);
        gateway_talk(g, line, ANTHROPIC, NULL, "\"request_id\"");
        client_check(&g->client, bad[i], "HTTP/1.1 400 ", true);
        client_check(&g->client, bad[i], "\"message\":\"limit: ", true);
        gateway_talk(g, line, KEY, NULL, "\"param\":null");
        client_check(&g->client, bad[i], "HTTP/1.1 400 ", true);
    }
}

/* One object serves the SDKs of both. */
static void check_model(struct cJSON *model, const char *id, const char *owner)
{
    int64_t created = 0;
    assert_true(text_eq(json_get_text(model, "id"), text_from(id)));
    assert_true(text_eq(json_get_text(model, "type"), STR("model")));
    assert_true(text_eq(json_get_text(model, "object"), STR("model")));
    assert_true(text_eq(json_get_text(model, "owned_by"), text_from(owner)));
    assert_true(json_get_text(model, "display_name").n > 0);
    assert_true(json_get_text(model, "created_at").n > 0);
    assert_true(json_get_i64(model, "created", &created));
}

static void test_one_model_in_both_dialects(void **state)
{
    struct gateway *g = *state;
    int64_t created;
    struct cJSON *model = get(g, "/v1/models/" CLAUDE, ANTHROPIC);
    check_model(model, CLAUDE, "anthropic");
    assert_true(text_starts(json_get_text(model, "created_at"), STR("2025-09-29T00:00:00")));
    assert_true(json_get_i64(model, "created", &created) && created == 1759104000);
    json_free(model);
    model = get(g, "/v1/models/amazon.nova-lite-v1%3A0", KEY);
    check_model(model, NOVA, "amazon");
    json_free(model);
}

static void test_one_unknown_model_is_404_in_the_callers_dialect(void **state)
{
    static const char *const bad[] = {"nothing%20here", "gpt%zz", "..%2f..", "%00"};
    struct gateway *g = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET /v1/models/%s", bad[i]);
        gateway_talk(g, line, ANTHROPIC, NULL, "\"message\"");
        client_check(&g->client, bad[i], "HTTP/1.1 404 ", true);
        client_check(&g->client, bad[i], "\"type\":\"not_found_error\"", true);
        gateway_talk(g, line, KEY, NULL, "\"message\"");
        client_check(&g->client, bad[i], "\"code\":\"model_not_found\"", true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATEWAY(test_list_default_page_is_20_for_anthropic_and_all_for_openai),
        GATEWAY(test_list_pages_forward_visit_all),
        GATEWAY(test_list_pages_backward_visit_all),
        GATEWAY(test_list_edges),
        GATEWAY(test_list_bad_limit_is_400_in_the_callers_dialect),
        GATEWAY(test_one_model_in_both_dialects),
        GATEWAY(test_one_unknown_model_is_404_in_the_callers_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
