#include "shm/dynamo/keystore_dynamo.h"

#include "tests/unit/dynamo_stage.h"

#define HASH "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct keystore_row row = {.id = HASH,
                                        .user_id = "alice",
                                        .name = "laptop",
                                        .prefix = "sk-dev-abcd...",
                                        .created_s = 7,
                                        .updated_s = 7,
                                        .active = true,
                                        .service_tier = "default"};

static struct keystore *open_store(void)
{
    struct keystore *k = NULL;
    struct err err;
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, &err), STATUS_OK);
    assert_string_equal(k->ops->name, "dynamodb");
    return k;
}

static void assert_sent(unsigned i, const char *operation, const char *part)
{
    char target[80];
    snprintf(target, sizeof target, "x-amz-target: DynamoDB_20120810.%s\r\n", operation);
    if (i >= stage->next || !strstr(stage->requests[i], target) || !strstr(stage_body(i), part)) {
        fail_msg("request %u of %u is no %s with %s:\n%s", i, stage->next, operation, part,
                 stage->requests[i]);
    }
}

static void test_get_found_missing_and_no_table(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct keystore_row out;
    struct err err;
    stage_reply(NULL, "{\"Item\":{\"api_key\":{\"S\":\"sk-x\"},\"user_id\":{\"S\":\"bob\"}}}");
    stage_reply(NULL, "{}");
    stage_reply("400 E", "{\"__type\":\"x#ResourceNotFoundException\"}");
    assert_int_equal(k->ops->get(k, "sk-x", &out, &err), STATUS_OK);
    assert_string_equal(out.user_id, "bob");
    assert_sent(0, "GetItem",
                "{\"TableName\":\"keys\",\"Key\":{\"api_key\":{\"S\":\"sk-x\"}},"
                "\"ConsistentRead\":true,");
    assert_int_equal(k->ops->get(k, "sk-y", &out, &err), STATUS_NOT_FOUND);
    assert_int_equal(k->ops->get(k, "sk-z", &out, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "table keys does not exist: run setup_tables");
    keystore_close(k);
}

static void test_put_is_conditional_and_raises_the_version(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(k->ops->put(k, &row, &err), STATUS_OK);
    assert_sent(0, "PutItem", "{\"TableName\":\"keys\",\"Item\":{\"api_key\":{\"S\":\"" HASH "\"}");
    assert_sent(0, "PutItem", "\"ConditionExpression\":\"attribute_not_exists(api_key)\"}");
    assert_sent(1, "UpdateItem",
                "{\"TableName\":\"stats\",\"Key\":{\"api_key\":{\"S\":"
                "\"__llm-api-converter-version__\"}},\"UpdateExpression\":\"ADD #v :one\","
                "\"ExpressionAttributeNames\":{\"#v\":\"version\"},"
                "\"ExpressionAttributeValues\":{\":one\":{\"N\":\"1\"}}}");
    assert_int_equal(stage->next, 2);
    keystore_close(k);
}

static void test_put_version_not_raised_is_no_failure(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply("400 E", "{\"__type\":\"AccessDeniedException\"}");
    assert_int_equal(k->ops->put(k, &row, &err), STATUS_OK);
    keystore_close(k);
}

#define CLASH "{\"__type\":\"x#ConditionalCheckFailedException\"}"
#define OURS                                                                     \
    "{\"Item\":{\"api_key\":{\"S\":\"" HASH "\"},\"user_id\":{\"S\":\"alice\"}," \
    "\"name\":{\"S\":\"laptop\"},\"key_prefix\":{\"S\":\"sk-dev-abcd...\"},"     \
    "\"created_at\":{\"N\":\"7\"}}}"
#define THEIRS "{\"Item\":{\"api_key\":{\"S\":\"" HASH "\"},\"user_id\":{\"S\":\"eve\"}}}"

static void test_put_clash_by_what_came_before(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool unheard; /* a first attempt that was carried out without an answer */
        const char *there;
        enum status status;
    } rows[] = {
        {"somebody else's", false, NULL, STATUS_INVALID},
        {"our own", true, OURS, STATUS_OK},
        {"unheard, yet somebody else's", true, THEIRS, STATUS_INVALID},
        {"unheard, then nothing", true, "{}", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore *k = open_store();
        struct err err;
        stage_clear();
        if (rows[i].unheard) {
            stage_reply(NULL, "")->end = STAGE_RESET;
        }
        stage_reply("400 E", CLASH);
        if (rows[i].there) {
            stage_reply(NULL, rows[i].there);
        }
        stage_reply(NULL, "{}");
        if (k->ops->put(k, &row, &err) != rows[i].status) {
            fail_msg("row %s: %s", rows[i].name, err.text);
        }
        keystore_close(k);
    }
}

static void test_put_refused_is_told(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    stage_reply("400 E", "{\"__type\":\"AccessDeniedException\",\"message\":\"no PutItem\"}");
    assert_int_equal(k->ops->put(k, &row, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "DynamoDB PutItem: AccessDeniedException: no PutItem");
    assert_int_equal(stage->next, 1);
    keystore_close(k);
}

static void test_revoke_updates_only_what_exists(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    stage_reply("400 E", CLASH);
    assert_int_equal(k->ops->revoke(k, HASH, "a \"reason\"", &err), STATUS_OK);
    assert_sent(0, "UpdateItem",
                "\"UpdateExpression\":\"SET is_active = :no, deactivated_reason = :reason, "
                "updated_at = :now\",\"ConditionExpression\":\"attribute_exists(api_key)\","
                "\"ExpressionAttributeValues\":{\":no\":{\"BOOL\":false},\":reason\":{\"S\":\"a "
                "\\\"reason\\\"\"},\":now\":{\"N\":\"");
    assert_sent(1, "UpdateItem", "ADD #v :one");
    assert_int_equal(k->ops->revoke(k, HASH, "r", &err), STATUS_NOT_FOUND);
    assert_int_equal(stage->next, 3); /* and no new version */
    keystore_close(k);
}

static void test_version_by_item(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum status status;
        int64_t version;
    } rows[] = {
        {"{}", STATUS_OK, 0},
        {"{\"Item\":{\"version\":{\"N\":\"42\"}}}", STATUS_OK, 42},
        {"{\"Item\":{\"api_key\":{\"S\":\"x\"}}}", STATUS_OK, 0},
        {"{\"Item\":{\"version\":{\"S\":\"42\"}}}", STATUS_UNAVAILABLE, 0},
        {"{\"Item\":{\"version\":{\"N\":\"x\"}}}", STATUS_UNAVAILABLE, 0},
    };
    struct keystore *k = open_store();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t version = -1;
        struct err err;
        stage_clear();
        stage_reply(NULL, rows[i].body);
        if (k->ops->version(k, &version, &err) != rows[i].status || version != rows[i].version) {
            fail_msg("%s: %lld", rows[i].body, (long long)version);
        }
        assert_sent(0, "GetItem", "\"ConsistentRead\":true");
    }
    keystore_close(k);
}

static bool never(void *ctx)
{
    ++*(int *)ctx;
    return false;
}

static void test_wait_function_can_end_a_call(void **state)
{
    (void)state;
    struct keystore *k = open_store();
    struct err err;
    int calls = 0;
    int64_t version;
    k->on_wait = never;
    k->wait_ctx = &calls;
    assert_int_equal(k->ops->version(k, &version, &err), STATUS_UNAVAILABLE);
    assert_true(calls == 1 && stage->next == 0);
    keystore_close(k);
}

static void test_open_unusable_endpoint_is_invalid(void **state)
{
    (void)state;
    struct keystore *k = NULL;
    struct err err;
    stage_config.dynamodb_endpoint_url = "http://";
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, &err), STATUS_INVALID);
    assert_null(k);
}

static void test_open_without_memory_is_unavailable(void **state)
{
    (void)state;
    struct keystore *k = NULL;
    struct err err;
    heap_fail_after(1);
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, &err), STATUS_UNAVAILABLE);
    heap_fail_after(0);
    assert_null(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_get_found_missing_and_no_table),
        STAGE_TEST(test_put_is_conditional_and_raises_the_version),
        STAGE_TEST(test_put_version_not_raised_is_no_failure),
        STAGE_TEST(test_put_clash_by_what_came_before),
        STAGE_TEST(test_put_refused_is_told),
        STAGE_TEST(test_revoke_updates_only_what_exists),
        STAGE_TEST(test_version_by_item),
        STAGE_TEST(test_wait_function_can_end_a_call),
        STAGE_TEST(test_open_unusable_endpoint_is_invalid),
        STAGE_TEST(test_open_without_memory_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
