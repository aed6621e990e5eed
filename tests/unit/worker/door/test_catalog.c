/* catalog.c: the list of models and its pages, one model, in both dialects. */
#include "worker/door/catalog.h"

#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/memory/directory.h"
#include "tests/unit/gateway_bed.h"

#define PROFILE   "arn:aws:bedrock:us-west-2:" ACCOUNT ":application-inference-profile/us.secret"
#define ANTHROPIC KEY "anthropic-version: 2023-06-01\r\n"

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

/* All that this caller is offered, in order: OpenAI's page has no end. */
static char names[400][100];

static size_t read_names(struct gateway *g)
{
    size_t n = 0;
    struct cJSON *doc = get(g, "/v1/models", KEY);
    for (const struct cJSON *m = json_child(json_get(doc, "data")); m; m = json_next(m)) {
        assert_true(n < COUNT_OF(names));
        text_copy(json_get_text(m, "id"), names[n++], sizeof names[0]);
    }
    json_free(doc);
    return n;
}

static bool is_offered(struct gateway *g, const char *name)
{
    size_t n = read_names(g);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the store says, anew: two keys, the first one's models, mappings. */
static void publish(struct gateway *g, const char *models, const char *const (*map)[3], size_t n)
{
    struct directory_key k = {.slot = 300, .tag = 307, .flags = DIRECTORY_ACTIVE};
    sha256("sk-good", 7, k.digest);
    k.models_len = (uint8_t)strlen(models);
    memcpy(k.models, models, k.models_len);
    directory_begin(&g->segment);
    assert_true(directory_add(&g->segment, &k));
    for (size_t i = 0; i < n; i++) {
        assert_true(directory_add_mapping(&g->segment, text_from(map[i][0]), text_from(map[i][1]),
                                          text_from(map[i][2])));
    }
    directory_publish(&g->segment, clock_real_ms());
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
    size_t all = read_names(g);
    struct page page = get_page(g, "", ANTHROPIC);
    assert_true(all > 20);
    assert_int_equal(page.n, 20);
    assert_true(page.more);
    assert_string_equal(page.first, names[0]);
    assert_string_equal(page.last, names[19]);
    page = get_page(g, "", KEY);
    assert_int_equal(page.n, all);
    assert_false(page.more);
}

/* Every model once, in order, whatever the size of the pages. */
static void test_list_pages_forward_visit_all(void **state)
{
    struct gateway *g = *state;
    char query[128] = "?limit=7";
    size_t seen = 0, all = read_names(g);
    for (struct page page = {.more = true}; page.more; seen += page.n) {
        page = get_page(g, query, ANTHROPIC);
        assert_string_equal(page.first, names[seen]);
        assert_string_equal(page.last, names[seen + page.n - 1]);
        snprintf(query, sizeof query, "?after_id=%s&limit=7", page.last);
    }
    assert_int_equal(seen, all);
}

static void test_list_pages_backward_visit_all(void **state)
{
    struct gateway *g = *state;
    char query[128];
    size_t left = read_names(g) - 1;
    snprintf(query, sizeof query, "?limit=9&before_id=%s", names[left]);
    for (struct page page = {.more = true}; page.more; left -= page.n) {
        page = get_page(g, query, ANTHROPIC);
        assert_string_equal(page.last, names[left - 1]);
        snprintf(query, sizeof query, "?before_id=%s&limit=9", page.first);
    }
    assert_int_equal(left, 0);
}

static void test_list_edges(void **state)
{
    struct gateway *g = *state;
    size_t n = read_names(g);
    char query[128];
    struct page page = get_page(g, "?limit=1", ANTHROPIC);
    assert_int_equal(page.n, 1);
    page = get_page(g, "?limit=1000", ANTHROPIC);
    assert_int_equal(page.n, n);
    assert_false(page.more);
    snprintf(query, sizeof query, "?after_id=%s", names[n - 1]);
    page = get_page(g, query, ANTHROPIC);
    assert_int_equal(page.n, 0);
    assert_false(page.more);
    assert_string_equal(page.first, "");
    snprintf(query, sizeof query, "?before_id=%s", names[0]);
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

/* ---- what is offered ---------------------------------------------------------------------- */

static void test_list_begins_with_mapped_names_and_tells_no_arn(void **state)
{
    static const char *const map[][3] = {{"zz-house", "us.amazon.nova-pro-v1:0"},
                                         {"claude-opus-5", ARN},
                                         {"aa-house", ARN},
                                         {"bb-house", PROFILE, "claude-haiku-4-5"}};
    struct gateway *g = *state;
    publish(g, "", map, 4);
    size_t n = read_names(g), same = 0;
    assert_string_equal(names[0], "aa-house");
    assert_string_equal(names[1], "bb-house");
    assert_string_equal(names[2], "claude-opus-5");
    assert_string_equal(names[3], "zz-house");
    for (size_t i = 0; i < n; i++) {
        same += strcmp(names[i], "claude-opus-5") == 0;
    }
    assert_int_equal(same, 1);
    /* its model is still there, under its Bedrock id */
    assert_true(is_offered(g, "global.anthropic.claude-opus-5"));
    static const char *const paths[] = {"/v1/models", "/v1/models/aa-house", "/v1/models/bb-house",
                                        "/v1/models/claude-opus-5"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        json_free(get(g, paths[i], KEY));
        client_check(&g->client, paths[i], "HTTP/1.1 200 ", true);
        client_check(&g->client, paths[i], "arn:", false);
        client_check(&g->client, paths[i], ACCOUNT, false);
        client_check(&g->client, paths[i], "us.secret", false);
    }
    int64_t most;
    struct cJSON *one = get(g, "/v1/models/bb-house", KEY); /* what stands behind the ARN tells */
    assert_true(text_eq(json_get_text(one, "display_name"), STR("bb-house (Claude Haiku 4.5)")));
    assert_true(json_get_i64(one, "max_tokens", &most) && most == 64000);
    json_free(one);
    one = get(g, "/v1/models/zz-house", KEY);
    assert_true(text_eq(json_get_text(one, "display_name"), STR("zz-house (Nova Pro)")));
    assert_true(text_eq(json_get_text(one, "bedrock_model_id"), STR("us.amazon.nova-pro-v1:0")));
    json_free(one);
}

static void test_list_has_only_what_the_key_may_use(void **state)
{
    static const char *const map[][3] = {{"house", "global.anthropic.claude-haiku-5-5"},
                                         {"other", "us.amazon.nova-pro-v1:0"}};
    static const struct {
        const char *models, *offered[4], *hidden;
    } rows[] = {
        {"claude-haiku-*",
         {"house", "claude-haiku-4-5", "claude-haiku-5-5", NULL},
         "claude-opus-5"},
        {"anthropic.claude-haiku-5-5", {"house", "claude-haiku-5-5", NULL}, "claude-haiku-4-5"},
        {"house", {"house", NULL}, "claude-haiku-5-5"},
        {"nothing-like-it", {NULL}, "house"},
    };
    struct gateway *g = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char line[100];
        size_t wanted = 0, n;
        publish(g, rows[i].models, map, 2);
        n = read_names(g);
        for (; rows[i].offered[wanted]; wanted++) {
            assert_string_equal(names[wanted], rows[i].offered[wanted]);
            snprintf(line, sizeof line, "GET /v1/models/%s", names[wanted]);
            gateway_talk(g, line, KEY, NULL, "}");
            client_check(&g->client, line, "HTTP/1.1 200 ", true);
        }
        assert_int_equal(n, wanted);
        snprintf(line, sizeof line, "GET /v1/models/%s", rows[i].hidden);
        gateway_talk(g, line, KEY, NULL, "}");
        client_check(&g->client, line, "HTTP/1.1 404 ", true);
        struct page page = get_page(g, "?limit=1", ANTHROPIC);
        assert_int_equal(page.n, n > 0);
        assert_int_equal(page.more, n > 1);
    }
}

static void test_list_has_each_model_once_by_its_name_and_no_retired_one(void **state)
{
    struct gateway *g = *state;
    const struct catalogue *t = catalogue_now();
    size_t n = read_names(g), models = 0, families = 0;
    for (uint32_t i = 0; i < t->rows; i++) {
        struct catalogue_status status;
        catalogue_status(&t->row[i], &status);
        models += catalogue_text(&t->row[i], CATALOGUE_NAME).n && status.state != CATALOGUE_RETIRED;
    }
    assert_int_equal(n, models);
    for (size_t i = 0; i < n; i++) {
        char path[160];
        snprintf(path, sizeof path, "/v1/models/%s", names[i]);
        struct cJSON *one = get(g, path, KEY);
        struct str shown = json_get_text(one, "display_name"),
                   id = json_get_text(one, "bedrock_model_id");
        const struct catalogue_row *row = catalogue_find(id);
        int64_t most = 0;
        assert_non_null(row);
        if (!text_eq(shown, catalogue_text(row, CATALOGUE_NAME))) {
            fail_msg("%s is called %.*s", names[i], STR_ARG(shown));
        }
        if (catalogue_number(row, CATALOGUE_CONTEXT) != CATALOGUE_NONE) {
            assert_true(json_get_i64(one, "max_input_tokens", &most));
            assert_int_equal(most, catalogue_number(row, CATALOGUE_CONTEXT));
        }
        if (catalogue_number(row, CATALOGUE_OUTPUT) != CATALOGUE_NONE) {
            assert_true(json_get_i64(one, "max_tokens", &most));
            assert_int_equal(most, catalogue_number(row, CATALOGUE_OUTPUT));
        }
        families += !text_starts(text_from(names[i]), STR("claude-"));
        json_free(one);
    }
    assert_true(families > 50);
    for (size_t i = 0; i < 20; i++) { /* a picker's first page */
        assert_true(text_starts(text_from(names[i]), STR("claude-")));
    }
    static const char *const there[] = {"claude-sonnet-5-5", "amazon.nova-lite-v1:0",
                                        "us.deepseek.r1-v1:0", "qwen.qwen3-32b-v1:0"};
    static const char *const absent[] = {"claude-sonnet-4-0", "gpt-4o", "haiku",
                                         "claude-3-5-sonnet-latest"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(is_offered(g, there[i]));
        assert_false(is_offered(g, absent[i]));
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
        GATEWAY(test_list_begins_with_mapped_names_and_tells_no_arn),
        GATEWAY(test_list_has_only_what_the_key_may_use),
        GATEWAY(test_list_has_each_model_once_by_its_name_and_no_retired_one),
        GATEWAY(test_one_model_in_both_dialects),
        GATEWAY(test_one_unknown_model_is_404_in_the_callers_dialect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
