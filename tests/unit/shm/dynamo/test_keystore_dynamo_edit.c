#include "shm/dynamo/keystore_dynamo.h"

#include "tests/unit/dynamo_stage.h"

#define GONE "{\"__type\":\"x#ConditionalCheckFailedException\"}"

static struct keystore *store;

static int open_store(void **state)
{
    struct err err;
    if (stage_up(state) != 0) {
        return -1;
    }
    clock_freeze_real_ms(7000);
    return keystore_dynamo_open(&stage_config, &store, &err) == STATUS_OK ? 0 : -1;
}

static int close_store(void **state)
{
    keystore_close(store);
    return stage_down(state);
}

/* The whole request: what is written to others' tables is worth each character. */
static void assert_sent(unsigned i, const char *operation, const char *body)
{
    char target[80];
    snprintf(target, sizeof target, "x-amz-target: DynamoDB_20120810.%s\r\n", operation);
    if (i >= stage->next || !strstr(stage->requests[i], target)) {
        fail_msg("request %u of %u is no %s", i, stage->next, operation);
    }
    assert_string_equal(stage_body(i), body);
}

static void assert_version_raised(unsigned i)
{
    assert_int_equal(stage->next, i + 1);
    assert_non_null(strstr(stage_body(i), "\"UpdateExpression\":\"ADD #v :one\""));
}

static void test_update_sets_and_removes_what_is_given(void **state)
{
    (void)state;
    struct keystore_row row = {
        .id = "sk-a", .name = "a \"b\"", .rate_limit = 5, .budget_micro = 12500000, .active = true};
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(
        store->ops->edit->update(store, &row,
                                 KEYSTORE_EDIT(name) | KEYSTORE_EDIT(rate_limit) |
                                     KEYSTORE_EDIT(monthly_budget) | KEYSTORE_EDIT(expires_at) |
                                     KEYSTORE_EDIT(is_active) | KEYSTORE_EDIT(deactivated_reason),
                                 &err),
        STATUS_OK);
    assert_sent(0, "UpdateItem",
                "{\"TableName\":\"keys\",\"Key\":{\"api_key\":{\"S\":\"sk-a\"}},"
                "\"UpdateExpression\":\"SET updated_at = :now, #0 = :0, #1 = :1, #4 = :4,"
                " #10 = :10 REMOVE #6, #11\",\"ConditionExpression\":\"attribute_exists(api_key)\","
                "\"ExpressionAttributeNames\":{\"#0\":\"name\",\"#1\":\"rate_limit\","
                "\"#4\":\"monthly_budget\",\"#6\":\"expires_at\",\"#10\":\"is_active\","
                "\"#11\":\"deactivated_reason\"},\"ExpressionAttributeValues\":{"
                "\":now\":{\"N\":\"7\"},\":0\":{\"S\":\"a \\\"b\\\"\"},\":1\":{\"N\":\"5\"},"
                "\":4\":{\"N\":\"12.5\"},\":10\":{\"BOOL\":true}}}");
    assert_version_raised(1);
}

static void test_update_to_inactive_is_no_removal(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-a"};
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->edit->update(store, &row, KEYSTORE_EDIT(is_active), &err),
                     STATUS_OK);
    assert_non_null(strstr(stage_body(0), "\"SET updated_at = :now, #10 = :10\""));
    assert_non_null(strstr(stage_body(0), "\":10\":{\"BOOL\":false}"));
}

static void test_update_unknown_key_is_not_found(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-a"};
    struct err err;
    stage_reply("400 E", GONE);
    assert_int_equal(store->ops->edit->update(store, &row, KEYSTORE_EDIT(rate_limit), &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(stage->next, 1);
}

static void test_mapping_put_and_dropped(void **state)
{
    (void)state;
    struct err err;
    static const struct keystore_mapping plain = {.from = STR("claude-x"), .to = STR("qwen.y")};
    static const struct keystore_mapping declared = {
        .from = STR("claude-x"), .to = STR("arn:a"), .as = STR("claude-opus-4-8")};
    for (int i = 0; i < 6; i++) {
        stage_reply(NULL, "{}");
    }
    assert_int_equal(store->ops->edit->put_mapping(store, &plain, &err), STATUS_OK);
    assert_sent(0, "PutItem",
                "{\"TableName\":\"mapping\",\"Item\":{\"anthropic_model_id\":{\"S\":\"claude-x\"},"
                "\"bedrock_model_id\":{\"S\":\"qwen.y\"},\"updated_at\":{\"N\":\"7\"}}}");
    assert_version_raised(1);
    assert_int_equal(store->ops->edit->drop_mapping(store, "claude-x", &err), STATUS_OK);
    assert_sent(2, "DeleteItem",
                "{\"TableName\":\"mapping\",\"Key\":{\"anthropic_model_id\":{\"S\":\"claude-x\"}},"
                "\"ConditionExpression\":\"attribute_exists(anthropic_model_id)\"}");
    assert_version_raised(3);
    assert_int_equal(store->ops->edit->put_mapping(store, &declared, &err), STATUS_OK);
    assert_sent(
        4, "PutItem",
        "{\"TableName\":\"mapping\",\"Item\":{\"anthropic_model_id\":{\"S\":\"claude-x\"},"
        "\"bedrock_model_id\":{\"S\":\"arn:a\"},\"as_model_id\":{\"S\":\"claude-opus-4-8\"},"
        "\"updated_at\":{\"N\":\"7\"}}}");
}

static void test_drop_missing_by_what_came_before(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool unheard; /* a first attempt that was carried out without an answer */
        enum status status;
    } rows[] = {{"never there", false, STATUS_NOT_FOUND}, {"our own doing", true, STATUS_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        stage_clear();
        keystore_close(store); /* a new connection: on a used one curl repeats by itself */
        assert_int_equal(keystore_dynamo_open(&stage_config, &store, &err), STATUS_OK);
        if (rows[i].unheard) {
            stage_reply(NULL, "")->end = STAGE_RESET;
        }
        stage_reply("400 E", GONE);
        stage_reply(NULL, "{}");
        if (store->ops->edit->drop_price(store, "m", &err) != rows[i].status) {
            fail_msg("row %s: %s", rows[i].name, err.text);
        }
    }
}

static void test_price_put_writes_the_older_tools_attributes(void **state)
{
    (void)state;
    struct keystore_price p = {.model = "us.amazon.nova",
                               .active = true,
                               .price = {60000, 240000, 0, KEYSTORE_PRICE_NONE}};
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->edit->put_price(store, &p, &err), STATUS_OK);
    assert_sent(0, "UpdateItem",
                "{\"TableName\":\"pricing\",\"Key\":{\"model_id\":{\"S\":\"us.amazon.nova\"}},"
                "\"UpdateExpression\":\"SET #s = :state, updated_at = :now, input_price = :in,"
                " output_price = :out, cache_read_price = :read, cache_write_price = :write,"
                " display_name = if_not_exists(display_name, :model),"
                " created_at = if_not_exists(created_at, :now),"
                " provider = if_not_exists(provider, :provider)\","
                "\"ExpressionAttributeNames\":{\"#s\":\"status\"},"
                "\"ExpressionAttributeValues\":{\":state\":{\"S\":\"active\"},"
                "\":now\":{\"N\":\"7\"},\":in\":{\"N\":\"0.06\"},\":out\":{\"N\":\"0.24\"},"
                "\":read\":{\"N\":\"0\"},\":write\":{\"NULL\":true},"
                "\":model\":{\"S\":\"us.amazon.nova\"},\":provider\":{\"S\":\"amazon\"}}}");
    assert_version_raised(1);
}

static void test_price_of_an_arn_has_no_provider(void **state)
{
    (void)state;
    struct keystore_price p = {.model = "arn:aws:bedrock:us-east-1:1:custom-model/abc",
                               .active = true};
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->edit->put_price(store, &p, &err), STATUS_OK);
    assert_null(strstr(stage_body(0), "provider"));
}

static void test_price_status_alone_needs_a_row(void **state)
{
    (void)state;
    struct keystore_price p = {.model = "m", .price.input = KEYSTORE_PRICE_NONE};
    struct err err;
    stage_reply("400 E", GONE);
    assert_int_equal(store->ops->edit->put_price(store, &p, &err), STATUS_NOT_FOUND);
    assert_sent(0, "UpdateItem",
                "{\"TableName\":\"pricing\",\"Key\":{\"model_id\":{\"S\":\"m\"}},"
                "\"UpdateExpression\":\"SET #s = :state, updated_at = :now\","
                "\"ExpressionAttributeNames\":{\"#s\":\"status\"},\"ExpressionAttributeValues\":{"
                "\":state\":{\"S\":\"disabled\"},\":now\":{\"N\":\"7\"}},"
                "\"ConditionExpression\":\"attribute_exists(model_id)\"}");
    assert_string_equal(err.text, "there is no such price");
}

static void test_write_refused_by_aws_is_told(void **state)
{
    (void)state;
    struct err err;
    stage_reply("400 E", "{\"__type\":\"AccessDeniedException\",\"message\":\"no DeleteItem\"}");
    assert_int_equal(store->ops->edit->drop_mapping(store, "a", &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "DynamoDB DeleteItem: AccessDeniedException: no DeleteItem");
}

#define EDIT_TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EDIT_TEST(test_update_sets_and_removes_what_is_given),
        EDIT_TEST(test_update_to_inactive_is_no_removal),
        EDIT_TEST(test_update_unknown_key_is_not_found),
        EDIT_TEST(test_mapping_put_and_dropped),
        EDIT_TEST(test_drop_missing_by_what_came_before),
        EDIT_TEST(test_price_put_writes_the_older_tools_attributes),
        EDIT_TEST(test_price_of_an_arn_has_no_provider),
        EDIT_TEST(test_price_status_alone_needs_a_row),
        EDIT_TEST(test_write_refused_by_aws_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
