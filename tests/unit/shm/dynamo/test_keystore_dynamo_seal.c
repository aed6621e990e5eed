/* The key of sealed reasoning in DynamoDB: what is asked, and who wins. */
#include "shm/dynamo/keystore_dynamo_private.h"

#include "shm/dynamo/keystore_dynamo.h"
#include "tests/unit/dynamo_stage.h"

#define A8      "6161616161616161"
#define ITEM(h) "{\"Item\":{\"api_key\":{\"S\":\"x\"},\"seal_key\":{\"S\":\"" h "\"}}}"
#define LOST                                                                            \
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\"," \
    "\"message\":\"The conditional request failed\"}"

static enum status ask(char letter, uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    struct keystore *k = NULL;
    uint8_t fresh[SEAL_KEY_SIZE];
    memset(fresh, letter, sizeof fresh);
    assert_int_equal(keystore_dynamo_open(&stage_config, &k, err), STATUS_OK);
    enum status status = keystore_seal_key(k, fresh, out, err);
    keystore_close(k);
    return status;
}

static void test_key_that_is_there_is_taken(void **state)
{
    (void)state;
    struct err err;
    uint8_t key[SEAL_KEY_SIZE];
    stage_reply(NULL, ITEM(A8 A8 A8 A8));
    assert_int_equal(ask('b', key, &err), STATUS_OK);
    assert_true(key[0] == 'a' && key[31] == 'a');
    assert_int_equal(stage->next, 1);
    assert_string_equal(stage_body(0),
                        "{\"TableName\":\"stats\",\"Key\":{\"api_key\":{\"S\":\"__llm-api-"
                        "converter-seal-key__\"}},\"ConsistentRead\":true}");
}

static void test_key_is_made_once_on_condition(void **state)
{
    (void)state;
    struct err err;
    uint8_t key[SEAL_KEY_SIZE];
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    stage_reply(NULL, ITEM(A8 A8 A8 A8));
    assert_int_equal(ask('a', key, &err), STATUS_OK);
    assert_int_equal(key[0], 'a');
    assert_non_null(strstr(stage_body(1), "\"seal_key\":{\"S\":\"" A8 A8 A8 A8 "\"}"));
    assert_non_null(
        strstr(stage_body(1), "\"ConditionExpression\":\"attribute_not_exists(api_key)\""));
    stage_clear(); /* another server was faster */
    stage_reply(NULL, "{}");
    stage_reply("400 Bad Request", LOST);
    stage_reply(NULL, ITEM(A8 A8 A8 A8));
    assert_int_equal(ask('b', key, &err), STATUS_OK);
    assert_int_equal(key[0], 'a');
}

static void test_what_is_no_key_or_cannot_be_written_is_unavailable(void **state)
{
    (void)state;
    static const char *const bad[] = {ITEM("61"), "{\"Item\":{\"seal_key\":{\"N\":\"1\"}}}",
                                      ITEM("zz"), "{\"Item\":{}}"};
    struct err err;
    uint8_t key[SEAL_KEY_SIZE];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        stage_clear();
        stage_reply(NULL, bad[i]);
        assert_int_equal(ask('b', key, &err), STATUS_UNAVAILABLE);
        assert_int_equal(stage->next, 1); /* it is not overwritten */
    }
    stage_clear();
    stage_reply(NULL, "{}");
    stage_reply(
        "400 Bad Request",
        "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\",\"Message\":\"no\"}");
    assert_int_equal(ask('b', key, &err), STATUS_UNAVAILABLE);
    stage_clear();
    for (int i = 0; i < 3; i++) {
        stage_reply(NULL, "{}");
    }
    assert_int_equal(ask('b', key, &err), STATUS_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_key_that_is_there_is_taken),
        STAGE_TEST(test_key_is_made_once_on_condition),
        STAGE_TEST(test_what_is_no_key_or_cannot_be_written_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
