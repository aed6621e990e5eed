#include "shm/dynamo/keystore_dynamo_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct keystore_row read_json(const char *json)
{
    struct err err;
    struct keystore_row row;
    struct cJSON *item = json_parse(text_from(json), &err);
    assert_non_null(item);
    keystore_dynamo_row_read(item, &row);
    json_free(item);
    return row;
}

static void test_read_row_of_the_elder_tool(void **state)
{
    (void)state;
    struct keystore_row row = read_json(
        "{\"api_key\":{\"S\":\"sk-0123456789abcdef0123456789abcdef\"},"
        "\"user_id\":{\"S\":\"alice\"},\"name\":{\"S\":\"nämé\"},\"owner_name\":{\"S\":\"Alice\"},"
        "\"role\":{\"S\":\"Full Access\"},\"created_at\":{\"N\":\"1762000000\"},"
        "\"updated_at\":{\"N\":\"1762000001.25\"},\"is_active\":{\"BOOL\":true},"
        "\"rate_limit\":{\"N\":\"1E3\"},\"tpm_limit\":{\"N\":\"100000\"},"
        "\"service_tier\":{\"S\":\"flex\"},\"monthly_budget\":{\"N\":\"12.50\"},"
        "\"budget_used_mtd\":{\"N\":\"3.25\"},\"budget_mtd_month\":{\"S\":\"2026-01\"},"
        "\"budget_history\":{\"S\":\"{}\"},\"deactivated_reason\":{\"NULL\":true},"
        "\"cache_ttl\":{\"NULL\":true},\"metadata\":{\"M\":{\"a\":{\"L\":[]}}},"
        "\"provider_id\":{\"NULL\":true}}");
    assert_null(row.unreadable);
    assert_string_equal(row.id, "sk-0123456789abcdef0123456789abcdef");
    assert_string_equal(row.name, "nämé");
    assert_true(row.active && row.rate_limit == 1000 && row.tpm_limit == 100000);
    assert_true(row.created_s == 1762000000 && row.updated_s == 1762000001);
    assert_true(row.budget_micro == 12500000 && row.budget_used_micro == 3250000);
    assert_string_equal(row.budget_month, "2026-01");
    assert_string_equal(row.service_tier, "flex");
    assert_string_equal(row.deactivated_reason, "");
    assert_string_equal(row.cache_ttl, "");
}

static void test_read_attribute_by_type(void **state)
{
    (void)state;
    char long_name[600], long_tier[200], long_id[400];
    snprintf(long_name, sizeof long_name, "\"name\":{\"S\":\"%0300d\"}", 7);
    snprintf(long_tier, sizeof long_tier, "\"service_tier\":{\"S\":\"%050d\"}", 7);
    snprintf(long_id, sizeof long_id, "\"api_key\":{\"S\":\"%0300d\"}", 7);
    const struct {
        const char *member, *unreadable;
    } rows[] = {
        {"\"a\":{\"S\":\"unknown attributes do not matter\"}", NULL},
        {"\"rate_limit\":{\"S\":\"many\"}", "rate_limit"},
        {"\"rate_limit\":{\"N\":\"1.5\"}", "rate_limit"},
        {"\"rate_limit\":{\"N\":\"1E40\"}", "rate_limit"},
        {"\"rate_limit\":5", "rate_limit"},
        {"\"tpm_limit\":{\"L\":[]}", "tpm_limit"},
        {"\"is_active\":{\"S\":\"true\"}", "is_active"},
        {"\"is_active\":{\"N\":\"1\"}", "is_active"},
        {"\"monthly_budget\":{\"S\":\"12\"}", "monthly_budget"},
        {"\"monthly_budget\":{\"N\":\"\"}", "monthly_budget"},
        {"\"user_id\":{\"N\":\"7\"}", "user_id"},
        {"\"name\":{\"SS\":[\"a\"]}", "name"},
        {"\"expires_at\":{\"N\":\"1800000000\"}", NULL},
        {"\"expires_at\":{\"S\":\"2027-01-31T00:00:00Z\"}", NULL},
        {"\"expires_at\":{\"S\":\"soon\"}", "expires_at"},
        {"\"expires_at\":{\"BOOL\":true}", "expires_at"},
        {"\"created_at\":{\"S\":\"yesterday\"}", NULL}, /* nothing depends on it */
        {"\"created_at\":{\"BOOL\":true}", NULL},
        {"\"created_at\":{\"S\":\"2025-11-01T12:00:00Z\"}", NULL},
        {long_name, NULL}, /* a label is cut */
        {long_tier, "service_tier"},
        {long_id, "api_key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[1000];
        snprintf(json, sizeof json, "{%s}", rows[i].member);
        struct keystore_row row = read_json(json);
        bool same = rows[i].unreadable
                        ? row.unreadable != NULL && strcmp(row.unreadable, rows[i].unreadable) == 0
                        : row.unreadable == NULL;
        if (!same) {
            fail_msg("%s: unreadable is %s", rows[i].member,
                     row.unreadable ? row.unreadable : "none");
        }
    }
    assert_int_equal(read_json("{\"created_at\":{\"S\":\"2025-11-01T12:00:00Z\"}}").created_s,
                     1761998400);
    assert_int_equal(read_json("{\"created_at\":{\"S\":\"yesterday\"}}").created_s, 0);
    assert_int_equal(read_json("{\"expires_at\":{\"S\":\"2027-01-31T00:00:00Z\"}}").expires_s,
                     1801353600);
    assert_false(read_json("{}").active); /* missing counts as no */
}

static void test_read_label_is_cut_between_characters(void **state)
{
    (void)state;
    char json[600] = "{\"name\":{\"S\":\"x";
    for (int i = 0; i < 100; i++) {
        memcpy(json + strlen(json), "\xC3\xA4", 3);
    }
    memcpy(json + strlen(json), "\"}}", 4);
    struct keystore_row row = read_json(json);
    assert_int_equal(strlen(row.name), 127); /* 1 + 63 * 2; 128 would cut one in two */
    assert_null(row.unreadable);
}

static void test_write_then_read_gives_the_same(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sha256:00",
                               .user_id = "alice",
                               .name = "a \"quoted\" name",
                               .prefix = "sk-dev-abcd...",
                               .created_s = 1762000000,
                               .updated_s = 1762000001,
                               .active = true,
                               .rate_limit = 9007199254740993,
                               .tpm_limit = 5,
                               .max_concurrency = 3,
                               .budget_micro = 12500001,
                               .expires_s = 1800000000,
                               .service_tier = "priority",
                               .cache_ttl = "1h",
                               .models = "claude-*",
                               .guardrail = "gr1:7:async",
                               .project = "proj_a",
                               .budget_mode = "reserve"};
    struct buf b;
    struct json_out w;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    keystore_dynamo_row_write(&w, &row);
    json_object_end(&w);
    buf_put_char(&b, '\0');
    struct keystore_row back = read_json(buf_data(&b));
    assert_memory_equal(&back, &row, sizeof row);
    buf_free(&b);
}

static void test_write_least_row_word_for_word(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sha256:00",
                               .user_id = "alice",
                               .name = "n",
                               .created_s = 7,
                               .updated_s = 7,
                               .active = true,
                               .service_tier = "default"};
    struct buf b;
    struct json_out w;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    keystore_dynamo_row_write(&w, &row);
    json_object_end(&w);
    buf_put_char(&b, '\0');
    assert_string_equal(
        buf_data(&b),
        "{\"api_key\":{\"S\":\"sha256:00\"},\"user_id\":{\"S\":\"alice\"},\"name\":{\"S\":\"n\"},"
        "\"created_at\":{\"N\":\"7\"},\"updated_at\":{\"N\":\"7\"},\"is_active\":{\"BOOL\":true},"
        "\"budget_used_mtd\":{\"N\":\"0\"},\"service_tier\":{\"S\":\"default\"},"
        "\"owner_name\":{\"S\":\"alice\"},\"role\":{\"S\":\"Full Access\"},"
        "\"budget_used\":{\"N\":\"0\"}}");
    buf_free(&b);
}

static void test_projection_marks_every_name(void **state)
{
    (void)state;
    struct buf b;
    struct json_out w;
    struct err err;
    char expected[200] = "";
    size_t n = 0;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    keystore_dynamo_row_projection(&w);
    json_object_end(&w);
    struct cJSON *doc = json_parse(buf_str(&b), &err);
    const struct cJSON *names = json_get(doc, "ExpressionAttributeNames");
    for (const struct cJSON *m = json_child(names); m; m = json_next(m)) {
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%.*s", n ? "," : "",
                              STR_ARG(json_name(m)));
    }
    struct str text = json_get_text(doc, "ProjectionExpression");
    assert_true(text_eq(text, text_from(expected)) && text.n > 40);
    assert_true(text_eq(json_get_text(names, "#0"), STR("api_key")));
    json_free(doc);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_row_of_the_elder_tool),
        cmocka_unit_test(test_read_attribute_by_type),
        cmocka_unit_test(test_read_label_is_cut_between_characters),
        cmocka_unit_test(test_write_then_read_gives_the_same),
        cmocka_unit_test(test_write_least_row_word_for_word),
        cmocka_unit_test(test_projection_marks_every_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
