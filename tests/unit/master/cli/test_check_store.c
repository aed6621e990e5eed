/* check-config --store: what is said of a store, and that none is made. */
#include "master/cli/check_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "shm/sqlite/keystore_sqlite.h"
#include "shm/store/keystore.h"

static char folder[64], url[128], said[4096];
static struct config config;

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_check_store_XXXXXX");
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(url, sizeof url, "sqlite:///%s/keys.db", folder + 1);
    config = (struct config){.storage_backend = "auto",
                             .database_url = url,
                             .state_dir = folder,
                             .dynamodb_endpoint_url = "",
                             .allow_clear_keys = true};
    said[0] = '\0';
    return 0;
}

static int end(void **state)
{
    char path[128];
    (void)state;
    for (const char *const *name = (const char *const[]){"", "-wal", "-shm", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/keys.db%s", folder, *name);
        unlink(path);
    }
    return rmdir(folder);
}

static void hear(void *ctx, const char *name, const char *value)
{
    size_t n = strlen(said);
    (void)ctx;
    snprintf(said + n, sizeof said - n, "%s=%s;", name, value);
}

static void has(const char *part)
{
    if (!strstr(said, part)) {
        fail_msg("\"%s\" is not in \"%s\"", part, said);
    }
}

static void test_a_file_that_is_not_there_is_not_made(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/keys.db", folder);
    assert_false(check_store(&config, hear, NULL));
    has("which=sqlite: DATABASE_URL is set;");
    has("keys.db");
    assert_null(strstr(said, "it answers"));
    assert_int_not_equal(access(path, F_OK), 0);
}

static void test_rows_are_counted_and_wrong_ones_told(void **state)
{
    struct keystore *store;
    struct err err;
    (void)state;
    assert_int_equal(keystore_sqlite_open(&config, &store, &err), STATUS_OK);
    struct keystore_row row = {.user_id = "a", .name = "n", .active = true};
    const struct keystore_mapping mapping = {STR("x"), STR("y"), STR("")};
    for (int i = 0; i < 3; i++) {
        char key[16];
        snprintf(key, sizeof key, "sk-%d", i);
        keystore_hash_id(text_from(key), row.id);
        text_copy(i == 2 ? STR("gold") : STR(""), row.service_tier, sizeof row.service_tier);
        assert_int_equal(store->ops->put(store, &row, &err), STATUS_OK);
    }
    assert_int_equal(store->ops->edit->put_mapping(store, &mapping, &err), STATUS_OK);
    keystore_close(store);
    assert_true(check_store(&config, hear, NULL));
    has("keys=2, and 1 that are skipped: a row is wrong;");
    has("model mappings=1;");
    has("prices=0;");
    has("beta headers=0;");
    has("state=it answers;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_there_is_not_made, begin, end),
        cmocka_unit_test_setup_teardown(test_rows_are_counted_and_wrong_ones_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
