/* Beta rules in the embedded store, as the sqlite3 shell writes them. */
#include "shm/sqlite/keystore_sqlite.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64], file[80];

static void shell(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static bool note(void *ctx, const struct directory_beta *rule, bool whole)
{
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 200 - n, "%s>%s ", rule->name, whole ? rule->to : "?");
    return true;
}

static void test_betas_rows_of_the_shell_are_read(void **state)
{
    (void)state;
    struct keystore *store;
    struct err err;
    char text[200] = "";
    snprintf(directory, sizeof directory, "%s/test_betas.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(directory));
    snprintf(file, sizeof file, "%s/keys.db", directory);
    struct config config = {.database_url = "", .state_dir = directory};
    assert_int_equal(keystore_sqlite_open(&config, &store, &err), STATUS_OK);
    assert_int_equal(store->ops->betas(store, note, text, &err), STATUS_OK);
    assert_string_equal(text, "");
    shell("INSERT INTO beta_headers(header_name, header_type, mapped_to) VALUES"
          "('a', 'mapping', '[\"b\",\"c\"]'), ('d', 'blocklist', NULL), ('e', 'mapping', 'b'),"
          "('f', 'nonsense', '[]'), ('g', 'mapping', NULL)");
    assert_int_equal(store->ops->betas(store, note, text, &err), STATUS_OK);
    assert_string_equal(text, "a>b,c d> e>? f>? g>? ");
    keystore_close(store);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s%s", file, ends[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_betas_rows_of_the_shell_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
