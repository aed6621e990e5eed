#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "shm/sqlite/keystore_sqlite.h"

#define JANUARY  1768478400000 /* 2026-01-15 12:00 */
#define DECEMBER 1765800000000 /* 2025-12-15 12:00 */

static char directory[64], file[96];
static struct config config;
static struct keystore *store;
static struct err err;

static int make(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "%s/test_usage.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(file, sizeof file, "%s/keys.db", directory);
    config = (struct config){.database_url = "", .state_dir = directory};
    return keystore_sqlite_open(&config, &store, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"", "-wal", "-shm"};
    keystore_close(store);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", file, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

/* One value of one row, as text; as an operator's sqlite3 shell would show it. */
static const char *value(const char *sql)
{
    static char out[256];
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    int rc = sqlite3_step(st);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : "(no row)";
    snprintf(out, sizeof out, "%s", text ? text : "NULL");
    sqlite3_finalize(st);
    sqlite3_close(db);
    return out;
}

static void put_key(const char *id, int64_t budget_micro)
{
    struct keystore_row row = {
        .user_id = "alice", .name = "n", .active = true, .budget_micro = budget_micro};
    snprintf(row.id, sizeof row.id, "%s", id);
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_OK);
}

static struct keystore_usage usage(uint64_t number, int64_t at_ms, uint64_t cost)
{
    struct keystore_usage u = {.id = "k",
                               .is_key = true,
                               .flusher = 7,
                               .sequence = number,
                               .started_ms = at_ms,
                               .request_id = "req",
                               .model = "claude",
                               .bedrock_model = "us.anthropic.claude",
                               .tokens.input = 10,
                               .tokens.output = 20,
                               .cost_micro = cost,
                               .status = 200,
                               .success = true,
                               .service_tier = "default"};
    snprintf(u.usage_id, sizeof u.usage_id, "%032llx", (unsigned long long)number);
    return u;
}

static void put(const struct keystore_usage *u, size_t n)
{
    assert_int_equal(keystore_put_usage(store, u, n, &err), STATUS_OK);
}

static void test_put_again_changes_nothing(void **state)
{
    (void)state;
    put_key("k", 0);
    struct keystore_usage u[] = {usage(1, JANUARY, 5), usage(2, JANUARY, 6)};
    for (int i = 0; i < 3; i++) {
        put(u, 2);
    }
    assert_string_equal(value("SELECT count(*) FROM usage"), "2");
    assert_string_equal(value("SELECT budget_used FROM api_keys"), "0.000011");
    assert_string_equal(value("SELECT budget_used_mtd || budget_mtd_month FROM api_keys"),
                        "0.0000112026-01");
}

static void test_put_same_millisecond_keeps_all(void **state)
{
    (void)state;
    put_key("k", 0);
    for (uint64_t i = 1; i <= 5; i++) {
        struct keystore_usage u = usage(i, JANUARY, 0);
        put(&u, 1);
    }
    char want[16];
    snprintf(want, sizeof want, "%lld", (long long)JANUARY);
    assert_string_equal(value("SELECT count(*) FROM usage"), "5");
    assert_string_equal(value("SELECT min(timestamp) FROM usage"), want);
    assert_string_equal(value("SELECT max(timestamp) FROM usage"), want);
}

static void test_put_reached_budget_switches_off_and_bumps_once(void **state)
{
    (void)state;
    int64_t before, after;
    put_key("k", 100);
    assert_int_equal(store->ops->version(store, &before, &err), STATUS_OK);
    struct keystore_usage a = usage(1, JANUARY, 99), b = usage(2, JANUARY, 1);
    put(&a, 1);
    assert_int_equal(store->ops->version(store, &after, &err), STATUS_OK);
    assert_int_equal(after, before); /* usage alone makes nobody load all keys */
    put(&b, 1);
    assert_int_equal(store->ops->version(store, &after, &err), STATUS_OK);
    assert_int_equal(after, before + 1);
    assert_string_equal(value("SELECT is_active || deactivated_reason FROM api_keys"),
                        "0budget_exceeded");
    struct keystore_row row;
    assert_int_equal(store->ops->get(store, "k", &row, &err), STATUS_OK);
    assert_int_equal(row.budget_used_micro, 100);
    assert_string_equal(row.budget_month, "2026-01");
}

static void test_put_month_roll_over_archives_in_cents(void **state)
{
    (void)state;
    put_key("k", 0);
    struct keystore_usage u[] = {usage(1, DECEMBER, 32114999), usage(2, JANUARY, 50),
                                 usage(3, DECEMBER + 1, 10000)};
    put(u, 3);
    assert_string_equal(value("SELECT budget_history FROM api_keys"), "{\"2025-12\":32.12}");
    assert_string_equal(value("SELECT budget_used_mtd FROM api_keys"), "0.000050");
    assert_string_equal(value("SELECT budget_used FROM api_keys"), "32.125049");
}

static void test_put_of_a_key_that_is_gone_and_of_nobody(void **state)
{
    (void)state;
    struct keystore_usage gone = usage(1, JANUARY, 5), master = usage(2, JANUARY, 5);
    snprintf(master.id, sizeof master.id, "master");
    master.is_key = false;
    put(&gone, 1);
    put(&master, 1);
    assert_string_equal(value("SELECT count(*) FROM usage"), "2");
}

static void test_put_expired_rows_go(void **state)
{
    (void)state;
    struct keystore_usage u[] = {usage(1, JANUARY, 5), usage(2, JANUARY, 5), usage(3, JANUARY, 5)};
    u[0].expires_s = 1;
    u[1].expires_s = clock_real_now_ms() / 1000 + 100;
    put(u, 3);
    assert_string_equal(value("SELECT count(*) FROM usage"), "2");
}

static void test_put_huge_figures_fit(void **state)
{
    (void)state;
    put_key("k", 100);
    struct keystore_usage u = usage(1, JANUARY, UINT64_MAX);
    u.tokens.input = u.tokens.cache_read = UINT64_MAX;
    put(&u, 1);
    assert_string_equal(value("SELECT cost_micro > 0 AND cached_tokens > 0 FROM usage"), "1");
    assert_string_equal(value("SELECT is_active FROM api_keys"), "0");
}

struct seen {
    struct keystore_usage_sum sums[8];
    size_t count;
};

static bool see(void *ctx, const struct keystore_usage_sum *sum)
{
    struct seen *s = ctx;
    s->sums[s->count++] = *sum;
    return s->count < 8;
}

static void test_usage_groups_and_bounds(void **state)
{
    (void)state;
    struct keystore_usage u[] = {usage(1, DECEMBER, 5), usage(2, JANUARY, 6), usage(3, JANUARY, 7)};
    struct seen day = {0}, key = {0}, model = {0};
    u[2].success = false;
    snprintf(u[2].id, sizeof u[2].id, "z");
    snprintf(u[1].model, sizeof u[1].model, "a");
    put(u, 3);
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_DAY, 0, INT64_MAX, see, &day, &err),
                     STATUS_OK);
    assert_int_equal(day.count, 2);
    assert_string_equal(day.sums[0].group, "2025-12-15");
    assert_int_equal(day.sums[1].cost_micro, 13);
    assert_int_equal(day.sums[1].failed, 1);
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_KEY, JANUARY, INT64_MAX, see, &key, &err),
                     STATUS_OK);
    assert_int_equal(key.count, 2);
    assert_string_equal(key.sums[1].group, "z");
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_MODEL, 0, JANUARY, see, &model, &err),
                     STATUS_OK);
    assert_int_equal(model.count, 1);
    assert_int_equal(model.sums[0].tokens.output, 20);
}

static bool take_price(void *ctx, const struct keystore_price *p)
{
    struct keystore_price *prices = ctx;
    for (int i = 0; i < 4; i++) {
        if (!prices[i].model[0]) {
            prices[i] = *p;
            return true;
        }
    }
    return false;
}

static void test_prices_are_read_as_whole_numbers(void **state)
{
    (void)state;
    struct keystore_price p[5] = {0};
    sqlite3 *db;
    sqlite3_open(file, &db);
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT INTO model_pricing(model_id, input_price, output_price,"
                                  " cache_read_price, cache_write_price, status) VALUES"
                                  "('a', '0.075', '0.6', '0.1', '0.2', 'active'),"
                                  "('b', 3, 15.5, NULL, NULL, 'deprecated'),"
                                  "('c', 'x', '1', NULL, NULL, 'active'),"
                                  "('d', '1', '1', NULL, NULL, 'disabled')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(keystore_prices(store, take_price, p, &err), STATUS_OK);
    assert_int_equal(p[0].price.input, 75000);
    assert_int_equal(p[0].price.cache_write, 200000);
    assert_true(p[0].active && p[0].readable && p[1].active && p[1].readable);
    assert_int_equal(p[1].price.output, 15500000);
    assert_int_equal(p[1].price.cache_read, 3000000); /* not given: rather too much */
    assert_false(p[2].readable);
    assert_false(p[3].active);
}

/* A file of the version before: its keys stay, and usage works. */
static void test_open_migrates_layout_1(void **state)
{
    (void)state;
    sqlite3 *db;
    put_key("k", 100);
    keystore_close(store);
    store = NULL;
    sqlite3_open(file, &db);
    assert_int_equal(
        sqlite3_exec(db,
                     "DROP TABLE usage; DROP TABLE model_pricing; DROP TABLE beta_headers;"
                     "DROP TRIGGER api_keys_UPDATE;"
                     "ALTER TABLE api_keys DROP COLUMN budget_mode;"
                     "ALTER TABLE api_keys DROP COLUMN guardrail;"
                     "ALTER TABLE api_keys DROP COLUMN project;"
                     "ALTER TABLE api_keys DROP COLUMN budget_reset_at; DROP TABLE audit;"
                     "ALTER TABLE model_mapping DROP COLUMN as_model_id;"
                     "CREATE TRIGGER api_keys_UPDATE AFTER UPDATE ON api_keys BEGIN"
                     " UPDATE meta SET value = value + 1 WHERE name = 'version'; END;"
                     "PRAGMA user_version = 1",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(keystore_sqlite_open(&config, &store, &err), STATUS_OK);
    struct keystore_usage u = usage(1, JANUARY, 7);
    put(&u, 1);
    assert_string_equal(value("PRAGMA user_version"), "6");
    assert_string_equal(value("SELECT budget_used_mtd || budget_mode FROM api_keys"),
                        "0.000007soft");
    char before[32]; /* what an operator's own UPDATE of the newest column does */
    text_copy(text_from(value("SELECT value FROM meta WHERE name = 'version'")), before,
              sizeof before);
    value("UPDATE api_keys SET guardrail = 'gr:1'");
    assert_string_not_equal(value("SELECT value FROM meta WHERE name = 'version'"), before);
}

/* What an operator's hand can do to the file: each is an outage, and nothing is half written. */
static void test_put_to_a_file_that_does_not_fit_writes_nothing(void **state)
{
    static const struct {
        const char *name, *harm, *mend;
    } rows[] = {
        {"insert refused",
         "CREATE TRIGGER shut BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'no'); END",
         "DROP TRIGGER shut"},
        {"no budget column", "ALTER TABLE api_keys RENAME COLUMN budget_used_mtd TO other",
         "ALTER TABLE api_keys RENAME COLUMN other TO budget_used_mtd"},
        {"no history column", "ALTER TABLE api_keys RENAME COLUMN budget_history TO other",
         "ALTER TABLE api_keys RENAME COLUMN other TO budget_history"},
    };
    (void)state;
    put_key("k", 0);
    struct keystore_usage first = usage(1, DECEMBER, 5), u = usage(2, JANUARY, 6);
    put(&first, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        value(rows[i].harm);
        if (keystore_put_usage(store, &u, 1, &err) != STATUS_UNAVAILABLE) {
            fail_msg("%s", rows[i].name);
        }
        value(rows[i].mend);
        assert_string_equal(value("SELECT count(*) FROM usage"), "1");
        assert_string_equal(value("SELECT budget_used FROM api_keys"), "0.000005");
    }
    put(&u, 1);
    assert_string_equal(value("SELECT budget_used FROM api_keys"), "0.000011");
}

static bool no_sum(void *ctx, const struct keystore_usage_sum *sum)
{
    (void)ctx;
    (void)sum;
    fail();
    return false;
}

static void test_without_the_table_or_the_file_is_an_outage(void **state)
{
    (void)state;
    struct keystore_usage u = usage(1, JANUARY, 7);
    value("DROP TABLE usage");
    for (int i = 0; i < 2; i++) { /* the first time it learns of it */
        assert_int_equal(keystore_usage(store, KEYSTORE_BY_KEY, 0, 9, no_sum, NULL, &err),
                         STATUS_UNAVAILABLE);
    }
    assert_int_equal(unlink(file), 0);
    assert_int_equal(keystore_usage(store, KEYSTORE_BY_KEY, 0, 9, no_sum, NULL, &err),
                     STATUS_UNAVAILABLE);
    assert_int_equal(keystore_put_usage(store, &u, 1, &err), STATUS_UNAVAILABLE);
    assert_int_equal(access(file, F_OK), -1);
}

/* The refresher is killed at random instants of its transaction and tries again with the same rows.
 */
static void test_put_killed_at_random_is_exact(void **state)
{
    (void)state;
    put_key("k", 0);
    keystore_close(store);
    store = NULL;
    for (uint64_t batch = 0; batch < 15; batch++) {
        for (bool done = false; !done;) {
            pid_t pid = fork();
            if (pid == 0) {
                struct keystore *own;
                struct keystore_usage u[8];
                for (uint64_t i = 0; i < 8; i++) {
                    u[i] = usage(batch * 8 + i + 1, JANUARY, 3);
                }
                bool ok = keystore_sqlite_open(&config, &own, &err) == STATUS_OK &&
                          keystore_put_usage(own, u, 8, &err) == STATUS_OK;
                _exit(!ok);
            }
            uint32_t dice;
            int status;
            text_random(&dice, sizeof dice);
            usleep(dice % 8000);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
    }
    assert_string_equal(value("SELECT count(*) FROM usage"), "120");
    assert_string_equal(value("SELECT budget_used FROM api_keys"), "0.000360");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_put_again_changes_nothing),
        T(test_put_same_millisecond_keeps_all),
        T(test_put_reached_budget_switches_off_and_bumps_once),
        T(test_put_month_roll_over_archives_in_cents),
        T(test_put_of_a_key_that_is_gone_and_of_nobody),
        T(test_put_expired_rows_go),
        T(test_put_huge_figures_fit),
        T(test_usage_groups_and_bounds),
        T(test_prices_are_read_as_whole_numbers),
        T(test_open_migrates_layout_1),
        T(test_put_to_a_file_that_does_not_fit_writes_nothing),
        T(test_without_the_table_or_the_file_is_an_outage),
        T(test_put_killed_at_random_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
