#include "shm/dynamo/keystore_dynamo_private.h"

#include "shm/dynamo/keystore_dynamo.h"
#include "tests/unit/dynamo_stage.h"

static struct keystore *open_store(void)
{
    struct keystore *k = NULL;
    struct err err;
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, &err), STATUS_OK);
    return k;
}

static bool note_mapping(void *ctx, const struct keystore_mapping *m)
{
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 500 - n, "%.*s>%.*s(%.*s) ", STR_ARG(m->from), STR_ARG(m->to),
             STR_ARG(m->as));
    return true;
}

static void test_mappings_of_every_page(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    char text[500] = "";
    stage_reply(NULL, "{\"Items\":[{\"anthropic_model_id\":{\"S\":\"a\"},\"bedrock_model_id\":{"
                      "\"S\":\"b\"},\"as_model_id\":{\"S\":\"z\"},\"updated_at\":{\"N\":\"1\"}}],"
                      "\"LastEvaluatedKey\":{"
                      "\"anthropic_model_id\":{\"S\":\"a\"}}}");
    stage_reply(NULL, "{\"Items\":[{\"anthropic_model_id\":{\"S\":\"c\"}},{\"bedrock_model_id\":{"
                      "\"M\":{}}}]}");
    assert_int_equal(k->ops->mappings(k, note_mapping, text, &err), STATUS_OK);
    assert_string_equal(text, "a>b(z) c>() >() ");
    assert_non_null(strstr(stage_body(1), "{\"TableName\":\"mapping\""));
    assert_non_null(strstr(stage_body(1), "\"ExclusiveStartKey\":{\"anthropic_model_id\""));
    keystore_close(k);
}

static bool note_beta(void *ctx, const struct directory_beta *rule, bool whole)
{
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 500 - n, "%s>%s ", rule->name, whole ? rule->to : "?");
    return true;
}

static void test_betas_by_row(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    char text[500] = "";
    stage_reply(NULL,
                "{\"Items\":[{\"header_name\":{\"S\":\"a\"},\"header_type\":{\"S\":\"mapping\"},"
                "\"mapped_to\":{\"L\":[{\"S\":\"b\"},{\"S\":\"c\"}]}},"
                "{\"header_name\":{\"S\":\"d\"},\"header_type\":{\"S\":\"blocklist\"},"
                "\"mapped_to\":{\"NULL\":true}},"
                "{\"header_name\":{\"S\":\"e\"},\"header_type\":{\"S\":\"mapping\"},"
                "\"mapped_to\":{\"S\":\"b\"}},"
                "{\"header_name\":{\"N\":\"1\"}}]}");
    assert_int_equal(k->ops->betas(k, note_beta, text, &err), STATUS_OK);
    assert_string_equal(text, "a>b,c d> e>? 1>? ");
    assert_non_null(strstr(stage_body(0), "{\"TableName\":\"beta\""));
    assert_non_null(
        strstr(stage_body(0), "\"ProjectionExpression\":\"header_name,header_type,mapped_to\""));
    keystore_close(k);
}

/* The Rust gateway's set-up makes none; a refusal is told. */
static void test_betas_without_the_table_are_none(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    char text[500] = "";
    stage_reply("400 Bad Request",
                "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\"}");
    stage_reply("400 Bad Request",
                "{\"__type\":\"com.amazonaws.dynamodb.v20120810#AccessDeniedException\"}");
    assert_int_equal(k->ops->betas(k, note_beta, text, &err), STATUS_OK);
    assert_int_equal(k->ops->betas(k, note_beta, text, &err), STATUS_UNAVAILABLE);
    assert_string_equal(text, "");
    keystore_close(k);
}

static bool note_price(void *ctx, const struct keystore_price *p)
{
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 500 - n, "%s %d %d", p->model, p->active, p->readable);
    n = strlen(text);
    if (p->readable) {
        snprintf(text + n, 500 - n, " %llu/%llu/%llu/%llu", (unsigned long long)p->price.input,
                 (unsigned long long)p->price.output, (unsigned long long)p->price.cache_read,
                 (unsigned long long)p->price.cache_write);
    }
    return true;
}

static void test_prices_by_row(void **state)
{
    (void)state;
    static const struct {
        const char *item, *expected;
    } rows[] = {
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"0.8\"},\"output_price\":{\"N\":\"4\"}"
         ","
         "\"cache_read_price\":{\"N\":\"0.08\"},\"cache_write_price\":{\"N\":\"1\"},"
         "\"status\":{\"S\":\"active\"}",
         "m 1 1 800000/4000000/80000/1000000"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"3\"},\"output_price\":{\"N\":\"15\"},"
         "\"cache_read_price\":{\"NULL\":true}",
         "m 1 1 3000000/15000000/3000000/3000000"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"3\"},\"output_price\":{\"N\":\"15\"},"
         "\"status\":{\"S\":\"disabled\"}",
         "m 0 1 3000000/15000000/3000000/3000000"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"3\"}", "m 1 0"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"S\":\"3\"},\"output_price\":{\"N\":\"1\"}",
         "m 1 0"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"-3\"},\"output_price\":{\"N\":\"1\"}",
         "m 1 0"},
        {"\"model_id\":{\"S\":\"m\"},\"input_price\":{\"N\":\"0\"},\"output_price\":{\"N\":\"0\"},"
         "\"cache_write_price\":{\"S\":\"x\"}",
         "m 1 0"},
    };
    struct keystore *k = open_store();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[500] = "", body[1000];
        struct err err;
        stage_clear();
        snprintf(body, sizeof body, "{\"Items\":[{%s}]}", rows[i].item);
        stage_reply(NULL, body);
        assert_int_equal(k->ops->prices(k, note_price, text, &err), STATUS_OK);
        assert_string_equal(text, rows[i].expected);
        assert_non_null(strstr(stage_body(0), "{\"TableName\":\"pricing\""));
        assert_non_null(strstr(stage_body(0), "\"ExpressionAttributeNames\":{\"#s\":\"status\"}"));
    }
    keystore_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_mappings_of_every_page),
        STAGE_TEST(test_betas_by_row),
        STAGE_TEST(test_betas_without_the_table_are_none),
        STAGE_TEST(test_prices_by_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
