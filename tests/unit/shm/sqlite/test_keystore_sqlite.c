#include "shm/sqlite/keystore_sqlite.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/arena.h"

static char directory[64], state_dir[80], file[96];
static struct config config;
static struct keystore *store;

static enum status open_store(struct err *err)
{
    store = NULL;
    return keystore_sqlite_open(&config, &store, err);
}

static int make(void **state)
{
    (void)state;
    /* in memory where there is such a place: SQLite waits for the disk at every write */
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(directory, sizeof directory, "%s/test_sqlite.XXXXXX", where);
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(state_dir, sizeof state_dir, "%s/state", directory);
    snprintf(file, sizeof file, "%s/keys.db", state_dir);
    /* root: what the tests of root make stays theirs */
    config = (struct config){.database_url = "", .state_dir = state_dir, .run_as_user = "root"};
    struct err err;
    return open_store(&err) == STATUS_OK ? 0 : -1;
}

/* One level of files, then one of directories. */
static int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"state/keys.db",
                                        "state/keys.db-wal",
                                        "state/keys.db-shm",
                                        "state/old.db",
                                        "a/b.db",
                                        "a/b.db-wal",
                                        "a/b.db-shm",
                                        "a",
                                        "state",
                                        ""};
    keystore_close(store);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        if (unlink(path) != 0) {
            rmdir(path);
        }
    }
    return access(directory, F_OK) == 0 ? -1 : 0;
}

/* What an operator does with the sqlite3 shell. */
static void shell(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 1000);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static struct keystore_row row_of(const char *id)
{
    struct keystore_row row = {.user_id = "alice",
                               .name = "la\"p'top; DROP TABLE api_keys;--",
                               .prefix = "sk-prod-4f7a",
                               .created_s = 1768478400,
                               .updated_s = 1768478400,
                               .active = true,
                               .rate_limit = 50,
                               .tpm_limit = 70000,
                               .max_concurrency = 3,
                               .budget_micro = 12345678901234,
                               .expires_s = 1800000000,
                               .service_tier = "flex",
                               .cache_ttl = "5m",
                               .models = "claude-*"};
    snprintf(row.id, sizeof row.id, "%s", id);
    return row;
}

static int64_t version(void)
{
    int64_t v;
    struct err err;
    assert_int_equal(store->ops->version(store, &v, &err), STATUS_OK);
    return v;
}

static void put(const char *id)
{
    struct keystore_row row = row_of(id);
    struct err err;
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_OK);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void test_open_makes_directory_0700_and_file_0600(void **state)
{
    (void)state;
    char wal[128];
    put("k");
    snprintf(wal, sizeof wal, "%s-wal", file);
    assert_int_equal(mode_of(state_dir), 0700);
    assert_int_equal(mode_of(file), 0600);
    assert_int_equal(mode_of(wal), 0600);
}

static void test_put_then_get_gives_the_row_back(void **state)
{
    (void)state;
    struct keystore_row in = row_of("sha256:aa"), out;
    struct err err;
    assert_int_equal(store->ops->put(store, &in, &err), STATUS_OK);
    memset(&out, 0xff, sizeof out);
    assert_int_equal(store->ops->get(store, "sha256:aa", &out, &err), STATUS_OK);
    assert_memory_equal(&in, &out, sizeof in);
    assert_int_equal(store->ops->get(store, "sha256:ab", &out, &err), STATUS_NOT_FOUND);
}

static void test_put_existing_id_is_refused_and_unchanged(void **state)
{
    (void)state;
    struct keystore_row row = row_of("k"), out;
    struct err err;
    put("k");
    int64_t before = version();
    row.rate_limit = 99999;
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_INVALID);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
    assert_int_equal(out.rate_limit, 50);
    assert_int_equal(version(), before);
}

static void test_revoke_deactivates_with_reason_and_time(void **state)
{
    (void)state;
    struct keystore_row out;
    struct err err;
    put("k");
    int64_t before = version();
    assert_int_equal(store->ops->revoke(store, "k", "left the company", &err), STATUS_OK);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
    assert_false(out.active);
    assert_string_equal(out.deactivated_reason, "left the company");
    assert_true(out.updated_s > 1768478400);
    assert_true(version() > before);
    before = version();
    assert_int_equal(store->ops->revoke(store, "nobody", "x", &err), STATUS_NOT_FOUND);
    assert_int_equal(version(), before);
}

struct seen {
    uint32_t rows, stop_after;
};

static bool on_row(void *ctx, const struct keystore_row *row)
{
    struct seen *seen = ctx;
    assert_int_equal(row->rate_limit, 50);
    assert_null(row->unreadable);
    return ++seen->rows != seen->stop_after;
}

static void test_scan_gives_all_rows_or_stops(void **state)
{
    (void)state;
    struct err err;
    for (int i = 0; i < 30; i++) {
        char id[24];
        snprintf(id, sizeof id, "key-%d", i);
        put(id);
    }
    static const struct {
        uint32_t stop_after, rows;
    } rows[] = {{0, 30}, {7, 7}, {0, 30}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen seen = {.stop_after = rows[i].stop_after};
        assert_int_equal(store->ops->scan(store, on_row, &seen, &err), STATUS_OK);
        assert_int_equal(seen.rows, rows[i].rows);
    }
}

static bool on_mapping(void *ctx, struct str from, struct str to)
{
    assert_true(text_eq(from, STR("claude-x")));
    assert_true(text_eq(to, STR("us.anthropic.claude-x-v1:0")));
    ++*(int *)ctx;
    return true;
}

static void test_mappings_rows_of_the_shell_are_read(void **state)
{
    (void)state;
    int n = 0;
    struct err err;
    assert_int_equal(store->ops->mappings(store, on_mapping, &n, &err), STATUS_OK);
    assert_int_equal(n, 0);
    shell("INSERT INTO model_mapping VALUES('claude-x', 'us.anthropic.claude-x-v1:0', NULL)");
    assert_int_equal(store->ops->mappings(store, on_mapping, &n, &err), STATUS_OK);
    assert_int_equal(n, 1);
}

static void test_version_rises_with_every_write_of_the_shell(void **state)
{
    (void)state;
    static const char *const writes[] = {
        "INSERT INTO api_keys(api_key, user_id, name, created_at, updated_at) VALUES('a', 'u', "
        "'n', 0, 0)",
        "UPDATE api_keys SET is_active = 0",
        "DELETE FROM api_keys",
        "INSERT INTO model_mapping VALUES('m', 'b', 0)",
        "UPDATE model_mapping SET bedrock_model_id = 'c'",
        "DELETE FROM model_mapping",
        "INSERT INTO beta_headers(header_name, header_type) VALUES('a', 'blocklist')",
        "UPDATE beta_headers SET header_type = 'mapping'",
        "DELETE FROM beta_headers",
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        int64_t before = version();
        shell(writes[i]);
        if (version() <= before) {
            fail_msg("%s", writes[i]);
        }
    }
}

static void test_get_row_of_wrong_types_is_known_but_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *unreadable;
    } rows[] = {
        {"UPDATE api_keys SET rate_limit = 'many'", "rate_limit"},
        {"UPDATE api_keys SET expires_at = 1.5", "expires_at"},
        {"UPDATE api_keys SET monthly_budget = '-3'", "monthly_budget"},
        {"UPDATE api_keys SET monthly_budget = 'lots'", "monthly_budget"},
        {"UPDATE api_keys SET service_tier = 'a tier with a long name'", "service_tier"},
        {"UPDATE api_keys SET allowed_models = printf('%.600c', 'm')", "allowed_models"},
        {"UPDATE api_keys SET cache_ttl = CAST(x'356d0000' AS TEXT)", "cache_ttl"},
        {"UPDATE api_keys SET name = printf('%.600c', 'n')", NULL}, /* a label is only cut */
        {"UPDATE api_keys SET monthly_budget = 12.5, cache_ttl = NULL, deactivated_reason = NULL",
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_row out;
        struct directory_key cell;
        struct err err;
        shell("DELETE FROM api_keys");
        put("k");
        shell(rows[i].sql);
        assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
        const char *u = out.unreadable;
        if ((u == NULL) != (rows[i].unreadable == NULL) ||
            (u && strcmp(u, rows[i].unreadable) != 0)) {
            fail_msg("%s: %s", rows[i].sql, u ? u : "read");
        }
        assert_string_equal(out.id, "k");
        assert_true(out.active);
        assert_int_equal(keystore_cell(&out, true, &cell, &err), u ? STATUS_INVALID : STATUS_OK);
    }
}

static void test_open_newer_layout_is_not_supported(void **state)
{
    (void)state;
    struct err err;
    keystore_close(store);
    shell("PRAGMA user_version = 99");
    assert_int_equal(open_store(&err), STATUS_NOT_SUPPORTED);
}

static void test_open_again_keeps_rows_and_version(void **state)
{
    (void)state;
    struct keystore_row out;
    struct err err;
    put("k");
    int64_t before = version();
    keystore_close(store);
    assert_int_equal(open_store(&err), STATUS_OK);
    assert_int_equal(version(), before);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
}

static void test_write_of_another_process_is_seen_by_version(void **state)
{
    (void)state;
    int64_t before = version();
    pid_t pid = fork();
    if (pid == 0) { /* its own connection: a SQLite handle must not be carried over a fork */
        struct err err;
        _exit(open_store(&err) == STATUS_OK && (put("from-the-child"), 1) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(version() > before);
}

static void test_open_many_processes_at_once_on_a_new_file(void **state)
{
    (void)state;
    keystore_close(store);
    store = NULL;
    drop(NULL);
    assert_int_equal(mkdir(directory, 0700), 0);
    for (int i = 0; i < 6; i++) {
        if (fork() == 0) {
            struct err err;
            char id[24];
            snprintf(id, sizeof id, "child-%d", i);
            if (open_store(&err) != STATUS_OK) {
                _exit(1);
            }
            put(id);
            _exit(0);
        }
    }
    for (int i = 0; i < 6; i++) {
        int status;
        wait(&status);
        assert_int_equal(status, 0);
    }
    struct err err;
    struct seen seen = {0};
    assert_int_equal(open_store(&err), STATUS_OK);
    assert_int_equal(store->ops->scan(store, on_row, &seen, &err), STATUS_OK);
    assert_int_equal(seen.rows, 6);
}

static void test_file_taken_away_is_an_outage_and_heals(void **state)
{
    (void)state;
    struct keystore_row out;
    struct err err;
    int64_t v;
    char old[128];
    put("k");
    snprintf(old, sizeof old, "%s/old.db", state_dir);
    assert_int_equal(rename(file, old), 0);
    assert_int_equal(store->ops->version(store, &v, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_UNAVAILABLE);
    out = row_of("l");
    assert_int_equal(store->ops->put(store, &out, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->revoke(store, "k", "gone", &err), STATUS_UNAVAILABLE);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(rename(old, file), 0);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
}

/* A backup put back while the server runs; what was in the elder file's log goes with it. */
static void test_file_exchanged_is_opened_anew(void **state)
{
    (void)state;
    struct keystore_row out;
    struct err err;
    char copy[128], sql[160], log[144];
    put("early");
    snprintf(copy, sizeof copy, "%s/old.db", state_dir);
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", copy);
    shell(sql);
    put("late");
    assert_int_equal(rename(copy, file), 0);
    snprintf(log, sizeof log, "%s-wal", file);
    assert_int_equal(unlink(log), 0);
    snprintf(log, sizeof log, "%s-shm", file);
    assert_int_equal(unlink(log), 0);
    assert_int_equal(store->ops->get(store, "early", &out, &err), STATUS_OK);
    assert_int_equal(store->ops->get(store, "late", &out, &err), STATUS_NOT_FOUND);
}

static void test_table_dropped_by_hand_is_an_outage_not_a_missing_key(void **state)
{
    (void)state;
    struct keystore_row row = row_of("l");
    struct err err;
    put("k");
    shell("DROP TABLE api_keys");
    assert_int_equal(store->ops->get(store, "k", &row, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->revoke(store, "k", "gone", &err), STATUS_UNAVAILABLE);
    keystore_close(store);
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
}

static void test_open_layout_that_does_not_fit_is_unavailable_and_unchanged(void **state)
{
    (void)state;
    struct err err;
    keystore_close(store);
    shell("PRAGMA user_version = 1"); /* what layout 2 adds is there already */
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
}

/* SQLite takes 512 bytes of path, and counts from the root. */
static void test_open_path_too_long_for_sqlite_is_unavailable(void **state)
{
    (void)state;
    char before[512], name[201];
    struct err err;
    memset(name, 'd', 200);
    name[200] = '\0';
    keystore_close(store);
    config.database_url = "sqlite://b.db";
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mkdir(name, 0700), 0);
        assert_int_equal(chdir(name), 0);
    }
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
    assert_int_equal(unlink("b.db"), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir(name), 0);
    }
    assert_int_equal(chdir(before), 0);
}

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_garbage_file_is_unavailable_until_replaced(void **state)
{
    (void)state;
    struct err err;
    int64_t v;
    char path[128];
    keystore_close(store);
    store = NULL;
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", file, tails[i]);
        unlink(path);
    }
    write_file(
        "<html>this is not a database, and it is longer than the header of one would be</html> "
        "................................................................................");
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
    assert_null(store);
    unlink(file);
    assert_int_equal(open_store(&err), STATUS_OK);
    assert_int_equal(store->ops->version(store, &v, &err), STATUS_OK);
}

static void test_url_forms(void **state)
{
    (void)state;
    char absolute[128], query[140], relative[140], deep[140], folder[140];
    snprintf(absolute, sizeof absolute, "sqlite://%s/a/b.db", directory);
    snprintf(query, sizeof query, "%s?mode=rwc", absolute);
    snprintf(relative, sizeof relative, "sqlite://a/b.db");
    snprintf(deep, sizeof deep, "sqlite://%s/x/y/z.db", directory);
    snprintf(folder, sizeof folder, "sqlite://%s", state_dir);
    const struct {
        const char *url;
        enum status status;
    } rows[] = {{absolute, STATUS_OK},
                {query, STATUS_OK},
                {relative, STATUS_OK},
                {deep, STATUS_UNAVAILABLE}, /* only one directory is made */
                {folder, STATUS_UNAVAILABLE},
                {"sqlite://", STATUS_INVALID},
                {"sqlite:a.db", STATUS_INVALID},
                {"mysql://a/b", STATUS_INVALID},
                {"sqlite://?mode=rwc", STATUS_INVALID}};
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        keystore_close(store);
        config.database_url = rows[i].url;
        if (open_store(&err) != rows[i].status) {
            fail_msg("%s: %s", rows[i].url, err.text);
        }
        if (rows[i].status == STATUS_OK) {
            assert_int_equal(access("a/b.db", F_OK), 0);
        }
    }
    assert_int_equal(chdir(before), 0);
}

static void test_open_without_memory_is_an_error(void **state)
{
    (void)state;
    struct err err;
    keystore_close(store);
    heap_fail_after(1);
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
    heap_fail_after(0);
    assert_null(store);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_open_makes_directory_0700_and_file_0600),
        T(test_put_then_get_gives_the_row_back),
        T(test_put_existing_id_is_refused_and_unchanged),
        T(test_revoke_deactivates_with_reason_and_time),
        T(test_scan_gives_all_rows_or_stops),
        T(test_mappings_rows_of_the_shell_are_read),
        T(test_version_rises_with_every_write_of_the_shell),
        T(test_get_row_of_wrong_types_is_known_but_refused),
        T(test_open_newer_layout_is_not_supported),
        T(test_open_again_keeps_rows_and_version),
        T(test_write_of_another_process_is_seen_by_version),
        T(test_open_many_processes_at_once_on_a_new_file),
        T(test_file_taken_away_is_an_outage_and_heals),
        T(test_file_exchanged_is_opened_anew),
        T(test_table_dropped_by_hand_is_an_outage_not_a_missing_key),
        T(test_open_layout_that_does_not_fit_is_unavailable_and_unchanged),
        T(test_open_path_too_long_for_sqlite_is_unavailable),
        T(test_garbage_file_is_unavailable_until_replaced),
        T(test_url_forms),
        T(test_open_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
