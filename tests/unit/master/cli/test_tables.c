#include "master/cli/tables.h"

#include "tests/unit/dynamo_stage.h"

#define MISSING "{\"__type\":\"x#ResourceNotFoundException\"}"
#define SIMPLE  "\"KeySchema\":[{\"AttributeName\":\"api_key\",\"KeyType\":\"HASH\"}]"
#define KEYS_INDEX                                                                             \
    ",\"GlobalSecondaryIndexes\":[{\"KeySchema\":[{\"AttributeName\":\"user_id\",\"KeyType\":" \
    "\"HASH\"}]}]"
#define TABLE(status, rest) "{\"Table\":{\"TableStatus\":\"" status "\"," rest "}}"
#define USAGE                                                                                 \
    "\"KeySchema\":[{\"AttributeName\":\"api_key\",\"KeyType\":\"HASH\"},{\"AttributeName\":" \
    "\"timestamp\",\"KeyType\":\"RANGE\"}],\"GlobalSecondaryIndexes\":[{\"KeySchema\":[{"     \
    "\"AttributeName\":\"request_id\",\"KeyType\":\"HASH\"}]}]"

static unsigned progressed;

static void progress(const char *table, const char *status)
{
    (void)table;
    (void)status;
    progressed++;
}

static struct tables_outcome make(size_t i, uint32_t wait_ms)
{
    struct dynamo *d;
    struct err err;
    struct tables_outcome out;
    progressed = 0;
    assert_int_equal(dynamo_new(&stage_config, &d, &err), STATUS_OK);
    tables_make(d, &stage_config, i, wait_ms, progress, &out);
    dynamo_drop(d);
    return out;
}

static void assert_sent(unsigned i, const char *operation, const char *body)
{
    char target[80];
    snprintf(target, sizeof target, "x-amz-target: DynamoDB_20120810.%s\r\n", operation);
    if (i >= stage->next || !strstr(stage->requests[i], target)) {
        fail_msg("request %u of %u is no %s:\n%s", i, stage->next, operation, stage->requests[i]);
    }
    assert_string_equal(stage_body(i), body);
}

static void test_rows_names_are_unique_and_settings(void **state)
{
    (void)state;
    static const char *const names[] = {"keys", "usage", "stats", "mapping", "pricing", "beta"};
    assert_int_equal(TABLES_COUNT, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < TABLES_COUNT; i++) {
        const struct tables_row *row = tables_row(i);
        assert_string_equal(tables_name(&stage_config, i), names[i]);
        assert_true(strncmp(row->setting, "DYNAMODB_", 9) == 0 && row->hash[0]);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(row->suffix, tables_row(k)->suffix);
        }
    }
}

static void test_make_missing_table_word_for_word(void **state)
{
    (void)state;
    stage_reply("400 E", MISSING);
    stage_reply(NULL, "{}");
    stage_reply("400 E", MISSING); /* a read that lags behind */
    stage_reply(NULL, TABLE("CREATING", USAGE));
    stage_reply(NULL, TABLE("ACTIVE", USAGE));
    stage_reply(NULL, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}");
    stage_reply(NULL, "{}");
    struct tables_outcome out = make(TABLES_NUMBER_table_usage, 5000);
    assert_int_equal(out.done, TABLES_CREATED);
    assert_string_equal(out.note, "");
    assert_sent(0, "DescribeTable", "{\"TableName\":\"usage\"}");
    assert_sent(
        1, "CreateTable",
        "{\"TableName\":\"usage\",\"AttributeDefinitions\":[{\"AttributeName\":\"api_key\","
        "\"AttributeType\":\"S\"},{\"AttributeName\":\"timestamp\",\"AttributeType\":\"S\"},{"
        "\"AttributeName\":\"request_id\",\"AttributeType\":\"S\"}],\"KeySchema\":[{"
        "\"AttributeName\":\"api_key\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"timestamp\","
        "\"KeyType\":\"RANGE\"}],\"GlobalSecondaryIndexes\":[{\"IndexName\":\"request_id-index\","
        "\"KeySchema\":[{\"AttributeName\":\"request_id\",\"KeyType\":\"HASH\"}],\"Projection\":{"
        "\"ProjectionType\":\"ALL\"}}],\"BillingMode\":\"PAY_PER_REQUEST\"}");
    assert_sent(5, "DescribeTimeToLive", "{\"TableName\":\"usage\"}");
    assert_sent(6, "UpdateTimeToLive",
                "{\"TableName\":\"usage\",\"TimeToLiveSpecification\":{\"Enabled\":true,"
                "\"AttributeName\":\"ttl\"}}");
    assert_int_equal(stage->next, 7);
}

static void test_make_what_is_there_is_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t table;
        const char *described, *then;
        enum tables_done done;
        const char *note;
    } rows[] = {
        {"all right", TABLES_NUMBER_table_api_keys, TABLE("ACTIVE", SIMPLE KEYS_INDEX), NULL,
         TABLES_EXISTS, ""},
        {"an older tool's", TABLES_NUMBER_table_api_keys, TABLE("ACTIVE", SIMPLE), NULL,
         TABLES_EXISTS, "without the index user_id-index"},
        {"updating", TABLES_NUMBER_table_usage_stats, TABLE("ACTIVE", SIMPLE), NULL, TABLES_EXISTS,
         ""},
        {"other keys", TABLES_NUMBER_table_model_mapping, TABLE("ACTIVE", SIMPLE), NULL,
         TABLES_FAILED, "there is a table of this name with other keys than anthropic_model_id"},
        {"no sort key", TABLES_NUMBER_table_usage, TABLE("ACTIVE", SIMPLE), NULL, TABLES_FAILED,
         "there is a table of this name with other keys than api_key and timestamp"},
        {"a sort key", TABLES_NUMBER_table_usage_stats, TABLE("ACTIVE", USAGE), NULL, TABLES_FAILED,
         "there is a table of this name with other keys than api_key"},
        {"ttl on", TABLES_NUMBER_table_usage, TABLE("ACTIVE", USAGE),
         "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLING\"}}", TABLES_EXISTS, ""},
        {"shape", TABLES_NUMBER_table_usage, "{}", NULL, TABLES_FAILED,
         "there is a table of this name with other keys than api_key and timestamp"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage_clear();
        stage_reply(NULL, rows[i].described);
        stage_reply(NULL, rows[i].described);
        if (rows[i].then) {
            stage_reply(NULL, rows[i].then);
        }
        struct tables_outcome out = make(rows[i].table, 1000);
        if (out.done != rows[i].done || strcmp(out.note, rows[i].note) != 0) {
            fail_msg("row %s: %d \"%s\"", rows[i].name, (int)out.done, out.note);
        }
        assert_true(stage->next <= stage->reply_count);
    }
}

static void test_make_emulator_without_ttl_is_a_note(void **state)
{
    (void)state;
    stage_reply(NULL, TABLE("ACTIVE", USAGE));
    stage_reply(NULL, TABLE("ACTIVE", USAGE));
    stage_reply("400 E", "{\"__type\":\"x#UnknownOperationException\"}");
    stage_reply("400 E", "{\"__type\":\"x#UnknownOperationException\"}");
    struct tables_outcome out = make(TABLES_NUMBER_table_usage, 1000);
    assert_int_equal(out.done, TABLES_EXISTS);
    assert_non_null(strstr(out.note, "UpdateTimeToLive"));
}

static void test_make_refusals_are_failures(void **state)
{
    (void)state;
    static const struct {
        const char *name, *create, *create_status, *ttl, *note;
        enum tables_done done;
    } rows[] = {
        {"denied", "{\"__type\":\"AccessDeniedException\"}", "400 E", NULL,
         "DynamoDB CreateTable: AccessDeniedException", TABLES_FAILED},
        {"somebody was faster", "{\"__type\":\"ResourceInUseException\"}", "400 E",
         "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\"}}", "", TABLES_EXISTS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage_clear();
        stage_reply("400 E", MISSING);
        stage_reply(rows[i].create_status, rows[i].create);
        stage_reply(NULL, TABLE("ACTIVE", USAGE));
        if (rows[i].ttl) {
            stage_reply(NULL, rows[i].ttl);
        }
        struct tables_outcome out = make(TABLES_NUMBER_table_usage, 1000);
        if (out.done != rows[i].done || strcmp(out.note, rows[i].note) != 0) {
            fail_msg("row %s: %d \"%s\"", rows[i].name, (int)out.done, out.note);
        }
    }
}

static void test_make_stuck_in_creating_is_told_in_time(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        stage_reply(NULL, TABLE("CREATING", SIMPLE KEYS_INDEX));
    }
    struct tables_outcome out = make(TABLES_NUMBER_table_api_keys, 500);
    assert_int_equal(out.done, TABLES_FAILED);
    assert_string_equal(out.note, "still CREATING after 0 s");
    assert_int_equal(progressed, 0); /* only waits of a second are told */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_rows_names_are_unique_and_settings),
        STAGE_TEST(test_make_missing_table_word_for_word),
        STAGE_TEST(test_make_what_is_there_is_left_alone),
        STAGE_TEST(test_make_emulator_without_ttl_is_a_note),
        STAGE_TEST(test_make_refusals_are_failures),
        STAGE_TEST(test_make_stuck_in_creating_is_told_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
