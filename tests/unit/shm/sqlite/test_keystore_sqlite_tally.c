#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "shm/sqlite/keystore_sqlite.h"

#define NOVEMBER 1763208000000 /* 2025-11-15 12:00 */
#define MONTH_MS 2592000000    /* 30 days: the 15th, then the 14th */

enum { KEYS = 40 /* more than a tally holds */, ROWS = 256, BATCHES = 6 };

/* Two stores, given the same rows: one in batches, one row by row. */
static struct {
    char directory[64];
    struct keystore *store;
} sides[2];
static struct err err;
static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static int make(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(sides[i].directory, sizeof sides[i].directory, "%s/test_tally.XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(sides[i].directory)) {
            return -1;
        }
        struct config config = {.database_url = "", .state_dir = sides[i].directory};
        if (keystore_sqlite_open(&config, &sides[i].store, &err) != STATUS_OK) {
            return -1;
        }
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 2; i++) {
        keystore_close(sides[i].store);
        for (size_t n = 0; n < 3; n++) {
            char path[128];
            snprintf(path, sizeof path, "%s/keys.db%s", sides[i].directory, names[n]);
            unlink(path);
        }
        rmdir(sides[i].directory);
    }
    return 0;
}

/* All that budgets are made of, a key a line. */
static void tell(int side, char *out, size_t size)
{
    char path[96];
    sqlite3 *db;
    sqlite3_stmt *st;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/keys.db", sides[side].directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT format('%s %s %s %s %d %s %s', api_key, budget_used,"
                           " budget_used_mtd, budget_mtd_month, is_active, deactivated_reason,"
                           " budget_history) FROM api_keys ORDER BY api_key",
                           -1, &st, NULL),
        SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        n += (size_t)snprintf(out + n, size - n, "%s\n", (const char *)sqlite3_column_text(st, 0));
        assert_true(n < size);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void put_keys(void)
{
    for (int i = 0; i < KEYS; i++) {
        struct keystore_row row = {.user_id = "alice", .name = "n", .active = i != 7};
        row.budget_micro = i % 3 ? 20000 * i : 0;
        snprintf(row.id, sizeof row.id, "key %02d", i);
        for (int side = 0; side < 2; side++) {
            assert_int_equal(sides[side].store->ops->put(sides[side].store, &row, &err), STATUS_OK);
        }
    }
}

/* Of a key that is not there, too; mostly of this month, some of the last or the next. */
static struct keystore_usage usage(uint64_t number, int64_t month, uint32_t keys)
{
    struct keystore_usage u = {.is_key = chance(20) > 0,
                               .started_ms = NOVEMBER + (month + chance(8) / 7) * MONTH_MS,
                               .request_id = "req",
                               .model = "claude",
                               .bedrock_model = "us.anthropic.claude",
                               .cost_micro = chance(5) ? chance(30000) : 0,
                               .status = 200,
                               .success = true,
                               .service_tier = "default"};
    u.started_ms -= chance(16) == 0 ? MONTH_MS : 0;
    snprintf(u.id, sizeof u.id, "key %02u", chance(keys));
    snprintf(u.usage_id, sizeof u.usage_id, "%032llx", (unsigned long long)number);
    return u;
}

static void test_batch_leaves_the_budgets_that_single_rows_leave(void **state)
{
    (void)state;
    static struct keystore_usage rows[ROWS];
    static char batched[16384], single[16384];
    uint64_t number = 0;
    put_keys();
    for (int64_t batch = 0; batch < BATCHES; batch++) {
        for (size_t i = 0; i < ROWS; i++) {
            rows[i] = usage(++number, batch / 2, batch % 2 ? 3 : KEYS + 1);
        }
        rows[9] = rows[8]; /* stored already */
        assert_int_equal(keystore_put_usage(sides[0].store, rows, ROWS, &err), STATUS_OK);
        for (size_t i = 0; i < ROWS; i++) {
            assert_int_equal(keystore_put_usage(sides[1].store, &rows[i], 1, &err), STATUS_OK);
        }
        tell(0, batched, sizeof batched);
        tell(1, single, sizeof single);
        assert_string_equal(batched, single);
    }
    assert_non_null(strstr(batched, "budget_exceeded"));
    assert_non_null(strstr(batched, "2025-12"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_leaves_the_budgets_that_single_rows_leave),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
