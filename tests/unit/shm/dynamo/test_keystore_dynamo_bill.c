/* Other costs for rows in DynamoDB, and a month set back: one transaction each, whatever answer is
 * lost and whoever else writes. */
#include "shm/dynamo/keystore_dynamo.h"

#include "tests/unit/dynamo_stage.h"

#define NOW_S 1768435200 /* 2026-01-15 */
#define GONE \
    "{\"__type\":\"x#TransactionCanceledException\",\"message\":\"[ConditionalCheckFailed]\"}"
#define KEY_ITEM                                                                                \
    "{\"Item\":{\"api_key\":{\"S\":\"sk-a\"},\"is_active\":{\"BOOL\":true},\"budget_used\":"    \
    "{\"N\":\"3\"},\"budget_used_mtd\":{\"N\":\"1\"},\"budget_mtd_month\":{\"S\":\"2026-01\"}," \
    "\"usage_flushers\":{\"S\":\"2a:1:2\"}"
#define ROW_ITEM(cost) "{\"Item\":{\"cost_micro\":{\"N\":\"" cost "\"}}}"

static struct keystore *store;
static struct err err;

static int open_store(void **state)
{
    if (stage_up(state) != 0) {
        return -1;
    }
    clock_freeze_real_ms(NOW_S * 1000ll);
    return keystore_dynamo_open(&stage_config, &store, &err) == STATUS_OK ? 0 : -1;
}

static int close_store(void **state)
{
    keystore_close(store);
    return stage_down(state);
}

static struct keystore_bill_row row(const char *place, uint64_t was, uint64_t right)
{
    struct keystore_bill_row r = {.id = "sk-a",
                                  .started_ms = NOW_S * 1000ll,
                                  .ended_ms = NOW_S * 1000ll + 5,
                                  .cost_micro = was,
                                  .right_micro = right};
    snprintf(r.place, sizeof r.place, "%s", place);
    return r;
}

static void assert_called(unsigned i, const char *operation)
{
    char want[64];
    snprintf(want, sizeof want, "DynamoDB_20120810.%s\r\n", operation);
    if (i >= stage->next || !strstr(stage->requests[i], want)) {
        fail_msg("request %u of %u is no %s", i, stage->next, operation);
    }
}

static void assert_has(unsigned i, const char *part)
{
    if (!strstr(stage_body(i), part)) {
        fail_msg("no %s in %s", part, stage_body(i));
    }
}

static void test_rows_and_sums_are_one_transaction(void **state)
{
    (void)state;
    struct keystore_bill_row rows[] = {row("1", 500000, 200000), row("2", 100000, 50000)};
    size_t changed = 0;
    stage_reply(NULL, KEY_ITEM "}}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->bill->correct(store, rows, 2, &changed, &err), STATUS_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(stage->next, 2);
    assert_called(0, "GetItem");
    assert_called(1, "TransactWriteItems");
    assert_has(1, "{\"TransactItems\":[{\"Update\":{\"TableName\":\"usage\",\"Key\":{\"api_key\":{"
                  "\"S\":\"sk-a\"},"
                  "\"timestamp\":{\"S\":\"1\"}},\"UpdateExpression\":\"SET cost_micro = :right, "
                  "repriced_at = "
                  ":now\",\"ConditionExpression\":\"cost_micro = :was\"");
    assert_has(1, "\":right\":{\"N\":\"50000\"},\":was\":{\"N\":\"100000\"}");
    assert_has(1, "\":used\":{\"N\":\"2.65\"},\":mtd\":{\"N\":\"0.65\"}");
    assert_has(1, "attribute_exists(api_key) AND #0 = :o0"); /* nobody has written since */
    assert_has(1, "\":flushers\":{\"S\":\"2a:1:2\"}");       /* what is counted stays counted */
}

/* The answer of the first attempt was lost, or another run did it: the rows say so. */
static void test_condition_that_fails_is_looked_into(void **state)
{
    (void)state;
    struct keystore_bill_row rows[] = {row("1", 500000, 200000), row("2", 100000, 50000),
                                       row("3", 7, 9)};
    size_t changed = 0;
    stage_reply(NULL, KEY_ITEM "}}");
    stage_reply("400 E", GONE);
    stage_reply(NULL, ROW_ITEM("200000")); /* done */
    stage_reply(NULL, ROW_ITEM("100000")); /* still to be done */
    stage_reply(NULL, ROW_ITEM("8"));      /* another price meanwhile */
    stage_reply(NULL, KEY_ITEM "}}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->bill->correct(store, rows, 3, &changed, &err), STATUS_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(stage->next, 7);
    assert_null(strstr(stage_body(6), "\"timestamp\":{\"S\":\"1\"}"));
    assert_null(strstr(stage_body(6), "\"timestamp\":{\"S\":\"3\"}"));
    assert_has(6, "\":used\":{\"N\":\"2.95\"}");
}

static void test_row_that_is_not_in_the_sums_yet_waits(void **state)
{
    (void)state;
    struct keystore_bill_row r = row("1", 500000, 200000);
    size_t changed = 0;
    r.started_ms += 30 * 86400000ll; /* February */
    stage_reply(NULL, KEY_ITEM "}}");
    assert_int_equal(store->ops->bill->correct(store, &r, 1, &changed, &err), STATUS_OK);
    assert_int_equal(changed, 0);
    assert_int_equal(stage->next, 1);
}

static void test_row_of_no_key_has_no_sums(void **state)
{
    (void)state;
    struct keystore_bill_row r = row("1", 500000, 200000);
    size_t changed = 0;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->bill->correct(store, &r, 1, &changed, &err), STATUS_OK);
    assert_int_equal(changed, 1);
    assert_null(strstr(stage_body(1), "budget_used"));
}

static void test_reset_and_its_audit_are_one_transaction(void **state)
{
    (void)state;
    int64_t was = 0;
    stage_reply(NULL, KEY_ITEM "}}");
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->bill->reset_spend(store, "sk-a", &was, &err), STATUS_OK);
    assert_int_equal(was, 1000000);
    assert_called(1, "TransactWriteItems");
    assert_has(1, ", #5 = :reset");
    assert_has(1, "\":used\":{\"N\":\"3\"},\":mtd\":{\"N\":\"0\"}");
    assert_has(1, "{\"Put\":{\"TableName\":\"stats\",\"Item\":{\"api_key\":{\"S\":\"__audit__");
    assert_has(1, "\"before_micro\":{\"N\":\"1000000\"},\"after_micro\":{\"N\":\"0\"}");
    assert_called(2, "UpdateItem"); /* the version: servers look at once */
    stage_clear();
    stage_reply(NULL, "{}");
    assert_int_equal(store->ops->bill->reset_spend(store, "gone", &was, &err), STATUS_NOT_FOUND);
}

static bool take_audit(void *ctx, const struct keystore_audit *row)
{
    struct keystore_audit *last = ctx;
    *last = *row;
    return true;
}

static void test_audit_is_read_from_the_statistics(void **state)
{
    (void)state;
    struct keystore_audit got = {.at_ms = 0};
    stage_reply(NULL, "{\"Items\":[{\"api_key\":{\"S\":\"__audit__1\"},\"at\":{\"N\":\"1000\"},"
                      "\"action\":{\"S\":\"reset-spend\"},\"month\":{\"S\":\"2026-01\"},"
                      "\"key_digest\":{\"S\":\"0123456789abcdef\"},"
                      "\"before_micro\":{\"N\":\"5\"},\"after_micro\":{\"N\":\"0\"}},"
                      "{\"api_key\":{\"S\":\"__audit__2\"},\"at\":{\"N\":\"9000\"}}]}");
    assert_int_equal(store->ops->bill->audit(store, 0, 9000, take_audit, &got, &err), STATUS_OK);
    assert_called(0, "Scan");
    assert_has(0, "\"TableName\":\"stats\"");
    assert_has(0, "begins_with(api_key, :audit)");
    assert_int_equal(got.at_ms, 1000);
    assert_string_equal(got.key_id, "01234567");
    assert_string_equal(got.action, "reset-spend");
    assert_string_equal(got.month, "2026-01");
    assert_int_equal(got.before_micro, 5);
}

static void test_refusals_are_told(void **state)
{
    (void)state;
    struct keystore_bill_row r = row("1", 5, 2);
    size_t changed = 0;
    stage_reply(NULL, KEY_ITEM "}}");
    stage_reply("400 E", "{\"__type\":\"x#AccessDeniedException\"}");
    assert_int_equal(store->ops->bill->correct(store, &r, 1, &changed, &err), STATUS_UNAVAILABLE);
    assert_int_equal(changed, 0);
    stage_clear();
    for (int i = 0; i < 10; i++) { /* somebody else writes all the time */
        stage_reply(NULL, KEY_ITEM "}}");
        stage_reply("400 E", GONE);
        stage_reply(NULL, ROW_ITEM("5"));
    }
    assert_int_equal(store->ops->bill->correct(store, &r, 1, &changed, &err), STATUS_UNAVAILABLE);
    assert_int_equal(stage->next, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
        T(test_rows_and_sums_are_one_transaction),
        T(test_condition_that_fails_is_looked_into),
        T(test_row_that_is_not_in_the_sums_yet_waits),
        T(test_row_of_no_key_has_no_sums),
        T(test_reset_and_its_audit_are_one_transaction),
        T(test_audit_is_read_from_the_statistics),
        T(test_refusals_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
