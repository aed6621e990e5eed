/* Other costs for rows of the embedded store, and a month set back. With servers, and killed in the
 * middle: tests/system/63_reprice.sh. */
#include "server/base/sha256.h"
#include "tests/unit/sqlite_stage.h"

#include "server/base/arena.h"
#include "server/base/clock.h"

#define JANUARY  1768478400000 /* 2026-01-15 12:00 */
#define DECEMBER 1765800000000 /* 2025-12-15 12:00 */

static struct err err;
static struct keystore_bill_row seen[600];
static size_t seen_count;

static bool see(void *ctx, const struct keystore_bill_row *row)
{
    (void)ctx;
    seen[seen_count++] = *row;
    return seen_count < COUNT_OF(seen);
}

static void read_all(void)
{
    seen_count = 0;
    assert_int_equal(store->ops->bill->rows(store, 0, INT64_MAX, see, NULL, &err), STATUS_OK);
}

static void put_rows(size_t n, int64_t at_ms, uint64_t cost)
{
    for (size_t i = 0; i < n; i++) {
        struct keystore_usage u = {.id = "sk-a",
                                   .is_key = true,
                                   .started_ms = at_ms + (int64_t)i,
                                   .duration_ms = 500,
                                   .model = "claude",
                                   .bedrock_model = "us.anthropic.claude",
                                   .service_tier = "flex",
                                   .tokens = {1, 2, 3, 4, 5},
                                   .cost_micro = cost};
        snprintf(u.usage_id, sizeof u.usage_id, "%lld", (long long)u.started_ms);
        assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_OK);
    }
}

static void put_key(int64_t budget_micro)
{
    struct keystore_row row = {.id = "sk-a",
                               .user_id = "alice",
                               .name = "n",
                               .active = true,
                               .budget_micro = budget_micro};
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_OK);
}

static void assert_value(const char *sql, const char *want)
{
    char got[256] = "";
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    snprintf(got, sizeof got, "%s", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_string_equal(got, want);
}

static void assert_sums(const char *want) /* used|month's|active|history */
{
    assert_value("SELECT budget_used || '|' || budget_used_mtd || '|' || is_active || '|'"
                 " || ifnull(budget_history, '') FROM api_keys",
                 want);
}

static size_t correct_to(size_t n, uint64_t right)
{
    size_t changed = 0;
    for (size_t i = 0; i < n; i++) {
        seen[i].right_micro = right;
    }
    assert_int_equal(store->ops->bill->correct(store, seen, n, &changed, &err), STATUS_OK);
    return changed;
}

static void test_rows_come_whole_and_page_by_page(void **state)
{
    (void)state;
    put_rows(300, JANUARY, 7);
    read_all();
    assert_int_equal(seen_count, 300);
    const struct keystore_bill_row *r = &seen[299];
    const struct tokens want = {1, 2, 3, 4, 5};
    assert_memory_equal(&r->tokens, &want, sizeof want);
    assert_string_equal(r->id, "sk-a");
    assert_string_equal(r->model, "claude");
    assert_string_equal(r->bedrock_model, "us.anthropic.claude");
    assert_string_equal(r->service_tier, "flex");
    assert_int_equal(r->cost_micro, 7);
    assert_int_equal(r->started_ms, JANUARY + 299);
    assert_int_equal(r->ended_ms, JANUARY + 799);
    seen_count = 0;
    assert_int_equal(store->ops->bill->rows(store, JANUARY + 10, JANUARY + 12, see, NULL, &err),
                     STATUS_OK);
    assert_int_equal(seen_count, 2);
}

static void test_row_and_sums_change_together_and_once(void **state)
{
    (void)state;
    put_key(1000000);
    put_rows(2, DECEMBER, 30000);
    put_rows(2, JANUARY, 600000);
    assert_sums("1.260000|1.200000|0|{\"2025-12\":0.06}");
    read_all();
    assert_int_equal(seen_count, 4);
    assert_int_equal(correct_to(4, 12345), 4);
    assert_sums("0.049380|0.024690|1|{\"2025-12\":0.024690}");
    assert_int_equal(correct_to(4, 12345), 0); /* they have not the cost any more that was read */
    read_all();
    assert_int_equal(seen[0].cost_micro, 12345);
    assert_int_equal(correct_to(2, 20000), 2);
    assert_sums("0.064690|0.024690|1|{\"2025-12\":0.04}");
}

static void test_row_of_no_key_has_no_sums(void **state)
{
    (void)state;
    put_rows(1, JANUARY, 5);
    read_all();
    assert_int_equal(correct_to(1, 6), 1);
    read_all();
    assert_int_equal(seen[0].cost_micro, 6);
}

static bool take_audit(void *ctx, const struct keystore_audit *row)
{
    struct keystore_audit *last = ctx;
    *last = *row;
    return true;
}

static void test_audit_names_the_key_by_its_id(void **state)
{
    (void)state;
    struct keystore_audit got = {.at_ms = 0};
    uint8_t digest[32];
    char id[9] = "";
    sha256("sk-a", 4, digest);
    text_hex(digest, 4, id);
    shell("INSERT INTO audit VALUES(1000, 'reset-spend', 'sk-a', '2026-01', 5, 0),"
          " (2000, 'reset-spend', 'sk-a', NULL, 7, 0)");
    const struct keystore_bill_ops *bill = store->ops->bill;
    assert_int_equal(bill->audit(store, 0, 2000, take_audit, &got, &err), STATUS_OK);
    assert_int_equal(got.at_ms, 1000);
    assert_string_equal(got.key_id, id);
    assert_string_equal(got.action, "reset-spend");
    assert_string_equal(got.month, "2026-01");
    assert_int_equal(got.before_micro, 5);
    assert_int_equal(bill->audit(store, 1001, 9000, take_audit, &got, &err), STATUS_OK);
    assert_int_equal(got.at_ms, 2000);
    assert_string_equal(got.month, "");
}

static void test_month_that_was_set_back_stays_so(void **state)
{
    (void)state;
    int64_t was = 0;
    put_key(1000000);
    put_rows(2, JANUARY, 600000);
    assert_int_equal(store->ops->bill->reset_spend(store, "sk-a", &was, &err), STATUS_OK);
    assert_int_equal(was, 1200000);
    assert_sums("1.200000|0.000000|1|");
    read_all();
    assert_int_equal(correct_to(2, 700000), 2);
    assert_sums("1.400000|0.000000|1|"); /* older than the reset: the total alone */
    assert_value("SELECT action || '|' || api_key || '|' || month || '|' || before_micro || '|' ||"
                 " after_micro || '|' || (at > 1700000000000) FROM audit",
                 "reset-spend|sk-a|2026-01|1200000|0|1");
    assert_int_equal(store->ops->bill->reset_spend(store, "nobody", &was, &err), STATUS_NOT_FOUND);
    assert_value("SELECT count(*) FROM audit", "1");
}

/* Rows are stored a moment after they end: the reset is between. */
static void test_row_that_ended_before_the_reset_is_not_in_the_new_month(void **state)
{
    (void)state;
    int64_t was = 0;
    put_key(1000000);
    put_rows(1, JANUARY, 200000);
    clock_freeze_real_ms(JANUARY + 1500);
    assert_int_equal(store->ops->bill->reset_spend(store, "sk-a", &was, &err), STATUS_OK);
    clock_freeze_real_ms(0);
    put_rows(1, JANUARY + 900, 100000);  /* ended 100 ms before it */
    put_rows(1, JANUARY + 1100, 300000); /* and after it */
    assert_sums("0.600000|0.300000|1|");
    read_all();
    assert_int_equal(correct_to(3, 400000), 3);
    assert_sums("1.200000|0.400000|1|");
}

/* In which no column is of a later layout than 4. */
#define AS_LAYOUT_4                                                             \
    "DROP TRIGGER api_keys_UPDATE; ALTER TABLE api_keys DROP COLUMN guardrail;" \
    "ALTER TABLE api_keys DROP COLUMN project; CREATE TRIGGER api_keys_UPDATE"  \
    " AFTER UPDATE OF name ON api_keys BEGIN SELECT 1; END;"                    \
    "ALTER TABLE api_keys DROP COLUMN budget_reset_at;"

/* An older file's resets hold. */
static void test_resets_of_layout_4_are_known(void **state)
{
    (void)state;
    put_key(1000000);
    put_rows(1, JANUARY, 200000);
    keystore_close(store);
    shell(AS_LAYOUT_4 "INSERT INTO audit VALUES"
                      "(1768478400400, 'reset-spend', 'sk-a', NULL, 0, 0),"
                      "(1768478400501, 'reset-spend', 'sk-a', NULL, 0, 0),"
                      "(1768478400900, 'reset-spend', 'sk-b', NULL, 0, 0);"
                      "UPDATE api_keys SET budget_used_mtd = '0.000000'; PRAGMA user_version = 4");
    assert_int_equal(open_store(&err), STATUS_OK);
    assert_value("SELECT budget_reset_at FROM api_keys", "1768478400501");
    read_all();
    assert_int_equal(correct_to(1, 300000), 1);
    assert_sums("0.300000|0.000000|1|");
    keystore_close(store);
    shell(AS_LAYOUT_4 "DROP TABLE audit; PRAGMA user_version "
                      "= 4"); /* nobody was ever reset */
    assert_int_equal(open_store(&err), STATUS_OK);
    assert_value("SELECT budget_reset_at FROM api_keys", "0");
}

static void test_store_that_cannot_is_told_and_nothing_changes(void **state)
{
    (void)state;
    size_t changed = 0;
    int64_t was;
    put_key(0);
    put_rows(1, JANUARY, 5);
    read_all();
    heap_fail_after(1);
    assert_int_equal(store->ops->bill->rows(store, 0, INT64_MAX, see, NULL, &err),
                     STATUS_UNAVAILABLE);
    heap_fail_after(0);
    shell("CREATE TRIGGER no BEFORE UPDATE OF budget_used ON api_keys BEGIN SELECT RAISE(ABORT, "
          "'no'); END");
    seen[0].right_micro = 9;
    assert_int_not_equal(store->ops->bill->correct(store, seen, 1, &changed, &err), STATUS_OK);
    assert_int_equal(changed, 0);
    assert_int_not_equal(store->ops->bill->reset_spend(store, "sk-a", &was, &err), STATUS_OK);
    shell("DROP TRIGGER no");
    read_all();
    assert_int_equal(seen[0].cost_micro, 5);
    assert_sums("0.000005|0.000005|1|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
        T(test_rows_come_whole_and_page_by_page),
        T(test_row_and_sums_change_together_and_once),
        T(test_row_of_no_key_has_no_sums),
        T(test_audit_names_the_key_by_its_id),
        T(test_month_that_was_set_back_stays_so),
        T(test_row_that_ended_before_the_reset_is_not_in_the_new_month),
        T(test_resets_of_layout_4_are_known),
        T(test_store_that_cannot_is_told_and_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
