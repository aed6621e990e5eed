/* What a key has spent, in DynamoDB: each row once, whoever else writes, whatever answer is lost.
 */
#include "shm/dynamo/keystore_dynamo.h"

#include "tests/unit/dynamo_stage.h"

#define GONE  "{\"__type\":\"x#ConditionalCheckFailedException\"}"
#define NOW_S 1768435200 /* 2026-01-15 */

static struct keystore *store;

static int open_store(void **state)
{
    struct err err;
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

/* Of January 2026, by flusher 0x2a. */
static struct keystore_usage row(uint64_t sequence, uint64_t cost_micro)
{
    struct keystore_usage u = {.id = "sk-a",
                               .is_key = true,
                               .flusher = 0x2a,
                               .sequence = sequence,
                               .started_ms = NOW_S * 1000ll + (int64_t)sequence,
                               .cost_micro = cost_micro};
    snprintf(u.usage_id, sizeof u.usage_id, "%llu", (unsigned long long)sequence);
    return u;
}

/* The rows are put; the item is read as this; the update is answered. */
static void stage_item(size_t rows, const char *item, const char *update_status,
                       const char *update_body)
{
    char body[6000];
    for (size_t i = 0; i < rows; i++) {
        stage_reply(NULL, "{}");
    }
    snprintf(body, sizeof body, "{\"Item\":{\"api_key\":{\"S\":\"sk-a\"}%s}}", item);
    stage_reply(NULL, body);
    if (update_body) {
        stage_reply(update_status, update_body);
    }
}

static const char *update_of(unsigned i)
{
    if (i >= stage->next || !strstr(stage->requests[i], "DynamoDB_20120810.UpdateItem\r\n")) {
        fail_msg("request %u of %u is no update", i, stage->next);
    }
    return stage_body(i);
}

static void assert_has(const char *body, const char *piece)
{
    if (!strstr(body, piece)) {
        fail_msg("no %s in\n%s", piece, body);
    }
}

#define MONTH         ",\"budget_mtd_month\":{\"S\":\"2026-01\"}"
#define ACTIVE        ",\"is_active\":{\"BOOL\":true}"
#define LEDGER        "000000000000002a:2:1768435200"
#define FLUSHED(text) ",\"usage_flushers\":{\"S\":\"" text "\"}"

static void test_first_cost_of_a_key_is_written_on_condition(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row(1, 1500000), row(2, 250000)};
    (void)state;
    stage_item(2, ACTIVE, NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 2, &err), STATUS_OK);
    assert_int_equal(stage->next, 4);
    assert_string_equal(
        update_of(3),
        "{\"TableName\":\"keys\",\"Key\":{\"api_key\":{\"S\":\"sk-a\"}},"
        "\"UpdateExpression\":\"SET #0 = :used, #1 = :mtd, #2 = :month, #4 = :flushers\","
        "\"ConditionExpression\":\"attribute_exists(api_key) AND attribute_not_exists(#0) AND"
        " attribute_not_exists(#1) AND attribute_not_exists(#2) AND #3 = :o3 AND"
        " attribute_not_exists(#4) AND attribute_not_exists(#5)\","
        "\"ExpressionAttributeNames\":{\"#0\":\"budget_used\",\"#1\":\"budget_used_mtd\","
        "\"#2\":\"budget_mtd_month\",\"#3\":\"is_active\",\"#4\":\"usage_flushers\",\"#5\":"
        "\"budget_reset_at\"},"
        "\"ExpressionAttributeValues\":{\":used\":{\"N\":\"1.75\"},\":mtd\":{\"N\":\"1.75\"},"
        "\":month\":{\"S\":\"2026-01\"},\":flushers\":{\"S\":\"" LEDGER "\"},"
        "\":o3\":{\"BOOL\":true}}}");
}

/* Rows are stored a moment after they end: the reset was between. */
static void test_row_that_ended_before_a_reset_is_of_the_total_alone(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row(1, 1500000), row(2, 250000)}; /* start at .001 and .002 */
    (void)state;
    rows[0].duration_ms = 100;
    rows[1].duration_ms = 200;
    stage_item(2,
               ACTIVE MONTH ",\"budget_used\":{\"N\":\"20\"},\"budget_used_mtd\":{\"N\":\"0\"},"
                            "\"budget_reset_at\":{\"N\":\"1768435200102\"}",
               NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 2, &err), STATUS_OK);
    assert_has(update_of(3), "\":used\":{\"N\":\"21.75\"},\":mtd\":{\"N\":\"0.25\"}");
    /* a reset while it is written: the month is 0 before and after it */
    assert_has(update_of(3), " AND #5 = :o5");
    assert_has(update_of(3), "\":o5\":{\"N\":\"1768435200102\"}");
}

static void test_rows_that_are_in_the_sums_do_not_count_again(void **state)
{
    static const struct {
        const char *name, *ledger, *mtd; /* NULL: nothing is to be written */
    } cases[] = {
        {"all of them", LEDGER, NULL},
        {"more than these", "000000000000002a:9:5", NULL},
        {"the first", "0000000000000001:7:1768435100 000000000000002a:1:5",
         "\":mtd\":{\"N\":\"10.25\"}"},
        {"another's", "000000000000002b:9:1768435100", "\":mtd\":{\"N\":\"11.75\"}"},
        {"not readable", "nonsense a:b:c", "\":mtd\":{\"N\":\"11.75\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err;
        struct keystore_usage rows[] = {row(1, 1500000), row(2, 250000)};
        char item[400];
        snprintf(item, sizeof item,
                 ACTIVE MONTH ",\"budget_used\":{\"N\":\"20\"},\"budget_used_mtd\":{\"N\":\"10\"}"
                              ",\"usage_flushers\":{\"S\":\"%s\"}",
                 cases[i].ledger);
        stage_clear();
        stage_item(2, item, NULL, cases[i].mtd ? "{}" : NULL);
        if (keystore_put_usage(store, rows, 2, &err) != STATUS_OK) {
            fail_msg("%s: %s", cases[i].name, err.text);
        }
        if (!cases[i].mtd && stage->next != 3) {
            fail_msg("%s: written", cases[i].name);
        } else if (cases[i].mtd) {
            assert_has(update_of(3), cases[i].mtd);
        }
    }
}

static void test_change_by_another_is_read_anew(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1000000);
    (void)state;
    stage_item(1, ACTIVE MONTH ",\"budget_used_mtd\":{\"N\":\"1\"}", "400 E", GONE);
    stage_item(0, ACTIVE MONTH ",\"budget_used_mtd\":{\"N\":\"3\"}", NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_has(update_of(2), "\":mtd\":{\"N\":\"2\"}");
    assert_has(update_of(2), "\":o1\":{\"N\":\"1\"}");
    assert_has(update_of(4), "\":mtd\":{\"N\":\"4\"}");
    assert_has(update_of(4), "\":o1\":{\"N\":\"3\"}");
}

static void test_write_whose_answer_was_lost_is_found(void **state)
{
    struct err err;
    struct keystore_usage u = row(2, 1000000);
    (void)state;
    stage_item(1, ACTIVE MONTH, "400 E", GONE); /* its own first attempt had been carried out */
    stage_item(0, ACTIVE MONTH FLUSHED(LEDGER), NULL, NULL);
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_int_equal(stage->next, 4);
}

static void test_reached_budget_switches_off_and_says_so(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1000000);
    (void)state;
    stage_item(1, ACTIVE ",\"monthly_budget\":{\"N\":\"1\"},\"budget_mtd_month\":{\"NULL\":true}",
               NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_has(update_of(2), "#3 = :active, deactivated_reason = :reason\"");
    assert_has(update_of(2), "\":active\":{\"BOOL\":false}");
    assert_has(update_of(2), "\":reason\":{\"S\":\"budget_exceeded\"}");
    assert_has(update_of(2), " AND #2 = :o2"); /* what the older tools leave behind compares */
    assert_has(update_of(2), "\":o2\":{\"NULL\":true}");
    assert_has(update_of(3), "ADD #v :one"); /* the other servers look at once */
}

static void test_new_month_archives_the_old_one(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 500000);
    (void)state;
    stage_item(1,
               ",\"is_active\":{\"BOOL\":false},\"deactivated_reason\":{\"S\":\"budget_exceeded\"},"
               "\"monthly_budget\":{\"N\":\"20\"},\"budget_used\":{\"N\":\"100\"},"
               "\"budget_used_mtd\":{\"N\":\"32.114\"},\"budget_mtd_month\":{\"S\":\"2025-12\"},"
               "\"budget_history\":{\"S\":\"{\\\"2025-11\\\": 1.5, \\\"2025-12\\\": 0.01}\"}",
               NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    const char *body = update_of(2);
    assert_has(body, "\":history\":{\"S\":\"{\\\"2025-11\\\":1.50,\\\"2025-12\\\":32.12}\"}");
    assert_has(body, "\":mtd\":{\"N\":\"0.5\"}");
    assert_has(body, "\":used\":{\"N\":\"100.5\"}");
    assert_has(body, "#3 = :active REMOVE deactivated_reason\"");
}

static void test_late_rows_of_an_old_month_go_to_its_history(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 70000);
    (void)state;
    u.started_ms -= 30 * 86400000ll; /* December */
    stage_item(1, ACTIVE MONTH ",\"budget_used_mtd\":{\"N\":\"3\"}", NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_has(update_of(2), "\":history\":{\"S\":\"{\\\"2025-12\\\":0.07}\"}");
    assert_has(update_of(2), "\":mtd\":{\"N\":\"3\"}");
}

static void test_ledger_forgets_the_old_and_the_many(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1);
    char ledger[4000] = "", item[4200];
    size_t n = 0;
    (void)state;
    n += (size_t)snprintf(ledger, sizeof ledger, "00000000000000aa:1:%d ", NOW_S - 8 * 86400);
    for (int i = 0; i < 70; i++) { /* of yesterday, 0xb00 the oldest */
        n += (size_t)snprintf(ledger + n, sizeof ledger - n, "%016x:1:%d ", 0xb00 + i,
                              NOW_S - 86400 + i);
    }
    snprintf(item, sizeof item, ACTIVE FLUSHED("%s"), ledger);
    stage_item(1, item, NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    const char *body = strstr(update_of(2), "\":flushers\":{");
    const char *end = strstr(body, "}");
    size_t entries = 0;
    for (const char *p = body + 20; p < end; p++) {
        entries += *p == ' ';
    }
    assert_int_equal(entries + 1, 64);
    assert_true(text_starts(text_from(body), STR("\":flushers\":{\"S\":\"0000000000000b07:1:")));
    assert_true(text_ends((struct str){body, (size_t)(end - body)},
                          STR(" 000000000000002a:1:1768435200\"")));
}

static void test_key_that_is_gone_has_no_budget(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1);
    (void)state;
    stage_reply(NULL, "{}");
    stage_reply(NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    assert_int_equal(stage->next, 2);
}

static void test_each_key_of_a_call_has_one_update(void **state)
{
    struct err err;
    struct keystore_usage rows[] = {row(1, 1000000), row(2, 1000000), row(3, 1000000), row(4, 0)};
    (void)state;
    snprintf(rows[1].id, sizeof rows[1].id, "sk-b");
    for (unsigned i = 0; i < 4; i++) {
        stage_reply(NULL, "{}");
    }
    stage_item(0, ACTIVE, NULL, "{}");
    stage_item(0, ACTIVE, NULL, "{}");
    assert_int_equal(keystore_put_usage(store, rows, 4, &err), STATUS_OK);
    assert_int_equal(stage->next, 8);
    assert_has(update_of(5), "\"Key\":{\"api_key\":{\"S\":\"sk-a\"}}");
    assert_has(update_of(5), "\":mtd\":{\"N\":\"2\"}");
    assert_has(update_of(7), "\"Key\":{\"api_key\":{\"S\":\"sk-b\"}}");
    assert_has(update_of(7), "\":mtd\":{\"N\":\"1\"}");
}

static void test_budget_that_others_write_all_the_time_waits(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1);
    (void)state;
    stage_reply(NULL, "{}");
    for (int i = 0; i < 10; i++) {
        stage_item(0, ACTIVE, "400 E", GONE);
    }
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "a key's budget is being written by others all the time");
}

static bool until_the_update(void *ctx)
{
    (void)ctx;
    return stage->next < 3;
}

static void test_leaving_ends_the_pause_between_two_tries(void **state)
{
    struct err err;
    struct keystore_usage u = row(1, 1);
    (void)state;
    store->on_wait = until_the_update;
    stage_item(1, ACTIVE, "400 E", GONE);
    stage_item(0, ACTIVE, NULL, "{}");
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
    assert_int_equal(stage->next, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_cost_of_a_key_is_written_on_condition),
        TEST(test_row_that_ended_before_a_reset_is_of_the_total_alone),
        TEST(test_rows_that_are_in_the_sums_do_not_count_again),
        TEST(test_change_by_another_is_read_anew),
        TEST(test_write_whose_answer_was_lost_is_found),
        TEST(test_reached_budget_switches_off_and_says_so),
        TEST(test_new_month_archives_the_old_one),
        TEST(test_late_rows_of_an_old_month_go_to_its_history),
        TEST(test_ledger_forgets_the_old_and_the_many),
        TEST(test_key_that_is_gone_has_no_budget),
        TEST(test_each_key_of_a_call_has_one_update),
        TEST(test_budget_that_others_write_all_the_time_waits),
        TEST(test_leaving_ends_the_pause_between_two_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
