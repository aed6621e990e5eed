#include "shm/sqlite/keystore_sqlite_db.h"

#include <fcntl.h>
#include "server/base/arena.h"
#include "tests/unit/sqlite_stage.h"

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
    char absolute[128], query[140], relative[140], deep[140], folder[140], capitals[140];
    snprintf(absolute, sizeof absolute, "sqlite://%s/a/b.db", directory);
    snprintf(query, sizeof query, "%s?mode=rwc", absolute);
    snprintf(relative, sizeof relative, "sqlite://a/b.db");
    snprintf(capitals, sizeof capitals, "SQLite://a/b.db");
    snprintf(deep, sizeof deep, "sqlite://%s/x/y/z.db", directory);
    snprintf(folder, sizeof folder, "sqlite://%s", state_dir);
    const struct {
        const char *url;
        enum status status;
    } rows[] = {{absolute, STATUS_OK},
                {query, STATUS_OK},
                {relative, STATUS_OK},
                {capitals, STATUS_OK},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_open_makes_directory_0700_and_file_0600),
        T(test_open_newer_layout_is_not_supported),
        T(test_open_again_keeps_rows_and_version),
        T(test_open_many_processes_at_once_on_a_new_file),
        T(test_file_taken_away_is_an_outage_and_heals),
        T(test_file_exchanged_is_opened_anew),
        T(test_open_layout_that_does_not_fit_is_unavailable_and_unchanged),
        T(test_open_path_too_long_for_sqlite_is_unavailable),
        T(test_garbage_file_is_unavailable_until_replaced),
        T(test_url_forms),
        T(test_open_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
